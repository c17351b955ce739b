"""The UI as people use it: a real server and daemon on a workspace of two extracts, and a real browser."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pelcro_pipeline.workspace import places
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import LASTING, PLANNED, Delivery, changed, reader
from pelcro_pipeline_tests.pages import CHROMIUM

pytestmark = pytest.mark.long

GROUPS = ("request", "raw", "conversion", "analysis", "prepared", "staging", "review", "production")
SIGNED, UNSIGNED = "harbour-review", "tidewater"
_LOCATION = "pelcro_pipeline.definitions"
_SECONDS = 120


@dataclass
class Server:
    """A running UI with its daemon."""

    home: Path
    port: int
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query: str, **variables: object) -> dict:
        """Ask the server's GraphQL, as its pages do."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.address}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        return answer["data"]

    def launch(self, job: str, extract: str, ops: dict | None = None, selection: list[str] | None = None) -> str:
        """Launch a job on an extract; returns the run's id."""
        selector = {
            "repositoryLocationName": _LOCATION,
            "repositoryName": "__repository__",
            "pipelineName": job,
            "assetSelection": [{"path": each.split("/")} for each in selection or []] or None,
        }
        launched = self.ask(
            """mutation ($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
                __typename ... on LaunchRunSuccess { run { runId } } } }""",
            params={
                "selector": selector,
                "mode": "default",
                "runConfigData": {"ops": ops or {}},
                "executionMetadata": {"tags": [{"key": "dagster/partition", "value": extract}]},
            },
        )["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess"
        return launched["run"]["runId"]

    def stage(self, extract: str) -> None:
        """Run an extract dry where no test before has."""
        if not ExtractPaths(self.home, extract).statistics_digest.is_file():
            assert self.ended(self.launch("dry_run", extract)) == "SUCCESS"

    def runs(self) -> list[dict]:
        """Every run, the newest first."""
        return self.ask(
            "{ runsOrError { ... on Runs { results { runId jobName status tags { key value } } } } }",
        )["runsOrError"]["results"]

    def ended(self, run_id: str) -> str:
        """The status that a run ends with."""
        return until(
            lambda: next(
                (
                    each["status"]
                    for each in self.runs()
                    if each["runId"] == run_id and each["status"] in ("SUCCESS", "FAILURE", "CANCELED")
                ),
                None,
            )
        )


def until(told: Callable[[], object]) -> object:
    """What ``told`` gives as soon as it gives anything."""
    for _ in range(2 * _SECONDS):
        if found := told():
            return found
        time.sleep(0.5)
    raise AssertionError(f"nothing came of it within {_SECONDS} seconds")


def partition(run: dict) -> str:
    return next(tag["value"] for tag in run["tags"] if tag["key"] == "dagster/partition")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    for extract in (SIGNED, UNSIGNED):
        Delivery([reader(1, LASTING), reader(2, LASTING)], settings=PLANNED).into(home / "extracts" / extract)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home / "ui.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")}
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", "from pelcro_pipeline.cli import main; main()", "ui", "--port", str(port)],
            env=environment | {"PELCRO_HOME": str(home)},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # As where a script starts it in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
    server = Server(home, port, log)
    try:
        until(lambda: answers(server))
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def answers(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"{server.address}/server_info"):
            return True
    except urllib.error.URLError:
        return False


def test_the_ui_starts_without_a_warning(server):
    told = server.log.read_text()
    assert "Warning" not in told
    assert "Error" not in told


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_dry_run_is_launched_in_the_browser_and_its_statistics_are_seen(server):
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1600, "height": 1200})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=90_000)

        page.goto(f"{server.address}/asset-groups")
        for group in GROUPS:
            expect(page.get_by_text(group, exact=True).first).to_be_visible()

        page.goto(f"{server.address}/locations/{_LOCATION}/jobs/dry_run")
        page.get_by_role("button", name="Materialize all").click()
        page.get_by_role("textbox", name="Select a partition").or_(page.get_by_text("Select a partition")).first.click()
        page.get_by_text(SIGNED, exact=True).filter(visible=True).last.click()
        page.get_by_role("button", name="Launch 1 run").click()
        expect(page.get_by_text("Launched run").first).to_be_visible()

        page.goto(f"{server.address}/runs")
        expect(page.get_by_text("Success", exact=True).first).to_be_visible()

        page.goto(f"{server.address}/assets/staging/migration_statistics?view=overview")
        expect(page.get_by_text("Subscriptions", exact=True).first).to_be_visible()
        expect(page.get_by_text("Dry-run (staging)").first).to_be_visible()
        row = page.locator("tr", has=page.get_by_text("chart", exact=True)).last
        row.get_by_text("[Show Markdown]").click()
        expect(page.get_by_role("img", name="What is counted at each stage")).to_be_visible()
        browser.close()
    assert ExtractPaths(server.home, SIGNED).statistics.is_file()


def test_a_backfill_of_production_loads_what_is_signed_and_fails_alone_where_nothing_is(server):
    for extract in (SIGNED, UNSIGNED):
        server.stage(extract)
    signature = {"review__sign_off": {"config": {"signed_by": "Jane Doe", "role": "Publisher"}}}
    assert server.ended(server.launch("sign_off", SIGNED, signature)) == "SUCCESS"

    assert backfilled(server) == {SIGNED: "SUCCESS", UNSIGNED: "FAILURE"}
    loaded = ExtractPaths(server.home, SIGNED).database("production")
    before = loaded.stat().st_mtime_ns
    assert not ExtractPaths(server.home, UNSIGNED).database("production").exists()

    assert server.ended(server.launch("sign_off", UNSIGNED, signature)) == "SUCCESS"
    assert backfilled(server) == {SIGNED: "SUCCESS", UNSIGNED: "SUCCESS"}
    assert loaded.stat().st_mtime_ns == before


def backfilled(server: Server) -> dict[str, str]:
    """How the run of each extract ends in a backfill of production over both."""
    known = {each["runId"] for each in server.runs()}
    started = server.ask(
        """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
            __typename } }""",
        params={
            "assetSelection": [{"path": ["production", name]} for name in ("database", "migration_statistics")],
            "partitionNames": [SIGNED, UNSIGNED],
            "fromFailure": False,
        },
    )
    assert started["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess"

    def ended() -> dict[str, str] | None:
        new = [each for each in server.runs() if each["runId"] not in known]
        done = [each for each in new if each["status"] in ("SUCCESS", "FAILURE")]
        return {partition(each): each["status"] for each in done} if len(done) == 2 else None

    return until(ended)


def test_a_run_that_was_refused_is_refused_again_from_its_failure(server):
    server.stage(UNSIGNED)
    paths = ExtractPaths(server.home, UNSIGNED)
    paths.sign_off.unlink(missing_ok=True)
    refused = server.launch("production", UNSIGNED)
    assert server.ended(refused) == "FAILURE"
    again = server.ask(
        """mutation ($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
            ... on LaunchRunSuccess { run { runId } } } }""",
        params={"parentRunId": refused, "strategy": "FROM_FAILURE"},
    )["launchRunReexecution"]["run"]["runId"]
    assert server.ended(again) == "FAILURE"
    alone = server.launch("production", UNSIGNED, selection=["production/migration_statistics"])
    assert server.ended(alone) == "FAILURE"


def test_the_sensor_runs_a_delivery_once_and_again_when_it_was_corrected(server):
    started = server.ask(
        """mutation ($sensor: SensorSelector!) { startSensor(sensorSelector: $sensor) { __typename } }""",
        sensor={
            "repositoryLocationName": _LOCATION,
            "repositoryName": "__repository__",
            "sensorName": "new_extract",
        },
    )
    assert started["startSensor"]["__typename"] == "Sensor"
    arrived = Delivery([reader(1)]).into(server.home / "extracts" / "gazette-2026-10-01")

    def runs() -> list[str]:
        return [each["status"] for each in server.runs() if partition(each) == arrived.name]

    until(lambda: runs() == ["SUCCESS"])
    changed(arrived / "customers.csv", "Genaro", "Gennaro")
    until(lambda: runs() == ["SUCCESS", "SUCCESS"])
    assert "Gennaro" in (ExtractPaths(server.home, arrived.name).prepared / "customers.csv").read_text()
    assert places.extracts(server.home) == ["gazette-2026-10-01", SIGNED, UNSIGNED]
