"""What benchmarks measure against: a generated extract, and DuckDB's load of its file as text, the least that any way must do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from pelcro_pipeline import steps
from pelcro_pipeline.workspace.places import ExtractPaths

_GENERATE = Path(__file__).parents[1] / "data" / "generate.py"


def generated(home: Path, subscriptions: str) -> tuple[ExtractPaths, float]:
    """A generated extract of so many subscriptions, and the seconds of its floor, which is printed."""
    paths = ExtractPaths(home, "benchmark")
    made = [sys.executable, _GENERATE, paths.extract, paths.delivered, "--subscriptions", subscriptions]
    subprocess.run([str(each) for each in made], check=True)
    floor = timed(
        lambda: duckdb.sql(
            f"""CREATE TABLE loaded AS FROM read_csv('{paths.delivered / "customers.csv"}', all_varchar = true, header = true,
            delim = ',', quote = '"', escape = '"')"""
        )
    )
    duckdb.sql("DROP TABLE loaded")
    print(f"{'floor':32}{floor:7.2f} s")
    return paths, floor


def timed(work: Callable[[], object]) -> float:
    """How many seconds it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def told(floor: float, name: str, work: Callable[[], object]) -> None:
    """Print how long it takes, in seconds and in floors."""
    took = timed(work)
    print(f"{name:32}{took:7.2f} s{took / floor:7.2f} floors", flush=True)


def opened(paths: ExtractPaths, step: Callable) -> object:
    """What a step gives over the opened extract."""
    with steps.opened(paths) as extract:
        return step(extract)
