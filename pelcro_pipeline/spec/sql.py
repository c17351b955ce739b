"""The spec as DuckDB SQL: macros, canonical values, outcomes and breaches.

Everything is text in SQL's sense until a target is loaded: a wrong value survives to be reported.
"""

from __future__ import annotations

import datetime

from pelcro_pipeline.spec.kinds import BOOLEAN, YES_OR_TWO
from pelcro_pipeline.spec.model import (
    Attribute,
    Breach,
    CalendarDate,
    Given,
    OneOf,
    Outcome,
    Pattern,
    PatternBy,
    Severity,
    Table,
)

#: Above this, a regular expression finds a member faster than a chain of comparisons.
_LONGEST_IN_LIST = 8

MACROS = (
    """CREATE OR REPLACE MACRO said(trimmed) AS
        CASE WHEN lower(trimmed) IN ('', 'empty', '''empty''') THEN NULL ELSE trimmed END""",
    # Most cells are tidy: one test spares them the trimming, at a third of its cost over 61 columns.
    r"""CREATE OR REPLACE MACRO filled(text) AS
        CASE WHEN regexp_matches(text, '^[\s\x{a0}]|[\s\x{a0}]$|^''?(?i:empty)''?$|^$')
        THEN said(regexp_replace(text, '^[\s\x{a0}]+|[\s\x{a0}]+$', '', 'g')) ELSE text END""",
    r"""CREATE OR REPLACE MACRO iso_date(text) AS
        CASE WHEN regexp_matches(text, '^\d{4}-\d{2}-\d{2}(?:$|[T ]\d{1,2}:)') OR regexp_matches(text, '^\d{8}$')
        THEN strftime(coalesce(try_strptime(left(text, 10), '%Y-%m-%d'), try_strptime(text, '%Y%m%d')), '%Y-%m-%d') END""",
    # The form of most cells, tried before the regular expressions at a third of their cost.
    r"""CREATE OR REPLACE MACRO ten_digit_date(text, format) AS
        CASE WHEN strlen(text) = 10 AND text[3] = '/' AND text[6] = '/'
        THEN try_strptime(text, format)::DATE::VARCHAR END""",
    r"""CREATE OR REPLACE MACRO ordered_date(text, format) AS
        CASE WHEN regexp_matches(text, '^\d{1,2}([/.-])\d{1,2}([/.-])\d{4}(?:$|[T ,]+\d{1,2}:)')
        THEN strftime(try_strptime(regexp_replace(regexp_extract(text, '^[0-9/.-]+'), '[.-]', '/', 'g'), format), '%Y-%m-%d') END""",
    # All that spreadsheets run as formulas sorts before A: one comparison spares most cells the rest.
    r"""CREATE OR REPLACE MACRO inert(text) AS
        CASE WHEN text < 'A' AND regexp_matches(text, '^[=+@\t\r-]') THEN '''' || text ELSE text END""",
    # A cast alone reads 31/01/27 as a day of the year 31.
    r"""CREATE OR REPLACE MACRO known_date(text) AS
        CASE WHEN regexp_full_match(text, '\d{4}-\d\d-\d\d') THEN try_cast(text AS DATE) END""",
    r"""CREATE OR REPLACE MACRO told_scheme(hash) AS CASE
        WHEN starts_with(hash, '$S$') THEN 'drupal'
        WHEN regexp_matches(hash, '^\$P\$|^\$H\$|^\$wp\$2y\$') THEN 'wordpress'
        WHEN regexp_matches(hash, '^\$2[aby]\$') THEN 'bcrypt'
        WHEN regexp_full_match(hash, '[0-9a-fA-F]{32}') THEN 'md5' END""",
)


def quoted(name: str) -> str:
    """An identifier that cannot end early."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string constant that cannot end early."""
    return "'" + text.replace("'", "''") + "'"


def _filled_in(template: str, attribute: Attribute, text: str, date_order: str = "") -> str:
    domain = attribute.kind.domain
    sibling = quoted(domain.sibling) if isinstance(domain, PatternBy) else ""
    return template.replace("{text}", text).replace("{sibling}", sibling).replace("{date_order}", date_order)


def canonical(attribute: Attribute, date_order: str, text: str | None = None) -> str:
    """The attribute's text, or other SQL of a text, as its kind writes it; null stays null."""
    return _filled_in(attribute.kind.canonical, attribute, text or quoted(attribute.name), date_order)


def holds(attribute: Attribute) -> str | None:
    """A predicate over the canonical text: it lies in the kind's domain. None: everything does."""
    column = quoted(attribute.name)
    match attribute.kind.domain:
        case None:
            return None
        case Pattern(regex, max_length, also):
            matches = f"regexp_full_match({column}, {literal(regex)})"
            if also is not None:
                matches += f" AND regexp_full_match({column}, {literal(also)})"
            return matches if max_length is None else f"strlen({column}) <= {max_length} AND {matches}"
        case OneOf(choices) if len(choices) <= _LONGEST_IN_LIST:
            return f"{column} IN ({', '.join(map(literal, choices))})"
        case OneOf(choices):
            return f"regexp_full_match({column}, {literal('|'.join(choices))})"
        case CalendarDate():
            return f"known_date({column}) IS NOT NULL"
        case PatternBy(sibling, patterns, ignoring):
            judged = f"translate({column}, {literal(ignoring)}, '')" if ignoring else column
            whens = " ".join(
                f"WHEN {literal(value)} THEN regexp_full_match({judged}, {literal(regex)})" for value, regex in patterns
            )
            return f"CASE {quoted(sibling)} {whens} ELSE true END"


def repair(attribute: Attribute) -> str | None:
    """The value that the kind infers for text outside its domain, or null."""
    template = attribute.kind.repair
    return _filled_in(template, attribute, quoted(attribute.name)) if template else None


def outcome_column(attribute: Attribute) -> str:
    """The column that says how the delivered cell stands to its kind.

    Its space keeps it apart from delivered metadata: headers lose theirs.
    """
    return quoted(attribute.name + " ?")


def outcome(attribute: Attribute) -> str:
    """SQL of the attribute's ``Outcome``."""
    column, domain, inferred = quoted(attribute.name), holds(attribute), repair(attribute)
    whens = [f"WHEN {column} IS NULL THEN '{Outcome.EMPTY}'"]
    if domain is not None:
        whens.append(f"WHEN {domain} THEN '{Outcome.OK}'")
        if inferred is not None:
            whens.append(f"WHEN {inferred} IS NOT NULL THEN '{Outcome.REPAIRED}'")
    rest = Outcome.OK if domain is None else Outcome.INVALID
    return f"CASE {' '.join(whens)} ELSE '{rest}' END"


def understood(attribute: Attribute) -> str | None:
    """SQL of the value once the kind has inferred what it can, by the outcome; None where it infers nothing."""
    inferred = repair(attribute)
    if inferred is None:
        return None
    column = quoted(attribute.name)
    return f"CASE WHEN {outcome_column(attribute)} = '{Outcome.REPAIRED}' THEN {inferred} ELSE {column} END"


def given(condition: Given) -> str:
    """SQL of a condition on a sibling; never null."""
    column = quoted(condition.sibling)
    if not condition.values:
        return f"{column} IS {'NOT ' if condition.negated else ''}NULL"
    values = ", ".join(map(literal, condition.values))
    return f"coalesce({column} IN ({values}), false) = {'false' if condition.negated else 'true'}"


def constants(today: datetime.date, currency: str | None) -> dict[str, str]:
    """What an extract's settings put in place of the spec's ``{today}`` and ``{currency}``."""
    return {
        "{today}": f"DATE '{today.isoformat()}'",
        "{currency}": "NULL" if currency is None else literal(currency),
    }


def _set(text: str, constants: dict[str, str]) -> str:
    for name, value in constants.items():
        text = text.replace(name, value)
    return text


def breached(attribute: Attribute, breach: Breach, constants: dict[str, str]) -> str:
    """SQL predicate: the record breaks the attribute in this way. May be null for no."""
    conditions = []
    if breach.outcome is not None:
        conditions.append(f"{outcome_column(attribute)} = '{breach.outcome}'")
    if breach.sql is not None:
        conditions.append(f"({_set(breach.sql, constants)})")
    if breach.given is not None:
        conditions.append(given(breach.given))
    return " AND ".join(conditions)


def inferred(attribute: Attribute, constants: dict[str, str]) -> str | None:
    """SQL of the value after the spec's own inferences, or None where it has none."""
    whens = [
        f"WHEN {breached(attribute, breach, constants)} THEN {breach.value}"
        for breach in attribute.breaches
        if breach.value is not None
    ]
    if not whens:
        return None
    return f"CASE {' '.join(whens)} ELSE {quoted(attribute.name)} END"


def mask(table: Table, *severities: Severity) -> int:
    """The bits of a table's breaches that have one of these severities."""
    return sum(1 << bit for bit, (_, breach) in enumerate(table.breaches) if breach.severity in severities)


def standing(table: Table, attribute: Attribute, constants: dict[str, str]) -> str:
    """SQL of the value that stands: the one understood, unless a breach takes it away, or the default."""
    clearing = sum(
        1 << bit
        for bit, (owner, breach) in enumerate(table.breaches)
        if breach.severity is Severity.CLEAR and attribute.name in (breach.clears or (owner.name,))
    )
    conditions = [f"breaches & {clearing} = 0"] if clearing else []
    if any(
        breach.outcome is Outcome.INVALID and (breach.told_by_relations or breach.given)
        for breach in attribute.breaches
    ):
        conditions.append(holds(attribute))
    column = quoted(attribute.name)
    value = f"CASE WHEN {' AND '.join(conditions)} THEN {column} END" if conditions else column
    return f"coalesce({value}, {_set(attribute.default, constants)})" if attribute.default else value


def inferring(table: Table, attribute: Attribute) -> int:
    """The bits that say that a value was inferred, for an empty cell or in place of another."""
    return sum(
        1 << bit
        for bit, (owner, breach) in enumerate(table.breaches)
        if owner is attribute and breach.value is not None
    )


def presence(attribute: Attribute, text: str | None = None) -> str:
    """SQL, not null where the cell, or other SQL of a text, says that the object is there: filled, and no boolean 0."""
    cell = text or quoted(attribute.name)
    return f"nullif({cell}, '0')" if attribute.kind in (BOOLEAN, YES_OR_TWO) else cell
