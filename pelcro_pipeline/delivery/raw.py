"""From delivered bytes to a raw relation: UTF-8 text of one row for each record, with its physical line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pyarrow
import pyarrow.parquet
from pydantic import BaseModel

from pelcro_pipeline.delivery import text, workbook
from pelcro_pipeline.delivery.manifest import DeliveredFile
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import Settings

#: Characters of a record. DuckDB reads lines of 2,000,000 bytes, and a character has up to four.
_LONGEST_RECORD = 400_000
#: DuckDB reads every file that such a name matches.
_PATTERN = frozenset("*?[")


class Sheet(BaseModel):
    """A delivered text file, or a workbook's sheet, as UTF-8 text."""

    name: str
    delivered: Path
    path: Path
    #: The rows of a workbook know their numbers; text is scanned for them.
    numbers: list[int] | None = None


def sheets(path: Path, into: Path, settings: Settings) -> Iterator[Sheet]:
    """What a delivered file holds; text that DuckDB cannot read as it stands is written into ``into``."""
    if workbook.is_workbook(path):
        for name, rows in workbook.sheets(path):
            to = _next(into)
            with to.open("w", encoding="utf-8", newline="") as out:
                # Quotation marks keep a lone carriage return in its cell.
                writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
                numbers = [number for number, row in rows if writer.writerow(row)]
            yield Sheet(name=f"{path.name}#{name}", delivered=path, path=to, numbers=numbers)
        return
    encoding = text.encoding_of(path, settings.encoding)
    if encoding == "utf-8" and _PATTERN.isdisjoint(path.name):
        yield Sheet(name=path.name, delivered=path, path=path)
        return
    to = _next(into)
    text.transcode(path, encoding, to)
    yield Sheet(name=path.name, delivered=path, path=to)


def _next(into: Path) -> Path:
    """A place for a file's text; its delivered name could be too long for one, or taken."""
    return into / f"text.{len(list(into.iterdir()))}.csv"


def numbered(file: DeliveredFile, sheet: Sheet, into: Path) -> DeliveredFile | None:
    """The file with the lines of its records and what had to be quarantined; None where DuckDB does not
    split its text as RFC 4180 does."""
    if sheet.numbers is not None:
        return _with_lines(file, sheet.numbers[1:], into) if file.records == len(sheet.numbers) - 1 else None
    lines, returns_alone = text.line_feeds(sheet.path)
    # DuckDB may or may not split at one.
    if returns_alone:
        return None
    # FILE-RAGGED: DuckDB lets empty cells behind the last column pass.
    if text.delimiters(sheet.path, file.delimiter) != (file.records + 1) * (len(file.columns) - 1):
        return None
    if lines == file.records + 1:
        return file
    lines, blank = text.record_lines(sheet.path)
    lines, blank = lines[1:], blank[1:]
    if len(lines) - int(blank.sum()) != file.records:
        return None
    file = _with_lines(file, lines[~blank], into)
    return _quarantined(file, [(int(line), "FILE-BLANK", "") for line in lines[blank]], into)


def rewritten(file: DeliveredFile, sheet: Sheet, into: Path) -> DeliveredFile:
    """The file read record by record: slower, and right for whatever DuckDB refuses to split."""
    to = into / f"{file.ordinal}.records.csv"
    numbers, quarantined = [], []
    width = len(file.columns)
    with (
        sheet.path.open(encoding="utf-8-sig", newline="") as source,
        to.open("w", encoding="utf-8", newline="") as out,
    ):
        # Quotation marks keep a lone carriage return in its cell.
        writer = csv.writer(out, delimiter=file.delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for index, (line, raw, cells) in enumerate(_records(source, file)):
            number = sheet.numbers[index] if sheet.numbers else line
            if index == 0:
                # A line break in a header makes DuckDB look for that kind alone, and find no record.
                writer.writerow([column.name for column in file.columns])
            elif not any(cell.strip() for cell in cells):
                quarantined.append((number, "FILE-BLANK", ""))
            elif len(cells) != width:
                quarantined.append((number, "FILE-RAGGED", raw))
            else:
                writer.writerow(cells)
                numbers.append(number)
        if text.is_open_ended(raw, file.delimiter):
            raise UnusableInputError(
                f"{file.name}: a quotation mark opened in the record on line {number} is never closed: mend it and deliver again."
            )
    file = file.model_copy(update={"path": str(to), "records": len(numbers)})
    return _quarantined(_with_lines(file, numbers, into), quarantined, into)


def _records(source: TextIO, file: DeliveredFile) -> Iterator[tuple[int, str, list[str]]]:
    """Each record with its physical line, its raw text and its cells."""
    line, size = 1, 0
    taken: list[str] = []

    def lines() -> Iterator[str]:
        nonlocal size
        while part := source.readline(_LONGEST_RECORD + 1):
            size += len(part)
            if size > _LONGEST_RECORD:
                raise UnusableInputError(
                    f"{file.name}: the record on line {line} holds more than {_LONGEST_RECORD:,} characters, "
                    "or a quotation mark opened in it is never closed: mend it and deliver again."
                )
            taken.append(part)
            yield part

    reader = csv.reader(lines(), delimiter=file.delimiter)
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
