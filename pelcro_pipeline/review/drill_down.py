"""From each figure of the statistics to its rows: SQL for the ``duckdb`` shell, opened in the workspace's folder.

Each statement stands alone, and has as many rows as its figure says. A figure whose rows lie in no file that people open has
none: what was delivered, merged, rejected, excluded, cleared or inferred of a single attribute, segment, product or plan.
"""

from __future__ import annotations

import pandas as pd

from pelcro_pipeline.review.statistics import DUMP, PREPARED, PRODUCTION, STAGING, Measure, measures
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    CUSTOMER_ID,
    CUSTOMERS,
    PLANS,
    PRODUCTS,
    SECRETS,
    SUBSCRIPTIONS,
    TEMPLATES,
)
from pelcro_pipeline.spec.model import Table
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.spec.target import ADDRESS_ID, RECORD, TARGET_OF, address_type

_PLAN_ID = "subscription.common_metadata.temporary_plan_id"
_PRODUCT_OF_PLAN = "plan.temporary_product_id"
_TARGETS = {STAGING: "staging", PRODUCTION: "production"}
#: Which customers, products or plans a column counts, by what became of their records.
_OF_OBJECTS = {
    DUMP: "bool_or(disposition <> 'merged')",
    "Rejected": "bool_or(disposition = 'rejected') AND NOT bool_or(disposition = 'prepared')",
    "Excluded": "bool_or(disposition = 'excluded') AND NOT bool_or(disposition IN ('prepared', 'rejected'))",
}
_OF_RECORDS = {
    DUMP: "disposition <> 'merged'",
    "Merged": "disposition = 'merged'",
    "Rejected": "disposition = 'rejected'",
    "Excluded": "disposition = 'excluded'",
}


def queries(statistics: pd.DataFrame, extract: str) -> dict[tuple[str, str], dict[str, str]]:
    """By section and attribute the statement of each column that has one; of production only where it is counted."""
    measured = {(each.section, each.name): each for each in measures(statistics)}
    own_ids = {each.attribute for each in measured.values() if each.attribute} & {
        attribute.name for attribute in ADDRESS_IDS.values()
    }
    listed = {}
    for section, name, produced in zip(
        statistics["Section"], statistics["Attribute"], statistics[PRODUCTION].notna(), strict=True
    ):
        targets = [column for column in _TARGETS if column == STAGING or produced]
        if measure := measured.get((section, name)):
            columns = {PREPARED: _prepared(measure, extract, own_ids)}
            columns |= {column: _loaded(measure, extract, _TARGETS[column]) for column in targets}
            if measure.attribute is None:
                columns |= _disposed(measure.table, extract)
        else:
            columns = {PREPARED: _prepared_by_name(section, name, extract)}
            columns |= {column: _loaded_by_name(section, name, extract, _TARGETS[column]) for column in targets}
        listed[section, name] = columns
    return listed


def _csv(path: str) -> str:
    return f"read_csv({literal(path)}, header = true, delim = ',', quote = '\"', escape = '\"', all_varchar = true)"


def _file(table: Table, extract: str) -> str:
    (name,) = (name for name, tables in TEMPLATES.items() if table in tables)
    return _csv(f"prepared/{extract}/{name}.csv")


def _select(columns: list[str], source: str, conditions: list[str], distinct: list[str] | None = None) -> str:
    once = f"DISTINCT ON ({', '.join(map(quoted, distinct))}) " if distinct else ""
    listed = ", ".join(map(quoted, dict.fromkeys(columns)))
    where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {once}{listed}\nFROM {source}{where};"


def _attached(extract: str, target: str) -> str:
    return f"ATTACH IF NOT EXISTS {literal(f'{target}/{extract}.duckdb')} AS {target} (READ_ONLY);\n"


def _held(measure: Measure, column: str) -> list[str]:
    """The conditions of a measure's column, none where it counts the objects."""
    if measure.attribute is None:
        return []
    return [
        f"{quoted(column)} IS NOT NULL" if measure.value is None else f"{quoted(column)} = {literal(measure.value)}"
    ]


def _shown(measure: Measure) -> list[str]:
    return [measure.attribute] if measure.attribute and measure.attribute not in SECRETS else []


def _prepared(measure: Measure, extract: str, own_ids: set[str]) -> str:
    table, distinct, held = measure.table, None, _held(measure, measure.attribute or "")
    if table is CUSTOMERS:
        columns = distinct = [CUSTOMER_ID]
    elif table in ADDRESSES:
        columns = distinct = [CUSTOMER_ID, *({ADDRESS_IDS[table.object].name} & own_ids)]
        # A customer's record without an address has none of its cells.
        held = [f"{quoted(table.prefix + 'line1')} IS NOT NULL", *held]
    elif table is SUBSCRIPTIONS:
        columns, held = [CUSTOMER_ID, _PLAN_ID], [f"{quoted(_PLAN_ID)} IS NOT NULL", *held]
    else:
        columns = [table.key]
    return _select([*columns, *_shown(measure)], _file(table, extract), list(dict.fromkeys(held)), distinct)


def _loaded(measure: Measure, extract: str, target: str) -> str:
    table = measure.table
    loaded = TARGET_OF[table.object]
    if measure.attribute in {attribute.name for attribute in ADDRESS_IDS.values()}:
        shown, held = [ADDRESS_ID], [f"{ADDRESS_ID} <> ''"]
    else:
        shown = [loaded.column(name, table) for name in _shown(measure)]
        held = _held(measure, loaded.column(measure.attribute, table)) if measure.attribute else []
    if table in ADDRESSES:
        columns, held = [CUSTOMER_ID, "type", ADDRESS_ID], [f"type = {literal(address_type(table))}", *held]
    else:
        columns = [CUSTOMER_ID, RECORD] if table is SUBSCRIPTIONS else [table.key]
    return _attached(extract, target) + _select([*columns, *shown], f"{target}.{loaded.name}", held)


def _disposed(table: Table, extract: str) -> dict[str, str]:
    """Of the objects, what became of them."""
    ledger, of_table = _csv(f"reports/{extract}/ledger.csv"), f"object = {literal(table.object)}"
    columns = ["file", "line", "key", "rule", "detail"]
    by_record = {column: _select(columns, ledger, [of_table, condition]) for column, condition in _OF_RECORDS.items()}
    if table not in (CUSTOMERS, PRODUCTS, PLANS):
        return by_record
    # However many records name it, it is one; a record that could not be read names nobody.
    return by_record | {
        column: f"SELECT key, list(file || ':' || line) AS records, list(rule) AS rules\nFROM {ledger}\nWHERE {of_table}\n"
        f"GROUP BY key, if(key IS NULL, file || ':' || line, NULL)\nHAVING {condition};"
        for column, condition in _OF_OBJECTS.items()
    }


def _named(section: str, name: str) -> str:
    """The condition of a product or plan by the name that the statistics give it: with its id where several have it."""
    id_, called = (PRODUCTS.key, "product.name") if section.endswith("product") else (PLANS.key, "plan.nickname")
    return f"{literal(name)} IN (coalesce({quoted(called)}, {quoted(id_)}), {quoted(called)} || ' (' || {quoted(id_)} || ')')"


def _by_name(section: str, name: str, subscriptions: str, plans: str, products: str) -> str:
    source = f"{subscriptions}\nJOIN {plans} ON {quoted(_PLAN_ID)} = {quoted(PLANS.key)}"
    if section.endswith("product"):
        source += f"\nJOIN {products} ON {quoted(_PRODUCT_OF_PLAN)} = {quoted(PRODUCTS.key)}"
    distinct = [CUSTOMER_ID] if section.startswith("Customers") else None
    columns = [CUSTOMER_ID, _PLAN_ID] if distinct is None else [CUSTOMER_ID]
    return _select(columns, source, [_named(section, name)], distinct)


def _prepared_by_name(section: str, name: str, extract: str) -> str:
    return _by_name(section, name, *(_file(each, extract) for each in (SUBSCRIPTIONS, PLANS, PRODUCTS)))


def _loaded_by_name(section: str, name: str, extract: str, target: str) -> str:
    tables = (f"{target}.{TARGET_OF[each.object].name}" for each in (SUBSCRIPTIONS, PLANS, PRODUCTS))
    return _attached(extract, target) + _by_name(section, name, *tables)
