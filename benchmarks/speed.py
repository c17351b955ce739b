"""How long a dry run takes, as ratios to the bare load of the same file, in one run.

    python benchmarks/speed.py 100000 1000000

Each figure is a process of its own, so that its peak memory is its own. The floor is what DuckDB
needs to load the delivered customers.csv as text and nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent

FLOOR = """
import duckdb, sys
duckdb.connect(sys.argv[2]).execute(
    "CREATE TABLE delivered AS FROM read_csv(?, all_varchar=true, header=true, delim=',', quote='\\"', escape='\\"')",
    [sys.argv[1] + "/customers.csv"])
"""

JUDGED = """
import sys
from pathlib import Path
from pelcro_pipeline import settings
from pelcro_pipeline.connection import connect
from pelcro_pipeline.conversion import tables
from pelcro_pipeline.conversion.select import select
from pelcro_pipeline.delivery.cards import refuse_card_numbers
from pelcro_pipeline.delivery.reading import read
from pelcro_pipeline.rules import findings, judgement, ledger
folder, into = map(Path, sys.argv[1:3])
into.mkdir()
said, connection = settings.load(folder), connect()
reading = read(folder, into, said, connection)
refuse_card_numbers(reading, connection)
for file in reading.files:
    connection.execute(f"COPY ({select(file, said)}) TO '{tables.parquet(into, file)}' (FORMAT parquet, COMPRESSION lz4)")
judgement.judge(connection, reading, into, said)
findings.create_findings(connection, reading, {})
ledger.create_ledger(connection, reading)
ledger.write(connection, into / "ledger.parquet")
"""

IMPORTED = "import pelcro_pipeline.rules.judgement, pelcro_pipeline.delivery.reading"
DAGSTER = "import pelcro_pipeline.defs.run"


def measured(*command: str, **environment: str) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes of a process that must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command[:3])} ... ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def python(code: str, *arguments: object) -> tuple[float, float]:
    return measured(sys.executable, "-c", code, *map(str, arguments))


def figures(subscriptions: int, at: Path) -> list[tuple[str, float, float, float]]:
    """Each way with its seconds (start-up taken off), its ratio to the floor and its peak memory."""
    extract = at / f"benchmark-{subscriptions}"
    generator = str(ROOT / "data" / "generate.py")
    measured(sys.executable, generator, "benchmark", str(extract), "--subscriptions", str(subscriptions))
    home = at / f"home-{subscriptions}"
    pipeline = str(Path(sys.executable).with_name("pelcro-pipeline"))
    bare, _ = python("import duckdb")
    own, _ = python(IMPORTED)
    dagster, _ = python(DAGSTER)
    # The first touch reads the file from disk for all that follow.
    python(FLOOR, extract, at / "warm.duckdb")
    floor, floor_memory = python(FLOOR, extract, at / f"floor-{subscriptions}.duckdb")
    judged, judged_memory = python(JUDGED, extract, at / f"judged-{subscriptions}")
    (home / "extracts").mkdir(parents=True)
    extract.rename(home / "extracts" / extract.name)
    whole, whole_memory = measured(pipeline, "dry-run", extract.name, PELCRO_HOME=str(home))
    floor -= bare
    (at / "warm.duckdb").unlink()
    return [
        ("floor: bare load as text", floor, 1.0, floor_memory),
        ("reading, conversion, rules, findings, ledger", judged - own, (judged - own) / floor, judged_memory),
        ("whole dry-run", whole - dagster, (whole - dagster) / floor, whole_memory),
        ("start-up of Dagster", dagster, dagster / floor, 0),
    ]


def show(found: dict[int, list[tuple[str, float, float, float]]]) -> None:
    """Print the figures of each size."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("subscriptions", "what", "seconds", "times the floor", "peak MB"):
        table.add_column(heading, justify="left" if heading == "what" else "right", no_wrap=True)
    for size, rows in found.items():
        for what, seconds, ratio, memory in rows:
            table.add_row(f"{size:,}", what, f"{seconds:.1f}", f"{ratio:.1f}", f"{memory:,.0f}")
    Console(width=100).print(table)


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [100_000]
    with tempfile.TemporaryDirectory() as folder:
        show({size: figures(size, Path(folder)) for size in sizes})


if __name__ == "__main__":
    main()
