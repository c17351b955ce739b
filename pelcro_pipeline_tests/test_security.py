"""What a delivery may hold of harm, and what a run may leave behind."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import shutil
import socket
import sqlite3
import tempfile
from pathlib import Path

import duckdb
import pytest

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.review import sign_off, statistics
from pelcro_pipeline.workspace import purge
from pelcro_pipeline.workspace.intake import PASSWORD_SAMPLES
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


def run_again(paths: ExtractPaths) -> None:
    """Another dry run in the same instance."""
    from pelcro_pipeline.defs import run as jobs

    jobs.job("dry_run", paths, {}, Watcher())


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


#: Six readers' passwords, and a salt and a pepper that are all their own.
PLAIN = [f"Zwieback-{number}-mit-Honig" for number in range(6)]
SALT, PEPPER = "Meersalz", "Pfefferkorn"
SCHEME = "customer.common_metadata.password_encryption"


def salted(plain: str) -> str:
    return hashlib.md5(f"{SALT}{plain}{PEPPER}".encode(), usedforsecurity=False).hexdigest()


def text_of(path: Path) -> bytes:
    """What a file says, unpacked: workbooks, parquet, and the records of the runs."""
    if path.suffix == ".parquet":
        return repr(duckdb.read_parquet(str(path)).fetchall()).encode()
    if path.suffix == ".db":
        with contextlib.closing(sqlite3.connect(path)) as recorded:
            return "\n".join(recorded.iterdump()).encode()
    return content(path)


def test_passwords_and_their_samples_are_found_nowhere_but_where_they_belong(tmp_path, monkeypatch):
    """Nor where the samples cannot be used."""
    hashes = [salted(plain) for plain in PLAIN]
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "temporary").mkdir()
    rows = [reader(number, {"customer.password": hash_, SCHEME: "MD5"}) for number, hash_ in enumerate(hashes)]
    rows += [
        reader(7, {"customer.password": HASH + "x", SCHEME: "rot13"}),
        reader(8, {"customer.password": PLAIN[0], SCHEME: "plain text"}),
    ]
    rows += [
        reader(9, {PLAN_ID: "NO", "customer.password": HASH, SCHEME: "bcrypt"}),
        reader(10, {"customer.password": HASH[:30], SCHEME: "bcrypt"}),
    ]
    samples = "id,plain,salt,pepper\n" + "".join(
        f"HR{number},{plain},{SALT},{PEPPER}\n" for number, plain in enumerate(PLAIN)
    )
    home = tmp_path / "home"
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        paths = run(home, Delivery(rows, texts={PASSWORD_SAMPLES: samples}), monkeypatch)
        counted = paths.passwords.read_text(encoding="utf-8")
        (paths.delivered / PASSWORD_SAMPLES).write_text(
            samples + f"HR99,{PLAIN[1]},{SALT},{PEPPER}\n", encoding="utf-8"
        )
        with pytest.raises(UnusableInputError, match="line 8: no delivered customer has that id"):
            run_again(paths)
    assert "passwords by scheme,MD5,6,6" in counted and ",6,True" in counted
    belongs = {paths.delivered, paths.prepared, paths.archive, paths.tables / "conversion", paths.tables / "analysis"}
    belongs |= {paths.database("staging"), paths.database("production")}
    made = {
        path: text_of(path) for path in tmp_path.rglob("*") if path.is_file() and not belongs & {path, *path.parents}
    }
    assert any(path.suffix == ".db" for path in made)
    assert hashes[0].encode() in text_of(paths.prepared / "customers.csv")
    told = made | {"standard output": out.getvalue().encode(), "standard error": err.getvalue().encode()}
    for secret in (HASH, HASH[:30], *hashes, *PLAIN, SALT, PEPPER):
        assert [path for path, text in told.items() if secret.encode() in text] == []


def test_what_is_made_is_its_owner_s_alone(armed):
    made = [path for path in armed.home.rglob("*") if armed.home / "dagster" not in path.parents]
    made = [path for path in made if armed.delivered not in (path, *path.parents) and path != armed.delivered.parent]
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_products_and_plans_that_are_formulas_reach_the_target_as_they_are(armed):
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
