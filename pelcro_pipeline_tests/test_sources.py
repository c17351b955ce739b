"""Each shipped map, from an export in the system's own format to the prepared files.

``exports/<system>/delivered`` is what the system writes, of invented readers; ``exports/<system>/expected`` what becomes of it.
``python -m pelcro_pipeline_tests.test_sources SYSTEM`` writes the latter anew: it is read before it is committed.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from pathlib import Path

import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.review.explanation import explain
from pelcro_pipeline.rules.answers import question_id
from pelcro_pipeline.sources import pages, source_map
from pelcro_pipeline_tests.extract import (
    PRINT,
    PRINT_YEARLY,
    SETTINGS,
    STATUS,
    Delivery,
    Migration,
    migrate,
    read,
    reader,
    refusal,
)

EXPORTS = Path(__file__).parent / "exports"
DOCS = Path(__file__).parents[1] / "docs" / "sources"
SYSTEMS = sorted(each.name for each in EXPORTS.iterdir() if each.is_dir())


def results(migration: Migration) -> dict[str, str]:
    """What is expected of an export, by file: its prepared files, its dispositions, its findings, and what fell."""
    prepared = {
        f"{name}.csv": (migration.paths.prepared / f"{name}.csv").read_text(encoding="utf-8")
        for name in ("customers", "products", "plans")
    }
    told = sorted(
        f"{each['file']}:{each['line'] or ''} {each['object'] or 'file'}, {each['attribute'] or 'all of it'}: "
        f"{each['rule']} {each['severity']} [{each['value'] or ''}]"
        for each in migration.findings
    )
    return prepared | {
        "dispositions.csv": migration.dispositions.to_csv(index=False),
        "findings.txt": "".join(f"{each}\n" for each in told),
        "not_prepared.txt": "".join(f"{each}\n" for each in migration.fallen),
    }


@pytest.fixture(scope="module", params=SYSTEMS)
def migration(request, tmp_path_factory) -> tuple[str, Migration]:
    home = tmp_path_factory.mktemp(request.param)
    return request.param, migrate(EXPORTS / request.param / "delivered", home)


def test_every_shipped_map_has_an_example():
    assert {each.partition("_")[0] for each in SYSTEMS} == {*source_map.shipped()}


def test_an_export_becomes_what_is_expected(migration):
    system, made = migration
    expected = {each.name: each.read_text(encoding="utf-8") for each in (EXPORTS / system / "expected").iterdir()}
    assert results(made) == expected


def test_every_object_received_has_one_disposition(migration):
    _, made = migration
    assert made.broken == []


#: One that folds events, one that drops records, one whose records are an array's, one that looks into another export.
PROVEN = ("paypal-report", "blox", "pigeon", "braintree")


def test_a_second_program_proves_it_from_what_the_map_made(migration):
    system, made = migration
    if system not in PROVEN:
        pytest.skip("one of each kind is proven")
    assert made.nonconforming == []
    assert steps.certify(made.paths).differences == []


#: Piano's log with a status that its map leaves open.
LOG = (
    "Subscription ID,User ID,User email,First name,Last name,Term ID,Term name,Resource ID,Resource name,Start date,End date,"
    "Subscription status,Auto-renew,Billing period,Price,Currency,Next billing date,Total charged\n"
    "RC1,PN1,kei@example.com,Kei,Sato,TM1,Monthly,R1,Online,2024-01-14,,active,true,every month,9.99,USD,2026-12-14,10.00\n"
    "\n"
    "RC2,PN2,ola@example.com,Ola,Hansen,TM1,Monthly,R1,Online,2024-01-14,,paused,true,every month,9.99,USD,2026-12-20,10.00\n"
)
PIANO = SETTINGS + 'source = "piano"\n'


def delivered(text: str = LOG, settings: str = PIANO, **texts: str) -> Delivery:
    return Delivery(products=(), plans=(), settings=settings, texts={"log.csv": text, **texts})


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Migration:
    return migrate(delivered(), tmp_path_factory.mktemp("log"))


class TestWhatWasDelivered:
    def test_findings_name_the_line_and_the_column_of_the_export(self, made):
        (found,) = [each for each in made.findings if each["rule"] == "SRC-STATUS"]
        assert (found["file"], found["line"], found["value"]) == ("log.csv", 4, "paused")
        assert "Delivered as Subscription status." in found["message"]

    def test_the_archive_holds_the_cells_under_the_export_s_headers(self, made):
        (archived,) = [each for each in made.archived("log.csv.records.parquet") if each["object"] == "subscription"]
        assert (archived["line"], archived["Subscription status"], archived["User ID"]) == (4, "paused", "PN2")

    def test_a_column_that_the_map_leaves_out_is_kept_and_not_asked_about(self, made):
        assert [each["Total charged"] for each in made.archived("log.csv.columns.parquet")] == ["10.00", "10.00"]
        assert "FILE-HEADER" not in {each["rule"] for each in made.findings}

    def test_the_profile_says_of_each_delivered_column_what_it_is_read_as(self, made):
        with made.paths.profile.open(encoding="utf-8", newline="") as file:
            profiled = {row["column"]: row["attribute"] for row in csv.DictReader(file)}
        assert list(profiled) == LOG.splitlines()[0].split(",")
        assert profiled["User email"] == "customer.email"
        assert profiled["Total charged"] == ""

    def test_explain_shows_the_delivered_cells_once(self, made):
        made.staged()
        cells = explain(made.paths, "PN2").sources[0].cells
        assert [each.header for each in cells] == [
            header
            for header, cell in zip(LOG.splitlines()[0].split(","), LOG.splitlines()[3].split(","), strict=True)
            if cell
        ]


@pytest.mark.parametrize(
    ("answer", "became"),
    [("active", ["active", "active"]), ("unpaid", ["active", "unpaid"]), ("ended", ["active"]), ("accept", ["active"])],
)
def test_what_a_status_means_is_answered(tmp_path, answer, became):
    question = question_id("SRC-STATUS", source_map.STATUS, "paused")
    answers = f"id,rule,attribute,about,answer\n{question},SRC-STATUS,{source_map.STATUS},paused,{answer}\n"
    made = migrate(delivered(**{"answers.csv": answers}), tmp_path)
    assert [row[STATUS] for row in made.prepared("customers") if row[STATUS]] == became
    assert "SRC-STATUS" not in {each["rule"] for each in made.findings}


def test_a_map_beside_the_extract_says_what_the_shipped_one_does_not(tmp_path):
    shipped = source_map.shipped()["piano"].read_text(encoding="utf-8")
    own = shipped.replace('active = "active"', 'active = "active"\npaused = "active"', 1)
    made = migrate(delivered(settings=SETTINGS, **{source_map.FILE_NAME: own}), tmp_path)
    assert [row[STATUS] for row in made.prepared("customers")] == ["active", "active"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Auto-renew", "Auto renewal", "it lacks Auto-renew (the nearest is Auto renewal)"),
        ("Total charged", "Total charge", "Total charge is unknown (the nearest is Total charged)"),
    ],
)
def test_a_header_that_has_drifted_stops_the_run(tmp_path, old, new, said):
    assert said in refusal(delivered(LOG.replace(old, new, 1)), tmp_path)


def test_amounts_in_units_do_not_go_with_a_map_that_makes_cents(tmp_path):
    assert "does not go with the map of Piano" in refusal(delivered(settings=PIANO + 'amounts = "units"\n'), tmp_path)


def test_what_is_delivered_under_the_templates_headers_is_read_as_ever_whatever_system_is_named(tmp_path):
    made = migrate(Delivery([reader(1)], settings=PIANO), tmp_path)
    plans = [PRINT_YEARLY | {"plan.amount": "99.00"}]
    assert [row["plan.amount"] for row in made.prepared("plans")] == ["9900", "700", "49900"]
    asked = migrate(Delivery([reader(1)], plans=plans, products=[PRINT], settings=PIANO), tmp_path, "units")
    assert "PLN-AMOUNT-UNIT" in {each["rule"] for each in asked.findings}


def test_plans_under_the_templates_headers_go_beside_an_export(tmp_path):
    """A publisher that writes one file by hand, and drops the export beside it."""
    renamed = PRINT_YEARLY | {"plan.old_id": "BY-HAND"}
    given = Delivery(products=[PRINT], plans=[renamed], settings=PIANO, texts={"log.csv": LOG})
    made = migrate(given, tmp_path)
    assert [row["plan.old_id"] for row in made.prepared("plans")] == ["TM1/every month/9.99/usd", "BY-HAND"]
    assert made.broken == []


def test_what_is_no_json_is_refused_in_a_sentence(tmp_path):
    given = Delivery(products=(), plans=(), settings=PIANO, texts={"list.json": '[{"subscription_id": '})
    assert "list.json is not JSON" in refusal(given, tmp_path)


def test_json_without_what_the_map_rests_on_names_it(tmp_path):
    given = Delivery(products=(), plans=(), settings=PIANO, texts={"list.json": '[{"subscription_id": "RC1"}]'})
    assert "no record of it has status, auto_renew, user.uid" in refusal(given, tmp_path)


#: Two subscriptions of Piano's interface, one with what its map does not know: a field renamed, an object, and more of an array.
BILLED = [
    {"period": "month", "priceValue": 1.0},
    {"period": "month", "priceValue": 9.99, "currency": "USD", "billingPeriod": "every month"},
]
ANSWERED = {
    "subscription_id": "RC1", "status": "active", "auto_renew": True, "next_bill_date": 1797253200, "start_date": 1705208400,
    "user": {"uid": "PN1", "email": "kei@example.com", "first_name": "Kei", "last_name": "Sato"},
    "term": {"term_id": "TM1", "name": "Monthly", "payment_billing_plan_table": BILLED}, "resource": {"rid": "R1", "name": "Online"},
}  # fmt: skip
GIFTED = ANSWERED | {
    "subscription_id": "RC2",
    "user": {"uid": "PN2", "email": "ola@example.com", "firstname": "Ola", "badge": {"colour": "gold"}},
    "coupon": {"code": "SPRING", "discount": 10},
}


@pytest.fixture(scope="module")
def answered(tmp_path_factory) -> Migration:
    texts = {"list.json": json.dumps([ANSWERED, GIFTED])}
    given = Delivery(products=(), plans=(), settings=PIANO, texts=texts)
    return migrate(given, tmp_path_factory.mktemp("answered"))


class TestFieldsOfJsonThatNoMapKnows:
    def test_each_is_asked_about_once_and_an_object_as_a_whole(self, answered):
        told = [each["attribute"] for each in answered.findings if each["rule"] == "SRC-FIELD"]
        assert sorted(told) == ["coupon", "user.badge", "user.firstname"]

    def test_one_that_is_nearly_known_is_told_with_the_nearest(self, answered, tmp_path):
        records = [each | {"user": each["user"] | {"firstname": "Kei"}} for each in (ANSWERED, GIFTED)]
        for each in records:
            each["user"].pop("first_name", None)
        given = Delivery(products=(), plans=(), settings=PIANO, texts={"list.json": json.dumps(records)})
        (told,) = [
            each for file in read(given, tmp_path).files for each in file.told if each.attribute == "user.firstname"
        ]
        assert told.detail == "It is kept in the archive (the nearest is user.first_name)."

    def test_nothing_of_them_is_lost(self, answered):
        kei, ola = answered.archived("list.json.columns.parquet")
        assert json.loads(ola["coupon"]) == GIFTED["coupon"]
        assert (kei["coupon"], ola["user.firstname"]) == (None, "Ola")
        assert json.loads(kei["term.payment_billing_plan_table"]) == BILLED

    def test_they_change_nothing_of_what_is_migrated(self, answered):
        assert [row["customer.email"] for row in answered.prepared("customers")] == [
            "kei@example.com",
            "ola@example.com",
        ]
        assert answered.broken == []


@pytest.mark.parametrize("system", source_map.shipped())
def test_its_page_is_rendered_from_the_map(system):
    page = pages.page(source_map.load(source_map.shipped()[system]))
    assert (DOCS / f"{system}.md").read_text(encoding="utf-8") == page, pages.COMMAND


def write_expected(system: str) -> None:
    """Write what becomes of a system's example."""
    folder = EXPORTS / system / "expected"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        for name, text in results(migrate(EXPORTS / system / "delivered", Path(home))).items():
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        write_expected(each)
