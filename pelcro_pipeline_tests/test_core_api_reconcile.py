"""What a site has otherwise than was prepared: planted by somebody else, and found by key and attribute."""

from __future__ import annotations

import csv
import datetime
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import NamedTuple

import duckdb
import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.review import statistics
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.target.core_api import reconcile
from pelcro_pipeline.target.core_api import site as core_api
from pelcro_pipeline.target.core_api.mapping import Carried, kinds
from pelcro_pipeline.target.core_api.reconcile import STANDINGS, What
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests import api
from pelcro_pipeline_tests.command_line import command, refused
from pelcro_pipeline_tests.core_api import LASTING, SETTINGS, every_kind, loaded, site
from pelcro_pipeline_tests.extract import STATUS, Delivery, crew, migrate, reader, unaddressed

HASH = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
LOGIN = {"customer.password": HASH, "customer.common_metadata.password_encryption": "bcrypt"}
CARDS = """old_customer_id,customer_id,old_card_id,card_id,card_fingerprint,card_last4,card_exp_month,card_exp_year,card_brand
HR1,cus_Nk3,2600,card_1Ab,x9yW1WE4nLvl6zjg,0341,06,2037,Visa
HR3,cus_Pp7,2601,card_2Cd,nZnMWbJBurX3VHIN,4242,12,2038,Mastercard
"""
METADATA = "subscription.common_metadata."


class Id(NamedTuple):
    """The id of an object of the site, where a value names one."""

    object: str
    key: str


@dataclass(frozen=True)
class Planted:
    """Values of one object that somebody else has changed, by attribute: through the API, or where that takes none, in the stored row."""

    object: str
    key: str
    put: dict[str, dict]
    rewritten: dict[str, dict]

    @property
    def differences(self) -> set[tuple]:
        return {(self.object, self.key, attribute, "differing") for attribute in self.put | self.rewritten}


#: Every attribute of every object that is compared, and the mark where it is none of them.
PLANTED = (
    Planted(
        "product",
        "PRINT",
        {
            "product.id": {"old_provider_id": "PRINT-2"},
            "product.name": {"name": "The Harbour Review on paper"},
            "product.description": {"description": "Eleven issues a year"},
            "product.address_required": {"address_required": 0},
            "product.statement_descriptor": {"statement_descriptor": "HARBOUR"},
            "product.image": {"image": None},
        },
        {},
    ),
    Planted(
        "plan",
        "P-Y",
        {
            "plan.old_id": {"old_provider_id": "P-Y-2"},
            "plan.nickname": {"nickname": "Print, each year"},
            "plan.amount": {"amount": 98.0},
            "plan.auto_renew": {"auto_renew": False},
            "plan.available_online": {"available_online": False},
            "plan.interval": {"interval": "month"},
            "plan.interval_count": {"interval_count": 2},
            "plan.shipments_per_interval": {"shipments_per_interval": 11},
            "plan.description": {"description": ""},
            "plan.revenue_recognition_type": {"revenue_recognition_type": "time"},
            "plan.entitlements": {"entitlements": ["archive"]},
            "plan.common_metadata.account_name": {"metadata": {"account_name": "pier"}},
            "plan.is_donated": {"metadata": {"is_donated": None}},
            "plan.temporary_product_id": {"product_id": Id("product", "ONLINE")},
        },
        {"plan.currency": {"currency": "usd"}, "plan.type": {"type": "donation"}},
    ),
    Planted(
        "customer",
        "HR2",
        {
            "customer.old_provider_id": {"old_provider_id": "HR2-B"},
            "customer.email": {"email": "renata.okafor@example.com", "skip_email_dns_validations": True},
            "customer.first_name": {"first_name": "=HYPERLINK(1)"},
            "customer.last_name": {"last_name": None},
            "customer.phone": {"phone": "5149876543"},
            "customer.title": {"title": "Archivist"},
            "customer.salutation": {"salutation": "Ms."},
            "customer.display_name": {"display_name": "renata"},
            "customer.common_metadata.import_only_the_customer": {"metadata": {"import_only_the_customer": "1"}},
            "customer.common_metadata.original_old_provider_id": {"metadata": {"original_old_provider_id": "HR9"}},
            "customer.common_metadata.newsletter": {"metadata": {"newsletter": "daily"}},
            "metadata.migration_mark": {"metadata": {"migration_mark": None}},
        },
        {},
    ),
    Planted("customer", "HR11", {}, {"customer.password": {"has_password": False}}),
    Planted(
        "address",
        "HR1 billing",
        {
            "address.first_name": {"first_name": "Renata"},
            "address.last_name": {"last_name": "Okafor"},
            "address.salutation": {"salutation": None},
            "address.title": {"title": "Archivist"},
            "address.company": {"company": "Pier Ltd."},
            "address.department": {"department": None},
            "address.line1": {"line1": "1 Lower Water Street"},
            "address.line2": {"line2": None},
            "address.city": {"city": "Halifax"},
            "address.zip": {"postal_code": "B3J 1S3"},
            "address.phone": {"phone": None},
        },
        {
            "address.state": {"state": "NS"},
            "address.country": {"country": "FR"},
            "type": {"type": "account_primary"},
            "customer.old_provider_id": {"user_id": Id("customer", "HR3")},
            "old_provider_id": {"old_provider_id": "A17"},
        },
    ),
    Planted(
        "source",
        "HR1",
        {},
        {
            "card.source_id": {"object_id": "card_9Zz"},
            "customer.old_provider_id": {"user_id": Id("customer", "HR3")},
        },
    ),
    Planted(
        "subscription",
        "S1",
        {
            "subscription.cancel_at_period_end": {"auto_renew": False},
            "subscription.shipments_undeliverable": {"shipments_undeliverable": True},
            "subscription.shipments_suspended_until": {"shipments_suspended_until": 1_900_000_000},
            "subscription.shipments_remaining": {"shipments_remaining": 8},
            "subscription.collection_method": {"collection_method": "send_invoice"},
            f"{METADATA}old_id": {"metadata": {"old_id": "S77"}},
            f"{METADATA}service_status": {"metadata": {"service_status": "unpaid"}},
            f"{METADATA}order_number": {"metadata": {"order_number": None}},
            f"{METADATA}order_price": {"metadata": {"order_price": "9800"}},
            f"{METADATA}order_term": {"metadata": {"order_term": "2 years"}},
            f"{METADATA}membership": {"metadata": {"membership": "M-5"}},
            f"{METADATA}is_expired": {"metadata": {"is_expired": "1"}},
            f"{METADATA}start_now": {"metadata": {"start_now": "1"}},
            f"{METADATA}is_gift_recipient": {"metadata": {"is_gift_recipient": "1"}},
            f"{METADATA}gift_donor_subscription_id": {"metadata": {"gift_donor_subscription_id": "S3"}},
            "subscription.type": {"metadata": {"type": "admin"}},
            "metadata.migration_mark": {"metadata": {"migration_mark": None}},
        },
        {
            "subscription.current_period_end": {"current_period_end": 2_000_000_000},
            "subscription.start_date": {"start": 1_700_000_000},
            "subscription.quantity": {"quantity": 2},
            f"{METADATA}is_gift_donor": {"is_gift_donor": True},
            "subscription.state": {"status": "past_due"},
            "customer.old_provider_id": {"user_id": Id("customer", "HR3")},
            f"{METADATA}temporary_plan_id": {"plan": Id("plan", "O-M")},
            "address": {"address": Id("address", "HR3 shipping")},
            "card.source_id": {"default_source": Id("source", "HR3")},
        },
    ),
    Planted(
        "membership",
        "S6",
        {},
        {
            f"{METADATA}membership": {"subscription_id": Id("subscription", "S13")},
            "customer.old_provider_id": {"user_id": Id("customer", "HR12")},
            "address": {"address_id": Id("address", "HR3 shipping")},
            "old_provider_id": {"old_provider_id": None},
        },
    ),
    Planted(
        "invoice",
        "S8",
        {"metadata.migration_mark": {"metadata": {"migration_mark": None}}},
        {
            "invoice.amount": {"total": 701},
            "invoice.currency": {"currency": "usd"},
            "invoice.due_date": {"due_date": None},
            "invoice.status": {"status": "void"},
            "customer.old_provider_id": {"user_id": Id("customer", "HR3")},
            f"{METADATA}old_id": {"subscription_id": Id("subscription", "S3")},
        },
    ),
)
#: Objects that somebody has deleted.
DELETED = (
    Id("product", "CREW"),
    Id("plan", "C-Y"),
    Id("customer", "HR10"),
    Id("address", "HR9 billing"),
    Id("source", "HR3"),
    Id("subscription", "S2"),
    Id("membership", "S14"),
    Id("invoice", "S9"),
)
#: Calls of which each was done twice, and the object that was made.
DOUBLED = {
    "create_product": "product",
    "create_plan": "plan",
    "create_subscription": "subscription",
    "create_invoice": "invoice",
}
#: A mark of an object that no extract of the publisher's has any more.
STRAY = "0123456789abcdef0123456789"


class Somebody:
    """Who else changes a site, through the API or beneath it."""

    def __init__(self, sandbox: api.Sandbox, name: str = "staging") -> None:
        self.sandbox, self.name = sandbox, name
        self.ids = dict(_ids(sandbox.rows(name)))

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        told = self.sandbox.asked(
            "POST", "/edits", {"site": self.name, "method": method, "path": path, "body": body or {}}
        )
        assert told["status"] in (200, 201, 204), told
        return (told["answer"] or {}).get("data", {})

    def made(self, path: str, **body: object) -> int:
        return self.call("POST", path, {name: self._value(value) for name, value in body.items()})["id"]

    def rewrite(self, object_: str, id_: int, **more: object) -> None:
        self.sandbox.asked("POST", "/rows", {"site": self.name, "kind": _plural(object_), "id": id_} | more)

    def delete(self, what: Id) -> None:
        self.rewrite(what.object, self.ids[what], delete=True)

    def plant(self, planted: Planted) -> None:
        id_ = self.ids[planted.object, planted.key]
        for values in planted.put.values():
            body = {name: self._value(value) for name, value in values.items()}
            self.call("PUT", f"/{_plural(planted.object)}/{id_}", body)
        for values in planted.rewritten.values():
            told = {name: self._value(value) for name, value in values.items()}
            self.rewrite(planted.object, id_, values=told)

    def _value(self, value: object) -> object:
        return self.ids[value] if isinstance(value, Id) else value


def _plural(object_: str) -> str:
    return "addresses" if object_ == "address" else f"{object_}s"


def _ids(rows: list[dict]):
    """The ids of what a site holds, each object by its key as the reports write it."""
    held = {(each["kind"], each["row"]["id"]): each["row"] for each in rows}
    for (kind, id_), row in held.items():
        owner = held.get(("customers", row.get("user_id")), {}).get("old_provider_id")
        match kind:
            case "products" | "plans" | "customers":
                yield Id(kind[:-1], row["old_provider_id"]), id_
            case "addresses":
                yield Id("address", f"{owner} {row['type']}"), id_
            case "sources":
                yield Id("source", owner), id_
            case "subscriptions":
                yield Id("subscription", row["_old_id"]), id_
            case "memberships":
                # The tests number a reader and their subscription alike.
                yield Id("membership", owner.replace("HR", "S")), id_
            case "invoices":
                yield Id("invoice", held["subscriptions", row["subscription_id"]]["_old_id"]), id_


def report(paths: ExtractPaths, name: str = "staging") -> list[dict]:
    with paths.reconciliation(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def open_of(paths: ExtractPaths) -> Counter[tuple]:
    """What the report says is open: object, key, attribute, what."""
    return Counter((row["object"], row["key"], row["attribute"], row["what"]) for row in report(paths))


@pytest.fixture(scope="module")
def staged(tmp_path_factory) -> ExtractPaths:
    """Every kind of object, with cards, a password, metadata of the publisher's own, and two that are not sent."""
    admin, unpaid_member = crew("admin", "member", first=13)
    rows = [
        *every_kind(),
        *(
            row | LASTING
            for row in (
                reader(11, LOGIN, {"customer.common_metadata.newsletter": "weekly"}),
                unaddressed(12, {"subscription.quantity": "200000"}),
                admin,
                unpaid_member | {STATUS: "unpaid"},
            )
        ),
    ]
    given = Delivery(customers=rows, settings=SETTINGS, texts={"cards.csv": CARDS})
    migration = migrate(given, tmp_path_factory.mktemp("staged") / "home")
    migration.staged()
    return migration.paths


@pytest.fixture
def paths(staged, tmp_path) -> ExtractPaths:
    shutil.copytree(staged.home, tmp_path / "home")
    return ExtractPaths(tmp_path / "home", staged.extract)


@pytest.fixture
def own(paths, empty_sandbox, monkeypatch):
    """A site that is not loaded yet; calls whose effect nobody knows are settled at once."""
    return site(paths, empty_sandbox, monkeypatch, settle=0.1)


def test_nothing_is_open_on_a_site_as_it_was_loaded(own, paths):
    loaded(own)
    reconciled = reconcile.reconcile(own)
    assert (reconciled.is_open, reconciled.differences, report(paths)) == (False, (), [])
    # The subscription and the invoice that were not sent are told by the plan.
    assert reconciled.objects == {
        "product": 3, "plan": 3, "customer": 14, "address": 10, "source": 2, "subscription": 10, "membership": 3, "invoice": 2,
    }  # fmt: skip
    assert reconciled.sentence == (
        f"Compared 47 objects on {own.label} by 83 attributes (3 more cannot be read, 35 are not carried): nothing is open. "
        "Behind stay 1 invalid, 1 held."
    )


def test_every_planted_difference_is_found_by_key_and_attribute(own, paths, empty_sandbox):
    for operation in DOUBLED:
        empty_sandbox.asked("POST", "/faults", {"operation": operation, "skip": 1, "kind": "twice"})
    loaded(own)
    somebody = Somebody(empty_sandbox)
    expected = set(doubled(empty_sandbox.rows()))
    assert len(expected) == len(DOUBLED)
    for planted in PLANTED:
        somebody.plant(planted)
        expected |= planted.differences
    expected |= set(rows_of_others(somebody))
    for gone in DELETED:
        # Of two that stand there one would be left.
        if (*gone, "", "doubled") not in expected:
            somebody.delete(gone)
            expected.add((*gone, "", "missing"))
    # Cancelled, it renews no more.
    somebody.call("DELETE", f"/subscriptions/{somebody.ids[Id('subscription', 'S101')]}?mode=now")
    expected |= {
        ("subscription", "S101", attribute, "differing")
        for attribute in ("subscription.state", "subscription.cancel_at_period_end")
    }
    assert len(expected) >= 60
    reconciled = reconcile.reconcile(own)
    found = open_of(paths)
    assert set(found) == expected
    assert set(found.values()) == {1}
    assert sum(reconciled.counts.values()) == len(expected)
    values = {(row["key"], row["attribute"]): (row["wanted"], row["found"]) for row in report(paths)}
    assert values["P-Y", "plan.amount"] == ("9900", "9800")
    assert values["S1", "customer.old_provider_id"] == ("HR1", "HR3")
    assert values["S6", f"{METADATA}membership"] == ("S5", "S13")


def doubled(rows: list[dict]):
    """What stands on a site twice: each as the report is to name it."""
    named = {(_plural(key.object), id_): key for key, id_ in _ids(rows)}
    by_mark = defaultdict(list)
    for each in rows:
        row = each["row"]
        mark = row.get("old_provider_id") or (row.get("metadata") or {}).get("migration_mark")
        by_mark[each["kind"], mark].append(row["id"])
    for (kind, mark), ids in by_mark.items():
        if mark and len(ids) > 1:
            yield (*named[kind, ids[-1]], "", "doubled")


def rows_of_others(somebody: Somebody):
    """Rows that have something of ours and are not: each as the report is to name it."""
    other = somebody.made("/customers", **api.READER, email="pieter@harbour-review.example", old_provider_id="F1")
    second = somebody.made("/customers", **api.READER, email="anke@harbour-review.example", old_provider_id="F2")
    somebody.rewrite("customer", other, values={"email": "GENARO.Cassano4@example.com"})
    yield ("customer", "HR4", "customer.email", "of others")
    somebody.rewrite("customer", second, values={"old_provider_id": "HR5"})
    yield ("customer", "HR5", "customer.old_provider_id", "of others")
    terms = {
        "plan_id": Id("plan", "O-M"),
        "quantity": 1,
        "collection_method": "send_invoice",
        "current_period_end": 2_000_000_000,
    }
    somebody.made("/subscriptions", user_id=other, **terms, metadata=[{"old_id": "S3"}])
    yield ("subscription", "S3", f"{METADATA}old_id", "of others")
    group = somebody.made("/customers", **api.READER, email="tove@harbour-review.example", old_provider_id="F3")
    somebody.call("PUT", f"/customers/{group}", {"metadata": {"migration_mark": STRAY}})
    yield ("customer", "F3", "", "without a record")
    somebody.made(
        "/addresses", customer_id=other, type="billing", line1="1 Quay", city="Galway", country="IE", old_provider_id=STRAY,
        first_name="Pieter", last_name="Maas", postal_code="H91",
    )  # fmt: skip
    yield ("address", STRAY, "", "without a record")
    somebody.made("/subscriptions", user_id=other, **terms, metadata=[{"old_id": "S900", "migration_mark": STRAY}])
    yield ("subscription", "S900", "", "without a record")
    somebody.made("/memberships", subscription_id=Id("subscription", "S5"), customer_id=other, old_provider_id=STRAY)
    yield ("membership", STRAY, "", "without a record")
    invoice = {"customer_id": other, "currency": "cad", "total": 100, "billing_reason": "manual"}
    somebody.made("/invoices", **invoice, metadata={"migration_mark": STRAY})
    yield ("invoice", STRAY, "", "without a record")
    invoice |= {"customer_id": Id("customer", "HR11"), "subscription_id": Id("subscription", "S11")}
    somebody.made("/invoices", **invoice, status="open")
    yield ("subscription", "S11", "latest_invoice", "invoiced")


def test_each_attribute_that_is_compared_is_planted():
    compared = {
        (kind.name, each.attribute)
        for kind in kinds(Settings().core_api).values()
        for each in (*kind.fields, *kind.references)
        if each.carried is Carried.COMPARED
    }
    planted = {(each.object, attribute) for each in PLANTED for attribute in each.put | each.rewritten}
    assert compared - planted == set()


def test_rows_that_move_between_two_pages_hide_nothing(own, paths, empty_sandbox):
    somebody = Somebody(empty_sandbox)
    others = [somebody.made("/customers", **api.READER, old_provider_id=f"F{number}") for number in range(100)]
    strays = [somebody.made("/customers", **api.READER, old_provider_id=f"OLD{number}") for number in range(3)]
    for number, id_ in enumerate(strays):
        somebody.rewrite("customer", id_, values={"metadata": {"migration_mark": f"{STRAY[:-1]}{number}"}})
    loaded(own)
    somebody = Somebody(empty_sandbox)
    gone = somebody.ids[Id("customer", "HR10")]
    # Each of three passes is a page, and then two. What is deleted between them moves the first row of the second page to the first, where
    # nobody looks any more; what is new comes last. A rule does not see the calls that the ones before it have drawn.
    deleted = [others[5], others[6], others[7], gone]
    between = [{"method": "DELETE", "path": f"/customers/{id_}"} for id_ in deleted]
    between.append(
        {
            "method": "POST",
            "path": "/customers",
            "body": {"display_name": "Tove", "metadata": {"migration_mark": STRAY}},
        }
    )
    for edit, skip in zip(between, (1, 3, 5, 3, 1), strict=True):
        fault = {"operation": "list_customers", "skip": skip, "kind": "edit", "edit": {"site": "staging"} | edit}
        empty_sandbox.asked("POST", "/faults", fault)
    reconcile.reconcile(own)
    assert set(open_of(paths)) == {
        *(("customer", f"OLD{number}", "", "without a record") for number in range(3)),
        ("customer", STRAY, "", "without a record"),
        ("customer", "HR10", "", "missing"),
    }


def test_a_double_that_the_loader_never_heard_of_is_named_with_both_ids(own, paths, empty_sandbox):
    empty_sandbox.asked("POST", "/faults", {"operation": "create_invoice", "kind": "twice"})
    loaded(own)
    reconciled = reconcile.reconcile(own)
    (row,) = report(paths)
    assert (row["object"], row["what"]) == ("invoice", "doubled")
    invoices = [each["row"] for each in empty_sandbox.rows() if each["kind"] == "invoices"]
    ((twice, _),) = Counter(each["subscription_id"] for each in invoices).most_common(1)
    both = sorted(each["id"] for each in invoices if each["subscription_id"] == twice)
    assert (len(both), row["found"]) == (2, " and ".join(map(str, both)))
    assert reconciled.counts == {What.DOUBLED: 1}


def test_without_its_journal_a_site_is_compared_by_its_marks(own, paths, empty_sandbox):
    loaded(own)
    shutil.rmtree(paths.journals)
    core_api.plan(own)
    assert not reconcile.reconcile(own).is_open
    somebody = Somebody(empty_sandbox)
    somebody.delete(Id("subscription", "S2"))
    somebody.rewrite(
        "address", somebody.ids[Id("address", "HR1 billing")], values={"user_id": 999_999, "city": "Halifax"}
    )
    shutil.rmtree(paths.journals)
    reconciled = reconcile.reconcile(own)
    assert {each for each in open_of(paths) if each[0] == "address"} == {
        ("address", "HR1 billing", "customer.old_provider_id", "differing"),
        ("address", "HR1 billing", "address.city", "differing"),
    }
    # Nobody knows any more what was loaded, and it says so.
    assert "Of 14 customers that were prepared 0 are accounted for (14 in no plan)." in reconciled.broken


def test_a_start_that_was_still_to_come_when_it_was_sent_is_the_sites_own(own, empty_sandbox):
    loaded(own)
    somebody = Somebody(empty_sandbox)
    id_ = somebody.ids[Id("subscription", "S1")]
    somebody.rewrite("subscription", id_, values={"start": 1_780_000_000})
    assert set(open_of(reconciled_again(own))) == {("subscription", "S1", "subscription.start_date", "differing")}
    with own.journal() as journal:
        (entry,) = [each for each in journal.entries() if (each.kind, each.target) == ("subscription", id_)]
        # Its start is 2026-07-31.
        journal.put([replace(entry, at=datetime.datetime(2026, 5, 28, tzinfo=datetime.UTC).timestamp())])
    assert open_of(reconciled_again(own)) == {}


def reconciled_again(own: core_api.Site) -> ExtractPaths:
    reconcile.reconcile(own)
    return own.paths


def standings(of: core_api.Site) -> dict[str, dict[str, int]]:
    """What became of each kind's objects: the counts that are not zero, and what does not add up."""
    frame = reconcile.balance(of).set_index("object")
    return {name: {column: value for column, value in row.items() if value} for name, row in frame.iterrows()}


def test_the_balance_says_what_became_of_every_object(own, empty_sandbox):
    core_api.plan(own)
    assert standings(own)["address"] == {
        "prepared": 10,
        "broken": "Of 10 addresses that were prepared 0 are accounted for (10 not sent).",
    }
    # One is refused, of another nobody knows: what belongs to them is blocked.
    refusal = {"operation": "create_customer", "skip": 1, "kind": "status", "status": 422, "when": "before"}
    empty_sandbox.asked("POST", "/faults", refusal)
    doubt = {"operation": "create_source", "times": None, "kind": "close", "when": "before"}
    empty_sandbox.asked("POST", "/faults", doubt)
    core_api.load(own)
    found = standings(own)
    assert found["product"] == {"prepared": 3, "created": 3}
    assert found["customer"] == {"prepared": 14, "created": 13, "refused": 1}
    assert found["source"]["unknown"] == 2
    assert found["subscription"]["invalid"] == found["invoice"]["held"] == 1
    assert found["subscription"]["blocked"] >= 3
    for row in reconcile.balance(own).to_dict("records"):
        assert (row["prepared"], row["broken"]) == (sum(row[each] for each in STANDINGS), "")
    # What stays behind is told by its action; what nobody knows is open.
    reconciled = reconcile.reconcile(own)
    assert (reconciled.counts, reconciled.broken) == ({What.NOT_SETTLED: 2}, ())
    empty_sandbox.asked("DELETE", "/faults")
    core_api.load(own)
    assert "unknown" not in standings(own)["source"]


def test_the_balance_tells_updates_and_conflicts(own, empty_sandbox):
    other = Somebody(empty_sandbox).made("/customers", **api.READER, old_provider_id="HR2")
    loaded(own)
    found = standings(own)
    assert (found["customer"]["conflict"], found["subscription"]["blocked"]) == (1, 1)
    reconciled = reconcile.reconcile(own)
    assert [(each.what, each.id) for each in reconciled.differences] == [(What.OF_OTHERS, other)]
    somebody = Somebody(empty_sandbox)
    somebody.call("PUT", f"/customers/{somebody.ids[Id('customer', 'HR1')]}", {"title": "Archivist"})
    core_api.plan(own)
    assert "1 not sent" in standings(own)["customer"]["broken"]
    core_api.load(own)
    assert standings(own)["customer"] == {"prepared": 14, "unchanged": 12, "updated": 1, "conflict": 1}


def as_site(paths: ExtractPaths, own: core_api.Site) -> None:
    """Name the site in extract.toml, as a person does."""
    staging = own.environment
    with (paths.delivered / "extract.toml").open("a", encoding="utf-8") as file:
        file.write(
            f'[staging]\ntarget = "core_api"\nurl = "{staging.url}"\nsite = {staging.site}\nkey = "{staging.key}"\nrate = 0\n'
        )


def test_what_was_refused_goes_again_where_the_command_says_so(own, paths, empty_sandbox):
    refusal = {"operation": "create_customer", "skip": 1, "kind": "status", "status": 422, "when": "before"}
    empty_sandbox.asked("POST", "/faults", refusal)
    assert loaded(own).refused == 1
    as_site(paths, own)
    told = command(paths.home, "plan", paths.extract, "--again")
    assert "1 object that the site has refused: sent again by the next load." in told.stdout
    assert core_api.load(own).refused == 0


def test_the_command_says_what_is_open_and_nobodys_data(own, paths, empty_sandbox):
    assert "has no staging site" in refused(command(paths.home, "reconcile", paths.extract), 1)
    as_site(paths, own)
    loaded(own)
    done = command(paths.home, "reconcile", paths.extract)
    assert done.returncode == 0, done.stderr
    assert "nothing is open" in " ".join(done.stdout.split())
    somebody = Somebody(empty_sandbox)
    id_ = somebody.ids[Id("customer", "HR2")]
    somebody.call("PUT", f"/customers/{id_}", {"first_name": "=HYPERLINK(1)", "last_name": "Okafor"})
    done = command(paths.home, "reconcile", paths.extract, "--on", "staging")
    assert str(paths.reconciliation("staging")) in refused(done, 1)
    assert f"customer {id_} customer.first_name: differing" in done.stdout
    assert not [word for word in ("HYPERLINK", "Okafor", "Cassano", "HR2") if word in done.stdout + done.stderr]
    assert {row["found"] for row in report(paths)} == {"'=HYPERLINK(1)", "Okafor"}
    assert paths.reconciliation("staging").stat().st_mode & 0o777 == 0o600


def test_a_password_reaches_neither_the_report_nor_the_database(own, paths, empty_sandbox):
    loaded(own)
    somebody = Somebody(empty_sandbox)
    somebody.rewrite(
        "customer", somebody.ids[Id("customer", "HR11")], values={"has_password": False, "title": "Archivist"}
    )
    reconciled = reconcile.reconcile(own)
    assert HASH not in paths.reconciliation("staging").read_text(encoding="utf-8") + reconciled.model_dump_json()
    with duckdb.connect(str(paths.site_database("staging")), read_only=True) as connection:
        passwords = connection.execute('SELECT DISTINCT "customer.password" FROM customers').fetchall()
    assert passwords == [(None,)]
    assert paths.site_database("staging").stat().st_mode & 0o777 == 0o600


def test_the_database_of_a_site_has_the_tables_of_a_target_and_its_values(own, paths):
    loaded(own)
    reconcile.reconcile(own)
    with duckdb.connect() as connection:
        for name, path in (("staged", paths.database("staging")), ("site", paths.site_database("staging"))):
            connection.execute(f"ATTACH '{path}' AS {name} (READ_ONLY)")
        columns = """SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = ?
            AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE database_name = 'site') ORDER BY ALL"""
        assert connection.execute(columns, ["site"]).fetchall() == connection.execute(columns, ["staged"]).fetchall()
        for table, left_out in {
            "products": '"product.active"',
            "plans": "",
            "addresses": "",
        }.items():
            rows = f"SELECT * EXCLUDE ({left_out})" if left_out else "SELECT *"
            assert connection.execute(f"{rows} FROM site.{table} ORDER BY ALL").fetchall() == (
                connection.execute(f"{rows} FROM staged.{table} ORDER BY ALL").fetchall()
            )
        members = connection.execute(
            f"""SELECT record, "customer.old_provider_id", "{METADATA}membership", "{METADATA}temporary_plan_id"
            FROM {{}}.subscriptions WHERE "subscription.type" = 'member' ORDER BY record""".format("site")
        ).fetchall()
        assert [row[1:] for row in members] == [("HR6", "M-5", "C-Y"), ("HR7", "M-5", "C-Y"), ("HR14", "M-13", "C-Y")]


def test_the_statistics_are_counted_on_the_site(own, paths, empty_sandbox):
    written = statistics.read(paths.statistics)
    loaded(own)
    reconcile.reconcile(own)
    # No site is named in extract.toml: it is DuckDB that is counted.
    assert steps.count_on_sites(paths, written).equals(written)
    as_site(paths, own)
    counted = counts_of(steps.count_on_sites(paths, written), statistics.STAGING)
    before = counts_of(written, statistics.STAGING)
    assert counted["Objects", "Customers"] == before["Objects", "Customers"] == 14
    # One subscription was not sent.
    assert (counted["Objects", "Subscriptions"], before["Objects", "Subscriptions"]) == (13, 14)
    assert counted["Subscriptions by segment", "Membership member"] == 3
    assert counted["Customers", "customer.password"] == before["Customers", "customer.password"] == 1
    Somebody(empty_sandbox).delete(Id("customer", "HR10"))
    reconcile.reconcile(own)
    assert counts_of(steps.count_on_sites(paths, written), statistics.STAGING)["Objects", "Customers"] == 13
    assert steps.count_on_sites(paths, written)[statistics.PREPARED].equals(written[statistics.PREPARED])


def counts_of(frame, column: str) -> dict[tuple[str, str], int]:
    return dict(zip(zip(frame["Section"], frame["Attribute"], strict=True), frame[column], strict=True))
