"""XLSX workbooks: each sheet as rows of text with the sheet's row numbers."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import python_calamine

from pelcro_pipeline.delivery import package


def is_workbook(path: Path) -> bool:
    """Whether the file is an XLSX workbook, by its content. Raises UnusableInputError for half of one."""
    return any(part.filename == "xl/workbook.xml" for part in package.parts_of(path))


def sheets(path: Path) -> Iterator[tuple[str, list[tuple[int, list[str]]]]]:
    """Each sheet that has a header, by name: its rows as text, each with its number in the sheet."""
    package.refuse_hostile(path, package.parts_of(path))
    try:
        workbook = python_calamine.load_workbook(str(path))
        for name in workbook.sheet_names:
            sheet = workbook.get_sheet_by_name(name)
            first = (sheet.start or (0, 0))[0] + 1
            rows = [
                (first + index, [_text(cell) for cell in row])
                for index, row in enumerate(sheet.to_python(skip_empty_area=True))
            ]
            if rows:
                yield name, rows
    except python_calamine.CalamineError as error:
        raise package.damaged(path) from error


def _text(cell: object) -> str:
    match cell:
        case bool():
            return "1" if cell else "0"
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime.datetime():
            return cell.isoformat(sep=" ") if cell.time() != datetime.time() else cell.date().isoformat()
        case datetime.date():
            return cell.isoformat()
    return str(cell)
