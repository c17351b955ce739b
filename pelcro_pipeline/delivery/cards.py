"""FILE-CARD-NUMBER: a delivery that holds payment card numbers is not taken in."""

from __future__ import annotations

import csv
import itertools
import json
import mmap
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.delivery import corrections
from pelcro_pipeline.delivery.manifest import Column, DeliveredFile, Manifest
from pelcro_pipeline.delivery.reading import delivered, read
from pelcro_pipeline.delivery.records import cells, file_line
from pelcro_pipeline.delivery.text import chunks, holds, line_of, record_starts
from pelcro_pipeline.delivery.workbook import is_workbook
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import DELIMITERS
from pelcro_pipeline.spec import ATTRIBUTES
from pelcro_pipeline.spec.kinds import ADDRESS_PHONE, CUSTOMER_PHONE, IDENTIFIER
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.workspace.intake import CARD_MAPS

#: 14 to 19 digits, single spaces or hyphens between them, no letter or digit beside them: hashes and ids are full of those.
_NUMBER = r"(?:^|[^0-9A-Za-z])([0-9](?:[ -]?[0-9]){13,18})(?:[^0-9A-Za-z]|$)"
#: What may hold one: with whatever stands beside it, a date of expiry or a second number.
_LONG = r"[0-9](?:[ -]?[0-9]){13}"
#: How cards are written whose digits stand in groups: 4-6-5 or 4-6-4, or 4-4-4-4 with up to three more.
_GROUPED = "[0-9]{4} [0-9]{6} [0-9]{4,5}|[0-9]{4}(?: [0-9]{4}){3}(?: [0-9]{1,3})?"
#: A quick look for one: taking text apart costs ten times as much.
_MAY_BE_GROUPED = "[0-9]{4}[ -](?:[0-9]{6}|[0-9]{4}[ -][0-9]{4})[ -][0-9]{4}"
#: What no group of a card is: a word with a letter in it, and whatever parts words but the groups' own separator.
_NO_GROUP = "[0-9]*[A-Za-z][0-9A-Za-z]*|[^0-9A-Za-z{}]"
#: A card with its date of expiry; of more groups in a row than that, any four would do for one in ten.
_MOST_GROUPS = 5
#: How a workbook's numbers of 16 and 17 digits are written: with all of them (``delivery.workbook``).
_SCIENTIFIC = r"[1-9]\.(?:[0-9]{15}E\+15|[0-9]{16}E\+16)"
_SCIENTIFIC_BYTES = re.compile(_SCIENTIFIC.encode())
_IBAN = "[A-Z]{2}[0-9]{2}(?: [0-9A-Z]{4}){2,7}(?: [0-9A-Z]{1,3})?"
#: Bytes of a number that the next chunk may continue: 19 digits of UTF-16 with their separators.
_LONGEST = 128
_LENGTHS = range(14, 20)
_SIXTEEN_OR_MORE = (16, 17, 18, 19)
#: The first four digits of issuers' numbers, from and to, and how long these are.
_ISSUERS = (
    (4000, 4999, (16, 19)),  # Visa
    (2221, 2720, (16,)),  # Mastercard
    (5100, 5599, (16,)),
    (3400, 3499, (15,)),  # American Express
    (3700, 3799, (15,)),
    (3000, 3059, (14, *_SIXTEEN_OR_MORE)),  # Diners
    (3095, 3095, (14, *_SIXTEEN_OR_MORE)),
    (3600, 3699, (14, *_SIXTEEN_OR_MORE)),
    (3800, 3999, (14, *_SIXTEEN_OR_MORE)),
    (3528, 3589, _SIXTEEN_OR_MORE),  # JCB
    (6011, 6011, _SIXTEEN_OR_MORE),  # Discover
    (6440, 6599, _SIXTEEN_OR_MORE),
    (6200, 6299, _SIXTEEN_OR_MORE),  # UnionPay
    (5010, 5039, tuple(_LENGTHS)),  # Maestro
    (5600, 5899, tuple(_LENGTHS)),
    (6300, 6399, tuple(_LENGTHS)),
    (6700, 6799, tuple(_LENGTHS)),
    (2200, 2204, _SIXTEEN_OR_MORE),  # Mir
    (5080, 5089, (16,)),  # RuPay
    (6000, 6099, (16,)),
    (8100, 8299, (16,)),
)
#: What may begin a card number of each length, by its first four digits.
_BY_ISSUER = np.zeros((len(_LENGTHS), 10_000), dtype=bool)
for _first, _last, _lengths in _ISSUERS:
    for _length in _lengths:
        _BY_ISSUER[_LENGTHS.index(_length), _first : _last + 1] = True
_OF_AN_ISSUER = " OR ".join(
    f"(left(digits, 4) BETWEEN '{first}' AND '{last}' AND length(digits) IN ({', '.join(map(str, lengths))}))"
    for first, last, lengths in _ISSUERS
)
#: Shifts by which a row of 14 is told from single places.
_DOUBLING = (1, 2, 4, 6)
#: A number of 19 digits with a separator between each two, and the byte behind it.
_WIDEST = 38
#: Numbers of customers and phones are long and digits too: there, only what stands out counts.
_LONG_BY_NATURE = (CUSTOMER_PHONE, ADDRESS_PHONE, IDENTIFIER)
#: A number as long as a card's, and how many of them tell whether what looks like a card's comes of chance.
_LONG_ID = re.compile(rb"(?<![0-9A-Za-z])[0-9]{14,19}(?![0-9A-Za-z])")
_ENOUGH_IDS = 50
_ORDER_NUMBER = "subscription.common_metadata.order_number"
#: The same in the headers of columns of no template, unless they speak of cards.
_NUMBERS = frozenset(
    [
        "id",
        "ids",
        "uid",
        "uuid",
        "number",
        "numbers",
        "no",
        "nr",
        "num",
        "order",
        "invoice",
        "account",
        "phone",
        "mobile",
        "tel",
        "telephone",
        "fax",
        "ref",
        "reference",
        "transaction",
    ]
)
_CARDS = frozenset(["card", "cards", "cc", "pan", "credit", "debit", "visa", "mastercard", "amex"])

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
                list_transform(regexp_extract_all(text, {literal(_SCIENTIFIC)}), lambda each: replace(each[:-5], '.', '')),
                regexp_extract_all(text, {literal(_NUMBER)}, 1),
                list_filter(regexp_extract_all(text, '[0-9A-Za-z]+'), lambda word: regexp_full_match(word, '[0-9]{{14,19}}')),
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
        ({_OF_AN_ISSUER}) AND luhn(digits)""",
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
                # In JSON the whole map may be one line.
                if path.parent == folder and path.name in CARD_MAPS and not holds(path, b"\0"):
                    refuse_in_card_map(path, path.name)
                else:
                    _refuse_lines(path, str(path.relative_to(folder)), connection)
        if corrections.given(folder, settings) or any(_must_be_read(path) for path in to_read):
            with tempfile.TemporaryDirectory(dir=folder.parent) as kept:
                refuse_card_numbers(read(folder, Path(kept), settings, connection), connection)


def _must_be_read(path: Path) -> bool:
    """Whether a delivered file may hold a card number; one that is damaged is refused with the others when they are read."""
    try:
        return is_workbook(path) or _may_hold_card_numbers(path)
    except UnusableInputError:
        return True


def refuse_card_numbers(manifest: Manifest, connection: duckdb.DuckDBPyConnection) -> Manifest:
    """The manifest, the columns told that seem to hold card numbers and that the publisher vouches for.

    Raises UnusableInputError where a cell of another column holds a payment card number; the error names file, line
    and column, never the number.
    """
    _create_macros(connection)
    vouched = {each.strip().lower() for each in manifest.settings.not_card_numbers}
    for name in manifest.settings.not_card_numbers:
        if not any(name.strip().lower() in _names(column) for file in manifest.files for column in file.columns):
            raise UnusableInputError(
                f"extract.toml names {name} in not_card_numbers, and no file has such a column: write its header."
            )
    files = tuple(
        file.model_copy(update={"vouched": _refuse(file.made_of or file, vouched, connection)})
        for file in manifest.files
    )
    return manifest.model_copy(update={"files": files})


def _names(column: Column) -> set[str]:
    """What not_card_numbers can call a column, in small letters."""
    return {column.shown.lower(), (column.attribute or column.shown).lower()}


def has_long_numbers(path: Path) -> bool:
    """Whether a file's bytes hold 14 digits in a row, whatever spaces, hyphens or zero bytes part them.

    Over the bytes, because most deliveries have none, and then no cell needs to be looked at.
    """
    carried = b""
    for chunk in chunks(path):
        view = np.frombuffer(carried + chunk, dtype=np.uint8)
        view = view[(view != 0) & (view != ord(" ")) & (view != ord("-"))]
        digit = (view - ord("0")) < 10
        for shift in _DOUBLING:
            digit = digit[:-shift] & digit[shift:]
        if digit.any():
            return True
        carried = chunk[-_LONGEST:]
    return False


def refuse_in_card_map(path: Path, name: str) -> None:
    """Raise UnusableInputError where a payment processor's mapping file, as UTF-8 text, holds a payment card number.

    All of its ids may be long and digits, and then chance gives one in ten a card's check digit: those are let be
    where no more of them have it.
    """
    offsets = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *card_places(path), *_scientific_places(path)]))
    if not len(offsets):
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        numbers = sum(1 for _ in _LONG_ID.finditer(content))
        by_chance = numbers >= _ENOUGH_IDS and len(offsets) * 5 <= numbers
        is_id = _is_json_key if name.endswith(".json") else _in_id_column
        for offset in offsets.tolist():
            if not (by_chance and is_id(content, offset)):
                _stop(f"{name}, line {line_of(path, offset)} (byte {offset + 1:,} of the file)")


def _is_json_key(content: mmap.mmap, offset: int) -> bool:
    return re.compile(rb'[0-9]+"\s*:').match(content, offset) is not None and content[offset - 1 : offset] == b'"'


def _in_id_column(content: mmap.mmap, offset: int) -> bool:
    """Whether a place in a CSV file stands in a column of ids or tokens, by its header."""
    header = content[: content.find(b"\n")].decode()
    delimiter = max(DELIMITERS, key=header.count)
    before = content[content.rfind(b"\n", 0, offset) + 1 : offset].decode()
    position = len(next(csv.reader([before + "-"], delimiter=delimiter))) - 1
    cells = next(csv.reader([header], delimiter=delimiter))
    return position < len(cells) and cells[position].strip().lower().endswith(("id", "token"))


def card_places(path: Path) -> Iterator[np.ndarray]:
    """Byte offsets in a UTF-8 file at which what may be a card number begins, for each megabyte.

    14 to 19 digits with at most one space or hyphen between two, no ASCII letter or digit beside
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
    for shift in _DOUBLING:
        row = row[:-shift] & row[shift:]
    row = row[1:end]
    # No issuer's numbers begin with 0, 1, 7 or 9: phones as they are dialled end here.
    row = row & (((view[1:end] - ord("2")) < 5) | (view[1:end] == ord("8")))
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
    first = digits[:, :4] @ np.array([1000, 100, 10, 1])
    card = np.zeros(len(starts), dtype=bool)
    for length, by_issuer in zip(_LENGTHS, _BY_ISSUER, strict=True):
        card |= ending[:, length - 1] & (sums[(length - 1) % 2][:, length - 1] % 10 == 0) & by_issuer[first]
    return starts[card]


def _is_alphanumeric(bytes_: np.ndarray) -> np.ndarray:
    return ((bytes_ - ord("0")) < 10) | (((bytes_ | 0x20) - ord("a")) < 26)


def _scientific_places(path: Path) -> Iterator[np.ndarray]:
    """Byte offsets in a UTF-8 file at which a workbook's long numbers begin."""
    carried, offset = b"", 0
    for chunk in chunks(path):
        buffer = carried + chunk
        if b"E+1" in buffer:
            yield np.array([each.start() + offset for each in _SCIENTIFIC_BYTES.finditer(buffer)], dtype=np.int64)
        kept = min(len(buffer), _WIDEST)
        offset += len(buffer) - kept
        carried = buffer[-kept:]


def _may_hold_card_numbers(path: Path) -> bool:
    """Whether the bytes of a delivered text, in whatever encoding, may hold a card number."""
    # In UTF-16 what stands beside a number cannot be told by its bytes.
    if any(b"\0" in chunk for chunk in chunks(path)):
        return has_long_numbers(path)
    return any(len(each) for each in itertools.chain(card_places(path), _scientific_places(path)))


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


def _refuse(file: DeliveredFile, vouched: set[str], connection: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    """Refuse a file for the first of its columns that holds a card number, and there for the first record.

    Returns the positions of those that are vouched for. Needs the macros.
    """
    found = _cards(file, connection)
    by_nature = {column for column, *_ in found if _is_long_by_nature(file.columns[column])}
    outstanding = _outstanding(file, [each for each in found if each[0] in by_nature], connection)
    refused = [
        (column, place) for column, place, length in found if column not in by_nature or (column, length) in outstanding
    ]
    if unvouched := [each for each in refused if not _names(file.columns[each[0]]) & vouched]:
        column, place = min(unvouched)
        shown = file.columns[column].shown
        _stop(
            f"{file.name}, line {file_line(connection, file, place)}, {shown}",
            f" Where the column holds other numbers, write not_card_numbers = [{json.dumps(shown, ensure_ascii=False)}] "
            "in extract.toml.",
        )
    if file.quarantined:
        ((line,),) = connection.execute(
            f"""SELECT min(line) FROM (
                SELECT line, unnest(card_candidates(text)) AS digits FROM read_parquet({literal(file.quarantined)})
            ) WHERE is_card_number(digits)"""
        ).fetchall()
        if line is not None:
            _stop(f"{file.name}, line {line}, a record with more or fewer cells than the header")
    return tuple(sorted({column for column, _ in refused}))


def _cards(file: DeliveredFile, connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, int]]:
    """Position of the column, first record and count of digits of the card numbers in a file's cells.

    Only the records whose bytes may hold one are parted into cells.
    """
    offsets = [*card_places(Path(file.path)), *_scientific_places(Path(file.path))]
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
            if len(cell) > 13 and long.search(cell)
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


def _outstanding(
    file: DeliveredFile, found: list[tuple[int, int, int]], connection: duckdb.DuckDBPyConnection
) -> set[tuple[int, int]]:
    """Of columns that hold long numbers by nature, by position, and lengths of card numbers in them: those where most
    other cells have another length, and one in ten of them or fewer has a card's check digit.
    """
    if not found:
        return set()
    counts = ", ".join(
        f"""count(trim_to_null({name})) - 1, count(*) FILTER (length({digits}) = {length}) - 1,
        count(*) FILTER (CASE WHEN length({digits}) BETWEEN {_LENGTHS[0]} AND {_LENGTHS[-1]} THEN luhn({digits}) END) - 1"""
        for column, _, length in found
        for name in [file.columns[column].name]
        for digits in [f"regexp_replace({name}, '[^0-9]', '', 'g')"]
    )
    ((*answers,),) = connection.execute(f"SELECT {counts} FROM {file.relation()}").fetchall()
    each_three = zip(answers[::3], answers[1::3], answers[2::3], strict=True)
    return {
        (column, length)
        for (column, _, length), (others, as_long, checked) in zip(found, each_three, strict=True)
        if as_long * 2 < others and checked * 10 <= others
    }


def _is_long_by_nature(column: Column) -> bool:
    """Whether a column is of phones, ids, order numbers or metadata: there a number must stand out of the others."""
    name = column.attribute
    if name is None:
        words = set(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column.header))
        words = {word.lower() for word in words}
        return bool(words & _NUMBERS) and not words & _CARDS
    if name not in ATTRIBUTES:
        return True
    return name == _ORDER_NUMBER or ATTRIBUTES[name].kind in _LONG_BY_NATURE


def _stop(where: str, otherwise: str = "") -> None:
    raise UnusableInputError(
        f"FILE-CARD-NUMBER: {where} holds a payment card number: nothing was stored; "
        f"take card numbers out of the delivery and deliver again.{otherwise}"
    )
