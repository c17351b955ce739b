"""A site in the graph: planned, loaded and read back by a dry run, and by production behind the gate."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.review import sign_off, statistics
from pelcro_pipeline.workspace import instance
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests import api
from pelcro_pipeline_tests.core_api import KEY, SETTINGS, every_kind
from pelcro_pipeline_tests.extract import Delivery, Watcher

pytest.importorskip("dagster")

EXTRACT = "harbour-review"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with api.running(tmp_path_factory.mktemp("sandbox"), "--date", "2026-11-01") as running:
        for name in running.sites:
            running.asked("POST", f"/sites/{name}", {"timezone": "America/Halifax"})
        yield running


@pytest.fixture(scope="module")
def keys(sandbox):
    with pytest.MonkeyPatch.context() as patch:
        for name, variable in KEY.items():
            patch.setenv(variable, sandbox.told["sites"][name]["key"])
        yield


@pytest.fixture(scope="module")
def dry_run(sandbox, keys, tmp_path_factory) -> tuple[ExtractPaths, list[str]]:
    """A workspace whose extract was run dry into the staging site, and signed; and what the run told of itself."""
    paths = ExtractPaths(tmp_path_factory.mktemp("sites") / "home", EXTRACT)
    sites = "".join(
        f'{name} = {{ target = "core_api", url = "{sandbox.told["url"]}", site = {told["site_id"]}, key = "{KEY[name]}", rate = 0, settle = 1 }}\n'
        for name, told in sandbox.told["sites"].items()
    )
    Delivery(customers=every_kind(), settings=SETTINGS + sites).into(paths.delivered)
    told = run("dry_run", paths)
    accept = sorted(sign_off.open_questions(paths))
    signature = {"signed_by": "Jane Doe", "role": "Head of subscriptions", "accept": accept, "waivers": []}
    run("sign_off", paths, {"review__sign_off": {"config": signature}})
    return paths, told


class Teller(Watcher):
    """What a run tells of itself, remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def told(self, line: str) -> None:
        self.lines.append(line)


def run(job: str, paths: ExtractPaths, ops: dict | None = None) -> list[str]:
    from pelcro_pipeline.defs import run as running

    teller = Teller()
    running.job(job, paths, ops or {}, teller)
    return teller.lines


def materialized(paths: ExtractPaths, *key: str):
    """Make one asset of the extract by itself, and its checks, as the UI does; what they say, by name."""
    import dagster as dg

    from pelcro_pipeline.definitions import defs

    with dg.DagsterInstance.from_config(str(instance.prepare(paths.home))) as recorded:
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            run_config={"resources": {"extract": {"config": {"home": str(paths.home)}}}},
            partition_key=paths.extract,
            asset_selection=[dg.AssetKey(key)],
            instance=recorded,
            raise_on_error=False,
        )
    return {each.check_name: each.passed for each in result.get_asset_check_evaluations()}


def leave_out(plan: Path, condition: str) -> bytes:
    """Take objects out of a kept plan; returns it as it was."""
    before, less = plan.read_bytes(), plan.with_suffix(".less")
    duckdb.execute(f"COPY (FROM read_parquet('{plan}') WHERE NOT {condition}) TO '{less}' (FORMAT parquet)")
    less.replace(plan)
    return before


def counts(paths: ExtractPaths, column: str) -> dict[str, object]:
    frame = statistics.read(paths.statistics)
    objects = frame[frame["Section"] == "Objects"]
    return dict(zip(objects["Attribute"], objects[column], strict=True))


def test_a_dry_run_loads_the_staging_site_and_counts_what_it_holds(dry_run, sandbox):
    paths, told = dry_run
    assert counts(paths, statistics.STAGING)["Customers"] == 10
    assert {each["kind"] for each in sandbox.rows()} >= {"products", "plans", "customers", "subscriptions"}
    assert any("of 36 done" in line for line in told)
    plan = json.loads(paths.site_plan_summary("review").read_text())
    assert plan["counts"]["customer"] == {"create": 10}


def test_a_check_is_red_where_an_object_is_in_no_plan(dry_run):
    paths, _ = dry_run
    before = leave_out(paths.site_plan("staging"), "kind = 'address'")
    assert materialized(paths, "staging", "site") == {"adds_up": False}
    paths.site_plan("staging").write_bytes(before)
    assert materialized(paths, "staging", "site") == {"adds_up": True}


def test_a_check_is_red_where_the_site_is_not_as_prepared(dry_run, sandbox):
    paths, _ = dry_run
    customer = next(each["row"] for each in sandbox.rows() if each["kind"] == "customers")

    def rename(name: str) -> None:
        edit = {
            "site": "staging",
            "method": "PUT",
            "path": f"/customers/{customer['id']}",
            "body": {"first_name": name},
        }
        sandbox.asked("POST", "/edits", edit)

    rename("Somebody")
    assert materialized(paths, "staging", "read_back") == {"equals_prepared": False}
    rename(customer["first_name"])
    assert materialized(paths, "staging", "read_back") == {"equals_prepared": True}


def test_production_is_loaded_by_the_plan_that_was_signed(dry_run, sandbox):
    paths, _ = dry_run
    before = leave_out(paths.site_plan("signed"), "key = 'S1'")
    with pytest.raises(RefusedError, match="the plan of the production site"):
        run("production", paths)
    paths.site_plan("signed").write_bytes(before)
    # A plan that was made anew in between voids nothing: it is held against the signed one.
    materialized(paths, "review", "site_plan")
    run("production", paths)
    assert counts(paths, statistics.PRODUCTION) == counts(paths, statistics.STAGING)
    assert len(sandbox.rows("production")) == len(sandbox.rows("staging"))


def test_production_sends_nothing_that_was_not_signed(dry_run, sandbox):
    paths, _ = dry_run
    run("production", paths)
    # Somebody has changed a reader since: to change it back was not signed.
    customer = next(each["row"] for each in sandbox.rows("production") if each["kind"] == "customers")
    edit = {
        "site": "production",
        "method": "PUT",
        "path": f"/customers/{customer['id']}",
        "body": {"first_name": "Gena"},
    }
    sandbox.asked("POST", "/edits", edit)
    paths.site_plan_summary("production").unlink()
    calls = sandbox.asked("GET", "/effects/counts")
    with pytest.raises(RefusedError, match=f"update customer {customer['old_provider_id']}, which was not signed"):
        run("production", paths)
    assert sandbox.asked("GET", "/effects/counts") == calls


def test_a_site_is_reverted_by_the_job_that_is_told_which(dry_run, sandbox):
    paths, _ = dry_run
    for typed, on, said in (
        ("another", "staging", "type its name again"),
        (EXTRACT, "elsewhere", "'elsewhere' is no environment"),
    ):
        with pytest.raises(UnusableInputError, match=said):
            run("revert_site", paths, {"revert_from_site": {"config": {"extract": typed, "on": on}}})
    with pytest.raises(UnusableInputError, match="the job revert_site"):
        run("revert", paths)
    assert counts(paths, statistics.STAGING)["Customers"] == 10
    run("revert_site", paths, {"revert_from_site": {"config": {"extract": EXTRACT, "on": "staging"}}})
    left = [each["row"] for each in sandbox.rows()]
    assert {each["status"] for each in left if "status" in each} <= {"void", "canceled", "expired"}
    assert not [each for each in sandbox.rows() if each["kind"] == "customers"]
