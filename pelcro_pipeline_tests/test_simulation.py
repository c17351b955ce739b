"""Migration day lived through: what is expected is written out by hand, and what holds of any subscription is tried on many."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pelcro_pipeline.migration_day import simulation
from pelcro_pipeline.migration_day.simulation import CHARGE, HORIZON, SEND, Outcome, Subscription, simulate
from pelcro_pipeline_tests.subscriptions import (
    CURRENCIES,
    DAY,
    INTERVAL_COUNTS,
    INTERVALS,
    NEVER_EXPIRES,
    cards,
    generated,
    last_months,
    load,
    strategy,
)

DUE, OPEN = "due_in_one_day", "open_until_uncollectible"
NO_CARD, YEARS = None, date(2030, 12, 1)

#: An online subscription of 7.00 CAD a month, paid until two weeks after the day, 1 November 2026.
MONTHLY = Subscription(
    record=1,
    customer="HR1",
    plan="O-M",
    is_unpaid=False,
    cancels=False,
    is_expired=False,
    starts_now=False,
    is_donor=False,
    is_recipient=False,
    type="regular",
    period_end=date(2026, 11, 15),
    collection_method=CHARGE,
    quantity=1,
    amount=700,
    currency="cad",
    interval=3,
    interval_count=1,
    has_email=True,
)
ENDED = {"period_end": date(2026, 9, 15)}
UNPAID, CANCELS = {"is_unpaid": True}, {"cancels": True}
STARTS, EXPIRED = {"starts_now": True, "period_end": None}, {"is_expired": True}
KINDS = {
    "active": {},
    "active, cancels": CANCELS,
    "active, ended": ENDED,
    "active, starts now": STARTS,
    "active, is expired": EXPIRED,
    "BIL-1": UNPAID,
    "BIL-1, starts now": UNPAID | STARTS,
    "BIL-2": UNPAID | CANCELS,
    "BIL-2, starts now": UNPAID | CANCELS | STARTS,
    "BIL-3": UNPAID | ENDED,
    "BIL-4": UNPAID | CANCELS | ENDED,
    "unpaid, is expired": UNPAID | ENDED | EXPIRED,
}
METHODS = {"by card": CHARGE, "by invoice": SEND}


def of(kind: str) -> Subscription:
    """Such as ``BIL-1, starts now, by card``."""
    what, _, how = kind.rpartition(", ")
    return replace(MONTHLY, **KINDS[what], collection_method=METHODS[how])


def lines(table: str) -> list[list[str]]:
    """The lines of a table as it stands below, without its header."""
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()[1:] if line.strip()]


def named(rows: list[list[str]], *columns: int) -> list[pytest.param]:
    return [pytest.param(*row, id=" ".join(row[column] for column in columns)) for row in rows]


# What the state's collection method is, and on which dates a card is charged up to 30 January 2027, by the last month in
# which there is a card. A card is charged through the last day of its month.
CARDS = (NO_CARD, date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1), YEARS, NEVER_EXPIRES)
WHO_IS_CHARGED = """
what                            | none   | 10/2026 | 11/2026            | 12/2026                  | 12/2030                        | never
active, by card                 | charge | charge  | charge 11-15       | charge 11-15 12-15       | charge 11-15 12-15 01-15       | charge 11-15 12-15 01-15
active, by invoice              | send   | send    | send               | send                     | send                           | send
active, cancels, by card        | charge | charge  | charge             | charge                   | charge                         | charge
active, cancels, by invoice     | send   | send    | send               | send                     | send                           | send
active, ended, by card          | charge | charge  | charge             | charge                   | charge                         | charge
active, ended, by invoice       | send   | send    | send               | send                     | send                           | send
active, starts now, by card     | charge | charge  | charge             | charge 12-01             | charge 12-01 01-01             | charge 12-01 01-01
active, starts now, by invoice  | send   | send    | send               | send                     | send                           | send
active, is expired, by card     | charge | charge  | charge             | charge                   | charge                         | charge
active, is expired, by invoice  | send   | send    | send               | send                     | send                           | send
BIL-1, by card                  | send   | send    | charge 11-01 11-15 | charge 11-01 11-15 12-15 | charge 11-01 11-15 12-15 01-15 | charge 11-01 11-15 12-15 01-15
BIL-1, by invoice               | send   | send    | send               | send                     | send                           | send
BIL-1, starts now, by card      | send   | send    | charge 11-01       | charge 11-01 12-01       | charge 11-01 12-01 01-01       | charge 11-01 12-01 01-01
BIL-1, starts now, by invoice   | send   | send    | send               | send                     | send                           | send
BIL-2, by card                  | send   | send    | send               | send                     | send                           | send
BIL-2, by invoice               | send   | send    | send               | send                     | send                           | send
BIL-2, starts now, by card      | send   | send    | send               | send                     | send                           | send
BIL-2, starts now, by invoice   | send   | send    | send               | send                     | send                           | send
BIL-3, by card                  | send   | send    | charge 11-01 11-15 | charge 11-01 11-15 12-15 | charge 11-01 11-15 12-15 01-15 | charge 11-01 11-15 12-15 01-15
BIL-3, by invoice               | send   | send    | send               | send                     | send                           | send
BIL-4, by card                  | send   | send    | send               | send                     | send                           | send
BIL-4, by invoice               | send   | send    | send               | send                     | send                           | send
unpaid, is expired, by card     | charge | charge  | charge             | charge                   | charge                         | charge
unpaid, is expired, by invoice  | send   | send    | send               | send                     | send                           | send
"""


@pytest.mark.parametrize("reading", [DUE, OPEN])
@pytest.mark.parametrize(("kind", "cells"), [pytest.param(row[0], row[1:], id=row[0]) for row in lines(WHO_IS_CHARGED)])
def test_who_is_charged_when_depends_on_the_case_and_on_the_card_but_on_no_reading(kind, cells, reading):
    for usable_until, cell in zip(CARDS, cells, strict=True):
        outcome = simulate(of(kind), DAY, reading, 30, usable_until)
        method = {CHARGE: "charge", SEND: "send"}[outcome.state.collection_method]
        dates = [f"{each.date:%m-%d}" for each in outcome.events if each.what == "charge"]
        assert " ".join([method, *dates]) == cell, usable_until


def test_every_kind_by_every_method_stands_in_the_table():
    assert [row[0] for row in lines(WHO_IS_CHARGED)] == [f"{kind}, {how}" for kind in KINDS for how in METHODS]


# What is sent on the day is due the next day, or open until it is written off.
READINGS = """
reading                  | write-off days | due        | uncollectible | told in the 90 days
due_in_one_day           |                | 2026-11-02 |               | due 2026-11-02
due_in_one_day           | 30             | 2026-11-02 |               | due 2026-11-02
open_until_uncollectible |                |            |               |
open_until_uncollectible | 1              |            | 2026-11-02    | write_off 2026-11-02
open_until_uncollectible | 30             |            | 2026-12-01    | write_off 2026-12-01
open_until_uncollectible | 90             |            | 2027-01-30    | write_off 2027-01-30
open_until_uncollectible | 91             |            | 2027-01-31    |
open_until_uncollectible | 10000000000    |            | 9999-12-31    |
"""
SENT = [
    ("BIL-1, by card", NO_CARD),
    ("BIL-1, by invoice", YEARS),
    ("BIL-1, starts now, by invoice", YEARS),
    ("BIL-2, by card", YEARS),
    ("BIL-2, starts now, by card", YEARS),
    ("BIL-3, by card", NO_CARD),
    ("BIL-3, by invoice", YEARS),
    ("BIL-4, by card", YEARS),
]
NOT_SENT = [
    ("BIL-1, by card", YEARS),
    ("BIL-3, by card", YEARS),
    ("active, by invoice", NO_CARD),
    ("active, starts now, by invoice", NO_CARD),
    ("unpaid, is expired, by invoice", NO_CARD),
]


@pytest.mark.parametrize(("reading", "days", "due", "uncollectible", "expected"), named(lines(READINGS), 0, 1))
def test_an_invoice_that_is_sent_on_the_day_follows_the_reading(reading, days, due, uncollectible, expected):
    for kind, usable_until in SENT:
        outcome = simulate(of(kind), DAY, reading, int(days) if days else None, usable_until)
        assert outcome.invoice.due_date == (date.fromisoformat(due) if due else None), kind
        assert outcome.invoice.uncollectible_on == (date.fromisoformat(uncollectible) if uncollectible else None), kind
        followed = [each for each in outcome.events if each.what in ("due", "write_off")]
        assert "".join(f"{each.what} {each.date}" for each in followed) == expected, kind
        assert all(each.amount == 700 for each in followed)


@pytest.mark.parametrize(("reading", "days"), [(DUE, None), (DUE, 30), (OPEN, None), (OPEN, 30)])
def test_what_is_charged_or_owes_nothing_is_never_due_nor_written_off(reading, days):
    for kind, usable_until in NOT_SENT:
        outcome = simulate(of(kind), DAY, reading, days, usable_until)
        assert not {each.what for each in outcome.events} & {"due", "write_off"}, kind
        assert not outcome.invoice or outcome.invoice.is_charged, kind


# Period ends are counted from the first, and clamp to the month's last day; the 90th day after the day is the last told.
CALENDAR = """
day        | what                     | every        | period end | until      | iterations | renews on
2026-11-01 | active                   | 1 day        | 2027-01-28 | 2027-01-28 | 0          | 2027-01-28 2027-01-29 2027-01-30
2026-11-01 | active                   | 3 days       | 2027-01-24 | 2027-01-24 | 0          | 2027-01-24 2027-01-27 2027-01-30
2026-11-01 | active                   | 6 days       | 2027-01-20 | 2027-01-20 | 0          | 2027-01-20 2027-01-26
2026-11-01 | active                   | 30 days      | 2026-11-01 | 2026-11-01 | 0          | 2026-11-01 2026-12-01 2026-12-31 2027-01-30
2026-11-01 | active                   | 1 week       | 2027-01-09 | 2027-01-09 | 0          | 2027-01-09 2027-01-16 2027-01-23 2027-01-30
2026-11-01 | active                   | 3 weeks      | 2026-11-28 | 2026-11-28 | 0          | 2026-11-28 2026-12-19 2027-01-09 2027-01-30
2026-11-01 | active                   | 6 weeks      | 2026-11-10 | 2026-11-10 | 0          | 2026-11-10 2026-12-22
2026-11-01 | active                   | 1 month      | 2026-11-30 | 2026-11-30 | 0          | 2026-11-30 2026-12-30 2027-01-30
2026-11-01 | active                   | 3 months     | 2026-11-30 | 2026-11-30 | 0          | 2026-11-30
2026-11-01 | active                   | 3 months     | 2027-01-30 | 2027-01-30 | 0          | 2027-01-30
2026-11-01 | active                   | 6 months     | 2026-12-31 | 2026-12-31 | 0          | 2026-12-31
2026-11-01 | active                   | 1 year       | 2027-01-31 | 2027-01-31 | 0          |
2026-11-01 | active                   | 1 year       | 2026-11-02 | 2026-11-02 | 0          | 2026-11-02
2026-11-01 | active                   | 3 years      | 2026-12-24 | 2026-12-24 | 0          | 2026-12-24
2026-11-01 | active                   | 1 month      | 2046-11-01 | 2046-11-01 | 0          |
2026-11-01 | active                   | 1 month      | 9999-12-31 | 9999-12-31 | 0          |
2026-11-01 | active, is expired       | 1 month      | 2026-11-15 | 2026-11-15 | 0          |
2026-11-01 | active, ended            | 1 month      | 2026-10-31 | 2026-10-31 | 0          |
2026-12-31 | active                   | 1 month      | 2026-12-31 | 2026-12-31 | 0          | 2026-12-31 2027-01-31 2027-02-28 2027-03-31
2026-12-31 | active                   | 1 year       | 2026-12-31 | 2026-12-31 | 0          | 2026-12-31
2027-01-31 | active                   | 1 month      | 2027-01-31 | 2027-01-31 | 0          | 2027-01-31 2027-02-28 2027-03-31 2027-04-30
2028-01-31 | active                   | 1 month      | 2028-01-31 | 2028-01-31 | 0          | 2028-01-31 2028-02-29 2028-03-31 2028-04-30
2028-02-29 | active                   | 1 month      | 2028-02-29 | 2028-02-29 | 0          | 2028-02-29 2028-03-29 2028-04-29 2028-05-29
2028-02-29 | active                   | 1 year       | 2028-02-29 | 2028-02-29 | 0          | 2028-02-29
2026-10-31 | active, starts now       | 1 month      |            | 2026-11-30 | 0          | 2026-11-30 2026-12-31
2026-11-01 | active, starts now       | 1 week       |            | 2026-11-08 | 0          | 2026-11-08 2026-11-15 2026-11-22 2026-11-29 2026-12-06 2026-12-13 2026-12-20 2026-12-27 2027-01-03 2027-01-10 2027-01-17 2027-01-24
2026-11-01 | active, starts now       | 90 days      |            | 2027-01-30 | 0          | 2027-01-30
2026-11-01 | active, starts now       | 91 days      |            | 2027-01-31 | 0          |
2026-11-01 | active, starts now       | 1 month      | 2026-03-31 | 2026-12-01 | 0          | 2026-12-01 2027-01-01
2028-02-29 | BIL-1, starts now        | 1 year       |            | 2029-02-28 | 0          |
2028-02-29 | active, starts now       | 10000 months |            | 2861-06-29 | 0          |
2026-11-01 | active, starts now       | 10000 years  |            | 9999-12-31 | 0          |
2026-11-01 | BIL-1                    | 1 month      | 2026-11-01 | 2026-11-01 | 0          | 2026-11-01 2026-12-01 2027-01-01
2026-11-01 | BIL-3                    | 1 month      | 2026-10-31 | 2026-11-30 | 1          | 2026-11-30 2026-12-31
2026-11-01 | BIL-3                    | 1 month      | 2026-10-01 | 2026-12-01 | 2          | 2026-12-01 2027-01-01
2026-11-01 | BIL-3                    | 1 month      | 2026-10-02 | 2026-11-02 | 1          | 2026-11-02 2026-12-02 2027-01-02
2027-02-28 | BIL-3                    | 1 month      | 2027-01-31 | 2027-03-31 | 2          | 2027-03-31 2027-04-30
2027-02-27 | BIL-3                    | 1 month      | 2027-01-31 | 2027-02-28 | 1          | 2027-02-28 2027-03-31 2027-04-30
2026-12-01 | BIL-3                    | 3 months     | 2026-11-30 | 2027-02-28 | 1          | 2027-02-28
2026-12-01 | BIL-3                    | 6 months     | 2026-08-30 | 2027-02-28 | 1          | 2027-02-28
2027-03-01 | BIL-3                    | 6 months     | 2026-08-30 | 2027-08-30 | 2          |
2026-12-01 | BIL-3                    | 1 year       | 2024-02-29 | 2027-02-28 | 3          | 2027-02-28
2027-12-01 | BIL-3                    | 1 year       | 2024-02-29 | 2028-02-29 | 4          | 2028-02-29
2028-02-28 | BIL-3                    | 1 year       | 2024-02-29 | 2028-02-29 | 4          | 2028-02-29
2028-02-29 | BIL-3                    | 1 year       | 2024-02-29 | 2029-02-28 | 5          |
2026-12-01 | BIL-3                    | 3 years      | 2024-02-29 | 2027-02-28 | 1          | 2027-02-28
2026-12-01 | BIL-3                    | 6 years      | 2024-02-29 | 2030-02-28 | 1          |
2026-11-01 | BIL-3                    | 1 day        | 2016-11-01 | 2026-11-02 | 3653       | 2026-11-02 …
2026-11-01 | BIL-3                    | 1 week       | 2016-11-01 | 2026-11-03 | 522        | 2026-11-03 …
2026-11-01 | BIL-3                    | 3 weeks      | 2026-10-11 | 2026-11-22 | 2          | 2026-11-22 2026-12-13 2027-01-03 2027-01-24
2026-11-01 | BIL-3                    | 6 days       | 2026-10-27 | 2026-11-02 | 1          | 2026-11-02 …
2026-11-01 | BIL-3                    | 10000 days   | 2026-10-31 | 2054-03-18 | 1          |
2026-11-01 | BIL-3                    | 10000 months | 2026-10-31 | 2860-02-29 | 1          |
2026-11-01 | BIL-3                    | 10000 years  | 2026-10-31 | 9999-12-31 | 1          |
2026-11-01 | BIL-4                    | 1 month      | 2026-10-31 | 2026-10-31 | 0          |
"""
WORDS = {"day": 1, "week": 2, "month": 3, "year": 4}


@pytest.mark.parametrize(
    ("day", "what", "every", "period_end", "until", "iterations", "expected"), named(lines(CALENDAR), 1, 2, 3, 0)
)
def test_periods_end_on_the_days_that_a_calendar_shows(day, what, every, period_end, until, iterations, expected):
    interval_count, word = every.split()
    subscription = replace(
        MONTHLY,
        **KINDS[what]
        | {
            "period_end": date.fromisoformat(period_end) if period_end else None,
            "interval": WORDS[word.removesuffix("s")],
            "interval_count": int(interval_count),
        },
    )
    outcome = simulate(subscription, date.fromisoformat(day), DUE, None, YEARS)
    assert outcome.state.case == (what[:5] if what.startswith("BIL") else None)
    assert (str(outcome.state.period_end), outcome.state.iterations) == (until, int(iterations))
    renewals = " ".join(str(each.date) for each in outcome.events if each.what == "renewal")
    assert renewals.startswith(expected.removesuffix(" …"))
    assert expected.endswith("…") or renewals == expected


# Whole outcomes: the state, the day's invoice, and what happens on each date.
WHOLE = {
    "a card is charged at each renewal, and not on the day": (
        {},
        """
        active, charge_automatically, until 2026-11-15
        2026-11-15: renewal, invoice 700, charge 700
        2026-12-15: renewal, invoice 700, charge 700
        2027-01-15: renewal, invoice 700, charge 700
        """,
    ),
    "what is paid by invoice is sent one at each renewal": (
        {"collection_method": SEND},
        """
        active, send_invoice, until 2026-11-15
        2026-11-15: renewal, invoice 700
        2026-12-15: renewal, invoice 700
        2027-01-15: renewal, invoice 700
        """,
    ),
    "what cancels ends with its period, and only once": (
        CANCELS,
        """
        active, charge_automatically, until 2026-11-15
        2026-11-15: expiry
        """,
    ),
    "what is owed is the plan's amount, what renews is billed by its quantity": (
        UNPAID | {"quantity": 3},
        """
        active BIL-1, charge_automatically, until 2026-11-15
        700 cad, charged
        2026-11-01: invoice 700, charge 700
        2026-11-15: renewal, invoice 2100, charge 2100
        2026-12-15: renewal, invoice 2100, charge 2100
        2027-01-15: renewal, invoice 2100, charge 2100
        """,
    ),
    "BIL-2 is never charged, and ends with its period": (
        UNPAID | CANCELS,
        """
        active BIL-2, send_invoice, until 2026-11-15
        700 cad, due 2026-11-02
        2026-11-01: invoice 700
        2026-11-02: due 700
        2026-11-15: expiry
        """,
    ),
    "BIL-3 goes on where its periods would have ended": (
        UNPAID | ENDED,
        """
        scheduled BIL-3, charge_automatically, until 2026-11-15, iterations 2
        700 cad, charged
        2026-11-01: invoice 700, charge 700
        2026-11-15: renewal, invoice 700, charge 700
        2026-12-15: renewal, invoice 700, charge 700
        2027-01-15: renewal, invoice 700, charge 700
        """,
    ),
    "BIL-4 is cancelled, and its invoice stays": (
        UNPAID | CANCELS | ENDED,
        """
        cancelled BIL-4, send_invoice, until 2026-09-15
        700 cad, due 2026-11-02
        2026-11-01: invoice 700
        2026-11-02: due 700
        """,
    ),
    "what is marked as expired owes nothing and gets nothing": (
        UNPAID | ENDED | EXPIRED,
        "expired, charge_automatically, until 2026-09-15",
    ),
    "what is marked as expired does not renew though its period lasts": (
        EXPIRED,
        "expired, charge_automatically, until 2026-11-15",
    ),
    "what has ended since it was judged is not migrated": (
        {"period_end": date(2026, 10, 31)},
        "not_migrated, charge_automatically, until 2026-10-31",
    ),
    "what starts now has not ended, whatever period end is given": (
        UNPAID | {"starts_now": True, "period_end": date(2026, 3, 31)},
        """
        active BIL-1, charge_automatically, until 2026-12-01
        700 cad, charged
        2026-11-01: invoice 700, charge 700
        2026-12-01: renewal, invoice 700, charge 700
        2027-01-01: renewal, invoice 700, charge 700
        """,
    ),
    "what starts now and cancels lasts for one interval": (
        STARTS | CANCELS,
        """
        active, charge_automatically, until 2026-12-01
        2026-12-01: expiry
        """,
    ),
    "a member renews at nobody's cost: the group's admin is billed": (
        {"type": "member"},
        """
        active, charge_automatically, until 2026-11-15
        2026-11-15: renewal
        2026-12-15: renewal
        2027-01-15: renewal
        """,
    ),
    "a member owes what is unpaid all the same": (
        UNPAID | {"type": "member", "quantity": 2},
        """
        active BIL-1, charge_automatically, until 2026-11-15
        700 cad, charged
        2026-11-01: invoice 700, charge 700
        2026-11-15: renewal
        2026-12-15: renewal
        2027-01-15: renewal
        """,
    ),
    "an admin is billed for each seat": (
        {"type": "admin", "quantity": 20, "amount": 49_900, "interval": 4},
        """
        active, charge_automatically, until 2026-11-15
        2026-11-15: renewal, invoice 998000, charge 998000
        """,
    ),
    "a gift's recipient ends with its period, whatever is said": (
        {"is_recipient": True},
        """
        active, charge_automatically, until 2026-11-15
        2026-11-15: expiry
        """,
    ),
    "a gift's recipient that lapsed unpaid is scheduled, charged, and ends": (
        UNPAID | ENDED | {"is_recipient": True},
        """
        scheduled BIL-3, charge_automatically, until 2026-11-15, iterations 2
        700 cad, charged
        2026-11-01: invoice 700, charge 700
        2026-11-15: expiry
        """,
    ),
    "a gift's donor renews as any other": (
        {"is_donor": True, "interval": 4},
        """
        active, charge_automatically, until 2026-11-15
        2026-11-15: renewal, invoice 700, charge 700
        """,
    ),
    "a period that ends on the day renews on it": (
        {"period_end": DAY, "interval_count": 3},
        """
        active, charge_automatically, until 2026-11-01
        2026-11-01: renewal, invoice 700, charge 700
        """,
    ),
    "a period that ends on the day and cancels expires on it": (
        CANCELS | {"period_end": DAY},
        """
        active, charge_automatically, until 2026-11-01
        2026-11-01: expiry
        """,
    ),
    "an unpaid period that ends on the day is charged on it, and so is the next": (
        UNPAID | {"period_end": DAY, "interval_count": 3, "quantity": 2},
        """
        active BIL-1, charge_automatically, until 2026-11-01
        700 cad, charged
        2026-11-01: invoice 700, charge 700, renewal, invoice 1400, charge 1400
        """,
    ),
    "an unpaid period that ended the day before is charged, and the next is not yet": (
        UNPAID | {"period_end": date(2026, 10, 31), "interval_count": 3},
        """
        scheduled BIL-3, charge_automatically, until 2027-01-31, iterations 1
        700 cad, charged
        2026-11-01: invoice 700, charge 700
        """,
    ),
    "the 90th day after the day is told": (
        {"period_end": date(2027, 1, 30)},
        """
        active, charge_automatically, until 2027-01-30
        2027-01-30: renewal, invoice 700, charge 700
        """,
    ),
    "the 91st is not": (
        {"period_end": date(2027, 1, 31)},
        "active, charge_automatically, until 2027-01-31",
    ),
    "an expiry on the 91st is not": (
        CANCELS | {"period_end": date(2027, 1, 31)},
        "active, charge_automatically, until 2027-01-31",
    ),
    "a free plan has invoices of nothing": (
        UNPAID | {"amount": 0, "interval": 4},
        """
        active BIL-1, charge_automatically, until 2026-11-15
        0 cad, charged
        2026-11-01: invoice 0, charge 0
        2026-11-15: renewal, invoice 0, charge 0
        """,
    ),
    "yen have no smaller unit": (
        UNPAID | {"amount": 5_500, "currency": "jpy", "quantity": 2, "interval": 4},
        """
        active BIL-1, charge_automatically, until 2026-11-15
        5500 jpy, charged
        2026-11-01: invoice 5500, charge 5500
        2026-11-15: renewal, invoice 11000, charge 11000
        """,
    ),
    "a dinar has a thousand fils": (
        UNPAID | CANCELS | {"amount": 12_345, "currency": "kwd", "quantity": 2},
        """
        active BIL-2, send_invoice, until 2026-11-15
        12345 kwd, due 2026-11-02
        2026-11-01: invoice 12345
        2026-11-02: due 12345
        2026-11-15: expiry
        """,
    ),
}


def told(outcome: Outcome) -> list[str]:
    """An outcome as it is written above."""
    state, invoice = outcome.state, outcome.invoice
    case = f" {state.case}" if state.case else ""
    iterations = f", iterations {state.iterations}" if state.iterations else ""
    written = [f"{state.name}{case}, {state.collection_method}, until {state.period_end}{iterations}"]
    if invoice:
        assert (invoice.status, invoice.collection_method) == ("open", state.collection_method)
        due = f", due {invoice.due_date}" if invoice.due_date else ""
        written.append(f"{invoice.amount} {invoice.currency}{', charged' if invoice.is_charged else ''}{due}")
    by_date: dict[date, list[str]] = {}
    for event in outcome.events:
        is_free = event.what in ("renewal", "expiry")
        assert not is_free or event.amount == 0
        by_date.setdefault(event.date, []).append(event.what if is_free else f"{event.what} {event.amount}")
    return [*written, *(f"{day}: {', '.join(what)}" for day, what in by_date.items())]


@pytest.mark.parametrize(("changes", "expected"), WHOLE.values(), ids=WHOLE)
def test_what_becomes_of_a_subscription_on_the_day_and_in_the_90_days_after_it(changes, expected):
    outcome = simulate(replace(MONTHLY, **changes), DAY, DUE, None, YEARS)
    assert told(outcome) == [line.strip() for line in expected.strip().splitlines()]


# What holds of any subscription.

days = st.sampled_from((DAY, date(2026, 12, 31), date(2027, 1, 31), date(2028, 2, 29)))
usable = st.none() | st.sampled_from(last_months(DAY))
readings = st.sampled_from((DUE, OPEN))
write_offs = st.none() | st.integers(1, 120)


def amounts(outcome: Outcome, what: str) -> Counter[tuple[date, int]]:
    return Counter((each.date, each.amount) for each in outcome.events if each.what == what)


@given(strategy(), days, readings, write_offs, usable)
def test_each_charge_has_its_invoice_and_each_date_of_the_90_days_one_charge(subscription, day, reading, days, until):
    outcome = simulate(subscription, day, reading, days, until)
    charges, invoices = amounts(outcome, "charge"), amounts(outcome, "invoice")
    assert charges <= invoices
    # An unpaid period that ends on the day itself is owed on it, and so is the next that begins.
    ends_on_the_day = subscription.is_unpaid and outcome.state.period_end == day
    assert max(Counter(on for on, _ in charges.elements()).values(), default=0) <= (2 if ends_on_the_day else 1)
    dates = [each.date for each in outcome.events]
    assert dates == sorted(dates)
    assert all(day <= each <= day + timedelta(HORIZON) for each in dates)


@given(strategy(), days, usable)
def test_what_is_scheduled_ends_after_the_day_and_no_interval_sooner_would_do(subscription, day, until):
    state = simulate(subscription, day, DUE, None, until).state
    assert (state.name == "scheduled") == (state.case == "BIL-3") == (state.iterations > 0)
    if state.iterations:
        assert subscription.later(subscription.period_end, state.iterations) == state.period_end > day
        assert state.iterations == 1 or subscription.later(subscription.period_end, state.iterations - 1) <= day


@given(strategy(), days, write_offs, usable)
def test_a_reading_moves_no_money(subscription, day, write_off_days, until):
    due, written_off = (simulate(subscription, day, each, write_off_days, until) for each in (DUE, OPEN))
    for what in ("invoice", "charge", "renewal", "expiry"):
        assert amounts(due, what) == amounts(written_off, what)
    assert due.state == written_off.state
    assert not amounts(due, "write_off")
    assert not amounts(written_off, "due")


@given(strategy(), days, st.sampled_from(last_months(DAY)))
def test_a_card_changes_who_pays_how_and_not_what_is_owed(subscription, day, until):
    without, held = (simulate(subscription, day, DUE, None, each) for each in (NO_CARD, until))
    assert amounts(without, "invoice") == amounts(held, "invoice")
    assert not amounts(without, "charge")
    assert subscription.collection_method == CHARGE or not amounts(held, "charge")


@given(strategy(), st.integers(1, 60), st.integers(0, 120), usable)
def test_migrated_some_days_later_what_is_paid_renews_on_the_same_dates(subscription, days_later, left, until):
    later = DAY + timedelta(days_later)
    paid = replace(subscription, is_unpaid=False, starts_now=False, period_end=later + timedelta(left))
    first, second = (simulate(paid, each, DUE, None, until).events for each in (DAY, later))
    assert list(first) == [each for each in second if each.date <= DAY + timedelta(HORIZON)]


@given(
    st.dates(date(1970, 1, 1), date(2100, 1, 1)), st.integers(0, 40), st.sampled_from((1, 2, 3, 4)), st.integers(1, 12)
)
def test_intervals_are_counted_as_pandas_counts_them(start, intervals, interval, interval_count):
    unit = {1: "days", 2: "weeks", 3: "months", 4: "years"}[interval]
    subscription = replace(MONTHLY, interval=interval, interval_count=interval_count)
    expected = pd.Timestamp(start).as_unit("s") + pd.DateOffset(**{unit: intervals * interval_count})
    assert subscription.later(start, intervals) == expected.date()


# What is generated, and what is read from a target.


@pytest.fixture(scope="module")
def many() -> list[Subscription]:
    return generated(10_000, seed=2026)


def test_the_same_seed_gives_the_same_subscriptions_and_cards(many):
    assert generated(10_000, seed=2026) == many
    assert generated(10_000, seed=2027) != many
    assert cards(many, seed=1) == cards(many, seed=1) != cards(many, seed=2)


def test_what_is_generated_holds_everything_that_the_day_can_decide(many):
    until = cards(many, seed=1)
    outcomes = [simulate(each, DAY, DUE, None, until.get(each.customer)) for each in many]
    found = Counter((each.state.name, each.state.case, each.state.collection_method) for each in outcomes)
    either_way = [
        (name, case, method)
        for name, case in (
            ("active", None),
            ("active", "BIL-1"),
            ("scheduled", "BIL-3"),
            ("expired", None),
            ("not_migrated", None),
        )
        for method in (CHARGE, SEND)
    ]
    assert set(found) == {*either_way, ("active", "BIL-2", SEND), ("cancelled", "BIL-4", SEND)}
    assert min(found.values()) >= 50
    assert {(each.interval, each.interval_count) for each in many} == {
        (interval, count) for interval in INTERVALS for count in INTERVAL_COUNTS
    }
    assert {each.currency for each in many} == set(CURRENCIES)
    assert set(until.values()) == set(last_months(DAY))
    assert {(each.type, each.is_donor, each.is_recipient) for each in many} == {
        (type_, *gift)
        for type_ in ("regular", "admin", "member")
        for gift in ((False, False), (True, False), (False, True))
    }
    # Anchored at days that shorter months lack.
    assert {29, 30, 31} <= {each.state.anchor.day for each in outcomes if each.state.name == "scheduled"}


def test_a_plan_is_one_plan_and_a_customer_one_customer(many):
    plans = {(each.plan, each.amount, each.currency, each.interval, each.interval_count) for each in many}
    assert len({plan for plan, *_ in plans}) == len(plans)
    customers = {(each.customer, each.has_email) for each in many}
    assert len({customer for customer, _ in customers}) == len(customers) < len(many)


def test_what_a_target_holds_is_read_as_it_is(many, tmp_path):
    with duckdb.connect(str(tmp_path / "staging.duckdb")) as connection:
        load(many, connection)
        of_connection = simulation.subscriptions(connection)
        first = next(of_connection)
        # Another query in between takes nothing away.
        connection.execute("SELECT 1").fetchall()
        assert [first, *of_connection] == many
    assert list(simulation.subscriptions(tmp_path / "staging.duckdb")) == many


def test_the_simulation_shares_no_code_with_the_relations():
    tree = ast.parse(Path(simulation.__file__).read_text())
    ours = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.startswith("pelcro")]
    assert [f"{node.module}.{each.name}" for node in ours for each in node.names] == [
        "pelcro_pipeline.engine.connection"
    ]
