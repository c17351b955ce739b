"""What migration day makes of the loaded subscriptions, as tables of a target: states, invoices, and by what customers pay."""

from __future__ import annotations

import datetime
from pathlib import Path

import duckdb

from pelcro_pipeline.engine.relations import from_folder
from pelcro_pipeline.migration_day.relations import STATES, Terms, create, define

#: The rows of each table, in the columns that it has.
ROWS = from_folder(Path(__file__).parent / "sql" / "target")


def insert(connection: duckdb.DuckDBPyConnection, terms: Terms) -> None:
    """Fill the tables of migration day of the target in use, whose other tables are filled."""
    define(connection, terms)
    create(connection, STATES)
    for table, rows in ROWS.items():
        connection.execute(f"INSERT INTO {table} BY NAME {rows.sql}")
    connection.execute(
        "INSERT INTO migration_day VALUES (?, ?, ?, ?, ?)",
        [terms.day, terms.reading.value, terms.write_off_days, terms.card_map, _contents(connection, "")],
    )


def loaded_with(connection: duckdb.DuckDBPyConnection) -> tuple[datetime.date, str | None]:
    """The migration day of a target, and the SHA-256 of the card map that it was loaded with."""
    return connection.execute("SELECT day, card_map FROM migration_day").fetchall()[0]


def altered(connection: duckdb.DuckDBPyConnection, prefix: str = "") -> list[str]:
    """The tables of migration day that do not hold what they were filled with."""
    ((recorded,),) = connection.execute(f"SELECT contents FROM {prefix}migration_day").fetchall()
    stands = _contents(connection, prefix)
    return [table for table in ROWS if recorded.get(table) != stands[table]]


def _contents(connection: duckdb.DuckDBPyConnection, prefix: str) -> dict[str, str]:
    """A digest of each table's rows, in whatever order."""
    return {
        table: connection.execute(
            f"SELECT concat_ws(' ', count(*), sum(hash(row)::HUGEINT), bit_xor(hash(row))) FROM {prefix}{table} AS row"
        ).fetchall()[0][0]
        for table in ROWS
    }
