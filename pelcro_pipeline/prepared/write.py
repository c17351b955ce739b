"""The template files, written from the prepared tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.prepared.files import FLAT, header
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    ATTRIBUTES,
    CUSTOMERS,
    PLANS,
    PRODUCTS,
    SUBSCRIPTIONS,
)
from pelcro_pipeline.spec.kinds import DATE
from pelcro_pipeline.spec.sql import literal, quoted

#: Records of customers.csv that are joined and sorted at once: wide as they are, a million took 3.1 GB, a quarter 1.4.
_BATCH = 250_000


def write(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, settings: Settings, folder: Path
) -> dict[str, int]:
    """Write the files into ``folder``; returns the records of each. Needs ``prepared.tables``."""
    batches = {
        "customers": _customers(connection, manifest),
        "products": [f"SELECT record AS row, * FROM prepared_{PRODUCTS.object}"],
        "plans": [f"SELECT record AS row, * FROM prepared_{PLANS.object}"],
        FLAT: [_flat()],
    }
    records = dict.fromkeys(batches, 0)
    for name, queries in batches.items():
        columns = ", ".join(_written(column, settings) for column in header(name, manifest))
        path = folder / f"{name}.csv"
        order = "row, plan_row" if name == FLAT else "row"
        for query in queries:
            first = query is queries[0]
            written = path if first else path.with_suffix(".more")
            ((count,),) = connection.execute(
                f"COPY (SELECT {columns} FROM ({query}) prepared ORDER BY {order}) TO {literal(str(written))} "
                f"(FORMAT csv, HEADER {first}, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '')"
            ).fetchall()
            records[name] += count
            if not first:
                _append(written, path)
    return records


def _flat() -> str:
    """SQL of the guide's one flat file: a record for each plan, with its product, and for each product without plans."""
    return f"""SELECT product.record AS row, plan.record AS plan_row, product.* EXCLUDE (record, customer), plan.* EXCLUDE (record, customer)
        FROM prepared_{PRODUCTS.object} product
        LEFT JOIN prepared_{PLANS.object} plan ON {quoted("plan.temporary_product_id")} = {quoted(PRODUCTS.key)}"""


def _append(more: Path, path: Path) -> None:
    with more.open("rb") as given, path.open("ab") as whole:
        shutil.copyfileobj(given, whole, 1 << 20)
    more.unlink()


def _written(name: str, settings: Settings) -> str:
    if name in ATTRIBUTES and ATTRIBUTES[name].kind is DATE:
        written = f"strftime(try_cast({quoted(name)} AS DATE), {literal(settings.template_date_format.strptime)})"
        return f"{written} AS {quoted(name)}"
    return quoted(name)


def _customers(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> list[str]:
    """SQL of customers.csv, batch by batch: one record for each subscription, for each customer without
    one, and for each address that no other record carries; by the customers' first appearance."""
    _output_rows(connection, manifest)
    batches = _batches(connection)
    joins, selected = [], [f"customer.{quoted(name)}" for name in tables.columns(manifest, CUSTOMERS)]
    for table in ADDRESSES:
        names = [attribute.name for attribute in table.attributes]
        id_name = ADDRESS_IDS[table.object].name
        if id_name in manifest.address_ids:
            names.append(id_name)
        selected += [f"{table.object}.{quoted(name)}" for name in names]
        joins.append(
            f"LEFT JOIN candidate_{table.object} {table.object} ON {table.object}.record = output_row.{table.object}"
        )
    metadata = manifest.metadata[SUBSCRIPTIONS.object]
    selected += [
        f"subscription.{quoted(name)}"
        for name in [*(attribute.name for attribute in SUBSCRIPTIONS.attributes), *metadata]
    ]
    return [
        f"""
        WITH {", ".join(_candidates(name, batch, low, high) for name in _ASSIGNED)}
        SELECT output_row.row, {", ".join(selected)}
        FROM (FROM output_row WHERE batch = {batch}) output_row
        JOIN (FROM complete_customer WHERE record BETWEEN {low} AND {high}) customer ON customer.record = output_row.first_record
        LEFT JOIN candidate_subscription subscription ON subscription.record = output_row.subscription
        {" ".join(joins)}"""
        for batch, low, high in batches
    ]


#: What a record of customers.csv carries beside its customer.
_ASSIGNED = (SUBSCRIPTIONS.object, *(table.object for table in ADDRESSES))


def _batches(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, int]]:
    """Each batch of ``output_row`` with the first and last record that its customers first appear in.

    Most of what a customer carries was delivered beside it, so a batch reads its own part of the
    conversion alone; what was delivered elsewhere is put into ``elsewhere_<object>`` once for all batches.
    """
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE batch AS
        SELECT batch, min(first_record) AS low, max(first_record) AS high FROM output_row GROUP BY batch ORDER BY batch"""
    )
    for name in _ASSIGNED:
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE elsewhere_{name} AS
            WITH elsewhere AS (
                SELECT DISTINCT batch, {name} AS record FROM output_row JOIN batch USING (batch)
                WHERE {name} NOT BETWEEN low AND high
            )
            FROM prepared_{name} JOIN elsewhere USING (record)"""
        )
    return connection.execute("FROM batch").fetchall() or [(0, 0, 0)]


def _candidates(name: str, batch: int, low: int, high: int) -> str:
    """SQL of what a batch's records can carry, as a table of its ``WITH``."""
    return f"""candidate_{name} AS NOT MATERIALIZED (
            FROM prepared_{name} WHERE record BETWEEN {low} AND {high}
            UNION ALL SELECT * EXCLUDE batch FROM elsewhere_{name} WHERE batch = {batch})"""


#: The order of a customer's records in customers.csv, its first appearance being ``record``.
ORDER = f"record, subscription, left_over NULLS FIRST, {', '.join(table.object for table in ADDRESSES)}"


def _output_rows(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """The temporary table ``output_row``: which customer, addresses and subscription each record carries, by its row."""
    assign(connection, manifest, "prepared")
    addresses = ", ".join(table.object for table in ADDRESSES)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE output_row AS
        WITH ordered AS (
            SELECT row_number() OVER (ORDER BY {ORDER}) - 1 AS row,
                record AS first_record, subscription, {addresses}
            FROM assignment JOIN prepared_customer USING (customer)
        )
        SELECT row // {_BATCH} AS batch, * FROM ordered"""
    )


def assign(connection: duckdb.DuckDBPyConnection, manifest: Manifest, objects: str) -> None:
    """The temporary table ``assignment``: the subscription and the addresses of each record of customers.csv.

    It is of the customers of the relations ``<objects>_<object>``, of which it reads ``record`` and ``customer``. A
    subscription carries the addresses that it has (``subscription_address``), a customer without one its first of
    each type. Where ids tell addresses apart, those that nobody carries follow, each in a record of its own.
    """
    has = ", ".join(f"has.{table.object.removesuffix('_address')} AS {table.object}" for table in ADDRESSES)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE assignment AS
        SELECT customer, {has}, record AS subscription, NULL::BIGINT AS left_over
        FROM {objects}_subscription LEFT JOIN subscription_address has ON has.subscription = record
        UNION ALL
        SELECT customer, {has}, NULL, NULL
        FROM {objects}_customer ANTI JOIN {objects}_subscription USING (customer)
        LEFT JOIN customer_address has USING (customer)"""
    )
    for table in ADDRESSES:
        if ADDRESS_IDS[table.object].name in manifest.address_ids:
            own = ", ".join("record" if other is table else "NULL" for other in ADDRESSES)
            connection.execute(
                f"""INSERT INTO assignment SELECT customer, {own}, NULL, record FROM {objects}_{table.object}
                WHERE record NOT IN (SELECT {table.object} FROM assignment WHERE {table.object} IS NOT NULL)"""
            )
