"""The words that a table is described in: kind, domain, violation, attribute, table."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding does to the value or object that it names."""

    EXCLUDED = "excluded"
    REJECT = "reject"
    CLEAR = "clear"
    REPAIR = "repair"
    QUESTION = "question"


class Personal(StrEnum):
    """What a value tells of a person: the word that its pseudonym begins with."""

    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    ADDRESS = "address"
    GROUP = "group"
    ORDER = "order"
    EMAIL = "email"
    NAME = "name"
    PHONE = "phone"
    LINE = "line"
    COMPANY = "company"
    PLACE = "place"
    TITLE = "title"
    PASSWORD = "password"


class Need(StrEnum):
    """How far the guide asks for an attribute."""

    REQUIRED = "Required"
    RECOMMENDED = "Optional (recommended)"
    OPTIONAL = "Optional"
    DEPENDENT = "Dependent"


class Outcome(StrEnum):
    """How a delivered cell stands to its kind."""

    OK = "ok"
    EMPTY = "empty"
    REPAIRED = "repaired"
    INVALID = "invalid"


@dataclass(frozen=True)
class Pattern:
    """Values that a regular expression matches whole, in RE2 and in Python alike; ``also`` is a second one.

    ``minimum`` is the least of the numbers that it matches, for the target's own check.
    """

    regex: str
    max_length: int | None = None
    also: str | None = None
    minimum: int | None = None
    #: What is accepted by neither is matched by this.
    unlike: str | None = None


@dataclass(frozen=True)
class OneOf:
    """A closed set of values."""

    choices: tuple[str, ...]


@dataclass(frozen=True)
class CalendarDate:
    """ISO dates that the calendar has."""


@dataclass(frozen=True)
class PatternBy:
    """Values judged by a sibling: ``patterns[sibling]`` must match whole; other siblings accept all."""

    sibling: str
    patterns: tuple[tuple[str, str], ...]
    ignoring: str = ""


Domain = Pattern | OneOf | CalendarDate | PatternBy


@dataclass(frozen=True)
class Kind:
    """One SQL scalar from delivered text to a value, and the domain of its values.

    ``canonical`` and ``repair`` are SQL over the parameters of their macros: ``text`` (never null);
    ``sibling``, the attribute that a ``PatternBy`` names; and of dates what was told of the delivered column:
    ``date_order``, its strptime format, ``numbers``, what numbers in it are, and ``zone``, whose day is meant. ``canonical`` is total and idempotent and returns what it does not understand
    as it is. ``repair`` is asked only for values outside the domain, and returns the value to infer, or null.
    """

    name: str
    doc: str
    storage: str = "VARCHAR"
    canonical: str = "text"
    domain: Domain | None = None
    repair: str | None = None

    @property
    def macro(self) -> str:
        """What the names of its macros end in: ``canonical_country``, ``accepts_country``, ``repair_country``."""
        return re.sub(r"\W+", "_", self.name)

    @property
    def takes_date_order(self) -> bool:
        """Whether the text alone does not tell it: the order of day and month is told per column."""
        return "date_order" in self.canonical

    @property
    def parameters(self) -> tuple[str, ...]:
        """What its macros take: the text, and the sibling that its domain is judged by."""
        return ("text", "sibling") if isinstance(self.domain, PatternBy) else ("text",)


@dataclass(frozen=True)
class Condition:
    """A condition on a sibling: it is (or, negated, is not) one of ``values``; no values: empty."""

    sibling: str
    values: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class Violation:
    """One way for an attribute of one record to be wrong, told from that record alone.

    ``outcome`` says which way, or, where it is None, ``sql`` does, over canonical siblings.
    ``value`` is the SQL of the value that stands instead; ``clears`` names the attributes that a
    CLEAR empties, where it is not the attribute itself.
    """

    rule: str
    severity: Severity
    outcome: Outcome | None = None
    sql: str | None = None
    value: str | None = None
    when: Condition | None = None
    clears: tuple[str, ...] = ()

    @property
    def cross_record(self) -> bool:
        """Whether the value to infer lies in other records: a query of ``rules`` finds it."""
        return (
            self.severity is Severity.REPAIR and self.value is None and self.outcome in (Outcome.EMPTY, Outcome.INVALID)
        )


@dataclass(frozen=True)
class Attribute:
    """One template column, by the dotted name that is used everywhere."""

    name: str
    kind: Kind
    need: Need
    doc: str
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()
    #: What an empty cell becomes without a finding.
    default: str | None = None
    unique: bool = False
    #: Attributes of other objects that a missing or wrong value is inferred from.
    derived_from: tuple[str, ...] = ()
    #: Never shown in a finding, a report or a log.
    secret: bool = False
    #: What its values tell of a person; None where they tell of none.
    personal: Personal | None = None

    @property
    def conditional(self) -> bool:
        """Whether a sibling decides what is accepted."""
        return isinstance(self.kind.domain, PatternBy)

    @property
    def mandatory(self) -> bool:
        """Whether no prepared object lacks it, whatever its siblings hold."""
        return any(_fills(violation) for violation in self.violations)

    @property
    def required_within_record(self) -> bool:
        """Whether its own record fills it: true of no attribute that other records must fill."""
        return any(_fills(violation) and not violation.cross_record for violation in self.violations)


def _fills(violation: Violation) -> bool:
    return (
        violation.outcome is Outcome.EMPTY
        and violation.when is None
        and violation.severity in (Severity.REJECT, Severity.REPAIR)
    )


@dataclass(frozen=True)
class Table:
    """One object's template columns, in the guide's order."""

    name: str
    object: str
    title: str
    doc: str
    prefix: str
    attributes: tuple[Attribute, ...]
    key: str
    #: Columns of no template that begin with this are migrated as metadata.
    metadata_prefix: str | None = None

    @property
    def violations(self) -> tuple[tuple[Attribute, Violation], ...]:
        """Every violation with its attribute; a violation's place here is its bit."""
        return tuple((attribute, violation) for attribute in self.attributes for violation in attribute.violations)

    @property
    def digest(self) -> str:
        """Changes when, and only when, what the table says of its columns changes."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


def empty(rule: str, severity: Severity, value: str | None = None, when: Condition | None = None) -> Violation:
    """The cell is empty."""
    return Violation(rule, severity, Outcome.EMPTY, value=value, when=when)


def repaired(rule: str) -> Violation:
    """The cell is outside the accepted forms, and the kind infers what was meant."""
    return Violation(rule, Severity.REPAIR, Outcome.REPAIRED)


def invalid(rule: str, severity: Severity, value: str | None = None, when: Condition | None = None) -> Violation:
    """The cell is outside the kind's domain, and nothing can be inferred."""
    return Violation(rule, severity, Outcome.INVALID, value=value, when=when)


def whenever(
    rule: str,
    severity: Severity,
    sql: str,
    value: str | None = None,
    clears: tuple[str, ...] = (),
) -> Violation:
    """``sql`` holds over the record's canonical attributes."""
    return Violation(rule, severity, sql=sql, value=value, clears=clears)
