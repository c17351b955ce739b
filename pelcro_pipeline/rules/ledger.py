"""The ledger: every object of every record of every file, with its one disposition."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pelcro_pipeline.engine.relations import Relation, make
from pelcro_pipeline.rules.files import FILES
from pelcro_pipeline.rules.keys import key
from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.spec.sql import escaped, literal

COLUMNS = ("file", "line", "object", "key", "disposition", "rule", "detail")
#: What becomes of an object.
DISPOSITIONS = ("prepared", "merged", "rejected", "excluded")
#: The columns that hold delivered text.
DELIVERED = ("file", "key")


#: What becomes of an object that is not prepared, in the order in which it is made.
ORDER = ("not_prepared_cause", "not_prepared", "answered_object")


def create_ledger(connection: duckdb.DuckDBPyConnection) -> list[Relation]:
    """The temporary table ``not_prepared``, and the view ``ledger``: the columns of ledger.csv, and ``record``,
    ``object_rank`` and ``quarantined``. Returns the relations that it made.

    The view is worked out whenever it is read, and has no order: see ``write``. Records that were quarantined when
    their file was read have no record number; they sort by line.
    """
    made = [FILES[name] for name in ORDER]
    make(connection, made)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW ledger AS {_dispositions()}")
    return made


def _dispositions() -> str:
    objects = "\nUNION ALL\n".join(
        f"""SELECT record, {literal(table.object)} AS object, {rank} AS object_rank, {key(table)} AS key,
            coalesce(not_prepared.disposition, 'prepared') AS disposition, not_prepared.rule,
            nullif(concat_ws('; ', not_prepared.detail, answered.detail, corrected.detail), '') AS detail
        FROM converted_{table.object} LEFT JOIN (FROM not_prepared WHERE object = {literal(table.object)}) not_prepared USING (record)
        LEFT JOIN (FROM answered_object WHERE object = {literal(table.object)}) answered USING (record)
        LEFT JOIN (FROM corrected WHERE object = {literal(table.object)}) corrected USING (record)"""
        for rank, table in enumerate(TABLES)
    )
    dispositions = [
        f"""SELECT file, line, object, key, disposition, rule, detail, record, object_rank, false AS quarantined
        FROM ({objects}) disposed JOIN location USING (record)""",
        """SELECT file, line, '' AS object, 'excluded' AS disposition, 'FILE-BLANK' AS rule, record, 0 AS object_rank,
            false AS quarantined
        FROM location WHERE blank""",
        """SELECT quarantined.*, coalesce(rank, 0) AS object_rank, true AS quarantined
        FROM quarantined LEFT JOIN object_rank USING (object)""",
    ]
    return "\nUNION ALL BY NAME\n".join(dispositions)


def write(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the ledger in file order, then in the guide's order of objects.

    Once, and no table of it before: a million records have four million rows.
    """
    connection.execute(
        f"COPY (FROM ledger ORDER BY file_of(record), line, object_rank) TO {literal(str(path))} (FORMAT parquet)"
    )


def attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """The view ``ledger`` as it was written to ``path``."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW ledger AS FROM read_parquet({literal(str(path))})")


def write_csv(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the view ``ledger`` as ledger.csv. Needs ``attach``."""
    connection.execute(
        f"COPY (SELECT {escaped(COLUMNS, DELIVERED)} FROM ledger) TO {literal(str(path))} (FORMAT csv, HEADER)"
    )
