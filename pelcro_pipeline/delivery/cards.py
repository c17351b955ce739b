"""FILE-CARD-NUMBER: a delivery that holds payment card numbers is not taken in.

Everything that stands in a delivered folder is searched where it stands, and nothing of it is written anywhere: text by
its bytes, and only the records whose bytes may hold a number are parted into cells; workbooks by their parts. What a
card number is says ``card_numbers``. In columns of phones, ids, order numbers and metadata long numbers are at home, and
one in ten of them looks like a card's: there, what counts is what stands out of the column (``_stand_out``).
"""

from __future__ import annotations

import codecs
import csv
import html
import io
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.delivery import package, text, workbook
from pelcro_pipeline.delivery.card_numbers import LENGTHS, card_numbers, card_places, luhn, of_issuer, plain
from pelcro_pipeline.delivery.header import is_metadata
from pelcro_pipeline.delivery.manifest import Column, Manifest
from pelcro_pipeline.delivery.reading import delivered
from pelcro_pipeline.delivery.recognition import columns_of
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import ATTRIBUTES
from pelcro_pipeline.spec.kinds import ADDRESS_PHONE, CUSTOMER_PHONE, IDENTIFIER
from pelcro_pipeline.workspace import places

#: Numbers of customers and phones are long and digits too: there, only what stands out counts.
_LONG_BY_NATURE = (CUSTOMER_PHONE, ADDRESS_PHONE, IDENTIFIER)
_ORDER_NUMBER = "subscription.common_metadata.order_number"
#: The same in the headers of columns of no template, and in the names of JSON's fields, unless they speak of cards.
_NUMBERS = frozenset(
    ["id", "ids", "uid", "uuid", "number", "numbers", "no", "nr", "num", "order", "invoice", "account", "phone", "mobile", "tel",
     "telephone", "fax", "ref", "reference", "transaction", "ean", "gtin", "isbn", "barcode", "iban", "tracking", "fingerprint",
     "token", "timestamp"]
)  # fmt: skip
_ANY = frozenset(["number", "numbers", "no", "nr", "num"])
_CARDS = frozenset(["card", "cards", "cc", "pan", "credit", "debit", "visa", "mastercard", "amex"])
#: What a card is known by without its number.
_OF_CARDS = frozenset(["id", "ids", "fingerprint", "token"])
#: Records of a file that tell what the numbers of a column are like.
_SAMPLE = 20_000
#: How often chance may take a column's numbers for cards.
_CHANCE = 0.001
#: Bytes that a record, or what stands in one line, is looked for in; the longest that is read is shorter.
_LONGEST = 1 << 22
#: Characters on either side of a number in what has no columns.
_AROUND = 256
_FIELD = re.compile(r'"((?:[^"\\]|\\.){0,200})"\s*:\s*"?$')
_TABLES = (".csv", ".tsv", ".tab")
_ESCAPED = re.compile(rb"\\u([0-9a-fA-F]{4})")
_RETURN_ALONE = re.compile(rb"\r(?!\n)")
#: In a workbook's XML: what ends a text, whatever runs of letters it is written in; and where a cell's value stands.
_TEXT_ENDS = re.compile(rb"</(?:\w+:)?(?:si|is|c|v|f|text|comment|p|row)>")
_CHARACTER = re.compile(rb"&#(?:[0-9]{1,7}|x[0-9a-fA-F]{1,6});")
_HEAD_AND_FOOT = re.compile(rb"&amp;[LCR]")
_TAG = re.compile(rb"<[^>]*>")
_VALUES = re.compile(rb"<(?:\w+:)?(v|is)\b[^>]*>.*?</(?:\w+:)?\1>", re.DOTALL)
_CELLS = re.compile(r"xl/(?:worksheets/[^/]+|sharedStrings)\.xml", re.IGNORECASE)
_TEXT_PARTS = (".xml", ".rels", ".vml")


class _Hit(NamedTuple):
    """A card number: the line that it stands on, and its column, where it stands in one."""

    digits: str
    line: int
    column: Column | None = None


@dataclass
class _Searched:
    """A file or sheet: its columns, the card numbers found in it, and what else a column holds."""

    name: str
    columns: Sequence[Column] = ()
    hits: list[_Hit] = field(default_factory=list)
    #: Some of a column's cells, from the first to the last.
    cells: Callable[[Column], Iterable[str]] = lambda _: ()


@dataclass(frozen=True)
class Vouched:
    """A folder that was searched: what it was then, and by file the columns that only ``not_card_numbers`` lets be."""

    fingerprint: str
    positions: dict[str, tuple[int, ...]]

    def noted(self, manifest: Manifest) -> Manifest:
        """The manifest with these columns. Raises UnusableInputError where something else was read than was searched."""
        if manifest.fingerprint != self.fingerprint:
            raise UnusableInputError("The delivered folder changed while it was read: run it again once it is whole.")
        files = (file.model_copy(update={"vouched": self.positions.get(file.name, ())}) for file in manifest.files)
        return manifest.model_copy(update={"files": tuple(files)})


def refuse_to_store(folder: Path, *beside: Path) -> Vouched:
    """Raise UnusableInputError where a delivered folder, or a file that is to come into it, holds a payment card number.

    In names, in cells, and in all other files: settings, answers, hidden files and those to ignore are stored with the
    rest. The error names file, line and column, never the number. Of archives only workbooks are unpacked.
    """
    found = places.fingerprint(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    for path in (folder, *folder.rglob("*"), *beside):
        if card_numbers(path.name):
            _stop("the name of a file or folder of the delivery")
    # Whatever is wrong with the settings is told in their own words.
    apart = [path for path in files if path.name == extract_settings.FILE_NAME]
    for path in apart:
        _refuse(_in_text(path, path.relative_to(folder).as_posix(), Settings()))
    settings = extract_settings.load(folder)
    to_read = delivered(folder, settings)
    judged = _Judged(settings)
    for path in to_read:
        for searched in _search(path, path.name, settings, is_table=True):
            judged.add(searched)
    for path in (*(each for each in files if each not in to_read and each not in apart), *beside):
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
        for searched in _search(path, name, settings, is_table=path.suffix.lower() in _TABLES):
            judged.add(searched, is_read=False)
    judged.refuse_unknown()
    return Vouched(found, judged.vouched)


def refuse_in_file(path: Path, settings: Settings) -> None:
    """Raise UnusableInputError where a file that comes after the delivery was searched holds a payment card number."""
    judged = _Judged(settings)
    for searched in _search(path, path.name, settings, is_table=path.suffix.lower() in _TABLES):
        judged.add(searched, is_read=False)


class _Judged:
    """What was searched so far: what of it is let be, and why."""

    def __init__(self, settings: Settings) -> None:
        self._names = {each.strip().lower(): each for each in settings.not_card_numbers}
        self._unknown = dict(self._names)
        self._read: list[_Searched] = []
        #: Numbers that stand in columns of the delivery and are none of cards: reviews and answers repeat them.
        self._let_be: set[str] = set()
        self.vouched: dict[str, tuple[int, ...]] = {}

    def add(self, searched: _Searched, *, is_read: bool = True) -> None:
        """Take in a file or sheet. Raises UnusableInputError where it holds a card number that nothing lets be."""
        for column in searched.columns:
            for name in _names(column):
                self._unknown.pop(name, None)
        if is_read:
            self._read.append(searched)
        if not searched.hits:
            return
        refused = [each for each in searched.hits if each.column is None and each.digits not in self._let_be]
        vouched = set()
        by_column: dict[Column, list[_Hit]] = {}
        for each in searched.hits:
            if each.column is not None:
                by_column.setdefault(each.column, []).append(each)
        for column, hits in by_column.items():
            hits = [each for each in hits if each.digits not in self._let_be]
            if hits and _is_long_by_nature(column, of_cards=not is_read):
                cells = [*searched.cells(column), *(() if is_read else self._cells_like(column))]
                alone_counts = not is_read or _may_be_anything(column)
                out = _stand_out({each.digits for each in hits}, cells, alone_counts=alone_counts)
                hits = [each for each in hits if len(each.digits) in out]
            if hits and not _names(column) & set(self._names):
                refused += hits
            elif hits:
                vouched.add(column.position)
        if refused:
            _refuse(searched, refused, advice=is_read)
        if is_read:
            self._let_be |= {each.digits for each in searched.hits}
            self.vouched[searched.name] = tuple(sorted(vouched))

    def _cells_like(self, column: Column) -> Iterator[str]:
        """What the delivered columns of the same name hold."""
        for searched in self._read:
            for each in searched.columns:
                if _names(each) & _names(column):
                    yield from searched.cells(each)

    def refuse_unknown(self) -> None:
        """Raise UnusableInputError where a column is vouched for that no file has."""
        for name in self._unknown.values():
            raise UnusableInputError(
                f"extract.toml names {name} in not_card_numbers, and no file has such a column: write its header."
            )


def _names(column: Column) -> set[str]:
    """What not_card_numbers can call a column, in small letters."""
    return {column.shown.lower(), (column.attribute or column.shown).lower()}


def _is_long_by_nature(column: Column, *, of_cards: bool) -> bool:
    """Whether a column is of phones, ids, order numbers or metadata: there a number must stand out of the others.

    ``of_cards``: it stands in a file about cards, or another that holds no records: a number there is not just any.
    """
    name = column.attribute
    if name is None:
        return _is_named_a_number(column.header, of_cards)
    if name == _ORDER_NUMBER or not is_metadata(name):
        return name == _ORDER_NUMBER or (name in ATTRIBUTES and ATTRIBUTES[name].kind in _LONG_BY_NATURE)
    return _is_named_a_number(name) or not _words(name) & _CARDS


def _may_be_anything(column: Column) -> bool:
    """Whether a column is metadata whose name does not say that it holds numbers."""
    return column.attribute is not None and is_metadata(column.attribute) and not _is_named_a_number(column.attribute)


def _is_named_a_number(header: str, of_cards: bool = False) -> bool:
    words = _words(header) - (_ANY if of_cards else frozenset())
    last = re.findall(r"[a-z]+", header.lower().replace("_", " "))[-1:]
    return bool(words & _NUMBERS) and (not words & _CARDS or bool(set(last) & _OF_CARDS))


def _words(header: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", header)}


def _stand_out(found: set[str], cells: Sequence[str], *, alone_counts: bool) -> set[int]:
    """The lengths of those card numbers that stand out among the cells of their column.

    Where most other cells have another length, and one in ten of them or fewer has a card's check digit, or half of
    those that begin as cards do; where more of these have it than chance lets, which is one in ten; and where
    ``alone_counts`` and no other cell is filled.
    """
    digits = [re.sub("[^0-9]", "", plain(cell)) for cell in cells if cell.strip()]
    like_cards = {each for each in digits if of_issuer(each)}
    passed = sum(map(luhn, like_cards))
    if passed * 4 >= len(like_cards) and _by_chance(passed, len(like_cards)) <= _CHANCE:
        return {len(each) for each in found}
    others = max(len(digits) - 1, 0)
    checked = sum(len(each) in LENGTHS and luhn(each) for each in digits) - 1
    few = checked * 10 <= others or passed * 2 >= len(like_cards)
    out = set()
    for length in {len(each) for each in found}:
        as_long = max(sum(len(each) == length for each in digits) - 1, 0)
        if (as_long * 2 < others and few) or (alone_counts and not others):
            out.add(length)
    return out


def _by_chance(passed: int, numbers: int) -> float:
    """How likely it is that so many of so many numbers, or more, have the right check digit by chance."""
    if not passed or passed * 10 <= numbers:
        return 1.0
    logarithms = (
        math.lgamma(numbers + 1)
        - math.lgamma(each + 1)
        - math.lgamma(numbers - each + 1)
        + each * math.log(0.1)
        + (numbers - each) * math.log(0.9)
        for each in range(passed, numbers + 1)
    )
    # Of the sum, whose last digits are rounded, so that three of three are one in a thousand.
    return round(sum(map(math.exp, logarithms)), 9)


def _search(path: Path, name: str, settings: Settings, *, is_table: bool) -> Iterator[_Searched]:
    """What a file holds: text, or a workbook's sheets and what stands beside their cells."""
    try:
        if any(part.filename == "xl/workbook.xml" for part in package.parts_of(path)):
            yield from _in_workbook(path, name, with_columns=bool(settings.not_card_numbers))
            return
    # A package that cannot be unpacked is refused when it is read, and may be anything where it is ignored.
    except UnusableInputError:
        is_table = False
    yield _in_table(path, name, settings) if is_table else _in_text(path, name, settings)


def _in_table(path: Path, name: str, settings: Settings) -> _Searched:
    """The card numbers in a text of records; where these cannot be told apart, in its lines."""
    table = _Table.of(path, settings)
    searched = _Searched(name, columns_of(table.header), cells=table.cells)
    for line, content, cells in table.suspects():
        if cells is None:
            searched.hits += [_Hit(digits, line) for digits in card_numbers(_decoded(content))]
            continue
        for position, cell in enumerate(cells):
            for digits in card_numbers(cell) if len(cell) >= LENGTHS[0] else ():
                searched.hits.append(_Hit(digits, line, _column(searched.columns, cells, position)))
    return searched


def _column(columns: Sequence[Column], cells: Sequence[str], position: int) -> Column:
    """The column of a cell; of a value beside which an attribute is named, as in corrections and answers, that attribute's."""
    headers = [each.header.strip().lower() for each in columns]
    if headers[position] == "value" and "attribute" in headers:
        return columns_of([cells[headers.index("attribute")]])[0]
    return columns[position]


def _cells_of(column: Column, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> list[str]:
    if column in columns:
        return [row[column.position] for row in rows]
    return [
        row[each.position]
        for each in columns
        if each.header.strip().lower() == "value"
        for row in rows
        if _column(columns, row, each.position) == column
    ]


@dataclass
class _Table:
    """A text file of records: where they stand, and how they are parted."""

    path: Path
    encoding: str | None
    delimiter: str
    header: list[str]
    #: Lines above the header: the one that names the delimiter.
    above: int
    _rows: list[list[str]] | None = None

    @classmethod
    def of(cls, path: Path, settings: Settings) -> _Table:
        start = _decoded(next(_utf_8(path, settings.encoding), b"")).removeprefix("\ufeff")
        delimiter = text.delimiter_named_in(start)
        if delimiter is not None:
            start = start.partition("\n")[2]
        best, cells, _ = text.header_in(start, delimiter or settings.delimiter)
        return cls(path, settings.encoding, best, cells, int(delimiter is not None))

    def suspects(self) -> Iterator[tuple[int, bytes, list[str] | None]]:
        """Each record that may hold a card number: its line, its text, and its cells, unless it is the header, or a line
        with more or fewer cells than the header."""
        for line, piece in _pieces(_utf_8(self.path, self.encoding)):
            found = card_places(piece)
            if not len(found):
                continue
            starts = np.append(_starts(piece), len(piece))
            feeds = np.flatnonzero(np.frombuffer(piece, np.uint8) == ord("\n"))
            for index in np.unique(np.searchsorted(starts, found, side="right") - 1):
                begin, end = int(starts[index]), int(starts[index + 1])
                cells = self.parted(piece[begin:end])
                if len(cells) == len(self.header):
                    is_header = line == 1 and index <= self.above
                    at = line + int(np.searchsorted(feeds, begin))
                    yield at, piece[begin:end], None if is_header else cells
                    continue
                # A quotation mark astray takes several records for one.
                inside = found[np.searchsorted(found, begin) : np.searchsorted(found, end)]
                for begin in dict.fromkeys(piece.rfind(b"\n", 0, int(place)) + 1 for place in inside):
                    on_line = piece[begin:].split(b"\n", 1)[0]
                    cells = self.parted(on_line)
                    at = line + int(np.searchsorted(feeds, begin))
                    is_record = len(cells) == len(self.header) and at > 1 + self.above
                    yield at, on_line, cells if is_record else None

    def parted(self, record: bytes) -> list[str]:
        """A record's cells: empty ones beyond the header's are nothing."""
        content, width = _decoded(record), len(self.header)
        try:
            cells = self._only_record(content)
            if len(cells) != width and '\\"' in content:
                cells = self._only_record(content, escapechar="\\")
        except csv.Error:
            return []
        return cells[:width] if not any(cell.strip() for cell in cells[width:]) else cells

    def _only_record(self, content: str, **dialect: str) -> list[str]:
        """The cells of a text that is one record; none where it is more."""
        records = list(csv.reader(io.StringIO(content, newline=""), delimiter=self.delimiter, **dialect))
        return records[0] if len(records) == 1 else []

    def cells(self, column: Column) -> list[str]:
        """A column's cells, of at most some ``_SAMPLE`` records, evenly taken."""
        if self._rows is None:
            count = sum(len(_starts(piece)) for _, piece in _pieces(_utf_8(self.path, self.encoding)))
            every = max(count // _SAMPLE, 1)
            self._rows = []
            number = 0
            for _, piece in _pieces(_utf_8(self.path, self.encoding)):
                starts = np.append(_starts(piece), len(piece))
                for index in range(-number % every, len(starts) - 1, every):
                    cells = self.parted(piece[starts[index] : starts[index + 1]])
                    if number + index > self.above and len(cells) == len(self.header):
                        self._rows.append(cells)
                number += len(starts) - 1
        return _cells_of(column, columns_of(self.header), self._rows)


#: What the keys of a JSON object are called: a card map has the old customer ids and card ids there.
_KEYS = "key id"
_KEY, _IS_KEY = re.compile(r'"([^"\n]*[0-9][^"\n]*)"\s*:\s*\{'), re.compile(r'[^"\n]*"\s*:\s*\{')


def _in_text(path: Path, name: str, settings: Settings) -> _Searched:
    """The card numbers in what has no columns; the fields of JSON are such."""
    is_json = path.suffix.lower() in (".json", ".jsonl", ".ndjson")
    searched = _Searched(name)
    columns: dict[str, Column] = {}

    def pieces() -> Iterator[tuple[int, bytes]]:
        for line, piece in _pieces(_utf_8(path, settings.encoding)):
            if is_json and b"\\u" in piece:
                piece = _ESCAPED.sub(lambda each: chr(int(each[1], 16)).encode("utf-8", "replace"), piece)
            yield line, piece

    def cells(column: Column) -> Iterator[str]:
        written = re.compile(rf'"{re.escape(column.header)}"\s*:\s*"?([^"\n,}}\]]*)')
        if column.header == _KEYS:
            written = _KEY
        found = (each for _, piece in pieces() for each in written.findall(_decoded(piece)))
        return itertools.islice(found, _SAMPLE)

    searched.cells = cells
    for line, piece in pieces():
        for place in card_places(piece):
            begin = max(piece.rfind(b"\n", 0, int(place)) + 1, int(place) - _AROUND)
            cut = piece[begin : int(place) + _AROUND].split(b"\n", 1)[0]
            before = _decoded(piece[begin : int(place)])
            content = _decoded(cut)
            # What is cut through is no number.
            if begin and piece[begin - 1 : begin] != b"\n":
                content = re.sub(r"^[0-9A-Za-z]+", "", content)
            column = None
            if is_json and (named := _FIELD.search(before)):
                column = columns.setdefault(named[1], columns_of([named[1]])[0])
                content = _decoded(piece[int(place) : int(place) + _AROUND]).split('"', 1)[0].split("\n", 1)[0]
            elif is_json and _IS_KEY.match(_decoded(piece[int(place) : int(place) + _AROUND])):
                column = columns.setdefault(_KEYS, columns_of([_KEYS])[0])
            at = line + piece.count(b"\n", 0, int(place))
            searched.hits += [_Hit(digits, at, column) for digits in card_numbers(content)]
    searched.columns = tuple(columns.values())
    return searched


def _in_workbook(path: Path, name: str, *, with_columns: bool) -> Iterator[_Searched]:
    """The card numbers in a workbook's cells, sheet by sheet, and what stands beside them: comments, names, properties."""
    unpacked: dict[str, bytes] = {}
    for part in package.parts_of(path):
        if part.filename.lower().endswith(_TEXT_PARTS):
            content = bytearray()
            for chunk in package.unpacked(path, part):
                content += chunk
                if len(content) > package.LARGEST:
                    raise package.damaged(path)
            if b"&#" in content:
                content = _CHARACTER.sub(
                    lambda each: html.unescape(each[0].decode()).encode("utf-8", "replace"), content
                )
            # What parts the text of a printed page's head and foot: &L, &C and &R.
            content = _HEAD_AND_FOOT.sub(b"\n", content)
            if len(card_places(bytes(content), scientific=_CELLS.fullmatch(part.filename) is not None)) or len(
                card_places(_without_tags(bytes(content)))
            ):
                unpacked[part.filename] = bytes(content)
    in_cells: set[str] = set()
    if with_columns or any(_CELLS.fullmatch(part) for part in unpacked):
        sheets = _sheets(path)
        yield _Searched(
            f"{name}, the name of a sheet",
            hits=[_Hit(digits, 0) for rows in sheets for digits in card_numbers(rows.name)],
        )
        for rows in sheets:
            searched = _in_sheet(rows, f"{name}#{rows.name}")
            in_cells |= {each.digits for each in searched.hits}
            yield searched
    beside = _Searched(f"{name}, beside the cells of its sheets")
    for part, content in unpacked.items():
        if in_cells and part.lower().startswith("xl/worksheets/"):
            content = _VALUES.sub(b"\n", content)
        lines = (*_decoded(content).splitlines(), *_decoded(_without_tags(content)).splitlines())
        found = {digits for line in lines if len(line) >= LENGTHS[0] for digits in card_numbers(line)}
        beside.hits += [_Hit(digits, 0) for digits in sorted(found - in_cells)]
    yield beside


def _sheets(path: Path) -> list[workbook.Rows]:
    """A workbook's sheets; none where it is one that is not read, and all of it stands beside them."""
    try:
        return list(workbook.sheets(path))
    except UnusableInputError:
        return []


def _without_tags(content: bytes) -> bytes:
    return _TAG.sub(b"", _TEXT_ENDS.sub(b"\n", content))


def _in_sheet(rows: workbook.Rows, name: str) -> _Searched:
    columns = columns_of(rows.rows[0])
    searched = _Searched(name, columns, cells=lambda column: _cells_of(column, columns, rows.rows[1:]))
    for number, row in zip(rows.numbers, rows.rows, strict=True):
        for position, cell in enumerate(row):
            # 4E+15 is as long a number as any.
            for digits in card_numbers(cell, whole=True) if len(cell) >= 5 else ():
                column = None if row is rows.rows[0] else _column(columns, row, position)
                searched.hits.append(_Hit(digits, number, column))
    return searched


def _utf_8(path: Path, named: str | None) -> Iterator[bytes]:
    """A file's bytes as UTF-8, or what ASCII is a part of; every line ends with a line feed."""
    with path.open("rb") as file:
        encoding = _wide(file.read(1 << 12), named)
    waiting = b""
    decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding else None
    for chunk in text.chunks(path):
        content = decoder.decode(chunk).encode() if decoder else chunk.replace(b"\0", b"") if b"\0" in chunk else chunk
        content = waiting + content
        waiting = b"\r" if content.endswith(b"\r") else b""
        content = content.removesuffix(b"\r")
        if b"\r" in content and content.count(b"\r") > content.count(b"\r\n"):
            content = _RETURN_ALONE.sub(b"\n", content)
        yield content
    if waiting:
        yield b"\n"


def _wide(start: bytes, named: str | None) -> str | None:
    """The encoding of text whose characters take two bytes or four; None where ASCII's take one."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if max(even, odd) * 4 > len(start) // 2:
        return "utf-16-be" if even > odd else "utf-16-le"
    return "utf-16" if (named or "").lower() == "utf-16" else None


def _pieces(content: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The text in pieces that end with a record, each with the number of its first line."""
    line, waiting = 1, b""
    for chunk in content:
        waiting += chunk
        end = _last_end(waiting)
        if not end:
            if len(waiting) < _LONGEST:
                continue
            end = max(waiting.rfind(each) for each in (b"\n", b",", b";", b">", b"\t")) + 1 or len(waiting)
        piece, waiting = waiting[:end], waiting[end:]
        yield line, piece
        line += _count(piece, b"\n")
    if waiting:
        yield line, waiting


def _count(content: bytes, byte: bytes) -> int:
    """How often a byte stands in others: where it does so often, numpy takes a third of what ``bytes.count`` does."""
    return int(np.count_nonzero(np.frombuffer(content, dtype=np.uint8) == byte[0]))


def _last_end(content: bytes) -> int:
    """Behind the last line feed that ends a record by the quotation marks before it; behind the last of all where some
    hundred lines before it are no end either, as a mark astray makes them."""
    last = end = content.rfind(b"\n") + 1
    is_open = _count(content[:end], b'"') % 2 == 1
    for _ in range(100):
        if not is_open or not end:
            return end
        before = content.rfind(b"\n", 0, end - 1) + 1
        is_open ^= content.count(b'"', before, end) % 2 == 1
        end = before
    return last


def _starts(piece: bytes) -> np.ndarray:
    """Where the records of a piece begin, by the line feeds outside of quotation marks."""
    view = np.frombuffer(piece, dtype=np.uint8)
    feeds = np.flatnonzero(view == ord("\n"))
    if b'"' in piece:
        feeds = feeds[np.searchsorted(np.flatnonzero(view == ord('"')), feeds) % 2 == 0]
    starts = np.concatenate([[0], feeds + 1])
    return starts[starts < len(piece)]


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _refuse(searched: _Searched, hits: Sequence[_Hit] | None = None, *, advice: bool = False) -> None:
    """Refuse what was searched for the first of its columns that holds a card number, and there for the first line."""
    hits = searched.hits if hits is None else hits
    if not hits:
        return
    first = min(hits, key=lambda each: (-1 if each.column is None else each.column.position, each.line))
    where = f"{searched.name}, line {first.line}" if first.line else searched.name
    if first.column is None or not advice:
        _stop(where)
    shown = first.column.shown
    _stop(
        f"{where}, {shown}",
        f" Where the column holds other numbers, write not_card_numbers = [{json.dumps(shown, ensure_ascii=False)}] "
        "in extract.toml.",
    )


def _stop(where: str, otherwise: str = "") -> None:
    raise UnusableInputError(
        f"FILE-CARD-NUMBER: {where} holds a payment card number: nothing was stored; "
        f"take card numbers out of the delivery and deliver again.{otherwise}"
    )
