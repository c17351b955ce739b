"""The way back from a load: the site as it was before, what others have done since left alone, and a kill at any call."""

from __future__ import annotations

import csv
import hashlib
import multiprocessing
import os
import signal
from collections import Counter

import pytest

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.target.core_api import revert as way_back
from pelcro_pipeline.target.core_api import site as core_api
from pelcro_pipeline.target.core_api.client import StoppedError
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests import api
from pelcro_pipeline_tests.command_line import command
from pelcro_pipeline_tests.core_api import KEY, LASTING, SETTINGS, extract_in, loaded, site
from pelcro_pipeline_tests.extract import Delivery, migrate, reader, steps

CARDS = (
    "old_customer_id,customer_id,old_card_id,card_id,card_fingerprint,card_last4,card_exp_month,card_exp_year,card_brand\n"
    "HR1,cus_Nk3,2600,card_1Ab,x9yW1WE4nLvl6zjg,0341,06,2037,Visa\n"
)


@pytest.fixture
def paths(tmp_path, tmp_path_factory):
    return extract_in(tmp_path / "home", tmp_path_factory)


def content(sandbox) -> list[tuple[str, dict]]:
    """What stands on the staging site: its tombstones, and when each row was touched last, aside."""
    return [
        (each["kind"], {name: value for name, value in each["row"].items() if name != "updated_at"})
        for each in sandbox.rows()
        if each["row"].get("status") not in ("void", "canceled")
    ]


def reverted(of) -> way_back.Reverted:
    """Plan the way back, and go it."""
    way_back.plan_revert(of)
    return way_back.revert(of)


def reported(paths: ExtractPaths) -> dict[tuple[str, str], tuple[str, str]]:
    """By object and key, what was done with it and why."""
    with paths.revert_report("staging").open(encoding="utf-8", newline="") as file:
        return {(row["object"], row["key"]): (row["action"], row["why"]) for row in csv.DictReader(file)}


def others_content(sandbox) -> None:
    """A site that somebody works with already."""
    others = sandbox.sites["staging"]
    plan = others.plan(others.product("The Ferry Times", old_provider_id="FERRY"))
    customer = others.customer("F1")
    others.subscription(customer, plan)


def mark(paths: ExtractPaths, *identity: str) -> str:
    """The mark of an object."""
    return hashlib.sha256("\x1f".join((paths.publisher, *identity)).encode()).hexdigest()[:26]


def test_a_site_is_as_it_was_before_and_can_be_loaded_again(empty_sandbox, paths, monkeypatch):
    others_content(empty_sandbox)
    before = content(empty_sandbox)
    own = site(paths, empty_sandbox, monkeypatch)
    first = loaded(own)
    full = Counter(kind for kind, _ in content(empty_sandbox))
    planned = way_back.plan_revert(own)
    assert planned.counts["subscription"] == {"undo": 7, "leaves": 1}
    done = way_back.revert(own)
    assert (done.reverted, done.kept, done.unknown) == (first.calls, 0, 0)
    assert content(empty_sandbox) == before
    assert not way_back.is_rehearsed(own)

    again = loaded(own)
    assert (again.done, again.refused, again.conflict) == (first.calls, 0, 0)
    assert Counter(kind for kind, _ in content(empty_sandbox)) == full
    assert way_back.is_rehearsed(own)
    assert {action for counts in core_api.plan(own).counts.values() for action in counts} == {"unchanged"}

    reverted(own)
    assert content(empty_sandbox) == before


def test_a_load_that_was_cut_short_is_taken_back_with_what_it_never_heard_of(empty_sandbox, paths, monkeypatch):
    own = site(paths, empty_sandbox, monkeypatch)
    core_api.plan(own)
    # The answer of one is lost for good: the key ends before anybody can look.
    empty_sandbox.asked("POST", "/faults", {"operation": "create_address", "skip": 2, "kind": "close"})
    empty_sandbox.asked("POST", "/faults", {"operation": "create_address", "skip": 3, "kind": "redirect"})
    with pytest.raises(StoppedError, match="redirect"):
        core_api.load(own)
    assert Counter(kind for kind, _ in content(empty_sandbox))["addresses"] > 2
    reverted(own)
    assert content(empty_sandbox) == []


#: Each kind of call that a revert makes.
CALLS = (
    "update_invoice", "void_invoice", "delete_membership", "cancel_subscription",
    "delete_address", "delete_customer", "delete_plan", "delete_product",
)  # fmt: skip


def _revert_when_told(go, key: str, of: core_api.Site) -> None:
    os.environ[of.environment.key] = key
    go.wait()
    reverted(of)


def test_killed_at_every_call_it_ends_the_same(empty_sandbox, paths, monkeypatch):
    # One connection: what is in flight beside the call that a kill hits would be done too.
    own = site(paths, empty_sandbox, monkeypatch, connections=1)
    loaded(own)
    since = max(each["number"] for each in empty_sandbox.effects())
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    killed = 0
    for call in CALLS:
        for when in ("before", "after", "answered"):
            go = processes.Event()
            process = processes.Process(target=_revert_when_told, args=(go, os.environ[KEY["staging"]], own))
            process.start()
            fault = {"operation": call, "kind": "kill_client", "when": when, "pid": process.pid}
            empty_sandbox.asked("POST", "/faults", fault)
            go.set()
            process.join(60)
            killed += process.exitcode == -signal.SIGKILL
            empty_sandbox.asked("DELETE", "/faults")
    assert killed == 3 * len(CALLS)
    with pytest.raises(RefusedError, match="begun and has not ended"):
        core_api.plan(own)
    done = reverted(own)
    assert (done.kept, done.unknown) == (0, 0)
    assert content(empty_sandbox) == []
    again = loaded(own)
    assert again.done == again.calls
    gone = Counter(
        (each["kind"], each["id"])
        for each in empty_sandbox.effects(since)
        if each["effect"] in ("delete", "void") and each["id"] is not None
    )
    assert set(gone.values()) == {1}


def test_lost_answers_are_settled_by_reading(empty_sandbox, paths, monkeypatch):
    own = site(paths, empty_sandbox, monkeypatch)
    loaded(own)
    empty_sandbox.asked("POST", "/storm", {"operation": "writes", "seed": 7})
    done = reverted(own)
    assert (done.reverted, done.kept, done.unknown) == (done.steps, 0, 0)
    assert done.settled["sent again"] and done.settled["gone"] > 2
    assert content(empty_sandbox) == []


def found(sandbox, kind: str, **values: object) -> dict:
    """The only row of a kind with some values."""
    (row,) = (each["row"] for each in sandbox.rows() if each["kind"] == kind and values.items() <= each["row"].items())
    return row


def subscription_of(sandbox, old_id: str) -> dict:
    return found(sandbox, "subscriptions", _old_id=old_id)


def customer_of(sandbox, old_id: str) -> dict:
    return found(sandbox, "customers", old_provider_id=old_id)


def _by_others(sandbox) -> dict[tuple[str, str], str]:
    """Change an object, or give it something, twelve times; what each is to be kept for, by object and key."""
    others = sandbox.sites["staging"]

    def changed(path: str, **body: object) -> None:
        assert others.call("PUT", path, body)[0] == 200

    ids = {name: customer_of(sandbox, name)["id"] for name in ("HR1", "HR2", "HR3", "HR5", "HR9", "HR10")}
    changed(f"/customers/{ids['HR10']}", first_name="Genoveva")
    shipping = found(sandbox, "addresses", user_id=ids["HR1"], type="shipping")
    changed(f"/addresses/{shipping['id']}", line1="3 Water Street")
    changed(f"/products/{found(sandbox, 'products', old_provider_id='PRINT')['id']}", description="Now weekly")
    changed(f"/plans/{found(sandbox, 'plans', old_provider_id='C-Y')['id']}", nickname="The crew")
    changed(f"/subscriptions/{subscription_of(sandbox, 'S101')['id']}", auto_renew=False)
    assert others.call("DELETE", f"/subscriptions/{subscription_of(sandbox, 'S2')['id']}", mode="now")[0] == 200
    unpaid = found(sandbox, "invoices", subscription_id=subscription_of(sandbox, "S8")["id"])
    others.call("POST", f"/invoices/{unpaid['id']}/pay_offline", {"reference": "Cheque 17", "type": 2})
    address = {"type": "shipping", "line1": "1 Quay Road", "country": "IE", "customer_id": ids["HR9"]}
    others.made("/addresses", **address)
    monthly = found(sandbox, "plans", old_provider_id="O-M")
    others.subscription(others.customer("F1"), monthly)
    others.plan(found(sandbox, "products", old_provider_id="ONLINE"), nickname="Weekly")
    others.made("/invoices", customer_id=ids["HR3"], currency="cad", total=500, status="open")
    member = {"customer_id": others.customer("F2")["id"], "subscription_id": subscription_of(sandbox, "S5")["id"]}
    others.made("/memberships", **member)
    return {
        ("customer", "HR10"): "changed since: customer.first_name",
        ("address", "HR1 shipping"): "changed since: address.line1",
        ("product", "PRINT"): "changed since: product.description",
        ("plan", "C-Y"): "changed since: plan.nickname",
        ("subscription", "S101"): "changed since: subscription.cancel_at_period_end",
        ("subscription", "S2"): "it has ended since",
        ("invoice", "S8"): "changed since: invoice.status",
        ("customer", "HR9"): "it holds what stays: address",
        ("plan", "O-M"): "it holds what stays: subscription",
        ("product", "ONLINE"): "it holds what stays: plan",
        ("customer", "HR3"): "it holds what stays: invoice",
        ("subscription", "S5"): "it holds what stays: membership",
    }


def test_what_others_have_done_since_is_kept_and_listed(empty_sandbox, paths, monkeypatch):
    own = site(paths, empty_sandbox, monkeypatch)
    loaded(own)
    expected = _by_others(empty_sandbox)
    before = {(kind, row["id"]): row for kind, row in content(empty_sandbox)}
    reverted(own)
    listed = reported(paths)
    told = {key: listed[key][1] for key in expected if listed[key][0] == "kept"}
    assert {key: why for key, why in expected.items() if not told.get(key, "").startswith(why)} == {}
    # And with each what it belongs to.
    for parent in (
        ("customer", "HR1"),
        ("customer", "HR8"),
        ("subscription", "S8"),
        ("customer", "HR5"),
        ("product", "CREW"),
    ):
        assert listed[parent][0] == "kept"
    assert listed["customer", "HR4"] == ("undo", "")

    after = {(kind, row["id"]): row for kind, row in content(empty_sandbox)}
    assert {key for key, row in after.items() if before[key] != row} == set()
    assert {row["old_provider_id"] for (kind, _), row in after.items() if kind == "customers"} >= {"F1", "F2"}


def test_a_plan_that_others_subscribe_to_stays_with_its_product_and_nothing_else(empty_sandbox, paths, monkeypatch):
    own = site(paths, empty_sandbox, monkeypatch)
    loaded(own)
    others = empty_sandbox.sites["staging"]
    others.subscription(others.customer("F1"), found(empty_sandbox, "plans", old_provider_id="O-M"))
    done = reverted(own)
    assert done.kept == 2
    ours = {(kind, row["old_provider_id"]) for kind, row in content(empty_sandbox) if "old_provider_id" in row}
    assert ours == {("products", "ONLINE"), ("plans", "O-M"), ("customers", "F1")}
    # What stays is known to the next load, which makes the rest.
    again = loaded(own)
    assert (again.done, again.conflict, again.refused) == (again.calls, 0, 0)


def test_what_a_customer_gains_while_the_revert_runs_keeps_them(empty_sandbox, paths, monkeypatch):
    own = site(paths, empty_sandbox, monkeypatch)
    loaded(own)
    customer = customer_of(empty_sandbox, "HR4")["id"]
    address = {"type": "billing", "line1": "1 Quay Road", "country": "IE", "customer_id": customer}
    edit = {"site": "staging", "method": "POST", "path": "/addresses", "body": address}
    empty_sandbox.asked("POST", "/faults", {"operation": "delete_membership", "kind": "edit", "edit": edit})
    reverted(own)
    listed = reported(paths)
    assert listed["customer", "HR4"] == ("kept", "others have added to it since it was planned")
    # Their subscription is a gift's: it cannot be cancelled, and needs its plan.
    assert {listed[each][0] for each in (("subscription", "S4"), ("plan", "P-Y"), ("product", "PRINT"))} == {"kept"}
    assert {row["line1"] for kind, row in content(empty_sandbox) if kind == "addresses"} >= {"1 Quay Road"}


def test_updated_rows_get_their_values_from_before(empty_sandbox, paths, monkeypatch):
    others = empty_sandbox.sites["staging"]
    sold = others.product(
        "The Review", old_provider_id="PRINT", description="Ten issues", statement_descriptor="REVIEW"
    )
    others.plan(sold, old_provider_id="P-Y", nickname="Yearly", amount=50.0, currency="cad", interval="year")
    marked = {"migration_mark": mark(paths, "customer", "HR1"), "loyalty": "gold"}
    customer = others.customer("HR1", metadata=marked, phone="5140000000")
    before = content(empty_sandbox)
    own = site(paths, empty_sandbox, monkeypatch, existing="update")
    loaded(own)
    assert found(empty_sandbox, "plans", old_provider_id="P-Y")["amount"] == 9900
    assert customer_of(empty_sandbox, "HR1")["phone"] == "15141234567"
    planned = way_back.plan_revert(own)
    assert {kind: planned.counts[kind]["restore"] for kind in ("product", "plan", "customer")} == dict.fromkeys(
        ("product", "plan", "customer"), 1
    )
    way_back.revert(own)
    assert content(empty_sandbox) == before
    # The next load keeps what it finds then.
    assert others.call("PUT", f"/customers/{customer['id']}", {"phone": "5149999999"})[0] == 200
    before = content(empty_sandbox)
    loaded(own)
    reverted(own)
    assert content(empty_sandbox) == before


def test_an_updated_row_that_others_have_changed_since_is_left_alone(empty_sandbox, paths, monkeypatch):
    others = empty_sandbox.sites["staging"]
    sold = others.product("The Review", old_provider_id="PRINT", description="Ten issues")
    own = site(paths, empty_sandbox, monkeypatch, existing="update")
    loaded(own)
    assert others.call("PUT", f"/products/{sold['id']}", {"description": "Now weekly"})[0] == 200
    reverted(own)
    assert found(empty_sandbox, "products", id=sold["id"])["description"] == "Now weekly"
    assert reported(paths)["product", "PRINT"] == ("kept", "changed since: product.description")


#: A source's deletion is assumed not to exist, unless it is said.
@pytest.mark.parametrize("choice", ["delete-in-use=deletes", "source-delete=exists"])
def test_with_another_assumption_it_ends_the_same(choice, with_cards, tmp_path, monkeypatch):
    with api.running(tmp_path / "sandbox", "--assume", choice) as assumed:
        own = site(with_cards, assumed, monkeypatch)
        core_api.plan(own)
        assert core_api.load(own).done
        assert {kind for kind, _ in content(assumed)} >= {"sources", "subscriptions"}
        assert (done := reverted(own)).reverted == done.steps
        assert content(assumed) == []


@pytest.fixture(scope="module")
def staged_with_cards(tmp_path_factory) -> ExtractPaths:
    """A reader whose card has been migrated, and one whose card has not; staged."""
    texts = {"cards.csv": CARDS}
    rows = [reader(1) | LASTING, reader(2) | LASTING]
    migration = migrate(Delivery(customers=rows, settings=SETTINGS, texts=texts), tmp_path_factory.mktemp("cards"))
    for step in (steps.forecast, steps.stage):
        with steps.opened(migration.paths) as extract:
            step(extract)
    return migration.paths


@pytest.fixture
def with_cards(staged_with_cards):
    """The same, never loaded."""
    for path in staged_with_cards.journals.glob("*"):
        path.unlink()
    return staged_with_cards


def test_a_site_that_holds_what_was_deleted_says_so_and_nothing_is_sent(paths, tmp_path, monkeypatch):
    with api.running(tmp_path / "sandbox", "--assume", "unique-after-delete=held") as assumed:
        own = site(paths, assumed, monkeypatch)
        loaded(own)
        reverted(own)
        assert content(assumed) == []
        for _ in range(2):
            with pytest.raises(StoppedError, match="of a reverted customer for taken"):
                loaded(own)
        assert {kind for kind, _ in content(assumed)} == {"products", "plans"}
        reverted(own)
        assert content(assumed) == []


def test_what_was_never_loaded_is_not_reverted(empty_sandbox, paths, monkeypatch):
    own = site(paths, empty_sandbox, monkeypatch)
    with pytest.raises(RefusedError, match="nothing to go back from"):
        way_back.plan_revert(own)
    assert not way_back.is_rehearsed(own)


def test_the_command_says_what_stays_before_it_is_told_to_go(empty_sandbox, paths, monkeypatch):
    loaded(site(paths, empty_sandbox, monkeypatch))
    told = empty_sandbox.told["sites"]["staging"]
    with (paths.delivered / extract_settings.FILE_NAME).open("a", encoding="utf-8") as file:
        file.write(
            f'[staging]\ntarget = "core_api"\nurl = "{empty_sandbox.told["url"]}"\nsite = {told["site_id"]}\n'
            f'key = "{KEY["staging"]}"\nrate = 0\nsettle = 1\n'
        )
    full = content(empty_sandbox)
    asked = command(paths.home, "revert", paths.extract, "--on", "staging")
    assert asked.returncode == 1 and "--yes" in asked.stderr
    assert "cancelled subscriptions and void invoices stay as rows" in asked.stdout
    assert "Begin before 2036-07-31" in asked.stdout.replace("2036-08-01", "2036-07-31")
    assert content(empty_sandbox) == full
    done = command(paths.home, "revert", paths.extract, "--on", "staging", "--yes")
    assert done.returncode == 0, done.stderr
    assert content(empty_sandbox) == []
    again = command(paths.home, "revert", paths.extract, "--on", "staging", "--yes")
    assert again.returncode == 0, again.stderr
