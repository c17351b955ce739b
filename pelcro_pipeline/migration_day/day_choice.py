"""Another migration day: what it would change, and which of the next 30 days brings the fewest surprises."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import duckdb
import pandas as pd

from pelcro_pipeline.migration_day.relations import STATES, Terms, create, define, frame

#: How many days are looked at for the best, and how many of these are named.
_DAYS, _NAMED = 30, 5
_KINDS = ("mapped_twice", "default_source", "migrating_subscription", "payable_until", "subscription_kind")


@dataclass(frozen=True)
class OtherDay:
    """What another day changes.

    ``changed``: state_before, state_after (an unpaid case, or a state), subscriptions. ``totals``: day, currency, invoices, invoiced,
    charges, charged: of the day itself, by both days; amounts in the currency's smallest unit.
    """

    day: datetime.date
    changed: pd.DataFrame
    totals: pd.DataFrame


def other_day(connection: duckdb.DuckDBPyConnection, terms: Terms, day: datetime.date) -> OtherDay:
    """What ``day`` would change of the migration day of the terms. ``connection`` has ``subscriptions``, ``plans`` and ``customers``
    by a target's names and types."""
    define(connection, terms, (terms.day, day))
    create(connection, (*STATES, "event", "changed_state"))
    return OtherDay(
        day,
        frame(
            connection,
            """SELECT state_before, state_after, count(*) AS subscriptions FROM changed_state
            GROUP BY ALL ORDER BY subscriptions DESC, state_before, state_after""",
        ),
        frame(
            connection,
            """SELECT day, currency, count(*) FILTER (what = 'invoice') AS invoices, sum(amount) FILTER (what = 'invoice') AS invoiced,
                count(*) FILTER (what = 'charge') AS charges, coalesce(sum(amount) FILTER (what = 'charge'), 0) AS charged
            FROM event WHERE date = day AND what IN ('invoice', 'charge')
            GROUP BY ALL ORDER BY currency, day""",
        ),
    )


def best_days(connection: duckdb.DuckDBPyConnection, terms: Terms) -> pd.DataFrame:
    """Of the 30 days from the terms' day on those with the fewest surprises, the earliest first where as many: day, ended_since,
    another_case, charged_on_the_day, renew_within_three_days, surprises. ``connection`` as for ``other_day``."""
    define(connection, terms, [terms.day + datetime.timedelta(days=days) for days in range(_DAYS)])
    create(connection, _KINDS)
    # A million subscriptions are some ten thousand kinds, which fare alike on each of the days.
    connection.execute("CREATE OR REPLACE TEMP TABLE migrating_subscription AS FROM subscription_kind")
    create(connection, ("subscription_state", "invoice", "event", "day_choice"))
    return frame(connection, f"FROM day_choice ORDER BY surprises, day LIMIT {_NAMED}")
