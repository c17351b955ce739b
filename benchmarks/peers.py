"""What else could check a delivery: pandera on pandas and on polars, and frictionless, beside this pipeline's ledger.

    python benchmarks/peers.py 100000 1000000

Needs the extra ``bench``. Each peer reads customers.csv as text and checks every column by what a schema
can say of a delivered cell: filled, one of, in a pattern. That is less than the pipeline does up to its
ledger (no repair, no relation between rows, no physical line, no fate), so the ratios flatter the peers.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from matplotlib.figure import Figure
from speed import FLOOR, IMPORTED, JUDGED, ROOT, measured, python, show

from pelcro_pipeline.delivery.header import attribute_of
from pelcro_pipeline.spec import ATTRIBUTES
from pelcro_pipeline.spec.model import CalendarDate, OneOf, Pattern

#: Choices are delivered in any case, dates with the day first.
_DATE = r"\d{1,2}/\d{1,2}/\d{4}"


def patterns(header: list[str]) -> dict[str, tuple[str | None, bool]]:
    """For each column the pattern that its cells match whole, if any, and whether it must be filled."""
    found = {}
    for name in header:
        attribute = ATTRIBUTES.get(attribute_of(name) or "")
        match attribute.kind.domain if attribute else None:
            case OneOf(choices):
                pattern = f"(?i:{'|'.join(map(re.escape, choices))})"
            # Where text is rewritten first, such as a phone's, its pattern says nothing of delivered cells.
            case Pattern(regex, _, _) if attribute.kind.canonical == "{text}":
                pattern = regex
            case CalendarDate():
                pattern = _DATE
            case _:
                pattern = None
        found[name] = (f"^(?:{pattern})$" if pattern else None, bool(attribute and attribute.mandatory_alone))
    return found


_HEADER = """
import csv, sys
sys.path.insert(0, sys.argv[2])
from peers import patterns
path = sys.argv[1] + "/customers.csv"
with open(path, newline="") as file:
    columns = patterns(next(csv.reader(file)))
"""
_PANDERA = """
import {peer}, pandera.{peer} as pa, pandera.errors
schema = pa.DataFrameSchema({{name: pa.Column({text}, [pa.Check.str_matches(p)] if p else [], nullable=not filled)
    for name, (p, filled) in columns.items()}})
frame = {peer}.read_csv(path, {read})
try:
    schema.validate(frame, lazy=True)
except pandera.errors.SchemaErrors as error:
    print(len(error.failure_cases))
"""
#: Each prints how many cells it found to be wrong.
PEERS = {
    "pandera on polars": _HEADER + _PANDERA.format(peer="polars", text="str", read="infer_schema=False"),
    "pandera on pandas": _HEADER + _PANDERA.format(peer="pandas", text="object", read="dtype=str"),
    "frictionless": _HEADER
    + """
from frictionless import Checklist, Resource, Schema, system
fields = [{"name": name, "type": "string", "constraints": ({"pattern": p} if p else {}) | {"required": filled}}
    for name, (p, filled) in columns.items()]
with system.use_context(trusted=True):
    report = Resource(path, schema=Schema.from_descriptor({"fields": fields})).validate(limit_errors=10**9)
print(report.stats["errors"])
""",
}
_BARE = {
    "pandera on polars": "import pandera.polars, polars",
    "pandera on pandas": "import pandera.pandas, pandas",
    "frictionless": "import frictionless",
}


def figures(subscriptions: int, at: Path) -> list[tuple[str, float, float, float]]:
    """Each way with its seconds (imports taken off), its ratio to the floor and its peak memory in MB."""
    extract = at / f"benchmark-{subscriptions}"
    generator = str(ROOT / "data" / "generate.py")
    measured(sys.executable, generator, "benchmark", str(extract), "--subscriptions", str(subscriptions))
    python(FLOOR, extract, at / "warm.duckdb")
    (at / "warm.duckdb").unlink()
    floor, memory = python(FLOOR, extract, at / f"floor-{subscriptions}.duckdb")
    floor -= python("import duckdb")[0]
    found = [("floor: bare load as text", floor, 1.0, memory)]
    ways = {"this pipeline, up to its ledger": (JUDGED, IMPORTED)} | {
        name: (PEERS[name], _BARE[name]) for name in PEERS
    }
    for name, (code, bare) in ways.items():
        beside = at / f"judged-{subscriptions}" if code is JUDGED else Path(__file__).parent
        seconds, memory = python(code, extract, beside)
        seconds -= python(bare)[0]
        found.append((name, seconds, seconds / floor, memory))
    return found


def chart(found: dict[int, list[tuple[str, float, float, float]]], path: Path) -> None:
    """Times the floor of each way, at each size."""
    figure = Figure(figsize=(8, 1.2 + 1.6 * len(found)), layout="constrained")
    for axes, (size, rows) in zip(figure.subplots(len(found), squeeze=False)[:, 0], found.items(), strict=True):
        bars = axes.barh([row[0] for row in rows][::-1], [row[2] for row in rows][::-1], color="#2b8a6e")
        axes.bar_label(bars, fmt="{:,.1f}", padding=3)
        axes.set_title(f"{size:,} subscriptions: times the floor", loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.1)
    figure.savefig(path, dpi=110)


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [100_000]
    with tempfile.TemporaryDirectory() as folder:
        found = {size: figures(size, Path(folder)) for size in sizes}
    chart(found, Path(__file__).parent / "peers.png")
    show(found)


if __name__ == "__main__":
    main()
