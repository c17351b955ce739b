"""The forecast as people open it: forecast.csv, and from it a page and a workbook."""

from __future__ import annotations

from pelcro_pipeline.migration_day.forecast import Forecast
from pelcro_pipeline.reporting import delimited
from pelcro_pipeline.workspace.places import ExtractPaths


def write(told: Forecast, paths: ExtractPaths) -> None:
    delimited.write(told.days, paths.forecast, ())
