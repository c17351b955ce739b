"""The statistics as people open them: statistics.csv, and from it a page and a workbook with the queries behind each figure."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pelcro_pipeline.reporting import page, workbook
from pelcro_pipeline.reporting.workbook import Column, Sheet
from pelcro_pipeline.review import drill_down, statistics
from pelcro_pipeline.review.statistics import COLUMNS, COUNTS, TYPES
from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths

_WIDTHS = {"Section": 26, "Attribute": 52}
_COUNTED = {
    "Objects": "Each kind of object, one for each distinct customer, product and plan.",
    **{table.title: f"{table.title} that hold a value of each attribute." for table in TABLES},
    "Subscriptions by segment": "Subscriptions of each kind that the guide asks for.",
    "Subscriptions by product": "Subscriptions to any plan of each product.",
    "Customers by product": "Customers with a subscription to any plan of each product.",
    "Subscriptions by plan": "Subscriptions to each plan.",
    "Customers by plan": "Customers with a subscription to each plan.",
}


@dataclass(frozen=True)
class _Row:
    name: str
    #: By column: counts, the percentages as text, None where nothing is counted.
    cells: dict[str, int | str | None]
    queries: dict[str, str]


@dataclass(frozen=True)
class _Section:
    title: str
    caption: str
    rows: list[_Row]


def write(counted: pd.DataFrame, paths: ExtractPaths) -> None:
    """Write statistics.csv, statistics.html and statistics.xlsx."""
    statistics.write(counted, paths)
    sections = _sections(counted, paths.extract)
    with atomic.file(paths.statistics_page) as unfinished:
        unfinished.write_text(_page(sections, paths.extract), encoding="utf-8")
    with atomic.file(paths.statistics_workbook) as unfinished:
        workbook.write(unfinished, _sheets(sections))


def _sections(counted: pd.DataFrame, extract: str) -> list[_Section]:
    queries = drill_down.queries(counted, extract)
    cells = counted.astype(object).where(counted.notna(), None).to_dict("records")
    return [
        _Section(
            title,
            _COUNTED[title],
            [
                _Row(
                    each["Attribute"],
                    {name: each[name] for name in list(COLUMNS)[2:]},
                    queries[title, each["Attribute"]],
                )
                for each in cells
                if each["Section"] == title
            ],
        )
        for title in counted["Section"].unique()
    ]


def _page(sections: list[_Section], extract: str) -> str:
    return page.render(
        "statistics.html", extract=extract, columns=dict(list(COLUMNS.items())[1:]), counts=COUNTS, sections=sections
    )


def _sheets(sections: list[_Section]) -> list[Sheet]:
    columns = [
        Column(name, _WIDTHS.get(name, 14), format="#,##0" if TYPES.get(name) == "int" else "0.00") for name in COLUMNS
    ]
    rows = [
        [section.title, row.name, *(_number(cell) for cell in row.cells.values())]
        for section in sections
        for row in section.rows
    ]
    queries = [
        [section.title, row.name, column, row.cells[column], query]
        for section in sections
        for row in section.rows
        for column, query in row.queries.items()
    ]
    return [
        Sheet("statistics", columns, rows),
        Sheet(
            "queries",
            [
                Column("Section", 26),
                Column("Attribute", 52),
                Column("Column", 20),
                Column("Rows", 10),
                Column("Query", 110, wrapped=True),
            ],
            queries,
        ),
    ]


def _number(cell: int | str | None) -> int | float | None:
    """A percentage is text in a frame, empty where nothing was delivered."""
    return (float(cell) if cell else None) if isinstance(cell, str) else cell
