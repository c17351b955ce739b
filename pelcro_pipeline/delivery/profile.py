"""The profile of a delivered file: what each column holds, and what its values mean, told from all of them.

A cell alone does not say whether 05/06/2027 is in May, whether 99.00 is a price in cents, or whether NULL is a word. One
pass over the file's records counts what tells it; ``extract.toml`` can fix each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.delivery.manifest import Column, DeliveredFile, Manifest, Profile, Told
from pelcro_pipeline.delivery.records import file_line
from pelcro_pipeline.reporting import delimited
from pelcro_pipeline.settings import NOTHING, Settings
from pelcro_pipeline.spec import ADDRESS_IDS, ATTRIBUTES, TABLE_OF
from pelcro_pipeline.spec.kinds import DATE, ENTITLEMENTS, IDENTIFIER, PASSWORD, SALUTATION, TEXT
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import INVISIBLE, literal

#: The report's columns.
COLUMNS = ("file", "column", "attribute", "records", "filled", "distinct", "shortest", "longest", "told", "evidence")
#: Those that hold delivered text.
DELIVERED = ("file", "column")

#: In these `None` is somebody's name, unless another column of the file uses it as a word for nothing.
_NAMES = ("first_name", "last_name", "display_name")
#: What people read: it is looked at for text of another encoding, and may hold format characters.
_FREE_TEXT = (TEXT, SALUTATION, ENTITLEMENTS, PASSWORD)
#: Columns of free text that hold no names of people, places or things.
_CODES = ("order_number", "order_price", "order_term", "image", "zip")
_EXAMPLES = 3
#: Where the lines stand in what is told, until they are known.
_LINES = "{lines}"

#: U+FFFD and C1 controls; UTF-8 decoded as Windows-1252; signs that stand between letters where a codepage was mistaken.
_UNHEALTHY = (
    r"[\x{80}-\x{9f}\x{fffd}]"
    r"|[ÂÃ][\x{a0}-\x{bf}]|â€|Ã[‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
    r"|[A-Za-zÀ-ɏ][£¤¥¦§©¬®±²³¶¹¼½¾¿ƒ„†‡‰‹›•™][A-Za-zÀ-ɏ]|[a-zß-öø-ÿ][ŽŠŒŸÐÞ][a-zß-öø-ÿ]"
)
_ENTITY = r"&(?:[A-Za-z]{2,8}|#[0-9]{2,5}|#x[0-9A-Fa-f]{2,4});"
_INVISIBLE = f"[{INVISIBLE}]"


@dataclass(frozen=True)
class _Sign:
    """What is counted of a column: a predicate over its cell, told by a cheaper one first."""

    name: str
    first: str
    then: str

    def of(self, cell: str) -> str:
        """SQL of the count."""
        first, then = (each.replace("{cell}", cell) for each in (self.first, self.then))
        return f"count(CASE WHEN {first} THEN CASE WHEN {then} THEN 1 END END)"


_COUNTS = ("count({cell})", "approx_count_distinct({cell})", "min(length({cell}))", "max(length({cell}))")
_NON_ASCII = "strlen({cell}) <> length({cell})"
_LOST = _Sign("lost", "contains({cell}, '+') OR contains({cell}, '.')", "lost_digits(trim({cell}))")
_SICK = _Sign("sick", _NON_ASCII, f"regexp_matches({{cell}}, '{_UNHEALTHY}')")
_ENTITIES = _Sign("entities", "contains({cell}, '&')", f"regexp_matches({{cell}}, '{_ENTITY}')")
_HIDDEN = _Sign("hidden", _NON_ASCII, f"regexp_matches(trim_unseen({{cell}}), '{_INVISIBLE}')")


def profiled(
    file: DeliveredFile, settings: Settings, connection: duckdb.DuckDBPyConnection, *, workbook: bool
) -> DeliveredFile:
    """The file with its count of records, its profile, and what its columns were told to mean.

    Raises duckdb.Error where DuckDB does not part the file into its records.
    """
    words = [
        word for word in (NOTHING if settings.nothing is None else settings.nothing) if word not in settings.not_nothing
    ]
    signs = {column: _signs(column) for column in file.columns if not column.settled}
    selected = ["count(*)"]
    for column, own in signs.items():
        cell = column.name
        # What a source's map made is not what was delivered: its profile is shown to nobody.
        counted = ("0", "0", "NULL", "NULL") if column.derived else (count.replace("{cell}", cell) for count in _COUNTS)
        selected += counted
        selected.append(_words(cell, words))
        selected += [sign.of(cell) for sign in own]
        if _is_date(column):
            selected.append(f"histogram({cell})")
    (counted,) = connection.execute(f"SELECT {', '.join(selected)} FROM {file.relation()}").fetchall()
    records, *rest = counted
    found = {column: _Found(0, 0, None, None, {}, {}, {}) for column in file.columns}
    counts = iter(rest)
    for column, own in signs.items():
        filled, distinct, shortest, longest, said = (next(counts) for _ in range(5))
        signed = {sign.name: next(counts) for sign in own}
        dates = next(counts) if _is_date(column) else None
        found[column] = _Found(filled, distinct, shortest, longest, said or {}, signed, dates or {})
    nothing = _nothing(found, fixed=settings.nothing is not None)
    file = file.model_copy(
        update={
            "records": records,
            "columns": tuple(
                column.model_copy(
                    update={
                        "nothing": nothing.get(column, ()),
                        "invisible": column.attribute is not None and bool(found[column].signs.get("hidden")),
                        "lost_digits": column.attribute is not None and bool(found[column].signs.get("lost")),
                    }
                )
                for column in file.columns
            ),
        }
    )
    told, formats, numbers = [], {}, {}
    for column, each in zip(file.columns, found.values(), strict=True):
        told += _told_of_text(file, column, each, connection)
        if _is_date(column) and column.attribute not in formats:
            reading = _reading(connection, each.dates, column.nothing, settings, workbook=workbook)
            formats[column.attribute], numbers[column.attribute] = reading.format, reading.numbers
            told += _told_of_dates(file, column, reading, connection)
    told += _told_of_words(file, found, nothing, settings)
    return file.model_copy(
        update={
            "date_formats": formats,
            "date_numbers": numbers,
            "told": tuple(told),
            "profile": tuple(
                Profile(
                    column=column.header,
                    attribute=column.attribute or "",
                    filled=each.filled - sum(each.words.get(word, 0) for word in column.nothing),
                    distinct=min(each.distinct, each.filled),
                    shortest=each.shortest,
                    longest=each.longest,
                    told="; ".join(entry.told for entry in told if entry.position == column.position)
                    or _plain(column, formats, numbers),
                    evidence="",
                )
                for column, each in zip(file.columns, found.values(), strict=True)
            ),
        }
    )


def table(manifest: Manifest) -> pd.DataFrame:
    """The profile of every file of a delivery, a row for each column: ``COLUMNS``."""
    return pd.DataFrame(
        [
            {"file": file.name, "records": file.records, **each.model_dump()}
            for file in manifest.files
            for each in file.profile
        ],
        columns=list(COLUMNS),
    ).astype({"shortest": "Int64", "longest": "Int64"})


def write(manifest: Manifest, to: Path) -> None:
    """Write profile.csv; what a spreadsheet would run of the delivered names is marked as text."""
    delimited.write(table(manifest), to, DELIVERED)


@dataclass(frozen=True)
class _Found:
    """What the pass counted of a column; ``words`` and ``dates`` are counts by value."""

    filled: int
    distinct: int
    shortest: int | None
    longest: int | None
    words: dict[str, int]
    signs: dict[str, int]
    dates: dict[str, int]


def _is_date(column: Column) -> bool:
    return column.attribute in ATTRIBUTES and ATTRIBUTES[column.attribute].kind is DATE


def _is_id(column: Column) -> bool:
    ids = {attribute.name for attribute in ADDRESS_IDS.values()}
    return column.attribute in ids or (
        column.attribute in ATTRIBUTES and ATTRIBUTES[column.attribute].kind is IDENTIFIER
    )


def _is_free_text(column: Column) -> bool:
    return column.attribute not in ATTRIBUTES or ATTRIBUTES[column.attribute].kind in _FREE_TEXT


def _signs(column: Column) -> list[_Sign]:
    """What is looked for in a column, by what it holds; in one of no template, which is not migrated, nothing."""
    if column.attribute is None:
        return []
    name = column.attribute.rsplit(".", 1)[-1]
    if _is_id(column):
        return [_LOST, _HIDDEN]
    if not _is_free_text(column):
        return [_HIDDEN]
    if ATTRIBUTES.get(column.attribute) is not None and ATTRIBUTES[column.attribute].kind is PASSWORD:
        return []
    return [_LOST] if name.endswith(_CODES) or column.attribute not in ATTRIBUTES else [_SICK, _ENTITIES, _LOST]


def _words(cell: str, words: Iterable[str]) -> str:
    """SQL of the count of each word for nothing among a column's cells, by the word."""
    listed = tuple(words)
    if not listed:
        return "NULL"
    longest = max(len(word.encode()) for word in listed)
    # A regular expression over the few short cells: a list of comparisons took eight times as long.
    pattern = "|".join(_escaped(word) for word in listed)
    return (
        f"histogram(CASE WHEN strlen({cell}) <= {longest} THEN "
        f"CASE WHEN regexp_full_match({cell}, {literal(pattern)}) THEN {cell} END END)"
    )


def _escaped(word: str) -> str:
    return "".join(each if each.isalnum() else f"\\x{{{ord(each):x}}}" for each in word)


def _nothing(found: dict[Column, _Found], *, fixed: bool) -> dict[Column, tuple[str, ...]]:
    """The words that each column uses for nothing."""
    names = {column for column in found if column.attribute and column.attribute.endswith(_NAMES)}
    elsewhere = {word for column, each in found.items() if column not in names for word in each.words}
    return {
        column: tuple(
            sorted(word for word in each.words if fixed or column not in names or word != "None" or word in elsewhere)
        )
        for column, each in found.items()
        if column.attribute
    }


def _told_of_words(
    file: DeliveredFile, found: dict[Column, _Found], nothing: dict[Column, tuple[str, ...]], settings: Settings
) -> list[Told]:
    """FILE-NOTHING: a question for each word; none where extract.toml names the words."""
    if settings.nothing is not None:
        return []
    by_word: dict[str, dict[Column, int]] = {}
    for column, words in nothing.items():
        for word in words:
            by_word.setdefault(word, {})[column] = found[column].words[word]
    return [
        Told(
            rule="FILE-NOTHING",
            severity=Severity.QUESTION,
            position=next(iter(columns)).position,
            value=word,
            detail=f"It stands in {_counted(sum(columns.values()), 'cell')} of {', '.join(c.attribute for c in columns)}.",
            told=f"{word} is empty",
            evidence=_counted(sum(columns.values()), "cell"),
        )
        for word, columns in sorted(by_word.items())
    ]


def _told_of_text(
    file: DeliveredFile, column: Column, found: _Found, connection: duckdb.DuckDBPyConnection
) -> Iterable[Told]:
    def told(rule: str, severity: Severity, sign: _Sign, count: int, what: str, named: str = "") -> Told:
        rows, value = _examples(file, column, sign.then, connection)
        return Told(
            rule=rule,
            severity=severity,
            position=column.position,
            attribute=column.attribute,
            object=TABLE_OF[column.attribute].object if column.attribute in TABLE_OF else None,
            value=value,
            rows=rows,
            detail=f"{_counted(count, 'cell')}{named}, {_LINES}.",
            told=what,
            evidence=f"{_counted(count, 'cell')}, {_LINES}",
        )

    if sick := found.signs.get("sick", 0) + found.signs.get("entities", 0):
        both = _Sign("", "", f"{_SICK.then} OR {_ENTITIES.then}")
        yield told("FILE-TEXT-HEALTH", Severity.QUESTION, both, sick, "text of another encoding")
    if hidden := found.signs.get("hidden"):
        ((points,),) = connection.execute(
            f"""SELECT string_agg(DISTINCT printf('U+%04X', unicode(point)), ', ') FROM (
                SELECT unnest(regexp_extract_all(trim_unseen({column.name}), '{_INVISIBLE}')) AS point FROM {file.relation()})"""
        ).fetchall()
        yield told("FILE-INVISIBLE", Severity.REPAIR, _HIDDEN, hidden, f"without {points}", f" with {points}")
    if (lost := found.signs.get("lost")) and not _is_id(column):
        yield told("FILE-DIGITS-LOST", Severity.QUESTION, _LOST, lost, "numbers that lost digits")


def _examples(
    file: DeliveredFile, column: Column, predicate: str, connection: duckdb.DuckDBPyConnection
) -> tuple[tuple[int, ...], str | None]:
    """The rows of the first cells of which a predicate holds, and what the first says."""
    rows = connection.execute(
        f"""SELECT row, cell FROM (SELECT row_number() OVER () - 1 AS row, {column.name} AS cell FROM {file.relation()})
        WHERE {predicate.replace("{cell}", "cell")} LIMIT {_EXAMPLES}"""
    ).fetchall()
    return tuple(row for row, _ in rows), rows[0][1] if rows else None


def located(file: DeliveredFile, connection: duckdb.DuckDBPyConnection) -> DeliveredFile:
    """The file with the lines of what was told, once the lines of its records are known."""

    def filled(text: str, rows: tuple[int, ...]) -> str:
        if _LINES not in text:
            return text
        lines = [str(file_line(connection, file, row)) for row in rows]
        return text.replace(_LINES, f"on {'line' if len(lines) == 1 else 'lines'} {', '.join(lines)}")

    told = tuple(
        each.model_copy(update={"detail": filled(each.detail, each.rows), "evidence": filled(each.evidence, each.rows)})
        for each in file.told
    )
    evidence = {
        column.position: "; ".join(each.evidence for each in told if each.position == column.position)
        for column in file.columns
    }
    profile = tuple(
        each.model_copy(update={"evidence": evidence[column.position]})
        for column, each in zip(file.columns, file.profile, strict=True)
    )
    return file.model_copy(update={"told": told, "profile": profile})


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class _Reading:
    """What the values of a date column mean: the order of day and month, and what its numbers are."""

    format: str
    #: ``days``, ``seconds`` or ``milliseconds``; empty where no number is a date.
    numbers: str
    counts: dict[str, int]
    ambiguous: bool


#: What numbers in a date column can be, each with what they are called and the form in which they are written.
_NUMBERS = {
    "days": ("Excel day numbers", r"[2-7][0-9]{4}(?:\.[0-9]+)?"),
    "seconds": ("Unix seconds", r"[1-9][0-9]{8,9}(?:\.0*)?"),
    "milliseconds": ("Unix milliseconds", r"[1-9][0-9]{11,12}(?:\.0*)?"),
}


def _reading(
    connection: duckdb.DuckDBPyConnection,
    values: dict[str, int],
    nothing: tuple[str, ...],
    settings: Settings,
    *,
    workbook: bool,
) -> _Reading:
    """Told from a date column's values, each with its count."""
    numbers = ", ".join(
        f"coalesce(sum(n) FILTER (regexp_full_match(text, '{pattern}')), 0)::BIGINT AS {name}"
        for name, (_, pattern) in _NUMBERS.items()
    )
    (row,) = connection.execute(
        f"""WITH value AS (
            SELECT trim_to_null(unnest($values)) AS text, unnest($counts) AS n
        ), parsed AS (
            SELECT *, ordered_date(text, '%d/%m/%Y') AS day_first, ordered_date(text, '%m/%d/%Y') AS month_first,
                coalesce(year_first_date(text), named_month_date(text)) AS plain
            FROM value WHERE text IS NOT NULL AND NOT list_contains($nothing, text)
        )
        SELECT coalesce(sum(n) FILTER (day_first IS NOT NULL), 0)::BIGINT, coalesce(sum(n) FILTER (month_first IS NOT NULL), 0)::BIGINT,
            coalesce(sum(n) FILTER (plain IS NOT NULL), 0)::BIGINT, count(*) FILTER (day_first IS DISTINCT FROM month_first),
            coalesce(sum(n) FILTER (day_first IS NULL AND month_first IS NOT NULL), 0)::BIGINT,
            coalesce(sum(n) FILTER (month_first IS NULL AND day_first IS NOT NULL), 0)::BIGINT, {numbers}
        FROM parsed""",
        {"values": list(values), "counts": list(values.values()), "nothing": list(nothing)},
    ).fetchall()
    day_first, month_first, plain, differing, month_alone, day_alone, *as_numbers = row
    counts = {"day first": day_first, "month first": month_first, "year first or month in a word": plain}
    by_number = dict(zip(_NUMBERS, as_numbers, strict=True))
    most = max(by_number, key=by_number.__getitem__)
    in_use = most if by_number[most] else ""
    counts |= {_NUMBERS[name][0]: count for name, count in by_number.items()}
    if settings.date_format is not None:
        return _Reading(settings.date_format.strptime, in_use, counts, ambiguous=False)
    month_wins = month_first > day_first
    losing_alone = day_alone if month_wins else month_alone
    return _Reading(
        "%m/%d/%Y" if month_wins else "%d/%m/%Y",
        in_use,
        counts,
        ambiguous=bool(
            (day_first == month_first and differing)
            or losing_alone
            or (workbook and plain and (day_first or month_first))
            or (in_use and (plain or day_first or month_first))
        ),
    )


def _told_of_dates(
    file: DeliveredFile, column: Column, reading: _Reading, connection: duckdb.DuckDBPyConnection
) -> Iterable[Told]:
    evidence = ", ".join(f"{count:,} {what}" for what, count in reading.counts.items() if count)
    common = {
        "rule": "FILE-DATE-ORDER",
        "position": column.position,
        "attribute": column.attribute,
        "object": TABLE_OF[column.attribute].object,
        "evidence": evidence,
    }
    if reading.numbers:
        what, pattern = _NUMBERS[reading.numbers]
        rows, value = _examples(file, column, f"regexp_full_match(trim_to_null({{cell}}), '{pattern}')", connection)
        count = _counted(reading.counts[what], "cell")
        yield Told(
            severity=Severity.REPAIR,
            value=value,
            rows=rows,
            detail=f"{count} read as {what}, {_LINES}.",
            told=what,
            **common,
        )
    if reading.ambiguous:
        order = "month first" if reading.format == "%m/%d/%Y" else "day first"
        yield Told(
            severity=Severity.QUESTION, detail=f"Read as {order}: {evidence}.", told=f"{order}, in doubt", **common
        )


def _plain(column: Column, formats: dict[str, str], numbers: dict[str, str]) -> str:
    """What a date column means where nobody has to be asked."""
    if not _is_date(column) or numbers.get(column.attribute):
        return ""
    return {"%d/%m/%Y": "day first", "%m/%d/%Y": "month first"}.get(formats[column.attribute], "year first")
