"""A rule's case: records that break it and records that do not, side by side in one extract."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline_tests.extract import DONOR_ID, GROUP, OLD_ID, ORDER_NUMBER, Delivery, Row, migrate


@dataclass(frozen=True)
class Case:
    """What breaks a rule, what does not, and everything that is to be found and to fall.

    ``breaking`` and ``clean`` are records of ``file``, in this order, so the first breaking one stands
    on line 2. Findings and dispositions are written as ``Migration.told`` and ``Migration.fallen`` write them,
    and are all that there are.
    """

    rule: str
    breaking: Sequence[Row]
    clean: Sequence[Row]
    findings: Sequence[str] = ()
    fallen: Sequence[str] = ()
    file: str = "customers"
    #: What else is delivered, as arguments of ``Delivery``.
    beside: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.rule

    @property
    def shows_violation(self) -> bool:
        """Whether the rule is named by what is expected."""
        return any(f" {self.rule} " in f"{each} " for each in (*self.findings, *self.fallen))


#: What is named by its number, as ``extract`` writes readers, their subscriptions and groups.
_NUMBERED = re.compile(r"\b(HR|genaro\.cassano|gcassano|S|M-|400S?)(\d+)", re.IGNORECASE)
_NUMBERED_CELLS = (
    "customer.old_provider_id",
    "customer.common_metadata.original_old_provider_id",
    "customer.email",
    "customer.display_name",
    OLD_ID,
    ORDER_NUMBER,
    DONOR_ID,
    GROUP,
)
#: Of products and plans, which are named by letters.
_LETTERED_CELLS = ("product.id", "plan.old_id")
#: Numbers that each case has to itself.
_NUMBERS = 100
_TOLD = re.compile(r"(?P<file>[^:]+):(?P<line>\d*) (?P<what>.+)")


class Outcome(NamedTuple):
    """What became of a case's records; ``broken`` and ``nonconforming`` are of all that was delivered with them."""

    told: list[str]
    fallen: list[str]
    broken: list[str]
    nonconforming: list[str]


class Outcomes:
    """What becomes of cases, those together in one delivery that what stands beside them lets: to judge one takes seconds.

    There each has lines and numbers of its own. What is found elsewhere than in the lines of any is told of all. A case that
    expects something of the file as a whole has a delivery to itself.
    """

    def __init__(self, cases: Sequence[Case], home: Path) -> None:
        self._home = home
        self._together: dict[str, list[Case]] = {}
        for case in cases:
            alone = any(not _TOLD.match(each)["line"] for each in case.findings)
            self._together.setdefault(case.rule if alone else f"{case.file} beside {case.beside}", []).append(case)
        self._known: dict[str, Outcome] = {}

    def of(self, case: Case) -> Outcome:
        """What became of one of them."""
        if case.rule not in self._known:
            (together,) = (each for each in self._together.values() if case in each)
            self._known |= _judged(together, self._home / case.rule)
        return self._known[case.rule]


def _judged(cases: Sequence[Case], home: Path) -> dict[str, Outcome]:
    """What became of each case of one delivery, by its rule, as if it had been alone."""
    rows: list[Row] = []
    lines: list[range] = []
    for place, case in enumerate(cases):
        lines.append(range(len(rows) + 2, len(rows) + 2 + len(case.breaking) + len(case.clean)))
        rows += [_apart(row, place) for row in (*case.breaking, *case.clean)]
    first = cases[0]
    migration = migrate(Delivery(**{first.file: rows, **first.beside}), home)
    broken, nonconforming = migration.broken, migration.nonconforming

    def own(sentences: Sequence[str], place: int) -> list[str]:
        kept = []
        for sentence in sentences:
            told = _TOLD.match(sentence)
            line = int(told["line"]) if told["line"] and told["file"] == f"{first.file}.csv" else None
            if line in lines[place]:
                kept.append(f"{told['file']}:{line - lines[place].start + 2} {_shifted(told['what'], -place)}")
            elif not any(line in each for each in lines):
                kept.append(sentence)
        return sorted(kept)

    return {
        case.rule: Outcome(own(migration.told, place), own(migration.fallen, place), broken, nonconforming)
        for place, case in enumerate(cases)
    }


def _apart(row: Row, place: int) -> Row:
    """The record with the numbers, or behind the letters the place, that its case has to itself."""
    own = {name: _shifted(row[name], place) for name in _NUMBERED_CELLS if row.get(name)}
    own |= {name: f"{row[name]}-{place}" for name in _LETTERED_CELLS if row.get(name) and place}
    return row | own


def _shifted(text: str, place: int) -> str:
    return _NUMBERED.sub(lambda found: f"{found[1]}{int(found[2]) + _NUMBERS * place}" if place else found[0], text)


def assert_holds(case: Case, outcomes: Outcomes) -> None:
    """Findings and dispositions are exactly the case's, conservation holds, and what stands is in form."""
    became = outcomes.of(case)
    assert became.told == sorted(case.findings)
    assert became.fallen == sorted(case.fallen)
    assert became.broken == []
    assert became.nonconforming == []


@dataclass(frozen=True)
class Pair:
    """A delivery that breaks a rule, and one that does not; ``refusal`` is in the sentence that stops the former."""

    rule: str
    breaking: Delivery
    clean: Delivery
    findings: tuple[str, ...] = ()
    fallen: tuple[str, ...] = ()
    refusal: str = ""

    def __str__(self) -> str:
        return self.rule

    @property
    def shows_violation(self) -> bool:
        """Whether the rule is named by what is expected, or stops the run."""
        return bool(self.refusal) or any(f" {self.rule} " in f"{each} " for each in (*self.findings, *self.fallen))


def assert_parted(case: Pair, home: Path) -> None:
    """Nothing is found in the clean delivery, and exactly what the case says in the other."""
    clean = migrate(case.clean, home / "clean")
    assert clean.told == clean.fallen == []
    if case.refusal:
        with pytest.raises(UnusableInputError) as refused:
            migrate(case.breaking, home / "breaking")
        assert case.refusal in str(refused.value)
        return
    breaking = migrate(case.breaking, home / "breaking")
    assert breaking.told == sorted(case.findings)
    assert breaking.fallen == sorted(case.fallen)
    assert breaking.broken == breaking.nonconforming == []
