"""What benchmarks/crashes.py does to a load of a site: every call killed at every point, a storm, and lives thought of by hypothesis."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pelcro_pipeline_tests import core_api
from pelcro_pipeline_tests.extract import reader
from pelcro_pipeline_tests.killing import KILLED, POINTS, Kill, Loads, Scene
from pelcro_pipeline_tests.site_life import SiteLife
from pelcro_sandbox.faults import STORM

#: Without a 429: one that no limit is behind is taken for a limit, and the load goes on at the pace of that moment.
_FAULTS = [fault for fault in STORM if fault["kind"] != "limit"]


class _Folders:
    """Where the tests' extracts are staged, without pytest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def getbasetemp(self) -> Path:
        return self._folder


@contextmanager
def _scene(more: int = 0) -> Iterator[tuple[Scene, _Folders]]:
    """A load of every kind of call, and of ``more`` readers with two addresses and a subscription each."""
    loads = Loads()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        factory = _Folders(folder)
        earlier, later = core_api.delivered_twice(folder / "copied", factory)
        if more:
            # Beyond the numbers of the readers that are there already.
            readers = [reader(number) | core_api.LASTING for number in range(1000, 1000 + more)]
            rows = [*core_api.corrected(core_api.every_kind()), *readers]
            later = core_api.staged(folder / "more", rows, texts={"cards.csv": core_api.CARDS})
        (folder / "scene").mkdir()
        yield Scene(folder / "scene", earlier, later, loads), factory
    loads.close()


def kills(more: int = 6) -> int:
    """Kill the loader, the sandbox and both at each call and each of its points; how many of these ended otherwise."""
    failures, began = 0, time.monotonic()
    how: Counter[str] = Counter()
    with _scene(more) as (scene, _):
        calls = [
            (*call, skip)
            for call, number in scene.calls.items()
            if call[0] in ("create", "update")
            for skip in range(number)
        ]
        print(f"{len(calls)} calls, {len(POINTS)} points, {len(KILLED)} ways", flush=True)
        for (action, kind, skip), point, killed in itertools.product(calls, POINTS, KILLED):
            kill = Kill(action, kind, point, killed, skip)
            if killed == "sandbox":
                with scene.begun():
                    wrong = scene.wrong(scene.killed(kill))
            else:
                wrong = scene.after(kill)
            how[killed] += 1
            failures += bool(wrong)
            if wrong:
                print(f"{kill}: {'; '.join(wrong)[:2000]}", flush=True)
    print(f"== {dict(how)} kills in {time.monotonic() - began:,.0f} s: {failures} ended otherwise", flush=True)
    return failures


def storm(seed: int, more: int = 240) -> int:
    """A third of all calls go wrong, of a load of a thousand records; loaded again until all is done. 1 where it ends otherwise."""
    with _scene(more) as (scene, _), scene.begun() as sandbox:
        before, began = len(scene.effects), time.monotonic()
        sandbox.asked("POST", "/storm", {"seed": seed, "share": 0.3, "faults": _FAULTS})
        told: dict = {}
        for number in range(1, 20):
            told = scene.loads.run(scene.later, sandbox, "load")
            print(f"load {number}: {told}", flush=True)
            if told.get("loaded", {}).get("done", -1) == told.get("loaded", {}).get("calls"):
                break
        print(f"faults met: {sandbox.asked('GET', '/calls')['by']}", flush=True)
        sandbox.asked("DELETE", "/faults")
        wrong = scene.wrong(told)
    print(f"== a storm over {before} effects, seed {seed}, in {time.monotonic() - began:,.0f} s: {wrong[:5] or 'holds'}", flush=True)  # fmt: skip
    return int(bool(wrong))


def lives(number: int, steps: int = 30) -> int:
    """Lives of a site, as hypothesis thinks of them. Raises what breaks in one, with the shortest that breaks."""
    began = time.monotonic()
    with _scene() as (scene, factory):
        first = shutil.copy2(scene.later.database("staging"), scene.folder / "first.duckdb")

        class Life(SiteLife):
            pass

        Life.scene, Life.databases = scene, (first, core_api.corrected_again(factory))
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=number,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    print(f"== {number} lives of up to {steps} steps in {time.monotonic() - began:,.0f} s: all hold", flush=True)
    return 0
