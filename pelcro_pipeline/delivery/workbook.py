"""XLSX workbooks: each sheet as rows of text with the sheet's row numbers."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import python_calamine

from pelcro_pipeline.delivery import package

#: The sheet of an annotated file that says what was found: it is passed over.
SUMMARY = "pelcro findings"
#: The sheet of an annotated file with the lines that are no records as they stand: it is not read, and asked about.
SET_ASIDE = "pelcro set aside"
#: What the columns begin with of an annotated file that holds the rows with findings alone.
PLACE = ("file", "line")
#: A spreadsheet keeps 15 digits of a number: of a longer one the last may never have been there.
_EXACT = 10**15


@dataclass(frozen=True)
class Rows:
    """A sheet that is not empty: its rows as text, each with its number in the sheet."""

    name: str
    hidden: bool
    numbers: list[int]
    rows: list[list[str]]
    #: The cells that hold an error, or a formula without its result: row number, position, the error.
    without_value: list[tuple[int, int, str]]


def is_workbook(path: Path) -> bool:
    """Whether the file is an XLSX workbook, by its content. Raises UnusableInputError for half of one."""
    return any(part.filename == "xl/workbook.xml" for part in package.parts_of(path))


def sheet_names(path: Path) -> list[str]:
    """The names of a workbook's sheets, in their order; none where the file is no workbook."""
    return _opened(path).sheet_names if is_workbook(path) else []


def sheets(path: Path) -> Iterator[Rows]:
    """Each sheet that holds a cell, in the workbook's order."""
    parts = package.parts_of(path)
    package.refuse_hostile(path, parts)
    without_value = package.cells_without_value(path, parts)
    workbook = _opened(path)
    for described in workbook.sheets_metadata:
        if described.typ != python_calamine.SheetTypeEnum.WorkSheet:
            continue
        try:
            sheet = workbook.get_sheet_by_name(described.name)
            rows = [[_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=True)]
        except python_calamine.CalamineError as error:
            raise package.damaged(path) from error
        top, left = sheet.start or (0, 0)
        numbers = list(range(top + 1, top + 1 + len(rows)))
        lost = without_value.get(described.name, {})
        # A row of nothing else is not among those that are read.
        for number in sorted({row for row, _ in lost if numbers and row > numbers[-1]}):
            numbers.append(number)
            rows.append([""] * len(rows[0]))
        if rows:
            yield Rows(
                name=described.name,
                hidden=described.visible != python_calamine.SheetVisibleEnum.Visible,
                numbers=numbers,
                rows=rows,
                without_value=[(row, column - left - 1, error) for (row, column), error in lost.items()],
            )


def _opened(path: Path) -> python_calamine.CalamineWorkbook:
    try:
        return python_calamine.load_workbook(str(path))
    except python_calamine.CalamineError as error:
        raise package.damaged(path) from error


def _text(cell: object) -> str:
    match cell:
        case bool():
            return "1" if cell else "0"
        case float() if cell.is_integer() and abs(cell) < _EXACT:
            return str(int(cell))
        case float() if _EXACT <= abs(cell) < math.inf:
            return _scientific(cell)
        case datetime.datetime():
            return cell.isoformat(sep=" ") if cell.time() != datetime.time() else cell.date().isoformat()
        case datetime.date():
            return cell.isoformat()
    return str(cell)


def _scientific(number: float) -> str:
    """A number as spreadsheets show long ones, with the digits that it has and none beside them: 4.56123E+15."""
    digits, exponent = f"{number:.16E}".split("E")
    return f"{digits.rstrip('0').rstrip('.')}E{exponent}"
