"""The command line: exit statuses, one clear sentence, and no traceback."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import socket
import stat
from pathlib import Path

import duckdb
import pytest

from pelcro_pipeline_tests.command_line import command, process, refused
from pelcro_pipeline_tests.extract import LASTING, PLANNED, PLANS, Delivery, as_csv, reader

EXTRACT = "harbour-review"
PREPARED = re.compile("prepared = staging = production: customers.csv, record 1 ")


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A delivered folder outside the workspace."""
    return Delivery([reader(1, LASTING), reader(2, LASTING)], settings=PLANNED).into(tmp_path / EXTRACT)


def test_new_writes_the_request(home, tmp_path):
    done = process(home, "new", tmp_path / "request")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "request").iterdir()) == [
        "customers.csv",
        "data-dictionary.md",
        "extract.toml",
        "plans.csv",
        "products.csv",
    ]


def test_arguments_that_cannot_be_used_are_refused_at_once(home, folder):
    (folder / "file").touch()
    assert "is a file" in refused(command(home, "new", folder / "file"), 2)
    assert "cannot be written to (Not a directory)" in refused(command(home, "new", folder / "file" / "request"), 2)
    assert "There is no folder xxx" in refused(command(home, "dry-run", "x" * 300), 2)
    assert "There is no folder nowhere" in refused(process(home, "dry-run", "nowhere"), 2)
    assert "There is no extract nowhere" in refused(command(home, "production", "nowhere"), 2)
    named = folder.rename(folder.with_name("harbour review"))
    assert "cannot be used" in refused(command(home, "dry-run", named), 2)
    assert command(home, "dry-run").returncode == 2
    assert not (home / "extracts").exists()


def test_a_workspace_without_an_extract_says_so(home):
    done = command(home, "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert "holds no extract yet" in " ".join(done.stdout.split())


def test_status_tells_of_every_extract_beside_a_folder_that_is_none(home, folder):
    (home / "extracts" / "to sort").mkdir(parents=True)
    folder.rename(home / "extracts" / EXTRACT)
    done = command(home, "status")
    assert done.returncode == 0
    assert EXTRACT in "".join(done.stdout.split())


def test_an_empty_folder_is_refused(home, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty holds no CSV or XLSX file" in refused(command(home, "dry-run", tmp_path / "empty"), 2)


def test_a_file_that_cannot_be_read_is_refused_by_name(home, folder):
    (folder / "customers.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    assert "customers.csv is not text" in refused(command(home, "dry-run", folder), 2)


def test_what_cannot_be_copied_harms_nothing_that_stands(home, folder):
    standing = Delivery([reader(1)]).into(home / "extracts" / EXTRACT)
    kept = {path.name: path.read_bytes() for path in standing.iterdir()}
    os.mkfifo(folder / "pipe.csv")
    assert "pipe.csv is a pipe, a socket or a device" in refused(command(home, "dry-run", folder), 2)
    (folder / "pipe.csv").unlink()
    (folder / "link.csv").symlink_to("/etc/passwd")
    assert f"link.csv in {EXTRACT} is no file of this folder" in refused(command(home, "dry-run", folder), 2)
    assert {path.name: path.read_bytes() for path in standing.iterdir()} == kept


def test_delivered_text_is_neither_markup_nor_sql_nor_a_terminal_s(home, tmp_path):
    hostile = {'customer.common_metadata.x";--': "[/bold]\x1b[2J", "[/red]": "'; DROP TABLE customers; --"}
    folder = Delivery(texts={"[bold]a[red]'.csv": as_csv([reader(1, hostile), reader(2, hostile)])}).into(
        tmp_path / EXTRACT
    )
    done = command(home, "dry-run", folder)
    assert (done.returncode, done.stderr) == (0, "")
    done = command(home, "explain", EXTRACT, "HR1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "[bold]a[red]'.csv line 2" in done.stdout
    assert "DROP TABLE customers; --" in done.stdout
    assert "is no customer's id" in refused(command(home, "explain", EXTRACT, "HR1\x1b"), 2)


def test_an_unknown_setting_is_refused_by_name(home, folder):
    (folder / "extract.toml").write_text("migration_day = 2026-11-01\n")
    assert "extract.toml: migration_day is no setting" in refused(command(home, "dry-run", folder), 2)


def test_card_numbers_are_refused_before_anything_is_stored(home, folder):
    text = (folder / "customers.csv").read_text(encoding="utf-8").replace("ABC Inc.", "4242 4242 4242 4242", 1)
    (folder / "customers.csv").write_text(text, encoding="utf-8")
    told = refused(command(home, "dry-run", folder), 2)
    assert "customers.csv, line 2, address.billing_company holds a payment card number" in told
    assert "4242" not in told
    assert not (home / "extracts" / EXTRACT).exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", ["cards.csv", "password_samples.csv", "answers.csv", ".hidden.csv", "old/export.csv"])
def test_card_numbers_are_refused_in_files_that_are_stored_unread(name, encoding, home, folder):
    (folder / "old").mkdir()
    (folder / name).write_bytes("id,card\nHR1,4242-4242-4242-4242\n".encode(encoding))
    (folder / "extract.toml").write_text('ignore = ["old"]\n')
    told = refused(command(home, "dry-run", folder), 2)
    assert f"FILE-CARD-NUMBER: {name}, line 2 holds a payment card number: nothing was stored" in told
    assert "4242" not in told
    assert not (home / "extracts" / EXTRACT).exists()


def test_a_name_that_is_a_folder_here_too_is_asked_for(home, folder, monkeypatch):
    # What is taken in is told by what its first step says, in a second.
    (folder / "customers.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    monkeypatch.chdir(folder.parent)
    assert "customers.csv is not text" in refused(command(home, "dry-run", EXTRACT), 2)
    assert (home / "extracts" / EXTRACT / "customers.csv").is_file()
    told = refused(command(home, "dry-run", EXTRACT), 2)
    assert f"{EXTRACT} is a folder here and an extract of the workspace: give ./{EXTRACT} to take the folder in" in told
    assert "customers.csv is not text" in refused(command(home, "dry-run", home / "extracts" / EXTRACT), 2)


@pytest.mark.parametrize(
    ("port", "sentence"), [(99_999, "less than or equal to 65535"), (0, "greater than or equal to 1")]
)
def test_a_port_that_is_none_is_refused(port, sentence, home):
    done = command(home, "ui", "--port", port)
    assert (done.returncode, sentence in done.stderr) == (2, True)


def test_a_port_that_is_taken_is_refused(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"Port {port} is taken" in refused(command(home, "ui", "--port", port), 2)


def test_a_purge_of_what_never_was_leaves_no_trace(home):
    assert "Nothing of nosuch is left to purge" in refused(command(home, "purge", "nosuch"), 1)
    assert not (home / "dagster").exists()


def test_a_home_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    assert f"PELCRO_HOME is {tmp_path / 'file'}, a file" in refused(command(tmp_path / "file", "status"), 2)


def test_a_second_run_on_a_busy_extract_is_refused(home, folder):
    tables = home / "tables"
    tables.mkdir(parents=True)
    with (tables / f"{EXTRACT}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert f"Another run is working on {EXTRACT}" in refused(command(home, "dry-run", folder), 1)


def test_the_way_from_a_folder_to_production(home, folder):
    done = process(home, "dry-run", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Subscriptions" in done.stdout
    assert "Findings: reject 0, clear 0, repair 0, question 0" in done.stdout
    assert "Plan prices     cad 7.00 to 499.00" in done.stdout.splitlines()

    assert f"{EXTRACT} is not signed off" in refused(process(home, "production", EXTRACT), 1)
    assert command(home, "sign-off", EXTRACT, "--by", "Jane Doe", "--role", "Publisher").returncode == 0
    held = command(home, "status")
    assert held.returncode == 0
    (row,) = [line for line in held.stdout.splitlines() if line.startswith(EXTRACT)]
    assert row.split("  ")[0].split()[0] == EXTRACT
    assert "Jane Doe" in row
    assert "load production" in row
    assert len(row) <= 80

    done = process(home, "production", EXTRACT)
    assert (done.returncode, done.stderr) == (0, "")
    loaded = home / "production" / f"{EXTRACT}.duckdb"
    assert loaded.is_file()
    statistics = home / "reports" / EXTRACT / "statistics.csv"
    assert "Objects,Customers,2,2,100.00,0.00,2,2," in statistics.read_text()

    explained = command(home, "explain", EXTRACT, "HR1").stdout.splitlines()
    assert max(map(len, explained)) <= 80
    # The longest name stands whole beside its value, which is told once where all agree.
    shown = [line.split() for line in explained[explained.index(next(filter(PREPARED.match, explained))) :]]
    assert ["subscription.common_metadata.temporary_plan_id", "P-Y"] in shown
    with duckdb.connect(str(loaded)) as production:
        production.execute("""UPDATE subscriptions SET "subscription.quantity" = 7""")
    altered = " ".join(command(home, "explain", EXTRACT, "HR1").stdout.split())
    assert "subscription.quantity != prepared 1, staging 1, production 7" in altered

    # Everything made holds personal data, but for Dagster's own files and the empty lock.
    readable = [
        path
        for path in home.rglob("*")
        if path.is_file()
        and path.stat().st_size
        and home / "dagster" not in path.parents
        and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert readable == []

    done = command(home, "revert", EXTRACT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "empty again" in done.stdout
    assert not loaded.exists()
    assert "Objects,Customers,2,2,100.00,0.00,2,," in statistics.read_text()
    assert "There is no load of" in refused(command(home, "revert", EXTRACT), 1)
    # What was taken back can be loaded again: the sign-off still holds.
    assert command(home, "production", EXTRACT).returncode == 0

    signed = home / "sign_offs" / f"{EXTRACT}.toml"
    before_the_purge = signed.read_text()
    done = command(home, "purge", EXTRACT)
    assert (done.returncode, done.stderr) == (0, "")
    not_of_it = {home / "dagster", home / "templates"}
    kept = [path for path in home.rglob("*") if path.is_file() and not not_of_it & set(path.parents)]
    counts = {statistics.with_suffix(suffix) for suffix in (".csv", ".html", ".xlsx")}
    assert {path for path in kept if path.stat().st_size} == counts | {signed}
    assert "Genaro" not in statistics.read_text()
    assert "Nothing of harbour-review is left to purge" in refused(command(home, "purge", EXTRACT), 1)

    # The purge has ended the sign-off, for what is delivered later too.
    assert f"{EXTRACT} was purged" in refused(command(home, "production", EXTRACT), 1)
    assert "the sign-off of Jane Doe ended on" in command(home, "status").stdout
    assert command(home, "dry-run", folder).returncode == 0
    assert "which ended the sign-off of Jane Doe" in refused(command(home, "production", EXTRACT), 1)
    # Nor does the file serve that stood there before.
    signed.write_text(before_the_purge)
    assert "is not the sign-off that was recorded" in refused(command(home, "production", EXTRACT), 1)


def test_open_questions_are_accepted_by_the_command_that_is_told(home, tmp_path):
    late = {"subscription.start_date": "31/07/2101"}
    folder = Delivery(
        [reader(1, LASTING, late), reader(2, LASTING, late, {"subscription.quantity": ""})],
        plans=[*PLANS, PLANS[0] | {"plan.old_id": "P-J", "plan.currency": "jpy", "plan.amount": "9900"}],
        settings=PLANNED,
    ).into(tmp_path / EXTRACT)
    done = command(home, "dry-run", folder)
    assert (done.returncode, done.stderr) == (0, "")
    shown = done.stdout.splitlines()
    assert "Findings: reject 0, clear 0, repair 1, question 2" in shown
    heaviest = shown[[line.split() for line in shown].index(["Most", "findings"]) + 1]
    assert heaviest.split()[:3] == ["SUB-START-AFTER-END", "2", "question"]
    assert shown[shown.index("Plan prices     cad 7.00 to 499.00") + 1].split() == ["jpy", "9,900", "to", "9,900"]
    assert max(len(line) for line in shown if str(home) not in line) <= 80

    signing = ("sign-off", EXTRACT, "--by", "Jane O'Neill", "--role", "Publisher")
    assert "asks nothing by 'SUB-STRAT' (no rule)" in refused(command(home, *signing, "--accept", "SUB-STRAT"), 2)
    told = refused(command(home, *signing), 1)
    assert "SUB-START-AFTER-END: 2" in told
    typed = shlex.split(re.search("`(.+)`", told)[1])
    done = command(home, *typed[typed.index("sign-off") :])
    assert (done.returncode, done.stderr) == (0, "")
    assert "Accepted: SUB-START-AFTER-END: 2" in done.stdout
    assert command(home, "production", EXTRACT).returncode == 0
