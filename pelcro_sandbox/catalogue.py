"""Products, plans, coupons and webhooks."""

from __future__ import annotations

import datetime
import secrets
from decimal import ROUND_HALF_UP, Decimal

from pelcro_sandbox.codes import COUNTRIES, DECIMALS
from pelcro_sandbox.site import Site, merged
from pelcro_sandbox.validation import InvalidError

_PRODUCT_FIELDS = (
    *("name", "name_internal", "description", "is_hidden", "shippable", "address_required", "countries"),
    *("entitlements", "image", "language", "package_dimensions", "statement_descriptor", "unit_label"),
    *("old_provider_id", "import_unique_id"),
)
_PLAN_FIELDS = (
    *("nickname", "name_internal", "auto_renew", "currency", "revenue_recognition_type", "interval"),
    *("interval_count", "available_online", "allow_refunds", "trial_period_days", "old_provider_id"),
    *("description", "gift_description", "image", "entitlements", "countries", "domains", "ip_addresses"),
    *("apple_product_id", "group_owner_plan_id", "member_seat_capacity", "shipments_per_interval", "type"),
)
_MOST_WEBHOOKS = 10


def create_product(site: Site, body: dict, query: dict) -> dict:
    """A new product, always active."""
    _check_catalogue(site, "products", body)
    row = {name: body.get(name) for name in _PRODUCT_FIELDS}
    row |= {"active": True, "is_imported": False, "revenue_recognition_strategy": None}
    row["is_hidden"], row["shippable"] = bool(row["is_hidden"]), bool(row["shippable"])
    row["address_required"] = row["address_required"] or 0
    return site.insert("products", row)


def update_product(site: Site, identity: int, body: dict, query: dict) -> dict:
    """A product, changed."""
    row = site.existing("products", identity)
    _check_catalogue(site, "products", body, identity)
    return site.update("products", row, _given(body, (*_PRODUCT_FIELDS, "active"), needed=("name", "active")))


def delete_product(site: Site, identity: int, body: dict, query: dict) -> None:
    """Delete a product softly, and its plans."""
    row = site.existing("products", identity)
    plans = list(site.found("plans", "product_id", identity))
    for plan in plans:
        _refuse_in_use(site, plan)
    for plan in plans:
        site.delete("plans", plan)
    site.delete("products", row)


def create_plan(site: Site, body: dict, query: dict) -> dict:
    """A new plan of a product; its amount is kept in minor units."""
    product = site.referred("products", body, "product_id", "product_old_provider_id", "import_unique_id")
    _check_catalogue(site, "plans", body)
    row = {name: body.get(name) for name in _PLAN_FIELDS}
    row |= {"agency_id": None, "agency_remit_rate": None, "active": True}
    row |= {"product_id": product["id"], "metadata": merged(None, body.get("metadata"))}
    row["type"] = row["type"] or "regular"
    row["amount"] = _minor(site, body["amount"], body["currency"])
    return site.insert("plans", row)


def update_plan(site: Site, identity: int, body: dict, query: dict) -> dict:
    """A plan, changed."""
    row = site.existing("plans", identity)
    product = site.referred(
        "products", body, "product_id", "product_old_provider_id", "import_unique_id", required=False
    )
    _check_catalogue(site, "plans", body, identity)
    needed = ("nickname", "auto_renew", "currency", "interval", "interval_count", "active", "type")
    changes = _given(body, (*_PLAN_FIELDS, "active"), needed=needed)
    if product is not None:
        changes |= {"product_id": product["id"]}
    if body.get("amount") is not None:
        changes["amount"] = _minor(site, body["amount"], changes.get("currency", row["currency"]))
    if "metadata" in body:
        changes["metadata"] = merged(row["metadata"], body["metadata"])
    return site.update("plans", row, changes)


def delete_plan(site: Site, identity: int, body: dict, query: dict) -> None:
    """Delete a plan softly."""
    row = site.existing("plans", identity)
    _refuse_in_use(site, row)
    site.delete("plans", row)


def _refuse_in_use(site: Site, plan: dict) -> None:
    if site.choices["delete-in-use"] == "refused" and site.live_subscriptions("plan", plan["id"]):
        raise InvalidError("id", "The plan is used by a subscription.")


def _check_catalogue(site: Site, kind: str, body: dict, besides: int | None = None) -> None:
    if site.choices["catalogue-old-id"] == "unique":
        site.unique(kind, ("old_provider_id",), body, besides)
    site.currency(body)
    if not COUNTRIES.issuperset(body.get("countries") or ()):
        raise InvalidError("countries", "The selected countries are invalid.")


def _given(body: dict, fields: tuple[str, ...], needed: tuple[str, ...]) -> dict:
    """The fields of a body that change something; a null is none where a value is needed."""
    return {name: body[name] for name in fields if name in body and not (body[name] is None and name in needed)}


def _minor(site: Site, amount: float, currency: str) -> int:
    """An amount in the currency's minor unit."""
    decimals = DECIMALS[currency] if site.choices["plan-amount"] == "major" else 0
    return int(Decimal(str(amount)).scaleb(decimals).quantize(Decimal(1), rounding=ROUND_HALF_UP))


# Coupons.

_COUPON_FIELDS = (
    *("amount_off", "currency", "percent_off", "name", "code", "duration", "redeem_by", "max_redemptions", "plans"),
)


def create_coupon(site: Site, body: dict, query: dict) -> dict:
    """A new coupon."""
    if (body.get("amount_off") is None) == (body.get("percent_off") is None):
        raise InvalidError("amount_off", "Exactly one of amount off and percent off is required.")
    if body.get("amount_off") is not None and body.get("currency") is None:
        raise InvalidError("currency", "The currency field is required when amount off is present.")
    _check_coupon(site, body)
    row = {name: body.get(name) for name in _COUPON_FIELDS}
    row |= {"duration": body.get("duration") or "once", "metadata": merged(None, body.get("metadata"))}
    return site.insert("coupons", row)


def update_coupon(site: Site, identity: int, body: dict, query: dict) -> dict:
    """A coupon, changed; its plans are replaced."""
    row = site.existing("coupons", identity)
    _check_coupon(site, body, identity)
    changes = _given(body, ("name", "code", "redeem_by", "max_redemptions", "plans"), needed=("code",))
    if "metadata" in body:
        changes["metadata"] = merged(row["metadata"], body["metadata"])
    return site.update("coupons", row, changes)


def delete_coupon(site: Site, identity: int, body: dict, query: dict) -> None:
    """Delete a coupon softly."""
    site.delete("coupons", site.existing("coupons", identity))


def _check_coupon(site: Site, body: dict, besides: int | None = None) -> None:
    site.currency(body)
    site.unique("coupons", ("code",), body, besides)
    if body.get("redeem_by") is not None:
        try:
            last = datetime.date.fromisoformat(body["redeem_by"])
        except ValueError:
            raise InvalidError("redeem_by", "The redeem by is not a valid date.") from None
        if last <= site.date():
            raise InvalidError("redeem_by", "The redeem by must be a date in the future.")
    if any(site.get("plans", plan) is None for plan in body.get("plans") or ()):
        raise InvalidError("plans", "The selected plans are invalid.")


# Webhooks.


def create_webhook(site: Site, body: dict, query: dict) -> dict:
    """A new webhook; its secret is told this once. None is ever called."""
    site.unique("webhooks", ("url",), body)
    if site.store.count(site.number, "webhooks") >= _MOST_WEBHOOKS:
        raise InvalidError("url", f"An account has at most {_MOST_WEBHOOKS} webhooks.")
    row = {name: body.get(name) for name in ("url", "description", "all_events_enabled", "events_enabled")}
    return site.insert("webhooks", row) | {"secret": f"whsec_{secrets.token_hex(16)}"}


def update_webhook(site: Site, identity: int, body: dict, query: dict) -> dict:
    """A webhook, changed."""
    row = site.existing("webhooks", identity)
    site.unique("webhooks", ("url",), body, identity)
    fields = ("url", "description", "all_events_enabled", "events_enabled")
    return site.update("webhooks", row, _given(body, fields, needed=("url", "all_events_enabled")))


def delete_webhook(site: Site, identity: int, body: dict, query: dict) -> None:
    """Delete a webhook softly."""
    site.delete("webhooks", site.existing("webhooks", identity))
