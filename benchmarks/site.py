"""How fast a site is loaded, and whether that is foretold: `python benchmarks/site.py pace|load|window [SUBSCRIPTIONS]`.

`pace` calls a sandbox at each limit and latency; `load` loads it without a limit, kills the load in the middle and goes on; `window`
foretells six loads, with their reconciliation and revert, and does them.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from floor import generated, opened

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline import steps
from pelcro_pipeline.settings import Environment, Settings
from pelcro_pipeline.target.core_api import reconcile, revert, window
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
#: The site's limit, milliseconds, and the share of all calls that are lost or fail.
PROFILES = [
    (10, "20", 0.0),
    (20, "200", 0.0),
    (50, "100", 0.0),
    (50, "20-200", 0.05),
    (100, "50", 0.02),
    (200, "20", 0.1),
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
        sandbox = Sandbox(Path(folder) / "sandbox", "--rate", "0")
        site = site_of(paths, sandbox, rate=0)
        began = time.monotonic()
        calls = core_api.plan(site).calls
        print(f"plan: {calls:,} calls, {time.monotonic() - began:.1f} s", flush=True)
        process = begun(site)
        while done(sandbox) < calls / 2:
            time.sleep(0.1)
        process.kill()
        process.join()
        half, began = done(sandbox), time.monotonic()
        process = begun(site)
        while done(sandbox) <= half:
            time.sleep(0.01)
        print(f"first new call after a kill at the middle: {time.monotonic() - began:.1f} s", flush=True)
        process.join()
        size = paths.journal("staging").stat().st_size
        print(f"journal: {size / calls:.0f} bytes an object", flush=True)
        sandbox.stop()


def begun(site: Site) -> multiprocessing.Process:
    process = multiprocessing.get_context("spawn").Process(target=whole_load, args=(site,))
    process.start()
    return process


def whole_load(site: Site) -> None:
    began, cpu = time.monotonic(), time.process_time()
    progress = core_api.load(site)
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    with site.journal() as journal:
        measured = json.loads(journal.told("measured"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"load, from the middle: {measured['calls']:,} calls in {took:.1f} s, {measured['calls'] / took:,.0f} a second, "
        f"{cpu / measured['calls'] * 1000:.2f} ms of CPU each, {peak:,.0f} MB at the peak; {progress.done:,} done",
        flush=True,
    )


def done(sandbox: Sandbox) -> int:
    """How many calls came in, refused ones too."""
    return sandbox.asked("GET", "/calls")["count"]


# The window.


def windows(subscriptions: int) -> None:
    print("limit  latency  faults  step       foretold     interval      took    off")
    with tempfile.TemporaryDirectory() as folder:
        paths = staged(Path(folder) / "home", subscriptions)
        for place, (limit, latency, share) in enumerate(PROFILES):
            sandbox = Sandbox(Path(folder) / f"sandbox-{place}", "--rate", str(limit), "--latency", latency)
            site = site_of(paths, sandbox, rate=limit)
            if share:
                sandbox.asked("POST", "/storm", {"seed": place, "share": share, "faults": _FAULTS})
            paths.journal("staging").unlink(missing_ok=True)
            # The rehearsal, which shows what the site is.
            core_api.plan(site)
            core_api.load(site)
            taken_back(site)
            core_api.plan(site)
            foretold = {each.name: each for each in window.foretell(site).steps}
            for name, work in {
                "load": lambda site=site: core_api.load(site),
                "reconcile": lambda site=site: reconcile.reconcile(site),
                "revert": lambda site=site: taken_back(site),
            }.items():
                began, step = time.monotonic(), foretold[name]
                work()
                took = time.monotonic() - began
                print(
                    f"{limit:5}{latency:>9}{share:8.0%}  {name:10}{step.seconds:9.1f}{step.least:8.1f} -{step.most:6.1f}{took:8.1f}"
                    f"{took / step.seconds - 1:+7.0%}",
                    flush=True,
                )
            sandbox.stop()


def taken_back(site: Site) -> None:
    revert.plan_revert(site)
    revert.revert(site)


def main() -> None:
    what, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    {"pace": lambda: pace(), "load": lambda: load(number or 6000), "window": lambda: windows(number or 200)}[what]()


if __name__ == "__main__":
    main()
