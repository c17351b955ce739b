"""A delivered file as UTF-8 text: its encoding, delimiter, header and physical lines."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pelcro_pipeline.delivery.header import attribute_of
from pelcro_pipeline.errors import UnusableInputError

DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 1 << 24
_HEADER_SIZE = 1 << 20


def chunks(path: Path) -> Iterator[bytes]:
    """The file's bytes, 16 MB at a time."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


#: The encodings that extract.toml can name, as Python knows them.
_NAMED = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "windows-1252": "cp1252"}


def encoding_of(path: Path, named: str | None = None) -> str:
    """The Python codec that the whole file decodes by: the one ``named``, or the one told.

    UTF-8 (with or without BOM) and UTF-16 are told by their bytes; what is neither is Windows-1252.
    Raises UnusableInputError, with the byte offset, for a file that is no text.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise UnusableInputError(f"{path.name} is empty (zero bytes): deliver it again.")
    if named is not None:
        return _decodes(path, _NAMED[named.lower()])
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decodes(path, "utf-16")
    if start[1:2] == b"\0" and start[3:4] == b"\0":
        return _decodes(path, "utf-16-le")
    if start[0:1] == b"\0" and start[2:3] == b"\0":
        return _decodes(path, "utf-16-be")
    try:
        return _decodes(path, "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8")
    except UnusableInputError:
        if b"\0" in start:
            raise
        return _decodes(path, "cp1252")


def _decodes(path: Path, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder(encoding)()
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


def header_of(path: Path, delimiter: str | None) -> tuple[str, list[str]]:
    """The delimiter and the header cells of a UTF-8 file.

    The delimiter is the one under which most header cells are template attributes.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        start = file.read(_HEADER_SIZE)
    readings = {}
    for candidate in (delimiter,) if delimiter else DELIMITERS:
        header = next(csv.reader(io.StringIO(start, newline=""), delimiter=candidate), [])
        readings[candidate] = header
    best = max(
        readings,
        key=lambda each: (
            sum(attribute_of(cell) is not None for cell in readings[each]),
            len(readings[each]),
        ),
    )
    return best, readings[best]


def line_feeds(path: Path) -> int:
    """How many lines the file has, the last with or without a line feed."""
    count, last = 0, b""
    for chunk in chunks(path):
        count += chunk.count(b"\n")
        last = chunk
    return count + (not last.endswith(b"\n"))


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
