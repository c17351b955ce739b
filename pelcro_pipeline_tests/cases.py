"""A rule's case: records that break it and records that do not, side by side in one extract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline_tests.extract import Delivery, Row, migrate


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
    def delivery(self) -> Delivery:
        return Delivery(**{self.file: (*self.breaking, *self.clean), **self.beside})

    @property
    def shows_violation(self) -> bool:
        """Whether the rule is named by what is expected."""
        return any(f" {self.rule} " in f"{each} " for each in (*self.findings, *self.fallen))


def assert_holds(case: Case, home: Path) -> None:
    """Findings and dispositions are exactly the case's, conservation holds, and what stands is in form."""
    migration = migrate(case.delivery, home, written=False)
    assert migration.told == sorted(case.findings)
    assert migration.fallen == sorted(case.fallen)
    assert migration.broken == []
    assert migration.nonconforming == []


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
    clean = migrate(case.clean, home / "clean", written=False)
    assert clean.told == clean.fallen == []
    if case.refusal:
        with pytest.raises(UnusableInputError) as refused:
            migrate(case.breaking, home / "breaking", written=False)
        assert case.refusal in str(refused.value)
        return
    breaking = migrate(case.breaking, home / "breaking", written=False)
    assert breaking.told == sorted(case.findings)
    assert breaking.fallen == sorted(case.fallen)
    assert breaking.broken == breaking.nonconforming == []
