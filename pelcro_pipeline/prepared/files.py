"""The template files: what staging and production are both loaded from."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery.reading import Reading
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import ADDRESSES, ATTRIBUTES, CUSTOMERS, PLANS, PRODUCTS, SUBSCRIPTIONS, TEMPLATES
from pelcro_pipeline.spec.headers import template
from pelcro_pipeline.spec.kinds import DATE
from pelcro_pipeline.spec.sql import literal, quoted

NAMES = tuple(TEMPLATES)


def header(name: str, reading: Reading) -> list[str]:
    """A prepared file's columns: the template's in the guide's order, address ids and metadata behind."""
    metadata = {each for table in TEMPLATES[name] for each in reading.metadata[table.object]}
    address_ids = list(reading.address_ids) if CUSTOMERS in TEMPLATES[name] else []
    return template(name) + address_ids + sorted(metadata)


def write(connection: duckdb.DuckDBPyConnection, reading: Reading, settings: Settings, folder: Path) -> dict[str, int]:
    """Write the three files into ``folder``; gives the records of each. Needs ``prepared.tables``."""
    queries = {
        "customers": _customers(connection, reading),
        "products": f"FROM prepared_{PRODUCTS.object}",
        "plans": f"FROM prepared_{PLANS.object}",
    }
    order = {"customers": "ORDER BY first_record, record, leftover"}
    records = {}
    for name, query in queries.items():
        columns = ", ".join(_written(column, settings) for column in header(name, reading))
        path = folder / f"{name}.csv"
        ((records[name],),) = connection.execute(
            f"COPY (SELECT {columns} FROM ({query}) prepared {order.get(name, 'ORDER BY record')}) "
            f"TO {literal(str(path))} (FORMAT csv, HEADER, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '')"
        ).fetchall()
    return records


def _written(name: str, settings: Settings) -> str:
    if name in ATTRIBUTES and ATTRIBUTES[name].kind is DATE:
        written = f"strftime(try_cast({quoted(name)} AS DATE), {literal(settings.template_date_format.strptime)})"
        return f"{written} AS {quoted(name)}"
    return quoted(name)


def _customers(connection: duckdb.DuckDBPyConnection, reading: Reading) -> str:
    """SQL of customers.csv: one record for each subscription, for each customer without one, and for
    each address that no other record carries; by the customers' first appearance."""
    _carriers(connection, reading)
    joins, selected = [], [f"customer.{quoted(name)}" for name in tables.columns(reading, CUSTOMERS)]
    for table in ADDRESSES:
        names = [attribute.name for attribute in table.attributes]
        id_name = f"{table.object}_id"
        if id_name in reading.address_ids:
            names.append(id_name)
        selected += [f"{table.object}.{quoted(name)}" for name in names]
        joins.append(
            f"LEFT JOIN prepared_{table.object} {table.object} ON {table.object}.record = carrier.{table.object}"
        )
    metadata = reading.metadata[SUBSCRIPTIONS.object]
    selected += [
        f"subscription.{quoted(name)}"
        for name in [*(attribute.name for attribute in SUBSCRIPTIONS.attributes), *metadata]
    ]
    return f"""
        SELECT customer.record AS first_record, carrier.subscription AS record, carrier.leftover, {", ".join(selected)}
        FROM carrier
        JOIN complete_customer customer ON customer.customer = carrier.customer
        LEFT JOIN prepared_subscription subscription ON subscription.record = carrier.subscription
        {" ".join(joins)}"""


def _carriers(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    """The temporary table ``carrier``: which subscription and which addresses a record carries.

    Without address ids a customer has one address of a type, and every record carries it. With
    them a record carries its own, or else the one that it names, or else the customer's first; what
    is left over follows.
    """
    first = {
        table.object: f"SELECT customer, min(record) AS record FROM prepared_{table.object} GROUP BY customer"
        for table in ADDRESSES
    }
    own_joins, own_values, left_over = "", [], []
    for table in ADDRESSES:
        object_ = table.object
        own_joins += f" LEFT JOIN ({first[object_]}) first_{object_} USING (customer)"
        if f"{object_}_id" in reading.address_ids:
            own_joins += f"""
                LEFT JOIN (
                    SELECT record, record AS own FROM prepared_{object_}
                    UNION ALL SELECT record, into_record FROM merged WHERE object = {literal(object_)}
                ) own_{object_} ON own_{object_}.record = holder.subscription
                LEFT JOIN prepared_{object_} named_{object_} ON named_{object_}.customer = holder.customer
                    AND named_{object_}.{object_}_id = holder.{object_}_id"""
            own_values.append(
                f"coalesce(own_{object_}.own, named_{object_}.record, first_{object_}.record) AS {object_}"
            )
            left_over.append(
                f"SELECT customer, {', '.join('record' if other is table else 'NULL' for other in ADDRESSES)}, NULL, record "
                f"FROM prepared_{object_} address WHERE record NOT IN (SELECT {object_} FROM carrier WHERE {object_} IS NOT NULL)"
            )
        else:
            own_values.append(f"first_{object_}.record AS {object_}")
    ids = ", ".join(quoted(f"{table.object}_id") for table in ADDRESSES)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE carrier AS
        WITH holder AS (
            SELECT customer, record AS subscription, {ids} FROM prepared_subscription
            UNION ALL BY NAME
            SELECT customer, NULL::BIGINT AS subscription FROM prepared_customer
            ANTI JOIN prepared_subscription USING (customer)
        )
        SELECT holder.customer, {", ".join(own_values)}, holder.subscription, NULL::BIGINT AS leftover
        FROM holder {own_joins}"""
    )
    for statement in left_over:
        connection.execute(f"INSERT INTO carrier {statement}")
