"""Subscriptions, gifts and the members of groups."""

from __future__ import annotations

import datetime
import secrets

from pelcro_sandbox import billing, readers
from pelcro_sandbox.billing import AUTOMATIC, SENT
from pelcro_sandbox.periods import later
from pelcro_sandbox.site import LIVE, Site, merged
from pelcro_sandbox.validation import InvalidError

_DAY = 24 * 60 * 60
#: A century of days.
_MOST_PERIODS = 36525
_REDEEMED_FROM = ("active", "past_due", "trialing")


def create_subscription(site: Site, body: dict, query: dict) -> dict:
    """A new subscription, billed at once unless a period, a trial or a later start says otherwise."""
    body = site.told(body)
    now = site.now()
    plan = site.referred("plans", body, "plan_id", "plan_old_provider_id")
    customer = site.customer(body, "user_id")
    _check_times(site, body, now)
    donor = _donor(site, body)
    if plan["type"] != "membership" and (body.get("domains") or body.get("ip_addresses")):
        raise InvalidError("domains", "The domains field is for membership plans only.")
    source = site.own("sources", customer, body, "source_id", "source_old_provider_id")
    method = body.get("collection_method") or AUTOMATIC
    if method == AUTOMATIC and source is None:
        raise InvalidError(
            "source_id", "The source id field is required when collection method is charge_automatically."
        )
    coupon = _coupon(site, body, plan)
    most = site.settings["most_subscriptions"]
    if most is not None and len(site.live_subscriptions("user_id", customer["id"])) >= most:
        raise InvalidError("user_id", f"A customer has at most {most} subscriptions.")
    old_id = body.get("old_provider_id")
    is_unique = site.choices["subscription-old-id"] == "unique"
    if is_unique and old_id is not None and site.find("subscriptions", "_old_id", old_id):
        raise InvalidError("old_provider_id", "The old provider id has already been taken.")
    address = _address(site, customer, body, site.existing("products", plan["product_id"]))
    row = site.insert(
        "subscriptions",
        _row(site, body, plan, customer, now)
        | {
            "address": address and address["id"],
            "coupon": coupon and coupon["id"],
            "default_source": source and source["id"],
            "billing": method,
            "_donor": donor and donor["id"],
        },
    )
    if _bills_now(site, body, row):
        amount = _discounted(billing.price(plan, row), coupon)
        row = billing.invoice(site, row, plan, amount, "subscription_create", now)
    site.store.put_off(site.number, "subscriptions", row["id"], billing.next_due(row))
    site.announce("subscription.created", "subscriptions", row)
    if body.get("gift_recipient_email") or site.choices["creation-email"] == "sent":
        site.effect("email", "subscriptions", row)
    return row


def _check_times(site: Site, body: dict, now: int) -> None:
    end, trial = body.get("current_period_end"), body.get("trial_period_days")
    if end is not None and trial is not None:
        raise InvalidError("trial_period_days", "The trial period days field is prohibited with current period end.")
    if end is not None and end <= now:
        raise InvalidError("current_period_end", "The current period end must be a time in the future.")
    if body.get("next_invoice_date") is not None and body["next_invoice_date"] != end:
        raise InvalidError("next_invoice_date", "The next invoice date must equal current period end.")
    start = body.get("start_date")
    if start is None:
        return
    if start > now and body.get("billing_behavior") is None:
        raise InvalidError(
            "billing_behavior", "The billing behavior field is required when start date is in the future."
        )
    if start > now and end is not None and end <= start:
        raise InvalidError("current_period_end", "The current period end must be after start date.")
    if site.date(start) < site.date() and site.choices["start-in-the-past"] == "refused":
        raise InvalidError("start_date", "The start date must not be in the past.")


def _donor(site: Site, body: dict) -> dict | None:
    """The donor's subscription that a recipient's names, or nothing."""
    gifts = [name for name in body if name.startswith("gift_recipient_") and body[name] is not None]
    if gifts and not body.get("is_gift_donor"):
        raise InvalidError(gifts[0], "The gift recipient fields need is gift donor.")
    if body.get("gift_donor_subscription_id") is None and body.get("gift_donor_old_provider_id") is None:
        return None
    if body.get("is_gift_donor") is not None:
        raise InvalidError("is_gift_donor", "The is gift donor field is prohibited for a gift's recipient.")
    donor = site.referred("subscriptions", body, "gift_donor_subscription_id", "gift_donor_old_provider_id", "_old_id")
    if not donor["is_gift_donor"]:
        raise InvalidError("gift_donor_subscription_id", "The selected subscription is no gift donor's.")
    return donor


def _coupon(site: Site, body: dict, plan: dict) -> dict | None:
    if body.get("coupon_code") is None:
        return None
    found = list(site.found("coupons", "code", body["coupon_code"]))
    if not found or (found[0]["plans"] and plan["id"] not in found[0]["plans"]):
        raise InvalidError("coupon_code", "The selected coupon code is invalid.")
    used = sum(each["coupon"] == found[0]["id"] for each in site.store.all(site.number, "subscriptions"))
    last = found[0]["redeem_by"]
    if (found[0]["max_redemptions"] or used + 1) <= used or (last is not None and last < site.day()):
        raise InvalidError("coupon_code", "The coupon can no longer be redeemed.")
    return found[0]


def _discounted(amount: int, coupon: dict | None) -> int:
    if coupon is None:
        return amount
    off = coupon["amount_off"] if coupon["amount_off"] is not None else round(amount * coupon["percent_off"] / 100)
    return max(0, amount - off)


def _address(site: Site, customer: dict, body: dict, product: dict) -> dict | None:
    address = site.own("addresses", customer, body, "address_id", "address_old_provider_id")
    if address is not None or not product["address_required"]:
        return address
    has_one = any(each["type"] == "shipping" for each in site.found("addresses", "user_id", customer["id"]))
    inline = body.get("address")
    if has_one or not inline:
        raise InvalidError("address_id", "The address id field is required: the product requires an address.")
    needed = ("first_name", "last_name", "line1", "city", "country", "postal_code")
    missing = [name for name in needed if not isinstance(inline.get(name), str) or not inline[name]]
    if missing:
        raise InvalidError(f"address.{missing[0]}", f"The address.{missing[0]} field is required.")
    known = {name: inline[name] for name in (*needed, "state", "line2") if isinstance(inline.get(name), str)}
    return readers.create_address(site, known | {"type": "shipping", "customer_id": customer["id"]}, {})


def _row(site: Site, body: dict, plan: dict, customer: dict, now: int) -> dict:
    """A subscription as its body and plan say, without what hangs on other rows."""
    start = body.get("start_date")
    later_start = start is not None and start > now
    begin = start if later_start else now
    trial = 0 if body.get("current_period_end") else (body.get("trial_period_days", plan["trial_period_days"]) or 0)
    end = body.get("current_period_end") or (begin + trial * _DAY if trial else None)
    end = end or later(begin, 1, plan["interval"], plan["interval_count"], site.zone())
    is_recipient = body.get("gift_donor_subscription_id") or body.get("gift_donor_old_provider_id")
    is_donor = bool(body.get("is_gift_donor"))
    renews = plan["auto_renew"] if body.get("auto_renew") is None else body["auto_renew"]
    renews = bool(renews) and not is_recipient and not (is_donor and site.choices["gift-donor"] == "ends")
    given = body.get("metadata") or {}
    metadata: dict = {}
    for pairs in given if isinstance(given, list) else [given]:
        metadata |= pairs
    counted = body.get("current_period_end") or trial
    anchor, periods = (end, 0) if counted else (begin, 1)
    if start is not None and not later_start and site.choices["renewal-anchor"] == "start":
        anchor, periods = _from_start(site, start, end, plan) or (anchor, periods)
    kind = {"membership": "membership", "donation": "donation"}.get(plan["type"], "regular")
    return {
        "user_id": customer["id"],
        "plan": plan["id"],
        "latest_invoice": None,
        "latest_churn_prediction": None,
        "status": "scheduled" if later_start else "trialing" if trial else "active",
        "type": "gift_recipient" if is_recipient else "gift_donor" if is_donor else kind,
        "is_membership": plan["type"] == "membership",
        "quantity": body["quantity"],
        "auto_renew": int(renews),
        "cancel_at_period_end": int(not renews),
        "cancel_at": None if renews else end,
        "canceled_at": None,
        "canceled_by": None,
        "canceled_by_type": None,
        "cancel_reason": None,
        "current_period_start": begin if start is None else start,
        "current_period_end": end,
        "created": now,
        "days_until_due": None,
        "ended_at": None,
        "trial_start": now if trial else None,
        "trial_end": end if trial else None,
        "address_required": False,
        "is_gift_donor": is_donor or None,
        "is_gift_recipient": bool(is_recipient) or None,
        "due_date": None,
        "gift_code": secrets.token_hex(5).upper() if is_donor else None,
        "end_date": None,
        "start": begin if start is None else start,
        "shipments_remaining": body.get("shipments_remaining"),
        "shipments_suspended_until": body.get("shipments_suspended_until"),
        "shipments_undeliverable": body.get("shipments_undeliverable"),
        "metadata": merged(None, metadata),
        "domains": body.get("domains"),
        "ip_addresses": body.get("ip_addresses"),
        "_old_id": body.get("old_provider_id"),
        # Renewals are counted from the first period end, or from the start where that was not given.
        "_anchor": anchor,
        "_periods": periods,
        "_bills_on_start": later_start and body["billing_behavior"] == "bill_on_start_date",
        "_redeemed": False,
        "_campaign": body.get("campaign_key"),
    }


def _from_start(site: Site, start: int, end: int, plan: dict) -> tuple[int, int] | None:
    """The start as an anchor, and how many periods later the given end is; nothing where it is none of these ends."""
    time_of_day = datetime.datetime.fromtimestamp(end, site.zone()).time()
    anchor = int(datetime.datetime.combine(site.date(start), time_of_day, site.zone()).timestamp())
    periods, reached = 0, anchor
    while reached < end and periods < _MOST_PERIODS:
        periods += 1
        reached = later(anchor, periods, plan["interval"], plan["interval_count"], site.zone())
    return (anchor, periods) if reached == end else None


def _bills_now(site: Site, body: dict, row: dict) -> bool:
    if row["is_gift_recipient"]:
        return False
    if row["status"] == "scheduled":
        return not row["_bills_on_start"]
    if body.get("current_period_end") is not None:
        return site.choices["paid-not-invoiced"] == "invoices"
    return row["status"] != "trialing"


def update_subscription(site: Site, identity: int, body: dict, query: dict) -> dict:
    """A subscription, changed; metadata is merged."""
    row = site.existing("subscriptions", identity)
    kept = ("shipments_remaining", "ip_addresses", "domains", "shipments_undeliverable", "shipments_suspended_until")
    changes = {name: body[name] for name in kept if name in body}
    if body.get("auto_renew") is not None:
        renews = body["auto_renew"]
        changes |= {"auto_renew": int(renews), "cancel_at_period_end": int(not renews)}
        changes["cancel_at"] = row["end_date"] if renews else row["current_period_end"]
    if body.get("end_date") is not None:
        if body["end_date"] <= max(row["current_period_end"], site.now()):
            raise InvalidError("end_date", "The end date must be after current period end.")
        day = datetime.datetime.fromtimestamp(body["end_date"], datetime.UTC).date()
        last = datetime.datetime.combine(day, datetime.time(23, 59, 59), datetime.UTC)
        changes |= {"end_date": int(last.timestamp()), "cancel_at": int(last.timestamp())}
    if body.get("collection_method") is not None:
        method = body["collection_method"]
        source = row["default_source"] or site.existing("customers", row["user_id"])["default_source_id"]
        if method == AUTOMATIC and source is None:
            raise InvalidError("collection_method", "There is no payment method to charge automatically.")
        changes |= {"billing": method, "default_source": source}
    if "metadata" in body:
        changes["metadata"] = merged(row["metadata"], body["metadata"])
    row = site.update("subscriptions", row, changes)
    if row["status"] in LIVE:
        site.store.put_off(site.number, "subscriptions", identity, billing.next_due(row))
    site.announce("subscription.updated", "subscriptions", row)
    return row


def cancel_subscription(site: Site, identity: int, body: dict, query: dict) -> dict:
    """Cancel a subscription, now or at its period's end. The row stays."""
    row = site.existing("subscriptions", identity)
    mode = body.get("mode") or query.get("mode")
    if mode is None:
        raise InvalidError("mode", "The mode field is required.")
    if row["is_gift_recipient"]:
        raise InvalidError("id", "A gift recipient's subscription cannot be cancelled.")
    if row["status"] not in LIVE:
        raise InvalidError("id", "The subscription has ended already.")
    changes = {
        "canceled_at": site.now(),
        "canceled_by_type": "Publisher",
        "cancel_reason": body.get("reason") or query.get("reason"),
        "auto_renew": 0,
        "cancel_at_period_end": int(mode == "period_end"),
        "cancel_at": row["current_period_end"] if mode == "period_end" else site.now(),
    }
    if mode == "now":
        row = billing.end(site, row | changes, "canceled")
    else:
        row = site.update("subscriptions", row, changes, effect="cancel")
        site.store.put_off(site.number, "subscriptions", identity, billing.next_due(row))
    site.announce("subscription.canceled", "subscriptions", row)
    return row


def renew_subscription(site: Site, body: dict, query: dict) -> dict:
    """Add a period to a subscription, invoiced at once."""
    row = site.referred("subscriptions", body, "subscription_id", "")
    plan = site.referred("plans", body, "plan_id", "")
    if query.get("user_id") is not None and int(query["user_id"]) != row["user_id"]:
        raise InvalidError("user_id", "The subscription is another customer's.")
    customer = site.existing("customers", row["user_id"])
    source = site.own("sources", customer, body, "source_id")
    address = site.own("addresses", customer, body, "address_id")
    begin = row["current_period_end"] if row["status"] in LIVE else site.now()
    renews = bool(row["auto_renew"]) if body.get("auto_renew") is None else body["auto_renew"]
    end = later(begin, 1, plan["interval"], plan["interval_count"], site.zone())
    changes = {
        "plan": plan["id"],
        "quantity": body["quantity"],
        "status": row["status"] if row["status"] in LIVE else "active",
        "current_period_end": end,
        "billing": body.get("collection_method") or SENT,
        "default_source": source["id"] if source else row["default_source"],
        "address": address["id"] if address else row["address"],
        "auto_renew": int(renews),
        "cancel_at_period_end": int(not renews),
        "cancel_at": None if renews else end,
        "ended_at": None,
        "_anchor": begin,
        "_periods": 1,
    }
    if changes["billing"] == AUTOMATIC and changes["default_source"] is None:
        raise InvalidError(
            "source_id", "The source id field is required when collection method is charge_automatically."
        )
    row = site.update("subscriptions", row, changes, effect="renew")
    row = billing.invoice(site, row, plan, billing.price(plan, row), "subscription_update", site.now())
    site.store.put_off(site.number, "subscriptions", row["id"], billing.next_due(row))
    site.announce("subscription.renewed", "subscriptions", row)
    return row


def redeem_subscription(site: Site, body: dict, query: dict) -> dict:
    """Redeem a gift: a subscription of its recipient's own, which ends with its period."""
    customer = site.referred("customers", body, "user_id", "")
    found = list(site.found("subscriptions", "gift_code", body["gift_code"]))
    donor = found[0] if found else None
    if donor is None or donor["_redeemed"] or donor["status"] not in _REDEEMED_FROM:
        raise InvalidError("gift_code", "The gift code is invalid.")
    if donor["latest_invoice"] is not None and site.get("invoices", donor["latest_invoice"])["status"] != "paid":
        raise InvalidError("gift_code", "The gift is not paid for.")
    plan = site.existing("plans", donor["plan"])
    address = site.own("addresses", customer, body, "address_id")
    site.update("subscriptions", donor, {"_redeemed": True})
    new = {"quantity": donor["quantity"], "gift_donor_subscription_id": donor["id"]}
    row = _row(site, new, plan, customer, site.now())
    others = {"address": address and address["id"], "coupon": None, "default_source": None, "billing": SENT}
    row = site.insert("subscriptions", row | others | {"_donor": donor["id"]}, due=billing.next_due(row))
    site.announce("subscription.created", "subscriptions", row)
    return row


# Members.


def create_membership(site: Site, body: dict, query: dict) -> dict:
    """A new member of a group, or an invitation that becomes one; `_activated` says which."""
    subscription = _group(site, body)
    customer = site.referred("customers", body, "customer_id", "")
    address = site.own("addresses", customer, body, "address_id")
    members = list(site.found("memberships", "subscription_id", subscription["id"]))
    if any(member["user_id"] == customer["id"] for member in members):
        raise InvalidError("customer_id", "The customer is a member already.")
    invited = [each for each in members if each["status"] == "invited" and each["email"] == customer["email"]]
    besides = invited[0]["id"] if invited else None
    site.unique("memberships", ("old_provider_id",), body, besides)
    row = {"user_id": customer["id"], "address_id": address and address["id"], "status": "active"}
    if invited:
        old_id = body.get("old_provider_id") or invited[0]["old_provider_id"]
        return site.update("memberships", invited[0], row | {"old_provider_id": old_id}) | {"_activated": True}
    _refuse_full(site, subscription, members)
    return site.insert(
        "memberships",
        row
        | {
            "subscription_id": subscription["id"],
            "email": customer["email"],
            "old_provider_id": body.get("old_provider_id"),
        },
    )


def invite_member(site: Site, body: dict, query: dict) -> dict:
    """Invite somebody by email to a group."""
    subscription = _group(site, body)
    members = list(site.found("memberships", "subscription_id", subscription["id"]))
    if any((member["email"] or "").lower() == body["email"].lower() for member in members):
        raise InvalidError("email", "The email is invited or a member already.")
    site.unique("memberships", ("old_provider_id",), body)
    _refuse_full(site, subscription, members)
    row = {"subscription_id": subscription["id"], "user_id": None, "address_id": None, "status": "invited"}
    row = site.insert("memberships", row | {"email": body["email"], "old_provider_id": body.get("old_provider_id")})
    site.effect("email", "memberships", row)
    return row


def _group(site: Site, body: dict) -> dict:
    subscription = site.referred("subscriptions", body, "subscription_id", "")
    if not subscription["is_membership"] or subscription["status"] not in LIVE:
        raise InvalidError("subscription_id", "The subscription is no live one of a membership plan.")
    return subscription


def _refuse_full(site: Site, subscription: dict, members: list[dict]) -> None:
    seats = site.existing("plans", subscription["plan"])["member_seat_capacity"]
    if seats is not None and len(members) >= seats:
        raise InvalidError("subscription_id", "No seat is left.")


def update_membership(site: Site, identity: int, body: dict, query: dict) -> dict:
    """A member's address, changed."""
    row = site.existing("memberships", identity)
    changes = {}
    if "address_id" in body:
        owner = {"id": row["user_id"]}
        address = site.own("addresses", owner, body, "address_id")
        changes["address_id"] = address and address["id"]
    return site.update("memberships", row, changes)


def delete_membership(site: Site, identity: int, body: dict, query: dict) -> None:
    """Delete a member; the seat is free again."""
    site.delete("memberships", site.existing("memberships", identity))
