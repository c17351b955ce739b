"""The spec as the tables of a target: columns with their types and checks, keys, and what refers to what.

A row's own checks stand in the DDL. Keys do not, for DuckDB holds a declared one as an index: of the 31 seconds that a
million subscriptions took to load these took 12, and of the database's 616 MB 480. They are proven by one query each
when the rows are in (``proofs``), and told in the schema's comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    CUSTOMER_ID,
    CUSTOMERS,
    PLANS,
    PRODUCTS,
    SUBSCRIPTIONS,
)
from pelcro_pipeline.spec.kinds import COLLECTION
from pelcro_pipeline.spec.model import Attribute, OneOf, Pattern, Table
from pelcro_pipeline.spec.sql import literal, quoted

#: Tells a customer's addresses of one type apart; empty where the extract has no address ids.
ADDRESS_ID = "address_id"
#: A subscription's record in the prepared customers.csv; the old id is optional and no key.
RECORD = "record"
_PLAN_ID = "subscription.common_metadata.temporary_plan_id"


@dataclass(frozen=True)
class Column:
    """A column of a target: its type with its checks, and what its comment says."""

    name: str
    type: str
    doc: str | None = None
    unique: bool = False


@dataclass(frozen=True)
class Reference:
    """A foreign key: a filled ``column`` holds the key of a row of ``table``."""

    column: str
    table: str
    key: str


@dataclass(frozen=True)
class TargetTable:
    """A table of a target, made from the objects of one or more tables of the spec; of none, where migration day makes its rows."""

    name: str
    made_from: tuple[Table, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    #: The columns that stand before those of the attributes.
    first: tuple[Column, ...] = ()
    #: What stands for the prefixes of the tables that it is made from, where these differ.
    prefix: str | None = None

    def column(self, name: str, table: Table) -> str:
        """What an attribute, or other column, of one of its tables is called here."""
        return name if self.prefix is None else self.prefix + name.removeprefix(table.prefix)

    def attribute(self, column: str) -> str:
        """The attribute that a column's values are written as; any of them, where it holds those of several tables."""
        if self.prefix is None or not column.startswith(self.prefix):
            return column
        return self.made_from[0].prefix + column.removeprefix(self.prefix)

    def columns(self, metadata: Iterable[str] = ()) -> tuple[Column, ...]:
        """Its columns, those behind the attributes by name."""
        return (
            *self.first,
            *(
                Column(self.column(each.name, table), _type(each, self.column(each.name, table)), each.doc, each.unique)
                for table in self.made_from[:1]
                for each in table.attributes
            ),
            *(Column(name, "VARCHAR") for name in metadata),
        )


def address_type(table: Table) -> str:
    """What tells the addresses of a table apart from those of the other: ``billing`` or ``shipping``."""
    return table.object.removesuffix("_address")


_CUSTOMER = Column(CUSTOMER_ID, "VARCHAR NOT NULL")
_TYPES = ", ".join(literal(address_type(table)) for table in ADDRESSES)
#: In the order in which they refer to each other.
TARGET_TABLES: dict[str, TargetTable] = {
    table.name: table
    for table in (
        TargetTable("products", (PRODUCTS,), (PRODUCTS.key,)),
        TargetTable(
            "plans", (PLANS,), (PLANS.key,), (Reference("plan.temporary_product_id", "products", PRODUCTS.key),)
        ),
        TargetTable("customers", (CUSTOMERS,), (CUSTOMER_ID,)),
        TargetTable(
            "addresses",
            ADDRESSES,
            (CUSTOMER_ID, "type", ADDRESS_ID),
            (Reference(CUSTOMER_ID, "customers", CUSTOMER_ID),),
            first=(
                _CUSTOMER,
                Column("type", f"VARCHAR NOT NULL CHECK (type IN ({_TYPES}))"),
                Column(ADDRESS_ID, "VARCHAR NOT NULL"),
            ),
            prefix="address.",
        ),
        TargetTable(
            "subscriptions",
            (SUBSCRIPTIONS,),
            (RECORD,),
            (Reference(CUSTOMER_ID, "customers", CUSTOMER_ID), Reference(_PLAN_ID, "plans", PLANS.key)),
            first=(
                Column(RECORD, "BIGINT NOT NULL"),
                _CUSTOMER,
                *(Column(attribute.name, "VARCHAR") for attribute in ADDRESS_IDS.values()),
            ),
        ),
    )
}
_CASE = "CHECK (list_contains(['BIL-1', 'BIL-2', 'BIL-3', 'BIL-4'], {column}))"
_COLLECTION = f"""VARCHAR NOT NULL CHECK ({{column}} IN ({", ".join(map(literal, COLLECTION.domain.choices))}))"""


def _column(name: str, type_: str, doc: str) -> Column:
    return Column(name, type_.format(column=quoted(name)), doc)


_SUBSCRIPTION = (
    Column(RECORD, "BIGINT NOT NULL"),
    _CUSTOMER,
    Column(SUBSCRIPTIONS.key, "VARCHAR"),
)
_OF_SUBSCRIPTION = (Reference(RECORD, "subscriptions", RECORD), Reference(CUSTOMER_ID, "customers", CUSTOMER_ID))
#: What migration day makes of the loaded subscriptions (rulebook, unpaid subscriptions) and of the processor's card map.
MIGRATION_DAY_TABLES: dict[str, TargetTable] = {
    table.name: table
    for table in (
        TargetTable(
            "migration_day",
            (),
            ("day",),
            first=(
                _column("day", "DATE NOT NULL", "The day that all below is told for."),
                _column("unpaid_reading", "VARCHAR NOT NULL", "When an unpaid invoice is due, as extract.toml says."),
                _column("write_off_days", "INTEGER", "Days until it is uncollectible, as extract.toml says."),
                _column("card_map", "VARCHAR", "The SHA-256 of the processor's card map; empty where none had come."),
                _column(
                    "contents", "MAP(VARCHAR, VARCHAR) NOT NULL", "A digest of the rows of each table that follows."
                ),
            ),
        ),
        TargetTable(
            "subscription_states",
            (),
            (RECORD,),
            _OF_SUBSCRIPTION,
            first=(
                *_SUBSCRIPTION,
                _column(
                    "subscription.state",
                    "VARCHAR NOT NULL CHECK ({column} IN ('active', 'scheduled', 'cancelled', 'expired', 'not_migrated'))",
                    "What it is once it is migrated.",
                ),
                _column("subscription.case", f"VARCHAR {_CASE}", "Of an unpaid one, which of the four cases it is."),
                _column("subscription.collection_method", _COLLECTION, "How it is paid from the day on."),
                _column("subscription.current_period_end", "DATE NOT NULL", "The end of its period from the day on."),
                _column(
                    "subscription.iterations",
                    "BIGINT NOT NULL CHECK ({column} >= 0)",
                    "Of a scheduled one, the intervals of its one phase; of any other, 0.",
                ),
            ),
        ),
        TargetTable(
            "invoices",
            (),
            (RECORD,),
            _OF_SUBSCRIPTION,
            first=(
                *_SUBSCRIPTION,
                _column("invoice.amount", "BIGINT NOT NULL CHECK ({column} >= 0)", "In the currency's smallest unit."),
                _column("invoice.currency", "VARCHAR NOT NULL", "ISO 4217, in lower case."),
                _column("invoice.collection_method", _COLLECTION, "How it is paid."),
                _column("invoice.due_date", "DATE", "When it is due; empty where the reading gives none."),
                _column("invoice.status", "VARCHAR NOT NULL CHECK ({column} = 'open')", "As it is made: open."),
                _column(
                    "invoice.case", f"VARCHAR NOT NULL {_CASE}", "Which of the four cases of unpaid subscriptions."
                ),
                _column("invoice.reading", "VARCHAR NOT NULL", "The setting unpaid_reading that it follows."),
                _column("invoice.is_charge_attempted", "BOOLEAN NOT NULL", "Whether a card is charged on the day."),
                _column("invoice.uncollectible_on", "DATE", "When it is written off, where write_off_days is set."),
            ),
        ),
        TargetTable(
            "cards",
            (),
            (CUSTOMER_ID,),
            (Reference(CUSTOMER_ID, "customers", CUSTOMER_ID),),
            first=(
                _CUSTOMER,
                _column("card.gateway_customer_id", "VARCHAR NOT NULL", "The customer's id at the new processor."),
                _column("card.source_id", "VARCHAR", "The source that is charged by default."),
                _column("card.old_source_id", "VARCHAR", "Its id at the old processor."),
                _column(
                    "card.kind",
                    "VARCHAR",
                    "card, bank_account, bacs or sepa; empty of a customer who was mapped without a source.",
                ),
                _column("card.brand", "VARCHAR", "Such as visa."),
                _column("card.last4", "VARCHAR", "The last four digits."),
                _column("card.exp_month", "TINYINT", "The month in which it expires."),
                _column("card.exp_year", "SMALLINT", "The year in which it expires."),
                _column("card.is_default", "BOOLEAN NOT NULL", "Whether the map says that it is the default."),
            ),
        ),
    )
}
#: Every table of a target, in the order in which they refer to each other.
ALL_TABLES = TARGET_TABLES | MIGRATION_DAY_TABLES
#: The table that holds the objects of each table of the spec.
TARGET_OF: dict[str, TargetTable] = {each.object: table for table in TARGET_TABLES.values() for each in table.made_from}


def create(table: TargetTable, metadata: Iterable[str] = ()) -> Iterator[str]:
    """A table's CREATE TABLE, with the metadata columns that an extract carries, and its comments."""
    columns = table.columns(metadata)
    parts = ",\n    ".join(f"{quoted(column.name)} {column.type}" for column in columns)
    yield f"CREATE TABLE {table.name} (\n    {parts}\n)"
    yield f"COMMENT ON TABLE {table.name} IS {literal(_keys_in_words(table))}"
    for column in columns:
        if column.doc:
            yield f"COMMENT ON COLUMN {table.name}.{quoted(column.name)} IS {literal(column.doc)}"


def _keys_in_words(table: TargetTable) -> str:
    sentences = [f"Primary key: {', '.join(table.key)}."]
    sentences += [f"Unique: {column.name}." for column in _unique(table)]
    sentences += [f"{each.column} references {each.table} ({each.key})." for each in table.references]
    return " ".join(sentences)


def _unique(table: TargetTable) -> list[Column]:
    return [column for column in table.columns() if column.unique and (column.name,) != table.key]


@dataclass(frozen=True)
class Proof:
    """A key as a query: ``sql`` gives the rows that break it, by the primary key; none where it holds."""

    key: str
    sql: str


def proofs(table: TargetTable) -> Iterator[Proof]:
    """Each key of a table: primary, unique, foreign."""
    named = f"concat_ws(' ', {', '.join(map(quoted, table.key))})"
    for name, columns in (
        ("primary key", table.key),
        *((f"unique {column.name}", (column.name,)) for column in _unique(table)),
    ):
        listed = ", ".join(map(quoted, columns))
        filled = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
        yield Proof(
            name,
            f"""SELECT DISTINCT {named} FROM {table.name} SEMI JOIN (
                SELECT {listed} FROM {table.name} WHERE {filled} GROUP BY {listed} HAVING count(*) > 1
            ) repeated USING ({listed})""",
        )
    for each in table.references:
        yield Proof(
            f"{each.column} of {each.table}",
            f"""SELECT DISTINCT {named} FROM {table.name}
            ANTI JOIN (SELECT {quoted(each.key)} AS key FROM {each.table}) parent ON {quoted(each.column)} = parent.key
            WHERE {quoted(each.column)} IS NOT NULL""",
        )


def _type(attribute: Attribute, column: str) -> str:
    """An attribute's type, and what a row can break by itself."""
    parts = [attribute.kind.storage]
    if attribute.mandatory:
        parts.append("NOT NULL")
    match attribute.kind.domain:
        case OneOf(choices) if attribute.kind.storage == "VARCHAR":
            # A chain of comparisons for IN: over 249 countries it cost a fifth of the load of addresses.
            parts.append(f"CHECK (list_contains([{', '.join(map(literal, choices))}], {quoted(column)}))")
        case OneOf(choices) if attribute.kind.storage == "TINYINT":
            parts.append(f"CHECK ({quoted(column)} IN ({', '.join(choices)}))")
        case Pattern(minimum=int(minimum)):
            parts.append(f"CHECK ({quoted(column)} >= {minimum})")
    return " ".join(parts)
