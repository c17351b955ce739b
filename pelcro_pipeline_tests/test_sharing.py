"""The bundle that is given away: nobody is named in it, and all that is not about anybody is as it was."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.review import pseudonyms
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline.workspace.purge import purge
from pelcro_pipeline_tests.extract import (
    DONOR_ID,
    OLD_ID,
    PRINT_YEARLY,
    RECIPIENT,
    Delivery,
    Row,
    migrate,
    reader,
)

BUNDLED = Path(__file__).parents[1] / "data" / "extracts" / "harbour-review-2026-10-01"
HASH = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
#: What names a reader, by the last part of a column.
NAMES = ("first_name", "last_name", "display_name", "company")
#: Delivered text may stand in these cells of a report.
TELLING = ("key", "value", "result", "related", "detail")


def share(paths: ExtractPaths) -> dict[str, str]:
    """The files of the bundle as they are packed, by name."""
    with steps.opened(paths) as extract:
        bundle = steps.share(extract)
    with zipfile.ZipFile(bundle.path) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def rows(text: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(text)))


def report(paths: ExtractPaths, name: str) -> list[Row]:
    return rows((paths.reports / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def publisher(tmp_path_factory) -> ExtractPaths:
    """The bundled publisher, migrated to staging."""
    migration = migrate(BUNDLED, tmp_path_factory.mktemp("home"), BUNDLED.name)
    migration.staged()
    return migration.paths


@pytest.fixture(scope="module")
def shared(publisher) -> dict[str, str]:
    return share(publisher)


@pytest.fixture(scope="module")
def delivered() -> dict[str, set[str]]:
    """The delivered values of each column of the readers' file."""
    with (BUNDLED / "customers.csv").open(encoding="utf-8", newline="") as file:
        readers = list(csv.DictReader(file))
    return {column: {row[column].strip() for row in readers} - {""} for column in readers[0]}


def of_columns(delivered: dict[str, set[str]], *endings: str) -> set[str]:
    return {value for column, values in delivered.items() if column.endswith(endings) for value in values}


@pytest.mark.parametrize("ending", ["email", "phone", "line1", "company", "password", "display_name"])
def test_no_file_of_the_bundle_holds_what_tells_of_one_reader(ending, shared, delivered):
    sought = {value.lower() for value in of_columns(delivered, ending)} - {"none"}
    assert len(sought) >= 5
    assert [name for name, text in shared.items() if any(value in text.lower() for value in sought)] == []


def test_no_file_of_the_bundle_holds_the_digits_of_a_phone(shared, delivered):
    sought = {re.sub(r"\D", "", phone) for phone in of_columns(delivered, "phone")}
    sought = {digits for digits in sought if len(digits) >= 7}
    for text in shared.values():
        numbers = re.findall(r"\d[\d ().-]{5,}\d", re.sub(pseudonyms.SHAPE, "", text))
        assert len(sought) > 1_000 and sought.isdisjoint(re.sub(r"\D", "", number) for number in numbers)


def test_no_cell_is_a_name_and_none_that_may_hold_delivered_text_has_one_among_its_words(shared, delivered):
    names = {name.lower() for name in of_columns(delivered, *NAMES) if len(name) >= 3}
    assert {"d'arcy", "underwood-hart", "null"} <= names
    for name, text in shared.items():
        for row in rows(text) if name.endswith(".csv") else []:
            cells = [cell.lower() for cell in row.values() if cell]
            assert names.isdisjoint(cells), name
            words = {word for column in TELLING for word in re.findall(r"[\w'-]+", row.get(column, "").lower())}
            assert names.isdisjoint(words), name


def test_no_file_of_the_bundle_holds_an_id_of_a_reader_or_a_subscription(shared, delivered):
    ids = of_columns(delivered, "old_provider_id", "old_id", "order_number", "membership", "gift_donor_subscription_id")
    for text in shared.values():
        assert len(ids) > 4_000 and ids.isdisjoint(re.findall(r"[\w-]+", text))


@pytest.mark.parametrize("name", ["findings.csv", "ledger.csv", "profile.csv", "statistics.csv"])
def test_what_is_about_nobody_is_row_by_row_as_it_was(name, shared, publisher):
    before, after = report(publisher, name), rows(shared[name])
    assert len(before) == len(after) > 0
    pseudonymised = {"key", "value", "result", "related"}
    for old, new in zip(before, after, strict=True):
        assert {k: v for k, v in old.items() if k not in pseudonymised} == {
            k: v for k, v in new.items() if k not in pseudonymised
        }


def test_products_and_plans_keep_their_ids(shared, publisher):
    ids = {row["key"] for row in report(publisher, "ledger.csv") if row["object"] in ("product", "plan")}
    assert ids and ids <= {row["key"] for row in rows(shared["ledger.csv"])}
    values = {row["value"] for row in rows(shared["findings.csv"]) if row["rule"] == "REL-SHIPPING"}
    assert any(value.startswith("HR-") for value in values)


def test_a_customer_is_one_pseudonym_in_every_report_and_on_every_run(shared, publisher):
    pairs: dict[str, set[str]] = {}
    for name in ("findings.csv", "ledger.csv"):
        for old, new in zip(report(publisher, name), rows(shared[name]), strict=True):
            if old["object"] == "customer" and old["key"]:
                pairs.setdefault(old["key"], set()).add(new["key"])
    assert len(pairs) == 2_000
    assert {len(each) for each in pairs.values()} == {1}
    assert len({pseudonym for each in pairs.values() for pseudonym in each}) == 2_000
    assert all(re.fullmatch(r"customer-[0-9a-f]{12}", pseudonym) for each in pairs.values() for pseudonym in each)
    assert share(publisher) == shared


def test_another_key_makes_other_pseudonyms(shared, publisher):
    at = publisher.home / "pseudonym.key"
    kept = at.read_text()
    at.unlink()
    try:
        others = {row["key"] for row in rows(share(publisher)["ledger.csv"]) if row["object"] == "customer"}
    finally:
        at.write_text(kept)
    assert others.isdisjoint(row["key"] for row in rows(shared["ledger.csv"]))


def test_the_key_is_its_owner_s_alone_and_not_in_the_bundle(shared, publisher):
    at = publisher.home / "pseudonym.key"
    assert at.stat().st_mode & 0o777 == 0o600
    assert publisher.shareable.stat().st_mode & 0o777 == 0o600
    assert at.read_text().encode() not in publisher.shareable.read_bytes()
    assert all(at.read_text() not in text and "pseudonym.key" not in text for text in shared.values())


def test_a_pseudonym_is_the_hmac_of_its_kind_and_value():
    secret = bytes(range(32))
    with duck.connect() as connection:
        pseudonyms.create_macros(connection, secret)
        ((made, upper, phone, digits),) = connection.execute(
            """SELECT pseudonym('customer', 'HR100039'), pseudonym('email', 'Zoë@Example.org') = pseudonym('email', 'zoë@example.org'),
                pseudonym('phone', '''+1 (514) 123-4567'), pseudonym('phone', '15141234567')"""
        ).fetchall()
    expected = hmac.new(secret, b"customer\x1fHR100039", hashlib.sha256).hexdigest()[:12]
    assert (made, upper, phone) == (f"customer-{expected}", True, digits)


def test_a_key_file_that_holds_no_key_is_refused(tmp_path):
    (tmp_path / "pseudonym.key").write_text("lost")
    with pytest.raises(UnusableInputError, match="holds no key"):
        pseudonyms.key(tmp_path)


@pytest.mark.parametrize(
    ("column", "said"),
    {
        "customer.email": "by {} of the readers",
        "customer.phone": "{}",
        "customer.first_name": "{}",
        "address.billing_line1": "see {}.",
    }.items(),
)
def test_what_got_into_our_own_words_stops_the_bundle(column, said, publisher, delivered):
    (publisher.shareable).unlink(missing_ok=True)
    value = max(delivered[column], key=len)
    ledger = publisher.reports / "ledger.csv"
    kept = ledger.read_bytes()
    with ledger.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(
            ["customers.csv", 2, "customer", "HR100000", "prepared", "", said.format(value)]
        )
    try:
        with pytest.raises(RefusedError) as refused:
            share(publisher)
    finally:
        ledger.write_bytes(kept)
    assert "ledger.csv holds in its column detail what was delivered as " in str(refused.value)
    assert value not in str(refused.value)
    assert list(publisher.reports.glob("*.zip*")) == []
    assert not publisher.spill.exists() or list(publisher.spill.iterdir()) == []


#: Readers whose names are words of every day, of the rules or of a plan; one who typed more than a date.
WILL = {
    "customer.first_name": "Will",
    "customer.last_name": "Page",
    "customer.display_name": "print",
    "customer.email": "may.page@tidewater.example",
    "address.billing_first_name": "May",
    "address.billing_last_name": "Read",
    "address.billing_city": "Reading",
    "address.billing_line1": "14 Long Wharf",
    "address.billing_company": "The Harbour Review",
}
TYPED = {
    "customer.first_name": "Wilhelmina",
    "customer.last_name": "Zandstra",
    "customer.email": "wilhelmina@zandstra.example",
    "customer.phone": "+1 514 555 0142",
    "customer.password": HASH,
    "customer.common_metadata.password_encryption": "bcrypt",
    "subscription.type": "ask Wilhelmina Zandstra, 514-555-0199, or write to jan@unknown.example",
    "subscription.quantity": "Zandstra",
    "address.billing_country": "Print, yearly",
    "customer.common_metadata.birthday": "=1978",
}
PAGE = """<!doctype html><html><head><title>Wilhelmina's page</title><style>.page {{ color: red }}</style></head>
<body><p>A page of <b>Zandstra</b> (+1 514 555 0142) &amp; {} at customers.csv:3, <i class="soft">4,000,000 records</i></p>{}</body></html>"""


@pytest.fixture(scope="module")
def everyday(tmp_path_factory) -> ExtractPaths:
    """Four readers, of whom one names the donor of her gift almost by its id."""
    given = Delivery(
        [
            reader(1, WILL),
            reader(2, TYPED),
            reader(3, {RECIPIENT: "1", DONOR_ID: "s4"}),
            reader(4, {OLD_ID: "S4", "subscription.common_metadata.is_gift_donor": "1"}),
        ],
        plans=[PRINT_YEARLY | {"plan.nickname": "Page, in print"}],
    )
    migration = migrate(given, tmp_path_factory.mktemp("home"))
    migration.staged()
    return migration.paths


def test_names_that_are_words_do_not_stop_the_bundle(everyday):
    made = share(everyday)
    assert {"findings.csv", "ledger.csv", "README.txt"} <= set(made)
    assert "Page, in print" in made["statistics.csv"]


def test_what_somebody_typed_into_another_column_is_replaced(everyday):
    typed = {row["attribute"]: row["value"] for row in rows(share(everyday)["findings.csv"]) if row["line"] == "3"}
    assert re.fullmatch(
        r"ask name-\w{12} name-\w{12}, 514-555-0199, or write to email-\w{12}", typed["subscription.type"]
    )
    assert re.fullmatch(r"name-\w{12}", typed["subscription.quantity"])
    assert typed["address.billing_country"] == "Print, yearly"


def test_the_id_that_is_probably_meant_is_the_pseudonym_of_its_subscription(everyday):
    findings = rows(share(everyday)["findings.csv"])
    (told,) = [row["message"] for row in findings if row["rule"] == "REL-GIFT-DONOR"]
    (alone,) = [row["value"] for row in findings if row["rule"] == "REL-GIFT-ALONE"]
    assert alone.startswith("subscription-") and told.endswith(f"Most probably {alone} is meant.")


def test_a_page_says_the_same_of_nobody(everyday):
    page = everyday.reports / "page.html"
    page.write_text(PAGE.format("genaro.cassano3@example.com", ""), encoding="utf-8")
    shutil.copy(page, everyday.reports / "questions.xlsx")
    try:
        made = share(everyday)
    finally:
        page.unlink()
        (everyday.reports / "questions.xlsx").unlink()
    assert re.search(
        r"A page of <b>name-\w{12}</b> \(phone-\w{12}\) &amp; email-\w{12} at customers\.csv:3, <i class=\"soft\">4,000,000 records</i>",
        made["page.html"],
    )
    assert "questions.xlsx" not in made and "questions.xlsx" in made["README.txt"]


def test_what_stands_in_a_tag_of_a_page_stops_the_bundle(everyday):
    page = everyday.reports / "page.html"
    page.write_text(PAGE.format("all", '<a href="mailto:wilhelmina@zandstra.example">write</a>'), encoding="utf-8")
    try:
        with pytest.raises(RefusedError, match=r"page\.html holds what was delivered as customer\.email"):
            share(everyday)
    finally:
        page.unlink()


def test_there_is_nothing_to_share_before_the_reports_stand(everyday):
    findings = everyday.reports / "findings.csv"
    findings.rename(aside := everyday.home / "findings.csv")
    try:
        with pytest.raises(RefusedError, match=r"has no findings\.csv yet: run `pelcro-pipeline dry-run"):
            share(everyday)
    finally:
        aside.rename(findings)


def test_a_purge_takes_the_bundle_too(everyday):
    share(everyday)
    assert everyday.shareable in purge(everyday)
    assert not everyday.shareable.exists()
