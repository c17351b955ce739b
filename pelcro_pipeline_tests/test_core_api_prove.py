"""What the documentation leaves open, tried on a staging site and taken back."""

from __future__ import annotations

import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.delivery.reading import delivered_digest
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.target.core_api import prove as proofs
from pelcro_pipeline.target.core_api.assumptions import ASSUMPTIONS, rested_on
from pelcro_pipeline.target.core_api.plan import Summary
from pelcro_pipeline.workspace import places
from pelcro_pipeline_tests import api
from pelcro_pipeline_tests.core_api import extract_in, site
from pelcro_sandbox.assumptions import chosen, declared

#: What differs from the first alternative of each, in two accounts that have nothing in common.
ACCOUNTS = {
    "as-assumed": {},
    "otherwise": {
        "plan-amount": "minor",
        "shipments-word": "shipment_based",
        "catalogue-old-id": "unique",
        "password-type": "all",
        "subscription-metadata": "object",
        "subscription-old-id": "unique",
        "paid-not-invoiced": "invoices",
        "expand": "commas",
        "list-shape": "bare",
        "rewriting": "text",
        "status-of-invalid": "422",
        "start-in-the-past": "refused",
        "state-letters": "all",
        "address-type": "number",
        "gift-donor": "ends",
        "delete-in-use": "deletes",
        "unique-after-delete": "held",
        "fields-of-the-object": "refused",
    },
    "closed": {
        "subscription-old-id": "refused",
        "unknown-field": "refused",
        "expand": "none",
        "list-shape": "links",
        "list-lag": "5",
        "email-case": "sensitive",
    },
}
COUNTS = {"plan": {"create": 3}, "subscription": {"unchanged": 1}}
PLAN = Summary.model_construct(counts=COUNTS)


def left_in(sandbox):
    """The rows that a site still shows, an invoice that was voided apart: nothing deletes one."""
    return [row["row"] for row in sandbox.rows() if row["row"].get("status") != "void"]


def proven(tmp_path, factory, monkeypatch, choices):
    """What was seen of a sandbox that does as chosen, its site, and what it holds afterwards."""
    options = [word for each in choices.items() for word in ("--assume", "=".join(each))]
    with api.running(tmp_path / "sandbox", *options) as sandbox:
        own = site(extract_in(tmp_path / "home", factory), sandbox, monkeypatch)
        sandbox.sites["staging"].customer("C1")
        seen = {each.id: each.alternative for each in proofs.prove(own)}
        return seen, own, left_in(sandbox)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_each_assumption_is_seen_as_the_account_has_it_and_the_scratch_is_gone(
    account, tmp_path, tmp_path_factory, monkeypatch
):
    choices = ACCOUNTS[account]
    seen, own, left = proven(tmp_path, tmp_path_factory, monkeypatch, choices)
    assert seen == {name: chosen([f"{k}={v}" for k, v in choices.items()])[name] for name in ASSUMPTIONS}
    assert len(left) == 1
    assert {name: each.seen.alternative for name, each in proofs.proofs(own).items()} == seen
    assert "scratch-" not in own.paths.assumptions.read_text(encoding="utf-8")


def test_every_assumption_is_one_of_the_contract_and_has_its_alternatives():
    known = declared()
    for name, each in ASSUMPTIONS.items():
        alternatives = set(known[name]["alternatives"])
        assert each.default in alternatives, name
        assert {*each.fits, *each.settings} <= alternatives, name


def test_what_extract_toml_says_decides_whether_what_was_seen_fits():
    told = ASSUMPTIONS["plan-amount"].contradiction("minor", Settings())
    assert told == 'write core_api = { plan_amount = "minor" } into extract.toml'
    assert ASSUMPTIONS["plan-amount"].contradiction("minor", Settings(core_api={"plan_amount": "minor"})) is None
    assert "ask Pelcro" in ASSUMPTIONS["paid-not-invoiced"].contradiction("invoices", Settings())
    assert ASSUMPTIONS["email-case"].contradiction("sensitive", Settings()) is None
    site = {"target": "core_api", "site": 1, "key": "PELCRO_STAGING_KEY", "settle": 6}
    assert ASSUMPTIONS["list-lag"].contradiction("5", Settings(staging=site)) is None
    assert "settle = 60" in ASSUMPTIONS["list-lag"].contradiction("30", Settings(staging=site))


def test_production_rests_on_what_its_plan_loads_and_staging_has_proven(empty_sandbox, paths, monkeypatch):
    own = site(paths, empty_sandbox, monkeypatch)
    assert [each.id for each in proofs.unproven(own, PLAN)] == list(rested_on(["plan"]))
    proofs.prove(own)
    assert proofs.unproven(own, PLAN) == []
    of_cents = site(paths, empty_sandbox, monkeypatch, core_api={"plan_amount": "minor"})
    assert [each.id for each in proofs.unproven(of_cents, PLAN)] == ["plan-amount"]
    elsewhere = site(paths, empty_sandbox, monkeypatch, url="http://localhost:1/api/v1/core")
    assert [each.id for each in proofs.unproven(elsewhere, PLAN)] == list(rested_on(["plan"]))


def test_a_proof_tells_nothing_of_what_was_delivered_and_signed(empty_sandbox, paths, monkeypatch):
    before = delivered_digest(paths.delivered), places.fingerprint(paths.delivered)
    proofs.prove(site(paths, empty_sandbox, monkeypatch))
    assert (delivered_digest(paths.delivered), places.fingerprint(paths.delivered)) == before
    steps.read(paths)


def test_what_a_killed_proof_left_is_taken_back_by_the_next(empty_sandbox, paths, monkeypatch):
    told = empty_sandbox.told["sites"]["staging"]["key"]
    empty_sandbox.asked(
        "POST", "/faults", {"operation": "create_subscription", "skip": 2, "kind": "close", "when": "after"}
    )
    # What closes its connection for good answers no look-up either: nothing can be taken back now.
    empty_sandbox.asked(
        "POST", "/faults", {"operation": "delete_customer", "times": None, "kind": "close", "when": "before"}
    )
    own = site(paths, empty_sandbox, monkeypatch)
    with pytest.raises(RefusedError):
        proofs.prove(own)
    assert left_in(empty_sandbox) != []
    empty_sandbox.asked("DELETE", "/faults")
    proofs.prove(own)
    assert left_in(empty_sandbox) == []
    assert told not in own.paths.assumptions.read_text(encoding="utf-8")


def test_production_is_no_place_for_scratch_records(empty_sandbox, paths, monkeypatch):
    before = empty_sandbox.effects()
    with pytest.raises(RefusedError, match="no staging site"):
        proofs.prove(site(paths, empty_sandbox, monkeypatch, name="production"))
    assert empty_sandbox.effects() == before


@pytest.fixture
def paths(tmp_path, tmp_path_factory):
    return extract_in(tmp_path / "home", tmp_path_factory)
