"""The second count: it agrees where the first is right, names the figure where it is not, and shares nothing with it."""

from __future__ import annotations

import ast
import csv
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pelcro_pipeline.review import second_count, statistics
from pelcro_pipeline.spec import ATTRIBUTES, TABLES
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import (
    OLD_ID,
    PLANS,
    PRODUCTS,
    STATUS,
    Delivery,
    Migration,
    address,
    as_csv,
    crew,
    customer,
    gift,
    migrate,
    reader,
)

Row = dict[str, str]


def numbered(id_: str, number: int) -> Row:
    """A reader by an id that a reader of CSV may take for another."""
    return reader(number, {"customer.old_provider_id": id_})


#: Readers, with what a file can hold that counts otherwise where it is read otherwise.
ROWS = [
    *gift(1, 2),
    # Delivered twice, with one more subscription and another address.
    reader(3, {"billing_address_id": "office", "customer.title": "Head\nof library"}),
    reader(3, {OLD_ID: "S20", STATUS: "unpaid", "billing_address_id": "home"}),
    reader(4, {STATUS: "cancelled"}, address("billing", {"city": ""})),
    reader(5, {"subscription.quantity": "0"}),
    customer(6, {"customer.common_metadata.LoyaltyTier": "gold"}),
    *crew("admin", "member", first=7),
    numbered("007", 9),
    numbered("7", 10),
    numbered("=1+1", 11),
    # Namibia is no empty cell.
    reader(12, address("billing", {"country": "NA", "state": "", "zip": "10001"})),
]
#: Two plans of one name, a product that two sell, and a plan that nobody has.
ALIKE = [*PLANS, PLANS[0] | {"plan.old_id": "P-Y-2", "plan.amount": "8900"}]
RAGGED = as_csv(ROWS) + "HR99,x\n"


@pytest.fixture(scope="module")
def migration(tmp_path_factory) -> Migration:
    made = migrate(Delivery((), PRODUCTS, ALIKE, texts={"customers.csv": RAGGED}), tmp_path_factory.mktemp("home"))
    made.staged()
    return made


@pytest.fixture(scope="module")
def counted(migration) -> pd.DataFrame:
    return statistics.read(migration.paths.statistics)


@pytest.fixture(scope="module")
def again(migration, counted) -> dict[second_count.Figure, int]:
    return second_count.count(migration.paths, counted)


def test_both_counts_agree_whatever_the_cells_hold(counted, again):
    assert second_count.disagreements(counted, again) == []


@pytest.mark.parametrize(
    ("figure", "number"),
    {
        ("Objects", "Customers", "Excel dump"): 13,
        ("Objects", "Customers", "Merged"): 1,
        ("Objects", "Customers", "Rejected"): 1,
        ("Objects", "Subscriptions", "Excluded"): 1,
        ("Objects", "Billing addresses", "Pelcro Pre-Processed"): 9,
        ("Customers", "customer.title", "Pelcro Pre-Processed"): 12,
        ("Customers", "customer.common_metadata.LoyaltyTier", "Pelcro Pre-Processed"): 1,
        ("Billing addresses", "billing_address_id", "Pelcro Pre-Processed"): 2,
        ("Subscriptions by segment", "Unpaid", "Pelcro Pre-Processed"): 1,
        ("Subscriptions by plan", "Print, yearly (P-Y)", "Pelcro Pre-Processed"): 8,
        ("Customers by plan", "Print, yearly (P-Y)", "Pelcro Pre-Processed"): 7,
        ("Customers by product", "The Harbour Crew", "Pelcro Pre-Processed"): 2,
    }.items(),
    ids=str,
)
def test_the_files_tell(figure, number, again):
    assert again[figure] == number


def test_every_figure_that_is_prepared_is_counted_twice(counted, again):
    named = counted["Section"].str.contains(" by p")
    once = [
        (section, name)
        for section, name in zip(counted["Section"][~named], counted["Attribute"][~named], strict=True)
        if (section, name, statistics.PREPARED) not in again
    ]
    assert once == []
    assert {name for _, name, _ in again} >= set(ATTRIBUTES) | {table.title for table in TABLES}
    sold = {name for section, name, _ in again if section == "Subscriptions by plan"}
    assert sold == {"Print, yearly (P-Y)", "Crew, yearly"}


def edited(path: Path, edit: Callable[[list[Row]], list[Row]]) -> None:
    """A CSV file whose records are edited."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(edit(rows))


def cell(column: str, value: str, where: tuple[str, str]) -> Callable[[list[Row]], list[Row]]:
    """Every record that has ``where`` has ``value``."""
    name, held = where
    return lambda rows: [row | {column: value} if row[name] == held else row for row in rows]


HR1 = ("customer.old_provider_id", "HR1")
#: A file, what is edited in it, and what the second count then says.
EDITS = [
    ("prepared/customers", cell("customer.email", "", HR1), "Customers, customer.email, Pelcro Pre-Processed: 12 by the database, 11 by the files"),
    ("prepared/customers", lambda rows: rows[1:], "Objects, Customers, Pelcro Pre-Processed: 12 by the database, 11 by the files"),
    ("prepared/customers", cell("address.billing_line1", "", HR1), "Objects, Billing addresses, Pelcro Pre-Processed: 9 by the database, 8 by the files"),
    ("prepared/customers", cell(STATUS, "unpaid", HR1), "Subscriptions by segment, Unpaid, Pelcro Pre-Processed: 1 by the database, 2 by the files"),
    ("prepared/plans", lambda rows: rows[1:], "Subscriptions by plan, Print, yearly (P-Y), Pelcro Pre-Processed: 8 by the database, 0 by the files"),
    ("prepared/products", cell("product.image", "", ("product.id", "CREW")), "Products, product.image, Pelcro Pre-Processed: 3 by the database, 2 by the files"),
    ("reports/ledger", lambda rows: rows[1:], "Objects, Customers, Excel dump: 13 by the database, 12 by the files"),
    ("reports/ledger", cell("disposition", "rejected", ("disposition", "excluded")), "Objects, Subscriptions, Excluded: 1 by the database, 0 by the files"),
    ("reports/ledger", cell("disposition", "prepared", ("disposition", "merged")), "Objects, Customers, Merged: 1 by the database, 0 by the files"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "edit", "sentence"), EDITS, ids=[f"{name}: {said}" for name, _, said in EDITS])
def test_a_figure_that_differs_is_named_with_both_numbers(name, edit, sentence, migration, counted):
    folder, file = name.split("/")
    path = migration.paths.home / folder / migration.paths.extract / f"{file}.csv"
    before = path.read_bytes()
    try:
        edited(path, edit)
        found = second_count.disagreements(counted, second_count.count(migration.paths, counted))
    finally:
        path.write_bytes(before)
    assert sentence in found


def test_a_measure_that_the_database_leaves_out_is_missed(counted, again):
    short = counted[counted["Attribute"] != "customer.email"]
    assert second_count.disagreements(short, again) == [
        "Customers, customer.email, Pelcro Pre-Processed: 0 by the database, 12 by the files"
    ]


def test_an_extract_without_a_single_customer_is_counted_too(tmp_path):
    """Files of nothing but a header."""
    made = migrate(Delivery([reader(1, {"customer.old_provider_id": "HR1"}, {"subscription.quantity": "0"})]), tmp_path)
    paths: ExtractPaths = made.paths
    frame = made.staged()
    for name in ("customers", "products", "plans"):
        path = paths.prepared / f"{name}.csv"
        path.write_text(path.read_text().splitlines()[0] + "\n")
    again = second_count.count(paths, frame)
    assert {number for (_, _, column), number in again.items() if column == statistics.PREPARED} == {0}


def test_the_second_count_shares_no_code_with_the_first():
    tree = ast.parse(Path(second_count.__file__).read_text())
    taken: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            taken |= {each.name: set() for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            taken.setdefault(node.module or "", set()).update(each.name for each in node.names)
    assert taken["pelcro_pipeline.review.statistics"] == {"DUMP", "PREPARED", "SEGMENTS"}
    ours = {name for name in taken if name.startswith("pelcro_pipeline")} - {"pelcro_pipeline.review.statistics"}
    assert ours == {"pelcro_pipeline.spec", "pelcro_pipeline.spec.model", "pelcro_pipeline.workspace.places"}
    assert "duckdb" not in taken
