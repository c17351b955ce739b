"""What holds whatever happens: kills, a full disk, files and days that change under a run, two runs at once, chance."""

from __future__ import annotations

import datetime
import errno
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery import recognition
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine import machine
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.prepared import archive
from pelcro_pipeline.prepared.files import NAMES
from pelcro_pipeline.review import sign_off, statistics
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace import atomic, lock, places
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.command_line import command, refused
from pelcro_pipeline_tests.extract import (
    PLAN_ID,
    PLANS,
    PRODUCTS,
    Delivery,
    Migration,
    Row,
    Watcher,
    changed,
    crew,
    customer,
    gift,
    migrate,
    reader,
)

pytestmark = pytest.mark.long
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
    for name in ("again", "and again"):
        threads(4)
        assert made(migrate(extract, tmp_path / name)) == once


def test_the_order_of_the_records_decides_no_disposition(tmp_path):
    given = [
        *gift(1, 2),
        *crew("admin", "member", first=3),
        reader(5, {"subscription.quantity": "0"}),
        reader(6, {PLAN_ID: "no such plan"}),
        reader(7, {"address.shipping_country": "nowhere"}),
        reader(8, {"customer.email": "none"}),
        customer(9),
    ]
    delivered = migrate(Delivery(given), tmp_path / "delivered")
    for seed in range(3):
        shuffled = random.Random(seed).sample(given, len(given))
        migration = migrate(Delivery(shuffled, PRODUCTS[::-1], PLANS[::-1]), tmp_path / str(seed))
        assert dispositions(migration) == dispositions(delivered)
        for name in NAMES:
            assert contents(migration.prepared(name)) == contents(delivered.prepared(name))


def dispositions(migration: Migration) -> Counter[tuple]:
    """What became of each object, whatever its line."""
    return Counter((each["object"], each["key"], each["disposition"], each["rule"]) for each in migration.ledger)


def contents(records: list[Row]) -> Counter[tuple]:
    """The records, whatever their order."""
    return Counter(tuple(each.items()) for each in records)


def test_the_times_of_the_files_decide_nothing(tmp_path):
    folder = Delivery([reader(1), reader(2)]).into(tmp_path / "delivered" / "extracts" / "harbour-review")
    expected = made(migrate(Delivery([reader(1), reader(2)]), tmp_path / "now"))
    for at in (0, 4_000_000_000):
        paths = ExtractPaths(tmp_path / str(at), folder.name)
        shutil.copytree(folder, paths.delivered)
        for each in paths.delivered.iterdir():
            os.utime(each, (at, at))
        assert made(migrate(paths.delivered, paths.home)) == expected


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
        atomic.private_folder(folder)
        (folder / "earlier").touch()
    for folder in paths.folders:
        folder.rename(folder.with_name(f"{folder.name}.replaced"))
    assert atomic.stands(paths.delivered)
    with lock.held(paths):
        assert [folder for folder in paths.folders if not (folder / "earlier").is_file()] == []
    assert list(tmp_path.rglob("*.replaced")) == []


def test_a_folder_that_cannot_be_replaced_stands_as_it_was(tmp_path, monkeypatch):
    folder = atomic.private_folder(tmp_path / "folder")
    (folder / "earlier").touch()
    rename = Path.rename

    def no_space(path: Path, to: Path) -> Path:
        if path.name.endswith(".unfinished"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return rename(path, to)

    with pytest.raises(OSError, match="No space"), atomic.folder(folder):
        monkeypatch.setattr(Path, "rename", no_space)
    assert [str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*")] == ["folder", "folder/earlier"]


def test_a_load_that_was_killed_cannot_be_taken_back(tmp_path):
    migration = migrate(Delivery([reader(1)]), tmp_path)
    path = migration.paths.database("production")
    atomic.private_folder(path.parent)
    database._keep(path)
    with pytest.raises(RefusedError, match="There is no load of"):
        database.revert(path)
    database.load(migration.files, path)
    database._keep(path)
    with pytest.raises(RefusedError, match="There is no load of"):
        database.revert(path)
    assert path.is_file()


@pytest.fixture
def dry_run(tmp_path, monkeypatch):
    """Runs an extract of the workspace dry, in Dagster."""
    pytest.importorskip("dagster")
    from pelcro_pipeline.defs import run

    monkeypatch.setenv("PELCRO_HOME", str(tmp_path))
    return lambda paths: run.job("dry_run", paths, {}, Watcher())


def test_a_dry_run_cut_short_leaves_nothing_to_sign(dry_run, tmp_path, monkeypatch):
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
        dry_run(migration.paths)
    with pytest.raises(RefusedError, match="not as it was counted"):
        sign_off.sign(migration.paths, "Jane Doe", "Publisher")


REFUSED_BY_THE_MACHINE = {
    "a full disk": lambda folder: (folder / "full").write_text("written"),
    "a full disk, by DuckDB": lambda folder: duckdb.sql(f"COPY (FROM range(100000)) TO '{folder / 'full'}'"),
    "a full disk, copied to": lambda folder: shutil.copytree(folder / "from", folder / "to", dirs_exist_ok=True),
    "a file for a folder": lambda folder: atomic.private_folder(folder / "from" / "file" / "folder"),
    "a file for a folder, by DuckDB": lambda folder: duckdb.sql(
        f"COPY (SELECT 1) TO '{folder / 'from' / 'file' / 'a'}'"
    ),
    "what is gone": lambda folder: (folder / "gone").read_text(),
}


@pytest.mark.parametrize("work", REFUSED_BY_THE_MACHINE.values(), ids=REFUSED_BY_THE_MACHINE)
def test_what_the_machine_refuses_is_a_sentence_that_names_the_place(work, tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "from" / "file").write_text("a delivered line\n")
    (tmp_path / "full").symlink_to("/dev/full")
    (tmp_path / "to" / "file").symlink_to("/dev/full")
    with pytest.raises(RefusedError, match="then start this again") as refused, machine.translated():
        work(tmp_path)
    assert str(tmp_path) in str(refused.value) or str(places.home()) in str(refused.value)


#: DuckDB's settings that leave too little, and what is said of it.
TOO_LITTLE = {
    "memory": (
        {"temp_directory": ""},
        "DuckDB may take 95.3 MiB of memory, too little for this extract: allow it more",
    ),
    "space to spill": ({"max_temp_directory_size": "50MB"}, "No space left on device: free space on its disk"),
}


@pytest.mark.parametrize(("given", "said"), TOO_LITTLE.values(), ids=TOO_LITTLE)
def test_too_little_memory_or_space_to_spill_is_a_sentence(given, said, tmp_path):
    connection = duckdb.connect()
    for name, value in ({"temp_directory": str(tmp_path), "memory_limit": "100MB"} | given).items():
        connection.execute(f"SET {name} = '{value}'")
    with pytest.raises(RefusedError, match=said), machine.translated():
        connection.execute("CREATE TABLE wide AS SELECT range || repeat('x', 100) AS x FROM range(5000000) ORDER BY x")


def test_what_the_machine_does_not_refuse_passes_as_it_is():
    with pytest.raises(duckdb.ParserException), machine.translated():
        duckdb.sql("no SQL")


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch):
    told = recognition.refuse_missing

    def grown(read: Manifest, connection: duckdb.DuckDBPyConnection) -> None:
        told(read, connection)
        grow(Path(read.files[0].delivered))

    monkeypatch.setattr(recognition, "refuse_missing", grown)
    with pytest.raises(UnusableInputError, match="harbour-review changed while it was read"):
        migrate(Delivery([reader(1)]), tmp_path)


def grow(path: Path) -> None:
    """Write a last line once more."""
    with path.open("a", encoding="utf-8") as file:
        file.write(path.read_text(encoding="utf-8").splitlines(keepends=True)[-1])


@pytest.mark.parametrize(("room", "made"), [(tables, "conversion"), (archive, "archive")])
def test_a_file_that_changes_while_it_is_converted_or_archived_is_refused(room, made, dry_run, tmp_path, monkeypatch):
    paths = ExtractPaths(tmp_path, "harbour-review")
    Delivery([reader(1)]).into(paths.delivered)
    done = room.write

    def grown(*given: object) -> object:
        result = done(*given)
        grow(paths.delivered / "customers.csv")
        return result

    monkeypatch.setattr(room, "write", grown)
    with pytest.raises(UnusableInputError, match=r"customers\.csv has changed since it was read"):
        dry_run(paths)
    assert not getattr(paths, made).exists()
    assert list(tmp_path.rglob("*.unfinished")) == []


def test_every_step_judges_by_the_day_of_the_reading(dry_run, tmp_path, monkeypatch):
    paths = ExtractPaths(tmp_path, "harbour-review")
    Delivery([reader(1)], settings="taxes = false\n").into(paths.delivered)
    days = iter([datetime.date(2026, 11, 1), datetime.date(2026, 11, 2)])
    monkeypatch.setattr(Settings, "today", property(lambda settings: settings.migration_date or next(days)))
    dry_run(paths)
    assert Manifest.load(paths.manifest).settings.migration_date == datetime.date(2026, 11, 1)
    assert next(days) == datetime.date(2026, 11, 2)


@pytest.mark.crashes
def test_a_kill_at_any_moment_leaves_the_earlier_or_the_later():
    """A small share of what benchmarks/crashes.py does by the hundred."""
    root = BUNDLED[0].parents[2]
    killing = [root / "benchmarks" / "crashes.py", "--up-to", "dry-run", "--kills", "6", "--extract", BUNDLED[0]]
    done = subprocess.run(
        [sys.executable, *killing],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_killed_run_is_reported_by_the_next_one_and_by_the_ui(tmp_path):
    pytest.importorskip("dagster")
    from pelcro_pipeline.defs import run

    folder = Delivery([reader(1)]).into(tmp_path / "harbour-review")
    paths = ExtractPaths(tmp_path / "home", folder.name)
    for next_one in (lambda: command(paths.home, "dry-run", paths.extract), lambda: run.register(paths.home)):
        killed = commanded(paths.home, "dry-run", folder)
        while not (paths.lock.exists() and paths.lock.read_text()):
            assert killed.poll() is None
            time.sleep(0.01)
        killed.kill()
        killed.wait()
        identity = lock.killed(paths)
        assert statuses(paths.home)[identity] == "STARTED"
        next_one()
        assert statuses(paths.home)[identity] == "FAILURE"
    assert "STARTED" not in statuses(paths.home).values()


def statuses(home: Path) -> dict[str, str]:
    """How each run of a workspace stands, by its id."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        return {each.run_id: each.status.value for each in instance.get_runs()}


def commanded(home: Path, *arguments: object, bound: Sequence[str] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*bound, sys.executable, "-c", "from pelcro_pipeline.cli import main; main()", *map(str, arguments)],
        env={name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")}
        | {"PELCRO_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_while_a_run_is_on_nothing_else_touches_its_extract(tmp_path):
    folder = Delivery([reader(1)]).into(tmp_path / "harbour-review")
    paths = ExtractPaths(tmp_path / "home", folder.name)
    assert command(paths.home, "dry-run", folder).returncode == 0
    before = files_of(paths)
    changed(folder / "customers.csv", "Montréal", "Québec")
    signed = ("sign-off", folder.name, "--by", "Jane Doe", "--role", "Publisher")
    with lock.held(paths):
        for other in (("dry-run", folder), ("revert", folder.name), ("purge", folder.name), signed):
            assert "Another run is working on harbour-review" in refused(command(paths.home, *other), 1)
    assert files_of(paths) == before


def files_of(paths: ExtractPaths) -> dict[str, bytes]:
    """The delivered files, the prepared ones and the reports."""
    folders = (paths.delivered, paths.prepared, paths.reports)
    files = (each for folder in folders for each in folder.rglob("*") if each.is_file())
    return {str(each.relative_to(paths.home)): each.read_bytes() for each in files}


#: Root writes wherever it likes; without this right the bits of a folder stop it as they stop anybody.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
FORBIDDEN = {
    "the reports": (lambda paths: paths.reports, 0o500),
    "the prepared files": (lambda paths: paths.prepared.parent, 0o500),
    "the records of Dagster": (lambda paths: paths.home / "dagster" / "history", 0o500),
    "a delivered file": (lambda paths: paths.delivered / "customers.csv", 0o000),
}


@pytest.fixture(scope="module")
def staged(tmp_path_factory) -> ExtractPaths:
    """An extract after a dry run, to be copied by each test."""
    folder = Delivery([reader(1)]).into(tmp_path_factory.mktemp("delivered") / "harbour-review")
    paths = ExtractPaths(tmp_path_factory.mktemp("staged"), folder.name)
    assert command(paths.home, "dry-run", folder).returncode == 0
    return paths


@pytest.mark.skipif(BOUND != [] and shutil.which("setpriv") is None, reason="nothing takes root's rights away")
@pytest.mark.parametrize(("place", "bits"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_may_not_be_read_or_written_stops_a_run_with_a_sentence(place, bits, staged, tmp_path):
    paths = ExtractPaths(tmp_path / "home", staged.extract)
    shutil.copytree(staged.home, paths.home)
    before = files_of(paths)
    allowed = place(paths).stat().st_mode
    place(paths).chmod(bits)
    run = commanded(paths.home, "dry-run", paths.extract, bound=BOUND)
    _, said = run.communicate()
    place(paths).chmod(allowed)
    assert run.returncode in (1, 2), said
    (sentence,) = said.splitlines()
    assert sentence.startswith("pelcro-pipeline: ")
    assert files_of(paths) == before


def test_three_extracts_at_once_end_as_each_alone(tmp_path):
    folders = [Delivery([reader(number), reader(9)]).into(tmp_path / f"title-{number}") for number in (1, 2, 3)]
    for folder in folders:
        assert command(tmp_path / "alone", "dry-run", folder).returncode == 0
    for each in [commanded(tmp_path / "home", "dry-run", folder) for folder in folders]:
        assert each.communicate()[1] == ""
        assert each.returncode == 0
    for folder in folders:
        at_once, alone = (files_of(ExtractPaths(tmp_path / home, folder.name)) for home in ("home", "alone"))
        assert at_once == alone
