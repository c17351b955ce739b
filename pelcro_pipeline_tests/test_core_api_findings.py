"""What a site refuses, or would, as findings: with the delivered file and line, and what comes of a correction."""

from __future__ import annotations

import csv
import stat

import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline.rules.findings import COLUMNS
from pelcro_pipeline.settings import Conventions
from pelcro_pipeline.spec import HIDDEN
from pelcro_pipeline.target.core_api import findings
from pelcro_pipeline.target.core_api import plan as planning_of
from pelcro_pipeline.target.core_api import site as core_api
from pelcro_pipeline.target.core_api.client import StoppedError
from pelcro_pipeline.target.core_api.journal import Entry, Journal, State
from pelcro_pipeline.target.core_api.load import without_password
from pelcro_pipeline.target.core_api.mapping import kinds
from pelcro_pipeline_tests import api, planning
from pelcro_pipeline_tests.core_api import LASTING, SETTINGS, site, staged
from pelcro_pipeline_tests.extract import OLD_ID, PLAN_ID, Delivery, gift, migrate, reader

SHIPMENTS, QUANTITY = "subscription.shipments_remaining", "subscription.quantity"
#: More than an integer of the API's holds: no page says so, and the site does.
TOO_MANY = "3000000000"
LONG = "genaro" * 17
ONLINE = {PLAN_ID: "O-M", SHIPMENTS: ""}


def delivered(shipments: str) -> list[dict]:
    """A reader of two subscriptions without ids, a gift, and one of a long name; from line 2."""
    donor, recipient = gift(3, 4)
    rows = [
        reader(1, {OLD_ID: ""}),
        reader(1, {OLD_ID: "", QUANTITY: "100001", **ONLINE}),
        donor | {SHIPMENTS: shipments},
        recipient,
        reader(5, {"customer.display_name": LONG}),
    ]
    return [row | LASTING for row in rows]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return staged(tmp_path_factory.mktemp("findings") / "home", delivered(TOO_MANY))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with api.running(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def read(path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stops(rows: list[dict]) -> list[tuple]:
    """What is not sent, or has been refused: those that charge without a card aside."""
    return [
        (row["file"], row["line"], row["object"], row["key"], row["attribute"], row["rule"], row["value"])
        for row in rows
        if row["rule"] != "API-CARD"
    ]


STOPPED = [
    ("customers.csv", "3", "subscription", "HR1", QUANTITY, "API-QUANTITY", "100001"),
    ("customers.csv", "6", "customer", "HR5", "customer.display_name", "API-LENGTH", LONG),
]
REFUSED = ("customers.csv", "4", "subscription", "S3", SHIPMENTS, "API-REFUSED", TOO_MANY)


def test_a_refusal_is_a_finding_and_its_correction_is_sent_alone(paths, sandbox, monkeypatch):
    own, lines = site(paths, sandbox, monkeypatch), []
    core_api.plan(own, lines.append)
    assert stops(read(paths.site_findings("staging"))) == STOPPED
    progress = core_api.load(own, lines.append)
    assert (progress.refused, progress.blocked) == (1, 1)
    found = read(paths.site_findings("staging"))
    assert tuple(found[0]) == COLUMNS
    assert stops(found) == [STOPPED[0], REFUSED, STOPPED[1]]
    (refused,) = (row for row in found if row["rule"] == "API-REFUSED")
    assert refused["severity"] == "reject"
    assert refused["message"].startswith(f"{RULES['API-REFUSED'].sentence} It says: The shipments remaining must")
    assert stat.S_IMODE(paths.site_findings("staging").stat().st_mode) == 0o600
    # Stopped before they are sent, and refused by the site, are counted apart; and nobody is named.
    assert lines[-1] == "2 objects stopped before they are sent, 1 refused by the site"
    assert not [line for line in lines if "shipments" in line or "HR" in line or "S3" in line]

    # A second load does not ask the site again for what it has refused.
    before = sandbox.effects()
    core_api.load(own)
    assert stops(read(paths.site_findings("staging"))) == [STOPPED[0], REFUSED, STOPPED[1]]
    assert sandbox.effects() == before

    # Where its cause was mended on the site somebody says so: it is sent again, once.
    assert core_api.ask_again(own) == 1
    core_api.plan(own)
    for sent in (1, 0):
        calls = sandbox.asked("GET", "/calls")["count"]
        assert core_api.load(own).refused == 1
        assert sandbox.asked("GET", "/calls")["count"] == calls + sent

    corrected = migrate(Delivery(customers=delivered("9"), settings=SETTINGS), paths.home).judged
    for step in (steps.prepare, steps.forecast, steps.stage):
        with steps.opened(corrected) as extract:
            step(extract)
    last = max(each["number"] for each in sandbox.effects())
    # What stood in the way is corrected: the refusal is none any more.
    core_api.plan(own)
    assert stops(read(paths.site_findings("staging"))) == STOPPED
    core_api.load(own, lines.append)
    assert [
        (each["effect"], each["kind"], each["key"]) for each in sandbox.effects(last) if each["effect"] == "create"
    ] == [
        ("create", "subscriptions", "S3"),
        ("create", "subscriptions", "S4"),
    ]
    assert lines[-1] == "2 objects stopped before they are sent, 0 refused by the site"


def test_a_load_that_stops_tells_what_was_refused_until_then(paths, sandbox, monkeypatch):
    own = site(paths, sandbox, monkeypatch, name="production")
    for name in ("database", "migration_day"):
        (getattr(paths, name)("production")).parent.mkdir(exist_ok=True)
    paths.database("production").write_bytes(paths.database("staging").read_bytes())
    core_api.plan(own)
    fault = {"operation": "create_subscription", "kind": "revoke"}
    sandbox.asked("POST", "/sites/production", {"currencies": ["usd"]})
    sandbox.asked("POST", "/faults", fault | {"operation": "create_address"})
    with pytest.raises(StoppedError):
        core_api.load(own)
    refused = [row for row in read(paths.site_findings("production")) if row["rule"] == "API-REFUSED"]
    assert {(row["file"], row["object"], row["attribute"], row["value"]) for row in refused} == {
        ("plans.csv", "plan", "plan.currency", "cad")
    }
    assert len(refused) == 3


@pytest.fixture(scope="module")
def planned(paths, tmp_path_factory):
    """A plan that was kept, with the marks and digests of its objects."""
    folder = tmp_path_factory.mktemp("planned")
    with planning.planned(paths.database("staging"), folder) as plan:
        planning_of.write(plan.connection, folder / "plan.parquet")
        findings.keep(plan.connection, plan.kinds, folder / "stops.parquet")
        digests = {(kind, key): known for kind, key, *known in plan.told("SELECT kind, key, mark, digest FROM plan")}
        ledger = paths.analysis / "ledger.parquet"
        yield findings.Sources(folder / "plan.parquet", folder / "stops.parquet", ledger), digests, plan.kinds


class TestWithoutASite:
    """What a journal holds of refusals, whatever a site has said."""

    @pytest.fixture
    def told(self, planned, tmp_path):
        """What is told, where the site has said something of an object."""

        def told(
            kind: str, key: str, said: dict[str, list[str]], state: State = State.REFUSED, digest: str = ""
        ) -> list:
            sources, digests, known = planned
            mark, own = digests[kind, key]
            journal = Journal(tmp_path / "journal" / "staging.sqlite")
            journal.put([Entry(mark, kind, state, digest=digest or own)])
            journal.refuse(mark, 400, said)
            findings.write(sources, journal, known, tmp_path / "findings.csv")
            journal.close()
            return [row for row in read(tmp_path / "findings.csv") if row["rule"] == "API-REFUSED"]

        return told

    @pytest.mark.parametrize(
        ("kind", "key", "field", "line", "attribute", "value"),
        [
            ("customer", "HR3", "email", "4", "customer.email", "genaro.cassano3@example.com"),
            ("customer", "HR3", "metadata.original_old_provider_id", "4", "customer.common_metadata.original_old_provider_id", ""),
            ("customer", "HR3", "password", "4", "customer.password", ""),
            ("customer", "HR3", "something else", "4", "customer.old_provider_id", ""),
            ("address", "HR3 billing", "postal_code", "4", "address.billing_zip", "H3H 1H1"),
            ("address", "HR3 shipping", "state", "4", "address.shipping_state", "QC"),
            ("plan", "P-Y", "entitlements.0", "2", "plan.entitlements", ""),
            ("plan", "P-Y", "product_id", "2", "plan.temporary_product_id", ""),
            ("subscription", "S3", "collection_method", "4", "subscription.collection_method", "send_invoice"),
        ],
    )  # fmt: skip
    def test_a_field_is_told_as_the_attribute_that_it_carries(self, told, kind, key, field, line, attribute, value):
        (row,) = told(kind, key, {field: ["It is not valid."]})
        assert (row["line"], row["attribute"], row["value"]) == (line, attribute, value)

    def test_each_reason_is_a_finding_and_none_runs_as_a_formula(self, told):
        said = {"email": ["=HYPERLINK(1)", "taken"], "phone": ["=2"]}
        rows = told("customer", "HR3", said)
        assert [(row["attribute"], row["message"].partition(" It says: ")[2]) for row in rows] == [
            ("customer.email", "=HYPERLINK(1)"),
            ("customer.email", "taken"),
            ("customer.phone", "=2"),
        ]
        assert not [cell for row in rows for cell in row.values() if cell.startswith("=")]

    def test_a_refusal_without_a_word_is_told_by_its_status(self, told):
        (row,) = told("customer", "HR3", {})
        assert row["message"].endswith("It says: HTTP 400")

    @pytest.mark.parametrize(("state", "digest"), [(State.DONE, ""), (State.REFUSED, "another")])
    def test_what_is_done_or_corrected_since_is_no_refusal_any_more(self, told, state, digest):
        assert told("customer", "HR3", {"email": ["taken"]}, state, digest) == []


def test_a_site_that_quotes_a_password_is_not_quoted():
    said = {"password": ["opensesame2026 is too short"], "email": ["taken"]}
    assert without_password(said, {"password": "opensesame2026"}) == {
        "password": [f"{HIDDEN} is too short"],
        "email": ["taken"],
    }
    assert without_password(said, {}) == said


def test_every_kind_has_an_attribute_that_names_it():
    assert all(kind.identity and kind.object for kind in kinds(Conventions()).values())
