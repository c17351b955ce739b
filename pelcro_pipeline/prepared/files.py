"""The template files: what staging and production are both loaded from."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery.reading import Reading
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    ATTRIBUTES,
    CUSTOMERS,
    PLANS,
    PRODUCTS,
    SUBSCRIPTIONS,
    TEMPLATES,
)
from pelcro_pipeline.spec.headers import template
from pelcro_pipeline.spec.kinds import DATE
from pelcro_pipeline.spec.sql import literal, quoted

NAMES = tuple(TEMPLATES)
#: Records of customers.csv that are joined and sorted at once: wide as they are, a million took 3.1 GB, a quarter 1.4.
_STRETCH = 250_000


def header(name: str, reading: Reading) -> list[str]:
    """A prepared file's columns: the template's in the guide's order, address ids and metadata behind."""
    metadata = {each for table in TEMPLATES[name] for each in reading.metadata[table.object]}
    address_ids = list(reading.address_ids) if CUSTOMERS in TEMPLATES[name] else []
    return template(name) + address_ids + sorted(metadata)


def write(connection: duckdb.DuckDBPyConnection, reading: Reading, settings: Settings, folder: Path) -> dict[str, int]:
    """Write the three files into ``folder``; gives the records of each. Needs ``prepared.tables``."""
    stretches = {
        "customers": _customers(connection, reading),
        "products": [f"SELECT record AS place, * FROM prepared_{PRODUCTS.object}"],
        "plans": [f"SELECT record AS place, * FROM prepared_{PLANS.object}"],
    }
    records = dict.fromkeys(stretches, 0)
    for name, queries in stretches.items():
        columns = ", ".join(_written(column, settings) for column in header(name, reading))
        path = folder / f"{name}.csv"
        for query in queries:
            first = query is queries[0]
            written = path if first else path.with_suffix(".more")
            ((count,),) = connection.execute(
                f"COPY (SELECT {columns} FROM ({query}) prepared ORDER BY place) TO {literal(str(written))} "
                f"(FORMAT csv, HEADER {first}, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '')"
            ).fetchall()
            records[name] += count
            if not first:
                _append(written, path)
    return records


def _append(more: Path, path: Path) -> None:
    with more.open("rb") as given, path.open("ab") as whole:
        shutil.copyfileobj(given, whole, 1 << 20)
    more.unlink()


def _written(name: str, settings: Settings) -> str:
    if name in ATTRIBUTES and ATTRIBUTES[name].kind is DATE:
        written = f"strftime(try_cast({quoted(name)} AS DATE), {literal(settings.template_date_format.strptime)})"
        return f"{written} AS {quoted(name)}"
    return quoted(name)


def _customers(connection: duckdb.DuckDBPyConnection, reading: Reading) -> list[str]:
    """SQL of customers.csv, stretch by stretch: one record for each subscription, for each customer without
    one, and for each address that no other record carries; by the customers' first appearance."""
    _carriers(connection, reading)
    stretches = _stretches(connection)
    joins, selected = [], [f"customer.{quoted(name)}" for name in tables.columns(reading, CUSTOMERS)]
    for table in ADDRESSES:
        names = [attribute.name for attribute in table.attributes]
        id_name = ADDRESS_IDS[table.object].name
        if id_name in reading.address_ids:
            names.append(id_name)
        selected += [f"{table.object}.{quoted(name)}" for name in names]
        joins.append(
            f"LEFT JOIN carriable_{table.object} {table.object} ON {table.object}.record = carrier.{table.object}"
        )
    metadata = reading.metadata[SUBSCRIPTIONS.object]
    selected += [
        f"subscription.{quoted(name)}"
        for name in [*(attribute.name for attribute in SUBSCRIPTIONS.attributes), *metadata]
    ]
    return [
        f"""
        WITH {", ".join(_carriable(name, stretch, low, high) for name in _CARRIED)}
        SELECT carrier.place, {", ".join(selected)}
        FROM (FROM carrier WHERE stretch = {stretch}) carrier
        JOIN (FROM complete_customer WHERE record BETWEEN {low} AND {high}) customer ON customer.record = carrier.first_record
        LEFT JOIN carriable_subscription subscription ON subscription.record = carrier.subscription
        {" ".join(joins)}"""
        for stretch, low, high in stretches
    ]


#: What a record of customers.csv carries beside its customer.
_CARRIED = (SUBSCRIPTIONS.object, *(table.object for table in ADDRESSES))


def _stretches(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, int]]:
    """Each stretch of ``carrier`` with the first and last record that its customers first appear in.

    Most of what a customer carries was delivered beside it, so a stretch reads its own part of the
    conversion alone; what was delivered elsewhere is put into ``far_<object>`` once for all stretches.
    """
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE stretch AS
        SELECT stretch, min(first_record) AS low, max(first_record) AS high FROM carrier GROUP BY stretch ORDER BY stretch"""
    )
    for name in _CARRIED:
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE far_{name} AS
            WITH far AS (
                SELECT DISTINCT stretch, {name} AS record FROM carrier JOIN stretch USING (stretch)
                WHERE {name} NOT BETWEEN low AND high
            )
            FROM prepared_{name} JOIN far USING (record)"""
        )
    return connection.execute("FROM stretch").fetchall() or [(0, 0, 0)]


def _carriable(name: str, stretch: int, low: int, high: int) -> str:
    """SQL of what a stretch's records can carry, as a table of its ``WITH``."""
    return f"""carriable_{name} AS NOT MATERIALIZED (
            FROM prepared_{name} WHERE record BETWEEN {low} AND {high}
            UNION ALL SELECT * EXCLUDE stretch FROM far_{name} WHERE stretch = {stretch})"""


def _carriers(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    """The temporary table ``carrier``: which customer, addresses and subscription each record carries, by its place.

    Without address ids a customer has one address of a type, and every record carries it. With
    them a record carries its own, or else the one that it names; the customer's first where it
    names none and has none, not even one that fell. What is left over follows.
    """
    first = {
        table.object: f"SELECT customer, min(record) AS record FROM prepared_{table.object} GROUP BY customer"
        for table in ADDRESSES
    }
    own_joins, own_values, left_over = "", [], []
    for table in ADDRESSES:
        object_ = table.object
        own_joins += f" LEFT JOIN ({first[object_]}) first_{object_} USING (customer)"
        id_name = ADDRESS_IDS[object_].name
        if id_name in reading.address_ids:
            own_joins += f"""
                LEFT JOIN (
                    SELECT record, record AS own FROM prepared_{object_}
                    UNION ALL SELECT record, into_record FROM merged WHERE object = {literal(object_)}
                ) own_{object_} ON own_{object_}.record = holder.subscription
                LEFT JOIN (SELECT record, true AS fell FROM fate WHERE object = {literal(object_)} AND disposition = 'rejected')
                    lost_{object_} ON lost_{object_}.record = holder.subscription
                LEFT JOIN prepared_{object_} named_{object_} ON named_{object_}.customer = holder.customer
                    AND named_{object_}.{id_name} = holder.{id_name}"""
            own_values.append(
                f"coalesce(own_{object_}.own, named_{object_}.record, CASE WHEN holder.{id_name} IS NULL "
                f"AND lost_{object_}.fell IS NULL THEN first_{object_}.record END) AS {object_}"
            )
            left_over.append(
                f"SELECT customer, {', '.join('record' if other is table else 'NULL' for other in ADDRESSES)}, NULL, record "
                f"FROM prepared_{object_} address WHERE record NOT IN (SELECT {object_} FROM carried WHERE {object_} IS NOT NULL)"
            )
        else:
            own_values.append(f"first_{object_}.record AS {object_}")
    ids = ", ".join(quoted(attribute.name) for attribute in ADDRESS_IDS.values())
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE carried AS
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
        connection.execute(f"INSERT INTO carried {statement}")
    addresses = ", ".join(table.object for table in ADDRESSES)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE carrier AS
        WITH ordered AS (
            SELECT row_number() OVER (ORDER BY record, subscription, leftover NULLS FIRST, {addresses}) - 1 AS place,
                record AS first_record, subscription, {addresses}
            FROM carried JOIN prepared_customer USING (customer)
        )
        SELECT place // {_STRETCH} AS stretch, * FROM ordered"""
    )
