"""Workbooks: what people read, filter and fill in. Delivered text is written as text, so that no formula runs."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter

#: Rows that a sheet can have, its header one of them.
MOST_ROWS = 1_048_576
#: What a cell can hold; a spreadsheet refuses the whole file for one that is longer.
MOST_CHARACTERS = 32_767
INK, TINT, _FILL_IN = "#1d2733", "#e9eef3", "#fff8db"
_A4 = 9
#: Height of a line of text, in points, and lines that a row has room for at most.
_LINE, _MOST_LINES = 15, 12
_WRITTEN = datetime.datetime(2000, 1, 1)


@dataclass(frozen=True)
class Column:
    """A column of a sheet: its heading, width in characters, and whether a person fills it in."""

    heading: str
    width: int = 14
    wrapped: bool = False
    fill_in: bool = False
    #: Whether it is for paper too; what only machines need stands behind the others.
    printed: bool = True
    #: How numbers are shown, as spreadsheets write it.
    format: str = "#,##0"


@dataclass(frozen=True)
class Sheet:
    """A sheet: rows of text, numbers and None, a cell for each column."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[object]]
    #: What can be chosen, by row (0 the first) and heading; elsewhere anything can be written.
    choices: dict[tuple[int, str], Sequence[str]] | None = None


def write(path: Path, sheets: Iterable[Sheet]) -> None:
    """Write the sheets as XLSX: headings that stay, filters, and drop-downs where there are choices."""
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        # Equal sheets make equal bytes.
        book.set_properties({"created": _WRITTEN})
        heading = book.add_format(
            {"bold": True, "bg_color": TINT, "font_color": INK, "valign": "top", "text_wrap": True}
        )
        for given in sheets:
            sheet = book.add_worksheet(given.name)
            formats = [
                book.add_format(
                    {"valign": "top", "text_wrap": column.wrapped, "num_format": column.format}
                    | ({"bg_color": _FILL_IN, "border": 1, "border_color": TINT} if column.fill_in else {})
                )
                for column in given.columns
            ]
            for position, column in enumerate(given.columns):
                sheet.set_column(position, position, column.width)
                sheet.write_string(0, position, column.heading, heading)
            last = 0
            for last, row in enumerate(given.rows, 1):
                # Spreadsheets do not all make room for wrapped text by themselves.
                sheet.set_row(last, _LINE * max(map(_lines, row, given.columns)))
                for position, (cell, format_) in enumerate(zip(row, formats, strict=True)):
                    if cell is None or cell == "":
                        sheet.write_blank(last, position, None, format_)
                    elif isinstance(cell, str):
                        sheet.write_string(last, position, cell[:MOST_CHARACTERS], format_)
                    else:
                        sheet.write_number(last, position, cell, format_)
            sheet.print_area(0, 0, last, max(at for at, column in enumerate(given.columns) if column.printed))
            sheet.set_landscape()
            sheet.set_paper(_A4)
            sheet.fit_to_pages(1, 0)
            sheet.repeat_rows(0)
            sheet.freeze_panes(1, 1)
            sheet.autofilter(0, 0, last, len(given.columns) - 1)
            places = {column.heading: position for position, column in enumerate(given.columns)}
            for (row, name), allowed in (given.choices or {}).items():
                sheet.data_validation(
                    row + 1, places[name], row + 1, places[name], {"validate": "list", "source": list(allowed)}
                )


def _lines(cell: object, column: Column) -> int:
    """How many lines a cell takes in its column."""
    if not column.wrapped or not isinstance(cell, str):
        return 1
    return min(_MOST_LINES, sum(1 + len(line) // column.width for line in cell.split("\n")))
