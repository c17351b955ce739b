"""The forecast: what the migration day and each of the 90 days after it bring, before anything is loaded and again from a target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
from pyarrow import parquet

from pelcro_pipeline.migration_day.card_map import CLASSES
from pelcro_pipeline.migration_day.relations import STATES, Terms, create, define, frame, whole
from pelcro_pipeline.spec.sql import escaped, literal

#: What is told of a day in each currency: counts, and money in the currency's smallest unit.
COUNTS = ("renewals", "expiries", "invoices", "charges", "due_invoices", "write_offs")
MONEY = ("invoiced", "charged", "due", "written_off")
#: What an event is told from.
EVENTS = (*STATES, "event")
_TOLD = (*EVENTS, *CLASSES, "forecast_day", "reading_total", "surprise", "gift_and_group")
#: What an event is compared by: the record is another in a delivery than in what is prepared.
_EVENT = """SELECT date, what, event.amount, event.currency, customer, old_id, plan
    FROM event JOIN migrating_subscription USING (record)"""
#: What each frame of a forecast is told by.
_FRAMES = {
    "days": "SELECT * EXCLUDE day FROM forecast_day ORDER BY currency, date",
    "readings": "SELECT * EXCLUDE day FROM reading_total ORDER BY is_chosen DESC, currency",
    "surprises": """SELECT surprise, currency, count(*) AS subscriptions, sum(amount) AS amount FROM surprise
        GROUP BY ALL ORDER BY surprise, currency""",
    "states": """SELECT coalesce(state.unpaid_case, '') AS "case", state.state, state.collection_method, subscription.currency,
            count(*) AS subscriptions, coalesce(sum(invoice.amount), 0) AS amount
        FROM subscription_state AS state
        JOIN migrating_subscription AS subscription USING (record)
        LEFT JOIN (FROM invoice WHERE is_chosen) AS invoice USING (record)
        GROUP BY ALL ORDER BY ALL""",
    "groups": """SELECT what, currency, subscriptions FROM gift_and_group
        WHERE subscriptions > 0 ORDER BY ordinal, currency""",
    "cards": "SELECT class, sentence, subscriptions, customers FROM card_class_count ORDER BY ordinal",
}
#: The columns of forecast_subscriptions.csv and surprises.csv, and those that hold delivered text.
_BY_SUBSCRIPTION = ("date", "what", "amount", "currency", "customer", "old_id", "plan")
_SURPRISES = ("surprise", "date", "amount", "currency", "customer", "old_id", "plan")
_DELIVERED = ("customer", "old_id", "plan")
_EVENTS_KEPT, _TERMS = "events", "terms.json"
#: How many subscriptions are named of those that are billed otherwise.
_NAMED = 5


@dataclass(frozen=True)
class Forecast:
    """What a migration day brings. Amounts are in the currency's smallest unit.

    ``days``: date, currency, and ``COUNTS`` and ``MONEY`` of each. ``readings``: reading, is_chosen, currency, invoices, invoiced,
    charged, sent, due, written_off. ``surprises``: surprise, currency, subscriptions, amount. ``states``: case, state,
    collection_method, currency, subscriptions, amount (of the invoices). ``groups``, of gifts and membership groups: what, currency,
    subscriptions. ``cards``: class, sentence, subscriptions, customers.
    """

    terms: Terms
    days: pd.DataFrame
    readings: pd.DataFrame
    surprises: pd.DataFrame
    states: pd.DataFrame
    groups: pd.DataFrame
    cards: pd.DataFrame

    @property
    def first_day(self) -> pd.DataFrame:
        """What the day itself brings, in each currency."""
        return self.days[self.days["date"] == self.terms.day]

    @property
    def totals(self) -> pd.DataFrame:
        """What the day and the 90 after it bring, in each currency."""
        return self.days.groupby("currency", as_index=False)[[*COUNTS, *MONEY]].sum()


def create_forecast(connection: duckdb.DuckDBPyConnection, terms: Terms) -> Forecast:
    """Make the relations of the forecast and return what they tell. ``connection`` has ``subscriptions``, ``plans`` and
    ``customers`` by a target's names and types."""
    define(connection, terms)
    create(connection, _TOLD)
    return Forecast(terms, **{name: frame(connection, query) for name, query in _FRAMES.items()})


def keep(connection: duckdb.DuckDBPyConnection, terms: Terms, folder: Path) -> None:
    """Keep a forecast in ``folder``, its terms, and every event for what is loaded later to be held against. Needs
    ``create_forecast``."""
    (folder / _TERMS).write_text(terms.model_dump_json(indent=1), encoding="utf-8")
    # By the record, and not by the customer: sorting by text took thrice the time.
    events = f"SELECT record, {_EVENT.removeprefix('SELECT ')} ORDER BY date, record, what"
    for name, query in {_EVENTS_KEPT: events, **_FRAMES}.items():
        connection.execute(f"COPY ({query}) TO {literal(str(_kept(folder, name)))} (FORMAT parquet)")


def kept_terms(folder: Path) -> Terms | None:
    """The terms of the forecast that was kept in ``folder``; None where none was."""
    path = folder / _TERMS
    return Terms.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def kept(folder: Path) -> Forecast | None:
    """The forecast that was kept in ``folder``; None where none was."""
    terms = kept_terms(folder)
    return terms and Forecast(terms, **{name: _read(_kept(folder, name)) for name in _FRAMES})


def _read(path: Path) -> pd.DataFrame:
    """A frame that was kept, as ``frame`` makes it."""
    table = parquet.read_table(path)
    rows = [{name: whole(cell) for name, cell in row.items()} for row in table.to_pylist()]
    return pd.DataFrame(rows, columns=table.column_names, dtype=object)


def difference(before: Forecast, after: Forecast) -> pd.DataFrame:
    """What a later forecast tells otherwise in money: currency, measure, before, after, difference; amounts in the currency's smallest
    unit. The day itself is told apart from the 90 days with it."""
    sides = [
        {
            (row["currency"], f"{measure} {when}"): row[measure]
            for when, frame_ in (("on the day", told.first_day), ("with the 90 days after", told.totals))
            for row in frame_.to_dict("records")
            for measure in ("invoiced", "charged")
        }
        for told in (before, after)
    ]
    rows = [
        (*key, sides[0].get(key, 0), sides[1].get(key, 0), sides[1].get(key, 0) - sides[0].get(key, 0))
        for key in sorted(sides[0].keys() | sides[1].keys())
    ]
    return pd.DataFrame(rows, columns=["currency", "measure", "before", "after", "difference"], dtype=object)


def write_subscriptions(connection: duckdb.DuckDBPyConnection, folder: Path, path: Path) -> None:
    """Write what each day brings to each subscription, as CSV, from the forecast that was kept in ``folder``."""
    connection.execute(
        f"""COPY (SELECT {escaped(_BY_SUBSCRIPTION, _DELIVERED)} FROM {_events(folder)})
        TO {literal(str(path))} (FORMAT csv, HEADER)"""
    )


def write_surprises(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write each surprise with its subscription, as CSV. Needs ``create_forecast``."""
    connection.execute(
        f"""COPY (SELECT {escaped(_SURPRISES, _DELIVERED)} FROM surprise ORDER BY surprise, date, customer, old_id)
        TO {literal(str(path))} (FORMAT csv, HEADER)"""
    )


def disagreements(connection: duckdb.DuckDBPyConnection, terms: Terms, folder: Path) -> list[str]:
    """What the target in use tells otherwise than the forecast kept in ``folder``, to the cent and for every subscription: one
    sentence for each of the first few; nothing where they agree."""
    define(connection, terms)
    create(connection, EVENTS)
    stored = f"SELECT * EXCLUDE record FROM {_events(folder)}"
    digest = "SELECT what, currency, count(*), sum(amount), sum(hash(row)::HUGEINT), bit_xor(hash(row)) FROM ({}) AS row GROUP BY ALL ORDER BY ALL"
    if connection.execute(digest.format(stored)).fetchall() == connection.execute(digest.format(_EVENT)).fetchall():
        return []
    return [
        f"{side}: {what} of {amount} {currency} on {date} for customer {customer} ({plan})"
        for side, first, second in (("forecast alone", stored, _EVENT), ("loaded alone", _EVENT, stored))
        for date, what, amount, currency, customer, _, plan in connection.execute(
            f"({first}) EXCEPT ALL ({second}) ORDER BY ALL LIMIT {_NAMED}"
        ).fetchall()
    ]


def _kept(folder: Path, name: str) -> Path:
    return folder / f"forecast_{name}.parquet"


def _events(folder: Path) -> str:
    """SQL of the events that were kept in ``folder``."""
    return f"read_parquet({literal(str(_kept(folder, _EVENTS_KEPT)))})"
