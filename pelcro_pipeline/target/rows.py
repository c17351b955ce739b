"""The rows of each target table, told from the prepared files; and a target's cells as the prepared files write them."""

from __future__ import annotations

from pelcro_pipeline.prepared.files import FILLED, READ, PreparedFiles
from pelcro_pipeline.settings import DateFormat
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    ATTRIBUTES,
    CUSTOMER_ID,
    CUSTOMERS,
    PLANS,
    PRODUCTS,
    SUBSCRIPTIONS,
)
from pelcro_pipeline.spec.kinds import DATE
from pelcro_pipeline.spec.model import Table
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.spec.target import ADDRESS_ID, RECORD, TARGET_TABLES, TargetTable, address_type

#: A record without a subscription has been prepared with none of its cells.
_SUBSCRIBED = " OR ".join(f"{quoted(attribute.name)} IS NOT NULL" for attribute in SUBSCRIPTIONS.attributes)
#: The records of the prepared files that hold a table's objects.
_RECORDS = {
    PRODUCTS.object: "{read}products",
    PLANS.object: "{read}plans",
    SUBSCRIPTIONS.object: f"(SELECT rowid, * FROM {{read}}customers WHERE {_SUBSCRIBED})",
    **{
        table.object: f"{{read}}customers record SEMI JOIN {{read}}first_{table.object} first ON record.rowid = first.place"
        for table in (CUSTOMERS, *ADDRESSES)
    },
}


def records(table: Table, read: str = READ) -> str:
    """SQL of the records of the prepared files, once they are read, that hold a table's objects: each object once."""
    return _RECORDS[table.object].format(read=read)


def rows(files: PreparedFiles, *, typed: bool = True) -> dict[str, str]:
    """SQL of the rows of each target table, once the prepared files are read."""
    return {target.name: _rows(files, target, READ, typed) for target in TARGET_TABLES.values()}


def filled_rows(files: PreparedFiles) -> dict[str, str]:
    """The same rows once the files are read by ``read_filled``."""
    return {target.name: _rows(files, target, FILLED, typed=False) for target in TARGET_TABLES.values()}


def _rows(files: PreparedFiles, target: TargetTable, read: str, typed: bool) -> str:
    metadata, carried = files.metadata(), files.columns("customers")

    def of(table: Table) -> str:
        first = {
            CUSTOMER_ID: quoted(CUSTOMER_ID),
            RECORD: "rowid + 1",
            "type": literal(address_type(table)),
            ADDRESS_ID: files.address_id(table) if table in ADDRESSES else "",
            **{
                each.name: quoted(each.name) if each.name in carried else "NULL::VARCHAR"
                for each in ADDRESS_IDS.values()
            },
        }
        values = {column.name: first[column.name] for column in target.first}
        for name in (*(attribute.name for attribute in table.attributes), *metadata[table.object]):
            values[target.column(name, table)] = (
                _typed(name, files.settings.template_date_format) if typed else quoted(name)
            )
        listed = ", ".join(f"{value} AS {quoted(column)}" for column, value in values.items())
        return f"SELECT {listed} FROM {records(table, read)}"

    return "\nUNION ALL\n".join(map(of, target.made_from))


def _typed(name: str, dates: DateFormat) -> str:
    """SQL of a prepared cell as the target's type."""
    column = quoted(name)
    if name not in ATTRIBUTES:
        return column
    kind = ATTRIBUTES[name].kind
    if kind is DATE:
        return f"strptime({column}, {literal(dates.strptime)})::DATE"
    return column if kind.storage == "VARCHAR" else f"{column}::{kind.storage}"


def text(name: str, column: str, dates: DateFormat) -> str:
    """SQL of a target's cell as the prepared file writes the attribute ``name``."""
    match ATTRIBUTES[name].kind.storage if name in ATTRIBUTES else "VARCHAR":
        case "DATE":
            return f"strftime({quoted(column)}, {literal(dates.strptime)})"
        case "BOOLEAN":
            return f"{quoted(column)}::TINYINT::VARCHAR"
    return f"{quoted(column)}::VARCHAR"
