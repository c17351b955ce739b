"""The analysis report: its figures are those of the files, and anybody can read it anywhere."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.review import statistics_report
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline_tests import pages
from pelcro_pipeline_tests.extract import PLAN_ID, Delivery, Migration, migrate, reader

PUBLISHER = "harbour-review-2026-10-01"
BUNDLED = Path(__file__).parents[1] / "data" / "extracts" / PUBLISHER
TITLES = {
    "Customers": "customer",
    "Billing addresses": "billing_address",
    "Shipping addresses": "shipping_address",
    "Subscriptions": "subscription",
    "Products": "product",
    "Plans": "plan",
}


def reported(migration: Migration) -> Migration:
    statistics_report.write(migration.staged(), migration.paths)
    for step in (steps.report, steps.sample):
        with steps.opened(migration.paths) as extract:
            step(extract)
    steps.going_live(migration.paths)
    return migration


@pytest.fixture(scope="module")
def publisher(tmp_path_factory) -> Migration:
    return reported(migrate(BUNDLED, tmp_path_factory.mktemp("home"), PUBLISHER))


@pytest.fixture(scope="module")
def page(publisher) -> str:
    return publisher.paths.analysis_report.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shown(page) -> dict[str, list[list[str]]]:
    return pages.tables(page)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_the_fates_are_those_of_the_ledger(publisher, shown):
    counted = Counter((row["object"], row["disposition"]) for row in rows(publisher.paths.reports / "ledger.csv"))
    heading, *told = shown["Objects received, by what became of them"]
    assert heading == ["Object", "received", "prepared", "merged", "rejected", "excluded"]
    for title, received, *cells in told:
        expected = [counted[TITLES[title], disposition] for disposition in heading[2:]]
        assert [number(cell) for cell in cells] == expected
        assert number(received) == sum(expected)


def test_every_rule_met_is_there_with_its_counts_and_its_rows(publisher, page):
    found = rows(publisher.paths.reports / "findings.csv")
    counted = Counter((row["rule"], row["severity"]) for row in found)
    for (rule, severity), count in counted.items():
        section = page.split(f'<h3 id="{rule}">')[1].split("<h3")[0]
        assert f"{severity} {count:,}" in section
        assert rows(publisher.paths.rows_by_rule / f"{rule}.csv") == [row for row in found if row["rule"] == rule]
    assert {path.stem for path in publisher.paths.rows_by_rule.iterdir()} == {rule for rule, _ in counted}


def test_the_lost_subscriptions_are_those_that_the_ledger_rejects(publisher, shown):
    counted = Counter(
        row["rule"] if row["rule"] != "REL-CLOSURE" else row["detail"].split(" on ")[0]
        for row in rows(publisher.paths.reports / "ledger.csv")
        if (row["object"], row["disposition"]) == ("subscription", "rejected")
    )
    told = {rule: number(count) for rule, _, _, count, _ in shown["Subscriptions that stay behind"][1:]}
    assert told == counted


def test_what_a_bad_plan_cost_is_named_first_by_its_money(shown):
    # Seven memberships of 499 dollars weigh more than fourteen cheaper subscriptions.
    assert shown["Subscriptions that stay behind"][1][0] == "REL-MEMBERSHIP-ADMIN"


def test_the_questions_are_those_of_the_file(publisher, shown):
    asked = rows(publisher.paths.questions)
    told = [
        (question, number(count), number(subscriptions), cost.replace("\n", "; "))
        for question, count, subscriptions, cost, _ in shown["Open questions, dearest first"][1:]
    ]
    assert told == [
        (f"{row['question']}\n{row['id']}", int(row["count"]), int(row["subscriptions"]), row["money"])
        for row in asked[: len(told)]
    ]
    assert f"dearest of {len(asked)}" in publisher.paths.analysis_report.read_text(encoding="utf-8")


def test_the_scope_sheet_is_that_of_the_file(publisher, shown):
    told = shown["The questions of the kick-off, answered from what is staged"]
    assert [[cell.replace(",", "") for cell in row] for row in told[1:]] == [
        [cell.replace(",", "") for cell in row.values()] for row in rows(publisher.paths.scope)
    ]


@pytest.mark.parametrize(
    ("question", "value", "count"),
    [
        ("1.", "Customers", 2000),
        ("4.", "On auto-renew", 1731),
        ("5.", "Set to cancel at period end", 238),
        ("6.", "Gift recipients", 39),
        ("7.", "Membership admins, one a group", 20),
        ("9.", "Unpaid subscriptions, charged or invoiced on the day", 101),
    ],
)
def test_the_scope_sheet_counts_what_is_prepared(publisher, question, value, count):
    told = {(row["Question"][:2], row["Value"]): row["Count"] for row in rows(publisher.paths.scope)}
    assert told[question, value] == str(count)


def test_each_month_plan_and_country_adds_up_to_all_subscriptions(publisher, shown):
    subscriptions = sum(1 for row in publisher.prepared("customers") if row[PLAN_ID])
    for by in ("the month in which their period ends", "plan", "country"):
        table = shown[f"Subscriptions by {by}"]
        assert sum(number(row[1]) for row in table[1:]) == subscriptions


def test_the_verdict_says_what_production_waits_for(publisher, page):
    sentence = publisher.paths.verdict.read_text(encoding="utf-8")
    assert sentence.startswith("It stands in staging; production waits for 30 questions")
    assert sentence in page


def test_the_certificate_s_verdict_stands_beside_it(publisher, page):
    assert "Not certified yet" in page
    steps.certify(publisher.paths)
    with steps.opened(publisher.paths) as extract:
        steps.report(extract)
    assert "Certified: a second program finds no difference" in publisher.paths.analysis_report.read_text(
        encoding="utf-8"
    )


def test_nothing_is_lost_or_open_where_all_is_well(tmp_path):
    migration = reported(migrate(Delivery([reader(1)]), tmp_path))
    sentence = migration.paths.verdict.read_text(encoding="utf-8")
    assert sentence.startswith("Ready for review")
    assert "No subscription stays behind" in migration.paths.analysis_report.read_text(encoding="utf-8")


def test_delivered_text_is_no_markup_and_no_password_is_shown(tmp_path):
    hostile = {"customer.first_name": "<script>alert(1)</script>", "customer.phone": "<b>none</b>"}
    secret = {"customer.password": "correct horse battery", "customer.common_metadata.password_encryption": "rot13"}
    migration = reported(migrate(Delivery([reader(1, hostile), reader(2, secret)]), tmp_path))
    text = migration.paths.analysis_report.read_text(encoding="utf-8")
    assert "&lt;b&gt;none&lt;/b&gt;" in text
    assert "<script" not in text
    assert "correct horse" not in text


def test_it_needs_no_network_and_is_small(page):
    assert len(page.encode()) < 2_000_000
    assert re.findall(r'(?:src|href)="(?!#)([^"]*)"', page)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert all(rule in RULES for rule in re.findall(r'<h3 id="([^"]+)"', page))


@pytest.mark.skipif(pages.CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["analysis", "sample", "statistics", "going_live"])
def test_anybody_can_read_it(publisher, name, width):
    with pages.opened(publisher.paths.reports / f"{name}.html", width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert pages.violations(page) == []
