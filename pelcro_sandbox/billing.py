"""What a subscription costs and when: invoices, charges, renewals, and the days that the clock moves over."""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter

from pelcro_sandbox.periods import later
from pelcro_sandbox.site import LIVE, Site

AUTOMATIC, SENT = "charge_automatically", "send_invoice"


def key(subscription: dict | None) -> dict:
    """What names a subscription in the effect log."""
    if subscription is None:
        return {}
    return {"old_provider_id": subscription.get("_old_id"), "metadata": subscription.get("metadata")}


def price(plan: dict, subscription: dict) -> int:
    """What one period costs, in the minor unit."""
    return plan["amount"] * subscription["quantity"]


def period_end(site: Site, subscription: dict, plan: dict, periods: int) -> int:
    """The end of a subscription's period, so many after its anchor."""
    return later(subscription["_anchor"], periods, plan["interval"], plan["interval_count"], site.zone())


def invoice(site: Site, subscription: dict, plan: dict, amount: int, reason: str, at: int) -> dict:
    """Invoice a subscription, and charge it where it charges automatically; gives the subscription back."""
    row = site.insert(
        "invoices",
        {
            "user_id": subscription["user_id"],
            "subscription_id": subscription["id"],
            "currency": plan["currency"],
            "total": amount,
            "line_items": None,
            "period_start": subscription["current_period_start"],
            "period_end": subscription["current_period_end"],
            "due_date": None,
            "status": "open",
            "billing_reason": reason,
            "billing": subscription["billing"],
            "amount_paid": 0,
            "metadata": {},
        },
    )
    site.effect("invoice", "invoices", row | key(subscription), at, amount)
    subscription = site.update("subscriptions", subscription, {"latest_invoice": row["id"]})
    if subscription["billing"] == AUTOMATIC:
        subscription = charge(site, row, subscription, at)
    _await_write_off(site, row["id"], at)
    return subscription


def charge(site: Site, row: dict, subscription: dict, at: int) -> dict:
    """Charge an open invoice to a card that is valid on the day; without one nothing is tried."""
    card = _card(site, subscription, site.date(at))
    if card is None:
        return subscription
    declined = _declined(site, card, at)
    tried = {
        "invoice_id": row["id"],
        "subscription_id": subscription["id"],
        "user_id": row["user_id"],
        "source_id": card["id"],
        "amount": row["total"],
        "currency": row["currency"],
        "status": "failed" if declined else "succeeded",
        "reference": None,
        "type": None,
    }
    site.insert("charges", tried)
    site.effect("charge_failed" if declined else "charge", "invoices", row | key(subscription), at, row["total"])
    if not declined:
        site.update("invoices", row, {"status": "paid", "amount_paid": row["total"]}, due=None)
    # What has ended does not begin again with its last invoice.
    before, after = ("active", "past_due") if declined else ("past_due", "active")
    return (
        site.update("subscriptions", subscription, {"status": after})
        if subscription["status"] == before
        else subscription
    )


def _card(site: Site, subscription: dict, day: datetime.date) -> dict | None:
    """The subscription's card; where it is not valid on the day, perhaps another of the customer's."""
    sources = list(site.found("sources", "user_id", subscription["user_id"]))
    sources.sort(key=lambda source: source["id"] != subscription["default_source"])
    if site.choices["which-card"] == "own":
        sources = sources[:1]
    for source in sources:
        month = (source["exp_year"], source["exp_month"])
        # What never expires is told without a month.
        if source["status"] == "chargeable" and (None in month or month >= (day.year, day.month)):
            return source
    return None


def _declined(site: Site, card: dict, at: int) -> bool:
    """Whether the script of the payment gateway declines a card on a day."""
    day = site.day(at)
    for decline in site.store.setting("gateway.declines", []):
        if decline.get("object_id", card["object_id"]) != card["object_id"]:
            continue
        if not decline.get("from", day) <= day <= decline.get("until", day):
            continue
        drawn = hashlib.sha256(f"{decline.get('seed', 0)}:{card['object_id']}:{day}".encode()).digest()
        if int.from_bytes(drawn[:8]) / 2**64 < decline.get("share", 1):
            return True
    return False


def end(site: Site, subscription: dict, status: str, at: int | None = None) -> dict:
    """End a subscription, expired or cancelled."""
    if subscription["status"] not in LIVE:
        return subscription
    when = site.now() if at is None else at
    changes = {"status": status, "ended_at": when, "canceled_at": subscription["canceled_at"] or when}
    changed = site.update(
        "subscriptions", subscription, changes, effect="expire" if status == "expired" else "cancel", due=None
    )
    site.announce("subscription.expired", "subscriptions", changed)
    return changed


def next_due(subscription: dict) -> int:
    """When billing looks at a live subscription next."""
    if subscription["status"] == "scheduled":
        return subscription["start"]
    return min(subscription["current_period_end"], subscription["cancel_at"] or subscription["current_period_end"])


def await_invoice(site: Site, row: dict, subscription: dict | None) -> None:
    """Let the clock see an invoice that the API made: to be charged, due or written off."""
    at = site.now()
    charged = subscription is not None and subscription["billing"] == AUTOMATIC
    if charged and site.choices["open-invoice-charge"] == "on-the-day":
        site.store.put_off(site.number, "invoices", row["id"], at)
    else:
        _await_write_off(site, row["id"], at)


def _await_write_off(site: Site, identity: int, at: int) -> None:
    row = site.get("invoices", identity)
    days = site.settings["write_off_days"]
    if row["status"] != "open":
        return
    if row["due_date"] is not None and row["due_date"] >= at:
        site.store.put_off(site.number, "invoices", identity, row["due_date"])
    elif days is not None and row["billing"] == SENT:
        site.store.put_off(site.number, "invoices", identity, later(at, days, "day", 1, site.zone()))
    else:
        site.store.put_off(site.number, "invoices", identity, None)


def bill(site: Site, through: int) -> Counter:
    """Bill all that is due up to a time; how many of each thing happened."""
    happened: Counter = Counter()
    while due := site.store.due(site.number, through):
        for at, kind, identity in due:
            row = site.get(kind, identity)
            happened[(_invoice_due if kind == "invoices" else _subscription_due)(site, row, at)] += 1
    return happened


def _subscription_due(site: Site, row: dict, at: int) -> str:
    plan = site.store.get(site.number, "plans", row["plan"], deleted=True)
    if row["status"] == "scheduled":
        started = site.update("subscriptions", row, {"status": "active"})
        if row["_bills_on_start"]:
            started = invoice(site, started, plan, price(plan, row), "subscription_create", at)
        site.store.put_off(site.number, "subscriptions", row["id"], next_due(started))
        return "start"
    if row["cancel_at"] is not None and row["cancel_at"] <= at:
        end(site, row, "expired", at)
        site.effect("expiry", "subscriptions", row, at, 0)
        return "expiry"
    anchor, periods = row["_anchor"], row["_periods"] + 1
    if site.choices["renewal-anchor"] == "previous":
        anchor, periods = row["current_period_end"], 1
    renewed = row | {"_anchor": anchor, "_periods": periods}
    changes = {
        "_anchor": anchor,
        "_periods": periods,
        "current_period_start": row["current_period_end"],
        "current_period_end": period_end(site, renewed, plan, periods),
        "status": "active" if row["status"] == "trialing" else row["status"],
    }
    renewed = site.update("subscriptions", row, changes)
    site.effect("renewal", "subscriptions", renewed, at, 0)
    renewed = invoice(site, renewed, plan, price(plan, row), "subscription_cycle", at)
    site.store.put_off(site.number, "subscriptions", row["id"], next_due(renewed))
    site.announce("subscription.renewed", "subscriptions", renewed)
    return "renewal"


def _invoice_due(site: Site, row: dict, at: int) -> str:
    subscription = None if row["subscription_id"] is None else site.get("subscriptions", row["subscription_id"])
    identity = row["id"]
    if row["status"] != "open":
        site.store.put_off(site.number, "invoices", identity, None)
        return "settled"
    if row["billing"] == AUTOMATIC:
        if subscription is not None:
            charge(site, row, subscription, at)
        site.store.put_off(site.number, "invoices", identity, None)
        return "charge"
    if row["due_date"] == at:
        site.effect("due", "invoices", row | key(subscription), at, row["total"])
        days = site.settings["write_off_days"]
        later_on = None if days is None else max(later(row["created_at"], days, "day", 1, site.zone()), at + 1)
        site.store.put_off(site.number, "invoices", identity, later_on)
        return "due"
    site.update("invoices", row, {"status": "uncollectible"}, due=None)
    site.effect("write_off", "invoices", row | key(subscription), at, row["total"])
    return "write_off"
