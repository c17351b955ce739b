"""The review sample: customers that show all that an extract has, side by side, to be ticked off by a person."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.delivery import workbook as delivered_workbook
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.reporting import delimited, page, workbook
from pelcro_pipeline.reporting.workbook import Column, Sheet
from pelcro_pipeline.review import explanation, scenarios, side_by_side
from pelcro_pipeline.review.scenarios import Cover, Population
from pelcro_pipeline.review.side_by_side import Cell
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.spec.target import TARGET_TABLES
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.intake import SAMPLE_REVIEWS, own_file
from pelcro_pipeline.workspace.places import ExtractPaths

RIGHT, NOT_RIGHT = "right", "not right"
#: What is said with 95 % confidence is wrong one time in so many.
_WRONG_ONCE_IN = 20
#: A population counts as small where a sample is more than a twentieth of it.
_SMALL = 20


def highest_rate(sample: int, population: int) -> float:
    """The highest rate of defects that leaves a sample by chance, at 95 % confidence, without one; 1 for an empty sample.

    Exact: of a large population 1 - 0.05^(1/n), of a small one by the hypergeometric distribution.
    """
    if sample == 0:
        return 1.0
    if population > _SMALL * sample:
        return 1 - (1 / _WRONG_ONCE_IN) ** (1 / sample)
    samples = math.comb(population, sample)
    most = max(
        wrong
        for wrong in range(population - sample + 1)
        if math.comb(population - wrong, sample) * _WRONG_ONCE_IN >= samples
    )
    return most / population


@dataclass(frozen=True)
class Compared:
    """What was compared by machine when staging was loaded."""

    rows: int
    cells: int
    tables: int


@dataclass(frozen=True)
class SampledCustomer:
    """A customer of the sample: what it is an example of, and its cells."""

    number: int
    id: str
    scenarios: tuple[str, ...]
    #: What no customer before it in the sample shows.
    first_of: tuple[str, ...]
    cells: tuple[Cell, ...]

    @cached_property
    def differing(self) -> tuple[Cell, ...]:
        """The cells that are not everywhere the same, and those that are in no prepared record."""
        return tuple(cell for cell in self.cells if cell.record is None or cell.differs)

    @cached_property
    def same(self) -> tuple[Cell, ...]:
        """The cells that are the same as delivered, as prepared and in staging."""
        return tuple(cell for cell in self.cells if cell.record is not None and not cell.differs)

    @cached_property
    def state(self) -> str:
        """What its cells say, as a digest: a verdict is on these."""
        return side_by_side.state(list(self.cells))

    @property
    def to_look_at(self) -> str:
        """What the reviewer is asked to look at, in a sentence or two."""
        ruled = [
            f"{cell.attribute.replace('_', ' ') if cell.record is None else cell.attribute} ({cell.rule})"
            for cell in self.differing
            if cell.rule
        ]
        shown = f"It shows {', '.join(self.first_of)}. " if self.first_of else ""
        if not ruled:
            return f"{shown}No rule changed a value: compare with the old system."
        return f"{shown}Is right what stands of {', '.join(dict.fromkeys(ruled))}?"


@dataclass(frozen=True)
class Sample:
    """The customers that were chosen, what they cover and what their review proves."""

    extract: str
    population: Population
    cover: Cover
    customers: tuple[SampledCustomer, ...]
    compared: Compared

    @property
    def scenarios_covered(self) -> int:
        return self.cover.scenarios.bit_count()

    @property
    def pairs_covered(self) -> int:
        return self.cover.pairs.bit_count()

    @property
    def pairs_present(self) -> int:
        return self.cover.pairs_present.bit_count()

    @property
    def coverage(self) -> pd.DataFrame:
        """Each scenario, how many customers are in it, and how many of the sample."""
        chosen = [choice.customer.scenarios for choice in self.cover.chosen]
        return pd.DataFrame(
            [
                {"Scenario": each.name, "Customers": count, "In the sample": sum(own >> bit & 1 for own in chosen)}
                for bit, (each, count) in enumerate(zip(self.population.scenarios, self.population.counts, strict=True))
            ],
            columns=["Scenario", "Customers", "In the sample"],
        )

    @property
    def proven_by_machine(self) -> str:
        """What was compared without a person, in a sentence."""
        return (
            f"By machine every prepared cell was compared with staging when that was loaded: {self.compared.cells:,} cells in "
            f"{self.compared.rows:,} rows of {self.compared.tables} tables, all equal, and staging has not changed since."
        )

    @property
    def proven_by_review(self) -> str:
        """What a review without a defect proves, in a sentence."""
        return assurance(len(self.customers), self.population.customers)


def assurance(sample: int, population: int) -> str:
    """What it proves that a sample of a population has no defect, in a sentence that a publisher understands."""
    if sample == 0:
        return "There is no customer to look at, so a review proves nothing."
    if sample == population:
        return f"The sample is all {population:,} customers: where each is right, all are."
    return (
        f"Where all {sample} customers of the sample are right, then with 95 % confidence at most "
        f"{100 * highest_rate(sample, population):.1f} % of the {population:,} customers are not "
        "(as if they were drawn by chance; they were chosen so that what is rare is seen too)."
    )


def _compared(connection: duckdb.DuckDBPyConnection) -> Compared:
    rows = cells = 0
    for table in TARGET_TABLES:
        ((columns,),) = connection.execute(f"SELECT count(*) FROM (DESCRIBE staging.{table})").fetchall()
        ((count,),) = connection.execute(f"SELECT count(*) FROM staging.{table}").fetchall()
        rows, cells = rows + count, cells + count * columns
    return Compared(rows, cells, len(TARGET_TABLES))


def sampled(connection: duckdb.DuckDBPyConnection, paths: ExtractPaths, manifest: Manifest, size: int) -> Sample:
    """Choose customers and lay out what was delivered, is prepared and staged of each. Needs ``rules.results.attach``."""
    with database.opened(paths.database("staging"), "staging", connection):
        found = scenarios.population(connection, manifest, size)
        compared = _compared(connection)
    cover = scenarios.cover(found, size)
    ids = [choice.customer.id for choice in cover.chosen]
    explained = explanation.explanations(connection, paths, manifest, ids, ("staging",))
    customers = tuple(
        SampledCustomer(
            number,
            choice.customer.id,
            tuple(found.names(choice.customer.scenarios)),
            tuple(found.names(choice.new)),
            tuple(side_by_side.cells(each)),
        )
        for number, (choice, each) in enumerate(zip(cover.chosen, explained, strict=True), 1)
    )
    return Sample(paths.extract, found, cover, customers, compared)


def write(sample: Sample, paths: ExtractPaths) -> None:
    """Write sample.csv, sample.html and sample.xlsx for their owner alone, and what a review is held to."""
    with (
        atomic.file(paths.reports / "sample.csv") as unfinished,
        unfinished.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([heading.lower() for heading in _CELL_HEADINGS])
        writer.writerows([delimited.marked(cell) for cell in row] for row in _cell_rows(sample))
    with atomic.file(paths.reports / "sample.html") as unfinished:
        unfinished.write_text(page.render("sample.html", sample=sample), encoding="utf-8")
    with atomic.file(paths.reports / "sample.xlsx") as unfinished:
        workbook.write(unfinished, _sheets(sample))
    with atomic.file(paths.sample) as unfinished:
        unfinished.write_text(
            json.dumps({each.id: each.state for each in sample.customers}, indent=1), encoding="utf-8"
        )


_CELL_HEADINGS = ("Number", "Customer", *(each.name.capitalize() for each in fields(Cell)))
_SHEET = (
    Column("Number", 8),
    Column("Customer", 18),
    Column("Scenarios", 44, wrapped=True),
    Column("What to look at", 60, wrapped=True),
    Column("Verdict", 12, fill_in=True),
    Column("Remark", 44, wrapped=True, fill_in=True),
    # What is ticked off is known again by it once the sample is made anew.
    Column("State", 15),
)
_WIDTHS = {
    "attribute": 40,
    "file": 22,
    "column": 34,
    "delivered": 32,
    "prepared": 32,
    "staged": 32,
    "rule": 22,
    "why": 70,
}


def _cell_rows(sample: Sample) -> Iterator[tuple]:
    for customer in sample.customers:
        for cell in customer.cells:
            yield (customer.number, customer.id, *astuple(cell))


def _sheets(sample: Sample) -> list[Sheet]:
    rows = [
        (each.number, each.id, ", ".join(each.scenarios), each.to_look_at, "", "", each.state)
        for each in sample.customers
    ]
    verdicts = {(row, "Verdict"): (RIGHT, NOT_RIGHT) for row, _ in enumerate(rows)}
    cells = [Column(each, _WIDTHS.get(each.lower(), 10), wrapped=each == "Why") for each in _CELL_HEADINGS]
    return [Sheet("Customers", _SHEET, rows, verdicts), Sheet("Cells", cells, _cell_rows(sample))]


@dataclass(frozen=True)
class Review:
    """What a reviewer says of the sample that stands."""

    #: The file that it was read from, and how many customers the sample holds.
    file: str
    customers: int
    #: Of these, how many have a verdict that holds.
    ticked: int
    #: Who is not right, each with the remark.
    not_right: tuple[tuple[str, str], ...]
    #: What has changed since it was made, in a sentence; empty where it is of the sample that stands.
    stale: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether every customer of the sample has a verdict that holds."""
        return self.ticked == self.customers


def open_questions(review: Review) -> list[tuple[str, str]]:
    """Each customer that was found not right, and the reviewer's remark: for the publisher to answer."""
    return list(review.not_right)


@dataclass(frozen=True)
class _Verdict:
    row: int
    customer: str
    verdict: str
    remark: str
    #: Of what it was given for; empty where the file does not say.
    state: str


def reviewed(paths: ExtractPaths) -> Review | None:
    """The review of the sample in the extract's folder, if there is one: sample.xlsx as it was filled in, or sample_review.csv.

    Raises UnusableInputError for a file that is none, an unknown verdict, a customer given twice or that is none of the
    extract's; RefusedError where there is no sample yet.
    """
    given = [paths.delivered / name for name in SAMPLE_REVIEWS if (paths.delivered / name).exists()]
    if not given:
        return None
    if len(given) > 1:
        raise UnusableInputError(f"{paths.extract} has {' and '.join(SAMPLE_REVIEWS)}: leave the one that counts.")
    if not paths.sample.is_file():
        raise RefusedError(
            f"{paths.extract} has no sample to review yet: run `pelcro-pipeline dry-run {paths.extract}` first."
        )
    stands: dict[str, str] = json.loads(paths.sample.read_text(encoding="utf-8"))
    (path,) = given
    verdicts = _verdicts(path, stands)
    for each in verdicts:
        # Who was in an earlier sample has a state; whoever has none may be misspelt.
        if each.customer not in stands and not each.state and not _is_of_extract(paths, each.customer):
            raise UnusableInputError(
                f"{path.name} row {each.row} names the customer {each.customer}, who is none of {paths.extract}: "
                "write the id as the sample does."
            )
    holding = [
        each
        for each in verdicts
        if each.verdict and each.customer in stands and each.state in ("", stands[each.customer])
    ]
    return Review(
        path.name,
        len(stands),
        len(holding),
        tuple((each.customer, each.remark) for each in holding if each.verdict == NOT_RIGHT),
        _stale(path, verdicts, stands),
    )


def _stale(path: Path, verdicts: Sequence[_Verdict], stands: dict[str, str]) -> str:
    named = {each.customer for each in verdicts}
    changed = {
        "not in it any more": [each.customer for each in verdicts if each.customer not in stands],
        "new in it": [each for each in stands if each not in named],
        "of other values now": [
            each.customer
            for each in verdicts
            if each.customer in stands and each.state not in ("", stands[each.customer])
        ],
    }
    told = [f"{_listed(customers)} {what}" for what, customers in changed.items() if customers]
    return f"{path.name} is of another sample than the one that stands: {'; '.join(told)}." if told else ""


def _listed(customers: Sequence[str], most: int = 3) -> str:
    more = len(customers) - most
    shown = ", ".join(customers[:most]) + (f" and {more} more" if more > 0 else "")
    return f"{shown} {'is' if len(customers) == 1 else 'are'}"


def _is_of_extract(paths: ExtractPaths, customer: str) -> bool:
    ledger = literal(str(paths.analysis / "ledger.parquet"))
    with duck.connect() as connection:
        return bool(
            connection.execute(
                f"SELECT 1 FROM read_parquet({ledger}) WHERE object = 'customer' AND key = ? LIMIT 1", [customer]
            ).fetchall()
        )


def _verdicts(path: Path, stands: dict[str, str]) -> list[_Verdict]:
    # An id that a spreadsheet could run was written with a mark before it.
    written = {delimited.marked(each): each for each in stands}
    header, *rows = _rows(path)
    places = {heading.strip().lower(): place for place, heading in reversed(list(enumerate(header[1])))}
    if missing := [each for each in ("customer", "verdict", "remark") if each not in places]:
        raise UnusableInputError(
            f"{path.name} has no column {missing[0]}: hand back the workbook of the reports, or give customer, verdict and remark."
        )
    verdicts: dict[str, _Verdict] = {}
    for number, cells in rows:
        text = {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()}
        if not any(text[each] for each in ("customer", "verdict", "remark")):
            continue
        customer, verdict = written.get(text["customer"], text["customer"]), " ".join(text["verdict"].lower().split())
        if not customer:
            raise UnusableInputError(f"{path.name} row {number} names no customer: give each verdict its customer.")
        if verdict not in ("", RIGHT, NOT_RIGHT):
            raise UnusableInputError(
                f"{path.name} row {number} says {text['verdict']!r} of {customer}: write {RIGHT} or {NOT_RIGHT}, or leave it empty."
            )
        if customer in verdicts:
            raise UnusableInputError(
                f"{path.name} names the customer {customer} in row {verdicts[customer].row} and in row {number}: leave one."
            )
        verdicts[customer] = _Verdict(number, customer, verdict, text["remark"], text.get("state", ""))
    return list(verdicts.values())


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a review by their number, its header the first."""
    if own_file(path).suffix == ".xlsx":
        if not delivered_workbook.is_workbook(path):
            raise UnusableInputError(f"{path.name} is no XLSX workbook: hand back the workbook of the reports.")
        sheets = [sheet for sheet in delivered_workbook.sheets(path) if "Verdict" in sheet.rows[0]]
        if not sheets:
            raise UnusableInputError(
                f"{path.name} is no review of the sample, for no sheet has a column Verdict: "
                "hand back the workbook of the reports, or name what was delivered otherwise."
            )
        return list(zip(sheets[0].numbers, sheets[0].rows, strict=True))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            rows = list(enumerate(csv.reader(file, delimiter=";" if first.count(";") > first.count(",") else ","), 1))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableInputError(
            f"{path.name} is no UTF-8 CSV: give it the columns customer, verdict and remark."
        ) from error
    return rows or [(1, [])]
