"""The bundled extracts, from delivery to staging: every defect found where it lies, nothing lost, nothing made up."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pelcro_pipeline.review import progress
from pelcro_pipeline_tests.extract import Delivery, Migration, migrate

ROOT = Path(__file__).resolve().parent
EXTRACTS = ROOT.parent / "data" / "extracts"
GUIDE, PUBLISHER = "guide-examples", "harbour-review-2026-10-01"
BUNDLED = sorted(each.name for each in EXTRACTS.iterdir() if each.is_dir())

#: Findings beside the labels, which list the defects of single records alone.
UNLISTED = {
    # Every password of the publisher is under one of three schemes, and it delivers no samples.
    "CUS-PASSWORD-UNPROVEN": 3,
}
#: What falls with a labelled defect, by the cause that the ledger names.
CLOSED = {
    # Subscriptions of the one plan whose price is no whole number of cents.
    "PLN-AMOUNT": 9,
    # The other side of a gift of which one side has no known collection method.
    "SUB-COLLECTION": 1,
}


@pytest.fixture(scope="module", params=BUNDLED)
def migration(request, tmp_path_factory) -> Migration:
    return migrate(EXTRACTS / request.param, tmp_path_factory.mktemp("home"), request.param)


@pytest.fixture(scope="module", params=[GUIDE, PUBLISHER])
def of_three_files(request, tmp_path_factory) -> Migration:
    return migrate(EXTRACTS / request.param, tmp_path_factory.mktemp("home"), request.param)


@pytest.fixture(scope="module")
def publisher(tmp_path_factory) -> Migration:
    return migrate(EXTRACTS / PUBLISHER, tmp_path_factory.mktemp("home"), PUBLISHER)


@pytest.fixture(scope="module")
def labels() -> list[dict]:
    with (ROOT / "labels" / f"{PUBLISHER}.csv").open(encoding="utf-8", newline="") as file:
        return [row | {"line": int(row["line"])} for row in csv.DictReader(file)]


def delivered(migration: Migration, file: str) -> list[dict]:
    with (migration.paths.delivered / file).open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def test_every_object_received_has_one_disposition(migration):
    assert migration.broken == []
    dispositions = migration.dispositions.set_index("object")
    accounted = dispositions[["prepared", "merged", "rejected", "excluded"]].sum(axis=1)
    assert (dispositions["received"] == accounted).all()


def test_what_was_received_is_what_was_delivered(of_three_files):
    received = of_three_files.dispositions.set_index("object")["received"]
    people = delivered(of_three_files, "customers.csv")
    assert received["customer"] == len(people)
    assert received["product"] == len(delivered(of_three_files, "products.csv"))
    assert received["plan"] == len(delivered(of_three_files, "plans.csv"))
    for type_ in ("billing", "shipping"):
        held = [row for row in people if any(cell for name, cell in row.items() if f".{type_}_" in name)]
        assert received[f"{type_} address"] == len(held)


def test_the_readme_shows_what_becomes_of_the_bundled_publisher(publisher):
    publisher.staged()
    shown = (ROOT.parent / "README.md").read_text(encoding="utf-8")
    table = shown.split("received  prepared  merged  rejected  excluded  staged\n")[1].split("\n```")[0]
    assert [tuple(re.split("  +", line)) for line in table.splitlines()] == [
        (title, *(f"{count:,}" for count in counts)) for title, *counts in progress.dispositions(publisher.paths)
    ]


def test_what_stands_is_in_the_form_that_pandera_states(migration):
    assert migration.nonconforming == []


def test_every_record_stands_on_its_physical_line(of_three_files):
    """Counts alone would be right with every record on another's line."""
    lines = (of_three_files.paths.delivered / "customers.csv").read_text(encoding="utf-8").split("\n")
    placed = [
        each for each in of_three_files.ledger if each["file"] == "customers.csv" and each["object"] == "customer"
    ]
    assert [each for each in placed if not lines[each["line"] - 1].startswith(f"{each['key']},")] == []


def test_the_archive_holds_every_record_left_behind_with_its_raw_cells(of_three_files):
    for file in ("customers.csv", "products.csv", "plans.csv"):
        left = [
            each
            for each in of_three_files.ledger
            if each["file"] == file and each["disposition"] in ("rejected", "excluded")
        ]
        archived = of_three_files.archived(f"{file}.records.parquet")
        assert [(each["line"], each["object"], each["rule"]) for each in archived] == [
            (each["line"], each["object"], each["rule"]) for each in left
        ]
        rows = delivered(of_three_files, file)
        as_delivered = {tuple(cell for cell in row.values() if isinstance(cell, str)) for row in rows}
        for record in archived:
            cells = tuple(record[name] or "" for name in record if name in _own(rows, record))
            assert cells in as_delivered


def _own(rows: list[dict], record: dict) -> list[str]:
    return [name for name in record if name in rows[0]]


def test_prepared_files_fed_back_in_come_out_byte_for_byte(migration, tmp_path):
    names = ("customers.csv", "products.csv", "plans.csv")
    before = {name: (migration.paths.prepared / name).read_bytes() for name in names}
    settings = (migration.paths.delivered / "extract.toml").read_text(encoding="utf-8")
    again = migrate(Delivery((), (), (), settings, before), tmp_path)
    assert {each["severity"] for each in again.findings} <= {"question"}
    assert {each["disposition"] for each in again.ledger} <= {"prepared", "merged"}
    assert {name: (again.paths.prepared / name).read_bytes() for name in names} == before


def test_products_and_plans_delivered_back_as_one_file_are_accepted_whole(migration, tmp_path):
    names = ("customers.csv", "products_and_plans.csv")
    before = {path.name: path.read_bytes() for path in migration.paths.prepared.glob("*.csv")}
    settings = (migration.paths.delivered / "extract.toml").read_text(encoding="utf-8")
    again = migrate(Delivery((), (), (), settings, {name: before[name] for name in names}), tmp_path)
    assert [each for each in again.findings if each["object"] in ("product", "plan")] == []
    assert {each["disposition"] for each in again.ledger} <= {"prepared", "merged"}
    after = {path.name: path.read_bytes() for path in again.paths.prepared.glob("*.csv")}
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    # Plans stand with their product now.
    assert {name: sorted(each.split(b"\n")) for name, each in after.items()} == {
        name: sorted(each.split(b"\n")) for name, each in before.items()
    }


def test_staging_holds_what_is_prepared(migration):
    objects = migration.staged().query("Section == 'Objects'").set_index("Attribute")
    prepared = migration.dispositions.set_index("object")["prepared"]
    for title, object_ in {
        "Customers": "customer",
        "Billing addresses": "billing address",
        "Shipping addresses": "shipping address",
        "Subscriptions": "subscription",
        "Products": "product",
        "Plans": "plan",
    }.items():
        assert objects.loc[title, "Dry-run (staging)"] == prepared[object_]
        assert objects.loc[title, "Pelcro Pre-Processed"] == prepared[object_]


def test_the_publisher_s_findings_are_exactly_its_labels(publisher, labels):
    found = Counter(
        tuple(each[name] for name in ("file", "line", "object", "attribute", "rule", "severity"))
        for each in publisher.findings
        if each["rule"] not in UNLISTED
    )
    assert found == Counter(tuple(row.values()) for row in labels if row["severity"] != "excluded")
    assert Counter(each["rule"] for each in publisher.findings if each["rule"] in UNLISTED) == UNLISTED


def test_the_benchmark_s_findings_are_its_labels_whatever_else_its_cells_hold(tmp_path):
    """Long numbers, other scripts, long text and empty columns are no defects."""
    generated, listed = tmp_path / "benchmark", tmp_path / "labels.csv"
    asked = ["benchmark", generated, "--subscriptions", "3000", "--labels", listed]
    subprocess.run([sys.executable, EXTRACTS.parent / "generate.py", *map(str, asked)], check=True)
    migration = migrate(generated, tmp_path / "home", "benchmark")
    with listed.open(encoding="utf-8", newline="") as file:
        labelled = Counter(
            (row["line"], row["object"], row["attribute"], row["rule"])
            for row in csv.DictReader(file)
            if row["severity"] != "excluded"
        )
    found = Counter(
        (str(each["line"]), each["object"], each["attribute"], each["rule"])
        for each in migration.findings
        if each["line"] is not None
    )
    assert found == labelled
    whole_files = {each["rule"] for each in migration.findings if each["line"] is None}
    assert whole_files == {"FILE-HEADER", "CUS-PASSWORD-UNPROVEN"}


def test_the_publisher_s_excluded_records_are_exactly_its_labels(publisher, labels):
    excluded = Counter(
        (each["file"], each["line"], each["object"], each["rule"])
        for each in publisher.ledger
        if each["disposition"] == "excluded"
    )
    # One that renews is asked about beside its exclusion.
    ended = {"SUB-ENDED-ACTIVE": "SUB-EXPIRED"}
    assert excluded == Counter(
        (row["file"], row["line"], row["object"], ended.get(row["rule"], row["rule"]))
        for row in labels
        if row["severity"] == "excluded" or row["rule"] in ended
    )


def test_the_publisher_s_rejected_records_are_its_labels_and_what_falls_with_them(publisher, labels):
    rejected = {
        (each["file"], each["line"], each["object"]): each
        for each in publisher.ledger
        if each["disposition"] == "rejected"
    }
    labelled = {(row["file"], row["line"], row["object"]) for row in labels if row["severity"] == "reject"}
    closed = {place: each for place, each in rejected.items() if each["rule"] == "REL-CLOSURE"}
    # With another reader all that stands on their line.
    beside = {
        (file, line, object_)
        for (file, line, object_), each in rejected.items()
        if each["rule"] == "CUS-TWO-PEOPLE" and object_ != "customer"
    }
    assert set(rejected) - set(closed) - beside == labelled
    assert Counter(each["detail"].split()[0] for each in closed.values()) == CLOSED


def test_the_guide_s_own_rows_are_migrated_but_for_the_one_it_leaves_incomplete(tmp_path):
    migration = migrate(EXTRACTS / GUIDE, tmp_path)
    # Its second subscription gives no shipments remaining, on a plan that ships.
    assert [each for each in migration.fallen if "rejected" in each or "excluded" in each] == [
        "customers.csv:7 subscription: rejected SUB-SHIPMENTS"
    ]
    assert [row["customer.old_provider_id"] for row in migration.prepared("customers")] == [
        "143278",
        "abc1234",
        "1234abc",
        "1234abc",
        "abcdef",
    ]
