"""From delivered bytes to a raw relation: UTF-8 text of one row for each record, with its physical line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import duckdb
import pyarrow
import pyarrow.parquet
from pydantic import BaseModel

from pelcro_pipeline.delivery import foreign, no_record, text, workbook
from pelcro_pipeline.delivery.header import is_nameless
from pelcro_pipeline.delivery.manifest import DeliveredFile
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.sources.source_map import SourceMap
from pelcro_pipeline.spec import HIDDEN, SECRETS
from pelcro_pipeline.spec.sql import literal

#: Characters of a record. DuckDB reads lines of 2,000,000 bytes, and a character has up to four.
_LONGEST_RECORD = 400_000
#: DuckDB reads every file that such a name matches.
_PATTERN = frozenset("*?[")
_BACKSLASH = re.compile(r"\\([\\\"]?)")


class Sheet(BaseModel):
    """A delivered text file, or a workbook's sheet, as UTF-8 text."""

    name: str
    delivered: Path
    path: Path
    #: The rows of a workbook know their numbers; text is scanned for them.
    numbers: list[int] | None = None
    #: Named by the first line, which then is not part of the text.
    delimiter: str | None = None
    skipped: int = 0
    hidden: bool = False
    #: A sheet without a template's headers beside others that have some: it is not read, and ``path`` is nothing.
    aside: bool = False
    #: Cells of a workbook that hold an error, or a formula without its result: row number, position, the error.
    without_value: list[tuple[int, int, str]] = []


def sheets(
    path: Path,
    into: Path,
    settings: Settings,
    source_map: SourceMap | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> Iterator[Sheet]:
    """What a delivered file holds; text that DuckDB cannot read as it stands is written into ``into``.

    An export of a legacy system can be JSON, or text with an envelope, where a map says so; ``connection`` reads the JSON.
    """
    exports = foreign.exports_of(path.name, source_map)
    if foreign.is_json(path.name) and source_map is not None:
        rows = foreign.from_json(path, _next(into), exports, connection)
        yield Sheet(name=path.name, delivered=path, path=rows.path, numbers=rows.numbers, delimiter=",")
        return
    if workbook.is_workbook(path):
        yield from _of_workbook(path, into, settings)
        return
    encoding = text.encoding_of(
        path, settings.encoding or next((each.encoding for each in exports if each.encoding), None)
    )
    as_utf_8 = path
    if encoding != "utf-8" or not _PATTERN.isdisjoint(path.name):
        as_utf_8 = _next(into)
        text.transcode(path, encoding, as_utf_8)
    for export in exports:
        if export.record_types is not None:
            rows = foreign.without_envelope(as_utf_8, _next(into), export.record_types, export.delimiter or ",")
            if rows is not None:
                yield Sheet(
                    name=path.name,
                    delivered=path,
                    path=rows.path,
                    numbers=rows.numbers,
                    delimiter=export.delimiter or ",",
                )
                return
    delimiter = text.named_delimiter(as_utf_8)
    if delimiter is None:
        yield Sheet(name=path.name, delivered=path, path=as_utf_8)
        return
    to = _next(into)
    text.without_first_line(as_utf_8, to)
    yield Sheet(name=path.name, delivered=path, path=to, delimiter=delimiter, skipped=1)


def _of_workbook(path: Path, into: Path, settings: Settings) -> Iterator[Sheet]:
    given = list(workbook.sheets(path))
    found = [(f"{path.name}#{rows.name}", rows) for rows in given if rows.name != workbook.SUMMARY]
    if len(found) < len(given) and any(tuple(rows.rows[0][:2]) == workbook.PLACE for _, rows in found):
        raise UnusableInputError(
            f"{path.name} holds the rows with findings alone: it corrects the extract that it was made of; put it into that "
            f"extract's folder as corrections.{path.name}."
        )
    found = [(name, rows) for name, rows in found if name not in settings.ignore]
    known = any(text.recognised(rows.rows[0]) for _, rows in found)
    for name, rows in found:
        if rows.name == workbook.SET_ASIDE or (known and not text.holds_header(rows.rows)):
            yield Sheet(name=name, delivered=path, path=path, numbers=rows.numbers, hidden=rows.hidden, aside=True)
            continue
        to = _next(into)
        with to.open("w", encoding="utf-8", newline="") as out:
            # Quotation marks keep a lone carriage return in its cell.
            csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows.rows)
        yield Sheet(
            name=name,
            delivered=path,
            path=to,
            numbers=rows.numbers,
            hidden=rows.hidden,
            without_value=rows.without_value,
        )


def _next(into: Path) -> Path:
    """A place for a file's text; its delivered name could be too long for one, or taken."""
    return into / f"text.{len(list(into.iterdir()))}.csv"


def in_columns(file: DeliveredFile, into: Path, connection: duckdb.DuckDBPyConnection) -> DeliveredFile:
    """The file with its records as Parquet. Raises duckdb.Error where DuckDB does not part it into these."""
    to = into / f"{file.ordinal}.records.parquet"
    connection.execute(f"COPY (FROM {file.relation()}) TO {literal(str(to))} (FORMAT parquet, COMPRESSION lz4)")
    return file.model_copy(update={"path": str(to)})


def numbered(file: DeliveredFile, sheet: Sheet, into: Path) -> DeliveredFile | None:
    """The file with the lines of its records and what had to be quarantined; None where DuckDB does not
    split its text as RFC 4180 does, or where a line of it is no record."""
    headers = [column.header for column in file.columns]
    if sheet.numbers is not None:
        if no_record.any_in(sheet.path, headers, file.delimiter):
            return None
        if file.records != len(sheet.numbers) - 1:
            return None
        return _noted(_with_lines(file, sheet.numbers[1:], into), _without_value(sheet), into)
    lines, returns_alone = text.line_feeds(sheet.path)
    # DuckDB may or may not split at one.
    if returns_alone or no_record.any_in(sheet.path, headers, file.delimiter):
        return None
    # DuckDB lets empty cells behind the last column pass, as FILE-RAGGED does: they make more delimiters.
    more = text.delimiters(sheet.path, file.delimiter) - (file.records + 1) * (len(file.columns) - 1)
    if more < 0 or (more and lines != file.records + 1):
        return None
    if lines == file.records + 1 and not sheet.skipped:
        return file
    lines, blank = text.record_lines(sheet.path)
    lines, blank = lines[1:] + sheet.skipped, blank[1:]
    if len(lines) - int(blank.sum()) != file.records:
        return None
    file = _with_lines(file, lines[~blank], into)
    return _quarantined(file, [(int(line), "FILE-BLANK", "") for line in lines[blank]], into)


def rewritten(file: DeliveredFile, sheet: Sheet, into: Path) -> DeliveredFile:
    """The file read record by record: slower, and right for whatever DuckDB refuses to split."""
    to = into / f"{file.ordinal}.records.csv"
    kept: list[int] = []
    quarantined: list[tuple[int, str, str]] = []
    notes = _without_value(sheet)
    #: What may be no record, if none follows.
    waiting: list[tuple[int, str, list[str]]] = []
    width = len(file.columns)
    escaped = _is_escaped(file, sheet)
    nameless = _trailing_nameless(file)
    # Where nothing stands under them, columns without a name need no cells either.
    needed = width - nameless if nameless and _are_empty(file, sheet, escaped, width - nameless) else width
    with to.open("w", encoding="utf-8", newline="") as out:
        # Quotation marks keep a lone carriage return in its cell.
        writer = csv.writer(out, delimiter=file.delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)

        def take(number: int, raw: str, cells: list[str]) -> None:
            if not escaped and text.is_misquoted(raw, file.delimiter):
                notes.append((number, "FILE-QUOTE", None, _shown(file, raw, cells)))
            if len(cells) < needed or any(cell.strip() for cell in cells[width:]):
                quarantined.append((number, "FILE-RAGGED", raw))
                return
            writer.writerow((cells + [""] * width)[:width])
            kept.append(number)

        for index, (line, raw, cells) in enumerate(_records(file, sheet, escaped)):
            number = sheet.numbers[index] if sheet.numbers else line + sheet.skipped
            if index == 0:
                header = cells
                # A line break in a header makes DuckDB look for that kind alone, and find no record.
                writer.writerow([column.name for column in file.columns])
            elif not any(cell.strip() for cell in cells):
                quarantined.append((number, "FILE-BLANK", ""))
            elif no_record.is_header(cells, header):
                quarantined.append((number, "FILE-NO-RECORD", raw))
            elif no_record.is_footer(cells, width):
                waiting.append((number, raw, cells))
            else:
                for each in waiting:
                    take(*each)
                waiting.clear()
                take(number, raw, cells)
        if not escaped and text.is_open_ended(raw, file.delimiter):
            raise UnusableInputError(
                f"{file.name}: a quotation mark opened in the record on line {number} is never closed: mend it and deliver again."
            )
    quarantined += [(number, "FILE-NO-RECORD", raw) for number, raw, _ in waiting]
    notes += [(number, rule, None, raw) for number, rule, raw in quarantined if rule == "FILE-NO-RECORD"]
    file = file.model_copy(update={"path": str(to), "records": len(kept)})
    return _noted(_quarantined(_with_lines(file, kept, into), quarantined, into), notes, into)


def _trailing_nameless(file: DeliveredFile) -> int:
    """How many columns without a name stand behind the last that has one."""
    return next(
        (count for count, column in enumerate(reversed(file.columns)) if not is_nameless(column.header)),
        len(file.columns),
    )


def _are_empty(file: DeliveredFile, sheet: Sheet, escaped: bool, first: int) -> bool:
    """Whether no record fills a cell from the position ``first`` on."""
    return not any(cell.strip() for _, _, cells in _records(file, sheet, escaped) for cell in cells[first:])


def _is_escaped(file: DeliveredFile, sheet: Sheet) -> bool:
    """Whether the file writes a backslash before quotation marks within a cell: all of it reads whole so, and not otherwise."""
    if sheet.numbers is not None or not text.holds(sheet.path, b'\\"'):
        return False
    return not _reads_whole(file, sheet, escaped=False) and _reads_whole(file, sheet, escaped=True)


def _reads_whole(file: DeliveredFile, sheet: Sheet, *, escaped: bool) -> bool:
    """Whether every record has the header's cells and no quotation mark astray."""
    width = len(file.columns)
    try:
        return all(
            len(cells) >= width
            and not any(cell.strip() for cell in cells[width:])
            and (escaped or not text.is_misquoted(raw, file.delimiter))
            for _, raw, cells in _records(file, sheet, escaped)
            if any(cell.strip() for cell in cells) and not no_record.is_footer(cells, width)
        )
    except (csv.Error, UnusableInputError):
        return False


def _shown(file: DeliveredFile, raw: str, cells: list[str]) -> str:
    """A record's text as a finding may show it: no password, wherever a quotation mark astray has put it."""
    secret = [column.position for column in file.columns if column.attribute in SECRETS]
    if not secret:
        return raw
    passwords = [cells[position] for position in secret if position < len(cells) and cells[position]]
    if len(cells) != len(file.columns) or any(each not in raw for each in passwords):
        return HIDDEN
    for each in passwords:
        raw = raw.replace(each, HIDDEN)
    return raw


def _without_value(sheet: Sheet) -> list[tuple[int, str, int | None, str]]:
    return [
        (number, "FILE-CELL-ERROR", position, error)
        for number, position, error in sheet.without_value
        if sheet.numbers and number > sheet.numbers[0]
    ]


def _records(file: DeliveredFile, sheet: Sheet, escaped: bool) -> Iterator[tuple[int, str, list[str]]]:
    """Each record, the header first, with its physical line in the text, its raw text and its cells.

    Raises UnusableInputError for a record longer than any, and csv.Error for one that is not written as ``escaped`` says.
    """
    line, size = 1, 0
    taken: list[str] = []

    def lines(source: TextIO) -> Iterator[str]:
        nonlocal size
        while part := source.readline(_LONGEST_RECORD + 1):
            size += len(part)
            if size > _LONGEST_RECORD:
                raise UnusableInputError(
                    f"{file.name}: the record on line {line + sheet.skipped} holds more than {_LONGEST_RECORD:,} characters, "
                    "or a quotation mark opened in it is never closed: mend it and deliver again."
                )
            taken.append(part)
            # A backslash before anything but a quotation mark or another is one.
            yield _BACKSLASH.sub(lambda each: each[0] if each[1] else r"\\", part) if escaped else part

    dialect = {"escapechar": "\\", "strict": True} if escaped else {}
    with sheet.path.open(encoding="utf-8-sig", newline="") as source:
        reader = csv.reader(lines(source), delimiter=file.delimiter, **dialect)
        for cells in reader:
            yield line, "".join(taken).rstrip("\r\n"), cells
            line, size = reader.line_num + 1, 0
            taken.clear()


def _with_lines(file: DeliveredFile, lines, into: Path) -> DeliveredFile:
    path = into / f"{file.ordinal}.lines.parquet"
    table = pyarrow.table({"line": pyarrow.array(lines, pyarrow.int64())})
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return file.model_copy(update={"lines": str(path)})


def _quarantined(file: DeliveredFile, records: list[tuple[int, str, str]], into: Path) -> DeliveredFile:
    if not records:
        return file
    path = into / f"{file.ordinal}.quarantined.parquet"
    lines, rules, texts = zip(*records, strict=True)
    table = pyarrow.table(
        {
            "line": pyarrow.array(lines, pyarrow.int64()),
            "rule": pyarrow.array(rules),
            "text": pyarrow.array(texts, pyarrow.string()),
        }
    )
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return file.model_copy(update={"quarantined": str(path), "quarantined_records": len(records)})


def _noted(file: DeliveredFile, notes: list[tuple[int, str, int | None, str]], into: Path) -> DeliveredFile:
    if not notes:
        return file
    path = into / f"{file.ordinal}.noted.parquet"
    lines, rules, positions, texts = zip(*notes, strict=True)
    table = pyarrow.table(
        {
            "line": pyarrow.array(lines, pyarrow.int64()),
            "rule": pyarrow.array(rules),
            "position": pyarrow.array(positions, pyarrow.int32()),
            "text": pyarrow.array(texts, pyarrow.string()),
        }
    )
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return file.model_copy(update={"noted": str(path)})
