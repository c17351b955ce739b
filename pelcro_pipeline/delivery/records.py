"""Single records of a delivered file, as they were delivered."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np

from pelcro_pipeline.delivery.manifest import DeliveredFile
from pelcro_pipeline.delivery.text import record_starts
from pelcro_pipeline.spec.sql import literal


def raw_records(file: DeliveredFile, places: np.ndarray) -> Iterator[bytes]:
    """The bytes of the header and of the records at ``places`` (ascending record numbers), each with a line feed.

    Of a text: what a source's map has made of one is none.
    """
    path = Path(file.path)
    starts, blank = record_starts(path, one_line_each=file.lines is None)
    if file.lines is not None:
        # Where every line is a record, DuckDB takes a blank one for its only cell.
        starts = starts[~blank]
    ends = np.append(starts[1:], path.stat().st_size)
    with path.open("rb") as source:
        for index in (0, *(places + 1)):
            source.seek(int(starts[index]))
            yield source.read(int(ends[index] - starts[index])).rstrip(b"\r\n") + b"\n"


def cells(connection: duckdb.DuckDBPyConnection, file: DeliveredFile, places: np.ndarray) -> list[list[str]]:
    """The cells of the records at ``places``, in the order of the file's columns; empty ones beyond are left out."""
    if file.made_of is not None:
        names = ", ".join(column.name for column in file.columns)
        rows = connection.execute(
            f"SELECT {names} FROM ({numbered(file)}) SEMI JOIN (SELECT unnest($places) AS record) USING (record) ORDER BY record",
            {"places": places.tolist()},
        ).fetchall()
        return [[cell or "" for cell in row] for row in rows]
    _, *records = raw_records(file, places)
    texts = (io.StringIO(record.decode(), newline="") for record in records)
    return [next(csv.reader(text, delimiter=file.delimiter))[: len(file.columns)] for text in texts]


def numbered(file: DeliveredFile) -> str:
    """SQL of a file's records in their order: ``record``, the number of each from 0, and its cells."""
    return f"SELECT row_number() OVER () - 1 AS record, * FROM {file.relation()}"


def lines(file: DeliveredFile) -> str:
    """SQL of ``record, line``: the number of each of a file's records, and its physical line."""
    if file.lines is None:
        return f"SELECT range AS record, range + 2 AS line FROM range({file.records})"
    return f"SELECT file_row_number AS record, line FROM read_parquet({literal(file.lines)}, file_row_number = true)"


def file_line(connection: duckdb.DuckDBPyConnection, file: DeliveredFile, place: int) -> int:
    """The physical line of a file's record, by its number."""
    if file.lines is None:
        return place + 2
    lines = connection.execute(
        f"SELECT line FROM read_parquet({literal(file.lines)}, file_row_number = true) WHERE file_row_number = {place}"
    ).fetchall()
    # Behind the last record stands what was added to it.
    return lines[0][0] if lines else place + 2
