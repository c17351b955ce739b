"""What judgement hands on: a handful of small tables, beside the conversion that they judge."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pelcro_pipeline import seal, spec
from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery.reading import Reading
from pelcro_pipeline.delivery.records import file_line
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.rules import in_use
from pelcro_pipeline.rules.judgement import FIELD_QUERIES
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import literal

#: The rules by which other records infer or clear a value. Whether a customer is imported alone (CUS-IMPORT-ONLY)
#: is known only when all else is prepared.
_AMENDING = (
    {breach.rule for table in spec.TABLES for _, breach in table.breaches if breach.told_by_relations}
    | {query.rule for query in FIELD_QUERIES if query.severity is Severity.CLEAR}
) - {"CUS-IMPORT-ONLY"}
#: Each by the query that gives it once ``judgement`` and ``ledger`` have run.
TABLES = {
    # Objects that are not prepared: rejected, excluded or merged.
    "fate": "FROM fate",
    # Which record's object a merged one went into.
    "merged": "FROM merged",
    # Values that other records inferred or cleared; a filled customer is in ``repeated_in_use``.
    "amendment": f"""
        SELECT coalesce(owner, record) AS record, object, attribute, result FROM found
        WHERE severity IN ('repair', 'clear') AND rule IN ({", ".join(map(literal, sorted(_AMENDING)))})""",
    "repeated_customer": "FROM repeated_customer",
    "repeated_in_use": "FROM repeated_in_use",
}


def parquet(folder: Path, name: str) -> Path:
    """Where a table of the verdict stands."""
    return folder / f"{name}.parquet"


def save(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the verdict's tables into ``folder``."""
    for name, query in TABLES.items():
        connection.execute(f"COPY ({query}) TO {literal(str(parquet(folder, name)))} (FORMAT parquet)")
        key = "first_record" if name == "repeated_customer" else "record"
        seal.put(connection, *_sealed(folder, name), key)


def verify(connection: duckdb.DuckDBPyConnection, reading: Reading, conversion: Path, folder: Path) -> None:
    """Raise RefusedError, naming the records, where what was judged or the verdict is not as it was made.

    Needs ``open_on``.
    """
    altered = tables.altered(connection, reading, conversion)
    for name in TABLES:
        for difference in seal.broken(connection, *_sealed(folder, name))[:1]:
            records = [key for key in (difference.key, difference.stands_key) if key is not None]
            altered += [f"{name.replace('_', ' ')} of {_named(connection, reading, int(each))}" for each in records]
    if altered:
        raise RefusedError(f"Not as it was made: {', '.join(altered)}. Run the extract again from the start.")


def _sealed(folder: Path, name: str) -> tuple[Path, str, Path]:
    """A table's file, SQL of its rows, and where its seal stands."""
    stored = parquet(folder, name)
    return stored, f"read_parquet({literal(str(stored))})", seal.path(folder, name)


def _named(connection: duckdb.DuckDBPyConnection, reading: Reading, record: int) -> str:
    ordinal, place = tables.parted(record)
    file = reading.files[ordinal]
    return f"{file.name} line {file_line(connection, file, place)}"


def open_on(connection: duckdb.DuckDBPyConnection, reading: Reading, conversion: Path, folder: Path) -> None:
    """Views of the converted objects, ``customer_in_use`` and the verdict's tables."""
    tables.create_views(connection, reading, conversion)
    for name in TABLES:
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS FROM read_parquet({literal(str(parquet(folder, name)))})"
        )
    connection.execute(in_use.customer_values(reading))
    connection.execute(in_use.CUSTOMERS_IN_USE)
