"""The going-live list: what data can tell is computed, and nobody's tick overrules it."""

from __future__ import annotations

import csv

import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.review import going_live, sign_off
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests import pages
from pelcro_pipeline_tests.extract import SETTINGS, STATUS, Delivery, customer, migrate, reader, write_csv

READERS = [reader(1), reader(2, {STATUS: "unpaid"}), customer(3), customer(4, {"customer.email": ""})]
TOTALS = SETTINGS + "old_customers = 4\nold_active_subscriptions = 3\n"


@pytest.fixture(scope="module")
def staged(tmp_path_factory) -> ExtractPaths:
    migration = migrate(Delivery(READERS, settings=TOTALS), tmp_path_factory.mktemp("home"))
    migration.staged()
    return migration.paths


@pytest.fixture
def paths(staged) -> ExtractPaths:
    """The extract after its dry run, with nothing of what another test put beside it."""
    for each in (staged.sign_off, staged.certificate, staged.delivered / "going_live.csv"):
        each.unlink(missing_ok=True)
    return staged


def listed(paths: ExtractPaths) -> dict[str, tuple[str, str]]:
    return {each.item.id: (each.state.value, each.evidence) for each in steps.going_live(paths)}


def test_what_data_can_tell_is_computed_with_its_evidence(paths):
    told = listed(paths)
    assert told["data-customers"] == ("done", "4 here, 4 in the old system.")
    assert told["data-subscriptions"] == ("failed", "2 here, 3 in the old system.")
    assert told["data-invoices"] == (
        "done",
        "1 of 1 unpaid subscriptions stand, 1 of them with an open invoice: 99.00 CAD.",
    )
    assert told["data-questions"] == ("done", "Nothing is open.")
    assert told["data-signed"][0] == told["load-production"][0] == told["data-certificate"][0] == "open"
    assert told["flows-freeze"] == ("open", "")


def test_it_follows_the_sign_off_and_the_certificate(paths):
    steps.certify(paths)
    sign_off.sign(paths, "Jane Doe", "Publisher")
    told = listed(paths)
    assert told["data-certificate"] == ("done", "The certificate holds.")
    assert told["data-signed"][1].startswith("Signed by Jane Doe (Publisher) on 20")


def test_a_certificate_is_of_the_files_that_stand(paths):
    steps.certify(paths)
    with steps.opened(paths) as extract:
        steps.prepare(extract)
    assert listed(paths)["data-certificate"][0] == "open"


def test_who_needs_a_new_password_is_listed(paths):
    assert listed(paths)["data-passwords"][1].startswith("4 of 4 customers have no migrated password")
    rows = list(csv.reader(paths.password_resets.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["customer.old_provider_id", "customer.email", "reason"]
    assert [(row[0], row[2]) for row in rows[1:]] == [(f"HR{each}", "no password delivered") for each in (1, 2, 3)]


def test_an_owner_ticks_off_what_only_a_person_can_tell(paths):
    rows = [
        {"item": "flows-freeze", "owner": "Ann Lee", "date": "2026-11-30", "done": "yes", "note": "From noon on."},
        # What the data shows is not ticked away.
        {"item": "data-subscriptions", "owner": "Bob Ng", "date": "", "done": "yes", "note": ""},
    ]
    write_csv(paths.delivered / "going_live.csv", list(rows[0]), rows)
    lines = {each.item.id: each for each in steps.going_live(paths)}
    freeze = lines["flows-freeze"]
    assert (freeze.state.value, freeze.owner, freeze.date, freeze.evidence) == (
        "done", "Ann Lee", "2026-11-30", "From noon on.",
    )  # fmt: skip
    assert lines["data-subscriptions"].state.value == "failed"


def test_ticking_off_voids_no_sign_off(paths):
    sign_off.sign(paths, "Jane Doe", "Publisher")
    write_csv(paths.delivered / "going_live.csv", ["item", "done"], [{"item": "flows-freeze", "done": "yes"}])
    assert sign_off.verified(paths).signed_by == "Jane Doe"


@pytest.mark.parametrize(
    ("tick", "told"),
    [
        ({"item": "flows-frost"}, "line 2: 'flows-frost' is no item"),
        ({"item": "flows-freeze", "done": "perhaps"}, "line 2: done is 'perhaps': write yes or no"),
        ({"item": "flows-freeze", "date": "soon"}, "line 2: 'soon' is no day"),
    ],
)
def test_a_tick_that_cannot_be_used_is_one_sentence(paths, tick, told):
    write_csv(paths.delivered / "going_live.csv", ["item", "owner", "date", "done", "note"], [tick])
    with pytest.raises(UnusableInputError, match=told):
        steps.going_live(paths)


def test_there_is_no_list_before_a_dry_run(tmp_path):
    with pytest.raises(RefusedError, match=r"has made no statistics\.csv yet"):
        going_live.lines(ExtractPaths(tmp_path, "harbour-review"))


def test_the_page_and_the_file_say_the_same(paths):
    lines = steps.going_live(paths)
    page = paths.going_live.with_suffix(".html").read_text(encoding="utf-8")
    shown = [row for table in pages.tables(page).values() for row in table[1:]]
    assert [(row[0].split("\n")[0], row[1], row[2]) for row in shown] == [
        (each.item.words, each.state.value, each.evidence) for each in lines
    ]
    rows = list(csv.DictReader(paths.going_live.read_text(encoding="utf-8").splitlines()))
    assert [(row["Item"], row["State"]) for row in rows] == [(each.item.id, each.state.value) for each in lines]
