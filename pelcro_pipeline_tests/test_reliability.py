"""What holds whatever happens: kills, a full disk, files and days that change under a run, two runs at once, chance."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import duckdb
import pytest

from pelcro_pipeline import connection as duck
from pelcro_pipeline import lock, writing
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.review import sign_off, statistics
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace import ExtractPaths
from pelcro_pipeline_tests.extract import Delivery, Migration, changed, migrate, reader
from pelcro_pipeline_tests.test_graph import Silent

BUNDLED = sorted(each for each in (Path(__file__).parents[1] / "data" / "extracts").iterdir() if each.is_dir())


@pytest.fixture
def threads(monkeypatch):
    """Sets the threads of every connection that is opened from then on."""
    connect = duck.connect

    def set_to(count: int) -> None:
        def connected(*given, **named) -> duckdb.DuckDBPyConnection:
            connection = connect(*given, **named)
            connection.execute(f"SET threads = {count}")
            return connection

        monkeypatch.setattr(duck, "connect", connected)

    return set_to


def made(migration: Migration) -> dict[str, object]:
    """What a dry run made: bytes of files, rows of the archive."""
    migration.staged()
    paths = migration.paths
    return {
        **{each.name: each.read_bytes() for each in (*paths.prepared.iterdir(), paths.statistics)},
        **{each.name: duckdb.sql(f"FROM '{each}'").fetchall() for each in paths.archive.iterdir()},
        "findings": migration.findings,
        "ledger": migration.ledger,
    }


@pytest.mark.parametrize("extract", BUNDLED, ids=lambda extract: extract.name)
def test_every_run_makes_the_same_however_many_threads(extract, threads, tmp_path):
    threads(1)
    once = made(migrate(extract, tmp_path / "once"))
    for run in ("again", "and again"):
        threads(4)
        assert made(migrate(extract, tmp_path / run)) == once


def test_addresses_of_both_types_left_over_by_one_record_have_an_order(tmp_path):
    ids = {"billing_address_id": "B-1", "shipping_address_id": "S-1"}
    others = {"billing_address_id": "B-2", "shipping_address_id": "S-2"}
    unsubscribed = {name: cell for name, cell in reader(1, others).items() if not name.startswith("subscription.")}
    migration = migrate(Delivery([reader(1, ids), unsubscribed]), tmp_path)
    assert [(each["billing_address_id"], each["shipping_address_id"]) for each in migration.prepared("customers")] == [
        ("B-1", "S-1"),
        ("B-2", ""),
        ("", "S-2"),
    ]


def test_a_folder_moved_aside_by_a_killed_run_is_put_back(tmp_path):
    paths = ExtractPaths(tmp_path, "harbour-review")
    for folder in paths.folders:
        writing.private_folder(folder)
        (folder / "earlier").touch()
    for folder in paths.folders:
        folder.rename(folder.with_name(f"{folder.name}.replaced"))
    assert writing.stands(paths.delivered)
    with lock.held(paths):
        assert [folder for folder in paths.folders if not (folder / "earlier").is_file()] == []
    assert list(tmp_path.rglob("*.replaced")) == []


def test_a_folder_that_cannot_be_replaced_stands_as_it_was(tmp_path, monkeypatch):
    folder = writing.private_folder(tmp_path / "folder")
    (folder / "earlier").touch()
    rename = Path.rename

    def no_space(path: Path, to: Path) -> Path:
        if path.name.endswith(".unfinished"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return rename(path, to)

    with pytest.raises(OSError, match="No space"), writing.whole_folder(folder):
        monkeypatch.setattr(Path, "rename", no_space)
    assert [str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*")] == ["folder", "folder/earlier"]


def test_a_load_that_was_killed_cannot_be_taken_back(tmp_path):
    migration = migrate(Delivery([reader(1)]), tmp_path)
    path = migration.paths.database("production")
    writing.private_folder(path.parent)
    database._keep(path)
    with pytest.raises(RefusedError, match="There is no load of"):
        database.revert(path)
    database.load(migration.files, path)
    database._keep(path)
    with pytest.raises(RefusedError, match="There is no load of"):
        database.revert(path)
    assert path.is_file()


def test_a_dry_run_cut_short_leaves_nothing_to_sign(tmp_path, monkeypatch):
    pytest.importorskip("dagster")
    from pelcro_pipeline.defs import run

    monkeypatch.setenv("PELCRO_HOME", str(tmp_path))
    migration = migrate(Delivery([reader(1)]), tmp_path)
    migration.staged()
    sign_off.sign(migration.paths, "Jane Doe", "Publisher")
    changed(migration.paths.delivered / "customers.csv", "Montréal", "Québec")
    with pytest.raises(RefusedError, match="has changed since it was read"):
        sign_off.sign(migration.paths, "Jane Doe", "Publisher")

    def stopped(*_: object) -> None:
        raise RefusedError("Stopped before it was counted.")

    monkeypatch.setattr(statistics, "staging", stopped)
    with pytest.raises(RefusedError, match="before it was counted"):
        run.job("dry_run", migration.paths, {}, Silent())
    with pytest.raises(RefusedError, match="not as it was counted"):
        sign_off.sign(migration.paths, "Jane Doe", "Publisher")
