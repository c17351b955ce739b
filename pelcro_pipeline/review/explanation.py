"""One customer, from every source line to every loaded value."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import duckdb
import numpy as np

from pelcro_pipeline import connection as duck
from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.conversion.select import HIDDEN
from pelcro_pipeline.delivery import reading as delivery
from pelcro_pipeline.delivery import records
from pelcro_pipeline.delivery.reading import Reading
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.rules import verdict
from pelcro_pipeline.spec import ADDRESSES, ATTRIBUTES, BY_OBJECT, CUSTOMER_ID, SUBSCRIPTIONS, TEMPLATES, ddl
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.target.database import PreparedFiles, opened
from pelcro_pipeline.workspace import ExtractPaths

ENVIRONMENTS = ("staging", "production")


@dataclass
class SourceRecord:
    """One delivered record that concerns the customer."""

    file: str
    line: int
    #: object, key, disposition, rule, detail
    fates: list[tuple] = field(default_factory=list)
    #: object, attribute, rule, severity, value, result, message
    findings: list[tuple] = field(default_factory=list)
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


def of(paths: ExtractPaths, customer: str) -> Explanation:
    """Explain a customer of an extract. Raises RefusedError before the dry run, UnusableInputError for no such id."""
    if not paths.reading.is_file() or not (paths.analysis / "ledger.parquet").is_file():
        raise RefusedError(
            f"{paths.extract} has not been read yet: run `pelcro-pipeline dry-run {paths.extract}` first."
        )
    with duck.connect() as connection:
        reading = delivery.opened(paths.reading)
        verdict.open_on(connection, reading, paths.conversion, paths.analysis)
        sources = _sources(connection, paths, reading, customer)
        if not sources:
            raise UnusableInputError(
                f"No record of {paths.extract} names the customer {customer}: look for the id in {paths.reports / 'ledger.csv'}."
            )
        environments = tuple(each for each in ENVIRONMENTS if paths.database(each).exists())
        return Explanation(customer, sources, _prepared(connection, paths, customer, environments), environments)


def _sources(
    connection: duckdb.DuckDBPyConnection, paths: ExtractPaths, reading: Reading, customer: str
) -> list[SourceRecord]:
    concerned = " UNION ".join(
        f"SELECT record FROM {object_} WHERE customer = {literal(customer)}"
        for object_ in BY_OBJECT
        if object_ not in ("product", "plan")
    )
    found: dict[tuple, SourceRecord] = {}
    places: dict[int, list[tuple]] = defaultdict(list)
    for record, file, line, *fate in connection.execute(
        f"""SELECT record, file, line, object, key, disposition, rule, detail
        FROM read_parquet({literal(str(paths.analysis / "ledger.parquet"))}) SEMI JOIN ({concerned}) concerned USING (record)
        WHERE NOT set_aside ORDER BY record, object_place"""
    ).fetchall():
        if (file, line) not in found:
            found[file, line] = SourceRecord(file, line)
            places[record >> 40].append((record & ((1 << 40) - 1), (file, line)))
        found[file, line].fates.append(tuple(fate))
    for file, line, *finding in connection.execute(
        f"""SELECT file, line, object, attribute, rule, severity, value, result, message
        FROM read_parquet({literal(str(paths.analysis / "findings.parquet"))}) WHERE line IS NOT NULL"""
    ).fetchall():
        if (file, line) in found:
            found[file, line].findings.append(tuple(finding))
    for ordinal, numbers in places.items():
        file = reading.files[ordinal]
        delivered = records.cells(file, np.array([number for number, _ in numbers], dtype=np.int64))
        for (_, place), cells in zip(numbers, delivered, strict=True):
            found[place].cells = [
                (column.header, HIDDEN if column.attribute == "customer.password" else cell)
                for column, cell in zip(file.columns, cells, strict=True)
                if cell
            ]
    return list(found.values())


def _prepared(
    connection: duckdb.DuckDBPyConnection, paths: ExtractPaths, customer: str, environments: tuple[str, ...]
) -> list[PreparedRecord]:
    files = PreparedFiles(paths.prepared, extract_settings.load(paths.delivered), paths.seals)
    columns = files.columns("customers")
    rows = connection.execute(
        f"""SELECT * FROM (SELECT row_number() OVER () AS number, * FROM {files.relation("customers")})
        WHERE {quoted(CUSTOMER_ID)} = {literal(customer)} ORDER BY number"""
    ).fetchall()
    loaded = {each: _loaded(connection, paths, files, customer, each) for each in environments}
    return [
        PreparedRecord(
            number,
            [
                (name, _shown(name, value), *(_shown(name, loaded[each].get((number, name))) for each in environments))
                for name, value in zip(columns, values, strict=True)
                if value is not None or any(loaded[each].get((number, name)) is not None for each in environments)
            ],
        )
        for number, *values in rows
    ]


def _shown(name: str, value: str | None) -> str:
    if value is None:
        return ""
    return HIDDEN if name in ATTRIBUTES and ATTRIBUTES[name].secret else value


def _loaded(
    connection: duckdb.DuckDBPyConnection, paths: ExtractPaths, files: PreparedFiles, customer: str, environment: str
) -> dict[tuple[int, str], str]:
    """What a database holds, by the number of the prepared record and the attribute."""
    values: dict[tuple[int, str], str] = {}
    with opened(paths.database(environment), environment, connection):
        of_customer = f"WHERE {quoted(CUSTOMER_ID)} = {literal(customer)}"
        names = [attribute.name for attribute in TEMPLATES["customers"][0].attributes]
        shared = _row(connection, f"{environment}.customers {of_customer}", {name: name for name in names}, files)
        for table in ADDRESSES:
            type_ = table.object.removesuffix("_address")
            columns = {attribute.name: ddl.address_column(attribute, table) for attribute in table.attributes}
            shared |= _row(connection, f"{environment}.addresses {of_customer} AND type = '{type_}'", columns, files)
        numbers = connection.execute(
            f"SELECT {ddl.RECORD} FROM {environment}.subscriptions {of_customer} ORDER BY ALL"
        ).fetchall()
        names = [attribute.name for attribute in SUBSCRIPTIONS.attributes]
        for (number,) in numbers:
            one = f"{environment}.subscriptions WHERE {ddl.RECORD} = {number}"
            own = shared | _row(connection, one, {name: name for name in names}, files)
            values |= {(number, name): value for name, value in own.items()}
        if not numbers:
            number = connection.execute(
                f"""SELECT min(number) FROM (SELECT row_number() OVER () AS number, * FROM {files.relation("customers")})
                {of_customer}"""
            ).fetchall()[0][0]
            values |= {(number, name): value for name, value in shared.items()}
    return values


def _row(
    connection: duckdb.DuckDBPyConnection, source: str, columns: dict[str, str], files: PreparedFiles
) -> dict[str, str]:
    cells = ", ".join(files.text(name, column) for name, column in columns.items())
    rows = connection.execute(f"SELECT {cells} FROM {source} LIMIT 1").fetchall()
    return dict(zip(columns, rows[0], strict=True)) if rows else {}
