"""The forecast as people open it: forecast.csv, and from it a page and a workbook."""

from __future__ import annotations

import pandas as pd

from pelcro_pipeline.migration_day.forecast import COUNTS, MONEY, Forecast
from pelcro_pipeline.reporting import delimited, page, workbook
from pelcro_pipeline.reporting.workbook import Column, Sheet
from pelcro_pipeline.rules.ledger import DISPOSITIONS
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths

#: What holds money, in the smallest unit of the row's currency.
_MONEY = (*MONEY, "amount", "charged", "sent", "difference", "before", "after")


def write(told: Forecast, paths: ExtractPaths, classes: pd.DataFrame, conserved: pd.DataFrame) -> None:
    """Write forecast.csv, forecast.html and forecast.xlsx. ``classes`` is the summary of the seam, ``conserved`` the totals of
    ``conservation``."""
    delimited.write(told.days, paths.forecast, ())
    with atomic.file(paths.forecast_page) as unfinished:
        unfinished.write_text(render(told, paths.extract, classes, conserved), encoding="utf-8")
    with atomic.file(paths.forecast_workbook) as unfinished:
        workbook.write(unfinished, _sheets(told, classes, conserved))


def priced(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame of a forecast with its money as people write it."""
    return page.priced(frame, [name for name in frame.columns if name in _MONEY])


def render(told: Forecast, extract: str, classes: pd.DataFrame, conserved: pd.DataFrame) -> str:
    """The page."""
    return page.render(
        "forecast.html",
        extract=extract,
        told=told,
        first_day=_rows(told.first_day),
        totals=_rows(told.totals),
        readings=_rows(told.readings),
        states=_rows(told.states),
        surprises=_rows(told.surprises),
        cards=_rows(told.cards),
        classes=_rows(classes),
        groups=_rows(told.groups),
        conserved=_conserved(conserved),
        calendars=calendars(told),
    )


def calendars(told: Forecast) -> list[dict[str, object]]:
    """For each currency the weeks of the forecast, Monday first: of each day what is invoiced, and its share of the dearest day."""
    shown = []
    for currency, days in told.days.groupby("currency"):
        most = max(int(days["invoiced"].max()), 1)
        cells = [
            {
                "date": row["date"],
                "invoiced": row["invoiced"],
                "charged": row["charged"],
                "renewals": row["renewals"],
                "expiries": row["expiries"],
                "share": row["invoiced"] / most,
            }
            for row in days.to_dict("records")
        ]
        padded = [None] * cells[0]["date"].weekday() + cells
        padded += [None] * (-len(padded) % 7)
        weeks = [padded[start : start + 7] for start in range(0, len(padded), 7)]
        shown.append({"currency": currency, "weeks": weeks})
    return shown


def _rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    return frame.to_dict("records")


def _conserved(totals: pd.DataFrame) -> list[tuple]:
    """The totals as a page shows them: money as people write it."""
    return [
        (
            each["measure"],
            each["currency"].upper() or "no known currency",
            *(
                page.money(each[name], each["currency"])
                if each["measure"] == "money" and each["currency"]
                else each[name]
                for name in ("received", *DISPOSITIONS)
            ),
        )
        for each in _rows(totals)
    ]


def _sheets(told: Forecast, classes: pd.DataFrame, conserved: pd.DataFrame) -> list[Sheet]:
    days = told.days.assign(date=told.days["date"].map(str))
    return [
        _sheet("days", days),
        _sheet("totals", told.totals),
        _sheet("cases", told.states),
        _sheet("readings", told.readings.assign(is_chosen=told.readings["is_chosen"].map({True: "yes", False: "no"}))),
        _sheet("surprises", told.surprises),
        _sheet("cards", told.cards),
        _sheet("seam", classes),
        _sheet("gifts and groups", told.groups),
        _sheet("conservation", conserved),
    ]


def _sheet(name: str, frame: pd.DataFrame) -> Sheet:
    """A sheet of a frame; money in the currency's smallest unit, as the CSV files have it."""
    columns = [
        Column(f"{each} (smallest unit)" if each in _MONEY else each.replace("_", " "), 12 if each in COUNTS else 26)
        for each in frame.columns
    ]
    rows = [[_cell(cell) for cell in row] for row in frame.itertuples(index=False)]
    return Sheet(name, columns, rows)


def _cell(cell: object) -> object:
    """Beyond 15 digits a spreadsheet would round."""
    return str(cell) if isinstance(cell, int) and abs(cell) >= 10**15 else cell
