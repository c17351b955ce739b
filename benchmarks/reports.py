"""What people read and decide by, in times of the floor: `python benchmarks/reports.py [SUBSCRIPTIONS]`.

The floor is DuckDB's load of the same file as text, in the same run.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from floor import generated, opened, told

from pelcro_pipeline import steps
from pelcro_pipeline.review import statistics, statistics_report


def main() -> None:
    subscriptions = sys.argv[1] if len(sys.argv) > 1 else "1000000"
    with tempfile.TemporaryDirectory() as home:
        paths, floor = generated(Path(home), subscriptions)
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
            told(floor, name, work)
            if name == "statistics, faces":
                statistics.write_digest(paths)
        for name in ("analysis.html", "statistics.html", "sample.html", "questions.xlsx"):
            print(f"{name:24}{(paths.reports / name).stat().st_size / 1000:7,.0f} kB")


if __name__ == "__main__":
    main()
