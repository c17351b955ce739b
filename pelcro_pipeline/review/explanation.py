"""One customer, from every source line to every loaded value."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import duckdb
import numpy as np

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery import records
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError, UnusableInputError
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


@dataclass
class SourceRecord:
    """One delivered record that concerns the customer."""

    file: str
    line: int
    #: object, key, disposition, rule, detail
    dispositions: list[tuple] = field(default_factory=list)
    #: object, attribute, rule, severity, value, result, message
    findings: list[tuple] = field(default_factory=list)
    #: The same, of the whole file or of a column, where they concern an object that the record holds.
    of_file: list[tuple] = field(default_factory=list)
    #: header, delivered cell: the filled ones
    cells: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class PreparedRecord:
    """One record of the prepared customers.csv: attribute, prepared, and what each database holds of it."""

    number: int
    values: list[tuple[str, ...]]


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
        sources = _sources(connection, paths, manifest, customer)
        if not sources:
            raise UnusableInputError(
                f"No record of {paths.extract} names the customer {customer}: look for the id in {paths.reports / 'ledger.csv'}."
            )
        environments = tuple(each for each in ENVIRONMENTS if paths.database(each).exists())
        files = PreparedFiles(paths.prepared, manifest.settings, paths.checksums)
        return Explanation(customer, sources, _prepared(connection, paths, files, customer, environments), environments)


def _sources(
    connection: duckdb.DuckDBPyConnection, paths: ExtractPaths, manifest: Manifest, customer: str
) -> list[SourceRecord]:
    concerned = " UNION ".join(
        f"SELECT record FROM {object_} WHERE customer = {literal(customer)}"
        for object_ in BY_OBJECT
        if object_ not in ("product", "plan")
    )
    found: dict[tuple, SourceRecord] = {}
    places: dict[int, list[tuple]] = defaultdict(list)
    for record, file, line, *disposition in connection.execute(
        f"""SELECT record, file, line, object, key, disposition, rule, detail
        FROM read_parquet({literal(str(paths.analysis / "ledger.parquet"))}) SEMI JOIN ({concerned}) concerned USING (record)
        WHERE NOT quarantined ORDER BY record, object_rank"""
    ).fetchall():
        if (file, line) not in found:
            found[file, line] = SourceRecord(file, line)
            ordinal, place = tables.parted(record)
            places[ordinal].append((place, (file, line)))
        found[file, line].dispositions.append(tuple(disposition))
    of_files: dict[str, list[tuple]] = defaultdict(list)
    for file, line, *finding in connection.execute(
        f"""SELECT file, line, object, attribute, rule, severity, value, result, message
        FROM read_parquet({literal(str(paths.analysis / "findings.parquet"))})"""
    ).fetchall():
        if (file, line) in found:
            found[file, line].findings.append(tuple(finding))
        elif line is None:
            of_files[file].append(tuple(finding))
    for source in found.values():
        held = {None, *(object_ for object_, *_ in source.dispositions)}
        source.of_file += [finding for finding in of_files[source.file] if finding[0] in held]
    for ordinal, numbers in places.items():
        file = manifest.files[ordinal]
        delivered = records.cells(file, np.array([number for number, _ in numbers], dtype=np.int64))
        for (_, place), cells in zip(numbers, delivered, strict=True):
            found[place].cells = [
                (column.header, HIDDEN if column.attribute in SECRETS else cell)
                for column, cell in zip(file.columns, cells, strict=True)
                if cell
            ]
    return list(found.values())


def _prepared(
    connection: duckdb.DuckDBPyConnection,
    paths: ExtractPaths,
    files: PreparedFiles,
    customer: str,
    environments: tuple[str, ...],
) -> list[PreparedRecord]:
    columns = files.columns("customers")
    rows = connection.execute(
        f"""SELECT * FROM (SELECT row_number() OVER () AS number, * FROM {files.relation("customers")})
        WHERE {quoted(CUSTOMER_ID)} = {literal(customer)} ORDER BY number"""
    ).fetchall()
    records = {number: dict(zip(columns, cells, strict=True)) for number, *cells in rows}
    held = _held(files)
    loaded: dict[int, list[dict[str, str | None]]] = {number: [] for number in records}
    for environment in environments:
        with opened(paths.database(environment), environment, connection):
            for number, record in records.items():
                loaded[number].append(_loaded(connection, files, held, environment, customer, number, record))
    return [
        PreparedRecord(
            number,
            [
                (name, *(_shown(name, each) for each in cells))
                for name in columns
                if any(cells := [record[name], *(each.get(name) for each in loaded[number])])
            ],
        )
        for number, record in records.items()
    ]


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
    held: dict[Table, dict[str, str]],
    environment: str,
    customer: str,
    number: int,
    record: dict[str, str | None],
) -> dict[str, str | None]:
    """What a database holds of a prepared record: its customer, the addresses that it carries, its subscription."""
    of_customer = f"{quoted(CUSTOMER_ID)} = {literal(customer)}"
    sources = {
        CUSTOMERS: f"{environment}.customers WHERE {of_customer}",
        SUBSCRIPTIONS: f"{environment}.subscriptions WHERE {RECORD} = {number} AND {of_customer}",
    }
    for table in ADDRESSES:
        if record[f"{table.prefix}line1"]:
            address_id = record.get(ADDRESS_IDS[table.object].name) or ""
            sources[table] = f"""{environment}.addresses WHERE {of_customer}
                AND type = {literal(address_type(table))} AND {ADDRESS_ID} = {literal(address_id)}"""
    values: dict[str, str | None] = {}
    for table, source in sources.items():
        values |= _row(connection, files, source, held[table])
    return values


def _row(
    connection: duckdb.DuckDBPyConnection, files: PreparedFiles, source: str, columns: dict[str, str]
) -> dict[str, str | None]:
    """The one row of ``source``, as the prepared file writes it; nothing where there is none."""
    cells = ", ".join(
        f"nullif({text(name, column, files.settings.template_date_format)}, '')" for name, column in columns.items()
    )
    rows = connection.execute(f"SELECT {cells} FROM {source}").fetchall()
    return dict(zip(columns, rows[0], strict=True)) if rows else {}
