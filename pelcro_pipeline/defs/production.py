"""Step 8: production, loaded from the very files that were reviewed, behind the sign-off."""

import dagster as dg

from pelcro_pipeline.defs import lineage
from pelcro_pipeline.defs.checks import check
from pelcro_pipeline.defs.partitions import extracts
from pelcro_pipeline.defs.presentation import OWNERS
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.defs.review import gate
from pelcro_pipeline.defs.staging import STATISTICS_COLUMNS, statistics_result
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.prepared.files import NAMES
from pelcro_pipeline.review import sign_off, statistics
from pelcro_pipeline.target import database


@dg.asset(
    key=["production", "database"],
    group_name="production",
    owners=OWNERS,
    deps=[dg.AssetKey(["review", "sign_off"]), *(dg.AssetKey(["prepared", name]) for name in NAMES)],
    kinds={"duckdb"},
    partitions_def=extracts,
)
def production_database(context: dg.AssetExecutionContext, extract: Extracts) -> dg.MaterializeResult:
    """The production load: refused unless a sign-off holds for the state as it stands, however it is launched.

    The guide: *Initiate production data migration.* The gate is verified here and not by a check:
    Dagster's blocking checks do not hold across runs (measured).
    """
    paths = extract.paths
    with as_failure():
        signed = gate(context.instance, paths)
        loaded = database.load_once(sign_off.staged(paths), paths.database("production"))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(loaded.values()),
            **{f"rows of {table}": count for table, count in loaded.items()},
            "signed by": f"{signed.signed_by}, {signed.role}, {signed.signed_on}",
            "database": dg.MetadataValue.path(paths.database("production")),
            **lineage.loaded(),
        }
    )


@dg.asset(
    key=["production", "migration_statistics"],
    metadata=STATISTICS_COLUMNS,
    group_name="production",
    owners=OWNERS,
    deps=[dg.AssetKey(["production", "database"]), dg.AssetKey(["staging", "migration_statistics"])],
    kinds={"csv", "pandas"},
    partitions_def=extracts,
    check_specs=[
        check(
            dg.AssetKey(["production", "migration_statistics"]),
            "production_equals_staging",
            "Every measure counts the same in production as in staging.",
            blocking=True,
        )
    ],
)
def production_migration_statistics(context: dg.AssetExecutionContext, extract: Extracts):
    """The statistics with their last column: each measure counted in production.

    The guide: *Production: number of valid records migrated into the production server.*
    """
    paths = extract.paths
    with as_failure():
        gate(context.instance, paths)
        files = sign_off.staged(paths)
        with duck.connect() as connection:
            if not database.holds(connection, files, paths.database("production")):
                raise RefusedError(
                    f"{paths.extract}: the production database does not hold the prepared files that were signed: load it again."
                )
        frame = statistics.count_production(paths)
    yield statistics_result(frame, paths)
    differing = frame[frame[statistics.STAGING] != frame[statistics.PRODUCTION]]
    yield dg.AssetCheckResult(
        check_name="production_equals_staging",
        passed=differing.empty,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"measures": len(frame), "differing": "\n".join(differing["Attribute"]) or "none"},
    )
