"""Each asset's edges are what its step opens: taken away, and the step fails; anything else, and it does not."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.defs import edges
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.review import statistics
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import ON_THE_DAY, PRINT, PRODUCTS, Delivery, as_csv, migrate, produced, reader

ROWS = [reader(1), reader(2, {"customer.title": "Head\nof library"}), reader(3, {"subscription.quantity": "0"})]
WITHOUT_NAME = [*PRODUCTS, PRINT | {"product.id": "NAMELESS", "product.name": ""}]
#: Line breaks within a cell, a blank record and another encoding: lines, quarantined records and a text are kept.
DELIVERED = Delivery(
    (), (), texts={"customers.csv": (as_csv(ROWS) + "\n").encode("utf-16"), "products.csv": as_csv(WITHOUT_NAME)}
)


#: The files that each asset makes. The five of a step that reads all are as one.
MADE: dict[str, Callable[[ExtractPaths], list[Path]]] = {
    "raw/manifest": lambda paths: [path for path in paths.manifest.parent.iterdir() if path.suffix != ".csv"],
    "raw": lambda paths: list(paths.manifest.parent.glob("*.csv")),
    "raw/profile": lambda paths: [paths.profile],
    "conversion": lambda paths: [paths.conversion],
    "analysis/findings": lambda paths: [*paths.analysis.glob("findings.*"), paths.reports / "findings.csv"],
    "analysis/questions": lambda paths: [paths.all_questions, paths.questions],
    "analysis/ledger": lambda paths: [
        *(path for path in paths.analysis.iterdir() if path.stem not in ("findings", "questions")),
        paths.reports / "ledger.csv",
    ],
    "analysis/report": lambda paths: [paths.analysis_report, paths.scope],
    "prepared": lambda paths: [paths.prepared],
    "prepared/archive": lambda paths: [paths.archive],
    "migration_day/forecast": lambda paths: [paths.migration_day("staging"), paths.forecast],
    "production/cards": lambda paths: [paths.migration_day("production")],
    "staging/database": lambda paths: [paths.database("staging")],
    "staging/migration_statistics": lambda paths: [paths.statistics, paths.statistics_digest],
    "review/sample": lambda paths: [*paths.reports.glob("sample.*"), paths.sample],
    "review/sign_off": lambda paths: [paths.sign_off],
    "review/shareable_bundle": lambda paths: [paths.shareable],
    "production/database": lambda paths: [paths.database("production")],
}


def _opened(step: Callable) -> Callable[[ExtractPaths], None]:
    def run(paths: ExtractPaths) -> None:
        with steps.opened(paths) as extract:
            step(extract)

    return run


def _counted(paths: ExtractPaths) -> None:
    with steps.opened(paths) as extract:
        counted = steps.count(extract)
    assert steps.count_again(paths, counted) == []


def _produced(paths: ExtractPaths) -> None:
    statistics.verify(paths)
    steps.count_production(paths, None, statistics.read(paths.statistics))


#: Each step by the assets that it makes.
STEPS: dict[tuple[str, ...], Callable[[ExtractPaths], object]] = {
    ("conversion/customers", "conversion/plans"): _opened(steps.convert),
    ("analysis/findings", "analysis/ledger"): _opened(steps.judge),
    ("analysis/annotated_files",): steps.annotate,
    ("prepared/customers", "prepared/products", "prepared/plans"): _opened(steps.prepare),
    ("prepared/archive",): _opened(steps.archive),
    ("migration_day/forecast", "migration_day/seam"): _opened(steps.forecast),
    ("production/cards",): lambda paths: steps.map_cards(paths, None, ON_THE_DAY),
    ("staging/database",): _opened(steps.stage),
    ("analysis/report",): _opened(steps.report),
    ("staging/migration_statistics",): _counted,
    ("review/comparison",): lambda paths: steps.compare(paths, paths),
    ("review/certificate",): steps.certify,
    ("review/going_live",): steps.going_live,
    ("review/sample",): _opened(steps.sample),
    ("review/sign_off",): lambda paths: steps.sign(paths, "Jane Doe", "Publisher"),
    ("review/shareable_bundle",): _opened(steps.share),
    ("production/database",): lambda paths: steps.produce(paths, None, ON_THE_DAY),
    ("production/migration_statistics",): _produced,
}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory) -> ExtractPaths:
    """An extract that has gone all the way."""
    migration = migrate(DELIVERED, tmp_path_factory.mktemp("home"))
    migration.staged()
    with steps.opened(migration.paths) as extract:
        steps.report(extract)
    STEPS["review/sample",](migration.paths)
    steps.sign(migration.paths, "Jane Doe", "Publisher")
    _opened(steps.share)(migration.paths)
    produced(migration.paths, None, ON_THE_DAY)
    _produced(migration.paths)
    assert len(MADE["raw"](migration.paths)) == 1
    return migration.paths


def _named(key: str) -> str:
    """What an asset's files are called here."""
    group = key.split("/")[0]
    return key if key in MADE else group


def _needs(step: Callable[[ExtractPaths], object], taken: Iterable[str], migrated: ExtractPaths) -> bool:
    """Whether the step fails once the files of some assets have been taken away from where they were made."""
    home = migrated.home
    kept = home.with_name("kept")
    shutil.copytree(home, kept)
    try:
        for path in [path for made in taken for path in MADE[made](migrated)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        step(migrated)
    except (RefusedError, UnusableInputError, OSError, duckdb.Error):
        return True
    finally:
        # The manifest names its files in full: all goes on in one place.
        shutil.rmtree(home)
        kept.rename(home)
    return False


@pytest.mark.parametrize("assets", STEPS, ids=lambda assets: assets[0])
def test_the_edges_of_an_asset_are_what_its_step_opens(assets, migrated):
    pytest.importorskip("dagster")
    from pelcro_pipeline.definitions import defs

    graph = defs.resolve_asset_graph()
    parents = {key for asset in assets for key in graph.get(edges.keys(asset)[0]).parent_keys}
    # Without a site nothing is read back, and nothing of it opened.
    declared = {_named(key.to_user_string()) for key in parents if key.path[1] != "read_back"}
    others = set(MADE) - {_named(asset) for asset in assets}
    assert declared <= others
    undeclared = others - declared
    step = STEPS[assets]
    assert {made for made in declared if not _needs(step, [made], migrated)} == set()
    # To do without each takes seconds: it does without all of them, or one of them is told.
    if _needs(step, undeclared, migrated):
        assert {made for made in undeclared if _needs(step, [made], migrated)} == set()
        pytest.fail(f"It needs one of {undeclared}.")
