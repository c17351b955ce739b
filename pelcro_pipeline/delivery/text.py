"""A delivered file as UTF-8 text: its encoding, delimiter, header and physical lines."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pelcro_pipeline.delivery import package
from pelcro_pipeline.delivery.header import attribute_of
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import DELIMITERS, ENCODINGS

_CHUNK = 1 << 20
#: Characters. The templates together take 3,000.
_HEADER_SIZE, _HEADER_CELL_SIZE = 1 << 20, 1_000
#: The templates together have 82. What judges 2,000 of metadata takes 20 seconds, and four times that for twice as many.
_MOST_COLUMNS = 2_000
#: Lines below the first that a header is looked for on.
_HEADER_LINES = 20
#: Characters of the line that spreadsheets write above the header to name the delimiter.
_NAMED_DELIMITER = re.compile(r"""\ufeff?"?sep=([^\w\s"]|\t)"?\r?(?:\n|$)""", re.ASCII | re.IGNORECASE)
#: Bytes of a file's start that tell what it is.
_START = 512
#: What is no text, by the bytes that it begins with, and what to do with it.
_NO_TEXT = {
    b"\xd0\xcf\x11\xe0": "an Excel file of the old kind, or one with a password: save it as XLSX without a password",
    package.SIGNATURE: "a ZIP archive and no XLSX workbook: unpack it and deliver the files in it",
    b"%PDF": "a PDF: deliver the CSV or XLSX that it was made from",
    b"\x1f\x8b": "packed with gzip: unpack it",
}
#: The same for text that holds no records, in small letters.
_NO_RECORDS = dict.fromkeys(
    (b"<!doctype html", b"<html", b"<head", b"<body", b"<meta", b"<style", b"<table", b"<div"),
    "an HTML page, whatever its name says: open it in a spreadsheet and save it as XLSX or CSV, "
    "or export it again where it is the page of a failed download",
) | {
    b"<?xml": "an XML file, whatever its name says: open it in a spreadsheet and save it as XLSX or CSV",
    b"mime-version:": "a web archive, whatever its name says: open it in a spreadsheet and save it as XLSX or CSV",
}
_LOCK = (
    "the lock file of a spreadsheet that was open, and no workbook: close the spreadsheet and deliver the file itself"
)
#: Characters of several bytes, as UTF-8 has them: nearly no text of another encoding does.
_UTF_8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# The csv module's own limit of 131,072 characters to a cell is no limit of ours.
csv.field_size_limit(1 << 30)


def chunks(path: Path) -> Iterator[bytes]:
    """The file's bytes, 1 MB at a time: what numpy makes of them stays in the processor's cache."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def encoding_of(path: Path, named: str | None = None) -> str:
    """The Python codec that the whole file decodes by: the one ``named``, or the one told.

    UTF-8 (with or without BOM) and UTF-16 are told by their bytes; what is neither is Windows-1252, unless some of
    it is UTF-8. Raises UnusableInputError, with line and byte offset, for a file that is no text.
    """
    with path.open("rb") as file:
        start = file.read(_START)
    if not start:
        raise UnusableInputError(f"{path.name} is empty (zero bytes): deliver it again.")
    if what := _no_text(start, path.stat().st_size):
        raise UnusableInputError(f"{path.name} is {what}, or name it under ignore in extract.toml.")
    if named is not None:
        return _decodes(path, ENCODINGS[named.lower()])
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decodes(path, "utf-16")
    if start[1:2] == b"\0" and start[3:4] == b"\0":
        return _decodes(path, "utf-16-le")
    if start[0:1] == b"\0" and start[2:3] == b"\0":
        return _decodes(path, "utf-16-be")
    if start.startswith(codecs.BOM_UTF8):
        return _decodes(path, "utf-8-sig")
    try:
        return _decodes(path, "utf-8")
    except UnusableInputError as error:
        if b"\0" in start[:4]:
            raise
        encoding = _decodes(path, "cp1252")
        if not _holds_utf_8(path):
            return encoding
        raise UnusableInputError(
            f"{path.name} is UTF-8 in part, and {_no_utf_8(path)} is none: save all of it as UTF-8 and deliver again. "
            'If all files are Windows-1252, write encoding = "windows-1252" in extract.toml.'
        ) from error


def _no_text(start: bytes, size: int) -> str | None:
    """What a file is that holds no records, by its first bytes, and what to do with it."""
    readable = start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    by_start = ((start, _NO_TEXT), (readable, _NO_RECORDS))
    found = [what for text, known in by_start for signature, what in known.items() if text.startswith(signature)]
    # Excel's holds its user's name twice, each behind its length; LibreOffice's one line that ends in a place.
    length = start[0]
    excel = size < 400 and 0 < length < 55 and start[55:56] == start[:1] and not start[1 + length : 55].strip(b" ")
    if excel or (size < _START and b"file://" in start and start.rstrip().endswith(b";")):
        return _LOCK
    return found[0] if found else None


def _holds_utf_8(path: Path) -> bool:
    carried = b""
    for chunk in chunks(path):
        if _UTF_8.search(carried + chunk):
            return True
        carried = chunk[-3:]
    return False


def _no_utf_8(path: Path) -> str:
    """Where the first byte stands that is no UTF-8."""
    decoder, offset = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            waiting = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                at = offset - waiting + error.start
                return f"what stands on line {line_of(path, at)} at byte offset {at}"
            offset += len(chunk)


def line_of(path: Path, offset: int) -> int:
    """The physical line of a byte, in any encoding that ASCII is a part of."""
    line, left = 1, offset
    for chunk in chunks(path):
        line += chunk[:left].count(b"\n")
        left -= len(chunk)
        if left <= 0:
            break
    return line


def _decodes(path: Path, encoding: str) -> str:
    # The decoder that takes a BOM away would count offsets from behind it.
    decoder = codecs.getincrementaldecoder(encoding.removesuffix("-sig"))()
    offset = waiting = 0
    try:
        for chunk in chunks(path):
            waiting = len(decoder.getstate()[0])
            text = decoder.decode(chunk)
            if "\0" in text if encoding.startswith("utf-16") else b"\0" in chunk:
                at = offset + max(chunk.find(b"\0"), 0)
                raise UnusableInputError(
                    f"{path.name} is not text (a zero byte at offset {at}){_on_line(path, at, encoding)}: deliver CSV or XLSX."
                )
            offset += len(chunk)
        waiting = len(decoder.getstate()[0])
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        at = offset + (error.start - waiting if isinstance(error, UnicodeDecodeError) else 0)
        raise UnusableInputError(
            f"{path.name} is not text in {'any encoding we know' if encoding == 'cp1252' else encoding} (byte offset {at})"
            f"{_on_line(path, at, encoding)}: deliver it as UTF-8, or name its encoding in extract.toml."
        ) from error
    return encoding


def _on_line(path: Path, offset: int, encoding: str) -> str:
    return "" if encoding.startswith("utf-16") else f" on line {line_of(path, offset)}"


def transcode(path: Path, encoding: str, to: Path) -> None:
    """Write ``path`` to ``to`` as UTF-8 without BOM, line ends untouched."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with to.open("wb") as out:
        for chunk in chunks(path):
            out.write(decoder.decode(chunk).encode())
        out.write(decoder.decode(b"", final=True).encode())


class Header(NamedTuple):
    """A file's header, its delimiter, and whether it is one line in the form of RFC 4180."""

    delimiter: str
    cells: list[str]
    one_line: bool


def header_of(path: Path, name: str, delimiter: str | None) -> Header:
    """The header of a UTF-8 file.

    The delimiter is the one under which most header cells are template attributes. Raises
    UnusableInputError for a header that is longer than any, or in which a quotation mark is left open.
    """
    best, cells, raw = header_in(_text(path), delimiter)
    if wrong := _wrong_in_header(cells, raw, best):
        raise UnusableInputError(f"{name}: {wrong}: mend it and deliver again.")
    return Header(best, cells, _is_one_line(raw, best))


def header_in(start: str, delimiter: str | None) -> tuple[str, list[str], str]:
    """The delimiter under which most cells of a text's first record are template attributes; these cells, and their text."""
    readings, ends = {}, {}
    for candidate in (delimiter,) if delimiter else DELIMITERS:
        stream = io.StringIO(start, newline="")
        readings[candidate] = next(csv.reader(stream, delimiter=candidate), [])
        ends[candidate] = stream.tell()
    best = max(readings, key=lambda each: (recognised(readings[each]), len(readings[each])))
    return best, readings[best], start[: ends[best]]


def line_of_header(path: Path, delimiter: str | None) -> tuple[int, int, list[str]] | None:
    """Number (from 0), physical line and cells of the record, among the first ones, that has most template headers; none has any: None."""
    start = _text(path)
    found = []
    for candidate in (delimiter,) if delimiter else DELIMITERS:
        reader = csv.reader(io.StringIO(start, newline=""), delimiter=candidate)
        line = 1
        for record, cells in enumerate(itertools.islice(reader, _HEADER_LINES + 1)):
            found.append((recognised(cells), -record, line, cells))
            line = reader.line_num + 1
    most, record, line, cells = max(found, key=lambda each: each[:2], default=(0, 0, 0, []))
    return (-record, line, cells) if most else None


def _text(path: Path) -> str:
    """The start of a UTF-8 file, where its header stands."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return file.read(_HEADER_SIZE)


def recognised(header: list[str]) -> int:
    """How many cells name an attribute."""
    return sum(attribute_of(cell) is not None for cell in header)


def holds_header(rows: list[list[str]]) -> bool:
    """Whether one of a sheet's first rows is a header; below the first it must name more than one attribute.

    A sheet that explains the columns names one in each row.
    """
    return bool(recognised(rows[0])) or any(recognised(cells) > 1 for cells in rows[1 : _HEADER_LINES + 1])


def named_delimiter(path: Path) -> str | None:
    """The delimiter that the first line of a UTF-8 file names (``sep=;``), where it names one."""
    return delimiter_named_in(_text(path)[:12])


def delimiter_named_in(start: str) -> str | None:
    """The same of a text's first characters."""
    named = _NAMED_DELIMITER.match(start)
    return named[1] if named else None


def without_first_line(path: Path, to: Path) -> None:
    """Write all but the first line of ``path`` to ``to``."""
    with path.open("rb") as source, to.open("wb") as out:
        source.readline()
        shutil.copyfileobj(source, out, _CHUNK)


def _wrong_in_header(header: list[str], raw: str, delimiter: str) -> str | None:
    if len(raw) == _HEADER_SIZE:
        return f"the header holds more than {_HEADER_SIZE:,} characters, or a quotation mark is left open in it"
    if len(header) > _MOST_COLUMNS:
        return f"the header has {len(header):,} columns, and {_MOST_COLUMNS:,} can be read"
    # A mark that a later record's closes has swallowed the lines between them.
    swallowed = any(delimiter in cell and "\n" in cell for cell in header)
    if swallowed or is_open_ended(raw, delimiter):
        return "a quotation mark opened in the header is never closed"
    if any(len(cell) > _HEADER_CELL_SIZE for cell in header):
        return f"a header holds more than {_HEADER_CELL_SIZE:,} characters"
    return None


def _is_one_line(raw: str, delimiter: str) -> bool:
    line = raw.rstrip("\r\n")
    return "\n" not in line and "\r" not in line and not _misquoting(line, delimiter)


def is_open_ended(raw: str, delimiter: str) -> bool:
    """Whether a quotation mark is left open at the end of a record."""
    return "unexpected end" in _misquoting(raw, delimiter)


def is_misquoted(raw: str, delimiter: str) -> bool:
    """Whether text stands behind a closing quotation mark of a record, or a quotation mark inside a quoted cell."""
    return '"' in raw and "expected after" in _misquoting(raw, delimiter)


def _misquoting(raw: str, delimiter: str) -> str:
    """What the csv module says of a record that is not written in the form of RFC 4180; nothing where it is."""
    try:
        list(csv.reader(io.StringIO(raw, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return str(error)
    return ""


def holds(path: Path, text: bytes) -> bool:
    """Whether a file's bytes hold others."""
    carried = b""
    for chunk in chunks(path):
        if text in carried + chunk:
            return True
        carried = chunk[1 - len(text) :]
    return False


def line_feeds(path: Path) -> tuple[int, bool]:
    """How many lines the file has, the last with or without a line feed; whether a carriage return stands alone."""
    count, last, alone = 0, b"\n", False
    for chunk in chunks(path):
        count += chunk.count(b"\n")
        alone |= last.endswith(b"\r") and not chunk.startswith(b"\n")
        # Looking for one costs a tenth of counting them, and most files have none.
        if not alone and b"\r" in chunk:
            alone = chunk.count(b"\r") - chunk.endswith(b"\r") > chunk.count(b"\r\n")
        last = chunk
    return count + (not last.endswith(b"\n")), alone or last.endswith(b"\r")


def delimiters(path: Path, delimiter: str) -> int:
    """How many delimiters stand outside quotation marks, by the quotes that RFC 4180 knows."""
    outside, quoted = 0, False
    for chunk in chunks(path):
        view = np.frombuffer(chunk, dtype=np.uint8)
        marks = np.flatnonzero(view == ord('"'))
        runs = np.add.reduceat((view == ord(delimiter)).view(np.int8), np.insert(marks, 0, 0), dtype=np.int64)
        outside += int(runs[int(quoted) :: 2].sum())
        quoted ^= len(marks) % 2 == 1
    return outside


def record_lines(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Physical line (header 1) of each record, and whether the record is a blank line.

    Vectorised; right for quotes that RFC 4180 knows, which the caller checks by comparing the count
    of records with DuckDB's.
    """
    ends, lines = _line_ends(path)
    return np.concatenate([[1], lines[:-1] + 1]), _blank(path, ends)


def record_starts(path: Path, *, one_line_each: bool) -> tuple[np.ndarray, np.ndarray]:
    """Byte offset of each record, the header's first, and whether the record is a blank line.

    ``one_line_each``: no record has a line feed within, whatever quotation marks stand in it.
    """
    ends, _ = _line_ends(path, quotes_matter=not one_line_each)
    return np.concatenate([[0], ends[:-1] + 1]), _blank(path, ends)


def _blank(path: Path, ends: np.ndarray) -> np.ndarray:
    lengths = np.diff(ends, prepend=-1) - 1
    blank = lengths <= 0
    with path.open("rb") as file:
        for index in np.flatnonzero(lengths == 1):
            file.seek(int(ends[index]) - 1)
            blank[index] = file.read(1) == b"\r"
    return blank


def _line_ends(path: Path, *, quotes_matter: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Byte offsets of the line feeds that end records, and the physical lines that they end."""
    offset = line = quotes = 0
    ends, lines = [], []
    last = b""
    for chunk in chunks(path):
        view = np.frombuffer(chunk, dtype=np.uint8)
        feeds = np.flatnonzero(view == 10)
        marks = np.flatnonzero(view == 34)
        before = np.searchsorted(marks, feeds) + quotes
        ending = (before % 2 == 0) | (not quotes_matter)
        ends.append(feeds[ending] + offset)
        lines.append(np.flatnonzero(ending) + line + 1)
        offset, line, quotes, last = (
            offset + len(chunk),
            line + len(feeds),
            quotes + len(marks),
            chunk,
        )
    if not last.endswith(b"\n"):
        ends.append(np.array([offset]))
        lines.append(np.array([line + 1]))
    return np.concatenate(ends).astype(np.int64), np.concatenate(lines).astype(np.int64)
