"""Two extracts of a publisher: what differs between what they have prepared, and nothing that does not."""

from __future__ import annotations

import csv
import stat
from pathlib import Path
from typing import NamedTuple

import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.review import comparison, sign_off, statistics
from pelcro_pipeline.review.comparison import Comparison
from pelcro_pipeline.spec import ATTRIBUTES, TABLES
from pelcro_pipeline.workspace import purge
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.command_line import command, refused
from pelcro_pipeline_tests.extract import (
    OLD_ID,
    ONLINE,
    ONLINE_MONTHLY,
    ORDER_NUMBER,
    PERIOD_END,
    PLAN_ID,
    PLANS,
    PRODUCTS,
    SETTINGS,
    STATUS,
    Delivery,
    Row,
    address,
    changed,
    customer,
    migrate,
    reader,
    unaddressed,
)
from pelcro_pipeline_tests.test_relations import read_by

BUNDLED = Path(__file__).parent.parent / "data" / "extracts"
LAYOUTS = ("harbour-review-2026-10-01", "harbour-review-2026-10-08", "harbour-review-2026-10-15")
HASH = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
OTHER_HASH = "$2y$10$abcdefghijklmnopqrstuuOickgx2ZMRZoMyeIjZAgcfl7p92ldGx"
LOGIN: Row = {"customer.password": HASH, "customer.common_metadata.password_encryption": "bcrypt"}
IMPORT_ONLY = "customer.common_metadata.import_only_the_customer"
COLLECTION = "subscription.collection_method"
CANCEL = "subscription.cancel_at_period_end"
MOVED = "Paid until another day than before: the next charge falls on that one."
GONE = "Not delivered any more: ask what has become of it."


class Difference(NamedTuple):
    """A row of the report."""

    object: str
    key: str
    change: str
    attribute: str = ""
    before: str = ""
    after: str = ""
    needs_a_person: str = ""


class Planted(NamedTuple):
    """Records as they were delivered before and after, and the rows of the report that tell of them."""

    before: list[Row]
    after: list[Row]
    told: list[Difference]


def cell(object_: str, key: str, attribute: str, before: str, after: str, needs_a_person: str = "") -> Difference:
    return Difference(object_, key, "changed", attribute, before, after, needs_a_person)


def another(number: int, name: str, *changes: Row) -> Row:
    """A further subscription of a reader, by its old id."""
    return reader(number, {OLD_ID: name}, *changes)


#: What a reader holds before and after, in one pair of extracts: each reader by a number of its own.
PLANTED = {
    "nothing": Planted([reader(1)], [reader(1)], []),
    "a new customer with a subscription is one sign-up": Planted(
        [],
        [reader(2)],
        [
            Difference("customer", "HR2", "new"),
            Difference("billing_address", "HR2", "new"),
            Difference("shipping_address", "HR2", "new"),
            Difference("subscription", "S2", "new", needs_a_person="Signed up since."),
        ],
    ),
    "a new customer without one": Planted(
        [], [customer(3)], [Difference("customer", "HR3", "new", needs_a_person="Signed up since.")]
    ),
    "a vanished customer": Planted(
        [reader(4)],
        [],
        [
            Difference("customer", "HR4", "vanished", needs_a_person=GONE),
            Difference("billing_address", "HR4", "vanished"),
            Difference("shipping_address", "HR4", "vanished"),
            Difference("subscription", "S4", "vanished", needs_a_person=GONE),
        ],
    ),
    "the email of a reader who logs in": Planted(
        [reader(5, LOGIN)],
        [reader(5, LOGIN, {"customer.email": "g.cassano@example.org"})],
        [
            cell(
                "customer",
                "HR5",
                "customer.email",
                "genaro.cassano5@example.com",
                "g.cassano@example.org",
                "The reader logs in by this email: ask which of the two.",
            )
        ],
    ),
    "the email of one who does not": Planted(
        [reader(6)],
        [reader(6, {"customer.email": "cassano@example.org"})],
        [cell("customer", "HR6", "customer.email", "genaro.cassano6@example.com", "cassano@example.org")],
    ),
    "a password": Planted(
        [reader(7, LOGIN)],
        [reader(7, LOGIN, {"customer.password": OTHER_HASH})],
        [cell("customer", "HR7", "customer.password", "***", "***")],
    ),
    "a phone": Planted(
        [reader(8)],
        [reader(8, {"customer.phone": "+1 514 765-4321"})],
        [cell("customer", "HR8", "customer.phone", "'+15141234567", "'+15147654321")],
    ),
    "a line of an address": Planted(
        [reader(9)],
        [reader(9, address("billing", {"line1": "77 rue de la Montagne"}))],
        [
            cell(
                "billing_address",
                "HR9",
                "address.billing_line1",
                "1010 Sainte Catherine ouest",
                "77 rue de la Montagne",
            )
        ],
    ),
    "a zip": Planted(
        [reader(10)],
        [reader(10, address("shipping", {"zip": "H2X 3K8"}))],
        [cell("shipping_address", "HR10", "address.shipping_zip", "H3H 1H1", "H2X 3K8")],
    ),
    "a zip that is written otherwise": Planted(
        [reader(11)], [reader(11, {"customer.phone": "+1 (514) 123-4567", COLLECTION: "Charge Automatically"})], []
    ),
    "a new subscription of a known reader": Planted(
        [reader(12)],
        [reader(12), another(12, "S12b")],
        [Difference("subscription", "S12b", "new", needs_a_person="Signed up since.")],
    ),
    "a vanished subscription of one who stays": Planted(
        [reader(13), another(13, "S13b")],
        [reader(13)],
        [Difference("subscription", "S13b", "vanished", needs_a_person=GONE)],
    ),
    "a cancelled subscription": Planted(
        [reader(14)],
        [reader(14, {STATUS: "cancelled"})],
        [
            cell("customer", "HR14", IMPORT_ONLY, "0", "1"),
            Difference(
                "subscription",
                "S14",
                "vanished",
                needs_a_person="Cancelled or expired since by SUB-NOT-MIGRATED: it was prepared before.",
            ),
        ],
    ),
    "a rejected subscription": Planted(
        [reader(15)],
        [reader(15, {"subscription.quantity": "0"})],
        [
            cell("customer", "HR15", IMPORT_ONLY, "0", "1"),
            Difference(
                "subscription",
                "S15",
                "vanished",
                needs_a_person="Rejected now by SUB-QUANTITY: it was prepared before.",
            ),
        ],
    ),
    "a subscription that was rejected and is put right": Planted(
        [reader(16, {"subscription.quantity": "0"})],
        [reader(16)],
        [
            cell("customer", "HR16", IMPORT_ONLY, "1", "0"),
            Difference(
                "subscription",
                "S16",
                "new",
                needs_a_person="Prepared only now: rejected before by SUB-QUANTITY.",
            ),
        ],
    ),
    "a rejected address": Planted(
        [reader(17)],
        [reader(17, address("billing", {"country": "Narnia"}))],
        [
            Difference(
                "billing_address",
                "HR17",
                "vanished",
                needs_a_person="Rejected now by ADR-COUNTRY: it was prepared before.",
            )
        ],
    ),
    "a period end": Planted(
        [reader(18)],
        [reader(18, {PERIOD_END: "31/07/2028"})],
        [cell("subscription", "S18", PERIOD_END, "2027-07-31", "2028-07-31", MOVED)],
    ),
    "a collection method": Planted(
        [reader(19)],
        [reader(19, {COLLECTION: "send_invoice"})],
        [
            cell(
                "subscription",
                "S19",
                COLLECTION,
                "charge_automatically",
                "send_invoice",
                "Paid in another way than before: by card or by invoice.",
            )
        ],
    ),
    "a renewal that is cancelled": Planted(
        [reader(20)],
        [reader(20, {CANCEL: "1"})],
        [
            cell(
                "subscription",
                "S20",
                CANCEL,
                "0",
                "1",
                "Whether it renews has changed: who has cancelled must not be charged again.",
            )
        ],
    ),
    "an invoice that has been paid": Planted(
        [reader(21, {STATUS: "unpaid"})],
        [reader(21)],
        [
            cell(
                "subscription",
                "S21",
                STATUS,
                "unpaid",
                "active",
                "Paid or fallen unpaid since: what is unpaid is charged on the day of the migration.",
            )
        ],
    ),
    "another plan": Planted(
        [reader(22)],
        [reader(22, {PLAN_ID: "O-M"})],
        [cell("subscription", "S22", PLAN_ID, "P-Y", "O-M", "On a plan of another price than before.")],
    ),
    "another reader": Planted(
        [reader(23), reader(24)],
        [
            customer(23) | address("billing") | address("shipping"),
            reader(24),
            another(24, "S23", {ORDER_NUMBER: "40023"}),
        ],
        [
            cell("customer", "HR23", IMPORT_ONLY, "0", "1"),
            cell("subscription", "S23", "customer.old_provider_id", "HR23", "HR24"),
        ],
    ),
    "a formula": Planted(
        [reader(25)],
        [reader(25, {"customer.last_name": "=1+1"})],
        [cell("customer", "HR25", "customer.last_name", "Cassano", "'=1+1")],
    ),
    "metadata of one delivery alone": Planted(
        [reader(26)],
        [reader(26, {"customer.common_metadata.club": "gold"})],
        [cell("customer", "HR26", "customer.common_metadata.club", "", "gold")],
    ),
    "a subscription whose plan has another price is equal": Planted([unaddressed(27)], [unaddressed(27)], []),
    "and one whose plan is in another currency": Planted(
        [unaddressed(28, {PLAN_ID: "O-A"})], [unaddressed(28, {PLAN_ID: "O-A"})], []
    ),
}
#: What the publisher itself has changed.
OF_THE_PUBLISHER = [
    cell("product", "ONLINE", "product.name", "The Harbour Review online", "The Harbour Review, online"),
    cell(
        "plan",
        "O-M",
        "plan.amount",
        "700",
        "900",
        "Its price has changed: every subscription to it is charged the new one.",
    ),
    cell(
        "plan",
        "O-A",
        "plan.currency",
        "cad",
        "usd",
        "Its currency has changed: every subscription to it is charged in the new one.",
    ),
]
ABROAD = ONLINE_MONTHLY | {"plan.old_id": "O-A"}
REPRICED = [PLANS[0], ONLINE_MONTHLY | {"plan.amount": "900"}, PLANS[2], ABROAD | {"plan.currency": "usd"}]
RENAMED = [PRODUCTS[0], ONLINE | {"product.name": "The Harbour Review, online"}, PRODUCTS[2]]


def without_id(number: int, *changes: Row) -> Row:
    """A reader whose subscription has no old id."""
    return reader(number, {OLD_ID: ""}, *changes)


def at(id_: str, *changes: Row) -> Row:
    """A billing address by its id."""
    return {"billing_address_id": id_} | address("billing", *changes)


SECOND: Row = {ORDER_NUMBER: "9", "subscription.start_date": "01/09/2026"}
BY_POSITION = "Paired by its position among several of this customer: no id says which is which."
#: The same of subscriptions without old ids, and of addresses with ids.
PLANTED_WITHOUT_IDS = {
    "nothing": Planted([without_id(1), without_id(2, SECOND)], [without_id(1), without_id(2, SECOND)], []),
    "the one subscription to a plan": Planted(
        [without_id(3)],
        [without_id(3, {PERIOD_END: "31/07/2028"})],
        [cell("subscription", "HR3 P-Y 1", PERIOD_END, "2027-07-31", "2028-07-31", MOVED)],
    ),
    "one of two, and the other is equal": Planted(
        [without_id(4), without_id(4, SECOND)],
        [without_id(4, SECOND), without_id(4, {PERIOD_END: "31/07/2028"})],
        [cell("subscription", "HR4 P-Y 1", PERIOD_END, "2027-07-31", "2028-07-31", MOVED)],
    ),
    "both of two": Planted(
        [without_id(5), without_id(5, SECOND)],
        [without_id(5, SECOND, {PERIOD_END: "31/08/2028"}), without_id(5, {PERIOD_END: "31/07/2028"})],
        [
            cell("subscription", "HR5 P-Y 1", PERIOD_END, "2027-07-31", "2028-07-31", f"{MOVED} {BY_POSITION}"),
            cell("subscription", "HR5 P-Y 2", PERIOD_END, "2027-07-31", "2028-08-31", f"{MOVED} {BY_POSITION}"),
        ],
    ),
    "one that is given an id": Planted([without_id(6)], [reader(6)], [cell("subscription", "S6", OLD_ID, "", "S6")]),
    "one that is given an id and has changed": Planted(
        [without_id(7)],
        [reader(7, {PERIOD_END: "31/07/2028"})],
        [
            cell("subscription", "S7", OLD_ID, "", "S7"),
            cell("subscription", "S7", PERIOD_END, "2027-07-31", "2028-07-31", MOVED),
        ],
    ),
    "two ids are two subscriptions": Planted(
        [reader(8)],
        [reader(8, {OLD_ID: "T8", ORDER_NUMBER: "4008"})],
        [
            Difference("subscription", "S8", "vanished", needs_a_person=GONE),
            Difference("subscription", "T8", "new", needs_a_person="Signed up since."),
        ],
    ),
    "one more": Planted(
        [without_id(9)],
        [without_id(9, SECOND), without_id(9)],
        [Difference("subscription", "HR9 P-Y 1", "new", needs_a_person="Signed up since.")],
    ),
    "one less": Planted(
        [without_id(10), without_id(10, SECOND)],
        [without_id(10)],
        [Difference("subscription", "HR10 P-Y 1", "vanished", needs_a_person=GONE)],
    ),
    "an address under another id": Planted(
        [reader(11, at("B-1"))],
        [reader(11, at("B-9"))],
        [
            cell("billing_address", "HR11 B-1", "billing_address_id", "B-1", "B-9"),
            cell("subscription", "S11", "billing_address_id", "B-1", "B-9"),
        ],
    ),
    "an address that is given an id and has moved": Planted(
        [reader(12)],
        [reader(12, at("B-1", {"zip": "H2X 3K8"}))],
        [
            cell("billing_address", "HR12 B-1", "address.billing_zip", "H3H 1H1", "H2X 3K8"),
            cell("billing_address", "HR12 B-1", "billing_address_id", "", "B-1"),
            cell("subscription", "S12", "billing_address_id", "", "B-1"),
        ],
    ),
    "another address": Planted(
        [reader(13, at("B-1"))],
        [reader(13, at("B-2", {"zip": "H2X 3K8"}))],
        [
            Difference("billing_address", "HR13 B-2", "new"),
            Difference("billing_address", "HR13 B-1", "vanished"),
            cell("subscription", "S13", "billing_address_id", "B-1", "B-2"),
        ],
    ),
}


def pair(
    planted: dict[str, Planted], home: Path, *, publisher: str, newer: Delivery
) -> tuple[ExtractPaths, ExtractPaths]:
    """Two extracts of planted records, the newer one's in another order."""
    before = [row for each in planted.values() for row in each.before]
    after = [row for each in reversed(planted.values()) for row in each.after]
    first = migrate(Delivery(before, plans=[*PLANS, ABROAD]), home, f"{publisher}-2026-10-01")
    second = migrate(Delivery(after, newer.products, newer.plans, newer.settings), home, f"{publisher}-2026-10-08")
    return first.paths, second.paths


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def extracts(home) -> tuple[ExtractPaths, ExtractPaths]:
    """The newer one writes its files' dates otherwise."""
    settings = SETTINGS + 'template_date_format = "yyyy-mm-dd"\n'
    return pair(PLANTED, home, publisher="gazette", newer=Delivery((), RENAMED, REPRICED, settings))


@pytest.fixture(scope="module")
def without_ids(home) -> tuple[ExtractPaths, ExtractPaths]:
    return pair(PLANTED_WITHOUT_IDS, home, publisher="tidewater", newer=Delivery(plans=[*PLANS, ABROAD]))


@pytest.fixture(scope="module")
def layouts(home) -> list[ExtractPaths]:
    """The bundled deliveries: three files, five files, a workbook."""
    return [migrate(BUNDLED / name, home, name).paths for name in LAYOUTS]


@pytest.fixture(scope="module")
def compared(extracts) -> Comparison:
    return comparison.compare(*extracts)


@pytest.fixture(scope="module")
def compared_without_ids(without_ids) -> Comparison:
    return comparison.compare(*without_ids)


def report(compared: Comparison) -> list[Difference]:
    with compared.report.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == Difference._fields == tuple(comparison.COLUMNS)
    return [Difference(*row) for row in rows]


def of_case(planted: Planted, told: list[Difference]) -> list[Difference]:
    """The rows of the report that tell of a case: of its readers, or of their subscriptions."""
    rows = [*planted.before, *planted.after]
    keys = {row["customer.old_provider_id"] for row in rows} | {row.get(OLD_ID) for row in rows}
    return [each for each in told if each.key.split()[0] in keys]


@pytest.mark.parametrize("name", PLANTED)
def test_what_has_changed_is_told(name, compared):
    assert sorted(of_case(PLANTED[name], report(compared))) == sorted(PLANTED[name].told)


@pytest.mark.parametrize("name", PLANTED_WITHOUT_IDS)
def test_what_has_no_id_is_paired_with_what_is_likest(name, compared_without_ids):
    planted = PLANTED_WITHOUT_IDS[name]
    assert sorted(of_case(planted, report(compared_without_ids))) == sorted(planted.told)


def test_what_the_publisher_has_changed_is_told_and_nothing_beside_what_was_planted(compared):
    planted = [each for case in PLANTED.values() for each in case.told]
    assert sorted(report(compared)) == sorted([*planted, *OF_THE_PUBLISHER])


def counted(compared: Comparison) -> dict[str, tuple]:
    return {object_: tuple(counts) for object_, *counts in compared.summary.itertuples(index=False)}


def test_the_summary_counts_each_object_once(compared, compared_without_ids):
    columns = ["object", "before", "after", "equal", "new", "changed", "vanished"]
    assert list(compared.summary) == columns
    assert counted(compared) == {
        "Customers": (26, 27, 15, 2, 10, 1),
        "Billing addresses": (24, 23, 21, 1, 1, 2),
        "Shipping addresses": (24, 24, 22, 1, 1, 1),
        "Subscriptions": (26, 25, 16, 3, 6, 4),
        "Products": (3, 3, 2, 0, 1, 0),
        "Plans": (4, 4, 2, 0, 2, 0),
    }
    for each in (compared, compared_without_ids):
        frame = each.summary
        assert (frame["before"] == frame["equal"] + frame["changed"] + frame["vanished"]).all()
        assert (frame["after"] == frame["equal"] + frame["changed"] + frame["new"]).all()
        assert not each.is_equal


def test_attributes_are_counted_over_all_objects(compared):
    told = [(each.object, each.attribute) for each in report(compared) if each.attribute]
    titles = {table.object: table.title for table in TABLES}
    expected = {(titles[object_], attribute): told.count((object_, attribute)) for object_, attribute in told}
    assert {
        (object_, attribute): n for object_, attribute, n in compared.attributes.itertuples(index=False)
    } == expected
    assert expected["Customers", "customer.email"] == 2


def test_what_needs_a_person_is_counted_by_kind(compared, compared_without_ids):
    def kinds(each: Comparison) -> dict[tuple[str, str], int]:
        return {(kind, object_): count for kind, object_, count in each.attention.itertuples(index=False)}

    assert kinds(compared) == {
        ("signed up since", "Customers"): 1,
        ("signed up since", "Subscriptions"): 2,
        ("not delivered any more", "Customers"): 1,
        ("not delivered any more", "Subscriptions"): 2,
        ("cancelled since", "Subscriptions"): 1,
        ("rejected now", "Subscriptions"): 1,
        ("rejected now", "Billing addresses"): 1,
        ("prepared only now", "Subscriptions"): 1,
        ("period end moved", "Subscriptions"): 1,
        ("collection method changed", "Subscriptions"): 1,
        ("renewal changed", "Subscriptions"): 1,
        ("payment status changed", "Subscriptions"): 1,
        ("price changed", "Subscriptions"): 1,
        ("price changed", "Plans"): 2,
        ("email of a login changed", "Customers"): 1,
    }
    assert kinds(compared_without_ids)["paired by position", "Subscriptions"] == 2


def test_money_is_what_the_plans_cost_before_and_after(compared):
    columns = ["currency", "what", "before", "after", "cost_before", "cost_after", "difference"]
    assert list(compared.money) == columns
    # Six have changed, one of them from 99.00 a year to 9.00 a month. Of two that have not the plans are repriced: from 7.00 to
    # 9.00, and from 7.00 Canadian to 7.00 American.
    assert list(compared.money.itertuples(index=False, name=None)) == [
        ("cad", "changed", 6, 6, 6 * 9900, 5 * 9900 + 900, 900 - 9900),
        ("cad", "new", 0, 3, 0, 3 * 9900, 3 * 9900),
        ("cad", "repriced", 2, 1, 2 * 700, 900, 900 - 2 * 700),
        ("cad", "vanished", 4, 0, 4 * 9900, 0, -4 * 9900),
        ("cad", "all", 26, 24, 24 * 9900 + 2 * 700, 22 * 9900 + 2 * 900, -2 * 9900 + 2 * 900 - 2 * 700),
        ("usd", "repriced", 0, 1, 0, 700, 700),
        ("usd", "all", 0, 1, 0, 700, 700),
    ]
    assert list(comparison.priced(compared.money)["difference"][:2]) == ["-90.00", "297.00"]


@pytest.mark.parametrize("newer", [1, 2], ids=["five files", "a workbook"])
def test_the_same_in_another_layout_is_equal(newer, layouts):
    compared = comparison.compare(layouts[0], layouts[newer])
    assert report(compared) == []
    assert compared.is_equal
    assert counted(compared)["Subscriptions"] == (1969, 1969, 1969, 0, 0, 0)


PAIRS = ("extracts", "without_ids", "layouts")


@pytest.mark.parametrize("name", PAIRS)
def test_an_extract_is_equal_to_itself(name, request):
    for paths in request.getfixturevalue(name)[:2]:
        compared = comparison.compare(paths, paths)
        assert compared.is_equal
        assert (report(compared), len(compared.attributes), len(compared.attention)) == ([], 0, 0)
        assert set(compared.money["what"]) == {"all"}


@pytest.mark.parametrize("name", PAIRS)
def test_the_other_way_round_new_and_vanished_and_before_and_after_change_places(name, request):
    older, newer = request.getfixturevalue(name)[:2]
    there, back = comparison.compare(older, newer), comparison.compare(newer, older)
    mirrored = {"before": "after", "after": "before", "new": "vanished", "vanished": "new"}
    assert back.summary.equals(there.summary.rename(columns=mirrored)[list(there.summary)])
    assert back.attributes.equals(there.attributes)

    def cells(compared: Comparison, before: str, after: str) -> list[tuple]:
        return sorted(
            (each.object, each.change, each.attribute, getattr(each, before), getattr(each, after))
            for each in report(compared)
            if each.change == "changed"
        )

    assert cells(there, "before", "after") == cells(back, "after", "before")
    everything = there.money[there.money["what"] == "all"], back.money[back.money["what"] == "all"]
    assert list(everything[0]["difference"]) == [-each for each in everything[1]["difference"]]


def test_the_report_is_its_owner_s_alone_and_tells_no_password(compared):
    assert stat.S_IMODE(compared.report.stat().st_mode) == 0o600
    text = compared.report.read_text(encoding="utf-8")
    assert HASH not in text
    assert OTHER_HASH not in text
    assert "customer.password,***,***" in text


def test_a_purge_takes_the_reports_that_tell_of_the_purged(tmp_path):
    older, newer, other = (ExtractPaths(tmp_path, f"gazette-2026-10-{day}") for day in ("01", "08", "15"))
    older.delivered.mkdir(parents=True)
    newer.reports.mkdir(parents=True)
    reports = [newer.compared_with(each.extract) for each in (older, other)]
    for each in (*reports, half := reports[0].with_name(f"{reports[0].name}.unfinished")):
        each.touch()
    assert {half, reports[0]} <= set(purge.purge(older))
    assert list(newer.reports.iterdir()) == reports[1:]
    assert purge.is_purged(older) is False
    with pytest.raises(RefusedError, match="Nothing of gazette-2026-10-01 is left"):
        purge.purge(older)


def test_what_was_never_run_dry_is_refused_by_name(extracts):
    older, never = extracts[0], ExtractPaths(extracts[0].home, "gazette-2026-12-24")
    for pair_ in ((older, never), (never, older)):
        with pytest.raises(RefusedError) as refused:
            comparison.compare(*pair_)
        assert str(refused.value) == (
            "gazette-2026-12-24 has made no customers.csv yet: run `pelcro-pipeline dry-run gazette-2026-12-24` first."
        )


def test_what_is_not_as_it_was_run_dry_is_refused(tmp_path):
    paths = migrate(Delivery([reader(1)]), tmp_path, "gazette-2026-10-01").paths
    changed(paths.prepared / "plans.csv", "9900", "990")
    with pytest.raises(RefusedError, match=r"Not as it was prepared: plans\.csv record 1 \(plan\.old_id P-Y\)"):
        comparison.compare(paths, paths)
    changed(paths.delivered / "customers.csv", "Genaro", "Gennaro")
    with pytest.raises(RefusedError, match="has changed since it was read: run `pelcro-pipeline dry-run gazette-"):
        comparison.compare(paths, paths)


def test_it_is_compared_with_the_signed_one_or_else_the_one_before(extracts):
    first, second = extracts
    home = first.home
    third, fourth = (ExtractPaths(home, f"gazette-2026-10-{day}") for day in (15, 22))
    for each in (third, fourth, ExtractPaths(home, "gazette-2026-09-24"), ExtractPaths(home, "gazettes-2026-10-30")):
        each.delivered.mkdir(parents=True)
    # Of those that have been run dry.
    assert [comparison.basis_of(each) for each in (first, second, third, fourth)] == [None, first, second, second]
    for step in (steps.forecast, steps.stage):
        with steps.opened(first) as extract:
            step(extract)
    with steps.opened(first) as extract:
        statistics.write(steps.count(extract), first)
        statistics.write_digest(first)
    sign_off.sign(first, "Jane Doe", "Publisher", list(sign_off.open_questions(first)))
    assert [comparison.basis_of(each) for each in (first, second, third, fourth)] == [None, first, first, first]


def test_the_command_shows_it_on_a_screen_of_80_columns(extracts, compared):
    older, newer = extracts
    done = command(older.home, "compare", older.extract, newer.extract)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines if str(older.home) not in line) <= 80
    rows = [line.split() for line in lines]
    assert ["Subscriptions", "26", "25", "16", "3", "6", "4"] in rows
    assert ["Subscriptions", "subscription.current_period_end", "1"] in rows
    assert ["cad", "vanished", "4", "0", "396.00", "0.00", "-396.00"] in rows
    assert ["period", "end", "moved", "Subscriptions", "1"] in rows
    assert lines[-1] == f"Report  {compared.report}"
    assert "There is no extract gazette under" in refused(command(older.home, "compare", "gazette", newer.extract), 2)


@pytest.fixture(scope="module")
def materialized():
    dg = pytest.importorskip("dagster")
    from pelcro_pipeline.definitions import defs
    from pelcro_pipeline.defs.partitions import extracts as partitions
    from pelcro_pipeline.defs.resources import Extracts

    asset = defs.get_assets_def(dg.AssetKey(["review", "comparison"]))

    def materialize(paths: ExtractPaths, compared_with: str = "") -> dict:
        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions(partitions.name, [paths.extract])
            result = dg.materialize(
                [asset],
                instance=instance,
                partition_key=paths.extract,
                resources={"extract": Extracts(home=str(paths.home))},
                run_config={"ops": {"review__comparison": {"config": {"compared_with": compared_with}}}},
            )
            (event,) = result.get_asset_materialization_events()
            return {name: each.value for name, each in event.materialization.metadata.items()}

    return materialize


class TestAsset:
    def test_it_shows_counts_and_tables_and_nobody(self, materialized, extracts, compared):
        metadata = materialized(extracts[1])
        assert metadata["compared with"] == extracts[0].extract
        assert metadata["dagster/row_count"] == len(report(compared))
        assert (metadata["objects new"], metadata["objects vanished"], metadata["objects changed"]) == (7, 8, 21)
        assert metadata["needs a person"] == compared.attention["objects"].sum()
        assert "| Subscriptions | subscription.current_period_end | 1 |" in metadata["attributes"]
        assert "| usd | repriced | 0 | 1 | 0.00 | 7.00 | 7.00 |" in metadata["money"]
        shown = "\n".join(map(str, metadata.values()))
        assert [each for each in ("HR5", "cassano", "Montagne", "7654321") if each in shown] == []

    def test_without_an_older_extract_it_says_so(self, materialized, extracts):
        metadata = materialized(extracts[0])
        assert metadata["compared with"].startswith("nothing: no older extract of this publisher")
        assert metadata["dagster/row_count"] == 0

    def test_another_can_be_named(self, materialized, extracts, without_ids):
        assert materialized(extracts[0], without_ids[0].extract)["compared with"] == without_ids[0].extract


@pytest.fixture(scope="module")
def relations(extracts) -> dict:
    files = dict(zip(("before", "after"), map(comparison._prepared, extracts), strict=True))
    return comparison.relations(files)


@pytest.mark.parametrize("name", comparison.ORDER)
def test_each_relation_reads_what_it_says_and_what_is_made_before_it(name, relations):
    before = {*comparison.GIVEN, *comparison.ORDER[: comparison.ORDER.index(name)]}
    assert read_by(relations[name].sql) == set(relations[name].reads)
    assert set(relations[name].reads) <= before
    assert relations[name].sentence.endswith(".")


def test_every_attribute_is_compared(relations, extracts):
    with duck.connect() as connection:
        for side, paths in zip(("before", "after"), extracts, strict=True):
            comparison._prepared(paths).read(connection, f"{side}_csv_")
        for table in TABLES:
            columns = {name for name, *_ in connection.execute(relations[f"after_{table.object}"].sql).description}
            assert {attribute.name for attribute in table.attributes} <= columns
    assert all(f"'{name}'" in relations["changed_cell"].sql for name in ATTRIBUTES)
