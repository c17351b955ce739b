"""The stand-in for Pelcro's Core API holds to what the documentation says."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest

import pelcro_sandbox
from pelcro_pipeline_tests.api import READER, Client, Sandbox, plan, running
from pelcro_sandbox.assumptions import chosen, declared
from pelcro_sandbox.openapi import document

PACKAGE = Path(pelcro_sandbox.__file__).parent
DOCUMENT = document(chosen())
DAY = 24 * 60 * 60
NOW = int(time.time())


# The contract.


def test_it_imports_nothing_but_the_standard_library():
    imported = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"pelcro_sandbox"}


def test_the_openapi_document_is_rendered_from_the_contract():
    assert json.loads((PACKAGE / "openapi.json").read_text(encoding="utf-8")) == DOCUMENT


def fields(node: object, path: str = ""):
    """Each field and parameter of the document, by where it stands."""
    if isinstance(node, dict):
        if "in" in node and node["in"] == "query":
            yield path, node
        for name, field in node.get("properties", {}).items() if "type" in node else ():
            yield f"{path}/{name}", field
        for name, inner in node.items():
            yield from fields(inner, f"{path}/{name}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from fields(inner, f"{path}/{number}")


#: Around the fields of an answer; documented as `data` in api-core-expanding-relationships.
ENVELOPE = ("/data",)


def test_every_field_names_its_page_or_its_assumption():
    unmarked = [
        path
        for path, field in fields(DOCUMENT)
        if ("x-documented" in field) == ("x-assumed" in field) and not path.endswith(ENVELOPE)
    ]
    assert unmarked == []


def test_every_assumption_that_is_named_is_declared_and_has_a_default():
    named = {field["x-assumed"] for _, field in fields(DOCUMENT) if "x-assumed" in field}
    named |= {
        endpoint["x-assumed"]
        for path in DOCUMENT["paths"].values()
        for endpoint in path.values()
        if "x-assumed" in endpoint
    }
    assert named <= set(declared())
    for assumption in declared().values():
        assert set(assumption) == {"asks", "place", "alternatives"}
        assert any(mark in assumption["place"] for mark in ("[I]", "[?]", "[2]"))


# A site with one of everything, and what it refuses.


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def api(sandbox):
    return sandbox.sites["staging"]


@pytest.fixture(scope="module")
def world(sandbox, api):
    """One of each kind, by name."""
    made = {"paper": api.product(), "boxed": api.product("The Harbour Box", address_required=1, import_unique_id="B1")}
    made["monthly"] = api.plan(made["paper"], old_provider_id="P-M")
    made["box"] = api.plan(made["boxed"], nickname="Box")
    made["group"] = api.plan(made["paper"], nickname="Office", type="membership", member_seat_capacity=1)
    made["ines"], made["ola"] = api.customer("C-INES", username="ines"), api.customer("C-OLA")
    made["eve"] = api.customer("C-EVE")
    made["card"] = api.made("/sources", customer_id=made["ines"]["id"], object_gateway="stripe", object_id="card_ines")
    made["home"] = api.made("/addresses", **address(made["ines"]), old_provider_id="A-1")
    made["paid"] = api.subscription(
        made["ines"], made["monthly"], current_period_end=NOW + 40 * DAY, address_id=made["home"]["id"]
    )
    made["gift"] = api.subscription(
        made["ines"], made["monthly"], is_gift_donor=True, current_period_end=NOW + 40 * DAY, old_provider_id="S-GIFT"
    )
    made["received"] = api.subscription(
        made["ola"], made["monthly"], gift_donor_old_provider_id="S-GIFT", current_period_end=NOW + 40 * DAY
    )
    made["office"] = api.subscription(made["ines"], made["group"], current_period_end=NOW + 40 * DAY)
    made["member"] = api.made(
        "/memberships", subscription_id=made["office"]["id"], customer_id=made["ola"]["id"], old_provider_id="M-1"
    )
    made["open"] = api.made("/invoices", customer_id=made["ola"]["id"], currency="usd", total=900, status="open")
    made["settled"] = api.made("/invoices", customer_id=made["ola"]["id"], currency="usd", total=900, status="paid")
    made["autumn"] = api.made("/coupons", code="AUTUMN", percent_off=20, max_redemptions=1)
    made["hook"] = api.made("/webhooks", url="https://harbour-review.example/hook", all_events_enabled=True)
    return made


def address(customer: dict, **more: object) -> dict:
    """An address's body."""
    return {
        "customer_id": customer["id"],
        "type": "shipping",
        "line1": "12 Quay Street",
        "city": "Portland",
        "state": "ME",
        "country": "US",
    } | more


def subscribed(world: dict, **more: object) -> dict:
    """A subscription's body."""
    terms = {"user_id": world["ola"]["id"], "plan_id": world["monthly"]["id"], "quantity": 1}
    return terms | {"collection_method": "send_invoice", "current_period_end": NOW + 30 * DAY} | more


def invoiced(world: dict, **more: object) -> dict:
    return {"customer_id": world["ola"]["id"], "currency": "usd", "total": 500} | more


def sourced(world: dict, **more: object) -> dict:
    return {"customer_id": world["ola"]["id"], "object_gateway": "stripe", "object_id": "pm_ola"} | more


#: A rule of the contract, the call that breaks it, and the field that is named.
BROKEN = [
    ("customer-named", "POST /customers", lambda w: READER, "email"),
    ("customer-email", "POST /customers", lambda w: {"email": "no-address"}, "email"),
    ("customer-email", "POST /customers", lambda w: {"email": "ines@paper.example"}, "email"),
    ("customer-phone", "POST /customers", lambda w: {"old_provider_id": "X", "phone": "+1-23"}, "phone"),
    ("customer-phone", "PUT /customers/ines", lambda w: {"phone": "1" * 21}, "phone"),
    ("customer-password-type", "POST /customers", lambda w: {"old_provider_id": "X", "password_type": "password_bcrypt"}, "password"),
    ("customer-payment-methods", "POST /customers", lambda w: {"old_provider_id": "X", "import_payment_methods": True}, "payment_gateway_id"),
    ("customer-unique", "POST /customers", lambda w: {"old_provider_id": "C-OLA"}, "old_provider_id"),
    ("customer-unique", "POST /customers", lambda w: {"email": w["ola"]["email"].upper(), **READER}, "email"),
    ("customer-unique", "PUT /customers/ola", lambda w: {"username": "ines"}, "username"),
    ("customer-source", "PUT /customers/ola", lambda w: {"default_source_id": w["card"]["id"]}, "default_source_id"),
    ("address-customer", "POST /addresses", lambda w: address({"id": None}), "customer_id"),
    ("address-customer", "POST /addresses", lambda w: address(w["ola"], customer_old_provider_id="C-INES"), "customer_old_provider_id"),
    ("address-country", "POST /addresses", lambda w: address(w["ola"], country="XX"), "country"),
    ("address-state", "POST /addresses", lambda w: address(w["ola"], state=None), "state"),
    ("address-state", "POST /addresses", lambda w: address(w["ola"], country="AU", state=None), "state"),
    ("address-state", "POST /addresses", lambda w: address(w["ola"], state="Maine"), "state"),
    ("address-unique", "POST /addresses", lambda w: address(w["ola"], old_provider_id="A-1"), "old_provider_id"),
    ("address-used", "PUT /addresses/home", lambda w: {"state": "CA"}, "country"),
    ("address-in-use", "DELETE /addresses/home", lambda w: None, "id"),
    ("source-customer", "POST /sources", lambda w: sourced(w, customer_old_provider_id="C-INES"), "customer_old_provider_id"),
    ("source-object", "POST /sources", lambda w: sourced(w, object_id="tok_1"), "object_id"),
    ("source-object", "POST /sources", lambda w: sourced(w, object_gateway="tap", object_id="pm_1"), "object_id"),
    ("source-properties", "POST /sources", lambda w: sourced(w, object_gateway="vantiv", properties={"exp_month": "1"}), "properties.exp_month"),
    ("source-unique", "POST /sources", lambda w: sourced(w, object_id="card_ines"), "object_id"),
    ("product-in-use", "DELETE /products/paper", lambda w: None, "id"),
    ("plan-product", "POST /plans", lambda w: plan({"id": 9999}), "product_id"),
    ("plan-product", "POST /plans", lambda w: plan(w["paper"]) | {"product_old_provider_id": "B1"}, "product_old_provider_id"),
    ("plan-currency", "POST /plans", lambda w: plan(w["paper"]) | {"currency": "xxx"}, "currency"),
    ("plan-in-use", "DELETE /plans/monthly", lambda w: None, "id"),
    ("subscription-plan", "POST /subscriptions", lambda w: subscribed(w, plan_id=None), "plan_id"),
    ("subscription-plan", "POST /subscriptions", lambda w: subscribed(w, plan_id=w["box"]["id"], plan_old_provider_id="P-M"), "plan_old_provider_id"),
    ("subscription-customer", "POST /subscriptions", lambda w: subscribed(w, user_id=None), "user_id"),
    ("subscription-source", "POST /subscriptions", lambda w: subscribed(w, collection_method=None), "source_id"),
    ("subscription-source", "POST /subscriptions", lambda w: subscribed(w, source_id=w["card"]["id"]), "source_id"),
    ("subscription-taxes", "POST /subscriptions", lambda w: subscribed(w, address_id=w["home"]["id"]), "address_id"),
    ("subscription-address", "POST /subscriptions", lambda w: subscribed(w, plan_id=w["box"]["id"]), "address_id"),
    ("subscription-address", "POST /subscriptions", lambda w: subscribed(w, user_id=w["eve"]["id"], plan_id=w["box"]["id"], address={"line1": "1 Pier"}), "address.first_name"),
    ("subscription-gift-recipient", "POST /subscriptions", lambda w: subscribed(w, gift_recipient_email="a@b.pub"), "gift_recipient_email"),
    ("subscription-gift-donor", "POST /subscriptions", lambda w: subscribed(w, is_gift_donor=True, gift_donor_old_provider_id="S-GIFT"), "is_gift_donor"),
    ("subscription-gift-donor", "POST /subscriptions", lambda w: subscribed(w, gift_donor_subscription_id=w["paid"]["id"]), "gift_donor_subscription_id"),
    ("subscription-trial", "POST /subscriptions", lambda w: subscribed(w, trial_period_days=7), "trial_period_days"),
    ("subscription-period-end", "POST /subscriptions", lambda w: subscribed(w, current_period_end=NOW - 1), "current_period_end"),
    ("subscription-next-invoice", "POST /subscriptions", lambda w: subscribed(w, next_invoice_date=NOW + DAY), "next_invoice_date"),
    ("subscription-start", "POST /subscriptions", lambda w: subscribed(w, start_date=NOW + 5 * DAY), "billing_behavior"),
    ("subscription-domains", "POST /subscriptions", lambda w: subscribed(w, domains=["quay.pub"]), "domains"),
    ("subscription-coupon", "POST /subscriptions", lambda w: subscribed(w, coupon_code="SPRING"), "coupon_code"),
    ("subscription-end", "PUT /subscriptions/paid", lambda w: {"end_date": NOW + DAY}, "end_date"),
    ("subscription-collection", "PUT /subscriptions/received", lambda w: {"collection_method": "charge_automatically"}, "collection_method"),
    ("cancel-mode", "DELETE /subscriptions/paid", lambda w: {}, "mode"),
    ("cancel-refused", "DELETE /subscriptions/received", lambda w: {"mode": "now"}, "id"),
    ("renew-same", "POST /subscriptions/renew", lambda w: {"subscription_id": 9999, "plan_id": 1, "quantity": 1, "source": "Web"}, "subscription_id"),
    ("redeem-code", "POST /subscriptions/redeem", lambda w: {"gift_code": "NONE", "user_id": w["ola"]["id"]}, "gift_code"),
    ("membership-subscription", "POST /memberships", lambda w: {"subscription_id": w["paid"]["id"], "customer_id": w["ines"]["id"]}, "subscription_id"),
    ("membership-customer", "POST /memberships", lambda w: {"subscription_id": w["office"]["id"], "customer_id": w["ola"]["id"]}, "customer_id"),
    ("membership-seats", "POST /memberships", lambda w: {"subscription_id": w["office"]["id"], "customer_id": w["ines"]["id"]}, "subscription_id"),
    ("membership-address", "POST /memberships", lambda w: {"subscription_id": w["office"]["id"], "customer_id": w["ola"]["id"], "address_id": w["home"]["id"]}, "address_id"),
    ("membership-unique", "POST /memberships", lambda w: {"subscription_id": w["office"]["id"], "customer_id": w["ines"]["id"], "old_provider_id": "M-1"}, "old_provider_id"),
    ("invite-email", "POST /memberships/invite", lambda w: {"subscription_id": w["office"]["id"], "email": w["ola"]["email"]}, "email"),
    ("invoice-customer", "POST /invoices", lambda w: invoiced(w, customer_id=None), "customer_id"),
    ("invoice-currency", "POST /invoices", lambda w: invoiced(w, currency="zzz"), "currency"),
    ("invoice-subscription", "POST /invoices", lambda w: invoiced(w, subscription_id=w["paid"]["id"]), "subscription_id"),
    ("invoice-amount", "POST /invoices", lambda w: invoiced(w, total=None), "total"),
    ("invoice-tax", "POST /invoices", lambda w: invoiced(w, total=None, line_items=[{"unit_price": 5, "quantity": 1, "tax_name": "VAT"}]), "line_items"),
    ("invoice-period", "POST /invoices", lambda w: invoiced(w, period_start=NOW, period_end=NOW - 1), "period_end"),
    ("invoice-open", "POST /invoices/settled/pay_offline", lambda w: {"reference": "wire 7", "type": 3}, "id"),
    ("invoice-unpaid", "POST /invoices/settled/void", lambda w: None, "id"),
    ("invoice-unpaid", "POST /invoices/settled/mark_uncollectible", lambda w: None, "id"),
    ("coupon-off", "POST /coupons", lambda w: {"code": "BOTH", "amount_off": 5, "currency": "usd", "percent_off": 5}, "amount_off"),
    ("coupon-unique", "POST /coupons", lambda w: {"code": "AUTUMN", "percent_off": 5}, "code"),
    ("coupon-date", "POST /coupons", lambda w: {"code": "OLD", "percent_off": 5, "redeem_by": "2020-01-01"}, "redeem_by"),
    ("coupon-plans", "POST /coupons", lambda w: {"code": "NOPLAN", "percent_off": 5, "plans": [9999]}, "plans"),
    ("webhook-unique", "POST /webhooks", lambda w: {"url": "https://harbour-review.example/hook", "all_events_enabled": True}, "url"),
]  # fmt: skip
#: Rules that hang on a setting of the account or on an alternative, and have tests of their own.
ELSEWHERE = {
    *("address-taxes", "address-postal-code", "source-most", "product-unique", "plan-unique", "subscription-most"),
    *("subscription-unique", "webhook-most"),
}


@pytest.mark.parametrize(
    ("rule", "call", "body", "field"), BROKEN, ids=[f"{r}-{n}" for n, (r, *_) in enumerate(BROKEN)]
)
def test_a_call_that_breaks_a_rule_is_refused_by_field_and_has_no_effect(sandbox, api, world, rule, call, body, field):
    method, path = call.split(" ")
    named = "/".join(str(world[part]["id"]) if part in world else part for part in path.split("/"))
    before = len(sandbox.effects())
    status, answer = api.call(method, named, body(world))
    assert (status, list(answer["errors"])) == (400, [field])
    assert len(sandbox.effects()) == before


def test_each_rule_of_the_contract_is_broken_here():
    declared_rules = {
        rule
        for path in DOCUMENT["paths"].values()
        for endpoint in path.values()
        for rule in endpoint.get("x-rules", ())
    }
    assert {rule for rule, *_ in BROKEN} | ELSEWHERE == declared_rules


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/customers", {"old_provider_id": 7}, "old_provider_id"),
        ("/customers", {"old_provider_id": "X", "display_name": "x" * 101}, "display_name"),
        ("/customers", {"old_provider_id": "X", "metadata": {"a": ["b"]}}, "metadata"),
        ("/customers", {"old_provider_id": "X", "password": "x", "password_type": "rot13"}, "password_type"),
        ("/customers", {"old_provider_id": "\ud800"}, "old_provider_id"),
        ("/addresses", {"customer_id": 1, "type": "home", "line1": "1 Pier", "country": "US", "state": "ME"}, "type"),
        ("/addresses", {"customer_id": 1, "type": "billing", "line1": "1 Pier", "country": "us"}, "country"),
        ("/products", {"name": "Box", "statement_descriptor": "x" * 23}, "statement_descriptor"),
        ("/products", {}, "name"),
        ("/subscriptions", {"quantity": 100001}, "quantity"),
        ("/subscriptions", {"quantity": True}, "quantity"),
        ("/subscriptions", {"quantity": 1, "current_period_end": 2**31}, "current_period_end"),
        ("/subscriptions", {"quantity": 1, "metadata": {"a": "b"}}, "metadata"),
        ("/invoices", {"currency": "usd", "total": -1}, "total"),
    ],
)
def test_a_field_of_another_form_is_refused_by_its_name(api, path, body, field):
    status, answer = api.call("POST", path, body)
    assert (status, field in answer["errors"]) == (400, True)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b'{"total": NaN}', b""])
def test_a_body_that_is_no_json_object_is_refused(api, body):
    status, answer = api.call("POST", "/products", body)
    assert (status, next(iter(answer["errors"])) in ("body", "name")) == (400, True)


# What the endpoints do.


def test_keys_and_sites_are_kept_apart(sandbox, api):
    wrong = sandbox.client("staging", "no-key")
    assert wrong.call("GET", "/customers")[0] == 401
    assert api.ask("GET", "/api/v1/core/customers?site_id=2001")[0] == 403
    assert api.ask("GET", "/api/v1/core/customers")[:2] == (
        400,
        {"errors": {"site_id": ["The site id field is required."]}},
    )
    sandbox.asked("POST", "/keys", {"key": "reader", "site": "staging", "may": "read"})
    reader = sandbox.client("staging", "reader")
    assert reader.call("GET", "/customers")[0] == 200
    assert reader.call("POST", "/products", {"name": "Box"})[0] == 403
    assert api.ask("GET", "/api/v1/core/newsletters?site_id=1001")[0] == 404
    status, _, headers = api.ask("DELETE", "/api/v1/core/customers?site_id=1001")
    assert (status, headers["Allow"]) == (405, "GET, POST")


def test_a_customer_comes_back_as_the_documentation_shows_it(api, world):
    shown = api.got(f"/customers/{world['ines']['id']}")
    assert (shown["name"], shown["has_password"], shown["default_source"]) == (
        "Inês Duarte",
        False,
        world["card"]["id"],
    )
    assert shown["addresses"] == [world["home"]["id"]]
    expanded = api.got(
        f"/customers/{world['ines']['id']}", **{"expand[]": ["addresses", "subscriptions", "default_source"]}
    )
    assert expanded["addresses"][0]["line1"] == "12 Quay Street"
    assert {each["type"] for each in expanded["subscriptions"]} == {"regular", "gift_donor", "membership"}
    assert expanded["default_source"]["object_id"] == "card_ines"


def test_metadata_is_merged_and_a_null_takes_a_key_away(api):
    made = api.customer("C-META", metadata={"migration_mark": "M7", "old": "1"})
    _, answer = api.call("PUT", f"/customers/{made['id']}", {"metadata": {"old": None, "new": 2}})
    assert answer["data"]["metadata"] == {"migration_mark": "M7", "new": 2}
    assert [each["id"] for each in api.got("/customers", **{"filter[metadata.migration_mark]": "eq:M6,M7"})] == [
        made["id"]
    ]


def test_a_password_is_taken_and_never_told(sandbox, api):
    made = api.customer("C-PASSWORD", password="$2y$10$abcdefghijklmnopqrstuv")
    assert made["has_password"] is True
    assert "abcdefghijklmnop" not in json.dumps(
        [made, sandbox.rows(), sandbox.effects(), sandbox.asked("GET", "/calls")]
    )


def test_a_source_becomes_the_default_and_switches_all_subscriptions_to_automatic_charging(sandbox, api, world):
    customer = api.customer("C-SWITCH")
    sent = api.subscription(customer, world["monthly"], current_period_end=NOW + 9 * DAY)
    source = api.made("/sources", customer_id=customer["id"], object_gateway="stripe", object_id="pm_switch")
    assert api.got(f"/subscriptions/{sent['id']}")["billing"] == "charge_automatically"
    assert api.got(f"/customers/{customer['id']}")["default_source_id"] == source["id"]


def test_cards_are_pulled_from_the_gateway_that_was_told_of_them(sandbox, api):
    cards = {"card_a": {"exp_month": 3, "exp_year": 2027, "last4": "0341"}}
    sandbox.asked("POST", "/gateway", {"customers": {"cus_pulled": ["card_a", "pm_b"]}, "cards": cards})
    made = api.customer("C-PULLED", payment_gateway_id="cus_pulled", import_payment_methods=True)
    sources = [each for each in api.got("/sources", limit=100) if each["user_id"] == made["id"]]
    assert [(each["object_id"], each["exp_year"], each["last4"]) for each in sources] == [
        ("card_a", 2027, "0341"),
        ("pm_b", 2040, "4242"),
    ]


def test_deleting_a_customer_deletes_all_that_is_theirs_and_frees_the_keys(sandbox, api, world):
    customer = api.customer("C-GONE")
    bought = api.subscription(customer, world["monthly"], current_period_end=NOW + 9 * DAY)
    lives = api.made("/addresses", **address(customer))
    before = sandbox.effects()[-1]["number"]
    assert api.call("DELETE", f"/customers/{customer['id']}") == (204, b"")
    for path in (f"/customers/{customer['id']}", f"/subscriptions/{bought['id']}", f"/addresses/{lives['id']}"):
        assert api.call("GET", path)[0] == 404
    done = [
        (each["effect"], each["kind"]) for each in sandbox.effects(before) if not each["effect"].startswith("webhook")
    ]
    assert done == [
        ("cancel", "subscriptions"),
        ("delete", "subscriptions"),
        ("delete", "addresses"),
        ("delete", "customers"),
    ]
    assert api.customer("C-GONE")["id"] > customer["id"]
    assert api.call("POST", "/addresses", address(customer))[0] == 400


def test_pages_hold_at_most_a_hundred_rows_and_walk_over_all_of_them(sandbox):
    api = sandbox.sites["production"]
    made = [api.made("/customers", old_provider_id=f"R{number}")["id"] for number in range(103)]
    _, first = api.call("GET", "/customers")
    assert (len(first["data"]), first["meta"]) == (
        10,
        {"current_page": 1, "last_page": 11, "per_page": 10, "total": 103},
    )
    _, most = api.call("GET", "/customers", limit=1000)
    assert (len(most["data"]), most["meta"]["per_page"]) == (100, 100)
    walked = [row["id"] for page in range(1, 6) for row in api.got("/customers", limit=25, page=page)]
    assert walked == made
    api.call("DELETE", f"/customers/{made[0]}")
    assert [row["id"] for row in api.got("/customers", limit=25, page=2)] == made[26:51]
    assert [row["id"] for row in api.got("/customers", limit=2, sort="-id")] == made[:-3:-1]
    assert api.got("/customers", page=99) == []
    assert api.call("GET", "/customers", page=0)[0] == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"filter[email]": "c-ola@harbour-review.example"}, ["C-OLA"]),
        ({"filter[email]": "eq:C-OLA@harbour-review.example,c-ines@harbour-review.example"}, ["C-INES", "C-OLA"]),
        ({"filter[email]": "like:c-ola", "filter[first_name]": "Inês"}, ["C-OLA"]),
        ({"filter[email]": "like:c-ola", "filter[last_name]": "oreq:Nobody"}, ["C-OLA"]),
        ({"filter[metadata.shade]": "blue"}, []),
        (
            {"filter[email]": "c-ola@harbour-review.example,c-ines@harbour-review.example", "sort": "-email"},
            ["C-OLA", "C-INES"],
        ),
    ],
)
def test_customers_are_filtered_and_sorted_as_listed(api, world, query, found):
    assert [each["old_provider_id"] for each in api.got("/customers", **query)] == found


@pytest.mark.parametrize("query", [{"filter[old_provider_id]": "C-OLA"}, {"filter[x'y]": "z"}, {"sort": "phone"}])
def test_what_is_not_listed_is_neither_filtered_nor_sorted_by(api, query):
    assert api.call("GET", "/customers", **query)[0] == 400


def test_members_are_found_by_their_subscription_and_an_invitation_becomes_a_member(api, world):
    group = api.subscription(world["ines"], world["group"], current_period_end=NOW + 9 * DAY)
    invited = api.made("/memberships/invite", subscription_id=group["id"], email="c-ola@harbour-review.example")
    assert invited["status"] == "invited"
    status, answer = api.call(
        "POST", "/memberships", {"subscription_id": group["id"], "customer_id": world["ola"]["id"]}
    )
    assert (status, answer["data"]["id"], answer["data"]["status"]) == (200, invited["id"], "active")
    assert [each["id"] for each in api.got("/memberships", **{"filter[subscription_id]": group["id"]})] == [
        invited["id"]
    ]
    assert api.call("DELETE", f"/memberships/{invited['id']}")[0] == 204
    api.made("/memberships", subscription_id=group["id"], customer_id=world["ola"]["id"])


def test_a_subscription_is_cancelled_now_or_at_its_end_and_its_row_stays(sandbox, api, world):
    later, now = (
        api.subscription(
            world["ola"], world["monthly"], current_period_end=NOW + 9 * DAY, metadata=[{"a": 1}, {"b": 2}]
        )
        for _ in range(2)
    )
    _, answer = api.call("DELETE", f"/subscriptions/{later['id']}", mode="period_end")
    assert (answer["data"]["status"], answer["data"]["cancel_at_period_end"]) == ("active", 1)
    _, answer = api.call("DELETE", f"/subscriptions/{now['id']}", {"mode": "now", "reason": "moved"})
    shown = api.got(f"/subscriptions/{now['id']}")
    assert (shown["status"], shown["cancel_reason"], shown["metadata"]) == ("canceled", "moved", {"a": 1, "b": 2})
    hooks = [
        each["effect"] for each in sandbox.effects() if each["id"] == now["id"] and each["kind"] == "subscriptions"
    ]
    assert {"webhook subscription.created", "webhook subscription.canceled", "webhook subscription.expired"} <= set(
        hooks
    )


def test_a_product_that_requires_an_address_is_bought_with_one_in_full_or_with_one_that_is_there(api, world):
    customer = api.customer("C-BOX")
    inline = {name: value for name, value in address(customer).items() if name not in ("customer_id", "type")}
    names = {"first_name": "Eve", "last_name": "Ward", "postal_code": "04101"}
    terms = {"current_period_end": NOW + 9 * DAY}
    first = api.subscription(customer, world["box"], address=inline | names, **terms)
    assert api.got(f"/addresses/{first['address']}")["type"] == "shipping"
    second = api.subscription(customer, world["box"], address_id=first["address"], **terms)
    assert second["address"] == first["address"]


def test_a_gift_is_redeemed_once(api, world):
    code = api.got(f"/subscriptions/{world['gift']['id']}")["gift_code"]
    redeemed = api.made("/subscriptions/redeem", gift_code=code, user_id=world["ola"]["id"])
    assert (redeemed["type"], redeemed["cancel_at_period_end"]) == ("gift_recipient", 1)
    assert api.call("POST", "/subscriptions/redeem", {"gift_code": code, "user_id": world["ola"]["id"]})[0] == 400


def test_a_plan_is_sent_in_major_units_and_comes_back_in_minor_ones(api, world):
    amounts = {("usd", 15): 1500, ("usd", 0.29): 29, ("jpy", 1200): 1200, ("kwd", 1.5): 1500}
    for (currency, amount), minor in amounts.items():
        assert api.plan(world["paper"], currency=currency, amount=amount)["amount"] == minor


def test_an_invoice_is_paid_voided_or_written_off_and_then_final(sandbox, api, world):
    paid, void, lost = (api.made("/invoices", **invoiced(world, status="open")) for _ in range(3))
    _, answer = api.call("POST", f"/invoices/{paid['id']}/pay_offline", {"reference": "cheque 12", "type": 2})
    assert (answer["data"]["status"], answer["data"]["amount_paid"]) == ("paid", 500)
    assert api.call("POST", f"/invoices/{void['id']}/void")[1]["data"]["status"] == "void"
    assert api.call("POST", f"/invoices/{lost['id']}/mark_uncollectible")[1]["data"]["status"] == "uncollectible"
    taxed = [{"unit_price": 999, "quantity": 2, "tax_name": "VAT", "tax_rate": 5}]
    assert api.made("/invoices", **invoiced(world, total=None, line_items=taxed))["total"] == 2098
    assert api.got("/invoices", **{"filter[status]": "void"})[0]["id"] == void["id"]


@pytest.mark.parametrize(
    ("settings", "call", "body"),
    [
        ({"taxes_enabled": True}, "/addresses", lambda w: address(w["ola"], is_default_updated=True)),
        ({"address_validation": True}, "/addresses", lambda w: address(w["ola"])),
        ({"most_subscriptions": 0}, "/subscriptions", subscribed),
        ({"currencies": ["eur"]}, "/invoices", invoiced),
    ],
)
def test_what_an_account_sets_is_held_to(sandbox, api, world, settings, call, body):
    before = sandbox.asked("GET", "/sites/staging")
    sandbox.asked("POST", "/sites/staging", settings)
    refused, _ = api.call("POST", call, body(world))
    sandbox.asked("POST", "/sites/staging", before)
    assert (refused, api.call("POST", call, body(world))[0]) == (400, 201)


def test_there_are_ten_webhooks_at_most(api, world):
    answers = [
        api.call("POST", "/webhooks", {"url": f"https://harbour-review.example/{n}", "all_events_enabled": False})[0]
        for n in range(10)
    ]
    assert answers == [201] * 9 + [400]


def test_personal_data_of_deleted_customers_is_scrambled_where_the_account_says_so(sandbox):
    api = sandbox.sites["production"]
    sandbox.asked("POST", "/sites/production", {"personal_data_deletion": True})
    customer = api.customer("C-SCRAMBLED", metadata={"migration_mark": "M9"})
    api.call("DELETE", f"/customers/{customer['id']}")
    rows = sandbox.asked("GET", "/content/production?deleted=1")
    row = next(each["row"] for each in rows if each["kind"] == "customers" and each["row"]["id"] == customer["id"])
    assert (row["first_name"], row["metadata"]) == ("********", {"migration_mark": "********"})


def test_the_effects_add_up_to_the_rows(sandbox, world):
    counts = {
        (each["site"], each["kind"], each["effect"]): each["count"] for each in sandbox.asked("GET", "/effects/counts")
    }
    rows = sandbox.asked("GET", "/content/staging?deleted=1")
    for kind in {each["kind"] for each in rows}:
        deleted = [each["deleted"] is not None for each in rows if each["kind"] == kind]
        assert counts[1001, kind, "create"] == len(deleted)
        assert counts.get((1001, kind, "delete"), 0) == sum(deleted)


# The limit, the state, the command.


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("seconds", lambda value: value == "1"),
        ("date", lambda value: value.endswith("GMT")),
        ("no-header", lambda value: value is None),
    ],
)
def test_calls_over_the_limit_get_a_429(tmp_path, choice, told):
    sandbox = Sandbox(tmp_path, "--rate", "3", "--assume", f"limit={choice}")
    try:
        api = sandbox.sites["staging"]
        answers = [api.ask("GET", "/api/v1/core/plans?site_id=1001") for _ in range(5)]
        assert [status for status, *_ in answers] == [200] * 3 + [429] * 2
        assert told(answers[-1][2].get("Retry-After"))
        assert sandbox.sites["production"].call("GET", "/plans")[0] == 200
        time.sleep(1.05)
        assert api.call("GET", "/plans")[0] == 200
    finally:
        sandbox.stop()


def test_what_was_answered_survives_kill_9_and_ids_go_on(tmp_path):
    sandbox = Sandbox(tmp_path, "--rate", "0")
    answered = []

    def load(worker: int) -> None:
        api = sandbox.client("staging")
        for number in range(1000):
            try:
                answered.append(api.made("/customers", old_provider_id=f"{worker}-{number}")["old_provider_id"])
            except (OSError, HTTPException):
                return

    with ThreadPoolExecutor(4) as workers:
        loads = [workers.submit(load, worker) for worker in range(4)]
        while len(answered) < 60:
            time.sleep(0.005)
        sandbox.kill()
        for each in loads:
            each.result()
    sandbox.stop()
    with running(tmp_path) as again:
        held = {each["row"]["old_provider_id"] for each in again.rows()}
        assert set(answered) <= held
        assert len(held) == len(again.effects())
        assert again.sites["staging"].made("/customers", old_provider_id="next")["id"] == len(held) + 1


def test_two_sandboxes_never_share_a_state(sandbox):
    second = subprocess.run(
        [sys.executable, "-m", "pelcro_sandbox", "--state", str(sandbox.state), "--port", "0", "--control-port", "0"],
        capture_output=True,
        text=True,
    )
    assert (second.returncode, "another sandbox may have it" in second.stderr) == (1, True)


@pytest.mark.parametrize("choice", ["limits=none", "limit=unlimited"])
def test_an_unknown_assumption_is_refused_with_those_there_are(choice):
    refused = subprocess.run(
        [sys.executable, "-m", "pelcro_sandbox", "--assume", choice], capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("pelcro_sandbox: ") and ("limit, " in refused.stderr or "none" in refused.stderr)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/faults", {"kind": "meteor"}),
        ("POST", "/faults", {"kind": "close", "when": "sometimes"}),
        ("POST", "/faults", {"kind": "close", "colour": "red"}),
        ("POST", "/clock", {"days": -1}),
        ("POST", "/clock", {"date": "tomorrow"}),
        ("POST", "/sites/staging", {"timezone": "Mars/Olympus"}),
        ("POST", "/pace", {"latency": [2, 1]}),
        ("POST", "/keys", {"key": "k", "site": "development"}),
        ("POST", "/rows", {"site": "staging", "kind": "letters", "id": 1}),
        ("POST", "/rows", {"site": "staging", "kind": "customers", "id": 999_999}),
        ("GET", "/effects?after=x", None),
        ("GET", "/nothing", None),
    ],
)
def test_the_control_port_refuses_in_a_sentence(sandbox, method, path, body):
    status, answer, _ = sandbox.control.ask(method, path, body)
    assert (status, answer["message"].endswith(".")) == (400, True)


def test_the_control_is_on_this_machine_alone_and_needs_no_key(sandbox):
    assert sandbox.told["control"].startswith("http://127.0.0.1:")
    assert Client(sandbox.told["control"]).ask("GET", "/")[1]["sites"] == {"staging": 1001, "production": 2001}


def test_the_command_starts_it_beside_the_workspace(tmp_path):
    command = [
        sys.executable,
        "-c",
        "from pelcro_pipeline.cli import main; main()",
        "sandbox",
        "--port",
        "0",
        "--control-port",
        "0",
    ]
    process = subprocess.Popen(
        command,
        env={"PELCRO_HOME": str(tmp_path), "PATH": "", "PYTHONPATH": str(PACKAGE.parent)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline().startswith("Core API  http://127.0.0.1:")
        assert (tmp_path / "sandbox" / "running.json").exists()
    finally:
        process.terminate()
        assert process.wait(20) == 0
