"""The ledger: every object of every record of every file, with its one fate."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.rules.findings import key
from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.spec.sql import literal

COLUMNS = ("file", "line", "object", "key", "disposition", "rule", "detail")
#: What becomes of an object.
DISPOSITIONS = ("prepared", "merged", "rejected", "excluded")
#: The columns that hold delivered text.
DELIVERED = ("file", "key")


def create_ledger(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """The temporary table ``fate``, of objects that are not prepared, and the view ``ledger``: the columns of
    ledger.csv, and ``record``, ``object_place`` and ``quarantined``.

    The view is worked out whenever it is read, and has no order: see ``write``. Records that were set
    aside when their file was read have no record number; they sort by line.
    """
    for statement in (
        """CREATE OR REPLACE TEMP TABLE fate_cause AS
            SELECT record, object, cause_record AS other, cause_object AS other_object, cause_rule AS other_rule
            FROM not_migrated WHERE rule = 'REL-CLOSURE'
            UNION ALL SELECT record, object, into_record, object, NULL FROM merged""",
        """CREATE OR REPLACE TEMP TABLE other_place AS
            SELECT places.* FROM places SEMI JOIN fate_cause ON fate_cause.other = places.record""",
        """CREATE OR REPLACE TEMP TABLE fate AS
            WITH told AS (
                SELECT fate_cause.record, fate_cause.object,
                    if(other_rule IS NULL, 'into ' || file || ':' || line,
                        other_rule || ' on ' || replace(other_object, '_', ' ') || ' at ' || file || ':' || line) AS detail
                FROM fate_cause JOIN other_place ON other_place.record = fate_cause.other
            )
            SELECT record, object, disposition, rule, detail FROM not_migrated LEFT JOIN told USING (record, object)
            UNION ALL
            SELECT record, object, 'merged', NULL, detail FROM merged JOIN told USING (record, object)""",
        f"CREATE OR REPLACE TEMP VIEW ledger AS {_fates(manifest)}",
    ):
        connection.execute(statement)


def _fates(manifest: Manifest) -> str:
    objects = "\nUNION ALL\n".join(
        f"""SELECT record, {literal(table.object)} AS object, {place} AS object_place, {key(table)} AS key,
            coalesce(fate.disposition, 'prepared') AS disposition, fate.rule, fate.detail
        FROM converted_{table.object} LEFT JOIN (FROM fate WHERE object = {literal(table.object)}) fate USING (record)"""
        for place, table in enumerate(TABLES)
    )
    fates = [
        f"""SELECT file, line, object, key, disposition, rule, detail, record, object_place, false AS quarantined
        FROM ({objects}) fates JOIN places USING (record)""",
        """SELECT file, line, '' AS object, 'excluded' AS disposition, 'FILE-BLANK' AS rule, record, 0 AS object_place,
            false AS quarantined
        FROM places WHERE blank""",
    ]
    for file in manifest.files:
        if file.quarantined is None:
            continue
        held = ", ".join(
            f"({literal(table.object)}, {place})" for place, table in enumerate(TABLES) if table.object in file.objects
        )
        fates.append(
            f"""SELECT {literal(file.name)} AS file, line, coalesce(object, '') AS object,
                if(rule = 'FILE-RAGGED', 'rejected', 'excluded') AS disposition, rule,
                coalesce(object_place, 0) AS object_place, {tables.first_record(file)} AS record, true AS quarantined
            FROM read_parquet({literal(file.quarantined)}) aside
            LEFT JOIN (VALUES {held}) held(object, object_place) ON rule = 'FILE-RAGGED'"""
        )
    return "\nUNION ALL BY NAME\n".join(fates)


def write(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the ledger in file order, then in the guide's order of objects.

    Once, and no table of it before: a million records have four million fates.
    """
    connection.execute(
        f"COPY (FROM ledger ORDER BY file_of(record), line, object_place) TO {literal(str(path))} (FORMAT parquet)"
    )


def open_on(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """The view ``ledger`` as it was written to ``path``."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW ledger AS FROM read_parquet({literal(str(path))})")
