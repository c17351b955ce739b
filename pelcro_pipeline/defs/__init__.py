"""Dagster and nothing else: one file for each asset group, partitions, checks, resources and jobs.

Assets name each other as dependencies and hand each other Parquet and CSV at the places of
``places.ExtractPaths``: most of them make several files, which the fixed interface names, so no
IO manager stands between. The statistics alone are a value, whose IO manager keeps them in their report.
"""
