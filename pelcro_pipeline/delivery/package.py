"""A workbook's package, looked at before anything parses it: a few bytes can unpack to gigabytes."""

from __future__ import annotations

import html
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from pelcro_pipeline.errors import UnusableInputError

SIGNATURE = b"PK\x03\x04"
#: Bytes of all parts unpacked, and cells of a sheet from its first to its last, empty ones between them too.
LARGEST, MOST_CELLS = 1 << 29, 20_000_000
_CHUNK = 1 << 20
#: Parts that a publisher's records never need, and that act on whoever opens them.
_ACTIVE = {"xl/vbaProject": "holds macros", "xl/externalLinks/": "takes cells from other workbooks"}
_PLACE = re.compile(rb"""<(?:\w+:)?(row|c)\b(?:[^<>]*?\sr\s*=\s*["']([A-Za-z]*)(\d+))?""")
#: A row, or a cell with what stands in it.
_CELL = re.compile(
    rb"<(?:\w+:)?(?:row\b(?P<row>[^>]*)>|c\b(?P<empty>[^>]*)/>|c\b(?P<cell>[^>]*)>(?P<content>.*?)</(?:\w+:)?c>)",
    re.DOTALL,
)
_ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
#: Without one of these no cell of the rows is looked at: most sheets have neither.
_MARKED = re.compile(rb"""<(?:\w+:)?f\b|\bt\s*=\s*["']e["']""")
_FORMULA = re.compile(rb"<(?:\w+:)?f\b")
_VALUE = re.compile(rb"<(?:\w+:)?v\b[^>]*>([^<]+)<")
_ATTRIBUTE = re.compile(rb"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b([^>]*)>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b([^>]*)>")
#: What a cell holds whose formula's result was never stored.
FORMULA = "formula"
#: What zipfile raises for bytes that are no archive.
_DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    UnicodeDecodeError,
    ValueError,
    OverflowError,
    struct.error,
    OSError,
)


def parts_of(path: Path) -> list[zipfile.ZipInfo]:
    """The parts that a package's directory names; none where the file is no package.

    Raises UnusableInputError where it began as one and is damaged.
    """
    with path.open("rb") as file:
        if file.read(len(SIGNATURE)) != SIGNATURE:
            return []
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except _DAMAGED as error:
        raise damaged(path) from error


def damaged(path: Path) -> UnusableInputError:
    """The refusal of a workbook that cannot be read."""
    return UnusableInputError(f"{path.name} is no readable workbook: save it again as XLSX.")


def refuse_hostile(path: Path, parts: list[zipfile.ZipInfo]) -> None:
    """Raise UnusableInputError where a workbook is active, or is more than can be read.

    What the directory says of sizes is believed where it is too much, and measured where it is not.
    """
    for prefix, what in _ACTIVE.items():
        if any(part.filename.startswith(prefix) for part in parts):
            raise UnusableInputError(f"{path.name} {what}: save its sheets as a plain XLSX, values alone.")
    if sum(part.file_size for part in parts) > LARGEST:
        raise _too_large(path)
    size = 0
    for part in parts:
        sheet = _Extent()
        for chunk in unpacked(path, part):
            size += len(chunk)
            sheet.add(chunk)
            if size > LARGEST or sheet.cells > MOST_CELLS:
                raise _too_large(path)


def cells_without_value(path: Path, parts: list[zipfile.ZipInfo]) -> dict[str, dict[tuple[int, int], str]]:
    """The cells of each sheet, by row and column (from 1), whose error is all that they hold, as #N/A, or whose
    formula has no result stored (``FORMULA``)."""
    by_name = {part.filename: part for part in parts}
    relations, sheets = by_name.get("xl/_rels/workbook.xml.rels"), by_name.get("xl/workbook.xml")
    if relations is None or sheets is None:
        return {}
    targets = {
        named.get("Id"): named.get("Target", "").removeprefix("/xl/")
        for tag in _RELATION.findall(b"".join(unpacked(path, relations)))
        for named in [_attributes(tag)]
    }
    found = {}
    for tag in _SHEET.findall(b"".join(unpacked(path, sheets))):
        named = _attributes(tag)
        target = targets.get(next((value for name, value in named.items() if name.endswith(":id")), None))
        part = by_name.get(f"xl/{target}")
        if part is not None and (cells := _cells_without_value(path, part)):
            found[named.get("name", "")] = cells
    return found


def _attributes(tag: bytes) -> dict[str, str]:
    return {
        name.decode(): html.unescape((one or other).decode(errors="replace"))
        for name, one, other in _ATTRIBUTE.findall(tag)
    }


def _cells_without_value(path: Path, part: zipfile.ZipInfo) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    row = column = 0
    carried = b""
    for chunk in unpacked(path, part):
        text = carried + chunk
        # A row that ends in a later chunk is looked at with that one.
        end = max(text.rfind(b"</row>"), text.rfind(b":row>"))
        if end < 0:
            carried = text
            continue
        carried = text[end:]
        if not _MARKED.search(text, 0, end):
            rows = _ROW.findall(text, 0, end)
            if rows:
                row = int(_attributes(rows[-1]).get("r") or row + len(rows))
            continue
        for each in _CELL.finditer(text, 0, end):
            if each["row"] is not None:
                row, column = int(_attributes(each["row"]).get("r") or row + 1), 0
                continue
            tag = each["empty"] if each["cell"] is None else each["cell"]
            column += 1
            if place := re.search(rb"""\br\s*=\s*["']([A-Za-z]+)\d""", tag):
                column = _number(place[1])
            content = each["content"]
            if content is None:
                continue
            kind = re.search(rb"\bt\s*=\s*[\"'](\w+)", tag)
            value = _VALUE.search(content)
            if kind and kind[1] == b"e":
                found[row, column] = value[1].decode(errors="replace") if value else "#"
            # A text that is empty is a result.
            elif value is None and _FORMULA.search(content) and not (kind and kind[1] == b"str"):
                found[row, column] = FORMULA
    return found


def _too_large(path: Path) -> UnusableInputError:
    return UnusableInputError(
        f"{path.name} unpacks to more than a workbook of records does ({LARGEST:,} bytes, or {MOST_CELLS:,} cells to a sheet): "
        "deliver it as CSV."
    )


class _Extent:
    """The cells between the first and the last that a sheet's XML names; other XML names few or none."""

    def __init__(self) -> None:
        self._rows, self._columns = (1 << 62, 0), (1 << 62, 0)
        self._row = self._column = 0
        self._carried = b""

    @property
    def cells(self) -> int:
        (top, bottom), (left, right) = self._rows, self._columns
        return max(bottom - top + 1, 0) * max(right - left + 1, 0)

    def add(self, chunk: bytes) -> None:
        """Take in the next bytes; a tag may go on in those that follow."""
        text = self._carried + chunk
        cut = text.rfind(b"<")
        self._carried = text[cut:] if cut >= 0 else b""
        for tag, letters, digits in _PLACE.findall(text[: max(cut, 0)]):
            if tag == b"row":
                self._row, self._column = int(digits or self._row + 1), 0
                continue
            self._row = int(digits or self._row)
            self._column = _number(letters) if letters else self._column + 1
            self._rows = min(self._rows[0], self._row), max(self._rows[1], self._row)
            self._columns = min(self._columns[0], self._column), max(self._columns[1], self._column)


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters[:8].upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def unpacked(path: Path, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """A part's bytes, a megabyte at a time at most: zipfile itself stops where the directory says."""
    # A damaged directory places parts before the first byte or far behind the last.
    if not 0 <= part.header_offset < path.stat().st_size:
        raise damaged(path)
    with path.open("rb") as file:
        file.seek(part.header_offset + 26)
        lengths = file.read(4)
        if len(lengths) < 4 or part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise damaged(path)
        file.seek(sum(struct.unpack("<HH", lengths)), 1)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        left = part.compress_size
        while left > 0 and (packed := file.read(min(left, _CHUNK))):
            left -= len(packed)
            if part.compress_type == zipfile.ZIP_STORED:
                yield packed
                continue
            try:
                while packed and not inflater.eof:
                    yield inflater.decompress(packed, _CHUNK)
                    packed = inflater.unconsumed_tail
            except zlib.error as error:
                raise damaged(path) from error
