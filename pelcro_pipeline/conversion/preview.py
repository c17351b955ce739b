"""A look at converted tables that shows no personal data: the form of values, not the values."""

from __future__ import annotations

import duckdb
import pandas as pd

from pelcro_pipeline.spec import HIDDEN, PLANS, PRODUCTS
from pelcro_pipeline.spec.model import Attribute, OneOf, Table
from pelcro_pipeline.spec.sql import literal, quoted

_SHOWN = 2
#: A set of choices this short tells nothing of a person.
_MAX_PUBLIC_CHOICES = 8


def masked_preview(connection: duckdb.DuckDBPyConnection, table: Table) -> pd.DataFrame:
    """For each attribute: how many records fill it, and its first few values, letters as x and digits as 9.

    Products and plans, which belong to the publisher, are shown as they are. Needs the views of
    ``conversion.tables``.
    """
    names = [attribute.name for attribute in table.attributes]
    filled = ", ".join(f"count({quoted(name)})" for name in names)
    (counts,) = connection.execute(f"SELECT {filled} FROM converted_{table.object}").fetchall()
    shown = ", ".join(_shown(table, attribute) for attribute in table.attributes)
    rows = connection.execute(f"SELECT {shown} FROM converted_{table.object} LIMIT {_SHOWN}").fetchall()
    return pd.DataFrame(
        {"attribute": names, "filled": counts} | {f"record {number}": row for number, row in enumerate(rows, start=1)}
    )


def _shown(table: Table, attribute: Attribute) -> str:
    column, domain = quoted(attribute.name), attribute.kind.domain
    if table in (PRODUCTS, PLANS):
        return column
    if attribute.secret:
        return f"CASE WHEN {column} IS NOT NULL THEN {literal(HIDDEN)} END"
    masked = rf"regexp_replace(regexp_replace({column}, '\pL', 'x', 'g'), '\pN', '9', 'g')"
    if isinstance(domain, OneOf) and len(domain.choices) <= _MAX_PUBLIC_CHOICES:
        return f"CASE WHEN {column} IN ({', '.join(map(literal, domain.choices))}) THEN {column} ELSE {masked} END"
    return masked
