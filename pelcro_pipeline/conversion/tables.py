"""Converted tables: one view for each object over the Parquet of every file that holds it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb

from pelcro_pipeline.conversion.select import agrees, select
from pelcro_pipeline.delivery.header import metadata_of
from pelcro_pipeline.delivery.manifest import DeliveredFile, Manifest
from pelcro_pipeline.delivery.records import file_line
from pelcro_pipeline.engine import checksum
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import ADDRESS_IDS, ADDRESSES, ATTRIBUTES, BY_OBJECT, CUSTOMER_ID, SUBSCRIPTIONS, TABLES
from pelcro_pipeline.spec.model import Need, Severity, Table
from pelcro_pipeline.spec.sql import literal, quoted

#: Bits of a record's number within the extract that hold its place in its file; its file's ordinal stands above.
_ROW_BITS = 40
_MACROS = (
    f"CREATE OR REPLACE TEMP MACRO file_of(record) AS record >> {_ROW_BITS}",
    f"CREATE OR REPLACE TEMP MACRO row_of(record) AS record & {(1 << _ROW_BITS) - 1}",
)


def parquet(folder: Path, file: DeliveredFile) -> Path:
    """Where a file's conversion stands."""
    return folder / f"{file.ordinal}.parquet"


def first_record(file: DeliveredFile) -> str:
    """SQL of the number within the extract that a file's first record has."""
    return first_record_of(file.ordinal)


def first_record_of(ordinal: int) -> str:
    """The same, by the file's ordinal."""
    return f"{ordinal << _ROW_BITS}::BIGINT"


def record(file: DeliveredFile) -> str:
    """SQL of a record's number within the extract, over a converted file."""
    return f"{first_record(file)} + file_row_number"


def parted(record: int) -> tuple[int, int]:
    """The ordinal of a record's file, and its place in it: what ``file_of`` and ``row_of`` are in SQL."""
    return record >> _ROW_BITS, record & ((1 << _ROW_BITS) - 1)


def joined(ordinal: int, place: int) -> int:
    """A record's number within the extract, by its file and its place in it."""
    return (ordinal << _ROW_BITS) + place


def columns(manifest: Manifest, table: Table) -> list[str]:
    """The table's attributes, then what the extract carries for it beside them."""
    names = [attribute.name for attribute in table.attributes]
    names += manifest.metadata[table.object]
    if table is SUBSCRIPTIONS:
        return names + [attribute.name for attribute in ADDRESS_IDS.values()]
    return names + ([ADDRESS_IDS[table.object].name] if table in ADDRESSES else [])


def view(manifest: Manifest, folder: Path, table: Table) -> str:
    """SQL of a table's held objects.

    Columns: ``record``, ``customer`` (the id that it belongs to), the table's columns, and
    ``violations``, ``delivered``, ``results`` of the conversion.
    """
    names = columns(manifest, table)
    selects = []
    for file in manifest.holding(table.object):
        linked = "customer" in file.objects or CUSTOMER_ID in file.attributes
        carried = {attribute.name for attribute in table.attributes} | set(file.attributes)
        values = [quoted(name) if name in carried else f"NULL::VARCHAR AS {quoted(name)}" for name in names]
        selects.append(
            f"""SELECT {record(file)} AS record, {_customer(manifest) if linked else "NULL::VARCHAR"} AS customer,
                {", ".join(values)},
                "{table.object}.violations" AS violations, "{table.object}.delivered" AS delivered, "{table.object}.results" AS results
            FROM read_parquet({literal(str(parquet(folder, file)))}, file_row_number = true)
            WHERE "{table.object}.held" """
        )
    if not selects:
        empty = ", ".join(f"NULL::VARCHAR AS {quoted(name)}" for name in names)
        return (
            f"SELECT NULL::BIGINT AS record, NULL::VARCHAR AS customer, {empty}, 0::UBIGINT AS violations, "
            "NULL::MAP(VARCHAR, VARCHAR) AS delivered, NULL::MAP(VARCHAR, VARCHAR) AS results WHERE false"
        )
    return "\nUNION ALL\n".join(selects)


def _customer(manifest: Manifest) -> str:
    """SQL of the id of a record's customer: of two that are one by the publisher's word, the id that was kept."""
    if not manifest.same_customers:
        return quoted(CUSTOMER_ID)
    renamed = " ".join(f"WHEN {literal(gone)} THEN {literal(kept)}" for gone, kept in manifest.same_customers.items())
    return f"CASE {quoted(CUSTOMER_ID)} {renamed} ELSE {quoted(CUSTOMER_ID)} END"


def write(connection: duckdb.DuckDBPyConnection, manifest: Manifest, settings: Settings, folder: Path) -> None:
    """Write each delivered file's conversion into ``folder``."""
    for file in manifest.files:
        to = literal(str(parquet(folder, file)))
        connection.execute(f"COPY ({select(file, settings)}) TO {to} (FORMAT parquet, COMPRESSION lz4)")


def write_checksums(connection: duckdb.DuckDBPyConnection, manifest: Manifest, folder: Path) -> None:
    """Write the checksums of each file's conversion."""
    for file in manifest.files:
        checksum.write(connection, *_checksummed(folder, file))


def altered(connection: duckdb.DuckDBPyConnection, manifest: Manifest, folder: Path) -> list[str]:
    """The records, by file and line, that are not as they were converted."""
    return [
        f"{file.name} line {line}"
        for file in manifest.files
        for difference in checksum.differences(connection, *_checksummed(folder, file))[:1]
        for line in dict.fromkeys(
            file_line(connection, file, place) for place in (difference.place, difference.stands) if place is not None
        )
    ]


def _checksummed(folder: Path, file: DeliveredFile) -> tuple[Path, str, Path]:
    """A file's conversion, SQL of its rows, and where its checksums stand."""
    converted = parquet(folder, file)
    return converted, f"read_parquet({literal(str(converted))})", checksum.path(folder, str(file.ordinal))


def short_name(table: Table, name: str) -> str:
    """What a column of a table is called among the relations: the last part of its dotted name."""
    if table in ADDRESSES and name == ADDRESS_IDS[table.object].name:
        return "address_id"
    return name.removeprefix(table.prefix).rsplit(".", 1)[-1]


def short(table: Table, names: Iterable[str]) -> str:
    """SQL of columns by their short names: booleans are such, null where they are neither; all else is text."""
    booleans = {attribute.name for attribute in table.attributes if attribute.kind.storage == "BOOLEAN"}
    return ", ".join(
        (f"CASE {quoted(name)} WHEN '1' THEN true WHEN '0' THEN false END" if name in booleans else quoted(name))
        + f" AS {quoted(short_name(table, name))}"
        for name in names
    )


def create_views(connection: duckdb.DuckDBPyConnection, manifest: Manifest, folder: Path) -> None:
    """Temporary views of each object.

    ``converted_<object>`` has the conversion's own columns (``view``). ``<object>`` has ``record``, ``customer``, the
    template's columns by short names, and ``agrees``: none of the record's repeated headers disagrees. Beside them
    the macros ``file_of`` and ``row_of`` of a record's number.
    """
    for macro in _MACROS:
        connection.execute(macro)
    for table in TABLES:
        names = [name for name in columns(manifest, table) if name not in manifest.metadata[table.object]]
        connection.execute(f"CREATE OR REPLACE TEMP VIEW converted_{table.object} AS {view(manifest, folder, table)}")
        connection.execute(
            f"""CREATE OR REPLACE TEMP VIEW {table.object} AS
            SELECT record, customer, {short(table, names)}, {agrees(table)} AS agrees FROM converted_{table.object}"""
        )


def create_location_views(connection: duckdb.DuckDBPyConnection, manifest: Manifest, folder: Path) -> None:
    """Temporary views of where records stand. Needs ``create_views``.

    ``location``: ``record, file, line, blank`` of every record, what findings and ledger say of it. ``quarantined``:
    the records that could not be read as such. ``cell_error``: the cells of workbooks that hold an error. ``corrected``:
    the columns that were corrected before the conversion, by record and object. ``unhandled``: the values that a step of a
    source's map could not handle.
    """
    connection.execute(f"CREATE OR REPLACE TEMP VIEW location AS {_locations(manifest, folder)}")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW quarantined AS {_quarantined(manifest)}")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW cell_error AS {_cell_errors(manifest)}")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW corrected AS {_corrected(manifest)}")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW unhandled AS {_unhandled(manifest)}")


def _locations(manifest: Manifest, folder: Path) -> str:
    """SQL of ``record, file, line, blank`` for every record of every file."""
    selects = []
    for file in manifest.files:
        converted = f"read_parquet({literal(str(parquet(folder, file)))}, file_row_number = true)"
        if file.lines is None:
            selects.append(
                f"SELECT {record(file)} AS record, {literal(file.name)} AS file, file_row_number + 2 AS line, blank FROM {converted}"
            )
        else:
            selects.append(
                f"""SELECT {record(file)} AS record, {literal(file.name)} AS file, line, blank
                FROM {converted} POSITIONAL JOIN (SELECT line FROM read_parquet({literal(file.lines)}))"""
            )
    return "\nUNION ALL\n".join(selects)


def _quarantined(manifest: Manifest) -> str:
    """SQL of ``record, file, line, object, disposition, rule, detail``: a ragged record is rejected with each object that its
    file holds, a blank one is excluded and holds none; one that a source's map leaves out is excluded with what it holds.
    ``record`` is the first of the file.
    """
    selects = [
        """SELECT NULL::BIGINT AS record, NULL AS file, NULL::BIGINT AS line, NULL AS object, NULL AS disposition,
            NULL AS rule, NULL::VARCHAR AS detail WHERE false"""
    ]
    for file in manifest.files:
        if file.quarantined is not None and file.made_of is not None:
            selects.append(
                f"""SELECT {first_record(file)} AS record, {literal(file.name)} AS file, line,
                    unnest(if(len(objects) = 0, [''], objects)) AS object,
                    if(rule = 'FILE-RAGGED', 'rejected', 'excluded') AS disposition, rule, reason AS detail
                FROM read_parquet({literal(file.quarantined)})"""
            )
        elif file.quarantined is not None:
            held = ", ".join(f"({literal(object_)})" for object_ in file.objects)
            selects.append(
                f"""SELECT {first_record(file)} AS record, {literal(file.name)} AS file, line, coalesce(object, '') AS object,
                    if(rule = 'FILE-RAGGED', 'rejected', 'excluded') AS disposition, rule, NULL AS detail
                FROM read_parquet({literal(file.quarantined)})
                LEFT JOIN (VALUES {held}) held(object) ON rule = 'FILE-RAGGED'"""
            )
    return "\nUNION ALL\n".join(selects)


def _cell_errors(manifest: Manifest) -> str:
    """SQL of ``record, object, attribute, value``: the cells of templates' columns and metadata that hold an error, or a
    formula without its result.
    """
    selects = [
        "SELECT NULL::BIGINT AS record, NULL::VARCHAR AS object, NULL::VARCHAR AS attribute, NULL::VARCHAR AS value WHERE false"
    ]
    for file in manifest.files:
        owners = [(column, owner) for column in file.columns if (owner := _owner(file, column.attribute))]
        if file.noted is not None and owners:
            columns = ", ".join(
                f"({position}, {literal(owner)}, {literal(column.attribute)})"
                for column, owner in owners
                for position in (column.made_of if column.derived else (column.position,))
            )
            selects.append(
                f"""SELECT record, object, attribute, any_value(text) AS value
                FROM read_parquet({literal(file.noted)}) noted JOIN location ON file = {literal(file.name)} AND location.line = noted.line
                JOIN (VALUES {columns}) named(position, object, attribute) USING (position)
                WHERE rule = 'FILE-CELL-ERROR' GROUP BY ALL"""
            )
    return "\nUNION ALL\n".join(selects)


def _corrected(manifest: Manifest) -> str:
    """SQL of ``record, object, detail``: what the ledger says of corrected cells.

    A column that belongs to no object of its file, such as a link to a customer, is told of each that the record holds.
    """
    selects = ["SELECT NULL::BIGINT AS record, NULL::VARCHAR AS object, NULL::VARCHAR AS detail WHERE false"]
    for file in manifest.files:
        if file.corrected is not None:
            named = ", ".join(
                f"({column.position}, {literal(object_)}, {literal(column.attribute or column.shown)})"
                for column in file.columns
                for owner in [_owner(file, column.attribute)]
                for object_ in ([owner] if owner else file.objects)
            )
            selects.append(
                f"""SELECT {first_record(file)} + record, object, 'corrected: ' || string_agg(DISTINCT name, ', ' ORDER BY name)
                FROM read_parquet({literal(file.corrected)}) JOIN (VALUES {named}) named(position, object, name) USING (position)
                GROUP BY record, object"""
            )
    return "\nUNION ALL\n".join(selects)


def _unhandled(manifest: Manifest) -> str:
    """SQL of ``record, object, attribute, step, severity, value, detail``; where the object cannot stand without, it is rejected."""
    selects = [
        """SELECT NULL::BIGINT AS record, NULL::VARCHAR AS object, NULL::VARCHAR AS attribute, NULL::VARCHAR AS step,
            NULL::VARCHAR AS severity, NULL::VARCHAR AS value, NULL::VARCHAR AS detail WHERE false"""
    ]
    for file in manifest.files:
        if file.unhandled is None:
            continue
        rows = ", ".join(
            f"({literal(column.attribute)}, {literal(_owner(file, column.attribute) or file.objects[0])}, {literal(_severity(column.attribute))})"
            for column in file.columns
            if column.attribute is not None
        )
        selects.append(
            f"""SELECT {first_record(file)} + record, object, attribute, step, severity, value,
                if("column" = '', NULL, 'Delivered as ' || "column" || '.') AS detail
            FROM read_parquet({literal(file.unhandled)}) JOIN (VALUES {rows}) AS named(attribute, object, severity) USING (attribute)"""
        )
    return "\nUNION ALL\n".join(selects)


def _severity(attribute: str) -> Severity:
    """What becomes of an object whose value of an attribute is lost: what the guide requires is not inferred instead."""
    if attribute not in ATTRIBUTES:
        return Severity.CLEAR
    known = ATTRIBUTES[attribute]
    rejected = any(each.severity is Severity.REJECT for each in known.violations)
    return Severity.REJECT if rejected or known.need is Need.REQUIRED else Severity.CLEAR


def _owner(file: DeliveredFile, attribute: str | None) -> str | None:
    """The object of the file that an attribute belongs to; none for a column of no template, a link or an address id."""
    if attribute is None:
        return None
    own = [BY_OBJECT[name] for name in file.objects]
    return next(
        (
            table.object
            for table in own
            if any(each.name == attribute for each in table.attributes) or metadata_of(table, [attribute])
        ),
        None,
    )
