"""Queries, taken apart."""

from __future__ import annotations

import sqlglot
from sqlglot import exp


def parsed(sql: str) -> exp.Expression:
    return sqlglot.parse_one(sql, dialect="duckdb")


def read_by(sql: str) -> set[str]:
    """The relations that a query reads, its own common table expressions left out."""
    tree = parsed(sql)
    own = {each.alias for each in tree.find_all(exp.CTE)}
    return {table.name for table in tree.find_all(exp.Table) if table.name} - own
