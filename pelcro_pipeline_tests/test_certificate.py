"""The certificate: a second program finds what was changed between delivery and prepared files, and nothing where nothing was."""

from __future__ import annotations

import ast
import csv
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.review import certificate, second_reading
from pelcro_pipeline.review.certificate import Verdict, certify
from pelcro_pipeline_tests.extract import (
    ABSENT,
    DONOR_ID,
    IMPORT_ONLY,
    OLD_ID,
    ON_THE_DAY,
    ONLINE,
    ONLINE_MONTHLY,
    ORDER_NUMBER,
    PERIOD_END,
    PLAN_ID,
    PRINT,
    PRINT_YEARLY,
    SETTINGS,
    STATUS,
    Delivery,
    address,
    as_csv,
    customer,
    gift,
    migrate,
    produced,
    reader,
    unaddressed,
)

BUNDLED = sorted((Path(__file__).parents[1] / "data" / "extracts").iterdir())
EURO = ONLINE_MONTHLY | {"plan.old_id": "O-E", "plan.currency": "eur", "plan.amount": "650"}
EMAIL, TITLE, QUANTITY = "customer.email", "customer.title", "subscription.quantity"
CANCEL, LEFT = "subscription.cancel_at_period_end", "subscription.shipments_remaining"
BILLING, SHIPPING = "address.billing_line1", "address.shipping_line1"
OWN_ID = "customer.old_provider_id"
#: Of every fate and every severity some.
DELIVERED = Delivery(
    [
        reader(1),
        reader(2, {"customer.title": "Head\nof library", "customer.salutation": "mr"}),
        reader(3, {QUANTITY: "", CANCEL: "perhaps"}),
        reader(4, {"customer.email": "nobody", PERIOD_END: "2027-03-31"}),
        reader(5, {STATUS: "cancelled"}),
        reader(6, {PERIOD_END: "31/01/2026", CANCEL: "1"}),
        reader(7, address("billing", {"country": "Canada", "phone": "514-112-2233"})),
        reader(8, address("shipping", {"country": "Narnia"}), {PLAN_ID: "O-M", LEFT: ""}),
        reader(9, {PLAN_ID: "O-E", LEFT: "", QUANTITY: "3"}),
        reader(10),
        reader(10, {OLD_ID: "S10b", "customer.phone": "", TITLE: "Archivist", PLAN_ID: "O-E", LEFT: ""}),
        reader(11, {"customer.phone": ""}),
        reader(11, {OLD_ID: "S11b", ORDER_NUMBER: "77"}),
        *gift(12, 13),
        unaddressed(14, {OLD_ID: "", ORDER_NUMBER: "1"}),
        unaddressed(14, {OLD_ID: "", ORDER_NUMBER: "2", PERIOD_END: "30/06/2027"}),
        customer(15),
        reader(16, {PLAN_ID: "NO-SUCH"}),
        unaddressed(17, {OWN_ID: "", EMAIL: "id.less@example.com"}),
    ],
    products=[PRINT, ONLINE | {"product.active": ""}],
    plans=[PRINT_YEARLY, ONLINE_MONTHLY, EURO, ONLINE_MONTHLY | {"plan.old_id": "LOST", "plan.amount": "7.77"}],
)
#: Where each of them stands: the header is line 1, and what follows the title of two lines is one line further.
LINES = {number: number + 1 + (number > 2) for number in range(1, 11)} | {11: 14, 12: 16, 13: 17, 14: 18, 15: 20}


@pytest.mark.parametrize("extract", BUNDLED, ids=lambda each: each.name)
def test_the_certificate_of_a_bundled_extract_holds(extract, tmp_path):
    migration = migrate(extract, tmp_path, extract.name)
    verdict = steps.certify(migration.paths)
    assert verdict.differences == []
    assert verdict.passed
    assert verdict.objects == len(migration.ledger)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory) -> Path:
    """The workspace of an extract that nobody has touched since."""
    return migrate(DELIVERED, tmp_path_factory.mktemp("home")).paths.home


class Files(NamedTuple):
    """A copy of what a migration left."""

    home: Path

    def of(self, room: str, name: str = "") -> Path:
        return self.home / room / "harbour-review" / name

    def certified(self) -> Verdict:
        manifest = self.of("tables", "raw") / "manifest.json"
        return certify(self.of("extracts"), manifest, self.of("reports"), self.of("prepared"))

    def change(self, path: Path, altered: Callable[[list[dict]], list[dict]]) -> None:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = altered(list(reader)), reader.fieldnames
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture
def files(migrated, tmp_path) -> Files:
    return Files(Path(shutil.copytree(migrated, tmp_path / "home")))


def test_nothing_is_found_where_nothing_was_touched(files):
    verdict = files.certified()
    assert verdict.differences == []
    assert (verdict.records, verdict.totals) == (26, 6)


class Fault(NamedTuple):
    """What is done to a file of a room, and what must be named: file, line, object and attribute, each as far as it can be known."""

    what: str
    room: str
    file: str
    altered: Callable[[list[dict]], list[dict]]
    named: tuple[str, int | None, str, str]


def cell(attribute: str, value: str, /, **where: str) -> Callable[[list[dict]], list[dict]]:
    """Another value in each of the rows that hold what ``where`` says."""
    return lambda rows: [row | {attribute: value} if is_at(row, where) else row for row in rows]


def dropped(**where: str) -> Callable[[list[dict]], list[dict]]:
    return lambda rows: [row for row in rows if not is_at(row, where)]


def doubled(**where: str) -> Callable[[list[dict]], list[dict]]:
    return lambda rows: [each for row in rows for each in ([row, row] if is_at(row, where) else [row])]


def added(row: dict) -> Callable[[list[dict]], list[dict]]:
    return lambda rows: [*rows, rows[0] | row]


def swapped(attribute: str, one: dict, other: dict) -> Callable[[list[dict]], list[dict]]:
    """The cells of two rows, one in the other's place."""

    def altered(rows: list[dict]) -> list[dict]:
        first, second = (next(row for row in rows if is_at(row, each)) for each in (one, other))
        first[attribute], second[attribute] = second[attribute], first[attribute]
        return rows

    return altered


def is_at(row: dict, where: dict) -> bool:
    return all(row[NAMES.get(name, name)] == value for name, value in where.items())


NAMES = {"id": OWN_ID, "sub": OLD_ID, "plan": "plan.old_id", "product": "product.id", "order": ORDER_NUMBER}


def prepared(
    what: str, altered: Callable, line: int | None, object_: str, attribute: str, file: str = "customers.csv"
) -> Fault:
    return Fault(what, "prepared", file, altered, (file, line, object_, attribute))


def told(what: str, file: str, altered: Callable, line: int | None, object_: str, attribute: str) -> Fault:
    return Fault(what, "reports", file, altered, ("customers.csv", line, object_, attribute))


FAULTS = [
    prepared("a name is changed", cell("customer.first_name", "Genario", id="HR1"), 2, "customer", "customer.first_name"),
    prepared("a name is emptied", cell("customer.last_name", "", id="HR1"), 2, "customer", "customer.last_name"),
    prepared("a line break is lost", cell(TITLE, "Head of library", id="HR2"), 3, "customer", TITLE),
    prepared("a canonical cell is put back", cell("customer.salutation", "mr", id="HR2"), 3, "customer", "customer.salutation"),
    prepared("an email is another's", cell(EMAIL, "genaro.cassano3@example.com", id="HR2"), 3, "customer", EMAIL),
    prepared("a cleared email is back", cell(EMAIL, "nobody", id="HR4"), LINES[4], "customer", EMAIL),
    prepared("emails are swapped", swapped(EMAIL, {"id": "HR1"}, {"id": "HR2"}), 2, "customer", EMAIL),
    prepared("a phone loses a digit", cell("customer.phone", "+1514123456", id="HR1"), 2, "customer", "customer.phone"),
    prepared("an id is changed", cell(OWN_ID, "HR999", id="HR1"), 2, "customer", OWN_ID),
    prepared("an original id is changed", cell("customer.common_metadata.original_old_provider_id", "HR2", id="HR1"), 2, "customer", "customer.common_metadata.original_old_provider_id"),
    prepared("a reader is imported alone", cell(IMPORT_ONLY, "1", id="HR1"), 2, "customer", IMPORT_ONLY),
    prepared("one that is alone is not", cell(IMPORT_ONLY, "0", id="HR15"), LINES[15], "customer", IMPORT_ONLY),
    prepared("a filled phone is another", cell("customer.phone", "+15140000000", id="HR11"), 14, "customer", "customer.phone"),
    prepared("an assigned id is another", lambda rows: [r | {OWN_ID: r[OWN_ID].replace("gen-", "gem-")} for r in rows], 22, "customer", OWN_ID),
    prepared("records of a customer disagree", cell(TITLE, "Boss", sub="S10b"), 13, "customer", TITLE),
    prepared("a street is changed", cell(BILLING, "1011 Sainte Catherine ouest", id="HR1"), 2, "billing_address", BILLING),
    prepared("a street is emptied", cell(SHIPPING, "", id="HR2"), 3, "shipping_address", SHIPPING),
    prepared("a city loses its accent", cell("address.shipping_city", "Montreal", id="HR1"), 2, "shipping_address", "address.shipping_city"),
    prepared("a country is another than repaired", cell("address.billing_country", "CH", id="HR7"), LINES[7], "billing_address", "address.billing_country"),
    prepared("a country is as delivered", cell("address.billing_country", "Canada", id="HR7"), LINES[7], "billing_address", "address.billing_country"),
    prepared("a phone is as delivered", cell("address.billing_phone", "514-112-2233", id="HR7"), LINES[7], "billing_address", "address.billing_phone"),
    prepared("a zip is another", cell("address.billing_zip", "H3H 1H2", id="HR1"), 2, "billing_address", "address.billing_zip"),
    prepared("a date is a day later", cell(PERIOD_END, "01/08/2027", sub="S1"), 2, "subscription", PERIOD_END),
    prepared("an ISO date is a day earlier", cell(PERIOD_END, "30/03/2027", sub="S4"), LINES[4], "subscription", PERIOD_END),
    prepared("day and month are swapped", cell("subscription.shipments_suspended_until", "12/24/2026", sub="S1"), 2, "subscription", "subscription.shipments_suspended_until"),
    prepared("a quantity is another", cell(QUANTITY, "2", sub="S1"), 2, "subscription", QUANTITY),
    prepared("an inferred quantity is another", cell(QUANTITY, "10", sub="S3"), LINES[3], "subscription", QUANTITY),
    prepared("an inferred flag is turned round", cell(CANCEL, "1", sub="S3"), LINES[3], "subscription", CANCEL),
    prepared("a flag is turned round", cell(CANCEL, "1", sub="S1"), 2, "subscription", CANCEL),
    prepared("shipments are fewer", cell(LEFT, "8", sub="S1"), 2, "subscription", LEFT),
    prepared("shipments are swapped", swapped(LEFT, {"sub": "S1"}, {"sub": "S9"}), 2, "subscription", LEFT),
    prepared("a plan is another", cell(PLAN_ID, "O-M", sub="S1"), 2, "subscription", PLAN_ID),
    prepared("a status is paid", cell(STATUS, "unpaid", sub="S1"), 2, "subscription", STATUS),
    prepared("a card is charged", cell("subscription.collection_method", "send_invoice", sub="S1"), 2, "subscription", "subscription.collection_method"),
    prepared("a gift has another donor", cell(DONOR_ID, "S1", sub="S13"), LINES[13], "subscription", DONOR_ID),
    prepared("an old id is another", cell(OLD_ID, "S100", sub="S1"), 2, "subscription", OLD_ID),
    prepared("one without an id is changed", cell(PERIOD_END, "01/07/2027", order="2"), 19, "subscription", PERIOD_END),
    prepared("a subscription is dropped", dropped(sub="S10b"), 13, "subscription", ""),
    prepared("a reader is dropped", dropped(id="HR1"), 2, "customer", ""),
    prepared("a subscription is doubled", doubled(sub="S1"), 3, "subscription", ""),
    prepared("a reader is added", added({OWN_ID: "HR900", OLD_ID: "S900"}), 23, "customer", ""),
    prepared("a subscription is moved", lambda rows: [r | {n: c for n, c in rows[1].items() if n.startswith(("customer.", "address."))} if r[OLD_ID] == "S1" else r for r in rows], 2, "subscription", OWN_ID),
    prepared("an address stays behind", lambda rows: [r | {n: "" for n in r if n.startswith("address.billing_")} if r[OLD_ID] == "S10b" else r for r in rows], 13, "subscription", "billing_address"),
    prepared("a price is another", cell("plan.amount", "990", plan="P-Y"), 2, "plan", "plan.amount", "plans.csv"),
    prepared("a currency is another", cell("plan.currency", "usd", plan="O-E"), 4, "plan", "plan.currency", "plans.csv"),
    prepared("a plan is dropped", dropped(plan="O-E"), 4, "plan", "", "plans.csv"),
    prepared("prices are swapped", swapped("plan.amount", {"plan": "P-Y"}, {"plan": "O-M"}), 3, "plan", "plan.amount", "plans.csv"),
    prepared("a product's name is another", cell("product.name", "The Harbour", product="PRINT"), 2, "product", "product.name", "products.csv"),
    prepared("a default is turned round", cell("product.active", "0", product="ONLINE"), 3, "product", "product.active", "products.csv"),
    Fault("a price is another in the flat file", "prepared", "products_and_plans.csv", cell("plan.amount", "99", plan="P-Y"), ("plans.csv", 2, "plan", "plan.amount")),
    told("a ledger's row is removed", "ledger.csv", dropped(line="2", object="subscription"), 2, "subscription", ""),
    told("a ledger's row is doubled", "ledger.csv", doubled(line="2", object="customer"), 2, "customer", ""),
    told("a ledger's record is not delivered", "ledger.csv", added({"line": "999"}), 999, "", ""),
    told("what is prepared is called rejected", "ledger.csv", cell("disposition", "rejected", line="2", object="subscription"), 2, "subscription", ""),
    told("what is rejected is called prepared", "ledger.csv", cell("disposition", "prepared", line="21", object="subscription"), 21, "subscription", ""),
    told("what is excluded is called prepared", "ledger.csv", cell("disposition", "prepared", line=str(LINES[5]), object="subscription"), LINES[5], "subscription", ""),
    told("what is merged is called prepared", "ledger.csv", cell("disposition", "prepared", line="13", object="customer"), 13, "customer", ""),
    told("it is merged into another reader", "ledger.csv", cell("detail", "into customers.csv:999", line="13", object="customer"), 13, "customer", ""),
    told("another rule has rejected it", "ledger.csv", cell("rule", "SUB-TYPE", line="21", object="subscription"), 21, "subscription", ""),
    told("a repair's finding is removed", "findings.csv", dropped(line=str(LINES[3]), attribute=QUANTITY), LINES[3], "subscription", QUANTITY),
    told("a cleared value's finding is removed", "findings.csv", dropped(line=str(LINES[4]), attribute=EMAIL), LINES[4], "customer", EMAIL),
    told("a rejection's finding is removed", "findings.csv", dropped(rule="SUB-PLAN"), 21, "subscription", ""),
    told("a conflict's finding is removed", "findings.csv", dropped(rule="CUS-CONFLICT"), 13, "customer", TITLE),
    told("a filled value's finding is removed", "findings.csv", dropped(rule="CUS-FILLED"), 14, "customer", "customer.phone"),
    told("a repair says another value", "findings.csv", cell("result", "7", line=str(LINES[3]), attribute=QUANTITY), LINES[3], "subscription", QUANTITY),
    Fault("a delivered cell is changed", "extracts", "customers.csv", cell(TITLE, "Clerk", id="HR1"), ("customers.csv", 2, "customer", TITLE)),
    Fault("a delivered record is gone", "extracts", "customers.csv", dropped(id="HR15"), ("customers.csv", 22, "", "")),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.what)
def test_a_fault_between_delivery_and_prepared_files_is_named(fault, files):
    files.change(files.of(fault.room, fault.file), fault.altered)
    verdict = files.certified()
    assert fault.named in {each[:4] for each in verdict.differences}, verdict.differences[:8]
    # What is beside it is not blamed for it.
    assert len({each[:2] for each in verdict.differences}) <= 6, verdict.differences[:12]


def test_there_are_fifty_faults():
    assert len(FAULTS) >= 50


def test_the_totals_tell_a_difference_by_currency(files):
    files.change(files.of("prepared", "customers.csv"), cell(QUANTITY, "30", sub="S9"))
    (told,) = [each for each in files.certified().differences if each.line is None]
    assert told.attribute == QUANTITY
    assert told.difference == "In eur it comes to 31, where 4 was delivered."


def test_a_file_that_was_not_read_is_named(files):
    (files.of("extracts") / "more.csv").write_text("customer.old_provider_id\nHR77\n")
    assert [each[0] for each in files.certified().differences] == ["more.csv"]


def test_no_password_stands_in_a_difference(tmp_path):
    secret = {
        "customer.password": "5f4dcc3b5aa765d61d8327deb882cf99",
        "customer.common_metadata.password_encryption": "MD5",
    }
    files = Files(migrate(Delivery([reader(1, secret)]), tmp_path).paths.home)
    files.change(files.of("prepared", "customers.csv"), cell("customer.password", "letmein", id="HR1"))
    (told,) = files.certified().differences
    assert told.attribute == "customer.password"
    assert "letmein" not in told.difference
    assert "5f4dcc" not in told.difference


#: Each layout and way of writing that the pipeline takes, as it stands on disk.
ROWS = [reader(number, {TITLE: "Head\nof library", "customer.first_name": "Zoë"}) for number in range(1, 4)]
TIMED = {PERIOD_END: "2027-07-31T23:30:00-05:00", "customer.common_metadata.Club": "gold", "customer.phone": "NULL"}
DELIVERIES = {
    "a named delimiter, Windows-1252": ("sep=;\n" + as_csv(ROWS, delimiter=";")).encode("cp1252"),
    "tabs, UTF-16": as_csv(ROWS, delimiter="\t").encode("utf-16"),
    "backslashes": as_csv([row | {TITLE: 'The "Head"'} for row in ROWS], quoting=csv.QUOTE_ALL, doublequote=False, escapechar="\\"),
    "blank, ragged and no records, CRLF, BOM": (as_csv(ROWS, lineterminator="\r\n") + "\r\nHR9,few\r\n3 rows selected.\r\n").encode("utf-8-sig"),
    "a header twice, instants, metadata, words for nothing": as_csv([row | TIMED for row in ROWS], EMAIL, [row[EMAIL] for row in ROWS]),
}  # fmt: skip


@pytest.mark.parametrize("written", DELIVERIES)
def test_the_certificate_of_any_layout_holds(written, tmp_path):
    migration = migrate(Delivery((), texts={"customers.csv": DELIVERIES[written]}), tmp_path)
    verdict = steps.certify(migration.paths)
    assert verdict.differences == []
    assert verdict.objects == len(migration.ledger)


def test_what_one_finding_stands_for_is_an_accepted_form(tmp_path):
    abroad = [
        reader(n, address("billing", {"country": ("Canada", "United States")[n % 2], "state": ("QC", "NY")[n % 2]}), {CANCEL: ABSENT})
        for n in range(1, 121)
    ]  # fmt: skip
    files = Files(migrate(Delivery(abroad), tmp_path).paths.home)
    assert files.certified().differences == []
    files.change(files.of("prepared", "customers.csv"), cell("address.billing_country", "Kanada", id="HR2"))
    assert [each[1:4] for each in files.certified().differences] == [(3, "billing_address", "address.billing_country")]


def test_production_can_demand_a_certificate_that_holds(tmp_path):
    migration = migrate(Delivery([reader(1)], settings=f"{SETTINGS}certificate = true\n"), tmp_path)
    migration.staged()
    steps.sign(migration.paths, "Jane Doe", "Publisher")
    ledger = migration.paths.reports / "ledger.csv"
    whole = ledger.read_text()
    ledger.write_text(whole.replace("prepared", "rejected", 1))
    with pytest.raises(RefusedError, match=r"the certificate does not hold \(.* extract\.toml asks for one"):
        produced(migration.paths, None, ON_THE_DAY)
    assert not migration.paths.database("production").exists()
    with migration.paths.certificate.open(newline="") as file:
        assert {(each["line"], each["object"]) for each in csv.DictReader(file)} == {("2", "customer")}
    assert migration.paths.certificate.stat().st_mode & 0o777 == 0o600
    ledger.write_text(whole)
    produced(migration.paths, None, ON_THE_DAY)
    assert migration.paths.database("production").is_file()


def test_without_a_dry_run_there_is_nothing_to_certify(tmp_path):
    with pytest.raises(RefusedError, match=r"has made no manifest\.json yet: run `pelcro-pipeline dry-run"):
        steps.certify(steps.ExtractPaths(tmp_path, "harbour-review"))


@pytest.mark.parametrize("module", [certificate, second_reading], ids=lambda each: each.__name__.rpartition(".")[2])
def test_it_shares_nothing_with_what_it_checks_but_the_names_and_kinds_of_attributes(module):
    source = Path(module.__file__).read_text(encoding="utf-8")
    imported = {
        name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    own = {"pelcro_pipeline.review", "pelcro_pipeline.review.second_reading"}
    assert {
        each
        for each in imported - own
        if each.split(".")[0] not in (*sys.stdlib_module_names, "python_calamine", "pyarrow")
        and not f"{each}.".startswith(("pelcro_pipeline.spec.", "pelcro_pipeline.errors."))
    } == set()
