"""The faces of reports: what was delivered is text in them, and figures are written as people write them."""

from __future__ import annotations

import zipfile

import pytest
from python_calamine import CalamineWorkbook

from pelcro_pipeline.reporting import page, workbook
from pelcro_pipeline.reporting.workbook import Column, Sheet


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [(123450, "cad", "1,234.50 CAD"), (1500, "jpy", "1,500 JPY"), (1500, "kwd", "1.500 KWD"), (0, "usd", "0.00 USD")],
)
def test_money_has_the_decimals_of_its_currency(amount, currency, written):
    assert page.money(amount, currency) == written


def test_a_workbook_holds_text_as_text_and_numbers_as_numbers(tmp_path):
    path = tmp_path / "questions.xlsx"
    cells = ['=HYPERLINK("http://evil.example")', "00123", "https://a.example", "x" * 40_000, 12, None]
    columns = [Column(f"column {number}") for number, _ in enumerate(cells)]
    workbook.write(path, [Sheet("questions", columns, [cells])])
    heading, row = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("questions").to_python()
    assert heading == [column.heading for column in columns]
    assert row == [*cells[:3], "x" * 32_767, 12.0, ""]


def test_a_workbook_of_equal_sheets_has_equal_bytes(tmp_path):
    first, second = tmp_path / "first.xlsx", tmp_path / "second.xlsx"
    for path in (first, second):
        workbook.write(path, [Sheet("counts", [Column("Customers")], [[2_000]])])
    assert first.read_bytes() == second.read_bytes()
    assert b"2000-01-01" in zipfile.ZipFile(first).read("docProps/core.xml")
