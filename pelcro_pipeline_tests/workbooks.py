"""Workbooks, written by hand: their sheets as publishers deliver them."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import xlsxwriter

NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def write_workbook(path: Path, sheets: dict[str, dict[int, list]]) -> None:
    """A workbook of sheets, each its rows by number; numbers are numbers, the rest is text."""

    def cell(value: object) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, 1))
    related = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n, _ in enumerate(sheets, 1)
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{RELATIONS}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml", f'<workbook {NAMESPACE} xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>'
        )
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{PACKAGE}">{related}</Relationships>')
        for n, rows in enumerate(sheets.values(), 1):
            body = "".join(f'<row r="{number}">{"".join(map(cell, row))}</row>' for number, row in rows.items())
            archive.writestr(
                f"xl/worksheets/sheet{n}.xml", f"<worksheet {NAMESPACE}><sheetData>{body}</sheetData></worksheet>"
            )


def in_sheet(rows: list[dict], first: int = 1, numbers: tuple[str, ...] = ()) -> dict[int, list]:
    """Records under their header, from the row ``first``; the columns ``numbers`` hold numbers."""
    columns = list(rows[0])
    cells = [[int(row[name]) if name in numbers else row[name] for name in columns] for row in rows]
    return dict(enumerate([columns, *cells], first))


#: Cells: a formula whose result is an error, and one whose result was never stored.
NA, NO_RESULT = "=NA()", "=LOOKUP(1)"
_STORED = {NA: "#N/A", NO_RESULT: ""}


def workbook(
    sheets: dict[str, list[dict]], hidden: tuple[str, ...] = (), titles: dict[str, int] | None = None
) -> bytes:
    """A workbook as spreadsheets write it: each sheet its records, below as many rows of titles as ``titles`` says."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            above = (titles or {}).get(name, 0)
            for row in range(above):
                sheet.write(row, 0, "Export of the readers")
            columns = list(dict.fromkeys(column for row in rows for column in row))
            for number, cells in enumerate([dict(zip(columns, columns, strict=True)), *rows], above):
                for position, column in enumerate(columns):
                    cell = cells.get(column, "")
                    if cell in _STORED:
                        sheet.write_formula(number, position, cell, None, _STORED[cell])
                    elif isinstance(cell, str):
                        sheet.write_string(number, position, cell)
                    else:
                        sheet.write(number, position, cell)
            if name in hidden:
                sheet.hide()
    return out.getvalue()


def unpacked(path: Path) -> list[bytes]:
    """The parts of a workbook, as they are packed in it."""
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist()]


LIBREOFFICE = shutil.which("soffice")


def saved_by_libreoffice(books: list[Path], into: Path) -> list[Path]:
    """Workbooks as LibreOffice saves them again, its types those of a person's file."""
    profile = f"-env:UserInstallation={(into / 'profile').as_uri()}"
    command = [LIBREOFFICE, "--headless", profile, "--convert-to", "xlsx", "--outdir", str(into)]
    subprocess.run([*command, *map(str, books)], check=True, capture_output=True, timeout=120)
    return [into / book.name for book in books]
