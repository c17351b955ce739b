"""Every blocking check can turn red: in a real run it stops what follows, and the run says which it was."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import duckdb
import pandas as pd
import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.migration_day import relations as migration_day
from pelcro_pipeline.prepared.files import TABLES_OF
from pelcro_pipeline.review import statistics
from pelcro_pipeline.rules import results
from pelcro_pipeline.rules.files import FILES
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import (
    ON_THE_DAY,
    PLANS,
    PRINT,
    PRODUCTS,
    Delivery,
    Watcher,
    address,
    as_csv,
    changed,
    reader,
)

EXTRACT = "harbour-review"
SIGNATURE = {"review__sign_off": {"config": {"signed_by": "Jane Doe", "role": "Publisher"}}}
UNTOLD = PRINT | {"product.address_required": ""}
DELIVERED = Delivery(
    [reader(1), reader(2, {"subscription.quantity": "0"}), reader(3, address("billing", {"country": "Narnia"}))],
    products=[UNTOLD, *PRODUCTS[1:]],
    plans=(),
    texts={"plans.csv": as_csv(PLANS) + "one,cell,too,few\n"},
)


def altered(name: str, old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    """A relation whose SQL says something else."""

    def alter(patch: pytest.MonkeyPatch) -> None:
        assert old in FILES[name].sql
        patch.setitem(FILES, name, dataclasses.replace(FILES[name], sql=FILES[name].sql.replace(old, new)))

    return alter


def any_country(patch: pytest.MonkeyPatch) -> None:
    """Every country is accepted by the conversion."""
    patch.setattr(duck, "_MACROS", f"{duck._MACROS};\nCREATE OR REPLACE TEMP MACRO accepts_country(text) AS true")


def imputed_nonsense(patch: pytest.MonkeyPatch) -> None:
    """What other records impute is no value of its attribute."""
    amendment = results.TABLES["amendment"]
    query = f"SELECT * REPLACE ('perhaps' AS result) FROM ({amendment.query})"
    patch.setitem(results.TABLES, "amendment", dataclasses.replace(amendment, query=query))


def edited_after_the_load(patch: pytest.MonkeyPatch) -> None:
    """A row of staging is changed right after it was loaded."""
    load = steps.stage

    def edited(extract: steps.OpenedExtract) -> dict[str, int]:
        counts = load(extract)
        with duckdb.connect(str(extract.paths.database("staging"))) as connection:
            connection.execute("""UPDATE subscriptions SET "subscription.quantity" = 2""")
        return counts

    patch.setattr(steps, "stage", edited)


def planted_cent(patch: pytest.MonkeyPatch) -> None:
    """What is prepared costs a cent more than what was delivered."""
    conserved, old = migration_day.FILES["conserved"], '("plan.amount"::HUGEINT'
    assert old in conserved.sql
    dearer = conserved.sql.replace(old, '(("plan.amount" + 1)::HUGEINT')
    patch.setitem(migration_day.FILES, "conserved", dataclasses.replace(conserved, sql=dearer))


def forecast_of_one_more(step: str, environment: str) -> Callable[[pytest.MonkeyPatch], None]:
    """What was forecast before a load holds an invoice of a cent that nothing bills."""

    def alter(patch: pytest.MonkeyPatch) -> None:
        told = getattr(steps, step)

        def one_more(given, *more):
            forecast = told(given, *more)
            paths = given if isinstance(given, ExtractPaths) else given.paths
            events = paths.migration_day(environment) / "forecast_events.parquet"
            beside = events.with_name("beside.parquet")
            duckdb.sql(
                f"""FROM '{events}' UNION ALL SELECT 0, DATE '2026-11-02', 'invoice', 1, 'cad', 'HR1', 'S1', 'P-PRINT-YEAR'"""
            ).write_parquet(str(beside))
            beside.replace(events)
            return forecast

        patch.setattr(steps, step, one_more)

    return alter


def nameless_measure(patch: pytest.MonkeyPatch) -> None:
    """A measure has no name."""
    nameless = dataclasses.replace(statistics.SEGMENTS[0], name=None)
    patch.setattr(statistics, "SEGMENTS", (nameless, *statistics.SEGMENTS[1:]))


def doubled_files(patch: pytest.MonkeyPatch) -> None:
    """The prepared files are counted twice over."""
    rows = statistics.filled_rows
    patch.setattr(
        statistics,
        "filled_rows",
        lambda files: {table: f"{query} UNION ALL {query}" for table, query in rows(files).items()},
    )


class Red(NamedTuple):
    """A check that turns red, what makes it, and the asset that then is not made."""

    check: str
    by: Callable[[pytest.MonkeyPatch], None]
    follows: str


def miscounted_attribute(patch: pytest.MonkeyPatch) -> None:
    """One attribute is counted wrong wherever it is counted, so that every column agrees with the others."""
    count = statistics._count
    patch.setattr(
        statistics, "_count", lambda measure: "count(*)" if measure.name == "customer.password" else count(measure)
    )


OF_THE_DRY_RUN = [
    Red("conversion/addresses: conforms", any_country, "analysis/ledger"),
    Red(
        "analysis/findings: conforms",
        altered(
            "finding",
            "concat_ws(' ', message, violation.detail, meant_key.detail) AS message",
            "NULL::VARCHAR AS message",
        ),
        "prepared/customers",
    ),
    Red(
        "analysis/ledger: conforms",
        altered(
            "not_prepared",
            "disposition, rule, detail FROM not_migrated",
            "disposition, 'NONE' AS rule, detail FROM not_migrated",
        ),
        "prepared/customers",
    ),
    Red(
        "analysis/ledger: conservation",
        altered(
            "not_prepared",
            "UNION ALL",
            "UNION ALL SELECT record, object, disposition, rule, NULL FROM not_migrated UNION ALL",
        ),
        "prepared/customers",
    ),
    Red("prepared/products: conforms", imputed_nonsense, "staging/database"),
    Red("migration_day/forecast: conservation", planted_cent, "staging/database"),
    Red(
        "staging/database: agrees_with_forecast",
        forecast_of_one_more("forecast", "staging"),
        "staging/migration_statistics",
    ),
    Red("staging/database: equals_prepared_files", edited_after_the_load, "staging/migration_statistics"),
    Red("staging/migration_statistics: conforms", nameless_measure, "review/sign_off"),
    Red("staging/migration_statistics: adds_up", doubled_files, "review/sign_off"),
    Red("staging/migration_statistics: counted_twice", miscounted_attribute, "review/sign_off"),
]


def delivered(home: Path, patch: pytest.MonkeyPatch) -> ExtractPaths:
    """An extract in the workspace ``home``, to be loaded on its day."""
    pytest.importorskip("dagster")
    patch.setenv("PELCRO_HOME", str(home))
    patch.setattr("pelcro_pipeline.defs.production.now", lambda: ON_THE_DAY)
    return ExtractPaths(home, EXTRACT)


@pytest.fixture
def paths(tmp_path, monkeypatch) -> ExtractPaths:
    paths = delivered(tmp_path, monkeypatch)
    DELIVERED.into(paths.delivered)
    return paths


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """A workspace whose extract was run dry and signed, kept beside the place that it was made in: its files name that in full."""
    home = tmp_path_factory.mktemp("signed") / "home"
    with pytest.MonkeyPatch.context() as patch:
        paths = delivered(home, patch)
        DELIVERED.into(paths.delivered)
        from pelcro_pipeline.defs import run

        run.job("dry_run", paths, {}, Watcher())
        run.job("sign_off", paths, SIGNATURE, Watcher())
    shutil.copytree(home, home.with_name("kept"))
    return home.with_name("kept")


@pytest.fixture
def signed(kept, monkeypatch) -> ExtractPaths:
    """The same, in its place."""
    home = kept.with_name("home")
    shutil.rmtree(home)
    shutil.copytree(kept, home)
    return delivered(home, monkeypatch)


def test_every_blocking_check_has_a_run_in_which_it_turns_red():
    from pelcro_pipeline.definitions import defs

    blocking = {
        f"{key.asset_key.to_user_string()}: {key.name}"
        for node in defs.resolve_asset_graph().asset_check_keys
        for key in [node]
        if defs.resolve_asset_graph().get(key).blocking
    }
    # The conversions and the prepared files share a step and the very call that judges them.
    shared = {f"conversion/{name}" for name in ("customers", "products", "plans", "subscriptions")} | {
        f"prepared/{name}" for name in TABLES_OF if name != "products"
    }
    told = {each.check for each in OF_THE_DRY_RUN} | {
        "production/migration_statistics: production_equals_staging",
        "production/database: agrees_with_forecast",
        # Of a site: test_core_api_graph.py.
        *(f"{each}/site: adds_up" for each in ("staging", "production")),
        *(f"{each}/read_back: equals_prepared" for each in ("staging", "production")),
    }
    assert {each for each in blocking if each.split(": ")[0] not in shared} == told


@pytest.mark.parametrize("red", OF_THE_DRY_RUN, ids=lambda red: red.check)
def test_a_check_that_is_red_stops_what_follows_and_what_was_signed_before_serves_no_more(red, signed, monkeypatch):
    from pelcro_pipeline.defs import run

    paths, before = signed, runs(signed.home)
    # Delivered once more: nothing that was made of it is taken for what it is now.
    changed(paths.delivered / "customers.csv", "Genaro", "Gennaro")
    red.by(monkeypatch)
    with pytest.raises(RefusedError) as refused:
        run.job("dry_run", paths, {}, Watcher())
    assert red.check in str(refused.value)
    assert "A blocking check does not hold" in str(refused.value)
    assert "what follows it did not run" in str(refused.value)
    refuses_to_go_on(paths)
    assert red.follows not in made(paths.home, runs(paths.home) - before)


def refuses_to_go_on(paths: ExtractPaths) -> None:
    """A check holds within its run: whoever goes on all the same is refused by the gate."""
    from pelcro_pipeline.defs import run

    for job, config in (("sign_off", SIGNATURE), ("production", {})):
        with pytest.raises(RefusedError):
            run.job(job, paths, config, Watcher())
    assert not paths.database("production").exists()


def test_a_figure_that_both_counts_do_not_share_is_named_and_can_be_looked_at(paths, monkeypatch):
    from pelcro_pipeline.defs import run

    miscounted_attribute(monkeypatch)
    figure = "Customers, customer.password, Pelcro Pre-Processed: 3 by the database, 0 by the files"
    with pytest.raises(RefusedError, match=figure):
        run.job("dry_run", paths, {}, Watcher())
    assert evaluations(paths.home)["staging/migration_statistics", "counted_twice"] is False
    counted = statistics.read(paths.statistics).set_index("Attribute")
    assert counted.loc["customer.password", statistics.PREPARED] == 3
    assert not paths.statistics_digest.exists()
    # Here nothing was signed before.
    refuses_to_go_on(paths)


def test_the_statistics_are_kept_in_their_report_alone_and_production_takes_them_from_it(signed):
    import dagster as dg

    from pelcro_pipeline.defs import run
    from pelcro_pipeline.defs.statistics_file import StatisticsFile

    paths = signed
    kept = [path for path in (paths.home / "dagster" / "storage").rglob("*") if path.is_file()]
    assert [path for path in kept if path.parent.name != "compute_logs"] == []
    run.job("production", paths, {}, Watcher())
    taken = [event for event in events(paths.home) if event.event_type_value == "LOADED_INPUT"]
    assert [event.step_key for event in taken] == ["production__migration_statistics"]
    changed(paths.statistics, "Objects,Customers,3,3", "Objects,Customers,3,2")
    with pytest.raises(RefusedError, match=r"\(the statistics\)"):
        run.job("production", paths, {}, Watcher())
    given = SimpleNamespace(paths=paths)
    with (
        dg.build_input_context(resources={"extract": given}) as context,
        pytest.raises(dg.Failure, match=r"statistics\.csv is not as it was counted"),
    ):
        StatisticsFile().load_input(context)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda frame: frame.assign(**{"Excel dump": -1}),
        lambda frame: frame.assign(**{"Excel dump": frame["Excel dump"].astype("float64")}),
        lambda frame: frame.assign(Attribute=None),
        lambda frame: frame.drop(columns="Merged"),
        lambda frame: frame[list(reversed(frame.columns))],
        lambda frame: frame.to_dict(),
    ],
    ids=["below 0", "no whole number", "no name", "no column", "other order", "no frame"],
)
def test_what_is_no_statistics_does_not_pass_their_type(wrong):
    pytest.importorskip("dagster")
    from pelcro_pipeline.defs.statistics_file import MigrationStatistics

    row = {name: ["customer.email"] for name in statistics.COLUMNS} | {name: [1] for name in statistics.COUNTS}
    frame = pd.DataFrame(row).astype(dict.fromkeys(statistics.COUNTS, "Int64"))
    assert MigrationStatistics.type_check(None, frame.assign(Production=pd.array([pd.NA], "Int64"))).success
    assert not MigrationStatistics.type_check(None, wrong(frame)).success


def test_production_that_is_counted_otherwise_is_told(signed, monkeypatch):
    from pelcro_pipeline.defs import run

    monkeypatch.setitem(statistics._BY_NAME, "Subscriptions by plan", ("plan", "1 + count(*)"))
    with pytest.raises(RefusedError, match="production/migration_statistics: production_equals_staging"):
        run.job("production", signed, {}, Watcher())


def test_production_that_bills_otherwise_than_was_forecast_is_told(signed, monkeypatch):
    from pelcro_pipeline.defs import run

    forecast_of_one_more("map_cards", "production")(monkeypatch)
    with pytest.raises(
        RefusedError, match="production/database: agrees_with_forecast: forecast alone: invoice of 1 cad"
    ):
        run.job("production", signed, {}, Watcher())
    assert "production/migration_statistics" not in made(signed.home, runs(signed.home))


def test_a_ragged_record_is_warned_of_and_stops_nothing(signed):
    passed = evaluations(signed.home)
    assert passed["raw/plans", "nothing_set_aside"] is False
    assert passed["raw/customers", "nothing_set_aside"] is True
    assert "staging/migration_statistics" in made(signed.home, runs(signed.home))


def events(home: Path) -> list:
    """Every event of every run of a workspace."""
    with recorded(home) as instance:
        return [
            entry.dagster_event
            for run in instance.get_runs()
            for entry in instance.all_logs(run.run_id)
            if entry.dagster_event
        ]


def recorded(home: Path):
    """The instance of a workspace."""
    import dagster as dg

    from pelcro_pipeline.workspace import instance

    return dg.DagsterInstance.from_config(str(instance.prepare(home)))


def runs(home: Path) -> set[str]:
    """The ids of the runs of a workspace."""
    with recorded(home) as instance:
        return {run.run_id for run in instance.get_runs()}


def made(home: Path, by: set[str]) -> set[str]:
    """The assets that runs have made."""
    with recorded(home) as instance:
        return {
            entry.dagster_event.asset_key.to_user_string()
            for run_id in by
            for entry in instance.all_logs(run_id)
            if entry.dagster_event and entry.dagster_event.event_type_value == "ASSET_MATERIALIZATION"
        }


def evaluations(home: Path) -> dict[tuple[str, str], bool]:
    """Whether each check passed, by asset and name."""
    data = [
        event.asset_check_evaluation_data
        for event in events(home)
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return {(each.asset_key.to_user_string(), each.check_name): each.passed for each in data}
