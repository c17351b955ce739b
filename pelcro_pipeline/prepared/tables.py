"""The prepared tables: each object that stands, with the values that stand."""

from __future__ import annotations

import duckdb

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.rules import results
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import CUSTOMER_ID, CUSTOMERS, PLANS, SUBSCRIPTIONS, TABLES, sql
from pelcro_pipeline.spec.model import Table
from pelcro_pipeline.spec.sql import literal, quoted

_IMPORT_ONLY = "customer.common_metadata.import_only_the_customer"


def create_views(connection: duckdb.DuckDBPyConnection, manifest: Manifest, settings: Settings) -> None:
    """A view ``prepared_<object>`` for each object: ``record``, ``customer`` and its columns.

    And ``complete_customer``, which says of each whether anything but the customer is imported.
    Needs ``rules.results.attach``.
    """
    for table in TABLES:
        source = "golden_record" if table is CUSTOMERS else f"converted_{table.object}"
        selected = ", ".join(f"{value} AS {quoted(name)}" for name, value in _values(manifest, table, settings).items())
        amended = _amended(manifest, table)
        connection.execute(
            f"""CREATE OR REPLACE TEMP VIEW prepared_{table.object} AS
            SELECT source.record, source.customer, {selected}
            FROM {source} source
            ANTI JOIN (SELECT record FROM not_prepared WHERE object = {literal(table.object)}) gone ON gone.record = source.record
            {f"LEFT JOIN ({_amendments(table, amended)}) amended ON amended.record = source.record" if amended else ""}"""
        )
    # Derived, and no finding: whether anything but the customer is imported is known only here.
    for statement in (
        """CREATE OR REPLACE TEMP TABLE imported_alone AS
        SELECT record FROM prepared_customer ANTI JOIN prepared_subscription USING (customer)""",
        f"""CREATE OR REPLACE TEMP VIEW complete_customer AS
        SELECT prepared_customer.* REPLACE (if(alone.record IS NULL, '0', '1') AS {quoted(_IMPORT_ONLY)})
        FROM prepared_customer LEFT JOIN imported_alone alone USING (record)""",
    ):
        connection.execute(statement)


def create_typed_views(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """The views ``subscriptions``, ``plans`` and ``customers``: what is prepared by the names and types of a target. A subscription's
    ``record`` is that of the delivery. Needs ``create_views``."""
    first = {SUBSCRIPTIONS: f"record, customer AS {quoted(CUSTOMER_ID)}, ", PLANS: "", CUSTOMERS: ""}
    for table, own in first.items():
        storage = {attribute.name: attribute.kind.storage for attribute in table.attributes}
        columns = ", ".join(
            f"{quoted(name)}::{storage.get(name, 'VARCHAR')} AS {quoted(name)}"
            for name in tables.columns(manifest, table)
        )
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {table.name} AS SELECT {own}{columns} FROM prepared_{table.object}"
        )


def _amended(manifest: Manifest, table: Table) -> list[str]:
    """The attributes whose standing value may lie in an amendment."""
    amended = results.amended(manifest)
    return [attribute.name for attribute in table.attributes if attribute.name in amended]


def _amendments(table: Table, amended: list[str]) -> str:
    values = ", ".join(
        f"min(result) FILTER (attribute = {literal(name)}) AS {_amended_value(name)}, "
        f"coalesce(bool_or(attribute = {literal(name)}), false) AS {_is_amended(name)}"
        for name in amended
    )
    return f"SELECT record, {values} FROM amendment WHERE object = {literal(table.object)} GROUP BY record"


def _amended_value(name: str) -> str:
    return quoted(f"{name} amended")


def _is_amended(name: str) -> str:
    return quoted(f"{name} is amended")


def _values(manifest: Manifest, table: Table, settings: Settings) -> dict[str, str]:
    """SQL of each column's standing value."""
    known = {attribute.name: attribute for attribute in table.attributes}
    amended = _amended(manifest, table)
    constants = sql.constants(settings.today, settings.currency)
    values = {}
    for name in tables.columns(manifest, table):
        if name == CUSTOMER_ID:
            values[name] = "source.customer"
            continue
        # The values that stand of a customer have been put together from all its records.
        stands = name in known and table is not CUSTOMERS
        value = sql.effective_value(table, known[name], constants) if stands else quoted(name)
        if name in amended:
            value = f"CASE WHEN {_is_amended(name)} THEN {_amended_value(name)} ELSE {value} END"
        values[name] = value
    return values
