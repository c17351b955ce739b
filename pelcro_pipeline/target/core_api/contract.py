"""What of the Core API a load uses: each call and each field, with the page of its documentation or the assumption that is made.

A source is the name of a page under docs.pelcro.com/reference, or ``assumed:`` and an id of the assumptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ASSUMED = "assumed:"
_OBJECT = f"{ASSUMED}fields-of-the-object"


@dataclass(frozen=True)
class Call:
    """One call with an effect on a kind of object."""

    kind: str
    what: str
    method: str
    path: str
    source: str
    #: Of fields of the body that another page names, or that are assumed.
    fields: Mapping[str, str] = field(default_factory=dict)
    #: Of every field that is not among those.
    others: str = ""

    def source_of(self, name: str) -> str:
        """Where a field of the body is documented, or by what it is assumed."""
        return self.fields.get(name, self.others or self.source)


@dataclass(frozen=True)
class LookUp:
    """One call without an effect."""

    path: str
    why: str
    source: str


CREATIONS = {
    call.kind: call
    for call in (
        Call("product", "create", "POST", "/products", _OBJECT, {"old_provider_id": "changelog-1.54"}),
        Call(
            "plan",
            "create",
            "POST",
            "/plans",
            "api-core-create-plan",
            {
                "old_provider_id": "changelog-1.54",
                "amount": f"{ASSUMED}plan-amount",
                "revenue_recognition_type": f"{ASSUMED}shipments-word",
            }
            | dict.fromkeys(("allow_refunds", "trial_period_days"), f"{ASSUMED}hidden-names")
            | dict.fromkeys(("description", "entitlements", "metadata", "shipments_per_interval", "type"), _OBJECT),
        ),
        Call(
            "customer",
            "create",
            "POST",
            "/customers",
            "api-core-create-customer",
            {"password_type": f"{ASSUMED}password-type", "title": _OBJECT, "salutation": _OBJECT},
        ),
        Call("address", "create", "POST", "/addresses", "api-core-create-address"),
        Call("source", "create", "POST", "/sources", "api-core-create-payment-method"),
        Call(
            "subscription",
            "create",
            "POST",
            "/subscriptions",
            "api-core-create-subscription",
            {
                "metadata": f"{ASSUMED}subscription-metadata",
                "old_provider_id": f"{ASSUMED}subscription-old-id",
                "shipments_undeliverable": _OBJECT,
                "shipments_suspended_until": _OBJECT,
            },
        ),
        Call("membership", "create", "POST", "/memberships", "api-core-create-membership"),
        Call(
            "invoice",
            "create",
            "POST",
            "/invoices",
            "create-invoice",
            {"metadata": _OBJECT},
            others="api-core-create-vendor",
        ),
    )
}
CHANGES = {
    call.kind: call
    for call in (
        Call("product", "change", "PUT", "/products/{id}", "api-core-update-plan", others=_OBJECT),
        Call("plan", "change", "PUT", "/plans/{id}", "api-core-update-plan", others=_OBJECT),
        Call(
            "customer",
            "change",
            "PUT",
            "/customers/{id}",
            "api-core-update-customer",
            dict.fromkeys(("title", "salutation"), "api-core-update-customer"),
            others="api-core-create-customer",
        ),
        Call(
            "address",
            "change",
            "PUT",
            "/addresses/{id}",
            "api-core-update-address",
            others="api-core-create-address",
        ),
        Call(
            "subscription",
            "change",
            "PUT",
            "/subscriptions/{id}",
            "api-core-update-subscription",
            dict.fromkeys(("shipments_undeliverable", "shipments_suspended_until"), _OBJECT),
        ),
    )
}
#: What a revert calls, in its order.
TAKEN_BACK = (
    Call("membership", "take back", "DELETE", "/memberships/{id}", "api-core-update-plan"),
    Call("invoice", "take back", "POST", "/invoices/{id}/void", f"{ASSUMED}paths"),
    Call("subscription", "take back", "DELETE", "/subscriptions/{id}", "api-core-cancel-subscription"),
    Call("address", "take back", "DELETE", "/addresses/{id}", f"{ASSUMED}delete-in-use"),
    Call("customer", "take back", "DELETE", "/customers/{id}", "api-core-delete-customer"),
    Call("plan", "take back", "DELETE", "/plans/{id}", "api-core-update-plan"),
    Call("product", "take back", "DELETE", "/products/{id}", "api-core-update-plan"),
)
CALLS = (*CREATIONS.values(), *CHANGES.values(), *TAKEN_BACK)
_READS = "the plan and the reconciliation read the whole list"
LOOK_UPS = (
    LookUp("/products", f"{_READS}; a doubt is settled by it", "api-core-product"),
    LookUp("/plans", f"{_READS}; a doubt is settled by it", "api-core-plan"),
    LookUp("/customers", f"{_READS}; a doubt is settled by the mark in the metadata", "api-core-customers"),
    LookUp("/customers/{id}", "its addresses, subscriptions and source settle a doubt about one", "api-core-customers"),
    LookUp("/addresses", _READS, "api-core-list-addresses"),
    LookUp("/sources", _READS, "api-core-filtering-and-sorting"),
    LookUp("/subscriptions", _READS, "api-core-subscription"),
    LookUp("/subscriptions/{id}", "the first of a scenario is read back", "api-core-subscription-object-attributes"),
    LookUp("/memberships", f"{_READS}; a doubt is settled by it", "api-core-create-membership"),
    LookUp("/invoices", f"{_READS}; a doubt is settled by the mark in the metadata", "api-core-filtering-and-sorting"),
)
#: What stands in a URL beside the site's number: never anything of a reader's.
PARAMETERS = {
    "site_id": ("the site", "api-core-intro"),
    "page, limit": ("a hundred rows at a time", "api-core-pagination-limits"),
    "sort": ("by id, of customers, plans and invoices", "api-core-filtering-and-sorting"),
    "filter[metadata.migration_mark]": ("our mark", "api-core-filtering-and-sorting"),
    "filter[subscription_id], filter[user_id]": ("a membership", "api-core-filtering-and-sorting"),
    "expand[]": ("what a customer's object names", f"{ASSUMED}expand"),
}
