"""DuckDB as the steps use it."""
