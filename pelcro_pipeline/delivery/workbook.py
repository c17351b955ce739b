"""XLSX workbooks: each sheet as rows of text with the sheet's row numbers."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from pathlib import Path

import python_calamine

from pelcro_pipeline.errors import UnusableInputError


def is_workbook(path: Path) -> bool:
    """Whether the file is an XLSX workbook, by its content."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "xl/workbook.xml" in archive.namelist()


def sheets(path: Path) -> Iterator[tuple[str, list[tuple[int, list[str]]]]]:
    """Each sheet that has a header, by name: its rows as text, each with its number in the sheet."""
    try:
        workbook = python_calamine.load_workbook(str(path))
    except python_calamine.CalamineError as error:
        raise UnusableInputError(f"{path.name} is no readable workbook: save it again as XLSX.") from error
    for name in workbook.sheet_names:
        sheet = workbook.get_sheet_by_name(name)
        first = (sheet.start or (0, 0))[0] + 1
        rows = [
            (first + index, [_text(cell) for cell in row])
            for index, row in enumerate(sheet.to_python(skip_empty_area=True))
        ]
        if rows:
            yield name, rows


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
