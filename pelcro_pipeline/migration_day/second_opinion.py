"""The forecast held against the day-by-day simulation, which shares no code with it: to the cent, for every subscription."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import islice

import duckdb
import pyarrow as pa

from pelcro_pipeline.migration_day.relations import Terms
from pelcro_pipeline.migration_day.simulation import Outcome, Subscription, simulate

#: How many subscriptions are simulated at most; of more, the first.
MOST = 10_000
#: How many are named of those that the two tell otherwise.
_NAMED = 5
_STATE = {
    "record": pa.int64(),
    "unpaid_case": pa.string(),
    "state": pa.string(),
    "collection_method": pa.string(),
    "iterations": pa.int64(),
    "period_end": pa.date32(),
}
_INVOICE = {
    "record": pa.int64(),
    "amount": pa.int64(),
    "currency": pa.string(),
    "collection_method": pa.string(),
    "is_charge_attempted": pa.bool_(),
    "due_on": pa.date32(),
    "uncollectible_on": pa.date32(),
}
_EVENT = {
    "record": pa.int64(),
    "date": pa.date32(),
    "what": pa.string(),
    "amount": pa.decimal128(38, 0),
    "currency": pa.string(),
}


def disagreements(
    connection: duckdb.DuckDBPyConnection,
    subscriptions: Iterable[Subscription],
    terms: Terms,
) -> tuple[int, list[str]]:
    """How many subscriptions were simulated, and what of them the two tell otherwise: a sentence for each of the first few.

    ``connection`` has the relations ``subscription_state``, ``invoice``, ``event`` and ``payable_until`` for the day of the terms.
    """
    payable_until = dict(connection.execute("FROM payable_until").fetchall())
    simulated = [_simulated(each, terms, payable_until) for each in islice(subscriptions, MOST)]
    connection.register("simulated_record", pa.table({"record": [outcome.record for outcome, _ in simulated]}))
    told = []
    for name, rows, columns, source in (
        ("state", _states(simulated), _STATE, "subscription_state"),
        ("invoice", _invoices(simulated), _INVOICE, "(FROM invoice WHERE is_chosen)"),
        ("event", _events(simulated), _EVENT, "event"),
    ):
        connection.register(f"simulated_{name}", pa.Table.from_pylist(rows, pa.schema(columns.items())))
        told += _differing(connection, name, ", ".join(columns), source)
    return len(simulated), told


def _differing(connection: duckdb.DuckDBPyConnection, name: str, columns: str, source: str) -> list[str]:
    stands = f"SELECT {columns} FROM {source} SEMI JOIN simulated_record USING (record)"
    lived = f"SELECT {columns} FROM simulated_{name}"
    return [
        f"{name} by the {side} alone, of record {row[0]}: {', '.join(map(str, row[1:]))}"
        for side, first, second in (("queries", stands, lived), ("simulation", lived, stands))
        for row in connection.execute(f"({first}) EXCEPT ALL ({second}) ORDER BY ALL LIMIT {_NAMED}").fetchall()
    ]


def _simulated(
    subscription: Subscription, terms: Terms, payable_until: Mapping[str, date]
) -> tuple[Outcome, Subscription]:
    until = payable_until.get(subscription.customer)
    return simulate(subscription, terms.day, terms.reading.value, terms.write_off_days, until), subscription


def _states(simulated: list[tuple[Outcome, Subscription]]) -> list[dict]:
    return [
        {
            "record": outcome.record,
            "unpaid_case": outcome.state.case,
            "state": outcome.state.name,
            "collection_method": outcome.state.collection_method,
            "iterations": outcome.state.iterations,
            "period_end": outcome.state.period_end,
        }
        for outcome, _ in simulated
    ]


def _invoices(simulated: list[tuple[Outcome, Subscription]]) -> list[dict]:
    return [
        {
            "record": outcome.record,
            "amount": invoice.amount,
            "currency": invoice.currency,
            "collection_method": invoice.collection_method,
            "is_charge_attempted": invoice.is_charged,
            "due_on": invoice.due_date,
            "uncollectible_on": invoice.uncollectible_on,
        }
        for outcome, _ in simulated
        if (invoice := outcome.invoice)
    ]


def _events(simulated: list[tuple[Outcome, Subscription]]) -> list[dict]:
    return [
        {
            "record": outcome.record,
            "date": event.date,
            "what": event.what,
            "amount": event.amount,
            "currency": subscription.currency,
        }
        for outcome, subscription in simulated
        for event in outcome.events
    ]
