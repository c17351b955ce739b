"""Invented subscriptions for migration day: every case, awkward dates, and the cards of those who have one."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, timedelta
from itertools import product

import duckdb
import pandas as pd
from hypothesis import strategies as st

from pelcro_pipeline.migration_day.simulation import CHARGE, SEND, Subscription
from pelcro_pipeline.spec.target import TARGET_TABLES, create

DAY = date(2026, 11, 1)
NEVER_EXPIRES = date(9999, 12, 1)

#: Of two, none, three and four digits behind the point.
CURRENCIES = ("cad", "usd", "eur", "gbp", "jpy", "krw", "kwd", "bhd", "clf")
#: Free, the least there is, odd, and more than 32 bits hold.
AMOUNTS = (0, 1, 599, 700, 9900, 49_900, 5_000_000_000)
INTERVALS = (1, 2, 3, 4)
INTERVAL_COUNTS = (1, 2, 3, 6, 12, 10_000)
QUANTITIES = (1, 1, 1, 1, 2, 7, 1000)
_TYPES = ("regular", "regular", "regular", "admin", "member")
#: Donor and recipient: both at once is rejected before.
_GIFTS = ((False, False),) * 6 + ((True, False), (False, True))
#: Last days of short and long months, leap days, years' ends, and what systems write for open ends.
_AWKWARD = (
    date(2016, 11, 1),
    date(2020, 2, 29),
    date(2024, 2, 29),
    date(2025, 12, 31),
    date(2026, 1, 31),
    date(2026, 2, 28),
    date(2026, 8, 30),
    date(2026, 8, 31),
    date(2026, 10, 1),
    date(2026, 11, 30),
    date(2026, 12, 31),
    date(2027, 1, 31),
    date(2027, 2, 28),
    date(2028, 2, 29),
    date(2047, 1, 1),
    date(2099, 12, 31),
    date(9999, 12, 31),
)
#: Seen from the day: itself and its neighbours, and both sides of the last day that is told.
_NEAR = (-365, -91, -90, -31, -30, -7, -1, 0, 0, 1, 7, 30, 31, 89, 90, 91)


def period_ends(day: date) -> tuple[date, ...]:
    """Period ends at which something can go wrong on ``day``."""
    return _AWKWARD + tuple(day + timedelta(days) for days in _NEAR)


def last_months(day: date) -> tuple[date, ...]:
    """The last months of cards: gone by, the day's own, between two renewals, years ahead, and never."""
    months = ((day + timedelta(days)).replace(day=1) for days in (-400, -31, 0, 31, 62, 90, 800))
    return (*months, NEVER_EXPIRES)


def generated(count: int, seed: int, day: date = DAY) -> list[Subscription]:
    """So many subscriptions, the same for the same seed; a plan is one plan and a customer one customer in all of them."""
    chance = random.Random(seed)
    plans = [
        (f"P{number}", chance.choice(AMOUNTS), chance.choice(CURRENCIES), interval, interval_count)
        for number, (interval, interval_count) in enumerate(product(INTERVALS, INTERVAL_COUNTS * 3))
    ]
    # Those of a month and a year are what most readers have.
    plans += [plan for plan in plans if plan[3] >= 3 and plan[4] == 1] * 8
    return [_subscription(chance, record, chance.randrange(count), plans, day) for record in range(1, count + 1)]


def _subscription(chance: random.Random, record: int, customer: int, plans: list[tuple], day: date) -> Subscription:
    plan, amount, currency, interval, interval_count = chance.choice(plans)
    is_donor, is_recipient = chance.choice(_GIFTS)
    starts_now = chance.random() < 0.1
    period_end = (
        chance.choice(period_ends(day)) if chance.random() < 0.4 else day + timedelta(chance.randint(-400, 400))
    )
    return Subscription(
        record=record,
        customer=f"HR{customer}",
        plan=plan,
        is_unpaid=chance.random() < 0.6,
        cancels=chance.random() < 0.35,
        is_expired=chance.random() < 0.05,
        starts_now=starts_now,
        is_donor=is_donor,
        is_recipient=is_recipient,
        type=chance.choice(_TYPES),
        period_end=None if starts_now and chance.random() < 0.5 else period_end,
        collection_method=CHARGE if chance.random() < 0.65 else SEND,
        quantity=chance.choice(QUANTITIES),
        amount=amount,
        currency=currency,
        interval=interval,
        interval_count=interval_count,
        has_email=customer % 10 > 0,
    )


def cards(subscriptions: Iterable[Subscription], seed: int, day: date = DAY) -> dict[str, date]:
    """For two in three of their customers the last month, by its first day, in which a card of theirs can be charged."""
    chance = random.Random(seed)
    customers = sorted({each.customer for each in subscriptions})
    return {customer: chance.choice(last_months(day)) for customer in customers if chance.random() < 2 / 3}


def strategy(day: date = DAY) -> st.SearchStrategy[Subscription]:
    """Subscriptions as hypothesis makes them, with any date of 50 years beside the awkward ones."""
    ends = st.sampled_from(period_ends(day)) | st.dates(date(2000, 1, 1), date(2050, 12, 31))
    return st.builds(
        lambda gift, starts_now, period_end, **fields: Subscription(
            **fields,
            is_donor=gift[0],
            is_recipient=gift[1],
            starts_now=starts_now,
            period_end=None if starts_now else period_end,
        ),
        gift=st.sampled_from(_GIFTS),
        starts_now=st.sampled_from((False, False, False, True)),
        period_end=ends,
        record=st.just(1),
        customer=st.just("HR1"),
        plan=st.just("P1"),
        is_unpaid=st.booleans(),
        cancels=st.booleans(),
        is_expired=st.sampled_from((False,) * 9 + (True,)),
        type=st.sampled_from(_TYPES),
        collection_method=st.sampled_from((CHARGE, SEND)),
        quantity=st.integers(1, 1000),
        amount=st.integers(0, 10**12),
        currency=st.sampled_from(CURRENCIES),
        interval=st.sampled_from(INTERVALS),
        interval_count=st.integers(1, 400) | st.sampled_from((10_000, 2**63 - 1)),
        has_email=st.booleans(),
    )


def load(subscriptions: Iterable[Subscription], connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables customers, plans and subscriptions of a target, as the spec has them, and fill them."""
    for table in ("customers", "plans", "subscriptions"):
        for statement in create(TARGET_TABLES[table]):
            connection.execute(statement)
    connection.register("generated", pd.DataFrame(map(asdict, subscriptions)))
    connection.execute("""
        INSERT INTO customers BY NAME
        SELECT DISTINCT
            customer AS "customer.old_provider_id", if(has_email, customer || '@example.com', NULL) AS "customer.email",
            false AS "customer.common_metadata.import_only_the_customer",
            customer AS "customer.common_metadata.original_old_provider_id"
        FROM generated
    """)
    connection.execute("""
        INSERT INTO plans BY NAME
        SELECT DISTINCT
            plan AS "plan.old_id", amount AS "plan.amount", currency AS "plan.currency", interval AS "plan.interval",
            interval_count AS "plan.interval_count", true AS "plan.auto_renew", false AS "plan.available_online",
            plan AS "plan.nickname", 0 AS "plan.shipments_per_interval", 'ONLINE' AS "plan.temporary_product_id",
            'regular' AS "plan.type", 'time_based' AS "plan.revenue_recognition_type"
        FROM generated
    """)
    # What is not so is written as no or left empty: both are delivered.
    connection.execute("""
        INSERT INTO subscriptions BY NAME
        SELECT
            record, customer AS "customer.old_provider_id", plan AS "subscription.common_metadata.temporary_plan_id",
            period_end AS "subscription.current_period_end", cancels AS "subscription.cancel_at_period_end",
            if(is_expired OR record % 2 = 0, is_expired, NULL) AS "subscription.common_metadata.is_expired",
            if(starts_now OR record % 3 = 0, starts_now, NULL) AS "subscription.common_metadata.start_now",
            if(is_donor OR record % 2 = 0, is_donor, NULL) AS "subscription.common_metadata.is_gift_donor",
            if(is_recipient OR record % 3 = 0, is_recipient, NULL) AS "subscription.common_metadata.is_gift_recipient",
            quantity AS "subscription.quantity", collection_method AS "subscription.collection_method",
            if(is_unpaid, 'unpaid', 'active') AS "subscription.common_metadata.service_status", type AS "subscription.type"
        FROM generated
    """)
    connection.unregister("generated")
