"""How long a dry run takes, and what its peers take, as ratios to the bare load of the same file, in one run.

    python benchmarks/speed.py 100000 1000000

Needs the extra ``bench``. Each figure is a process of its own, so that its peak memory is its own. The
floor is what DuckDB needs to load the delivered customers.csv as text and nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from peers import PEERS

ROOT = Path(__file__).resolve().parent.parent
#: What the pipeline's DuckDB may take; the floor and the peers take what they like.
MEMORY = {"PELCRO_MEMORY": "3GB"}
#: Above, the peers need more memory than most machines have: frictionless 6 GB at a million.
MOST_FOR_PEERS = 1_000_000

FLOOR = """
import duckdb, sys
duckdb.connect(sys.argv[2]).execute(
    "CREATE TABLE delivered AS FROM read_csv(?, all_varchar=true, header=true, delim=',', quote='\\"', escape='\\"')",
    [sys.argv[1] + "/customers.csv"])
"""

JUDGED = """
import sys
from pathlib import Path
from pelcro_pipeline import steps
from pelcro_pipeline.engine.connection import sandboxed
from pelcro_pipeline.workspace.places import ExtractPaths
paths = ExtractPaths(Path(sys.argv[1]), sys.argv[2])
with sandboxed(paths.home, paths.spill):
    steps.read(paths)
    with steps.opened(paths) as extract:
        steps.convert(extract)
    with steps.opened(paths) as extract:
        steps.judge(extract)
"""

IMPORTED = "import pelcro_pipeline.steps"
DAGSTER = "import pelcro_pipeline.defs.run"


class Way(NamedTuple):
    """A way of taking in a delivery: seconds with its start-up taken off, and its peak memory."""

    name: str
    seconds: float
    floors: float
    megabytes: float


def measured(*command: object, **environment: str) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes of a process that must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], env=os.environ | environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command[:3]))} ... ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def python(code: str, *arguments: object, **environment: str) -> tuple[float, float]:
    return measured(sys.executable, "-c", code, *arguments, **environment)


def ways(subscriptions: int, at: Path) -> Iterator[Way]:
    """The floor, and every way measured against it."""
    home = at / "home"
    extract = home / "extracts" / f"benchmark-{subscriptions}"
    extract.parent.mkdir(parents=True)
    measured(sys.executable, ROOT / "data" / "generate.py", "benchmark", extract, "--subscriptions", subscriptions)
    # The first touch reads the file from disk for all that follow.
    python(FLOOR, extract, at / "warm.duckdb")
    (at / "warm.duckdb").unlink()
    floor, megabytes = python(FLOOR, extract, at / "floor.duckdb")
    floor -= python("import duckdb")[0]
    yield Way("floor: bare load as text", floor, 1.0, megabytes)

    def way(name: str, taken: tuple[float, float], start_up: float = 0) -> Way:
        seconds = taken[0] - start_up
        return Way(name, seconds, seconds / floor, taken[1])

    start_up, _ = python(IMPORTED)
    yield way("pipeline, up to its ledger", python(JUDGED, home, extract.name, **MEMORY), start_up)
    dagster = python(DAGSTER)
    yield way("start-up of Dagster", dagster)
    pipeline = Path(sys.executable).with_name("pelcro-pipeline")
    whole = measured(pipeline, "dry-run", extract.name, PELCRO_HOME=str(home), **MEMORY)
    yield way("pipeline, whole dry run", whole, dagster[0])
    for name, (imports, code) in PEERS.items() if subscriptions <= MOST_FOR_PEERS else ():
        yield way(name, python(code, extract, Path(__file__).parent), python(imports)[0])


def shown(size: int, way: Way) -> Way:
    """Print a way's figures: the large sizes take a quarter of an hour."""
    print(f"{size:>13,}  {way.name:28}{way.seconds:>9,.1f}{way.floors:>17,.1f}{way.megabytes:>9,.0f}", flush=True)
    return way


def chart(found: dict[int, list[Way]], path: Path) -> None:
    """Times the floor of each way, at each size."""
    figure = Figure(figsize=(8, 1.0 + 2.2 * len(found)), layout="constrained")
    for axes, (size, measures) in zip(figure.subplots(len(found), squeeze=False)[:, 0], found.items(), strict=True):
        upwards = measures[::-1]
        colours = ["#2b8a6e" if way.name.startswith("pipeline") else "#9aa5a0" for way in upwards]
        bars = axes.barh([way.name for way in upwards], [way.floors for way in upwards], color=colours)
        axes.bar_label(bars, [f"{way.floors:,.1f}" for way in upwards], padding=3)
        axes.set_title(f"{size:,} subscriptions: times the floor of {measures[0].seconds:,.1f} seconds", loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.1)
    figure.savefig(path, dpi=110)


def main() -> None:
    print(f"{'subscriptions':>13}  {'way':28}{'seconds':>9}{'times the floor':>17}{'peak MB':>9}")
    found = {}
    for size in [int(size) for size in sys.argv[1:]] or [100_000]:
        with tempfile.TemporaryDirectory() as folder:
            found[size] = [shown(size, way) for way in ways(size, Path(folder))]
    chart(found, Path(__file__).with_name("speed.png"))


if __name__ == "__main__":
    main()
