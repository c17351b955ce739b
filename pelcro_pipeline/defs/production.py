"""Step 8: production, loaded from the very files that were reviewed, behind the sign-off."""

import datetime

import dagster as dg
import pandas as pd

from pelcro_pipeline import steps
from pelcro_pipeline.defs import edges, lineage
from pelcro_pipeline.defs.checks import agreed, agrees_with_forecast, check
from pelcro_pipeline.defs.migration_day import forecast_metadata
from pelcro_pipeline.defs.presentation import markdown
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.defs.review import recorded_signature
from pelcro_pipeline.defs.staging import STATISTICS_COLUMNS, statistics_result
from pelcro_pipeline.defs.statistics_file import MigrationStatistics
from pelcro_pipeline.migration_day.forecast_report import priced
from pelcro_pipeline.review import statistics

#: The sign-off, and all that it holds for: verified again whenever production is touched.
_SIGNED = edges.MANIFEST + edges.PREPARED + edges.keys("review/sign_off", "staging/database")
_STATISTICS = edges.keys("staging/migration_statistics")


def now() -> datetime.datetime:
    """The clock, which says what day it is."""
    return datetime.datetime.now(datetime.UTC)


@dg.asset(
    key=["production", "cards"],
    deps=[
        *(edges.MANIFEST + edges.PREPARED + edges.CONVERSION + edges.LEDGER + edges.FORECAST + _STATISTICS),
        *edges.keys("review/sign_off"),
    ],
    kinds={"duckdb", "csv"},
    check_specs=[
        check(
            dg.AssetKey(["production", "cards"]),
            "each_card_is_fine",
            "Each subscription that renews by card has one that pays on its first renewal.",
        )
    ],
)
def production_cards(context: dg.AssetExecutionContext, extract: Extracts):
    """The payment processor's card map, applied: by what each customer pays, of which class each subscription is that renews by card,
    and what production will bill otherwise than the dry run told. It comes after the sign-off and is no part of it.

    The guide: *Use the mapping file to overwrite Pelcro data (customer record info, subscriptions, ..).*
    """
    paths = extract.paths
    with as_failure():
        told, differing = steps.map_cards(paths, recorded_signature(context.instance, paths), now())
    of_class = dict(zip(told.cards["class"], told.cards["subscriptions"], strict=True))
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(of_class.values()),
            **{f"subscriptions: {name}": count for name, count in of_class.items()},
            "difference in money": markdown(priced(differing), "Nothing is billed."),
            **forecast_metadata(told),
            "report": dg.MetadataValue.path(paths.forecast_page),
        }
    )
    yield dg.AssetCheckResult(
        check_name="each_card_is_fine",
        passed=sum(of_class.values()) == of_class["fine"],
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"classes": markdown(told.cards)},
    )


@dg.asset(
    key=["production", "database"],
    deps=[*_SIGNED, *_STATISTICS, *edges.keys("production/cards")],
    kinds={"duckdb"},
    check_specs=[agrees_with_forecast(dg.AssetKey(["production", "database"]))],
)
def production_database(context: dg.AssetExecutionContext, extract: Extracts):
    """The production load: refused unless a sign-off holds for the state as it stands, however it is launched.

    The guide: *Initiate production data migration.* The gate is verified here and not by a check:
    Dagster's blocking checks do not hold across runs (measured). On another day than the one signed it is judged again
    what the day decides, and refused where anything differs.
    """
    paths = extract.paths
    signature = recorded_signature(context.instance, paths)
    with as_failure():
        # Launched alone, or again on another day.
        if not steps.is_mapped(paths, now()):
            steps.map_cards(paths, signature, now())
        signed, loaded = steps.produce(paths, signature, now())
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(loaded.values()),
            **{f"rows of {table}": count for table, count in loaded.items()},
            "signed by": f"{signed.signed_by}, {signed.role}, {signed.signed_on}",
            "database": dg.MetadataValue.path(paths.database("production")),
            **lineage.loaded(),
        }
    )
    with as_failure():
        yield agreed(steps.money_disagreements(paths, "production"))


@dg.asset(
    key=["production", "migration_statistics"],
    metadata=STATISTICS_COLUMNS,
    deps=[*_SIGNED, *edges.LEDGER, *edges.keys("production/database", "production/read_back")],
    ins={"staged": dg.AssetIn(_STATISTICS[0], dagster_type=MigrationStatistics, input_manager_key="statistics_file")},
    dagster_type=MigrationStatistics,
    io_manager_key="statistics_file",
    kinds={"csv", "pandas"},
    check_specs=[
        check(
            dg.AssetKey(["production", "migration_statistics"]),
            "production_equals_staging",
            "Every measure counts the same in production as in staging.",
            blocking=True,
        )
    ],
)
def production_migration_statistics(context: dg.AssetExecutionContext, extract: Extracts, staged: pd.DataFrame):
    """The statistics of the dry run with their last column: each measure counted in production.

    The guide: *Production: number of valid records migrated into the production server.*
    """
    paths = extract.paths
    with as_failure():
        frame = steps.count_production(paths, recorded_signature(context.instance, paths), staged)
    with as_failure():
        on_sites = steps.count_on_sites(paths, frame)
    yield statistics_result(on_sites, paths)
    # A site does not hold what its plan holds back: it counts otherwise than a database, and both are proven cell by cell.
    alike = steps.are_alike(paths)
    differing = on_sites[alike & (on_sites[statistics.STAGING] != on_sites[statistics.PRODUCTION])]
    yield dg.AssetCheckResult(
        check_name="production_equals_staging",
        passed=differing.empty,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"measures": len(frame) if alike else 0, "differing": "\n".join(differing["Attribute"]) or "none"},
    )
