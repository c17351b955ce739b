"""What else could check a delivery: pandera on pandas and on polars, and frictionless.

Each peer reads customers.csv as text and checks every column by what a schema can say of a delivered
cell: filled, one of, in a pattern. That is less than the pipeline does up to its ledger (no repair, no
relation between rows, no physical line, no disposition), so the ratios flatter the peers.
"""

from __future__ import annotations

import re

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
            case Pattern(regex, _, _) if attribute.kind.canonical == "text":
                pattern = regex
            case CalendarDate():
                pattern = _DATE
            case _:
                pattern = None
        found[name] = (f"^(?:{pattern})$" if pattern else None, bool(attribute and attribute.required_within_record))
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
_FRICTIONLESS = """
from frictionless import Checklist, Resource, Schema, system
fields = [{"name": name, "type": "string", "constraints": ({"pattern": p} if p else {}) | {"required": filled}}
    for name, (p, filled) in columns.items()]
with system.use_context(trusted=True):
    report = Resource(path, schema=Schema.from_descriptor({"fields": fields})).validate(limit_errors=10**9)
print(report.stats["errors"])
"""
#: Each by what it imports, and the program that prints how many cells it found to be wrong.
PEERS = {
    "pandera on polars": (
        "import pandera.polars, polars",
        _HEADER + _PANDERA.format(peer="polars", text="str", read="infer_schema=False"),
    ),
    "pandera on pandas": (
        "import pandera.pandas, pandas",
        _HEADER + _PANDERA.format(peer="pandas", text="object", read="dtype=str"),
    ),
    "frictionless": ("import frictionless", _HEADER + _FRICTIONLESS),
}
