"""Annotated tables: a table as it was delivered, marks on its cells, and before it a sheet that sums them up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from pelcro_pipeline.reporting.workbook import INK, MOST_CHARACTERS, TINT
from pelcro_pipeline.spec.model import Severity

#: The fill of a marked cell, by the gravest of what it is marked for.
FILLS = {
    Severity.REJECT: "#f4b6b0",
    Severity.CLEAR: "#f9d5a7",
    Severity.REPAIR: "#cfe3f7",
    Severity.QUESTION: "#fff2a8",
}
#: Of a comment, which does not grow with its text: LibreOffice shows it at this size.
_WIDTH, _LINE, _LETTERS, _TALLEST = 380, 16, 56, 640
_NARROWEST, _WIDEST = 10, 28


@dataclass(frozen=True)
class Mark:
    """What a cell is marked for: its position in its row, the gravest severity, and its comment, if it has one."""

    position: int
    severity: Severity
    text: str | None


@dataclass(frozen=True)
class Table:
    """A sheet of text: its header with marks, then rows in ascending order, each by its place below the header (from 1).

    Rows that are left out stay empty.
    """

    name: str
    header: Sequence[str]
    rows: Iterable[tuple[int, Sequence[str | None], Sequence[Mark]]]
    header_marks: Sequence[Mark] = ()
    #: Columns that stay where they are when one scrolls.
    frozen: int = 1


@dataclass(frozen=True)
class Count:
    """How many findings of a rule and severity there are, and what the catalogue says of it."""

    rule: str
    severity: Severity
    findings: int
    sentence: str
    fix: str


@dataclass(frozen=True)
class Summary:
    """The first sheet: what the workbook is made of, what to do with it, and its findings by rule."""

    name: str
    title: str
    facts: Sequence[tuple[str, str | int]]
    instructions: Sequence[str]
    counts: Sequence[Count]
    #: Findings of no place in the file, as sentences.
    elsewhere: Sequence[str] = ()


def write(path: Path, summary: Summary, tables: Iterable[Table]) -> None:
    """Write the workbook; rows go to disk as they come, comments and the marks of one row stay in memory."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        _write_summary(book, summary)
        text = book.add_format({"num_format": "@"})
        marked = {
            severity: book.add_format({"num_format": "@", "bg_color": fill, "border": 1, "border_color": TINT})
            for severity, fill in FILLS.items()
        }
        for table in tables:
            _write_table(book, table, text, marked)


def _write_table(book: Workbook, table: Table, text: Format, marked: dict[Severity, Format]) -> None:
    sheet = book.add_worksheet(table.name)
    heading = {"num_format": "@", "bold": True, "font_color": INK, "bottom": 1}
    plain = book.add_format(heading | {"bg_color": TINT})
    headings = {severity: book.add_format(heading | {"bg_color": fill}) for severity, fill in FILLS.items()}
    for position, name in enumerate(table.header):
        # A cell without a format of its own takes the column's: what is typed stays text.
        sheet.set_column(position, position, min(max(len(name), _NARROWEST), _WIDEST), text)
        sheet.write_string(0, position, name, plain)
    _mark(sheet, 0, table.header, table.header_marks, headings)
    last = 0
    for last, cells, marks in table.rows:
        for position, cell in enumerate(cells):
            if cell:
                sheet.write_string(last, position, cell[:MOST_CHARACTERS])
        if marks:
            _mark(sheet, last, cells, marks, marked)
    sheet.freeze_panes(1, table.frozen)
    sheet.autofilter(0, 0, last, len(table.header) - 1)


def _mark(
    sheet: Worksheet, row: int, cells: Sequence[str | None], marks: Sequence[Mark], formats: dict[Severity, Format]
) -> None:
    """Colour the marked cells of the row that is being written, and comment on them."""
    for mark in marks:
        cell = cells[mark.position]
        if cell:
            sheet.write_string(row, mark.position, cell[:MOST_CHARACTERS], formats[mark.severity])
        else:
            sheet.write_blank(row, mark.position, None, formats[mark.severity])
        if mark.text:
            sheet.write_comment(row, mark.position, mark.text[:MOST_CHARACTERS], _shape(mark.text))


def _shape(text: str) -> dict[str, object]:
    lines = sum(-(-max(len(line), 1) // _LETTERS) for line in text.splitlines())
    return {"author": "Pelcro", "font_size": 9, "width": _WIDTH, "height": min((lines + 1) * _LINE, _TALLEST)}


def _write_summary(book: Workbook, summary: Summary) -> None:
    sheet = book.add_worksheet(summary.name)
    wrapped = {"text_wrap": True, "valign": "top"}
    title = book.add_format({"bold": True, "font_size": 14, "font_color": INK})
    bold = book.add_format({"bold": True, "font_color": INK, "valign": "top"})
    heading = book.add_format(wrapped | {"bold": True, "font_color": INK, "bg_color": TINT})
    cell, number = book.add_format(wrapped), book.add_format({"valign": "top", "align": "left", "num_format": "#,##0"})
    fills = {severity: book.add_format({"valign": "top", "bg_color": fill}) for severity, fill in FILLS.items()}
    for position, width in enumerate((30, 12, 12, 70, 70)):
        sheet.set_column(position, position, width)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.write_string(0, 0, summary.title, title)
    row = 2
    for name, value in summary.facts:
        sheet.write_string(row, 0, name, bold)
        if isinstance(value, int):
            sheet.write_number(row, 1, value, number)
        else:
            sheet.write_string(row, 1, value)
        row += 1
    row += 1
    for step, instruction in enumerate(summary.instructions, 1):
        sheet.write_string(row, 0, f"{step}. {instruction}")
        row += 1
    row += 1
    header = row
    for position, name in enumerate(("rule", "severity", "findings", "what is wrong", "what to do")):
        sheet.write_string(row, position, name, heading)
    for count in summary.counts:
        row += 1
        sheet.write_string(row, 0, count.rule, bold)
        sheet.write_string(row, 1, count.severity, fills[count.severity])
        sheet.write_number(row, 2, count.findings, number)
        sheet.write_string(row, 3, count.sentence, cell)
        sheet.write_string(row, 4, count.fix, cell)
    sheet.autofilter(header, 0, row, 4)
    for sentence in summary.elsewhere:
        row += 1 + (sentence is summary.elsewhere[0])
        sheet.write_string(row, 0, sentence)
