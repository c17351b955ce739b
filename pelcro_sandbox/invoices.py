"""Invoices that the API makes and settles."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from pelcro_sandbox import billing
from pelcro_sandbox.site import Site, merged
from pelcro_sandbox.validation import InvalidError

_MOST = 10**12
_FINAL = ("paid", "void", "uncollectible")


def create_invoice(site: Site, body: dict, query: dict) -> dict:
    """A new invoice of a customer, in any status."""
    body = site.told(body)
    site.currency(body)
    customer = site.customer(body)
    subscription = site.referred(
        "subscriptions", body, "subscription_id", "subscription_old_provider_id", "_old_id", required=False
    )
    if subscription is not None and subscription["user_id"] != customer["id"]:
        raise InvalidError("subscription_id", "The subscription is another customer's.")
    lines, total = body.get("line_items"), body.get("total")
    if (total is None) == (not lines):
        raise InvalidError("total", "Either line items or total is required.")
    if lines:
        total = sum(map(_line_total, lines))
        if total > _MOST:
            raise InvalidError("line_items", "The total of the line items is too great.")
    start, end = body.get("period_start"), body.get("period_end")
    if start is not None and end is not None and end < start:
        raise InvalidError("period_end", "The period end must be after period start.")
    status = body.get("status") or "draft"
    row = site.insert(
        "invoices",
        {
            "user_id": customer["id"],
            "subscription_id": subscription and subscription["id"],
            "currency": body["currency"],
            "total": total,
            "line_items": lines,
            "period_start": start,
            "period_end": end,
            "due_date": body.get("due_date"),
            "status": status,
            "billing_reason": body.get("billing_reason") or "manual",
            "billing": subscription["billing"] if subscription else billing.SENT,
            "amount_paid": total if status == "paid" else 0,
            "metadata": merged(None, body.get("metadata")),
        },
    )
    if subscription is not None:
        site.update("subscriptions", subscription, {"latest_invoice": row["id"]})
    if status == "open":
        site.effect("invoice", "invoices", row | _named(row, subscription), None, total)
        billing.await_invoice(site, row, subscription)
    return row


def _named(row: dict, subscription: dict | None) -> dict:
    """By what the effect log names an invoice: its subscription, or its own mark."""
    return billing.key(subscription) if subscription else {}


def _line_total(line: dict) -> int:
    if (line.get("tax_name") is None) != (line.get("tax_rate") is None):
        raise InvalidError("line_items", "The tax name and tax rate of a line go together.")
    net = Decimal(int(line["unit_price"]) * int(line["quantity"]))
    tax = net * Decimal(str(line.get("tax_rate") or 0)) / 100
    return int((net + tax).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def update_invoice(site: Site, identity: int, body: dict, query: dict) -> dict:
    """An invoice's metadata, merged."""
    row = site.existing("invoices", identity)
    return site.update("invoices", row, {"metadata": merged(row["metadata"], body["metadata"])})


def pay_invoice(site: Site, identity: int, body: dict, query: dict) -> dict:
    """An open invoice, paid outside of the site."""
    row = site.existing("invoices", identity)
    if row["status"] != "open":
        raise InvalidError("id", "The invoice is not open.")
    site.insert(
        "charges",
        {
            "invoice_id": identity,
            "subscription_id": row["subscription_id"],
            "user_id": row["user_id"],
            "source_id": None,
            "amount": row["total"],
            "currency": row["currency"],
            "status": "succeeded",
            "reference": body["reference"],
            "type": body["type"],
        },
    )
    site.effect("payment", "invoices", row, None, row["total"])
    return site.update("invoices", row, {"status": "paid", "amount_paid": row["total"]}, due=None)


def void_invoice(site: Site, identity: int, body: dict, query: dict) -> dict:
    """An invoice, void."""
    return _closed(site, identity, "void")


def write_off_invoice(site: Site, identity: int, body: dict, query: dict) -> dict:
    """An invoice, uncollectible for good."""
    return _closed(site, identity, "uncollectible")


def _closed(site: Site, identity: int, status: str) -> dict:
    row = site.existing("invoices", identity)
    if row["status"] in _FINAL:
        raise InvalidError("id", f"The invoice is {row['status']} already.")
    return site.update("invoices", row, {"status": status}, effect=status, due=None)
