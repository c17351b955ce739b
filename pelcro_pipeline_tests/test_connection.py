"""DuckDB: what it may reach, how much memory it takes, and in which order it reads."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import UnusableInputError


@pytest.fixture
def home(tmp_path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "outside.csv").write_text("a\n1\n")
    return home


OUTSIDE = {
    "manifest": "FROM read_csv('{outside}/outside.csv')",
    "manifest by the way of a parent": "FROM read_csv('{outside}/home/../outside.csv')",
    "manifest the machine's files": "FROM read_csv('/etc/passwd')",
    "writing": "COPY (SELECT 1) TO '{outside}/written.csv'",
    "a database": "ATTACH '{outside}/other.duckdb' AS other",
    "an extension": "INSTALL httpfs",
    "opening up again": "SET enable_external_access = true",
    "letting more in": "SET allowed_directories = ['/']",
}


@pytest.mark.parametrize("statement", OUTSIDE.values(), ids=OUTSIDE)
def test_nothing_outside_the_workspace_is_reached(statement, home, tmp_path):
    with (
        duck.sandboxed(home, home / "spill"),
        duck.connect() as connection,
        pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)),
    ):
        connection.execute(statement.format(outside=tmp_path))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["home", "outside.csv"]


def test_the_workspace_itself_is(home):
    with duck.sandboxed(home, home / "spill"), duck.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS a) TO '{home}/a.parquet'")
        connection.execute(f"ATTACH '{home}/b.duckdb' AS b")
        assert connection.execute(f"FROM read_parquet('{home}/a.parquet')").fetchall() == [(1,)]


def test_what_memory_does_not_hold_is_spilled_to_the_workspace_and_removed(home, monkeypatch):
    monkeypatch.setenv(duck.MEMORY, "40MB")
    with duck.sandboxed(home, home / "spill"), duck.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute(
            "CREATE TABLE wide AS SELECT hash(i)::VARCHAR || repeat('x', 60) AS a FROM range(1000000) t(i)"
        )
        assert [path for path in (home / "spill").rglob("*") if path.is_file()]
        assert (home / "spill").stat().st_mode & 0o077 == 0
        assert connection.execute("SELECT count(DISTINCT a) FROM wide").fetchall() == [(1_000_000,)]
    assert not (home / "spill").exists()


@pytest.mark.parametrize("amount", ["much", "0", "'; DROP TABLE x"])
def test_a_memory_limit_that_is_none_is_refused_by_name(amount, monkeypatch):
    monkeypatch.setenv(duck.MEMORY, amount)
    with pytest.raises(UnusableInputError, match="PELCRO_MEMORY is"):
        duck.connect()
