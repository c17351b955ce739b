"""Corrections: cells that stand instead of delivered ones, by file and line, before anything is told or converted.

A file of corrections stands in the extract's folder beside the delivered files. It is an annotated file that holds the
rows with findings alone (``analysis.annotation``), in which cells were changed; or a table of the columns ``file, line,
attribute, value``, as CSV or as a sheet. Of several, the last by name wins. A cell that says what was delivered corrects
nothing, so that a copy of the workbook that nobody touched takes nothing back.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow

from pelcro_pipeline.delivery import records, text, workbook
from pelcro_pipeline.delivery.header import attribute_of
from pelcro_pipeline.delivery.manifest import DeliveredFile
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import DELIMITERS, Settings
from pelcro_pipeline.spec.sql import literal

#: What a file of corrections can be called: an extract can have several.
FILES = ("corrections*.csv", "corrections*.xlsx")
COLUMNS = (*workbook.PLACE, "attribute", "value")
#: What stands before the digest on an annotated file's sheet of findings.
DIGEST = "Digest of the delivered file"
#: Characters that a cell of a spreadsheet can hold.
LONGEST = 32_767
#: Spreadsheets write line breaks in their own way, and cut what is longer than a cell: neither is a correction.
_SAID = f"""CREATE OR REPLACE TEMP MACRO said(cell) AS
    coalesce(trim_to_null(regexp_replace(left(cell, {LONGEST}), '\\r\\n?', chr(10), 'g')), '')"""


@dataclass(frozen=True)
class _Row:
    """A row of a file of corrections, and where it stands, for a person who has to mend it."""

    place: str
    cells: Sequence[str]


@dataclass(frozen=True)
class _Block:
    """Cells that a file of corrections gives for one delivered file: on each line, one for each position."""

    file: DeliveredFile
    positions: list[int]
    lines: list[int]
    cells: list[list[str]]


def given(folder: Path, settings: Settings) -> list[Path]:
    """The files of corrections that stand in a delivered folder, by name."""
    found = {path for pattern in FILES for path in folder.glob(pattern) if path.is_file()}
    return sorted(path for path in found if path.name not in settings.ignore)


def digest(file: DeliveredFile) -> str:
    """What says that an annotated file was made of exactly this delivered one: its lines are the same records."""
    with Path(file.delivered).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def laid_over(
    files: Sequence[DeliveredFile], paths: Sequence[Path], into: Path, connection: duckdb.DuckDBPyConnection
) -> list[DeliveredFile]:
    """The files, and where a cell is corrected the file with its text rewritten into ``into``, its corrections beside it.

    Raises UnusableInputError where a file of corrections cannot be read, was made of another delivery, names a file, line
    or column that was not delivered, or says two things of one cell.
    """
    if not paths:
        return list(files)
    connection.execute(_SAID)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE correction
        (ordinal BIGINT, source BIGINT, record BIGINT, line BIGINT, position BIGINT, value VARCHAR)"""
    )
    for source, path in enumerate(paths):
        for block in _blocks(path, files):
            _add(block, source, path.name, connection)
        _refuse_contradictions(path.name, source, files, connection)
    corrected = {ordinal for (ordinal,) in connection.execute("SELECT DISTINCT ordinal FROM correction").fetchall()}
    return [_rewritten(file, into, connection) if file.ordinal in corrected else file for file in files]


def _blocks(path: Path, files: Sequence[DeliveredFile]) -> Iterator[_Block]:
    by_name = {file.name: file for file in files}
    sheets = list(workbook.sheets(path)) if workbook.is_workbook(path) else []
    digests = [row[1] for sheet in sheets if sheet.name == workbook.SUMMARY for row in sheet.rows if row[0] == DIGEST]
    for header, *rows in _of_workbook(path, sheets) if sheets else [_of_csv(path)]:
        names = tuple(header.cells)
        if names == COLUMNS:
            yield from _of_list(rows, by_name)
        elif names[: len(workbook.PLACE)] == workbook.PLACE and digests:
            yield from _of_annotated(path, header, rows, by_name, digests)
        elif names[: len(workbook.PLACE)] == workbook.PLACE:
            raise UnusableInputError(
                f"{path.name} lacks the sheet {workbook.SUMMARY}, which says what it was made of: hand the workbook back whole, "
                f"or as a table of the columns {', '.join(COLUMNS)}."
            )
        else:
            raise UnusableInputError(
                f"{header.place} does not begin with the columns {' and '.join(workbook.PLACE)}, as corrections do: a workbook that "
                f"holds a file whole is delivered as the next extract; else give {', '.join(COLUMNS)}."
            )


def _of_workbook(path: Path, sheets: Iterable[workbook.Rows]) -> Iterator[list[_Row]]:
    """The sheets of corrections: each its header, and the rows that say anything."""
    for sheet in sheets:
        if sheet.name not in (workbook.SUMMARY, workbook.SET_ASIDE):
            numbered = zip(sheet.numbers, sheet.rows, strict=True)
            yield [_Row(f"{path.name}#{sheet.name}, row {number}", cells) for number, cells in numbered if any(cells)]


def _of_csv(path: Path) -> list[_Row]:
    """The header of a CSV file, and the rows that say anything."""
    content = path.read_bytes().decode(text.encoding_of(path))
    first = content.split("\n", 1)[0].strip().strip("\ufeff").replace('"', "")
    delimiter = next((each for each in DELIMITERS if first.split(each) == list(COLUMNS)), ",")
    reader = csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    rows, line = [], 1
    for cells in reader:
        if any(cells):
            rows.append(_Row(f"{path.name}, line {line}", cells))
        line = reader.line_num + 1
    return rows or [_Row(path.name, ())]


def _of_list(rows: Iterable[_Row], by_name: dict[str, DeliveredFile]) -> Iterator[_Block]:
    """Rows of ``COLUMNS``, a cell each."""
    blocks: dict[tuple[str, int], _Block] = {}
    for row in rows:
        if len(row.cells) != len(COLUMNS):
            raise UnusableInputError(f"{row.place} has {len(row.cells)} cells: give {', '.join(COLUMNS)}.")
        name, line, attribute, value = row.cells
        file = _file(row, name, by_name)
        position = _position(row, file, attribute)
        if len(value) > LONGEST or "\0" in value:
            raise UnusableInputError(
                f"{row.place}: the value is none that a cell can hold: give text of at most {LONGEST:,} characters."
            )
        block = blocks.setdefault((file.name, position), _Block(file, [position], [], []))
        block.lines.append(_line(row, line))
        block.cells.append([value])
    yield from blocks.values()


def _position(row: _Row, file: DeliveredFile, attribute: str) -> int:
    """The position of the one column that a correction names by header or attribute."""
    named = [column for column in file.columns if column.header.strip() == attribute.strip()]
    named = named or list(file.columns_of(attribute_of(attribute) or ""))
    if len(named) != 1:
        many = f"{len(named)} columns" if named else "no column"
        raise UnusableInputError(
            f"{row.place}: {file.name} has {many} {attribute}: write the header of one of its columns, or correct the file itself."
        )
    return named[0].position


def _of_annotated(
    path: Path, header: _Row, rows: Iterable[_Row], by_name: dict[str, DeliveredFile], digests: list[str]
) -> Iterator[_Block]:
    """Rows of an annotated file: its place, then a cell for each column of the delivered file."""
    by_file: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_file[_file(row, row.cells[0], by_name).name].append(row)
    for name, own in by_file.items():
        file = by_name[name]
        if digest(file) not in digests:
            raise UnusableInputError(
                f"{path.name} was made of another {name} than stands here, and its lines may be other records: run "
                "`pelcro-pipeline annotate` on this extract, and correct what that writes."
            )
        places = _places(header, file)
        yield _Block(
            file,
            list(places.values()),
            [_line(row, row.cells[1]) for row in own],
            [[row.cells[at] for at in places] for row in own],
        )


def _places(header: _Row, file: DeliveredFile) -> dict[int, int]:
    """Where a sheet has the columns of a file: positions in it by positions in the sheet; one header can stand twice."""
    left = defaultdict(list)
    for column in file.columns:
        left[_folded(column.header)].append(column.position)
    places = {}
    for at, name in enumerate(header.cells[len(workbook.PLACE) :], len(workbook.PLACE)):
        if left[_folded(name)]:
            places[at] = left[_folded(name)].pop(0)
        elif name.strip():
            raise UnusableInputError(f"{header.place}: {file.name} has no column {name}: take the column out.")
    return places


def _folded(header: str) -> str:
    return " ".join(header.split())


def _file(row: _Row, name: str, by_name: dict[str, DeliveredFile]) -> DeliveredFile:
    if name not in by_name:
        raise UnusableInputError(
            f"{row.place} names the file {name!r}, which was not delivered: write {_any_of(by_name)}."
        )
    return by_name[name]


def _any_of(names: Iterable[str]) -> str:
    return " or ".join(names)


def _line(row: _Row, line: str) -> int:
    if not (line.isascii() and line.isdecimal() and len(line) < 19):
        raise UnusableInputError(f"{row.place} names the line {line!r}: write the number that the findings give.")
    return int(line)


def _add(block: _Block, source: int, name: str, connection: duckdb.DuckDBPyConnection) -> None:
    """Take those of a block's cells into ``correction`` that say something else than was delivered."""
    file = block.file
    table = {
        "line": pyarrow.array(block.lines, pyarrow.int64()),
        "cells": pyarrow.array(block.cells, pyarrow.list_(pyarrow.string())),
    }
    connection.register("given", pyarrow.table(table))
    unknown = connection.execute(
        f"SELECT min(line) FROM given ANTI JOIN ({records.lines(file)}) AS lines USING (line)"
    ).fetchall()[0][0]
    if unknown is not None:
        raise UnusableInputError(
            f"{name} corrects line {unknown} of {file.name}, on which no record begins: write the line that the findings give; "
            "a line that cannot be parted into its cells is mended in the file itself."
        )
    delivered = ", ".join(column.name for column in file.columns)
    connection.execute(
        f"""INSERT INTO correction
        SELECT DISTINCT {file.ordinal}, {source}, record, line, position, coalesce(value, '')
        FROM (SELECT line, unnest({block.positions}) AS position, unnest(cells) AS value FROM given)
        JOIN ({records.lines(file)}) USING (line)
        JOIN (SELECT record, [{delivered}]::VARCHAR[] AS delivered FROM ({records.numbered(file)})) USING (record)
        WHERE said(value) <> said(delivered[position + 1])"""
    )
    connection.unregister("given")


def _refuse_contradictions(
    name: str, source: int, files: Sequence[DeliveredFile], connection: duckdb.DuckDBPyConnection
) -> None:
    twice = connection.execute(
        f"""SELECT ordinal, line, position FROM correction WHERE source = {source}
        GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1"""
    ).fetchall()
    for ordinal, line, position in twice:
        file = files[ordinal]
        raise UnusableInputError(
            f"{name} says two things of line {line} of {file.name}, {file.columns[position].shown}: leave the one that is meant."
        )


def _rewritten(file: DeliveredFile, into: Path, connection: duckdb.DuckDBPyConnection) -> DeliveredFile:
    """A file with its corrected cells: another text of it, and the Parquet files that say what was corrected where."""
    corrected, rewritten = into / f"{file.ordinal}.corrected.parquet", into / f"{file.ordinal}.corrected.csv"
    connection.execute(
        f"""COPY (SELECT record, line, position, arg_max(value, source) AS value FROM correction
        WHERE ordinal = {file.ordinal} GROUP BY ALL ORDER BY record, position) TO {literal(str(corrected))} (FORMAT parquet)"""
    )
    stored = f"read_parquet({literal(str(corrected))})"
    positions = {position for (position,) in connection.execute(f"SELECT DISTINCT position FROM {stored}").fetchall()}
    cells = ", ".join(
        f"coalesce({f'cells[{column.position}], ' if column.position in positions else ''}{column.name}, '') AS {column.name}"
        for column in file.columns
    )
    # Quotation marks keep a lone carriage return in its cell.
    connection.execute(
        f"""COPY (
            SELECT {cells} FROM ({records.numbered(file)})
            LEFT JOIN (SELECT record, map(list(position), list(value)) AS cells FROM {stored} GROUP BY record) USING (record)
            ORDER BY record
        ) TO {literal(str(rewritten))} (FORMAT csv, HEADER, DELIMITER {literal(file.delimiter)}, FORCE_QUOTE *)"""
    )
    lines = into / f"{file.ordinal}.corrected.lines.parquet"
    # A corrected cell can have line breaks where none had any.
    connection.execute(
        f"COPY (SELECT line FROM ({records.lines(file)}) ORDER BY record) TO {literal(str(lines))} (FORMAT parquet)"
    )
    update = {"path": str(rewritten), "lines": str(lines), "corrected": str(corrected)}
    if file.noted is not None:
        noted = into / f"{file.ordinal}.corrected.noted.parquet"
        connection.execute(
            f"""COPY (FROM read_parquet({literal(file.noted)}) ANTI JOIN {stored} AS corrected USING (line, position))
            TO {literal(str(noted))} (FORMAT parquet)"""
        )
        update["noted"] = str(noted)
    return file.model_copy(update=update)
