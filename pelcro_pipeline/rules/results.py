"""What judgement hands on: a handful of small tables, beside the conversion that they judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline import spec
from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.delivery.records import file_line
from pelcro_pipeline.engine import checksum
from pelcro_pipeline.engine.relations import make
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.rules import answers, catalogue, columns, judgement
from pelcro_pipeline.rules.files import FILES
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import literal

#: The rules by which other records impute or clear a value. Whether a customer is imported alone (CUS-IMPORT-ONLY)
#: is known only when all else is prepared.
_AMENDING = (
    {violation.rule for table in spec.TABLES for _, violation in table.violations if violation.cross_record}
    | {
        rule
        for rule in (*judgement.RECORD_RULES, *judgement.OF_SURVIVING)
        if catalogue.severities(rule) == (Severity.CLEAR,)
    }
    | {rule for rule in judgement.RELATION_RULES if catalogue.severities(rule) == (Severity.REPAIR,)}
) - {"CUS-IMPORT-ONLY"}
#: The attributes of which they impute or clear one.
_AMENDED = frozenset(name for rule in _AMENDING for name in catalogue.attributes(rule))


def amended(manifest: Manifest) -> frozenset[str]:
    """The attributes whose standing value another record, or an answer of the publisher, may have decided."""
    return _AMENDED | answers.valued(manifest.answers)


@dataclass(frozen=True)
class Result:
    """What is handed on by the name of its relation, and the record that names a row where it is not as it was."""

    query: str
    record: str = "record"


#: What is handed on, once ``judgement`` and ``ledger`` have run.
TABLES = {
    # Objects that are not prepared: rejected, excluded or merged.
    "not_prepared": Result("FROM not_prepared"),
    # Which record's object a merged one went into.
    "merged": Result("FROM merged"),
    # Values that other records imputed or cleared; a filled customer is in ``repeated_golden_record``.
    "amendment": Result(
        f"""SELECT coalesce(owner, record) AS record, object, attribute, rule, result FROM violation
        WHERE severity IN ('repair', 'clear') AND rule IN ({", ".join(map(literal, sorted(_AMENDING)))})
        UNION ALL
        SELECT record, object, attribute, rule, result FROM answered WHERE effect = 'value' AND rule <> 'CUS-CONFLICT'"""
    ),
    # Whose delivered password stays behind, as nothing tells its scheme.
    "scheme_unknown": Result(
        """SELECT record, converted_customer.customer FROM violation JOIN converted_customer USING (record)
        WHERE rule = 'CUS-PASSWORD-SCHEME' AND severity = 'clear'"""
    ),
    "repeated_customer": Result("FROM repeated_customer", "first_record"),
    "repeated_golden_record": Result("FROM repeated_golden_record"),
    "first_plan": Result("FROM first_plan", "plan_record"),
    "first_product": Result("FROM first_product", "product_record"),
    "customer_address": Result("FROM customer_address", "coalesce(billing, shipping)"),
    "subscription_address": Result("FROM subscription_address", "subscription"),
}


def parquet(folder: Path, name: str) -> Path:
    """Where a table of the results stands."""
    return folder / f"{name}.parquet"


def save(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the results' tables into ``folder``."""
    for name, result in TABLES.items():
        connection.execute(f"COPY ({result.query}) TO {literal(str(parquet(folder, name)))} (FORMAT parquet)")
        checksum.write(connection, *_checksummed(folder, name), result.record)


def verify(connection: duckdb.DuckDBPyConnection, manifest: Manifest, conversion: Path, folder: Path) -> None:
    """Raise RefusedError, naming the records, where what was judged or a result is not as it was made.

    Needs ``attach``.
    """
    altered = tables.altered(connection, manifest, conversion)
    for name in TABLES:
        for difference in checksum.differences(connection, *_checksummed(folder, name))[:1]:
            records = [key for key in (difference.key, difference.stands_key) if key is not None]
            altered += [f"{name.replace('_', ' ')} of {_named(connection, manifest, int(each))}" for each in records]
    if altered:
        raise RefusedError(f"Not as it was made: {', '.join(altered)}. Run the extract again from the start.")


def _checksummed(folder: Path, name: str) -> tuple[Path, str, Path]:
    """A table's file, SQL of its rows, and where its checksums stand."""
    stored = parquet(folder, name)
    return stored, f"read_parquet({literal(str(stored))})", checksum.path(folder, name)


def _named(connection: duckdb.DuckDBPyConnection, manifest: Manifest, record: int) -> str:
    ordinal, place = tables.parted(record)
    file = manifest.files[ordinal]
    return f"{file.name} line {file_line(connection, file, place)}"


def attach(connection: duckdb.DuckDBPyConnection, manifest: Manifest, conversion: Path, folder: Path) -> None:
    """Views of the converted objects, of the golden records and of the results' tables."""
    tables.create_views(connection, manifest, conversion)
    attach_tables(connection, folder)
    relations = FILES | columns.relations(manifest)
    make(connection, (relations[name] for name in ("lost_id", "customer_value", *judgement.GOLDEN)))


def attach_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Views of the results' tables alone."""
    for name in TABLES:
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS FROM read_parquet({literal(str(parquet(folder, name)))})"
        )
