"""Where the statistics are kept between their assets: in the report itself, so that no second copy of a number exists."""

import warnings

import dagster as dg
import pandas as pd
from dagster_pandas import PandasColumn, create_dagster_pandas_dataframe_type
from dagster_pandas.constraints import (
    ColumnDTypeInSetConstraint,
    InRangeColumnConstraint,
    StrictColumnsConstraint,
)

from pelcro_pipeline.defs.resources import as_failure
from pelcro_pipeline.review import statistics, statistics_report
from pelcro_pipeline.review.statistics import COLUMNS, COUNTS


def _column(name: str) -> PandasColumn:
    if name in COUNTS:
        # Whole numbers of which some may be missing: Production is empty until something is loaded.
        whole = ColumnDTypeInSetConstraint({"Int64"})
        return PandasColumn(name, [whole, InRangeColumnConstraint(0, float("inf"), ignore_missing_vals=True)])
    return PandasColumn.string_column(name, non_nullable=True)


with warnings.catch_warnings():
    # In beta, as the whole of dagster-pandas is.
    warnings.simplefilter("ignore", dg.BetaWarning)
    MigrationStatistics = create_dagster_pandas_dataframe_type(
        "MigrationStatistics",
        "Every measure is named, and every count is 0 or more.",
        columns=[_column(name) for name in COLUMNS],
        dataframe_constraints=[StrictColumnsConstraint(list(COLUMNS), enforce_ordering=True)],
    )


class StatisticsFile(dg.IOManager):
    """Keeps the statistics of an extract in statistics.csv and in what is made of it, and hands on what stands there."""

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        with as_failure():
            statistics_report.write(obj, context.resources.extract.paths)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The statistics. Raises Failure where they are not as they were counted, or do not add up."""
        paths = context.resources.extract.paths
        with as_failure():
            statistics.verify(paths)
            return statistics.read(paths.statistics)


@dg.io_manager(required_resource_keys={"extract"})
def statistics_file() -> StatisticsFile:
    return StatisticsFile()
