"""Checks: bad rows warn, broken invariants stop the run."""

import warnings
from collections.abc import Iterable

import dagster as dg
import pandas as pd
import pandera.errors

from pelcro_pipeline.defs.partitions import extracts
from pelcro_pipeline.defs.statistics_file import MigrationStatistics

#: How many figures a refusal names of those that differ.
_NAMED = 5


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


def statistics_conform(statistics: pd.DataFrame) -> dg.AssetCheckResult:
    """The dagster-pandas check of the statistics, told in the catalog before the type refuses what does not pass it."""
    found = MigrationStatistics.type_check(None, statistics)
    return dg.AssetCheckResult(
        check_name="conforms", passed=found.success, metadata={"violations": found.description or "none"}
    )


def agrees_with_forecast(asset: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of a loaded database against what was forecast before it was loaded, and against the simulation."""
    return check(
        asset,
        "agrees_with_forecast",
        "What is loaded bills what was forecast, to the cent and for every subscription, and so does the day-by-day simulation.",
        blocking=True,
    )


def agreed(disagreements: list[str]) -> dg.AssetCheckResult:
    """Whether a loaded database bills what was forecast; the first that differ are named in what the run is refused with."""
    return dg.AssetCheckResult(
        check_name="agrees_with_forecast",
        passed=not disagreements,
        description="; ".join(disagreements[:_NAMED]) or None,
        metadata={"differing": "\n".join(disagreements) or "nothing"},
    )


def counted_twice(statistics: pd.DataFrame, disagreements: list[str]) -> dg.AssetCheckResult:
    """Whether the files alone tell the same figures; the first that differ are named in what the run is refused with."""
    return dg.AssetCheckResult(
        check_name="counted_twice",
        passed=not disagreements,
        description="; ".join(disagreements[:_NAMED]) or None,
        metadata={"measures": len(statistics), "differing": "\n".join(disagreements) or "none"},
    )
