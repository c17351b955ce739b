"""The rows that pandera judges on every run: all of a small table, the telling ones of a large one.

pandera on the whole frames of a million records took 34 s and 5.5 GB, beside 47 s for all the rest of a
dry run, so above 10,000 rows it sees the first rows, the extremes and repaired rows of each rule.
"""

from __future__ import annotations

import duckdb
import pandas as pd

from pelcro_pipeline.spec import sql
from pelcro_pipeline.spec.model import Severity, Table
from pelcro_pipeline.spec.sql import quoted

WHOLE = 10_000
_FIRST = 2_000
_REPAIRED = 50


def effective_rows(
    connection: duckdb.DuckDBPyConnection, table: Table, constants: dict[str, str]
) -> tuple[pd.DataFrame, int]:
    """Rows that leave a conversion standing, cleared values empty, and how many there are in all.

    Needs the views of ``conversion.tables``.
    """
    fallen = sql.mask(table, Severity.REJECT, Severity.EXCLUDED)
    spec_bits = (1 << len(table.violations)) - 1
    values = ", ".join(
        f"{sql.effective_value(table, attribute, constants)} AS {quoted(attribute.name)}"
        for attribute in table.attributes
    )
    rows = f"(SELECT record, violations, {values} FROM converted_{table.object} WHERE violations & {fallen} = 0 AND violations <= {spec_bits})"
    ((count,),) = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()
    return _sample(connection, rows, [a.name for a in table.attributes], count, _repairs(table)), count


def prepared_rows(connection: duckdb.DuckDBPyConnection, table: Table, view: str) -> tuple[pd.DataFrame, int]:
    """The same for a prepared view, which has no violations to pick from."""
    ((count,),) = connection.execute(f"SELECT count(*) FROM {view}").fetchall()
    return _sample(connection, f"(FROM {view})", [a.name for a in table.attributes], count, []), count


def _repairs(table: Table) -> list[int]:
    return [
        1 << bit
        for bit, (_, violation) in enumerate(table.violations)
        if violation.severity is Severity.REPAIR and not violation.cross_record
    ]


def _sample(
    connection: duckdb.DuckDBPyConnection, rows: str, names: list[str], count: int, repairs: list[int]
) -> pd.DataFrame:
    columns = ", ".join(map(quoted, names))
    if count <= WHOLE:
        return connection.execute(f"SELECT {columns} FROM {rows}").df()
    picks = [f"(SELECT record FROM {rows} LIMIT {_FIRST})"]
    picks += [f"(SELECT record FROM {rows} WHERE violations & {bit} <> 0 LIMIT {_REPAIRED})" for bit in repairs]
    extremes = ", ".join(
        f"arg_min(record, {quoted(name)}), arg_max(record, {quoted(name)}), arg_max(record, strlen({quoted(name)}))"
        for name in names
    )
    picks.append(f"(SELECT unnest([{extremes}]) FROM {rows})")
    return connection.execute(
        f"SELECT {columns} FROM {rows} SEMI JOIN ({' UNION '.join(picks)}) picked(record) USING (record)"
    ).df()
