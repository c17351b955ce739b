"""FILE-CARD-NUMBER: a delivery that holds payment card numbers is not taken in."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.delivery.manifest import DeliveredFile, Manifest
from pelcro_pipeline.delivery.reading import delivered, read
from pelcro_pipeline.delivery.records import cells, file_line
from pelcro_pipeline.delivery.text import chunks, record_starts
from pelcro_pipeline.delivery.workbook import is_workbook
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.spec import ADDRESS_IDS, ATTRIBUTES
from pelcro_pipeline.spec.kinds import ADDRESS_PHONE, CUSTOMER_PHONE, IDENTIFIER
from pelcro_pipeline.spec.sql import literal

#: 13 to 19 digits, single spaces or hyphens between them, no letter or digit beside them: hashes and ids are full of those.
_NUMBER = r"(?:^|[^0-9A-Za-z])([0-9](?:[ -]?[0-9]){12,18})(?:[^0-9A-Za-z]|$)"
#: What may hold one: with whatever stands beside it, a date of expiry or a second number.
_LONG = r"[0-9](?:[ -]?[0-9]){12}"
#: How cards are written whose digits stand in groups: 4-6-5 or 4-6-4, or 4-4-4-4 with up to three more.
_GROUPED = "[0-9]{4} [0-9]{6} [0-9]{4,5}|[0-9]{4}(?: [0-9]{4}){3}(?: [0-9]{1,3})?"
#: A quick look for one: taking text apart costs ten times as much.
_MAY_BE_GROUPED = "[0-9]{4}[ -](?:[0-9]{6}|[0-9]{4}[ -][0-9]{4})[ -][0-9]{4}"
#: What no group of a card is: a word with a letter in it, and whatever parts words but the groups' own separator.
_NO_GROUP = "[0-9]*[A-Za-z][0-9A-Za-z]*|[^0-9A-Za-z{}]"
#: A card with its date of expiry; of more groups in a row than that, any four would do for one in ten.
_MOST_GROUPS = 5
_IBAN = "[A-Z]{2}[0-9]{2}(?: [0-9A-Z]{4}){2,7}(?: [0-9A-Z]{1,3})?"
#: Bytes of a number that the next chunk may continue: 19 digits of UTF-16 with their separators.
_LONGEST = 128
#: American Express, Diners, JCB, Visa, Mastercard, Discover, UnionPay, Maestro.
_ISSUER = r"^(?:3[47]|30[0-5]|3095|36|3[89]|35(?:2[89]|[3-8])|4|5[0-8]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|6[0-9])"
#: What may begin a card number, by its first four digits.
_BY_ISSUER = np.array([re.match(_ISSUER, f"{prefix:04d}") is not None for prefix in range(10_000)])
_LENGTHS = range(13, 20)
#: A number of 19 digits with a separator between each two, and the byte behind it.
_WIDEST = 38
#: Numbers of customers and phones are long and digits too: there, only what stands out counts.
_LONG_BY_NATURE = (CUSTOMER_PHONE, ADDRESS_PHONE, IDENTIFIER)

_MACROS = (
    # Every three to five neighbouring words, and those of them that are written as cards are.
    f"""CREATE OR REPLACE TEMP MACRO cards_among(words) AS
        list_filter(
            flatten(list_transform(range(1, len(words) + 1), lambda first: list_transform([2, 3, 4],
                lambda more: array_to_string(words[first:first + more], ' ')))),
            lambda each: len(words) <= {_MOST_GROUPS} AND regexp_full_match(each, {literal(_GROUPED)}))""",
    """CREATE OR REPLACE TEMP MACRO grouped_cards(text, separator, no_group) AS
        flatten(list_transform(string_split_regex(text, no_group),
            lambda run: cards_among(string_split(trim(run, separator), separator))))""",
    f"""CREATE OR REPLACE TEMP MACRO card_candidates(text) AS
        list_transform(
            list_concat(
                regexp_extract_all(text, {literal(_NUMBER)}, 1),
                list_filter(regexp_extract_all(text, '[0-9A-Za-z]+'), lambda word: regexp_full_match(word, '[0-9]{{13,19}}')),
                CASE WHEN regexp_matches(text, {literal(_MAY_BE_GROUPED)}) THEN list_concat(
                    grouped_cards(regexp_replace(text, {literal(_IBAN)}, '', 'g'), ' ', {literal(_NO_GROUP.format(" "))}),
                    grouped_cards(text, '-', {literal(_NO_GROUP.format("-"))})) END),
            lambda each: regexp_replace(each, '[ -]', '', 'g'))""",
    """CREATE OR REPLACE TEMP MACRO luhn(digits) AS
        list_sum(list_transform(range(1, length(digits) + 1), lambda place: CASE
            WHEN (length(digits) - place) % 2 = 0 THEN digits[place]::INTEGER
            WHEN digits[place]::INTEGER > 4 THEN 2 * digits[place]::INTEGER - 9
            ELSE 2 * digits[place]::INTEGER END)) % 10 = 0""",
    f"""CREATE OR REPLACE TEMP MACRO is_card_number(digits) AS
        regexp_matches(digits, {literal(_ISSUER)}) AND luhn(digits)""",
)
_HOLDS_CARD_NUMBER = "SELECT digits FROM (SELECT unnest(card_candidates(?)) AS digits) WHERE is_card_number(digits)"


def refuse_to_store(folder: Path) -> None:
    """Raise UnusableInputError where a folder that is about to be taken in holds payment card numbers.

    In the cells of what is read, and in the lines of all other files that are not packed: settings,
    hidden files and those to ignore are stored with the rest.
    """
    settings = extract_settings.load(folder)
    to_read = delivered(folder, settings)
    with duck.connect() as connection:
        _create_macros(connection)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and path not in to_read and has_long_numbers(path):
                _refuse_lines(path, str(path.relative_to(folder)), connection)
        if any(is_workbook(path) or _may_hold_card_numbers(path) for path in to_read):
            with tempfile.TemporaryDirectory(dir=folder.parent) as kept:
                refuse_card_numbers(read(folder, Path(kept), settings, connection), connection)


def refuse_card_numbers(manifest: Manifest, connection: duckdb.DuckDBPyConnection) -> None:
    """Raise UnusableInputError where a cell of the delivery holds a payment card number.

    The error names file, line and column, never the number.
    """
    _create_macros(connection)
    for file in manifest.files:
        _refuse(file, connection)


def has_long_numbers(path: Path) -> bool:
    """Whether a file's bytes hold 13 digits in a row, whatever spaces, hyphens or zero bytes part them.

    Over the bytes, because most deliveries have none, and then no cell needs to be looked at.
    """
    carried = b""
    for chunk in chunks(path):
        view = np.frombuffer(carried + chunk, dtype=np.uint8)
        view = view[(view != 0) & (view != ord(" ")) & (view != ord("-"))]
        digit = (view - ord("0")) < 10
        for shift in (1, 2, 4, 5):
            digit = digit[:-shift] & digit[shift:]
        if digit.any():
            return True
        carried = chunk[-_LONGEST:]
    return False


def card_places(path: Path) -> Iterator[np.ndarray]:
    """Byte offsets in a UTF-8 file at which what may be a card number begins, for each megabyte.

    13 to 19 digits with at most one space or hyphen between two, no ASCII letter or digit beside
    them, of an issuer and with the right check digit. Numbers that run on from one cell's end, or that
    the rule lets be, are among them; one that only the removal of an IBAN would join is not.
    """
    # The byte before the first says that nothing stands beside it.
    carried, offset = b"\n", -1
    for chunk in chunks(path):
        buffer = carried + chunk
        found = _numbers_in(buffer, len(buffer) - _WIDEST)
        if len(found):
            yield found + offset
        # The last starts are looked at with the next chunk, and the byte before them.
        kept = min(len(buffer), _WIDEST + 1)
        offset += len(buffer) - kept
        carried = buffer[-kept:]
    found = _numbers_in(carried + b"\n" * _WIDEST, len(carried))
    if len(found):
        yield found + offset


def _numbers_in(buffer: bytes, end: int) -> np.ndarray:
    """Places in 1..``end`` of ``buffer`` at which a number begins as ``card_places`` describes it."""
    view = np.frombuffer(buffer, dtype=np.uint8)
    if end < 2:
        return np.empty(0, dtype=np.int64)
    digit = (view - ord("0")) < 10
    row = digit | (view == ord(" ")) | (view == ord("-"))
    for shift in (1, 2, 4, 5):
        row = row[:-shift] & row[shift:]
    row = row[1:end]
    # No issuer's numbers begin with 0, 1, 7, 8 or 9: phones as they are dialled end here.
    row = row & ((view[1:end] - ord("2")) < 5)
    starts = np.flatnonzero(row) + 1
    starts = starts[~_is_alphanumeric(view[starts - 1])]
    if not len(starts):
        return starts
    window = view[starts[:, None] + np.arange(_WIDEST)]
    digit = (window - ord("0")) < 10
    # It ends where two separators or anything else follows.
    going = digit.copy()
    going[:, 1:] |= ((window[:, 1:] == ord(" ")) | (window[:, 1:] == ord("-"))) & digit[:, :-1]
    digit &= np.logical_and.accumulate(going, axis=1)
    count = digit.cumsum(axis=1, dtype=np.int8)
    long = count[:, -1] >= _LENGTHS[0]
    starts, window, digit, count = starts[long], window[long], digit[long], count[long]
    rows, columns = np.nonzero(digit & (count <= _LENGTHS[-1]))
    digits = np.zeros((len(starts), _LENGTHS[-1]), dtype=np.int16)
    digits[rows, count[rows, columns] - 1] = window[rows, columns] - ord("0")
    ending = np.zeros((len(starts), _LENGTHS[-1]), dtype=bool)
    inside = columns + 1 < _WIDEST
    rows, columns = rows[inside], columns[inside]
    ending[rows, count[rows, columns] - 1] = ~_is_alphanumeric(window[rows, columns + 1])
    doubled = np.where(digits > 4, 2 * digits - 9, 2 * digits)
    odd = np.arange(_LENGTHS[-1]) % 2 == 1
    sums = np.where(odd, doubled, digits).cumsum(axis=1), np.where(odd, digits, doubled).cumsum(axis=1)
    card = np.zeros(len(starts), dtype=bool)
    for length in _LENGTHS:
        card |= ending[:, length - 1] & (sums[(length - 1) % 2][:, length - 1] % 10 == 0)
    return starts[card & _BY_ISSUER[digits[:, :4] @ np.array([1000, 100, 10, 1])]]


def _is_alphanumeric(bytes_: np.ndarray) -> np.ndarray:
    return ((bytes_ - ord("0")) < 10) | (((bytes_ | 0x20) - ord("a")) < 26)


def _may_hold_card_numbers(path: Path) -> bool:
    """Whether the bytes of a delivered text, in whatever encoding, may hold a card number."""
    # In UTF-16 what stands beside a number cannot be told by its bytes.
    if any(b"\0" in chunk for chunk in chunks(path)):
        return has_long_numbers(path)
    return next(card_places(path), None) is not None


def _create_macros(connection: duckdb.DuckDBPyConnection) -> None:
    for macro in _MACROS:
        connection.execute(macro)


def _refuse_lines(path: Path, name: str, connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse a file of no known form, by its lines: what its digits stand between is ASCII in every encoding.

    Needs the macros.
    """
    with path.open("rb") as file:
        for line, raw in enumerate(file, start=1):
            text = raw.replace(b"\0", b"").decode("latin-1")
            if re.search(_LONG, text) and connection.execute(_HOLDS_CARD_NUMBER, [text]).fetchall():
                _stop(f"{name}, line {line}")


def _refuse(file: DeliveredFile, connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse a file for the first of its columns that holds a card number, and there for the first record.

    Needs the macros.
    """
    found = _cards(file, connection)
    by_nature = {column for column, _, length in found if _is_long_by_nature(file.columns[column].attribute)}
    usual = _usual_lengths(file, sorted(by_nature), connection)
    refused = [
        (column, place)
        for column, place, length in found
        if column not in by_nature or (length in (15, 16) and (column, length) not in usual)
    ]
    if refused:
        column, place = min(refused)
        _stop(f"{file.name}, line {file_line(connection, file, place)}, {file.columns[column].header}")
    if file.quarantined:
        ((line,),) = connection.execute(
            f"""SELECT min(line) FROM (
                SELECT line, unnest(card_candidates(text)) AS digits FROM read_parquet({literal(file.quarantined)})
            ) WHERE is_card_number(digits)"""
        ).fetchall()
        if line is not None:
            _stop(f"{file.name}, line {line}, a record with more or fewer cells than the header")


def _cards(file: DeliveredFile, connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, int]]:
    """Position of the column, first record and count of digits of the card numbers in a file's cells.

    Only the records whose bytes may hold one are parted into cells.
    """
    offsets = list(card_places(Path(file.path)))
    if not offsets:
        return []
    starts, blank = record_starts(Path(file.path), one_line_each=file.lines is None)
    if file.lines is not None:
        starts = starts[~blank]
    places = np.unique(np.searchsorted(starts, np.concatenate(offsets), side="right")) - 2
    # The header is the record before the first.
    places = places[places >= 0]
    long = re.compile(_LONG)
    table = pyarrow.Table.from_pylist(
        [
            {"place": int(place), "position": position, "text": cell}
            for place, record in zip(places, cells(file, places), strict=True)
            for position, cell in enumerate(record)
            if len(cell) > 12 and long.search(cell)
        ],
        pyarrow.schema({"place": pyarrow.int64(), "position": pyarrow.int32(), "text": pyarrow.string()}),
    )
    connection.register("cells_to_search", table)
    try:
        return connection.execute(
            """SELECT position, min(place), length(digits)
            FROM (SELECT place, position, unnest(card_candidates(text)) AS digits FROM cells_to_search)
            WHERE is_card_number(digits) GROUP BY position, length(digits)"""
        ).fetchall()
    finally:
        connection.unregister("cells_to_search")


def _usual_lengths(
    file: DeliveredFile, positions: list[int], connection: duckdb.DuckDBPyConnection
) -> set[tuple[int, int]]:
    """Columns, by position, and 15 or 16 where half of the column's filled cells or more have as many digits."""
    if not positions:
        return set()
    wanted = [(position, length) for position in positions for length in (15, 16)]
    usual = ", ".join(
        f"count(*) FILTER (length(regexp_replace({name}, '[^0-9]', '', 'g')) = {length}) * 2 >= count({name})"
        for position, length in wanted
        for name in [file.columns[position].name]
    )
    ((*answers,),) = connection.execute(f"SELECT {usual} FROM {file.relation()}").fetchall()
    return {each for each, answer in zip(wanted, answers, strict=True) if answer}


def _is_long_by_nature(attribute: str | None) -> bool:
    """Whether a column is of phones or ids: there a number must have another length than most cells."""
    ids = {each.name for each in ADDRESS_IDS.values()}
    return attribute in ids or (attribute in ATTRIBUTES and ATTRIBUTES[attribute].kind in _LONG_BY_NATURE)


def _stop(where: str) -> None:
    raise UnusableInputError(
        f"FILE-CARD-NUMBER: {where} holds a payment card number: nothing was stored; "
        "take card numbers out of the delivery and deliver again."
    )
