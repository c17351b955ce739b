"""Customers, each from every source line to every loaded value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery import records
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.prepared import write as prepared_write
from pelcro_pipeline.prepared.files import PreparedFiles
from pelcro_pipeline.rules import results
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    BY_OBJECT,
    CUSTOMER_ID,
    CUSTOMERS,
    HIDDEN,
    SECRETS,
    SUBSCRIPTIONS,
    Table,
)
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.spec.target import ADDRESS_ID, RECORD, TARGET_OF, address_type
from pelcro_pipeline.target.database import opened
from pelcro_pipeline.target.rows import text
from pelcro_pipeline.workspace.places import ExtractPaths

ENVIRONMENTS = ("staging", "production")


class Place(NamedTuple):
    """Where a delivered record stands: its file, and the physical line."""

    file: str
    line: int


class DeliveredCell(NamedTuple):
    """A filled cell as it was delivered, and the attribute that its header names, if any."""

    header: str
    text: str
    attribute: str | None


@dataclass
class SourceRecord:
    """One delivered record that concerns the customer."""

    place: Place
    #: object, key, disposition, rule, detail
    dispositions: list[tuple] = field(default_factory=list)
    #: object, attribute, rule, severity, value, result, message
    findings: list[tuple] = field(default_factory=list)
    #: The same, of the whole file or of a column, where they concern an object that the record holds.
    of_file: list[tuple] = field(default_factory=list)
    cells: list[DeliveredCell] = field(default_factory=list)


@dataclass(frozen=True)
class PreparedRecord:
    """One record of the prepared customers.csv: attribute, prepared, and what each database holds of it."""

    number: int
    values: list[tuple[str, ...]]
    #: By object where the record stands that it was prepared from; of a repeated customer the first.
    made_from: Mapping[str, Place]


@dataclass(frozen=True)
class Explanation:
    """What became of one customer."""

    customer: str
    sources: list[SourceRecord]
    prepared: list[PreparedRecord]
    environments: tuple[str, ...]


def explain(paths: ExtractPaths, customer: str) -> Explanation:
    """Explain a customer of an extract. Raises RefusedError before the dry run, UnusableInputError for no such id."""
    if not paths.manifest.is_file() or not (paths.analysis / "ledger.parquet").is_file():
        raise RefusedError(
            f"{paths.extract} has not been read yet: run `pelcro-pipeline dry-run {paths.extract}` first."
        )
    with duck.connect() as connection:
        manifest = Manifest.load(paths.manifest)
        results.attach(connection, manifest, paths.conversion, paths.analysis)
        environments = tuple(each for each in ENVIRONMENTS if paths.database(each).exists())
        (explained,) = explanations(connection, paths, manifest, [customer], environments)
    if not explained.sources:
        raise UnusableInputError(
            f"No record of {paths.extract} names the customer {customer}: look for the id in {paths.reports / 'ledger.csv'}."
        )
    return explained


def explanations(
    connection: duckdb.DuckDBPyConnection,
    paths: ExtractPaths,
    manifest: Manifest,
    customers: Sequence[str],
    environments: tuple[str, ...],
) -> list[Explanation]:
    """Explain customers, in their order; fifty cost little more than one. Needs ``rules.results.attach``."""
    connection.execute("CREATE OR REPLACE TEMP TABLE explained AS SELECT unnest(?::VARCHAR[]) AS customer", [customers])
    sources = _sources(connection, paths, manifest)
    files = PreparedFiles(paths.prepared, manifest.settings, paths.checksums)
    databases = {each: paths.database(each) for each in environments}
    prepared = _prepared(connection, manifest, files, sources, databases)
    return [
        Explanation(customer, list(sources[customer].values()), prepared[customer], environments)
        for customer in customers
    ]


def _sources(
    connection: duckdb.DuckDBPyConnection, paths: ExtractPaths, manifest: Manifest
) -> dict[str, dict[int, SourceRecord]]:
    """The records of each explained customer, by their number, in file order."""
    concerned = " UNION ".join(
        f"SELECT record, customer FROM {object_} SEMI JOIN explained USING (customer)"
        for object_ in BY_OBJECT
        if object_ not in ("product", "plan")
    )
    found: dict[str, dict[int, SourceRecord]] = defaultdict(dict)
    at: dict[Place, SourceRecord] = {}
    for customer, record, file, line, *disposition in connection.execute(
        f"""SELECT customer, record, file, line, object, key, disposition, rule, detail
        FROM read_parquet({literal(str(paths.analysis / "ledger.parquet"))}) JOIN ({concerned}) concerned USING (record)
        WHERE NOT quarantined ORDER BY record, object_rank"""
    ).fetchall():
        source = at.setdefault(Place(file, line), SourceRecord(Place(file, line)))
        source.dispositions.append(tuple(disposition))
        found[customer][record] = source
    of_files = _add_findings(connection, paths, at)
    for source in at.values():
        held = {None, *(object_ for object_, *_ in source.dispositions)}
        source.of_file += [finding for finding in of_files[source.place.file] if finding[0] in held]
    _add_cells(
        connection, manifest, {record: source for records in found.values() for record, source in records.items()}
    )
    return found


def _add_findings(
    connection: duckdb.DuckDBPyConnection, paths: ExtractPaths, at: Mapping[Place, SourceRecord]
) -> dict[str, list[tuple]]:
    """Give each record its findings; returns those of whole files, by file."""
    of_files: dict[str, list[tuple]] = defaultdict(list)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE explained_place AS SELECT unnest(?::VARCHAR[]) AS file, unnest(?::BIGINT[]) AS line",
        [[place.file for place in at], [place.line for place in at]],
    )
    for file, line, *finding in connection.execute(
        f"""SELECT file, line, object, attribute, rule, severity, value, result, message
        FROM read_parquet({literal(str(paths.analysis / "findings.parquet"))}, file_row_number = true) finding
        WHERE line IS NULL OR EXISTS (
            SELECT 1 FROM explained_place place WHERE place.file = finding.file AND place.line = finding.line)
        ORDER BY file_row_number"""
    ).fetchall():
        if line is None:
            of_files[file].append(tuple(finding))
        else:
            at[Place(file, line)].findings.append(tuple(finding))
    return of_files


def _add_cells(connection: duckdb.DuckDBPyConnection, manifest: Manifest, sources: Mapping[int, SourceRecord]) -> None:
    """Give each record its delivered cells, one pass for each file."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for record in sorted(sources):
        ordinal, number = tables.parted(record)
        numbers[ordinal].append(number)
    for ordinal, own in numbers.items():
        file = manifest.files[ordinal]
        found = records.cells(connection, file, np.array(own, dtype=np.int64))
        for number, cells in zip(own, found, strict=True):
            sources[tables.joined(ordinal, number)].cells = [
                DeliveredCell(
                    column.header, cell if read_as.isdisjoint(SECRETS) else HIDDEN, ", ".join(sorted(read_as)) or None
                )
                for column, cell in zip(file.columns, cells, strict=True)
                if cell and not column.derived
                for read_as in [file.read_as(column)]
            ]


def _prepared(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    files: PreparedFiles,
    sources: Mapping[str, Mapping[int, SourceRecord]],
    databases: Mapping[str, Path],
) -> dict[str, list[PreparedRecord]]:
    """What is prepared of each explained customer, in the order of customers.csv."""
    columns = files.columns("customers")
    prepared: dict[int, dict[str, str | None]] = {
        number: dict(zip(columns, cells, strict=True))
        for number, *cells in connection.execute(
            f"""SELECT * FROM (SELECT row_number() OVER () AS number, * FROM {files.relation("customers")})
            WHERE {quoted(CUSTOMER_ID)} IN (FROM explained) ORDER BY number"""
        ).fetchall()
    }
    loaded: dict[int, list[dict[str, str | None]]] = {number: [] for number in prepared}
    for environment, path in databases.items():
        with opened(path, environment, connection):
            for number, values in _loaded(connection, files, environment, prepared).items():
                loaded[number].append(values)
    made_from = _made_from(connection, manifest, sources)
    explained: dict[str, list[PreparedRecord]] = defaultdict(list)
    for number, record in prepared.items():
        own = explained[record[CUSTOMER_ID]]
        origins = made_from[record[CUSTOMER_ID]]
        own.append(
            PreparedRecord(
                number,
                [
                    (name, *(_shown(name, each) for each in cells))
                    for name in columns
                    if any(cells := [record[name], *(each.get(name) for each in loaded[number])])
                ],
                # A file that was edited since may have a record more than was prepared.
                origins[len(own)] if len(own) < len(origins) else {},
            )
        )
    return explained


def _made_from(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, sources: Mapping[str, Mapping[int, SourceRecord]]
) -> dict[str, list[dict[str, Place]]]:
    """By customer, for each of its records in customers.csv, where the record of each object stands."""
    for object_ in _CARRIED:
        source = "golden_record" if object_ == CUSTOMERS.object else object_
        connection.execute(
            f"""CREATE OR REPLACE TEMP VIEW explained_{object_} AS
            SELECT record, customer FROM {source} SEMI JOIN explained USING (customer)
            ANTI JOIN (FROM not_prepared WHERE object = {literal(object_)}) gone USING (record)"""
        )
    prepared_write.assign(connection, manifest, "explained")
    made_from: dict[str, list[dict[str, Place]]] = defaultdict(list)
    for customer, *numbers in connection.execute(
        f"""SELECT customer, record AS customer_record, {", ".join(_CARRIED[1:])}
        FROM assignment JOIN explained_customer USING (customer) ORDER BY {prepared_write.ORDER}"""
    ).fetchall():
        own = sources[customer]
        made_from[customer].append(
            {
                object_: own[record].place
                for object_, record in zip(_CARRIED, numbers, strict=True)
                if record is not None
            }
        )
    return made_from


#: What a record of customers.csv carries.
_CARRIED = tuple(table.object for table in (CUSTOMERS, *ADDRESSES, SUBSCRIPTIONS))


def _shown(name: str, value: str | None) -> str:
    if value is None:
        return ""
    return HIDDEN if name in SECRETS else value


def _held(files: PreparedFiles) -> dict[Table, dict[str, str]]:
    """The database's columns of what a prepared record holds, by table and by the name that the record gives them."""
    metadata, carried = files.metadata(), files.columns("customers")
    held = {
        table: {
            name: TARGET_OF[table.object].column(name, table)
            for name in [*(each.name for each in table.attributes), *metadata[table.object]]
        }
        for table in (CUSTOMERS, SUBSCRIPTIONS, *ADDRESSES)
    }
    for table in ADDRESSES:
        if (id_name := ADDRESS_IDS[table.object].name) in carried:
            held[table][id_name] = ADDRESS_ID
    return held


def _loaded(
    connection: duckdb.DuckDBPyConnection,
    files: PreparedFiles,
    environment: str,
    prepared: Mapping[int, Mapping[str, str | None]],
) -> dict[int, dict[str, str | None]]:
    """What a database holds of each prepared record: its customer, the addresses that it carries, its subscription."""
    held = _held(files)
    rows = {table: _rows(connection, files, environment, table, columns) for table, columns in held.items()}
    values: dict[int, dict[str, str | None]] = {}
    for number, record in prepared.items():
        customer = record[CUSTOMER_ID]
        keys: dict[Table, tuple] = {CUSTOMERS: (customer,), SUBSCRIPTIONS: (customer, number)}
        for table in ADDRESSES:
            if record[f"{table.prefix}line1"]:
                address_id = record.get(ADDRESS_IDS[table.object].name) or ""
                keys[table] = (customer, address_type(table), address_id)
        values[number] = {name: cell for table, key in keys.items() for name, cell in rows[table].get(key, {}).items()}
    return values


#: What tells a table's rows apart, beside their customer.
_KEYS: dict[Table, Iterable[str]] = {
    CUSTOMERS: (),
    SUBSCRIPTIONS: (RECORD,),
    **dict.fromkeys(ADDRESSES, ("type", ADDRESS_ID)),
}


def _rows(
    connection: duckdb.DuckDBPyConnection, files: PreparedFiles, environment: str, table: Table, columns: dict[str, str]
) -> dict[tuple, dict[str, str | None]]:
    """The explained customers' rows of a table by their keys, as the prepared file writes them."""
    keys = [quoted(each) for each in (CUSTOMER_ID, *_KEYS[table])]
    cells = [
        f"nullif({text(name, column, files.settings.template_date_format)}, '')" for name, column in columns.items()
    ]
    return {
        tuple(row[: len(keys)]): dict(zip(columns, row[len(keys) :], strict=True))
        for row in connection.execute(
            f"""SELECT {", ".join([*keys, *cells])} FROM {environment}.{TARGET_OF[table.object].name}
            WHERE {quoted(CUSTOMER_ID)} IN (FROM explained)"""
        ).fetchall()
    }
