"""Customers, their addresses and their payment sources."""

from __future__ import annotations

import hashlib
import re

from pelcro_sandbox import billing
from pelcro_sandbox.codes import COUNTRIES
from pelcro_sandbox.site import Site, digits, merged
from pelcro_sandbox.validation import InvalidError

_EMAIL = re.compile(r"[^@\s,;<>()]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
#: Reserved for examples and tests by RFC 2606: no mail reaches them.
_RESERVED = re.compile(r"(^|\.)(test|example|invalid|localhost|example\.(com|net|org))$", re.ASCII | re.IGNORECASE)
_UNIQUE = ("email", "old_provider_id", "username")
_CHANGED_AS_GIVEN = (
    *("display_name", "username", "first_name", "last_name", "old_provider_id"),
    *("salutation", "title", "tin", "organization"),
)
_MOST_SOURCES = 200
_STATED = ("CA", "US", "AU")

#: The properties that each gateway but Stripe asks for, with their form.
_PROPERTIES = {
    "braintree": {"braintree_customer_id": r".+"},
    "vantiv": {
        "exp_month": r"(0[1-9]|1[0-2])",
        "exp_year": r"[0-9]{4}",
        "last4": r"[0-9]{4}",
        "card_type": r".+",
    },
    "tap": {"tap_customer_id": r".+"},
}
_PROPERTIES["cybersource"] = _PROPERTIES["vantiv"]


def create_customer(site: Site, body: dict, query: dict) -> dict:
    """A new customer."""
    body = site.told(body)
    if not any(body.get(name) for name in ("email", "old_provider_id", "display_name")):
        raise InvalidError(
            "email", "The email field is required when none of old provider id and display name are present."
        )
    row = {
        "default_source_id": None,
        "organization": None,
        "display_name": body.get("display_name"),
        "username": body.get("username"),
        "email_confirm": False,
        "first_name": body.get("first_name"),
        "last_name": body.get("last_name"),
        "metadata": merged(None, body.get("metadata")),
        "old_provider_id": body.get("old_provider_id"),
        "phone_confirm": False,
        "salutation": body.get("salutation"),
        "title": body.get("title"),
        "tin": body.get("tin"),
        "has_password": False,
        "password_last_updated_at": None,
        "is_imported": False,
        "last_login_at": None,
        "deleted_at": None,
        "tele_marketing": False,
        "mail_marketing": False,
        "email_hardbounce": False,
        "email": None,
        "phone": None,
    }
    cards = _pulled(site, body)
    row = site.insert("customers", row | _changes(site, body, None))
    for card in cards:
        row = _attach(site, row, card | {"object_gateway": "stripe", "status": "chargeable"})
    site.announce("customer.created", "customers", row)
    if site.choices["creation-email"] == "sent":
        site.effect("email", "customers", row)
    return row


def update_customer(site: Site, identity: int, body: dict, query: dict) -> dict:
    """A customer, changed; metadata is merged."""
    row = site.existing("customers", identity)
    body = site.told(body)
    changes = _changes(site, body, identity) | {name: body[name] for name in _CHANGED_AS_GIVEN if name in body}
    if "metadata" in body:
        changes["metadata"] = merged(row["metadata"], body["metadata"])
    if body.get("default_source_id") is not None:
        source = site.own("sources", row, body, "default_source_id")
        changes["default_source_id"] = source["id"]
    cards = _pulled(site, body)
    row = site.update("customers", row, changes)
    for card in cards:
        if not site.find("sources", "object_id", card["object_id"]):
            row = _attach(site, row, card | {"object_gateway": "stripe", "status": "chargeable"})
    site.announce("customer.updated", "customers", row)
    return row


def _changes(site: Site, body: dict, besides: int | None) -> dict:
    """What of a customer is checked or rewritten, of the fields that a body has."""
    changes: dict = {}
    if body.get("email") is not None:
        changes["email"] = _email(site, body)
    elif "email" in body:
        changes["email"] = None
    site.unique("customers", _UNIQUE, body | changes, besides)
    if body.get("phone") is not None:
        changes["phone"] = digits(body["phone"])
        if not 5 <= len(changes["phone"]) <= 20:
            raise InvalidError("phone", "The phone must be between 5 and 20 digits.")
    elif "phone" in body:
        changes["phone"] = None
    if body.get("password_type") is not None and not body.get("password"):
        raise InvalidError("password", "The password field is required when password type is present.")
    if body.get("password"):
        kind = body.get("password_type") or "password_bcrypt"
        # Enough to see that it is the same: what a client sends as a password is kept nowhere.
        changes["_password"] = hashlib.sha256(f"{kind}:{body['password']}".encode()).hexdigest()
        changes |= {"has_password": True, "password_last_updated_at": site.now()}
    for sent, kept in (("tele_marketing",) * 2, ("email_marketing", "mail_marketing"), ("email_hardbounce",) * 2):
        if sent in body:
            changes[kept] = bool(body[sent])
    if body.get("payment_gateway_id") is not None:
        changes["_gateway"] = body["payment_gateway_id"]
    return changes


def _email(site: Site, body: dict) -> str:
    email = body["email"]
    if not _EMAIL.fullmatch(email):
        raise InvalidError("email", "The email must be a valid email address.")
    if (
        not body.get("skip_email_dns_validations")
        and site.choices["deliverable-email"] == "reserved"
        and _RESERVED.search(email.rpartition("@")[2])
    ):
        raise InvalidError("email", "The email must be a valid email address: its domain takes no mail.")
    return email.lower() if site.choices["rewriting"] == "text" else email


def _pulled(site: Site, body: dict) -> list[dict]:
    """The cards that a body asks to be pulled from the gateway."""
    if not body.get("import_payment_methods"):
        return []
    if body.get("payment_gateway_id") is None:
        raise InvalidError(
            "payment_gateway_id",
            "The payment gateway id field is required when import payment methods is true.",
        )
    known = site.store.setting("gateway.customers", {})
    gateway_id = body["payment_gateway_id"]
    if gateway_id not in known:
        if site.choices["gateway"] == "unknown":
            raise InvalidError("payment_gateway_id", "The payment gateway id is unknown to the payment gateway.")
        return [card_of(site, f"card_{gateway_id.removeprefix('cus_')}")]
    return [card_of(site, each) for each in known[gateway_id]]


def card_of(site: Site, object_id: str) -> dict:
    """What the gateway says of a card."""
    known = site.store.setting("gateway.cards", {})
    if object_id not in known and site.choices["gateway"] == "unknown":
        raise InvalidError("object_id", "The object id is unknown to the payment gateway.")
    told = {"exp_month": 12, "exp_year": 2040, "brand": "Visa", "last4": "4242"} | known.get(object_id, {})
    return {"object_id": object_id} | {name: told.get(name) for name in ("exp_month", "exp_year", "brand", "last4")}


def delete_customer(site: Site, identity: int, body: dict, query: dict) -> None:
    """Delete a customer softly, and all that is theirs; what is active is cancelled at once."""
    row = site.existing("customers", identity)
    for subscription in list(site.found("subscriptions", "user_id", identity)):
        for membership in list(site.found("memberships", "subscription_id", subscription["id"])):
            site.delete("memberships", membership)
        site.delete("subscriptions", billing.end(site, subscription, "canceled"))
    for kind in ("memberships", "sources", "addresses"):
        for owned in list(site.found(kind, "user_id", identity)):
            site.delete(kind, owned)
    if site.settings["personal_data_deletion"]:
        scrambled = {name: "*" * 8 for name in ("first_name", "last_name") if row[name]}
        scrambled |= {"email": f"deleted-{identity}@example.invalid"} if row["email"] else {}
        scrambled["metadata"] = dict.fromkeys(row["metadata"], "*" * 8)
        row = site.update(
            "customers", row, scrambled | {"salutation": None, "organization": None, "tin": None}, effect="scramble"
        )
    site.delete("customers", row)
    site.announce("customer.deleted", "customers", row)


# Addresses.

_ADDRESS_FIELDS = (
    *("type", "line1", "line2", "city", "state", "country", "postal_code", "first_name", "last_name"),
    *("title", "salutation", "company", "department", "phone", "old_provider_id"),
)


def create_address(site: Site, body: dict, query: dict) -> dict:
    """A new address of a customer."""
    body = site.told(body)
    customer = site.customer(body)
    row = {"user_id": customer["id"]} | {name: body.get(name) for name in _ADDRESS_FIELDS}
    _check_address(site, row, body)
    site.unique("addresses", ("old_provider_id",), body)
    row = site.insert("addresses", row | {"is_default": bool(body.get("is_default"))})
    _settle_default(site, row, body)
    return row


def update_address(site: Site, identity: int, body: dict, query: dict) -> dict:
    """An address, changed."""
    row = site.existing("addresses", identity)
    body = site.told(body)
    changes = {name: body[name] for name in (*_ADDRESS_FIELDS, "is_default") if name in body}
    for name in ("type", "line1", "country"):
        if name in changes and changes[name] is None:
            raise InvalidError(name, f"The {name} field is required.")
    if any(name in changes and changes[name] != row[name] for name in ("country", "state")) and site.find(
        "subscriptions", "address", identity
    ):
        raise InvalidError("country", "The country and state of an address that a subscription uses cannot change.")
    _check_address(site, row | changes, body)
    site.unique("addresses", ("old_provider_id",), body, identity)
    changes["is_default"] = bool(changes.get("is_default", row["is_default"]))
    row = site.update("addresses", row, changes)
    _settle_default(site, row, body)
    return row


def _check_address(site: Site, row: dict, body: dict) -> None:
    country, state = row["country"], row["state"]
    if country not in COUNTRIES:
        raise InvalidError("country", "The selected country is invalid.")
    if country in _STATED and not state:
        raise InvalidError("state", "The state field is required when country is CA, US or AU.")
    lettered = _STATED if site.choices["state-letters"] == "all" else _STATED[:2]
    if country in lettered and not re.fullmatch("[A-Z]{2}", state):
        raise InvalidError("state", "The state must be a two-letter code.")
    if site.settings["address_validation"] and country in ("CA", "US") and not row["postal_code"]:
        raise InvalidError("postal_code", "The postal code field is required.")
    if body.get("is_default_updated") and site.settings["taxes_enabled"]:
        raise InvalidError("is_default_updated", "The is default updated must be false when taxes are enabled.")


def _settle_default(site: Site, row: dict, body: dict) -> None:
    """One default of each type; where that is asked for, the customer's active subscriptions move to it."""
    if not row["is_default"]:
        return
    for other in list(site.found("addresses", "user_id", row["user_id"])):
        if other["id"] != row["id"] and other["type"] == row["type"] and other["is_default"]:
            site.update("addresses", other, {"is_default": False})
    if body.get("is_default_updated"):
        for subscription in site.live_subscriptions("user_id", row["user_id"]):
            site.update("subscriptions", subscription, {"address": row["id"]})


def delete_address(site: Site, identity: int, body: dict, query: dict) -> None:
    """Delete an address softly."""
    row = site.existing("addresses", identity)
    if site.choices["delete-in-use"] == "refused" and site.live_subscriptions("address", identity):
        raise InvalidError("id", "The address is used by a subscription.")
    site.delete("addresses", row)


# Sources.


def create_source(site: Site, body: dict, query: dict) -> dict:
    """A new payment source: the customer's default, by which all their subscriptions charge from then on."""
    customer = site.customer(body)
    gateway, object_id = body["object_gateway"], body["object_id"]
    given = body.get("properties") or {}
    details: dict = {}
    if gateway == "stripe":
        if not re.match("(src|card|pm)_", object_id):
            raise InvalidError("object_id", "The object id must start with one of src_, card_ and pm_.")
        details = card_of(site, object_id)
    elif gateway == "tap" and not object_id.startswith("card_"):
        raise InvalidError("object_id", "The object id must start with card_.")
    for name, form in _PROPERTIES.get(gateway, {}).items():
        if not isinstance(given.get(name), str) or not re.fullmatch(form, given[name], re.ASCII):
            raise InvalidError(f"properties.{name}", f"The properties.{name} field is required, as the gateway has it.")
    if gateway in ("vantiv", "cybersource"):
        details = {"exp_month": int(given["exp_month"]), "exp_year": int(given["exp_year"])}
        details |= {"last4": given["last4"], "brand": given["card_type"]}
    site.unique("sources", ("object_id",), body)
    if len(site.find("sources", "user_id", customer["id"])) >= _MOST_SOURCES:
        raise InvalidError("customer_id", f"A customer has at most {_MOST_SOURCES} payment methods.")
    customer = _attach(
        site,
        customer,
        {
            "object_gateway": gateway,
            "object_id": object_id,
            "status": "chargeable",
            "properties": given or None,
            "old_provider_id": body.get("old_provider_id"),
        }
        | details,
    )
    return site.get("sources", customer["default_source_id"])


def _attach(site: Site, customer: dict, source: dict) -> dict:
    """Give a customer a source, and what follows from it."""
    empty = ("exp_month", "exp_year", "brand", "country", "fingerprint", "funding", "last4", "properties")
    row = site.insert(
        "sources",
        dict.fromkeys((*empty, "old_provider_id", "deleted_at")) | source | {"user_id": customer["id"]},
    )
    for subscription in site.live_subscriptions("user_id", customer["id"]):
        site.update("subscriptions", subscription, {"billing": "charge_automatically", "default_source": row["id"]})
    return site.update("customers", customer, {"default_source_id": row["id"]})


def delete_source(site: Site, identity: int, body: dict, query: dict) -> None:
    """Delete a source softly; where it was the default, there is none then."""
    row = site.existing("sources", identity)
    customer = site.existing("customers", row["user_id"])
    if customer["default_source_id"] == identity:
        site.update("customers", customer, {"default_source_id": None})
    site.delete("sources", row)
