"""Each alternative of each assumption makes a difference that a client can see."""

from __future__ import annotations

import datetime
import json
import time

import pytest

from pelcro_pipeline_tests.api import READER, plan, running
from pelcro_sandbox.assumptions import chosen, declared
from pelcro_sandbox.openapi import document

DAY = 24 * 60 * 60
NOW = int(time.time())


def status(api, path: str, body: dict, method: str = "POST") -> int:
    return api.call(method, path, body)[0]


def two_plans(sandbox, api) -> int:
    product = api.product()
    api.plan(product, old_provider_id="TWO")
    return status(api, "/plans", plan(product) | {"old_provider_id": "TWO"})


def bought(api, name: str = "", **more: object) -> dict:
    customer = api.customer(name or f"B{time.monotonic_ns()}")
    return api.subscription(customer, api.plan(api.product()), **({"current_period_end": NOW + 9 * DAY} | more))


def old_id(sandbox, api):
    fields = {"quantity": 1, "collection_method": "send_invoice", "old_provider_id": f"S{time.monotonic_ns()}"}
    customer, paid = api.customer(f"O{time.monotonic_ns()}"), api.plan(api.product())
    body = fields | {"user_id": customer["id"], "plan_id": paid["id"], "current_period_end": NOW + 9 * DAY}
    first = api.made("/subscriptions", **body)
    return first["old_provider_id"] == body["old_provider_id"], status(api, "/subscriptions", body)


def first_of_list(sandbox, api):
    old, new = api.product("Old"), api.product("New")
    api.call("PUT", f"/products/{old['id']}", {"description": "changed last"})
    return [row["name"] for row in listed(api, "/products?limit=100") if row["id"] in (old["id"], new["id"])]


def listed(api, path: str) -> list:
    _, answer, _ = api.ask("GET", f"/api/v1/core{path}&site_id={api.site_id}")
    return answer if isinstance(answer, list) else answer["data"]


def shape(sandbox, api):
    _, answer = api.call("GET", "/products")
    return sorted(answer) if isinstance(answer, dict) else "bare"


def reused(sandbox, api) -> int:
    customer = api.customer("REUSED")
    api.call("DELETE", f"/customers/{customer['id']}")
    return status(api, "/customers", {"old_provider_id": "REUSED"})


def deleted_in_use(sandbox, api) -> int:
    return status(api, f"/plans/{bought(api)['plan']}", None, "DELETE")


def expanded(sandbox, api):
    subscription = bought(api)
    _, answer, _ = api.ask(
        "GET", f"/api/v1/core/subscriptions/{subscription['id']}?site_id={api.site_id}&expand[]=plan"
    )
    by_comma = api.got(f"/subscriptions/{subscription['id']}", expand="plan,address")
    return isinstance(answer["data"]["plan"], dict), isinstance(by_comma["plan"], dict)


def lagging(sandbox, api) -> bool:
    made = api.product("Seen")
    return made["id"] in [row["id"] for row in listed(api, "/products?limit=100")]


def phone_and_email(sandbox, api):
    made = api.made("/customers", email=" Ola@Harbour-Review.pub".strip(), first_name=" Ola ", phone="+1 (514) 123")
    api.call("DELETE", f"/customers/{made['id']}")
    return made["email"], made["first_name"], made["phone"]


def source_deleted(sandbox, api) -> int:
    customer = api.customer(f"D{time.monotonic_ns()}")
    card = {"customer_id": customer["id"], "object_gateway": "stripe", "object_id": f"card_{time.monotonic_ns()}"}
    return status(api, f"/sources/{api.made('/sources', **card)['id']}", None, "DELETE")


def unknown_card(sandbox, api) -> int:
    customer = api.customer(f"K{time.monotonic_ns()}")
    card = {"customer_id": customer["id"], "object_gateway": "stripe", "object_id": f"card_{time.monotonic_ns()}"}
    return status(api, "/sources", card)


def known_card(sandbox, api, **card: object) -> dict:
    name = f"card_{time.monotonic_ns()}"
    sandbox.asked("POST", "/gateway", {"cards": {name: {"exp_month": 12, "exp_year": 2040} | card}})
    customer = api.customer(f"P{time.monotonic_ns()}")
    source = api.made("/sources", customer_id=customer["id"], object_gateway="stripe", object_id=name)
    return {"user_id": customer["id"], "source_id": source["id"], "collection_method": "charge_automatically"}


def billed_at_once(sandbox, api) -> int:
    before = sandbox.effects()[-1]["number"]
    bought(api, **known_card(sandbox, api))
    return sum(each["effect"] == "charge" for each in sandbox.effects(before))


def donor_renews(sandbox, api) -> int:
    return bought(api, is_gift_donor=True)["auto_renew"]


def case_of_email(sandbox, api) -> int:
    name = f"e{time.monotonic_ns()}"
    made = [
        status(api, "/customers", {"email": email, **READER}) for email in (f"{name}@a.pub", f"{name.upper()}@a.pub")
    ]
    return made[1]


def mails(sandbox, api) -> int:
    before = sandbox.effects()[-1]["number"]
    api.customer(f"M{time.monotonic_ns()}")
    return sum(each["effect"] == "email" for each in sandbox.effects(before))


def anchored(sandbox, api) -> str:
    """The third period end of a monthly one that ends on the last day of a month with 31."""
    now = datetime.datetime.fromtimestamp(sandbox.asked("GET", "/clock")["now"], datetime.UTC)
    january = datetime.datetime(now.year + 1, 1, 31, 12, tzinfo=datetime.UTC)
    subscription = bought(api, current_period_end=int(january.timestamp()))
    sandbox.asked("POST", "/clock", {"date": f"{now.year + 1}-03-01"})
    end = api.got(f"/subscriptions/{subscription['id']}")["current_period_end"]
    return datetime.datetime.fromtimestamp(end, datetime.UTC).strftime("%d %B")


def anchored_at_start(sandbox, api) -> str:
    """The same of one that began on a 31st, and whose period ends on the last day of February."""
    now = datetime.datetime.fromtimestamp(sandbox.asked("GET", "/clock")["now"], datetime.UTC)
    began = datetime.datetime(now.year - 1, 1, 31, 8, tzinfo=datetime.UTC)
    ends = datetime.datetime(now.year + 1, 3, 1, 12, tzinfo=datetime.UTC) - datetime.timedelta(days=1)
    subscription = bought(api, start_date=int(began.timestamp()), current_period_end=int(ends.timestamp()))
    sandbox.asked("POST", "/clock", {"date": f"{now.year + 1}-03-02"})
    end = api.got(f"/subscriptions/{subscription['id']}")["current_period_end"]
    return datetime.datetime.fromtimestamp(end, datetime.UTC).strftime("%d %B")


def charged_open_invoice(sandbox, api) -> int:
    card = known_card(sandbox, api)
    subscription = bought(api, **card)
    terms = {"customer_id": card["user_id"], "subscription_id": subscription["id"], "currency": "usd", "total": 77}
    api.made("/invoices", status="open", **terms)
    sandbox.asked("POST", "/clock", {"days": 0})
    return sum(each["effect"] == "charge" and each["amount"] == 77 for each in sandbox.effects())


def charged_to_another_card(sandbox, api) -> int:
    card = known_card(sandbox, api, exp_year=2020)
    good = f"card_{time.monotonic_ns()}"
    sandbox.asked("POST", "/gateway", {"cards": {good: {"exp_month": 12, "exp_year": 2040}}})
    api.made("/sources", customer_id=card["user_id"], object_gateway="stripe", object_id=good)
    before = sandbox.effects()[-1]["number"]
    bought(api, current_period_end=None, **card)
    return sum(each["effect"] == "charge" for each in sandbox.effects(before))


def product_with(field: str, value: object):
    return lambda sandbox, api: status(api, "/products", {"name": "Box", field: value})


def plan_with(**fields: object):
    return lambda sandbox, api: status(api, "/plans", plan(api.product()) | fields)


def plan_without(*fields: str):
    def asked(sandbox, api) -> int:
        body = plan(api.product())
        return status(api, "/plans", {name: value for name, value in body.items() if name not in fields})

    return asked


def customer_with(**fields: object):
    return lambda sandbox, api: status(api, "/customers", {"old_provider_id": f"W{time.monotonic_ns()}"} | fields)


def subscribed_with(**fields: object):
    def asked(sandbox, api) -> int:
        body = {"user_id": api.customer(f"U{time.monotonic_ns()}")["id"], "plan_id": api.plan(api.product())["id"]}
        terms = {"quantity": 1, "collection_method": "send_invoice", "current_period_end": NOW + 9 * DAY}
        return status(api, "/subscriptions", body | terms | fields)

    return asked


def addressed(sandbox, api) -> int:
    customer = api.customer(f"A{time.monotonic_ns()}")
    body = {"customer_id": customer["id"], "type": "billing", "line1": "1 Pier", "country": "AU", "state": "NSW"}
    return status(api, "/addresses", body)


def address_type(sandbox, api):
    customer = api.customer(f"T{time.monotonic_ns()}")
    return api.made("/addresses", customer_id=customer["id"], type="billing", line1="1 Pier", country="FR")["type"]


def late(sandbox, api) -> int:
    asked, _, _ = sandbox.control.ask("POST", "/faults", {"kind": "late", "seconds": 100})
    sandbox.asked("DELETE", "/faults")
    return asked


_PAST = {"start_date": NOW - 40 * DAY}
#: An assumption, an alternative of it, a probe, and what the probe finds; by the server that they are tried on together,
#: since none of these stands in another's way.
PROBES = {
    "defaults": [
        ("plan-amount", "major", lambda s, a: a.plan(a.product(), amount=15)["amount"], 1500),
        ("shipments-word", "shipments", plan_with(revenue_recognition_type="shipment_based"), 400),
        ("password-type", "bcrypt", customer_with(password="x", password_type="password_md5"), 400),
        ("subscription-metadata", "array", subscribed_with(metadata={"a": 1}), 400),
        ("paid-not-invoiced", "nothing", billed_at_once, 0),
        ("subscription-old-id", "accepted", old_id, (False, 201)),
        ("catalogue-old-id", "free", two_plans, 201),
        ("expand", "brackets", expanded, (True, False)),
        ("list-shape", "meta", shape, ["data", "meta"]),
        ("list-order", "id", first_of_list, ["Old", "New"]),
        ("list-lag", "none", lagging, True),
        ("list-limit", "capped", lambda s, a: a.call("GET", "/plans", limit=101)[0], 200),
        ("late-commit", "60", late, 400),
        ("unique-after-delete", "free", reused, 201),
        ("status-of-invalid", "400", product_with("name", 7), 400),
        ("rewriting", "phone", phone_and_email, ("Ola@Harbour-Review.pub", " Ola ", "1514123")),
        ("start-in-the-past", "taken", subscribed_with(**_PAST), 201),
        ("staging-host", "exists", lambda s, a: s.sites["staging"].call("GET", "/plans")[0], 200),
        ("delete-in-use", "refused", deleted_in_use, 400),
        ("source-delete", "none", source_deleted, 405),
        ("unlisted-filter", "refused", lambda s, a: a.call("GET", "/plans", sort="colour")[0], 400),
        ("unknown-field", "ignored", product_with("colour", "red"), 201),
        ("email-case", "insensitive", case_of_email, 400),
        ("deliverable-email", "reserved", customer_with(email="a@harbour.example"), 400),
        ("state-letters", "us-ca", addressed, 201),
        ("address-type", "word", address_type, "billing"),
        ("plan-active", "boolean", lambda s, a: a.plan(a.product())["active"], True),
        ("hidden-names", "as-named", plan_without("allow_refunds"), 400),
        ("fields-of-the-object", "accepted", lambda s, a: a.product(description="x")["description"], "x"),
        ("gift-donor", "as-given", donor_renews, 1),
        ("open-invoice-charge", "on-the-day", charged_open_invoice, 1),
        ("which-card", "any", charged_to_another_card, 1),
        ("gateway", "known", unknown_card, 201),
        ("creation-email", "none", mails, 0),
        ("renewal-anchor", "first", anchored, "31 March"),
    ],
    "the others": [
        ("plan-amount", "minor", lambda s, a: a.plan(a.product(), amount=15)["amount"], 15),
        ("shipments-word", "shipment_based", plan_with(revenue_recognition_type="shipment_based"), 201),
        ("password-type", "all", customer_with(password="x", password_type="password_md5"), 201),
        ("subscription-metadata", "object", subscribed_with(metadata={"a": 1}), 201),
        ("paid-not-invoiced", "invoices", billed_at_once, 1),
        ("subscription-old-id", "unique", old_id, (True, 422)),
        ("catalogue-old-id", "unique", two_plans, 422),
        ("expand", "commas", expanded, (False, True)),
        ("list-shape", "links", shape, ["data", "links"]),
        ("list-order", "newest", first_of_list, ["New", "Old"]),
        ("list-limit", "refused", lambda s, a: a.call("GET", "/plans", limit=101)[0], 422),
        ("late-commit", "300", late, 200),
        ("unique-after-delete", "held", reused, 422),
        ("status-of-invalid", "422", product_with("name", 7), 422),
        ("rewriting", "text", phone_and_email, ("ola@harbour-review.pub", "Ola", "1514123")),
        ("start-in-the-past", "refused", subscribed_with(**_PAST), 422),
        ("staging-host", "none", lambda s, a: s.sites["staging"].call("GET", "/plans")[0], 403),
        ("delete-in-use", "deletes", deleted_in_use, 204),
        ("unlisted-filter", "ignored", lambda s, a: a.call("GET", "/plans", sort="colour")[0], 200),
        ("unknown-field", "refused", product_with("colour", "red"), 422),
        ("deliverable-email", "none", customer_with(email="a@harbour.example"), 201),
        ("state-letters", "all", addressed, 422),
        ("address-type", "number", address_type, 2),
        ("plan-active", "word", lambda s, a: a.plan(a.product())["active"], "active"),
        ("hidden-names", "not-required", plan_without("allow_refunds", "trial_period_days"), 201),
        ("gift-donor", "ends", donor_renews, 0),
        ("open-invoice-charge", "never", charged_open_invoice, 0),
        ("which-card", "own", charged_to_another_card, 0),
        ("gateway", "unknown", unknown_card, 422),
        ("creation-email", "sent", mails, 1),
        ("renewal-anchor", "previous", anchored, "28 March"),
        ("source-delete", "exists", lambda s, a: a.call("DELETE", "/sources/99999")[0], 404),
    ],
    "the third": [
        ("email-case", "sensitive", case_of_email, 201),
        ("expand", "none", expanded, (False, False)),
        ("list-shape", "bare", shape, "bare"),
        ("list-order", "updated", first_of_list, ["New", "Old"]),
        ("late-commit", "never", late, 400),
        ("status-of-invalid", "404", product_with("name", 7), 404),
        ("subscription-old-id", "refused", lambda s, a: bought(a, old_provider_id="Z")["old_provider_id"], None),
        ("renewal-anchor", "start", anchored_at_start, "31 March"),
        ("fields-of-the-object", "refused", lambda s, a: a.product(description="x")["description"], None),
    ],
    "a lag": [("list-lag", "5", lagging, False)],
}
#: Of these the limit has tests beside the limit's own; the others have one alternative.
ELSEWHERE = {"limit", "fields-of-the-answer", "paths", "error-body"}


@pytest.fixture(scope="module", params=list(PROBES))
def flipped(request, tmp_path_factory):
    options = [f"--assume={name}={alternative}" for name, alternative, *_ in PROBES[request.param]]
    with running(tmp_path_factory.mktemp("sandbox"), *options) as sandbox:
        yield sandbox, PROBES[request.param]


def test_each_alternative_is_seen_by_a_client(flipped):
    sandbox, probes = flipped
    api = sandbox.sites["production"]
    api.product()
    found = [(name, alternative, probe(sandbox, api)) for name, alternative, probe, _ in probes]
    assert found == [(name, alternative, expected) for name, alternative, _, expected in probes]


def test_every_assumption_is_tried_in_its_default_and_in_another():
    tried: dict[str, set] = {}
    for probes in PROBES.values():
        for name, alternative, *_ in probes:
            tried.setdefault(name, set()).add(alternative)
    for name, assumption in declared().items():
        if name not in ELSEWHERE:
            untried = set(assumption["alternatives"]) - tried[name]
            assert untried <= {"30"}, name


def test_the_document_follows_the_choice():
    for name, assumption in declared().items():
        for alternative in assumption["alternatives"]:
            rendered = document(chosen([f"{name}={alternative}"]))
            assert rendered["x-assumptions"][name]["chosen"] == alternative
            assert json.dumps(rendered)
