"""The spec as the tables of a target: types, keys and checks."""

from __future__ import annotations

from pelcro_pipeline.spec import (
    ADDRESS_IDS,
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


def create(metadata: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Each table's CREATE TABLE, in the order of ``TARGET_TABLES``, with the metadata columns that an extract carries.

    What a row can break alone, and foreign keys, stand here; ``keys`` follow when the rows are in.
    """

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
    ]
    subscriptions = [
        f"{RECORD} BIGINT NOT NULL",
        f"{quoted(CUSTOMER_ID)} VARCHAR NOT NULL REFERENCES customers ({quoted(CUSTOMER_ID)})",
        *(f"{quoted(attribute.name)} VARCHAR" for attribute in ADDRESS_IDS.values()),
        *columns(SUBSCRIPTIONS),
        f'FOREIGN KEY ({quoted(_PLAN_ID)}) REFERENCES plans ("plan.old_id")',
    ]
    plans = [
        *columns(PLANS),
        'FOREIGN KEY ("plan.temporary_product_id") REFERENCES products ("product.id")',
    ]
    parts = {
        "products": columns(PRODUCTS),
        "plans": plans,
        "customers": columns(CUSTOMERS),
        "addresses": addresses,
        "subscriptions": subscriptions,
    }
    return {name: _create(name, parts[name]) for name in TARGET_TABLES}


def keys(name: str) -> list[str]:
    """The keys and comments of a table, for when its rows are in: built at once they cost half of row by row."""
    statements = [f"ALTER TABLE {name} ADD PRIMARY KEY ({', '.join(_PRIMARY_KEYS[name])})"]
    if name == "addresses":
        documented = {
            address_column(attribute, BILLING_ADDRESSES): attribute for attribute in BILLING_ADDRESSES.attributes
        }
    else:
        documented = {attribute.name: attribute for attribute in _TABLES[name].attributes}
    for column, attribute in documented.items():
        if attribute.unique and quoted(column) not in _PRIMARY_KEYS[name]:
            index = quoted(f"{column} unique")
            statements.append(f"CREATE UNIQUE INDEX {index} ON {name} ({quoted(column)})")
        statements.append(f"COMMENT ON COLUMN {name}.{quoted(column)} IS {literal(attribute.doc)}")
    return statements


_TABLES = {"products": PRODUCTS, "plans": PLANS, "customers": CUSTOMERS, "subscriptions": SUBSCRIPTIONS}
_PRIMARY_KEYS = {
    "products": (quoted(PRODUCTS.key),),
    "plans": (quoted(PLANS.key),),
    "customers": (quoted(CUSTOMER_ID),),
    "addresses": (quoted(CUSTOMER_ID), "type", ADDRESS_ID),
    "subscriptions": (RECORD,),
}


def _create(name: str, parts: list[str]) -> str:
    return "CREATE TABLE " + name + " (\n    " + ",\n    ".join(parts) + "\n)"


def _column(attribute: Attribute, name: str | None = None) -> str:
    column = quoted(name or attribute.name)
    parts = [column, attribute.kind.storage]
    if attribute.mandatory:
        parts.append("NOT NULL")
    match attribute.kind.domain:
        case OneOf(choices) if attribute.kind.storage == "VARCHAR":
            # A chain of comparisons for IN: over 249 countries it cost a fifth of the load of addresses.
            parts.append(f"CHECK (list_contains([{', '.join(map(literal, choices))}], {column}))")
        case OneOf(choices) if attribute.kind.storage == "TINYINT":
            parts.append(f"CHECK ({column} IN ({', '.join(choices)}))")
        case Pattern(minimum=int(minimum)):
            parts.append(f"CHECK ({column} >= {minimum})")
    return " ".join(parts)
