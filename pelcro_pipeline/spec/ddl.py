"""The spec as the tables of a target: types, keys and checks."""

from __future__ import annotations

from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    BILLING_ADDRESSES,
    CUSTOMER_ID,
    CUSTOMERS,
    PLANS,
    PRODUCTS,
    SUBSCRIPTIONS,
)
from pelcro_pipeline.spec.model import Attribute, OneOf, Pattern, Table
from pelcro_pipeline.spec.sql import literal, quoted

#: In the order in which foreign keys let them be loaded.
TARGET_TABLES = ("products", "plans", "customers", "addresses", "subscriptions")
#: Tells a customer's addresses of one type apart; empty where the extract has no address ids.
ADDRESS_ID = "address_id"
#: A subscription's record in the prepared customers.csv; the old id is optional and no key.
RECORD = "record"

_PLAN_ID = "subscription.common_metadata.temporary_plan_id"


def address_column(attribute: Attribute, table: Table) -> str:
    """An address attribute's name in the target, where ``type`` tells billing from shipping."""
    return "address." + attribute.name.removeprefix(table.prefix)


def create(metadata: dict[str, tuple[str, ...]]) -> list[str]:
    """CREATE TABLE statements of the target, with the metadata columns that an extract carries."""

    def columns(table: Table) -> list[str]:
        return [_column(attribute) for attribute in table.attributes] + [
            f"{quoted(name)} VARCHAR" for name in metadata.get(table.object, ())
        ]

    addresses = [
        f"{quoted(CUSTOMER_ID)} VARCHAR NOT NULL REFERENCES customers ({quoted(CUSTOMER_ID)})",
        "type VARCHAR NOT NULL CHECK (type IN ('billing', 'shipping'))",
        f"{ADDRESS_ID} VARCHAR NOT NULL",
        *(
            _column(attribute, address_column(attribute, BILLING_ADDRESSES))
            for attribute in BILLING_ADDRESSES.attributes
        ),
        f"PRIMARY KEY ({quoted(CUSTOMER_ID)}, type, {ADDRESS_ID})",
    ]
    subscriptions = [
        f"{RECORD} BIGINT PRIMARY KEY",
        f"{quoted(CUSTOMER_ID)} VARCHAR NOT NULL REFERENCES customers ({quoted(CUSTOMER_ID)})",
        *(f"{quoted(attribute.name)} VARCHAR" for attribute in ADDRESS_IDS.values()),
        *columns(SUBSCRIPTIONS),
        f'FOREIGN KEY ({quoted(_PLAN_ID)}) REFERENCES plans ("plan.old_id")',
    ]
    plans = [
        *columns(PLANS),
        'PRIMARY KEY ("plan.old_id")',
        'FOREIGN KEY ("plan.temporary_product_id") REFERENCES products ("product.id")',
    ]
    return [
        _create("products", [*columns(PRODUCTS), 'PRIMARY KEY ("product.id")']),
        _create("plans", plans),
        _create("customers", [*columns(CUSTOMERS), f"PRIMARY KEY ({quoted(CUSTOMER_ID)})"]),
        _create("addresses", addresses),
        _create("subscriptions", subscriptions),
        *_comments(),
    ]


def _create(name: str, parts: list[str]) -> str:
    return "CREATE TABLE " + name + " (\n    " + ",\n    ".join(parts) + "\n)"


def _column(attribute: Attribute, name: str | None = None) -> str:
    column = quoted(name or attribute.name)
    parts = [column, attribute.kind.storage]
    if attribute.mandatory:
        parts.append("NOT NULL")
    if attribute.unique:
        parts.append("UNIQUE")
    match attribute.kind.domain:
        case OneOf(choices) if attribute.kind.storage == "VARCHAR":
            parts.append(f"CHECK ({column} IN ({', '.join(map(literal, choices))}))")
        case OneOf(choices) if attribute.kind.storage == "TINYINT":
            parts.append(f"CHECK ({column} IN ({', '.join(choices)}))")
        case Pattern(regex) if attribute.kind.storage == "BIGINT":
            parts.append(f"CHECK ({column} >= {1 if regex.startswith('[1-9]') else 0})")
    return " ".join(parts)


def _comments() -> list[str]:
    statements = [
        f"COMMENT ON COLUMN {table.name}.{quoted(attribute.name)} IS {literal(attribute.doc)}"
        for table in (CUSTOMERS, PRODUCTS, PLANS, SUBSCRIPTIONS)
        for attribute in table.attributes
    ]
    statements += [
        f"COMMENT ON COLUMN addresses.{quoted(address_column(attribute, ADDRESSES[0]))} IS {literal(attribute.doc)}"
        for attribute in ADDRESSES[0].attributes
    ]
    return statements
