"""The spec as DuckDB SQL: macros, canonical values, outcomes and violations.

Everything is text in SQL's sense until a target is loaded: a wrong value survives to be reported.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from pelcro_pipeline.spec import codes
from pelcro_pipeline.spec.kinds import BOOLEAN, HASH_FORMS, HASH_SHAPES, YES_OR_TWO
from pelcro_pipeline.spec.model import (
    Attribute,
    CalendarDate,
    Condition,
    Domain,
    Kind,
    OneOf,
    Outcome,
    Pattern,
    PatternBy,
    Severity,
    Table,
    Violation,
)

#: Siblings that are told apart by a branch each.
_MOST_BRANCHES = 5
#: Above this, a regular expression finds a member faster than a chain of comparisons.
_LONGEST_IN_LIST = 8

#: Format characters (Unicode Cf), as ranges: the classes of RE2 take a millisecond for each use of the macros below, and these a tenth.
INVISIBLE = (
    r"\x{ad}\x{600}-\x{605}\x{61c}\x{6dd}\x{70f}\x{180e}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{2066}-\x{206f}"
    r"\x{feff}\x{fff9}-\x{fffb}\x{e0001}\x{e0020}-\x{e007f}"
)
#: What goes at the ends of cells: these, and spaces of every kind.
UNSEEN = rf"\s\x{{a0}}\x{{1680}}\x{{2000}}-\x{{200a}}\x{{2028}}\x{{2029}}\x{{202f}}\x{{205f}}\x{{3000}}{INVISIBLE}"

#: What spreadsheets run.
FORMULA = r"^[=+@\t\r-]"
#: The mark by which such text is written, so that they do not.
MARK = f"^'(?={FORMULA.removeprefix('^')})"

_SHARED_MACROS = (
    """CREATE OR REPLACE MACRO ships(shipments) AS coalesce(try_cast(shipments AS BIGINT) > 0, false)""",
    rf"""CREATE OR REPLACE MACRO trim_unseen(text) AS regexp_replace(text, '^[{UNSEEN}]+|[{UNSEEN}]+$', '', 'g')""",
    # Most cells are tidy: one test spares them the trimming, at a third of its cost over 61 columns. Of the rest the ends go, then
    # the wrappers by which spreadsheets keep a text a text: ="00123", and an apostrophe in front (not the one of 's-Gravenhage
    # and 't Hart). A macro that names its text twice is worked out twice, so it is one chain.
    rf"""CREATE OR REPLACE MACRO trim_to_null(text) AS
        CASE WHEN regexp_matches(text, '^[{UNSEEN}='']|[{UNSEEN}]$|^(?i:empty)$|^$')
        THEN nullif(regexp_replace(regexp_replace(trim_unseen(text),
            '^="([^"]*)"$|^''((?:[^''a-z]|[a-z][^ ''-])[^'']*)$', '\1\2'), '^''?(?i:empty)''?$', ''), '') ELSE text END""",
    # The same of a column, which can be named as often as it takes: that a cell is tidy is told by its ends (47 comes before 0, 61 is =),
    # at a quarter of the regular expression's cost, or half of it where the text is parsed. Five letters may be the word for nothing.
    """CREATE OR REPLACE MACRO trim_cell(cell) AS
        CASE WHEN ascii(cell) > 47 AND ascii(cell) <> 61 AND cell[-1] > ' ' AND strlen(cell) <> 5 AND strlen(cell) = length(cell)
        THEN cell ELSE trim_to_null(cell) END""",
    r"""CREATE OR REPLACE MACRO year_first_date(text) AS
        CASE WHEN regexp_matches(text, '^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:$|[T ,]+\d{1,2}:)') OR regexp_matches(text, '^\d{8}$')
        THEN strftime(coalesce(try_strptime(translate(regexp_extract(text, '^[0-9/.-]+'), '/.', '--'), '%Y-%m-%d'),
            try_strptime(text, '%Y%m%d')), '%Y-%m-%d') END""",
    r"""CREATE OR REPLACE MACRO named_month_date(text) AS
        CASE WHEN regexp_matches(text, '^(?:\d{1,2}[-/., ]+[A-Za-z]{3,9}|[A-Za-z]{3,9}[-/., ]+\d{1,2})[-/., ]+\d{4}(?:$|[T ,]+\d{1,2}:)')
        THEN strftime(try_strptime(trim(regexp_replace(regexp_replace(text, '[T ,]+\d{1,2}:.*$', ''), '[-/., ]+', ' ', 'g')),
            ['%d %b %Y', '%d %B %Y', '%b %d %Y', '%B %d %Y']), '%Y-%m-%d') END""",
    # The time zone that is written after a time: the day is that of the instant in the extract's own.
    r"""CREATE OR REPLACE MACRO zoned_date(text, format, zone) AS
        CASE WHEN strlen(text) > 11 AND regexp_matches(text, '\d:\d\d.*(?:Z|UTC|GMT|[+-]\d\d:?\d\d)$')
        THEN (try_cast(coalesce(year_first_date(text), ordered_date(text, format)) || ' '
            || regexp_extract(text, '\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?')
            || replace(replace(regexp_extract(text, '(?:Z|UTC|GMT|[+-]\d\d:?\d\d)$'), 'UTC', 'Z'), 'GMT', 'Z') AS TIMESTAMPTZ)
            AT TIME ZONE zone)::DATE::VARCHAR END""",
    # Excel counts days from 1899-12-30, and an instant has its day in the extract's own zone.
    r"""CREATE OR REPLACE MACRO number_date(text, numbers, zone) AS
        CASE WHEN numbers = 'days' AND regexp_full_match(text, '[2-7]\d{4}(?:\.\d+)?')
            THEN (DATE '1899-12-30' + floor(text::DOUBLE)::INTEGER)::VARCHAR
        WHEN numbers = 'seconds' AND regexp_full_match(text, '[1-9]\d{8,9}(?:\.0*)?')
            THEN (to_timestamp(text::DOUBLE) AT TIME ZONE zone)::DATE::VARCHAR
        WHEN numbers = 'milliseconds' AND regexp_full_match(text, '[1-9]\d{11,12}(?:\.0*)?')
            THEN (to_timestamp(text::DOUBLE / 1000) AT TIME ZONE zone)::DATE::VARCHAR END""",
    # The form of most cells, tried before the regular expressions at a third of their cost.
    r"""CREATE OR REPLACE MACRO ten_digit_date(text, format) AS
        CASE WHEN strlen(text) = 10 AND text[3] = '/' AND text[6] = '/'
        THEN try_strptime(text, format)::DATE::VARCHAR END""",
    r"""CREATE OR REPLACE MACRO ordered_date(text, format) AS
        CASE WHEN regexp_matches(text, '^\d{1,2}([/.-])\d{1,2}([/.-])\d{4}(?:$|[T ,]+\d{1,2}:)')
        THEN strftime(try_strptime(regexp_replace(regexp_extract(text, '^[0-9/.-]+'), '[.-]', '/', 'g'), format), '%Y-%m-%d') END""",
    "CREATE OR REPLACE MACRO minor_digits(currency) AS CASE currency "
    + " ".join(f"WHEN '{code}' THEN {digits}" for code, digits in codes.MINOR_DIGITS.items())
    + " ELSE 2 END",
    # 19.99 of a currency with two digits behind the mark is 1999; a mark with three may part thousands.
    r"""CREATE OR REPLACE MACRO in_cents(text, digits) AS
        CASE WHEN regexp_full_match(text, '\d{1,16}(?:[.,](?:\d{1,2})?)?')
            AND strlen(rtrim(regexp_extract(text, '[.,](\d*)', 1), '0')) <= digits
        THEN (replace(text, ',', '.')::DECIMAL(38, 4) * pow(10, digits)::BIGINT)::HUGEINT::VARCHAR ELSE text END""",
    # Longer lists would be joined, which loses file order.
    "CREATE OR REPLACE MACRO null_if_word(text, words) AS CASE WHEN list_contains(words, text) THEN NULL ELSE text END",
    # As spreadsheets write a number whose digits they no longer show; 1E5 alone may be an id.
    r"""CREATE OR REPLACE MACRO lost_digits(text) AS
        coalesce(regexp_full_match(text, '[+-]?\d(?:[.,]\d+)?[eE]\+\d{1,3}|[+-]?\d[.,]\d+[eE]\d{1,3}'), false)""",
    # What spreadsheets change of a key: it is never joined by this, but told which was probably meant.
    r"""CREATE OR REPLACE MACRO fold_key(key) AS
        CASE WHEN key IS NOT NULL THEN lower(coalesce(nullif(ltrim(regexp_replace(key, '\.0$', ''), '0'), ''), '0')) END""",
    # All that spreadsheets run as formulas sorts before A: one comparison spares most cells the rest.
    rf"""CREATE OR REPLACE MACRO escape_formula(text) AS
        CASE WHEN text < 'A' AND regexp_matches(text, '{FORMULA}') THEN '''' || text ELSE text END""",
    # A cast alone reads 31/01/27 as a day of the year 31.
    r"""CREATE OR REPLACE MACRO try_iso_date(text) AS
        CASE WHEN regexp_full_match(text, '\d{4}-\d\d-\d\d') THEN try_cast(text AS DATE) END""",
    "CREATE OR REPLACE MACRO detect_hash_scheme(hash) AS CASE "
    + " ".join(f"WHEN regexp_matches(hash, '{shape}') THEN '{scheme}'" for scheme, shape in HASH_SHAPES.items())
    + " END",
    # What is wrong with a hash that has the prefix of one: with it nobody can log in.
    "CREATE OR REPLACE MACRO hash_defect(hash) AS CASE "
    + " ".join(
        f"WHEN regexp_matches(hash, '^{prefix}') THEN CASE WHEN regexp_full_match(hash, '{prefix}{rest}') THEN NULL "
        f"WHEN length(regexp_replace(hash, '^{prefix}', '')) < {length} THEN 'truncated' ELSE 'malformed' END"
        for prefix, rest, length in HASH_FORMS
    )
    + " END",
)


def quoted(name: str) -> str:
    """An identifier that cannot end early."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string constant that cannot end early."""
    return "'" + text.replace("'", "''") + "'"


def escaped(columns: Iterable[str], delivered: Iterable[str]) -> str:
    """SQL of columns for a file that a spreadsheet opens, where nothing of those ``delivered`` may run."""
    return ", ".join(f"escape_formula({each}) AS {each}" if each in delivered else each for each in columns)


def date_reading(format_: str = "%d/%m/%Y", numbers: str = "", zone: str = "UTC") -> tuple[str, ...]:
    """SQL of what is told of a date column, as the macro of dates takes it."""
    return literal(format_), literal(numbers), literal(zone)


def canonical(attribute: Attribute, text: str | None = None, reading: tuple[str, ...] = date_reading()) -> str:
    """The attribute's text, or other SQL of a text, as its kind writes it; null stays null.

    ``reading`` is what was told of the delivered column; only dates take it.
    """
    kind = attribute.kind
    if kind.canonical == "text":
        return text or quoted(attribute.name)
    return _call("canonical", attribute, text, *(reading if kind.takes_date_order else ()))


def accepts(attribute: Attribute) -> str | None:
    """A predicate over the canonical text: it lies in the kind's domain. None: everything does."""
    return _call("accepts", attribute) if attribute.kind.domain is not None else None


def repair(attribute: Attribute) -> str | None:
    """The value that the kind infers for text outside its domain, or null. None: it never infers one."""
    return _call("repair", attribute) if attribute.kind.repair is not None else None


def _call(verb: str, attribute: Attribute, text: str | None = None, *more: str) -> str:
    domain = attribute.kind.domain
    sibling = [quoted(domain.sibling)] if isinstance(domain, PatternBy) else []
    return f"{verb}_{attribute.kind.macro}({', '.join([text or quoted(attribute.name), *sibling, *more])})"


def _kind_macros(kind: Kind) -> Iterator[str]:
    parameters = ", ".join(kind.parameters)
    if kind.canonical != "text":
        order = ", date_order, numbers, zone" if kind.takes_date_order else ""
        yield f"CREATE OR REPLACE MACRO canonical_{kind.macro}({parameters}{order}) AS {kind.canonical}"
    if kind.domain is not None:
        yield f"CREATE OR REPLACE MACRO accepts_{kind.macro}({parameters}) AS {_accepts(kind.domain)}"
    if kind.repair is not None:
        yield f"CREATE OR REPLACE MACRO repair_{kind.macro}({parameters}) AS {kind.repair}"


def _accepts(domain: Domain) -> str:
    match domain:
        case Pattern(regex, max_length, also, _, unlike):
            matches = f"regexp_full_match(text, {literal(regex)})"
            if unlike is not None:
                matches += f" AND NOT regexp_full_match(text, {literal(unlike)})"
            if also is not None:
                matches += f" AND regexp_full_match(text, {literal(also)})"
            return matches if max_length is None else f"length(text) <= {max_length} AND {matches}"
        case OneOf(choices) if len(choices) <= _LONGEST_IN_LIST:
            return f"text IN ({', '.join(map(literal, choices))})"
        case OneOf(choices):
            return f"regexp_full_match(text, {literal('|'.join(choices))})"
        case CalendarDate():
            return "try_iso_date(text) IS NOT NULL"
        case PatternBy(_, patterns, ignoring):
            judged = f"translate(text, {literal(ignoring)}, '')" if ignoring else "text"
            whens = " ".join(
                f"WHEN {literal(value)} THEN regexp_full_match({judged}, {literal(regex)})"
                for value, regex in patterns[:_MOST_BRANCHES]
            )
            return f"CASE sibling {whens} ELSE {_matches_any(judged, patterns[_MOST_BRANCHES:])} END"


def _matches_any(judged: str, patterns: tuple[tuple[str, str], ...]) -> str:
    """Of many siblings one expression: 178 of postal codes took a second to be compiled, wherever they were asked for."""
    if not patterns:
        return "true"
    siblings: dict[str, list[str]] = {}
    for sibling, regex in patterns:
        siblings.setdefault(regex, []).append(sibling)
    any_of = "|".join(f"(?:{'|'.join(own)}) (?:{regex})" for regex, own in siblings.items())
    known = "|".join(sibling for sibling, _ in patterns)
    return f"coalesce(NOT regexp_full_match(sibling, '{known}') OR regexp_full_match(sibling || ' ' || {judged}, {literal(any_of)}), true)"


def macros(kinds: Iterable[Kind]) -> list[str]:
    """Every macro: those that kinds are written in, then each kind's own.

    A kind ``country`` is ``canonical_country(text)``, ``accepts_country(text)`` and ``repair_country(text)``,
    as far as it has them, and can be tried in any DuckDB shell.
    """
    own = (macro for kind in dict.fromkeys(kinds) for macro in _kind_macros(kind))
    # Kinds that differ in their sibling alone share theirs: each takes a connection a millisecond, and the longest four.
    return [*_SHARED_MACROS, *dict.fromkeys(own)]


def outcome_column(attribute: Attribute) -> str:
    """The column that says how the delivered cell stands to its kind.

    Its space keeps it apart from delivered metadata: headers lose theirs.
    """
    return quoted(attribute.name + " ?")


def outcome(attribute: Attribute) -> str:
    """SQL of the attribute's ``Outcome``."""
    column, domain, inferred = quoted(attribute.name), accepts(attribute), repair(attribute)
    whens = [f"WHEN {column} IS NULL THEN '{Outcome.EMPTY}'"]
    if domain is not None:
        whens.append(f"WHEN {domain} THEN '{Outcome.OK}'")
        if inferred is not None:
            whens.append(f"WHEN {inferred} IS NOT NULL THEN '{Outcome.REPAIRED}'")
    rest = Outcome.OK if domain is None else Outcome.INVALID
    return f"CASE {' '.join(whens)} ELSE '{rest}' END"


def repaired(attribute: Attribute) -> str | None:
    """SQL of the value once the kind has inferred what it can, by the outcome; None where it infers nothing."""
    inferred = repair(attribute)
    if inferred is None:
        return None
    column = quoted(attribute.name)
    return f"CASE WHEN {outcome_column(attribute)} = '{Outcome.REPAIRED}' THEN {inferred} ELSE {column} END"


def condition(when: Condition) -> str:
    """SQL of a condition on a sibling; never null."""
    column = quoted(when.sibling)
    if not when.values:
        return f"{column} IS {'NOT ' if when.negated else ''}NULL"
    values = ", ".join(map(literal, when.values))
    return f"coalesce({column} IN ({values}), false) = {'false' if when.negated else 'true'}"


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


def violated(attribute: Attribute, violation: Violation, constants: dict[str, str]) -> str:
    """SQL predicate: the record breaks the attribute in this way. May be null for no."""
    conditions = []
    if violation.outcome is not None:
        conditions.append(f"{outcome_column(attribute)} = '{violation.outcome}'")
    if violation.sql is not None:
        conditions.append(f"({_set(violation.sql, constants)})")
    if violation.when is not None:
        conditions.append(condition(violation.when))
    return " AND ".join(conditions)


def imputed(attribute: Attribute, constants: dict[str, str]) -> str | None:
    """SQL of the value after the spec's own inferences, or None where it has none."""
    whens = [
        f"WHEN {violated(attribute, violation, constants)} THEN {violation.value}"
        for violation in attribute.violations
        if violation.value is not None
    ]
    if not whens:
        return None
    return f"CASE {' '.join(whens)} ELSE {quoted(attribute.name)} END"


def mask(table: Table, *severities: Severity) -> int:
    """The bits of a table's violations that have one of these severities."""
    return sum(1 << bit for bit, (_, violation) in enumerate(table.violations) if violation.severity in severities)


def effective_value(table: Table, attribute: Attribute, constants: dict[str, str]) -> str:
    """SQL of the value that stands: the one understood, unless a violation takes it away, or the default."""
    clearing = sum(
        1 << bit
        for bit, (owner, violation) in enumerate(table.violations)
        if violation.severity is Severity.CLEAR and attribute.name in (violation.clears or (owner.name,))
    )
    conditions = [f"violations & {clearing} = 0"] if clearing else []
    if any(
        violation.outcome is Outcome.INVALID
        and (violation.cross_record or (violation.when and not attribute.conditional))
        for violation in attribute.violations
    ):
        conditions.append(accepts(attribute))
    column = quoted(attribute.name)
    value = f"CASE WHEN {' AND '.join(conditions)} THEN {column} END" if conditions else column
    return f"coalesce({value}, {_set(attribute.default, constants)})" if attribute.default else value


def imputation_mask(table: Table, attribute: Attribute) -> int:
    """Mask of the violations of this attribute that impute a value."""
    return sum(
        1 << bit
        for bit, (owner, violation) in enumerate(table.violations)
        if owner is attribute and violation.value is not None
    )


def inference_mask(table: Table, attribute: Attribute) -> int:
    """Mask of the violations of this attribute by which another value stands than the delivered one."""
    return imputation_mask(table, attribute) | sum(
        1 << bit
        for bit, (owner, violation) in enumerate(table.violations)
        if owner is attribute and violation.severity is Severity.REPAIR
    )


def held(cells: Iterable[str]) -> str:
    """SQL: a record holds an object, by what ``presence`` says of its cells."""
    return f"coalesce({', '.join(cells)}) IS NOT NULL"


def presence(attribute: Attribute, text: str | None = None) -> str:
    """SQL, not null where the canonical cell, or other SQL of one, says that the object is there: filled, and no boolean 0."""
    cell = text or quoted(attribute.name)
    return f"nullif({cell}, '0')" if attribute.kind in (BOOLEAN, YES_OR_TWO) else cell
