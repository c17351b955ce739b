"""The steps: each verifies what it is handed before it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.rules import results
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import Delivery, migrate, reader


def edited(path: Path, column: str) -> None:
    """A Parquet file of which one column says otherwise."""
    beside = path.with_name("beside.parquet")
    duckdb.sql(f"""SELECT * REPLACE ('edited' AS "{column}") FROM '{path}'""").write_parquet(str(beside))
    beside.replace(path)


def conversion(paths: ExtractPaths) -> None:
    edited(paths.conversion / "0.parquet", "customer.first_name")


def judgement(paths: ExtractPaths) -> None:
    edited(results.parquet(paths.analysis, "not_prepared"), "rule")


def prepared_files(paths: ExtractPaths) -> None:
    customers = paths.prepared / "customers.csv"
    customers.write_text(customers.read_text().replace("Montréal", "Québec"))


def staging(paths: ExtractPaths) -> None:
    with duckdb.connect(str(paths.database("staging"))) as connection:
        connection.execute("""UPDATE customers SET "customer.first_name" = 'edited'""")


#: By step what it is handed, and what it says where that was edited.
HANDED = [
    (steps.judge, conversion, r"Not as it was converted: customers\.csv line 2"),
    (steps.prepare, conversion, r"Not as it was made: customers\.csv line 2"),
    (steps.prepare, judgement, r"Not as it was made: not prepared of customers\.csv line 3"),
    (steps.stage, prepared_files, r"Not as it was prepared: customers\.csv record 1"),
    (steps.count, conversion, r"Not as it was made: customers\.csv line 2"),
    (steps.count, judgement, r"Not as it was made: not prepared of customers\.csv line 3"),
    (steps.count, prepared_files, r"Not as it was prepared: customers\.csv record 1"),
    (steps.count, staging, r"harbour-review\.duckdb is not as it was loaded: customers HR1"),
    (steps.sample, prepared_files, r"Not as it was prepared: customers\.csv record 1"),
    (steps.sample, staging, r"harbour-review\.duckdb is not as it was loaded: customers HR1"),
]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory) -> ExtractPaths:
    migration = migrate(
        Delivery([reader(1), reader(2, {"subscription.quantity": "0"})]), tmp_path_factory.mktemp("made") / "home"
    )
    migration.staged()
    return migration.paths


@pytest.fixture
def paths(migrated):
    """The same, put back as it was after the test: the manifest names its files in full."""
    kept = migrated.home.with_name("kept")
    shutil.copytree(migrated.home, kept)
    yield migrated
    shutil.rmtree(migrated.home)
    kept.rename(migrated.home)


def _named(each: object) -> str:
    return getattr(each, "__name__", "")


@pytest.mark.parametrize(("step", "edit", "sentence"), HANDED, ids=_named)
def test_a_step_refuses_what_was_edited_since_it_was_made(
    step: Callable, edit: Callable[[ExtractPaths], None], sentence: str, paths
):
    edit(paths)
    with steps.opened(paths) as extract, pytest.raises(RefusedError, match=sentence):
        step(extract)


@pytest.mark.parametrize(
    "step", [steps.judge, steps.prepare, steps.archive, steps.stage, steps.count, steps.sample], ids=_named
)
def test_a_step_goes_on_where_nothing_was_edited(step, paths):
    with steps.opened(paths) as extract:
        step(extract)
