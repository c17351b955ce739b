"""What people read and decide by, in times of the floor: `python benchmarks/reports.py [SUBSCRIPTIONS]`.

The floor is DuckDB's load of the same file as text, in the same run.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from pelcro_pipeline import steps
from pelcro_pipeline.review import statistics, statistics_report
from pelcro_pipeline.workspace.places import ExtractPaths

_GENERATE = Path(__file__).parents[1] / "data" / "generate.py"


def main() -> None:
    subscriptions = sys.argv[1] if len(sys.argv) > 1 else "1000000"
    with tempfile.TemporaryDirectory() as home:
        paths = ExtractPaths(Path(home), "benchmark")
        made = [sys.executable, _GENERATE, "benchmark", paths.delivered, "--subscriptions", subscriptions]
        subprocess.run([str(each) for each in made], check=True)
        customers = paths.delivered / "customers.csv"
        floor = timed(
            lambda: duckdb.sql(
                f"""CREATE TABLE loaded AS FROM read_csv('{customers}', all_varchar = true, header = true, delim = ',',
                quote = '"', escape = '"')"""
            )
        )
        duckdb.sql("DROP TABLE loaded")
        print(f"{'floor':24}{floor:7.2f} s")
        steps.read(paths)
        for step in (steps.convert, steps.judge, steps.prepare, steps.forecast, steps.stage):
            opened(paths, step)
        counted = opened(paths, steps.count)
        measured: dict[str, Callable[[], object]] = {
            "statistics, again": lambda: steps.count_again(paths, counted),
            "statistics, faces": lambda: statistics_report.write(counted, paths),
            "analysis, scope": lambda: opened(paths, steps.report),
            "sample": lambda: opened(paths, steps.sample),
            "going live": lambda: steps.going_live(paths),
            "certificate": lambda: steps.certify(paths),
        }
        for name, work in measured.items():
            took = timed(work)
            if name == "statistics, faces":
                statistics.write_digest(paths)
            print(f"{name:24}{took:7.2f} s{took / floor:7.2f} floors")
        for name in ("analysis.html", "statistics.html", "sample.html", "questions.xlsx"):
            print(f"{name:24}{(paths.reports / name).stat().st_size / 1000:7,.0f} kB")


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def opened(paths: ExtractPaths, step: Callable) -> object:
    with steps.opened(paths) as extract:
        return step(extract)


if __name__ == "__main__":
    main()
