"""A delivered file as UTF-8 text: its encoding, delimiter, header and physical lines."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path

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
#: What is no text, by the bytes that it begins with, and what to do with it.
_NO_TEXT = {
    b"\xd0\xcf\x11\xe0": "an Excel file of the old kind, or one with a password: save it as XLSX without a password",
    package.SIGNATURE: "a ZIP archive and no XLSX workbook: unpack it and deliver the files in it",
    b"%PDF": "a PDF: deliver the CSV or XLSX that it was made from",
    b"\x1f\x8b": "packed with gzip: unpack it",
}
# The csv module's own limit of 131,072 characters to a cell is no limit of ours.
csv.field_size_limit(1 << 30)


def chunks(path: Path) -> Iterator[bytes]:
    """The file's bytes, 1 MB at a time: what numpy makes of them stays in the processor's cache."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def encoding_of(path: Path, named: str | None = None) -> str:
    """The Python codec that the whole file decodes by: the one ``named``, or the one told.

    UTF-8 (with or without BOM) and UTF-16 are told by their bytes; what is neither is Windows-1252.
    Raises UnusableInputError, with the byte offset, for a file that is no text.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise UnusableInputError(f"{path.name} is empty (zero bytes): deliver it again.")
    for signature, what in _NO_TEXT.items():
        if start.startswith(signature):
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
    except UnusableInputError:
        if b"\0" in start:
            raise
        return _decodes(path, "cp1252")


def _decodes(path: Path, encoding: str) -> str:
    # The decoder that takes a BOM away would count offsets from behind it.
    decoder = codecs.getincrementaldecoder(encoding.removesuffix("-sig"))()
    offset = 0
    try:
        for chunk in chunks(path):
            text = decoder.decode(chunk)
            if "\0" in text if encoding.startswith("utf-16") else b"\0" in chunk:
                at = offset + max(chunk.find(b"\0"), 0)
                raise UnusableInputError(f"{path.name} is not text (a zero byte at offset {at}): deliver CSV or XLSX.")
            offset += len(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        at = offset + (error.start if isinstance(error, UnicodeDecodeError) else 0)
        raise UnusableInputError(
            f"{path.name} is not text in {'any encoding we know' if encoding == 'cp1252' else encoding} (byte offset {at}): "
            "deliver it as UTF-8, or name its encoding in extract.toml."
        ) from error
    return encoding


def transcode(path: Path, encoding: str, to: Path) -> None:
    """Write ``path`` to ``to`` as UTF-8 without BOM, line ends untouched."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with to.open("wb") as out:
        for chunk in chunks(path):
            out.write(decoder.decode(chunk).encode())
        out.write(decoder.decode(b"", final=True).encode())


def header_of(path: Path, name: str, delimiter: str | None) -> tuple[str, list[str], bool]:
    """The delimiter and the header cells of a UTF-8 file, and whether they are one line in the form of RFC 4180.

    The delimiter is the one under which most header cells are template attributes. Raises
    UnusableInputError for a header that is longer than any, or in which a quotation mark is left open.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        start = file.read(_HEADER_SIZE)
    readings, ends = {}, {}
    for candidate in (delimiter,) if delimiter else DELIMITERS:
        stream = io.StringIO(start, newline="")
        readings[candidate] = next(csv.reader(stream, delimiter=candidate), [])
        ends[candidate] = stream.tell()
    best = max(
        readings,
        key=lambda each: (
            sum(attribute_of(cell) is not None for cell in readings[each]),
            len(readings[each]),
        ),
    )
    raw = start[: ends[best]]
    if wrong := _wrong_in_header(readings[best], raw, best):
        raise UnusableInputError(f"{name}: {wrong}: mend it and deliver again.")
    return best, readings[best], _is_one_line(raw, best)


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
    try:
        list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return "\n" not in line and "\r" not in line


def is_open_ended(raw: str, delimiter: str) -> bool:
    """Whether a quotation mark is left open at the end of a record."""
    try:
        list(csv.reader(io.StringIO(raw, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
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
