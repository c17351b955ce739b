"""Migration day and the 90 days after it, simulated for one subscription at a time: a second opinion on money.

Of the relations under ``sql`` nothing is used here, and of DuckDB no more than to fetch rows, so that the two can be held
against each other to the cent. They compute every date at once; here each day is lived through and asked what falls on it.

Amounts are integers of the currency's minor unit, and nothing is rounded. Every date beyond 9999-12-31 counts as that day.
"""

from __future__ import annotations

import calendar
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date
from pathlib import Path
from typing import Literal

import duckdb

from pelcro_pipeline.engine import connection as duck

#: How many days after the migration are told.
HORIZON = 90
CHARGE, SEND = "charge_automatically", "send_invoice"
_DAY, _WEEK, _MONTH, _YEAR = 1, 2, 3, 4
#: What an unpaid subscription is, by whether its period has ended and whether it cancels at that end.
_CASES = {
    (False, False): ("BIL-1", "active"),
    (False, True): ("BIL-2", "active"),
    (True, False): ("BIL-3", "scheduled"),
    (True, True): ("BIL-4", "cancelled"),
}
_ROWS_AT_A_TIME = 10_000


@dataclass(frozen=True, slots=True)
class Subscription:
    """A prepared subscription with what its plan costs, and how often."""

    record: int
    customer: str
    plan: str
    is_unpaid: bool
    cancels: bool
    is_expired: bool
    starts_now: bool
    is_donor: bool
    is_recipient: bool
    type: Literal["regular", "admin", "member"]
    #: None only of what starts now.
    period_end: date | None
    collection_method: str
    quantity: int
    amount: int
    currency: str
    interval: int
    interval_count: int
    has_email: bool

    @property
    def renews(self) -> bool:
        """A gift's recipient does not, whatever is said: it ends with its period."""
        return not (self.cancels or self.is_recipient)

    def later(self, start: date, intervals: int) -> date:
        """So many of the plan's intervals after ``start``, each counted from it: 31 January, 28 February, 31 March."""
        steps = intervals * self.interval_count
        if self.interval in (_DAY, _WEEK):
            return _on(start.toordinal() + steps * (7 if self.interval == _WEEK else 1))
        year, month = divmod(start.year * 12 + start.month - 1 + steps * (12 if self.interval == _YEAR else 1), 12)
        if year > MAXYEAR:
            return date.max
        return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class State:
    """What a subscription is once the day is over; its period ends ``index`` intervals after ``anchor``."""

    name: Literal["active", "scheduled", "cancelled", "expired", "not_migrated"]
    #: BIL-1 to BIL-4; None of what is paid, or marked as expired.
    case: str | None
    collection_method: str
    anchor: date
    index: int
    period_end: date
    #: Of BIL-3, how many intervals lie between the period that has ended and the one to come; 0 of all others.
    iterations: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """What an unpaid subscription owes on the day: its plan's amount, never times its quantity."""

    amount: int
    currency: str
    collection_method: str
    status: Literal["open"]
    is_charged: bool
    due_date: date | None
    uncollectible_on: date | None


@dataclass(frozen=True, slots=True)
class Event:
    """What happens to a subscription on a date; of a renewal and an expiry the amount is 0."""

    date: date
    what: Literal["invoice", "charge", "due", "write_off", "renewal", "expiry"]
    amount: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a subscription: on the day, and in the 90 days after it."""

    record: int
    state: State
    invoice: Invoice | None
    events: tuple[Event, ...]


def simulate(
    subscription: Subscription,
    day: date,
    reading: Literal["due_in_one_day", "open_until_uncollectible"],
    write_off_days: int | None,
    usable_until: date | None,
) -> Outcome:
    """Live through the migration ``day`` and the 90 days after it.

    ``reading`` and ``write_off_days`` are the settings of an unpaid invoice. ``usable_until`` is the last month, by its
    first day, in which one of the customer's payment methods can be charged (9999-12-01 where it never expires, such as a
    bank debit); None where there is none.
    """
    state = _state(subscription, day, usable_until)
    invoice = None
    if subscription.is_unpaid and state.name != "expired":
        invoice = _invoice(subscription, state, day, reading, write_off_days)
    return Outcome(subscription.record, state, invoice, tuple(_events(subscription, state, invoice, day, usable_until)))


def _state(subscription: Subscription, day: date, usable_until: date | None) -> State:
    anchor, index, iterations = subscription.period_end, 0, 0
    if subscription.starts_now:
        anchor, index = day, 1
    has_ended = anchor < day
    name, case, method = "active", None, subscription.collection_method
    if subscription.is_expired:
        name = "expired"
    elif subscription.is_unpaid:
        case, name = _CASES[has_ended, subscription.cancels]
        if subscription.cancels or not _is_usable(usable_until, day):
            method = SEND
        if case == "BIL-3":
            index = iterations = _intervals_until_after(subscription, day)
    elif has_ended:
        name = "not_migrated"
    return State(name, case, method, anchor, index, subscription.later(anchor, index), iterations)


def _intervals_until_after(subscription: Subscription, day: date) -> int:
    """The least number of intervals, 1 or more, that lead from a period end in the past to after ``day``."""
    # An interval is a day at least, so there are no more of them than days.
    numbers = range(1, (day - subscription.period_end).days + 2)
    return numbers[bisect_right(numbers, day, key=lambda number: subscription.later(subscription.period_end, number))]


def _invoice(subscription: Subscription, state: State, day: date, reading: str, write_off_days: int | None) -> Invoice:
    is_charged = state.collection_method == CHARGE
    due_date = uncollectible_on = None
    if not is_charged and reading == "due_in_one_day":
        due_date = _on(day.toordinal() + 1)
    elif not is_charged and write_off_days is not None:
        uncollectible_on = _on(day.toordinal() + write_off_days)
    amount, currency, method = subscription.amount, subscription.currency, state.collection_method
    return Invoice(amount, currency, method, "open", is_charged, due_date, uncollectible_on)


def _events(
    subscription: Subscription, state: State, invoice: Invoice | None, day: date, usable_until: date | None
) -> Iterator[Event]:
    index, period_end = state.index, state.period_end
    runs = state.name in ("active", "scheduled")
    # A member's renewal is billed to the group's admin.
    price = None if subscription.type == "member" else subscription.amount * subscription.quantity
    for today in map(_on, range(day.toordinal(), _on(day.toordinal() + HORIZON).toordinal() + 1)):
        if invoice and today == day:
            yield Event(today, "invoice", invoice.amount)
            if invoice.is_charged:
                yield Event(today, "charge", invoice.amount)
        if invoice and today == invoice.due_date:
            yield Event(today, "due", invoice.amount)
        if invoice and today == invoice.uncollectible_on:
            yield Event(today, "write_off", invoice.amount)
        if not runs or today != period_end:
            continue
        if not subscription.renews:
            yield Event(today, "expiry", 0)
            continue
        yield Event(today, "renewal", 0)
        if price is not None:
            yield Event(today, "invoice", price)
            if state.collection_method == CHARGE and _is_usable(usable_until, today):
                yield Event(today, "charge", price)
        index += 1
        period_end = subscription.later(state.anchor, index)


def _is_usable(until: date | None, on: date) -> bool:
    return until is not None and on.replace(day=1) <= until


def _on(ordinal: int) -> date:
    return date.fromordinal(min(ordinal, date.max.toordinal()))


#: In the order of the fields of Subscription.
_SELECT = """
SELECT
    record,
    subscriptions."customer.old_provider_id",
    "subscription.common_metadata.temporary_plan_id",
    "subscription.common_metadata.service_status" = 'unpaid',
    "subscription.cancel_at_period_end",
    coalesce("subscription.common_metadata.is_expired", false),
    coalesce("subscription.common_metadata.start_now", false),
    coalesce("subscription.common_metadata.is_gift_donor", false),
    coalesce("subscription.common_metadata.is_gift_recipient", false),
    coalesce("subscription.type", 'regular'),
    "subscription.current_period_end",
    "subscription.collection_method",
    "subscription.quantity",
    "plan.amount",
    "plan.currency",
    "plan.interval",
    "plan.interval_count",
    "customer.email" IS NOT NULL
FROM subscriptions
JOIN plans ON "subscription.common_metadata.temporary_plan_id" = "plan.old_id"
JOIN customers ON subscriptions."customer.old_provider_id" = customers."customer.old_provider_id"
ORDER BY record
"""


def subscriptions(target: Path | duckdb.DuckDBPyConnection) -> Iterator[Subscription]:
    """The subscriptions that a target holds, by record: of its file, or of a connection to which it is the database.

    Of a connection a cursor is taken, so other queries may run between two subscriptions.
    """
    connection = duck.connect(target, read_only=True) if isinstance(target, Path) else target.cursor()
    with connection:
        rows = connection.execute(_SELECT)
        while batch := rows.fetchmany(_ROWS_AT_A_TIME):
            for row in batch:
                yield Subscription(*row)
