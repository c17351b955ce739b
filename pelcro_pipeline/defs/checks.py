"""Checks: bad rows warn, broken invariants stop the run."""

import warnings
from collections.abc import Iterable

import dagster as dg
import pandas as pd
import pandera.errors
from dagster_pandas import PandasColumn, create_dagster_pandas_dataframe_type

from pelcro_pipeline.defs.partitions import extracts
from pelcro_pipeline.review.statistics import COUNTS


def check(asset: dg.AssetKey, name: str, description: str, *, blocking: bool = False) -> dg.AssetCheckSpec:
    """A check of an asset, of each extract by itself."""
    with warnings.catch_warnings():
        # In preview, but without it a later good extract hides an earlier bad one.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=asset, description=description, blocking=blocking, partitions_def=extracts)


def conforms(asset: dg.AssetKey, judged: Iterable[tuple]) -> dg.AssetCheckResult:
    """The pandera check of frames: each with its schema and the count of rows that it stands for."""
    wrong: list[str] = []
    rows = seen = 0
    for contract, frame, count in judged:
        rows, seen = rows + count, seen + len(frame)
        try:
            contract.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as error:
            cases = error.failure_cases.groupby(["column", "check"], dropna=False).size()
            wrong += [f"{column}: {check} ({cases})" for (column, check), cases in cases.items()]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name="conforms",
        passed=not wrong,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"rows": rows, "rows judged by pandera": seen, "violations": "\n".join(wrong) or "none"},
    )


with warnings.catch_warnings():
    # In beta, as the whole of dagster-pandas is.
    warnings.simplefilter("ignore", dg.BetaWarning)
    _Statistics = create_dagster_pandas_dataframe_type(
        "MigrationStatistics",
        columns=[
            *(PandasColumn.string_column(column, non_nullable=True) for column in ("Section", "Attribute")),
            *(PandasColumn.numeric_column(column, min_value=0, ignore_missing_vals=True) for column in COUNTS),
        ],
    )


def statistics_conform(statistics: pd.DataFrame) -> dg.AssetCheckResult:
    """The dagster-pandas check of the statistics: every measure is named, and every count is 0 or more."""
    # The type knows no integers that may be missing.
    found = _Statistics.type_check(None, statistics.astype(dict.fromkeys(COUNTS, "float64")))
    return dg.AssetCheckResult(check_name="conforms", passed=found.success, description=found.description)
