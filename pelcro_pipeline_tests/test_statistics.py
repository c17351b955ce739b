"""The statistics: every measure counted in the delivery, the prepared files and each target."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from pelcro_pipeline import steps
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.review import drill_down, statistics
from pelcro_pipeline.rules import results
from pelcro_pipeline.spec import ATTRIBUTES, TABLES
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import (
    OLD_ID,
    PLANS,
    STATUS,
    Delivery,
    address,
    as_csv,
    crew,
    customer,
    gift,
    migrate,
    reader,
    unaddressed,
)

#: Six readers with nine subscriptions, of which one is cancelled, one rejected and one delivered twice.
ROWS = [
    *gift(1, 2),
    reader(3, {"customer.title": ""}),
    reader(3, {OLD_ID: "S8", STATUS: "unpaid", "subscription.collection_method": "send_invoice"}),
    reader(3, {OLD_ID: "S9", "subscription.quantity": "0"}),
    reader(4, {STATUS: "cancelled"}, address("billing", {"city": ""})),
    customer(5),
    *crew("admin", "member", first=6),
    unaddressed(7, {"subscription.type": "member", "subscription.common_metadata.membership": "M-6"})
    | {"subscription.common_metadata.temporary_plan_id": "C-Y"},
]


@pytest.fixture(scope="module")
def migration(tmp_path_factory):
    return migrate(Delivery(ROWS), tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def measured(migration):
    frame = migration.staged()
    return {(row["Section"], row["Attribute"]): row for row in frame.to_dict("records")}


def counted(row: dict) -> tuple[int, ...]:
    """Dump, prepared, staging, merged, rejected, excluded."""
    columns = ("Excel dump", "Pelcro Pre-Processed", "Dry-run (staging)", "Merged", "Rejected", "Excluded")
    return tuple(int(row[column]) for column in columns)


@pytest.mark.parametrize(
    ("object_", "counts"),
    [
        # Distinct ids; two repeats of reader 3, and one of reader 7.
        ("Customers", (7, 7, 7, 3, 0, 0)),
        ("Billing addresses", (4, 3, 3, 2, 1, 0)),
        ("Shipping addresses", (4, 4, 4, 2, 0, 0)),
        ("Subscriptions", (8, 6, 6, 1, 1, 1)),
        ("Products", (3, 3, 3, 0, 0, 0)),
        ("Plans", (3, 3, 3, 0, 0, 0)),
    ],
)
def test_objects_are_counted_by_their_disposition(object_, counts, measured):
    assert counted(measured["Objects", object_]) == counts


def test_accuracy_is_prepared_of_received_in_per_cent(measured):
    row = measured["Objects", "Subscriptions"]
    assert (row["Accuracy"], row["Inaccuracy"]) == ("75.00", "25.00")
    never = measured["Customers", "customer.password"]
    assert (int(never["Excel dump"]), never["Accuracy"], never["Inaccuracy"]) == (0, "", "")


def test_of_every_measure_the_dump_is_kept_rejected_excluded_and_cleared_and_repeats_stand_outside(measured):
    off = [
        key
        for key, row in measured.items()
        if row["Excel dump"]
        != row["Pelcro Pre-Processed"] - row["Inferred"] + row["Rejected"] + row["Excluded"] + row["Cleared"]
    ]
    assert off == []


def test_every_attribute_is_a_measure(measured):
    assert {name for _, name in measured} >= set(ATTRIBUTES)


@pytest.mark.parametrize(
    ("segment", "prepared"),
    [
        ("Auto-renewing", 6),
        ("Cancelled at period end", 0),
        ("Gift donor", 1),
        ("Gift recipient", 1),
        ("Membership admin", 1),
        ("Membership member", 1),
        ("Unpaid", 1),
        ("Charged automatically", 5),
        ("Billed by invoice", 1),
    ],
)
def test_segments_are_counted(segment, prepared, measured):
    row = measured["Subscriptions by segment", segment]
    assert int(row["Pelcro Pre-Processed"]) == int(row["Dry-run (staging)"]) == prepared


def test_products_and_plans_are_counted_by_name(measured):
    assert counted(measured["Subscriptions by plan", "Print, yearly"]) == (6, 4, 4, 0, 1, 1)
    assert counted(measured["Subscriptions by product", "The Harbour Crew"])[:3] == (2, 2, 2)
    assert counted(measured["Customers by plan", "Print, yearly"])[:3] == (4, 3, 3)
    # A plan that nobody has is sold all the same.
    assert counted(measured["Subscriptions by plan", "Online, monthly"])[:3] == (0, 0, 0)


def test_an_attribute_counts_where_it_holds_a_value(measured):
    # Reader 3 has a title on its later records.
    assert counted(measured["Customers", "customer.title"])[:3] == (7, 7, 7)
    assert counted(measured["Billing addresses", "address.billing_city"])[:2] == (3, 3)


def test_ragged_records_are_received_and_rejected(tmp_path):
    migration = migrate(Delivery(texts={"customers.csv": as_csv([reader(1)]) + "HR9,x\n"}), tmp_path)
    objects = statistics.summary(migration.staged()).set_index("Attribute")
    assert int(objects.loc["Customers", "Excel dump"]) == 2
    assert int(objects.loc["Customers", "Rejected"]) == 1


def test_targets_are_counted_in_the_target_itself(tmp_path):
    migration = migrate(Delivery([reader(1), reader(2)]), tmp_path)
    staged = migration.staged()
    path = migration.paths.database("production")
    database.load(migration.files, path)
    with duck.connect(path) as connection:
        connection.execute("DELETE FROM subscriptions WHERE record = 2")
    with duck.connect() as connection:
        manifest = Manifest.load(migration.paths.manifest)
        results.attach(connection, manifest, migration.paths.conversion, migration.paths.analysis)
        with database.opened(path, "production", connection):
            frame = statistics.production(connection, staged, "production")
    counts = {(row["Section"], row["Attribute"]): row for row in frame.to_dict("records")}
    assert counts["Objects", "Subscriptions"]["Production"] == 1
    assert counts["Objects", "Customers"]["Production"] == 2
    assert counts["Subscriptions by plan", "Print, yearly"]["Production"] == 1
    assert counts["Subscriptions by plan", "Print, yearly"]["Dry-run (staging)"] == 2


def test_plans_that_share_a_name_are_told_apart(tmp_path):
    plans = [PLANS[0], PLANS[0] | {"plan.old_id": "P-Y-2", "plan.amount": "8900"}]
    names = migrate(Delivery([reader(1)], plans=plans), tmp_path).staged().query("Section == 'Subscriptions by plan'")
    assert list(names["Attribute"]) == ["Print, yearly (P-Y)", "Print, yearly (P-Y-2)"]


def test_what_is_inferred_for_an_empty_cell_is_not_in_the_dump(tmp_path):
    hash_ = {"customer.password": "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}
    scheme = "customer.common_metadata.password_encryption"
    rows = [customer(1, hash_), customer(2, hash_, {scheme: "MD5"}), customer(3, hash_, {scheme: "bcrypt"})]
    frame = migrate(Delivery(rows), tmp_path).staged().set_index("Attribute")
    counts = frame.loc[scheme, ["Excel dump", "Pelcro Pre-Processed", "Dry-run (staging)", "Cleared", "Inferred"]]
    # Of three one is empty, and one is not what its hash shows.
    assert counts.tolist() == [2, 3, 3, 1, 2]
    assert frame.loc[scheme, "Accuracy"] == "50.00"


def test_a_word_for_nothing_is_not_in_the_dump(tmp_path):
    rows = [reader(1, {"customer.common_metadata.import_only_the_customer": "NULL"}), reader(2)]
    (row,) = (
        each
        for each in migrate(Delivery(rows), tmp_path).staged().to_dict("records")
        if each["Attribute"] == "customer.common_metadata.import_only_the_customer"
    )
    assert (row["Excel dump"], row["Pelcro Pre-Processed"], row["Inferred"]) == (1, 2, 1)


def test_a_value_that_is_cleared_is_not_kept(tmp_path):
    rows = [customer(1), customer(2, {"customer.phone": "unlisted"}), customer(3, {"customer.phone": "5141112222 x 3"})]
    frame = migrate(Delivery(rows), tmp_path).staged().set_index("Attribute")
    columns = ["Excel dump", "Pelcro Pre-Processed", "Accuracy", "Cleared", "Inferred"]
    assert frame.loc["customer.phone", columns].tolist() == [3, 2, "33.33", 2, 1]


def test_an_id_is_one_customer_however_its_records_fare(tmp_path):
    other = {"customer.email": "ada@harbour.example", "customer.first_name": "Ada", "customer.last_name": "Byron"}
    frame = migrate(Delivery([customer(1), customer(1), customer(1, other)]), tmp_path).staged()
    objects = statistics.summary(frame).set_index("Attribute")
    columns = ["Excel dump", "Pelcro Pre-Processed", "Accuracy", "Merged", "Rejected"]
    assert objects.loc["Customers", columns].tolist() == [1, 1, "100.00", 1, 0]


def test_metadata_and_address_ids_are_measures_too(tmp_path):
    ids = {"shipping_address_id": "home", "customer.common_metadata.LoyaltyTier": "gold"}
    migration = migrate(Delivery([reader(1, ids), reader(2, {"shipping_address_id": ""})]), tmp_path)
    frame = migration.staged().set_index("Attribute")
    columns = ["Excel dump", "Pelcro Pre-Processed", "Dry-run (staging)", "Accuracy"]
    for name in ids:
        assert frame.loc[name, columns].tolist() == [1, 1, 1, "100.00"]
    database.load(migration.files, migration.paths.database("production"))
    counted_again = steps.recount_production(migration.paths).set_index("Attribute")
    assert [int(counted_again.loc[name, "Production"]) for name in ids] == [1, 1]


@pytest.mark.parametrize(
    "content", [b"", b"Section,Attribute\n", b"\xff\xfe", b"a,b\n1,2,3\n", b"Section,Excel dump\nx,many\n"]
)
def test_a_report_that_is_none_is_refused_by_name(content, tmp_path):
    path = tmp_path / "statistics.csv"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match=r"statistics\.csv is not as it was counted: run the extract again"):
        statistics.read(path)


def test_a_damaged_production_database_does_not_hold_up_the_next_dry_run(tmp_path):
    migration = migrate(Delivery([reader(1)]), tmp_path)
    production = migration.paths.database("production")
    production.parent.mkdir()
    production.write_bytes(b"no database")
    frame = statistics.with_production(migration.staged(), migration.paths)
    assert frame["Production"].isna().all()
    assert database.load(migration.files, production)["customers"] == 1


def test_a_report_is_read_as_it_was_written(migration, measured):
    frame = statistics.read(migration.paths.reports / "statistics.csv")
    assert list(frame.columns) == list(statistics.COLUMNS)
    again = {(row["Section"], row["Attribute"]): counted(row) for row in frame.to_dict("records")}
    assert again == {key: counted(row) for key, row in measured.items()}


@pytest.fixture(scope="module")
def publisher(tmp_path_factory) -> tuple[ExtractPaths, pd.DataFrame]:
    """The bundled publisher in production, and its report."""
    bundled = Path(__file__).parents[1] / "data" / "extracts" / "harbour-review-2026-10-01"
    migration = migrate(bundled, tmp_path_factory.mktemp("home"))
    migration.staged()
    database.load(migration.files, migration.paths.database("production"))
    return migration.paths, steps.recount_production(migration.paths)


class Figures(HTMLParser):
    """The cells of a page's tables of figures, row by row, and the section that each stands under."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._section, self._within, self._figures = "", "", False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._figures = dict(attrs).get("class") == "figures"
        elif tag == "tr" and self._figures:
            self.rows.append([self._section])
        elif tag in ("th", "td") and self._figures:
            self.rows[-1].append("")
        elif tag == "h2":
            self._section = ""
        self._within = tag if tag in ("h2", "th", "td", "div", "span") else ""

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "h2":
            self._section += data
        elif self._within in ("th", "td") and self._figures:
            self.rows[-1][-1] += data.strip()


def test_every_number_of_the_page_is_that_of_the_report(publisher):
    paths, frame = publisher
    found = Figures(paths.statistics_page.read_text(encoding="utf-8")).rows
    shown = [row for row in found if row[1] != "Attribute"]
    headings = {tuple(row[1:]) for row in found if row[1] == "Attribute"}
    assert headings == {tuple(statistics.COLUMNS)[1:]}
    assert [[cell.replace(",", "") if place > 1 else cell for place, cell in enumerate(row)] for row in shown] == [
        ["" if pd.isna(cell) else str(cell) for cell in row] for row in frame.itertuples(index=False)
    ]


def test_the_page_is_complete_in_itself_and_small(publisher):
    page = publisher[0].statistics_page.read_text(encoding="utf-8")
    assert len(page.encode()) < 400_000
    assert "<script" not in page
    assert "http://" not in page and "https://" not in page


def test_every_number_of_the_workbook_is_that_of_the_report(publisher):
    paths, frame = publisher
    book = CalamineWorkbook.from_path(str(paths.statistics_workbook))
    heading, *rows = book.get_sheet_by_name("statistics").to_python()
    assert heading == list(statistics.COLUMNS)
    expected = frame.astype({"Accuracy": object, "Inaccuracy": object}).values.tolist()
    assert rows == [
        [cell if place < 2 else "" if cell == "" or pd.isna(cell) else float(cell) for place, cell in enumerate(row)]
        for row in expected
    ]


def test_each_query_of_the_workbook_has_as_many_rows_as_its_figure(publisher, monkeypatch):
    paths, frame = publisher
    monkeypatch.chdir(paths.home)
    figures = {
        (row["Section"], row["Attribute"], column): row[column]
        for row in frame.to_dict("records")
        for column in statistics.COUNTS
    }
    heading, *queries = (
        CalamineWorkbook.from_path(str(paths.statistics_workbook)).get_sheet_by_name("queries").to_python()
    )
    assert heading == ["Section", "Attribute", "Column", "Rows", "Query"]
    off = []
    with duckdb.connect() as shell:
        for *figure, told, query in queries:
            found = len(shell.execute(query).fetchall())
            if not found == told == figures[tuple(figure)]:
                off.append((figure, told, found))
    assert off == []
    # Of every measure what is prepared, staged and produced; of the objects what became of them too.
    assert len(queries) == 3 * len(frame) + 4 * len(TABLES)


def test_the_page_shows_the_queries_of_the_workbook(publisher):
    paths, _ = publisher
    page = paths.statistics_page.read_text(encoding="utf-8")
    _, *queries = CalamineWorkbook.from_path(str(paths.statistics_workbook)).get_sheet_by_name("queries").to_python()
    shown = [html.unescape(each) for each in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    assert shown == [query for *_, query in queries]


def test_queries_tell_apart_addresses_plans_and_records_that_name_nobody(tmp_path, monkeypatch):
    ids = {"shipping_address_id": "home"}
    rows = [
        reader(1, ids),
        reader(1, {OLD_ID: "S8", "shipping_address_id": "work"}, address("shipping", {"line1": "1 Quai"})),
    ]
    twice = PLANS[0] | {"plan.old_id": "P-Y-2", "plan.amount": "8900", "plan.nickname": "Print, yearly"}
    given = Delivery((), plans=[*PLANS, twice], texts={"customers.csv": as_csv(rows) + "HR9,x\nHR10,y\n"})
    migration = migrate(given, tmp_path)
    frame = migration.staged()
    monkeypatch.chdir(tmp_path)
    queries = drill_down.queries(frame, migration.paths.extract)
    with duckdb.connect() as shell:
        off = [
            (row["Section"], row["Attribute"], column)
            for row in frame.to_dict("records")
            for column, query in queries[row["Section"], row["Attribute"]].items()
            if len(shell.execute(query).fetchall()) != row[column]
        ]
    assert off == []
    assert int(frame.set_index("Attribute").loc["Customers", "Rejected"]) == 2
    assert int(frame.set_index("Attribute").loc["Shipping addresses", "Pelcro Pre-Processed"]) == 2


def test_no_query_shows_a_password(publisher):
    paths, frame = publisher
    for query in drill_down.queries(frame, paths.extract)["Customers", "customer.password"].values():
        assert "customer.password" not in query.split("FROM")[0]
