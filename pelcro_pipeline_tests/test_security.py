"""What a delivery may hold of harm, and what a run may leave behind."""

from __future__ import annotations

import csv
import shutil
import socket
from pathlib import Path

import pytest

from pelcro_pipeline.review import sign_off, statistics
from pelcro_pipeline.workspace import purge
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import (
    OLD_ID,
    ON_THE_DAY,
    ONLINE,
    PLAN_ID,
    PLANS,
    PRODUCTS,
    Delivery,
    Watcher,
    reader,
)
from pelcro_pipeline_tests.workbooks import unpacked

dg = pytest.importorskip("dagster")

EXTRACT = "harbour-review"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("https://example.com")')
PERSONAL = ("customer.email", "customer.last_name", "customer.phone", "address.billing_line1")
HASH = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"


def run(home: Path, delivery: Delivery, patched: pytest.MonkeyPatch) -> ExtractPaths:
    """A dry run through Dagster, recorded in the workspace's instance."""
    from pelcro_pipeline.defs import run as jobs

    patched.setenv("PELCRO_HOME", str(home))
    patched.setattr("pelcro_pipeline.defs.production.now", lambda: ON_THE_DAY)
    patched.delenv("DAGSTER_HOME", raising=False)
    paths = ExtractPaths(home, EXTRACT)
    delivery.into(paths.delivered)
    jobs.job("dry_run", paths, {}, Watcher())
    signature = {"signed_by": "Jane", "role": "Publisher", "accept": list(sign_off.open_questions(paths))}
    jobs.job("sign_off", paths, {"review__sign_off": {"config": signature}}, Watcher())
    jobs.job("production", paths, {}, Watcher())
    return paths


def test_a_migration_connects_to_nothing(tmp_path, monkeypatch):
    def refused(self: socket.socket, address: object) -> None:
        raise AssertionError(f"connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)
    assert run(tmp_path, Delivery([reader(1)]), monkeypatch).database("production").exists()


def cells(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [cell for row in csv.reader(file) for cell in row]


def content(path: Path) -> bytes:
    """What a file says; a workbook's sheets are packed."""
    if path.suffix != ".xlsx":
        return path.read_bytes()
    return b"".join(unpacked(path))


@pytest.fixture(scope="module")
def armed(tmp_path_factory) -> ExtractPaths:
    """A migration of readers whose ids, and of a product and a plan whose names, are formulas."""
    rows = [
        reader(number, {"customer.old_provider_id": formula, "subscription.type": formula, OLD_ID: formula})
        for number, formula in enumerate(FORMULAS, start=1)
    ]
    named = [{**plan, "plan.nickname": f"={plan['plan.nickname']}"} for plan in PLANS]
    products = [{**product, "product.name": "@" + product["product.name"]} for product in PRODUCTS]
    with pytest.MonkeyPatch.context() as patched:
        return run(tmp_path_factory.mktemp("home"), Delivery([*rows, reader(9)], products, named), patched)


@pytest.mark.parametrize("report", ["findings", "ledger", "statistics"])
def test_no_cell_of_a_report_runs_in_a_spreadsheet(report, armed):
    found = cells(armed.reports / f"{report}.csv")
    assert [cell for cell in found if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert any(cell.startswith(("'=", "'@")) for cell in found)


def test_no_cell_of_the_statistics_workbook_is_a_formula(armed):
    assert b"=Print, yearly" in content(armed.statistics_workbook)
    assert b"<f>" not in content(armed.statistics_workbook)


def test_prepared_files_hold_what_was_delivered(armed):
    assert {"=1+1", "+1", "-1", "@SUM(A1)"} <= set(cells(armed.prepared / "customers.csv"))
    assert any(cell.startswith("=") for cell in cells(armed.prepared / "plans.csv"))


def test_statistics_are_read_as_they_were_counted(armed):
    frame = statistics.read(armed.statistics)
    assert frame["Attribute"].str.startswith("=").any()
    assert (frame[statistics.STAGING] == frame[statistics.PRODUCTION]).all()


def test_a_password_s_hash_is_found_nowhere_but_where_it_belongs(tmp_path, monkeypatch):
    password = {"customer.password": HASH, "customer.common_metadata.password_encryption": "bcrypt"}
    broken = {"customer.password": HASH + "x", "customer.common_metadata.password_encryption": "rot13"}
    home = tmp_path / "home"
    paths = run(
        home, Delivery([reader(1, password), reader(2, broken), reader(3, {PLAN_ID: "NO", **password})]), monkeypatch
    )
    belongs = {paths.delivered, paths.prepared, paths.archive, paths.tables / "conversion", paths.tables / "analysis"}
    belongs |= {paths.database("staging"), paths.database("production")}
    holding = [path for path in home.rglob("*") if path.is_file() and HASH.encode() in path.read_bytes()]
    assert paths.delivered / "customers.csv" in holding
    assert [path for path in holding if not belongs & {path, *path.parents}] == []
    reports = [path for path in paths.reports.rglob("*") if path.is_file()]
    assert [path.name for path in reports if HASH.encode() in content(path)] == []


def test_what_is_made_is_its_owner_s_alone(armed):
    made = [path for path in armed.home.rglob("*") if armed.home / "dagster" not in path.parents]
    made = [path for path in made if armed.delivered not in (path, *path.parents) and path != armed.delivered.parent]
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_products_and_plans_that_are_formulas_reach_the_target_as_they_are(armed):
    import duckdb

    with duckdb.connect(str(armed.database("production")), read_only=True) as connection:
        names = {name for (name,) in connection.execute('SELECT "product.name" FROM products').fetchall()}
    assert "@" + ONLINE["product.name"] in names


def test_what_a_purge_keeps_names_nobody(armed, tmp_path):
    shutil.copytree(armed.home, tmp_path / "home")
    paths = ExtractPaths(tmp_path / "home", EXTRACT)
    purge.purge(paths)
    assert sorted(paths.reports.iterdir()) == sorted(paths.counts)
    kept = b"".join(map(content, paths.counts))
    people = {row[column] for row in (reader(1), reader(9)) for column in PERSONAL}
    assert [each for each in people if each.encode() in kept] == []
