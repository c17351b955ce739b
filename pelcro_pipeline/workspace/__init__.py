"""A workspace on disk: its places, files that are whole or not at all, the lock of an extract, Dagster's instance."""
