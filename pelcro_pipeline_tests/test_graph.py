"""The graph: what Dagster sees, who may import it, and one migration on a real instance."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

import pelcro_pipeline
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.review import sign_off
from pelcro_pipeline.workspace import instance as workspace_instance
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import ON_THE_DAY, Delivery, Watcher, migrate, reader

PACKAGE = Path(pelcro_pipeline.__file__).parent
EXTRACT = "harbour-review"
GROUPS = {"request", "raw", "conversion", "analysis", "prepared", "migration_day", "staging", "review", "production"}


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {f"{node.module}.{each.name}" for each in node.names}
    return names


def test_only_defs_and_definitions_import_dagster():
    importing = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0].startswith("dagster") for name in imported(path))
    }
    assert {each for each in importing if not each.startswith("defs/")} == {"definitions.py"}


def test_only_the_command_line_imports_defs():
    importing = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(f"{name}.".startswith("pelcro_pipeline.defs.") for name in imported(path))
    }
    assert {each for each in importing if not each.startswith("defs/")} == {"definitions.py", "cli.py"}


#: Data flows from each room to those behind it.
ROOMS = (
    "spec", "workspace", "engine", "reporting", "sources", "delivery", "matching", "conversion", "rules", "prepared", "migration_day",
    "target", "analysis", "review", "defs",
)  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_none_behind_it(room):
    behind = tuple(f"pelcro_pipeline.{each}." for each in ROOMS[ROOMS.index(room) + 1 :])
    importing = {
        str(path.relative_to(PACKAGE))
        for path in (PACKAGE / room).rglob("*.py")
        if any(f"{name}.".startswith(behind) for name in imported(path))
    }
    assert importing == set()


@pytest.fixture(scope="module")
def dagster():
    """Dagster takes seconds to import: only the worker that runs these tests pays for it."""
    return pytest.importorskip("dagster")


@pytest.fixture(scope="module")
def definitions(dagster):
    from pelcro_pipeline.definitions import defs

    return defs


@pytest.fixture(scope="module")
def specs(definitions) -> list:
    return list(definitions.resolve_asset_graph().asset_nodes)


def test_every_asset_is_of_a_step_of_the_guide_and_keyed_by_it(specs):
    assert {node.group_name for node in specs} == GROUPS
    assert [node.key.path for node in specs if len(node.key.path) != 2 or node.key.path[0] != node.group_name] == []


def test_every_asset_says_what_it_is_and_whose(specs):
    assert [node.key for node in specs if not (node.description and node.owners and node.kinds)] == []
    assert [node.key for node in specs if "The guide:" not in node.description] == []


def test_every_asset_but_the_request_is_of_an_extract(specs):
    assert {node.group_name for node in specs if node.partitions_def is None} == {"request"}


def test_every_asset_has_the_code_version_of_its_group(specs):
    from pelcro_pipeline.defs import policy

    assert [node.key for node in specs if node.code_version != policy.code_version(node.group_name)] == []


@pytest.mark.parametrize(
    ("changed", "groups"),
    {
        "spec/kinds.py": GROUPS,
        "steps.py": GROUPS,
        "conversion/select.py": {"conversion", "analysis"},
        "rules/sql/REL-STRAY.sql": {"analysis"},
        "rules/catalogue.py": {"analysis"},
        "prepared/write.py": {"prepared"},
        "target/rows.py": {"staging", "production"},
        "migration_day/sql/event.sql": {"migration_day", "staging", "review", "production"},
    }.items(),
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_changes_makes_the_groups_that_run_through_it_stale(changed, groups, tmp_path):
    pytest.importorskip("dagster")
    from pelcro_pipeline.defs import policy

    package = tmp_path / "pelcro_pipeline"
    shutil.copytree(PACKAGE, package)
    (package / changed).write_text((package / changed).read_text() + "\n")
    stale = {group for group in GROUPS if policy.code_version(group, package) != policy.code_version(group)}
    assert stale == groups


def test_the_gate_lies_between_staging_and_production(definitions, dagster):
    graph = definitions.resolve_asset_graph()

    def above(key):
        parents = graph.get(key).parent_keys
        return parents | {each for parent in parents for each in above(parent)}

    database = dagster.AssetKey(["production", "database"])
    assert dagster.AssetKey(["review", "sign_off"]) in above(database)
    assert dagster.AssetKey(["staging", "migration_statistics"]) in above(database)


def test_a_dry_run_draws_the_sample_and_signs_nothing(definitions):
    def reviewed(job: str) -> set[str]:
        keys = definitions.resolve_job_def(job).asset_layer.executable_asset_keys
        return {key.path[1] for key in keys if key.path[0] == "review"}

    assert (reviewed("dry_run"), reviewed("sign_off")) == ({"sample", "going_live", "site_plan"}, {"sign_off"})


def test_the_jobs_are_what_people_say(definitions):
    jobs = {
        job.name: {key.path[0] for key in job.asset_layer.executable_asset_keys}
        for job in (
            definitions.resolve_job_def(name) for name in ("dry_run", "forecast", "sign_off", "share", "production")
        )
    }
    assert jobs == {
        "dry_run": {"request", "raw", "conversion", "analysis", "prepared", "migration_day", "staging", "review"},
        "forecast": {"migration_day"},
        "sign_off": {"review"},
        "share": {"review"},
        "production": {"production"},
    }


def test_nothing_runs_production_by_itself(definitions):
    graph = definitions.resolve_asset_graph()
    production = [node for node in graph.asset_nodes if node.group_name == "production"]
    assert [node.key for node in production if node.automation_condition is not None] == []
    launched = {automation.job_name for automation in (*definitions.schedules, *definitions.sensors)}
    assert launched == {"dry_run"}


def test_every_morning_the_newest_that_nobody_has_signed_runs_dry(definitions, dagster, tmp_path):
    from pelcro_pipeline.defs.automation import newest_extracts
    from pelcro_pipeline.defs.partitions import extracts
    from pelcro_pipeline.defs.resources import Extracts

    names = ["gazette-2026-10-01", "gazette-2026-10-08", "harbour-review", "tidewater"]
    for name in names:
        ExtractPaths(tmp_path, name).delivered.mkdir(parents=True)
    signed = migrate(Delivery([reader(1)]), tmp_path, "signed")
    signed.staged()
    sign_off.sign(signed.paths, "Jane Doe", "Publisher")
    loaded = ExtractPaths(tmp_path, "tidewater").database("production")
    loaded.parent.mkdir()
    loaded.touch()

    def due() -> list[str]:
        with dagster.DagsterInstance.from_config(str(workspace_instance.prepare(tmp_path))) as instance:
            instance.add_dynamic_partitions(extracts.name, [*names, "signed"])
            given = {"extract": Extracts(home=str(tmp_path))}
            with dagster.build_schedule_context(instance, ON_THE_DAY, resources=given) as context:
                return [each.partition_key for each in newest_extracts(context)]

    assert due() == ["gazette-2026-10-08", "harbour-review"]
    sign_off.end(signed.paths)
    assert due() == ["gazette-2026-10-08", "harbour-review", "signed"]


@pytest.fixture
def paths(tmp_path, monkeypatch) -> ExtractPaths:
    monkeypatch.setenv("PELCRO_HOME", str(tmp_path))
    monkeypatch.setattr("pelcro_pipeline.defs.production.now", lambda: ON_THE_DAY)
    paths = ExtractPaths(tmp_path, EXTRACT)
    Delivery([reader(1), reader(2, {"subscription.quantity": "0"})]).into(paths.delivered)
    return paths


def test_production_alone_refuses_however_it_is_launched(paths, definitions, dagster):
    from pelcro_pipeline.defs.partitions import extracts
    from pelcro_pipeline.defs.resources import Extracts

    extract = Extracts(home=str(paths.home))
    database = definitions.get_assets_def(dagster.AssetKey(["production", "database"]))

    with dagster.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(extracts.name, [EXTRACT])
        launched = {
            "job": definitions.resolve_job_def("production").execute_in_process(
                run_config={"resources": {"extract": {"config": {"home": extract.home}}}},
                instance=instance,
                partition_key=EXTRACT,
                raise_on_error=False,
            ),
            "asset": dagster.materialize(
                [database],
                instance=instance,
                partition_key=EXTRACT,
                resources={"extract": extract},
                raise_on_error=False,
            ),
        }
        for result in launched.values():
            assert not result.success
            (failure,) = [event for event in result.all_events if event.is_step_failure]
            assert f"{EXTRACT} is not signed off" in failure.step_failure_data.user_failure_data.description
    assert not paths.database("production").exists()


def test_a_migration_from_delivery_to_production_is_recorded(paths, dagster):
    from pelcro_pipeline.defs import run

    watcher = Watcher()
    run.job("dry_run", paths, {}, watcher)
    assert set(watcher.steps[:2]) == {"request__templates", "raw"}
    assert {each.split("__")[0] for each in watcher.steps[-2:]} == {"staging", "review"}
    for name in ("findings", "ledger", "statistics", "sample"):
        assert (paths.reports / f"{name}.csv").is_file()
    signature = {"review__sign_off": {"config": {"signed_by": "Jane Doe", "role": "Publisher"}}}
    run.job("sign_off", paths, signature, Watcher())

    prepared = paths.prepared / "plans.csv"
    shutil.copy(prepared, before := paths.home / "plans.before")
    prepared.write_text(prepared.read_text().replace("9900", "990"))
    with pytest.raises(RefusedError, match="the prepared files"):
        run.job("production", paths, {}, Watcher())
    assert not paths.database("production").exists()

    shutil.copy(before, prepared)
    run.job("production", paths, {}, Watcher())
    assert paths.database("production").is_file()

    with dagster.DagsterInstance.from_config(str(workspace_instance.prepare(paths.home))) as recorded:
        runs = [(each.job_name, each.status.value, each.tags["dagster/partition"]) for each in recorded.get_runs()]
        assert sorted(runs) == sorted(
            [
                ("dry_run", "SUCCESS", EXTRACT),
                ("sign_off", "SUCCESS", EXTRACT),
                ("production", "FAILURE", EXTRACT),
                ("production", "SUCCESS", EXTRACT),
            ]
        )
        checked = {
            (event.asset_check_evaluation_data.asset_key.path[0], event.asset_check_evaluation_data.check_name)
            for each in recorded.get_runs()
            for entry in recorded.all_logs(each.run_id)
            if (event := entry.dagster_event) and event.event_type_value == "ASSET_CHECK_EVALUATION"
        }
    assert {
        ("conversion", "conforms"),
        ("analysis", "conservation"),
        ("prepared", "conforms"),
        ("migration_day", "conservation"),
        ("staging", "equals_prepared_files"),
        ("staging", "agrees_with_forecast"),
        ("production", "agrees_with_forecast"),
        ("production", "production_equals_staging"),
    } <= checked


def test_what_stops_a_run_leaves_the_last_one_s_files_whole(paths, definitions):
    from pelcro_pipeline.defs import run

    run.job("dry_run", paths, {}, Watcher())
    before = {
        path: path.read_bytes() for path in (*paths.prepared.iterdir(), *paths.reports.rglob("*")) if path.is_file()
    }
    (paths.delivered / "plans.csv").write_text("plan.old_id,plan.nickname\nP-Y,Print\n")
    with pytest.raises(UnusableInputError, match=r"plans\.csv lacks plan\.amount"):
        run.job("dry_run", paths, {}, Watcher())
    assert {path: path.read_bytes() for path in before} == before
    assert list(paths.home.rglob("*.unfinished")) == []
