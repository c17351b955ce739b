"""Steps 5 and 6: the dry run into staging, and its statistics."""

import dagster as dg
import pandas as pd

from pelcro_pipeline import steps
from pelcro_pipeline.defs import edges, lineage
from pelcro_pipeline.defs.checks import agreed, agrees_with_forecast, check, counted_twice, statistics_conform
from pelcro_pipeline.defs.presentation import markdown, picture
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.defs.statistics_file import MigrationStatistics
from pelcro_pipeline.review import charts, statistics
from pelcro_pipeline.workspace.places import ExtractPaths


@dg.asset(
    key=["staging", "database"],
    deps=edges.MANIFEST + edges.PREPARED + edges.FORECAST,
    kinds={"duckdb"},
    check_specs=[
        agrees_with_forecast(dg.AssetKey(["staging", "database"])),
        check(
            dg.AssetKey(["staging", "database"]),
            "equals_prepared_files",
            "The database as it stands is the one of which every cell was compared with the prepared files.",
            blocking=True,
        ),
    ],
)
def staging_database(extract: Extracts):
    """The dry run: the prepared files in a DuckDB database with its checks, its keys proven, whole or not at all.

    The guide: *The migration team will run the script to migrate the data into the staging environment.*
    """
    paths = extract.paths
    with as_failure(), steps.opened(paths) as opened:
        counts = steps.stage(opened)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(counts.values()),
                **{f"rows of {table}": count for table, count in counts.items()},
                "database": dg.MetadataValue.path(paths.database("staging")),
                **lineage.loaded(),
            }
        )
        holds = steps.is_staged(opened)
    yield dg.AssetCheckResult(
        check_name="equals_prepared_files", passed=holds, metadata={"rows compared": sum(counts.values())}
    )
    with as_failure():
        yield agreed(steps.money_disagreements(paths, "staging"))


_STATISTICS = dg.AssetKey(["staging", "migration_statistics"])
#: For both statistics assets.
STATISTICS_COLUMNS = {
    lineage.SCHEMA: dg.TableSchema(
        [dg.TableColumn(name, statistics.TYPES.get(name, "string"), doc) for name, doc in statistics.COLUMNS.items()]
    )
}


@dg.asset(
    key=_STATISTICS,
    metadata=STATISTICS_COLUMNS,
    deps=[
        *(edges.MANIFEST + edges.CONVERSION + edges.LEDGER + edges.PREPARED),
        *edges.keys("staging/database", "staging/read_back"),
    ],
    kinds={"csv", "pandas"},
    dagster_type=MigrationStatistics,
    io_manager_key="statistics_file",
    check_specs=[
        check(_STATISTICS, "conforms", "Every measure is named, and every count is 0 or more.", blocking=True),
        check(
            _STATISTICS,
            "adds_up",
            "Of every object, what was delivered is what was prepared, rejected and excluded, and what was prepared is staged.",
            blocking=True,
        ),
        check(
            _STATISTICS,
            "counted_twice",
            "Every figure that the CSV files tell by themselves is the one that the database counts.",
            blocking=True,
        ),
    ],
)
def staging_migration_statistics(extract: Extracts):
    """The migration statistics report: each measure in the delivery, the prepared files and the staging database.

    The guide: *a migration report which will illustrate the migration success rate of each Pelcro record object.*
    """
    paths = extract.paths
    with as_failure(), steps.opened(paths) as opened:
        frame = steps.count(opened)
    with as_failure():
        disagreements = steps.count_again(paths, frame)
    yield statistics_conform(frame)
    unbalanced = statistics.unbalanced(frame)
    yield dg.AssetCheckResult(
        check_name="adds_up", passed=not unbalanced, metadata={"unbalanced": ", ".join(unbalanced) or "none"}
    )
    yield counted_twice(frame, disagreements)
    with as_failure():
        frame = steps.count_on_sites(paths, frame)
    yield statistics_result(frame, paths)
    # By now it has been written. A check holds within its run; without a digest nothing can be signed in any.
    if not disagreements:
        with as_failure():
            statistics.write_digest(paths)


def statistics_result(frame: pd.DataFrame, paths: ExtractPaths) -> dg.MaterializeResult:
    """The statistics, and what the catalog shows of them."""
    objects = statistics.summary(frame)
    stages = [statistics.PREPARED, statistics.STAGING, statistics.PRODUCTION]
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "dagster/row_count": len(frame),
            **{
                f"accuracy of {name}": dg.MetadataValue.float(float(accuracy))
                for name, accuracy in zip(objects["Attribute"], objects["Accuracy"], strict=True)
                if accuracy
            },
            "objects": markdown(objects),
            "chart": picture(charts.counts(objects, stages), "What is counted at each stage"),
            "statistics": markdown(frame),
            "report": dg.MetadataValue.path(paths.statistics),
            "page": dg.MetadataValue.path(paths.statistics_page),
            "workbook": dg.MetadataValue.path(paths.statistics_workbook),
        },
    )
