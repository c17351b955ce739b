"""Single records of a delivered file, as they were delivered."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pelcro_pipeline.delivery.reading import DeliveredFile
from pelcro_pipeline.delivery.text import record_starts


def cut(file: DeliveredFile, places: np.ndarray) -> Iterator[bytes]:
    """The bytes of the header and of the records at ``places`` (ascending record numbers), each with a line feed."""
    path = Path(file.path)
    starts, blank = record_starts(path, one_line_each=file.lines is None)
    starts = starts[~blank]
    ends = np.append(starts[1:], path.stat().st_size)
    with path.open("rb") as source:
        for index in (0, *(places + 1)):
            source.seek(int(starts[index]))
            yield source.read(int(ends[index] - starts[index])).rstrip(b"\r\n") + b"\n"


def cells(file: DeliveredFile, places: np.ndarray) -> list[list[str]]:
    """The cells of the records at ``places``, in the order of the file's columns."""
    _, *records = cut(file, places)
    return [next(csv.reader(record.decode().splitlines(keepends=True), delimiter=file.delimiter)) for record in records]
