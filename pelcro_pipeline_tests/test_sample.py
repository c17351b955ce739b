"""The review sample: what it covers, what it shows, what it proves, and what a reviewer hands back."""

from __future__ import annotations

import csv
import re
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from pelcro_pipeline import steps
from pelcro_pipeline.delivery.manifest import is_current
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.reporting import workbook
from pelcro_pipeline.reporting.workbook import Column, Sheet
from pelcro_pipeline.review import sample as review_sample
from pelcro_pipeline.review import scenarios
from pelcro_pipeline.review.sample import Review, Sample
from pelcro_pipeline.review.scenarios import Customer, Population, Scenario
from pelcro_pipeline.spec import CUSTOMER_ID
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import (
    DONOR,
    IMPORT_ONLY,
    OLD_ID,
    PLAN_ID,
    RECIPIENT,
    STATUS,
    Delivery,
    Migration,
    Row,
    crew,
    customer,
    gift,
    migrate,
    reader,
    unaddressed,
)

BUNDLED = Path(__file__).parents[1] / "data" / "extracts" / "harbour-review-2026-10-01"


def drawn(migration: Migration) -> Sample:
    """The sample of an extract, once staging is loaded."""
    for step in (steps.forecast, steps.stage):
        with steps.opened(migration.paths) as extract:
            step(extract)
    with steps.opened(migration.paths) as extract:
        return steps.sample(extract)


@pytest.fixture(scope="module")
def bundled(tmp_path_factory) -> Migration:
    return migrate(BUNDLED, tmp_path_factory.mktemp("bundled"))


@pytest.fixture(scope="module")
def sample(bundled) -> Sample:
    return drawn(bundled)


@pytest.fixture(scope="module")
def records(bundled, sample) -> dict[str, list[Row]]:
    """The prepared records of each sampled customer, each with its plan's cells."""
    plans = {plan["plan.old_id"]: plan for plan in bundled.prepared("plans")}
    found: dict[str, list[Row]] = {each.id: [] for each in sample.customers}
    for row in bundled.prepared("customers"):
        if row[CUSTOMER_ID] in found:
            found[row[CUSTOMER_ID]].append(row | plans.get(row[PLAN_ID], {}))
    return found


def holds(attribute: str, value: str) -> Callable[[list[Row]], bool]:
    return lambda rows: any(row.get(attribute) == value for row in rows)


#: What the bundled publisher has of everything that a review must see, told from the prepared files alone.
SHOWN: dict[str, Callable[[list[Row]], bool]] = {
    "a gift donor": holds(DONOR, "1"),
    "a gift recipient": holds(RECIPIENT, "1"),
    "a membership's admin": holds("subscription.type", "admin"),
    "a membership's member": holds("subscription.type", "member"),
    "an unpaid subscription": holds(STATUS, "unpaid"),
    "one charged automatically": holds("subscription.collection_method", "charge_automatically"),
    "one billed by invoice": holds("subscription.collection_method", "send_invoice"),
    "one that renews": holds("subscription.cancel_at_period_end", "0"),
    "one cancelled at period end": holds("subscription.cancel_at_period_end", "1"),
    "several subscriptions": lambda rows: len(rows) > 1,
    "several addresses": lambda rows: any(r["address.billing_line1"] and r["address.shipping_line1"] for r in rows),
    "shipped": lambda rows: any(int(row.get("plan.shipments_per_interval") or 0) > 0 for row in rows),
    "digital": holds("plan.shipments_per_interval", "0"),
    "a customer alone": holds(IMPORT_ONLY, "1"),
    "no email": holds("customer.email", ""),
    **{f"paid in {currency}": holds("plan.currency", currency) for currency in ("cad", "eur", "gbp", "usd")},
}


@pytest.mark.parametrize("shown", SHOWN)
def test_the_sample_of_the_bundled_publisher_shows(shown, records):
    assert any(SHOWN[shown](rows) for rows in records.values())


def test_all_that_is_there_is_covered_and_nearly_every_pair(sample):
    assert sample.scenarios_covered == len(sample.population.scenarios)
    assert len(sample.customers) == 30
    assert sample.pairs_present - 10 < sample.pairs_covered < sample.pairs_present
    assert (sample.coverage["In the sample"] > 0).all()


def test_a_larger_sample_covers_every_pair(sample):
    larger = scenarios.cover(sample.population, 50)
    assert larger.pairs == larger.pairs_present


def test_the_least_and_the_greatest_price_of_each_currency_are_shown(bundled, records):
    plans = {
        plan["plan.old_id"]: (plan["plan.currency"], int(plan["plan.amount"])) for plan in bundled.prepared("plans")
    }
    sold = {plans[row[PLAN_ID]] for row in bundled.prepared("customers") if row[PLAN_ID]}
    shown = {plans[row[PLAN_ID]] for rows in records.values() for row in rows if row[PLAN_ID]}
    for currency in {currency for currency, _ in sold}:
        amounts = [amount for of, amount in sold if of == currency]
        assert {(currency, min(amounts)), (currency, max(amounts))} <= shown


def test_each_rule_that_changed_a_value_that_stands_is_shown(bundled, sample):
    stands = {
        (each["file"], each["line"], each["object"]) for each in bundled.ledger if each["disposition"] == "prepared"
    }
    changing = {
        each["rule"]
        for each in bundled.findings
        if each["severity"] in ("repair", "clear")
        and each["object"] not in ("product", "plan")
        and (each["file"], each["line"], each["object"]) in stands
    }
    told = {cell.rule for each in sample.customers for cell in each.cells}
    assert len(changing) > 15
    assert {rule for rule in changing if not any(rule in rules for rules in told)} == set()
    assert changing <= {name for each in sample.customers for name in each.scenarios}


def test_every_prepared_cell_of_a_sampled_customer_stands_beside_what_was_delivered_and_staged(sample, records):
    for each in sample.customers:
        shown = {(cell.attribute, cell.prepared) for cell in each.cells}
        filled = {
            (name, value)
            for row in records[each.id]
            for name, value in row.items()
            if value and not name.startswith(("plan.", "product.", "customer.password"))
        }
        assert filled - shown == set()
        assert [cell for cell in each.cells if cell.prepared != cell.staged] == []


def test_what_was_delivered_is_that_of_the_same_subscription(sample):
    ids = [cell for each in sample.customers for cell in each.cells if cell.attribute == OLD_ID and cell.record]
    assert len(ids) > 30
    assert [cell for cell in ids if cell.delivered != cell.prepared] == []


def test_what_differs_is_explained(sample):
    unexplained = [cell for each in sample.customers for cell in each.differing if not cell.why]
    assert unexplained == []


def test_it_says_what_it_proves(bundled, sample):
    said = re.fullmatch(
        r"By machine .* ([\d,]+) cells in ([\d,]+) rows of 5 tables, all equal.*", sample.proven_by_machine
    )
    assert int(said[1].replace(",", "")) > 100_000
    assert "all 30 customers" in sample.proven_by_review
    assert "9.5 % of the 2,000 customers" in sample.proven_by_review


@pytest.mark.parametrize(
    ("sample", "population", "rate"),
    [
        (30, 1_000_000, 0.0950),
        (20, 2_000, 0.1391),
        (50, 100_000, 0.0582),
        (1, 1_000, 0.95),
        # Of 60 without a defect among 30, five would have been missed with 2.6 % chance, four with 5.6 %.
        (30, 60, 4 / 60),
        (30, 30, 0),
        (0, 0, 1),
    ],
)
def test_a_sample_without_a_defect_bounds_the_rate_of_defects(sample, population, rate):
    assert review_sample.highest_rate(sample, population) == pytest.approx(rate, abs=0.00005)


def test_a_choice_takes_what_is_new_then_new_pairs_then_the_order_of_chance():
    named = tuple(Scenario(name, "customers", paired=name != "rule") for name in ("gift", "unpaid", "shipped", "rule"))
    gift_, unpaid, shipped, rule = (1 << bit for bit, _ in enumerate(named))
    found = {"a": gift_, "b": gift_ | unpaid, "c": shipped | unpaid, "d": rule, "e": gift_ | shipped}
    population = Population(9, named, (1,) * 4, tuple(Customer(*each) for each in found.items()))
    cover = scenarios.cover(population, 5)
    assert "".join(each.customer.id for each in cover.chosen) == "bcdea"
    assert [population.names(each.new) for each in cover.chosen] == [["gift", "unpaid"], ["shipped"], ["rule"], [], []]
    assert (cover.pairs.bit_count(), cover.pairs == cover.pairs_present) == (3, True)


def files_of(paths: ExtractPaths) -> list[Path]:
    return [paths.reports / f"sample.{kind}" for kind in ("csv", "html", "xlsx")]


def test_its_files_are_their_owner_s_alone(bundled, sample):
    assert {stat.S_IMODE(path.stat().st_mode) for path in (*files_of(bundled.paths), bundled.paths.sample)} == {0o600}


def test_no_password_is_in_any_of_its_files(bundled, sample):
    with (BUNDLED / "customers.csv").open(encoding="utf-8-sig", newline="") as file:
        own = {each.id for each in sample.customers}
        hashes = {row["customer.password"] for row in csv.DictReader(file) if row[CUSTOMER_ID] in own} - {""}
    assert hashes
    for path in (*files_of(bundled.paths), bundled.paths.sample):
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as book:
                text = "".join(book.read(name).decode() for name in book.namelist())
        else:
            text = path.read_text(encoding="utf-8")
        assert [each for each in hashes if each in text] == []
        assert ("***" in text) is (path.suffix != ".json")


def test_the_page_has_a_section_for_each_customer_and_asks_nothing_of_the_network(bundled, sample):
    page = (bundled.paths.reports / "sample.html").read_text(encoding="utf-8")
    headed = re.findall(r'<section aria-labelledby="(c\d+)">\s*<h2 id="\1">', page)
    assert headed == [f"c{number}" for number in range(1, 31)]
    assert re.findall(r"<script|<link|<img|src=|url\(|https?://(?!\S*example)", page) == []
    assert len(page) < 400_000
    assert page.count("<th scope") > 1_000


#: All that a reader can be, in few records.
READERS = [
    *gift(1, 2),
    *crew("admin", "member", "member", first=3),
    *(reader(number) for number in range(6, 16)),
    *(unaddressed(number, {"subscription.collection_method": "send_invoice"}) for number in range(16, 24)),
    reader(24, {STATUS: "unpaid", "customer.email": "", "customer.phone": "call me"}),
    reader(25, {"subscription.quantity": "", "customer.phone": "call me"}),
    reader(25, {OLD_ID: "S99", PLAN_ID: "O-M", "subscription.shipments_remaining": ""}),
    customer(26),
]


def test_a_delivery_in_another_order_has_the_same_sample(tmp_path):
    shuffled = sorted(READERS, key=lambda row: (hash_of(row[CUSTOMER_ID]), row.get(OLD_ID, "")))
    samples = [
        drawn(
            migrate(
                Delivery(rows, settings="migration_date = 2026-11-01\ntaxes = false\nsample_size = 20\n"),
                tmp_path,
                name,
            )
        )
        for name, rows in (("as-it-is", READERS), ("shuffled", shuffled))
    ]
    chosen = [[(each.id, each.state, each.scenarios) for each in sample.customers] for sample in samples]
    assert shuffled != READERS
    assert len(chosen[0]) == 20
    assert chosen[0] == chosen[1]


def hash_of(identifier: str) -> int:
    """An order that is neither the delivery's nor the sample's."""
    return int(identifier.removeprefix("HR")) * 7 % 31


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Migration:
    return migrate(Delivery([*READERS, reader(27, {CUSTOMER_ID: "=HR27"})]), tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def whole(small) -> Sample:
    return drawn(small)


def test_of_fewer_customers_than_its_size_all_are_in_it(whole):
    assert len(whole.customers) == 27
    assert whole.proven_by_review == "The sample is all 27 customers: where each is right, all are."


def test_what_a_rule_changed_is_shown_with_the_rule(whole):
    found = {each.id: each for each in whole.customers}
    ruled = {
        (id_, cell.attribute): (cell.delivered, cell.prepared, cell.rule)
        for id_, each in found.items()
        for cell in each.cells
        if cell.rule
    }
    assert ruled["HR24", "customer.phone"] == ("call me", "", "CUS-PHONE-INVALID")
    assert ruled["HR25", "subscription.quantity"] == ("", "1", "SUB-QUANTITY")
    # The first of its records is cleared, and the second fills it.
    assert ruled["HR25", "customer.phone"] == ("call me", "+15141234567", "CUS-PHONE-INVALID, CUS-FILLED")
    assert "customer.phone (CUS-PHONE-INVALID)" in found["HR24"].to_look_at
    assert {"Several subscriptions", "Shipped", "Digital", "CUS-FILLED"} <= set(found["HR25"].scenarios)


def test_what_a_spreadsheet_would_run_is_text(small, whole):
    rows = list(csv.DictReader((small.paths.reports / "sample.csv").read_text(encoding="utf-8").splitlines()))
    assert "'=HR27" in {row["customer"] for row in rows}
    assert [row for row in rows if any(cell.startswith("=") for cell in row.values())] == []


@pytest.fixture
def handed_back(small, whole):
    """Writes a review into the extract's folder; nothing stays of it."""

    def write(name: str, content: list[list[str]] | str) -> Review:
        path = small.paths.delivered / name
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            heading, *rows = content
            workbook.write(path, [Sheet("Customers", [Column(each) for each in heading], rows)])
        return steps.reviewed(small.paths)

    yield write
    for name in ("sample.xlsx", "sample_review.csv"):
        (small.paths.delivered / name).unlink(missing_ok=True)


def filled(paths: ExtractPaths, verdicts: dict[str, tuple[str, str]]) -> list[list[str]]:
    """The workbook's first sheet, a verdict and a remark given of some customers."""
    book = CalamineWorkbook.from_path(str(paths.reports / "sample.xlsx"))
    heading, *rows = book.get_sheet_by_name("Customers").to_python()
    assert heading == ["Number", "Customer", "Scenarios", "What to look at", "Verdict", "Remark", "State"]
    return [
        heading,
        *([str(number), id_, *_, *verdicts.get(id_, ("", "")), state] for number, id_, *_, _v, _r, state in rows),
    ]


def test_no_review_is_none(small, whole):
    assert steps.reviewed(small.paths) is None


def test_a_workbook_that_was_ticked_off_is_read_back(small, whole, handed_back):
    verdicts = {each.id: ("Right", "") for each in whole.customers} | {"HR25": ("not right", "Two copies, not one.")}
    review = handed_back("sample.xlsx", filled(small.paths, verdicts))
    assert (review.ticked, review.customers, review.stale, review.is_complete) == (27, 27, "", True)
    assert review_sample.open_questions(review) == [("HR25", "Two copies, not one.")]


def test_who_has_no_verdict_yet_is_not_ticked(small, whole, handed_back):
    review = handed_back("sample.xlsx", filled(small.paths, {"HR1": ("right", ""), "HR2": ("right", "")}))
    assert (review.ticked, review.is_complete, review.stale) == (2, False, "")


def test_a_list_of_verdicts_is_a_review_too(whole, handed_back):
    lines = [f"{each.id};right;" for each in whole.customers if each.id != "=HR27"]
    review = handed_back("sample_review.csv", "\n".join(["customer;verdict;remark", *lines, "'=HR27;not right;Who?"]))
    assert (review.ticked, review.not_right, review.stale) == (27, (("=HR27", "Who?"),), "")


def test_a_review_changes_nothing_of_the_delivery(small, whole, handed_back):
    assert is_current(small.paths.manifest, small.paths.delivered)
    handed_back("sample.xlsx", filled(small.paths, {}))
    assert is_current(small.paths.manifest, small.paths.delivered)
    manifest = steps.read(small.paths)
    assert [file.name for file in manifest.files] == ["customers.csv", "plans.csv", "products.csv"]


def without(rows: list[list[str]]) -> None:
    del rows[[row[1] for row in rows].index("HR7")]


def of_other_values(rows: list[list[str]]) -> None:
    rows[[row[1] for row in rows].index("HR7")][-1] = "0123456789ab"


def of_another(rows: list[list[str]]) -> None:
    rows.append(["28", "HR900", "", "", "right", "", "0123456789ab"])


@pytest.mark.parametrize(
    ("change", "said", "ticked"),
    [(without, "HR7 is new in it", 26), (of_other_values, "HR7 is of other values now", 26), (of_another, "HR900 is not in it any more", 27)],
)  # fmt: skip
def test_a_review_of_another_sample_is_stale(change, said, ticked, small, whole, handed_back):
    rows = filled(small.paths, {each.id: ("right", "") for each in whole.customers})
    change(rows)
    review = handed_back("sample.xlsx", rows)
    assert review.stale == f"sample.xlsx is of another sample than the one that stands: {said}."
    assert review.ticked == ticked


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("customer,verdict,remark\nHR900,right,\n", r"row 2 names the customer HR900, who is none of harbour-review"),
        ("customer,verdict,remark\nHR1,perhaps,\n", r"row 2 says 'perhaps' of HR1: write right or not right"),
        ("customer,verdict,remark\n,right,\n", r"row 2 names no customer"),
        ("customer,verdict,remark\nHR1,right,\nHR1,not right,\n", r"HR1 in row 2 and in row 3: leave one"),
        ("customer,remark\nHR1,right\n", r"no column verdict"),
        ("", r"no column customer"),
        ([["customer.old_provider_id", "customer.email"], ["HR1", "a@example.com"]], r"no review of the sample"),
    ],
)
def test_what_cannot_be_read_as_a_review_is_told_in_a_sentence(content, sentence, handed_back):
    with pytest.raises(UnusableInputError, match=sentence):
        handed_back("sample_review.csv" if isinstance(content, str) else "sample.xlsx", content)


def test_two_reviews_are_one_too_many(small, whole, handed_back):
    handed_back("sample.xlsx", filled(small.paths, {}))
    with pytest.raises(UnusableInputError, match="leave the one that counts"):
        handed_back("sample_review.csv", "customer,verdict,remark\n")


def test_an_id_of_the_extract_that_is_not_in_the_sample_makes_a_list_stale(bundled, sample):
    own = {each.id for each in sample.customers}
    other = next(row[CUSTOMER_ID] for row in bundled.prepared("customers") if row[CUSTOMER_ID] not in own)
    path = bundled.paths.delivered / "sample_review.csv"
    path.write_text(f"customer,verdict,remark\n{other},right,\n", encoding="utf-8")
    try:
        review = steps.reviewed(bundled.paths)
    finally:
        path.unlink()
    assert review.ticked == 0
    assert f"{other} is not in it any more; " in review.stale
    assert "and 27 more are new in it" in review.stale
