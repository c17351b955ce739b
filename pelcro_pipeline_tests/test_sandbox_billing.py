"""The sandbox's clock bills what the rules of migration day say, worked out here a second time by dates alone."""

from __future__ import annotations

import calendar
import datetime
import itertools
import zoneinfo
from collections import Counter

import pytest

from pelcro_pipeline_tests.api import running

ZONE = "America/Toronto"
DAYS = 90
#: Months (year, month) by name until which a card is valid, from the day on: None never expires.
CARDS = {"good": 24, "soon": 1, "gone": -1}


def months_on(day: datetime.date, months: int) -> datetime.date:
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return datetime.date(years, month + 1, min(day.day, calendar.monthrange(years, month + 1)[1]))


def later(day: datetime.date, periods: int, interval: str, count: int) -> datetime.date:
    steps = periods * count
    if interval in ("day", "week"):
        return day + datetime.timedelta(days=steps * (7 if interval == "week" else 1))
    return months_on(day, steps * (12 if interval == "year" else 1))


def last_second(day: datetime.date) -> int:
    at = datetime.datetime.combine(day, datetime.time(23, 59, 59), zoneinfo.ZoneInfo(ZONE))
    return int(at.timestamp())


def forecast(terms: dict, today: datetime.date) -> Counter:
    """What happens to a subscription from the day to 90 days on: (day, what, amount)."""
    end = today + datetime.timedelta(days=DAYS)
    events: Counter = Counter()

    def valid(day: datetime.date) -> bool:
        return terms["card"] is not None and day.replace(day=1) <= months_on(today, CARDS[terms["card"]]).replace(day=1)

    charges = terms["method"] == "charge_automatically"
    if terms["owed"] is not None:
        events[today, "invoice", terms["owed"]] += 1
        events[today, "charge", terms["owed"]] += charges and valid(today)
        if terms["due"]:
            events[today + datetime.timedelta(days=1), "due", terms["owed"]] += 1
    if not terms["renews"]:
        events[terms["end"], "expiry", 0] += 1
    else:
        for periods in itertools.count():
            day = later(terms["end"], periods, terms["interval"], terms["count"])
            if day > end:
                break
            price = terms["amount"] * terms["quantity"]
            events[day, "renewal", 0] += 1
            events[day, "invoice", price] += 1
            events[day, "charge", price] += charges and valid(day)
    return Counter({event: number for event, number in events.items() if number and event[0] <= end})


def subscriptions(today: datetime.date) -> list[dict]:
    """Terms of every sort: intervals, ends on the day, in the last days of months and beyond, cards of all sorts."""
    first = today.replace(day=1)
    ends = [today, today + datetime.timedelta(days=1), months_on(first, 1) - datetime.timedelta(days=1)]
    ends += [next(day for day in (first + datetime.timedelta(days=n) for n in range(31, 100)) if day.day == 31)]
    ends += [today + datetime.timedelta(days=days) for days in (DAYS, DAYS + 1)]
    ends = [max(end, today) for end in ends]
    intervals = [("day", 20), ("week", 3), ("month", 1), ("month", 2), ("year", 1)]
    made = []
    for number, (end, (interval, count), renews) in enumerate(itertools.product(ends, intervals, (True, False))):
        card = (None, "good", "soon", "gone")[number % 4]
        method = "charge_automatically" if card and number % 3 else "send_invoice"
        made.append(
            {
                "key": f"S{number}",
                "end": end,
                "interval": interval,
                "count": count,
                "renews": renews,
                "card": card,
                "method": method,
                "amount": 1000 + number,
                "quantity": 1 + number % 3,
                "owed": 500 + number if number % 5 == 0 else None,
                "due": number % 2 == 0 and method == "send_invoice",
            }
        )
    return made


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


def test_ninety_days_are_billed_as_the_dates_say(sandbox):
    sandbox.asked("POST", "/sites/staging", {"timezone": ZONE})
    api = sandbox.sites["staging"]
    product = api.product()
    today = datetime.date.fromisoformat(sandbox.asked("GET", "/clock")["days"]["staging"])
    all_terms = subscriptions(today)
    cards = {}
    for terms in all_terms:
        if terms["card"]:
            until = months_on(today, CARDS[terms["card"]])
            cards[f"card_{terms['key']}"] = {"exp_month": until.month, "exp_year": until.year}
    sandbox.asked("POST", "/gateway", {"cards": cards})
    for terms in all_terms:
        key = terms["key"]
        customer = api.customer(key)
        plan = api.plan(
            product, amount=terms["amount"] / 100, interval=terms["interval"], interval_count=terms["count"]
        )
        source = {}
        if terms["card"]:
            card = {"customer_id": customer["id"], "object_gateway": "stripe", "object_id": f"card_{key}"}
            source = {"source_id": api.made("/sources", **card)["id"]}
        bought = api.subscription(
            customer,
            plan,
            old_provider_id=key,
            collection_method=terms["method"],
            auto_renew=terms["renews"],
            quantity=terms["quantity"],
            current_period_end=last_second(terms["end"]),
            **source,
        )
        if terms["owed"] is not None:
            due = {"due_date": last_second(today + datetime.timedelta(days=1))} if terms["due"] else {}
            owed = {"subscription_id": bought["id"], "total": terms["owed"], "currency": "usd", "status": "open"}
            api.made("/invoices", customer_id=customer["id"], **owed, **due)
    moved = sandbox.asked("POST", "/clock", {"days": DAYS})
    assert moved["days"]["staging"] == (today + datetime.timedelta(days=DAYS)).isoformat()
    happened: dict[str, Counter] = {terms["key"]: Counter() for terms in all_terms}
    for effect in sandbox.effects():
        if effect["site"] == api.site_id and effect["effect"] in ("invoice", "charge", "due", "renewal", "expiry"):
            event = (datetime.date.fromisoformat(effect["day"]), effect["effect"], effect["amount"])
            happened[effect["key"]][event] += 1
    expected = {terms["key"]: forecast(terms, today) for terms in all_terms}
    assert sum(map(len, expected.values())) > 150
    assert {what for events in expected.values() for _, what, _ in events} == {
        *("invoice", "charge", "due", "renewal", "expiry"),
    }
    assert happened == expected


@pytest.fixture
def api(sandbox):
    return sandbox.sites["production"]


def carded(api, name: str, card: str) -> tuple[dict, dict, dict]:
    """A customer with a card, a monthly plan, and what charges to it."""
    customer, plan = api.customer(name), api.plan(api.product())
    source = api.made("/sources", customer_id=customer["id"], object_gateway="stripe", object_id=card)
    return customer, plan, {"collection_method": "charge_automatically", "source_id": source["id"]}


def latest(sandbox, number: int) -> list[tuple]:
    """What was billed since an entry of the effect log."""
    money = ("invoice", "charge", "charge_failed", "renewal", "expiry", "write_off", "payment")
    return [(each["effect"], each["amount"]) for each in sandbox.effects(number) if each["effect"] in money]


def number(sandbox) -> int:
    return sandbox.effects()[-1]["number"]


def test_without_a_period_end_it_is_billed_at_once_and_with_one_it_is_not(sandbox, api):
    customer, plan, charged = carded(api, "AT-ONCE", "card_once")
    before = number(sandbox)
    bought = api.subscription(customer, plan, quantity=2, **charged)
    assert latest(sandbox, before) == [("invoice", 3000), ("charge", 3000)]
    assert api.got(f"/invoices/{bought['latest_invoice']}")["status"] == "paid"
    before = number(sandbox)
    api.subscription(customer, plan, current_period_end=bought["current_period_end"], **charged)
    assert latest(sandbox, before) == []


def test_a_declined_card_leaves_the_invoice_open_and_the_subscription_past_due(sandbox, api):
    customer, plan, charged = carded(api, "DECLINED", "card_declined")
    sandbox.asked("POST", "/gateway", {"declines": [{"object_id": "card_declined"}]})
    before = number(sandbox)
    bought = api.subscription(customer, plan, **charged)
    assert (bought["status"], latest(sandbox, before)) == ("past_due", [("invoice", 1500), ("charge_failed", 1500)])
    assert api.got(f"/invoices/{bought['latest_invoice']}")["status"] == "open"
    sandbox.asked("POST", "/gateway", {"declines": []})
    before = number(sandbox)
    sandbox.asked("POST", "/clock", {"days": 31})
    assert ("charge", 1500) in latest(sandbox, before)
    assert api.got(f"/subscriptions/{bought['id']}")["status"] == "active"


def test_a_subscription_that_has_ended_stays_so_when_its_last_invoice_is_declined(sandbox, api):
    customer, plan, charged = carded(api, "ENDED", "card_ended")
    now = sandbox.asked("GET", "/clock")["now"]
    bought = api.subscription(customer, plan, current_period_end=now + 9 * 86400, **charged)
    owed = {"customer_id": customer["id"], "subscription_id": bought["id"], "currency": "usd", "status": "open"}
    invoice = api.made("/invoices", total=301, **owed)
    sandbox.asked("POST", "/gateway", {"declines": [{"object_id": "card_ended"}]})
    api.call("DELETE", f"/subscriptions/{bought['id']}", mode="now")
    sandbox.asked("POST", "/clock", {"days": 0})
    sandbox.asked("POST", "/gateway", {"declines": []})
    assert api.got(f"/invoices/{invoice['id']}")["status"] == "open"
    assert ("charge_failed", 301) in latest(sandbox, 0)
    assert api.got(f"/subscriptions/{bought['id']}")["status"] == "canceled"


def test_a_later_start_a_trial_and_a_cancellation_at_the_end(sandbox, api):
    customer, plan, charged = carded(api, "LATER", "card_later")
    now = sandbox.asked("GET", "/clock")["now"]
    starts = api.subscription(
        customer, plan, start_date=now + 5 * 86400, billing_behavior="bill_on_start_date", auto_renew=False, **charged
    )
    tried = api.subscription(customer, plan, trial_period_days=3, **charged)
    left = api.subscription(customer, plan, current_period_end=now + 2 * 86400, **charged)
    api.call("DELETE", f"/subscriptions/{left['id']}", mode="period_end")
    assert (starts["status"], tried["status"]) == ("scheduled", "trialing")
    before = number(sandbox)
    sandbox.asked("POST", "/clock", {"days": 6})
    since = [each for each in sandbox.effects(before) if each["site"] == api.site_id]
    mine = Counter(each["effect"] for each in since if each["id"] in (starts["id"], tried["id"], left["id"]))
    assert mine["expiry"] == mine["renewal"] == 1
    shown = [api.got(f"/subscriptions/{each['id']}") for each in (starts, tried, left)]
    assert [each["status"] for each in shown] == ["active", "active", "expired"]
    invoices = [each["latest_invoice"] for each in shown[:2]]
    assert [api.got(f"/invoices/{each}")["status"] for each in invoices] == ["paid", "paid"]
    sandbox.asked("POST", "/clock", {"days": 31})
    assert api.got(f"/subscriptions/{starts['id']}")["status"] == "expired"


def test_an_invoice_that_nobody_pays_is_written_off(sandbox, api):
    sandbox.asked("POST", "/sites/production", {"write_off_days": 20})
    customer = api.customer("UNPAID")
    owed, paid = (
        api.made("/invoices", customer_id=customer["id"], currency="usd", total=700, status="open") for _ in range(2)
    )
    api.call("POST", f"/invoices/{paid['id']}/pay_offline", {"reference": "cash", "type": 6})
    sandbox.asked("POST", "/clock", {"days": 19})
    assert api.got(f"/invoices/{owed['id']}")["status"] == "open"
    sandbox.asked("POST", "/clock", {"days": 1})
    assert [api.got(f"/invoices/{each['id']}")["status"] for each in (owed, paid)] == ["uncollectible", "paid"]


def test_nothing_is_billed_twice_and_the_clock_survives_the_process(tmp_path):
    with running(tmp_path) as sandbox:
        api = sandbox.sites["staging"]
        customer, plan, charged = carded(api, "TWICE", "card_twice")
        api.subscription(customer, plan, **charged)
        sandbox.asked("POST", "/clock", {"days": 40})
        day, billed = sandbox.asked("GET", "/clock")["days"], latest(sandbox, 0)
        sandbox.asked("POST", "/clock", {"days": 0})
        assert latest(sandbox, 0) == billed
    with running(tmp_path) as again:
        assert again.asked("GET", "/clock")["days"] == day
        again.asked("POST", "/clock", {"days": 0})
        assert latest(again, 0) == billed
