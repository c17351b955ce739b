"""How fast a site is loaded, and whether that is foretold: `python benchmarks/site.py pace|load|window [SUBSCRIPTIONS]`.

`pace` calls a sandbox at each limit and latency; `load` loads it without a limit, kills the load in the middle, goes on and reconciles,
with 512 MB for DuckDB (312,500 subscriptions are a million objects); `window` foretells six loads, with their reconciliation and revert,
and does them.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from floor import generated, opened

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline import steps
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.settings import Environment, Settings
from pelcro_pipeline.target.core_api import plan as planning
from pelcro_pipeline.target.core_api import read_back, reconcile, revert, window
from pelcro_pipeline.target.core_api import site as core_api
from pelcro_pipeline.target.core_api.client import Client
from pelcro_pipeline.target.core_api.pace import Pace
from pelcro_pipeline.target.core_api.site import Site
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.api import Sandbox

KEY = "PELCRO_STAGING_KEY"
#: The site's limit, what extract.toml says, milliseconds, and what the limit says of itself.
PACES = [
    *((limit, limit, latency, "seconds") for limit in (10, 50, 200) for latency in ("20", "100", "200")),
    (10, 50, "20-200", "no-header"),
    (10, 40, "50", "per-minute"),
    (50, 0, "100", "date"),
    (200, 400, "50", "seconds"),
]
#: Seconds that a pace is held, and the first of them, which do not count.
_HELD, _FIRST = 40.0, 10.0
#: The site's limit, milliseconds, the share of all calls that are lost or fail, and subscriptions enough for half a minute, or for more than
#: one where the waits for lost calls would else be a large part of it: they come to between 0 and some 6 seconds.
PROFILES = [
    (10, "20", 0.0, 80),
    (20, "200", 0.0, 160),
    (50, "100", 0.0, 400),
    (50, "20-200", 0.05, 1000),
    (100, "50", 0.02, 2000),
    (200, "20", 0.1, 4000),
]
_FAULTS = [
    {"kind": "close", "when": "before"},
    {"kind": "close", "when": "after"},
    {"kind": "status", "status": 502, "when": "before"},
    {"kind": "status", "status": 502, "when": "after"},
]


def site_of(paths: ExtractPaths, sandbox: Sandbox, **more: object) -> Site:
    """The sandbox's staging site, as extract.toml would name it."""
    told = sandbox.told["sites"]["staging"]
    os.environ[KEY] = told["key"]
    environment = {"target": "core_api", "url": sandbox.told["url"], "site": told["site_id"], "key": KEY, "settle": 3}
    given = extract_settings.load(paths.delivered).model_dump(exclude_unset=True)
    return Site(paths, "staging", Settings.model_validate(given | {"staging": environment | more}))


def staged(home: Path, subscriptions: int) -> ExtractPaths:
    """A generated extract, staged."""
    paths, _ = generated(home, str(subscriptions))
    steps.read(paths)
    for step in (steps.convert, steps.judge, steps.prepare, steps.forecast, steps.stage):
        opened(paths, step)
    return paths


# The pace.


def pace() -> None:
    print("limit  set  latency  said         used  429s after ten seconds  calls/s")
    for limit, rate, latency, says in PACES:
        options = ["--rate", str(limit), "--latency", latency, "--assume", f"limit={says}"]
        with tempfile.TemporaryDirectory() as state:
            sandbox = Sandbox(Path(state), *options)
            a_second, limited = asyncio.run(held(sandbox, rate))
            sandbox.stop()
        print(
            f"{limit:5}{rate:5}{latency:>9}  {says:11}{a_second / limit:6.1%}{limited:24.2%}{a_second:9.1f}", flush=True
        )


async def held(sandbox: Sandbox, rate: float) -> tuple[float, float]:
    """Calls a second that were taken after the first ten seconds, and the share of those that were refused."""
    told = sandbox.told["sites"]["staging"]
    environment = Environment(url=sandbox.told["url"], site=told["site_id"])
    own = Pace(rate)
    async with Client(environment, told["key"], own) as client:
        tasks: set[asyncio.Task] = set()

        async def called(number: int) -> None:
            body = {
                "email": f"reader-{number}@harbour-review.pub",
                "old_provider_id": f"C{number}",
                "first_name": "Ana",
            }
            try:
                await client.call("POST", "/customers", json.dumps(body).encode())
            finally:
                await own.leave()

        began = time.monotonic()
        before: tuple[float, int, int] | None = None
        while (now := time.monotonic()) < began + _HELD:
            if before is None and now > began + _FIRST:
                before = now, own.calls, own.limited
            await own.enter()
            tasks.add(task := asyncio.create_task(called(own.calls + len(tasks))))
            task.add_done_callback(tasks.discard)
        after = time.monotonic(), own.calls, own.limited
        await asyncio.gather(*tasks)
    seconds, calls, limited = (b - a for a, b in zip(before, after, strict=True))
    return (calls - limited) / seconds, limited / max(calls, 1)


# A load without a limit.


def load(subscriptions: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = staged(Path(folder) / "home", subscriptions)
        os.environ["PELCRO_MEMORY"] = "512MB"
        sandbox = Sandbox(Path(folder) / "sandbox", "--rate", "0")
        site = site_of(paths, sandbox, rate=0)
        ended(begun(whole_plan, site))
        calls = planning.kept(paths.site_plan_summary("staging")).calls
        process = begun(whole_load, site)
        while done(sandbox) < calls / 2:
            time.sleep(0.1)
        process.kill()
        process.join()
        half, began = done(sandbox), time.monotonic()
        process = begun(whole_load, site)
        while done(sandbox) <= half:
            time.sleep(0.1)
        print(f"first new call after a kill at the middle: {time.monotonic() - began:.1f} s", flush=True)
        ended(process)
        size = paths.journal("staging").stat().st_size
        print(f"journal: {size / calls:.0f} bytes an object", flush=True)
        ended(begun(whole_reconciliation, site))
        sandbox.stop()


def begun(work: Callable[[Site], None], site: Site) -> multiprocessing.Process:
    process = multiprocessing.get_context("spawn").Process(target=within, args=(work, site))
    process.start()
    return process


def within(work: Callable[[Site], None], site: Site) -> None:
    """Do it as a command does, with a place to spill to."""
    with duck.sandboxed(site.paths.home, site.paths.home / "spill"):
        work(site)


def ended(process: multiprocessing.Process) -> None:
    process.join()
    assert process.exitcode == 0, process.exitcode


def whole_load(site: Site) -> None:
    began, cpu = time.monotonic(), time.process_time()
    progress = core_api.load(site)
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    print(
        f"load, from the middle: {progress.own:,} calls in {took:.1f} s, {progress.own / took:,.0f} a second, "
        f"{cpu / progress.own * 1000:.2f} ms of CPU each, {peak():,.0f} MB at the peak; {progress.done:,} of {progress.calls:,} done",
        flush=True,
    )


def whole_plan(site: Site) -> None:
    took, reading, summary = besides_reading(lambda: core_api.plan(site))
    print(
        f"plan: {summary.calls:,} calls, {took:.1f} s and {reading:.1f} s of look-ups, {peak():,.0f} MB at the peak",
        flush=True,
    )


def whole_reconciliation(site: Site) -> None:
    took, reading, reconciled = besides_reading(lambda: reconcile.reconcile(site))
    print(
        f"reconcile: {took:.1f} s and {reading:.1f} s of look-ups, {peak():,.0f} MB at the peak: {reconciled.sentence}",
        flush=True,
    )


def besides_reading(work: Callable[[], object]) -> tuple[float, float, object]:
    """Seconds that something takes besides reading the site, those that it reads, and what it gives."""
    whole, reading = read_back.read, 0.0

    async def read(*given: object) -> dict[str, str]:
        nonlocal reading
        began = time.monotonic()
        try:
            return await whole(*given)
        finally:
            reading += time.monotonic() - began

    read_back.read = read
    began = time.monotonic()
    made = work()
    return time.monotonic() - began - reading, reading, made


def peak() -> float:
    """The most memory that this process has had, in megabytes: what getrusage tells of a child is its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def done(sandbox: Sandbox) -> int:
    """How many calls came in, refused ones too."""
    return sandbox.asked("GET", "/")["calls"]


# The window.


def windows(only: int) -> None:
    """All profiles, or the one with a number."""
    print("limit  latency  faults  step         foretold     interval        took    off")
    for place, (limit, latency, share, subscriptions) in enumerate(PROFILES, start=1):
        if only in (0, place):
            with tempfile.TemporaryDirectory() as folder:
                paths = staged(Path(folder) / "home", subscriptions)
                sandbox = Sandbox(Path(folder) / "sandbox", "--rate", str(limit), "--latency", latency)
                if share:
                    sandbox.asked("POST", "/storm", {"seed": place, "share": share, "faults": _FAULTS})
                for line in held_to(site_of(paths, sandbox, rate=limit)):
                    print(f"{limit:5}{latency:>9}{share:8.0%}  {line}", flush=True)
                sandbox.stop()


def held_to(site: Site) -> Iterator[str]:
    """What is foretold of each step after a rehearsal, and of the whole window, and what it took."""
    for rehearsed in (core_api.plan, core_api.load, reconcile.reconcile, taken_back, core_api.plan):
        rehearsed(site)
    foretold = window.foretell(site).steps
    took = []
    for step, work in zip(foretold, (core_api.load, reconcile.reconcile, taken_back), strict=True):
        began = time.monotonic()
        work(site)
        took.append(time.monotonic() - began)
        yield _line(step.name, step.seconds, step.least, step.most, took[-1])
    seconds, least, most = (sum(getattr(each, name) for each in foretold) for name in ("seconds", "least", "most"))
    yield _line("all of it", seconds, least, most, sum(took))


def _line(name: str, seconds: float, least: float, most: float, took: float) -> str:
    return f"{name:11}{seconds:9.1f}{least:9.1f} -{most:7.1f}{took:9.1f}{took / seconds - 1:+7.0%}"


def taken_back(site: Site) -> None:
    revert.plan_revert(site)
    revert.revert(site)


def main() -> None:
    what, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    {"pace": lambda: pace(), "load": lambda: load(number or 6000), "window": lambda: windows(number)}[what]()


if __name__ == "__main__":
    main()
