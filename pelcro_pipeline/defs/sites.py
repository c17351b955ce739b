"""Steps 5 and 8 on a Pelcro site: its plan, its load, and what it is found to hold. With DuckDB alone each says so and does nothing."""

import dagster as dg

from pelcro_pipeline import steps
from pelcro_pipeline.defs import edges
from pelcro_pipeline.defs.checks import check
from pelcro_pipeline.defs.presentation import markdown
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.defs.review import recorded_signature
from pelcro_pipeline.workspace.places import ExtractPaths

_NO_SITE = "none: extract.toml names none for this environment"


def _without_a_site() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"dagster/row_count": 0, "site": _NO_SITE})


def _planned(paths: ExtractPaths, environment: str, context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    with as_failure():
        plan = steps.plan_site(paths, environment, context.log.info)
    if plan is None:
        return _without_a_site()
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(sum(each.values()) for each in plan.counts.values()),
            "site": plan.site,
            "calls": plan.calls,
            "objects": markdown(plan.table),
            "rows of others": sum(plan.foreign.values()),
            "digest": plan.digest,
            "plan": dg.MetadataValue.path(paths.plan_report(environment)),
        }
    )


@dg.asset(key=["staging", "site_plan"], deps=edges.keys("staging/database"), kinds={"duckdb", "csv"})
def staging_site_plan(context: dg.AssetExecutionContext, extract: Extracts) -> dg.MaterializeResult:
    """What a load of the staging site would call: each object created, unchanged, updated, held, refused before it is sent, or in
    conflict with what stands there.

    The guide: *The migration team will run the script to migrate the data into the staging environment.*
    """
    return _planned(extract.paths, "staging", context)


def _adds_up(site: dg.AssetKey) -> dg.AssetCheckSpec:
    return check(
        site,
        "adds_up",
        "Every prepared object is created, unchanged, updated, refused, invalid, blocked, held or in conflict, and counted once.",
        blocking=True,
    )


def _loaded(paths: ExtractPaths, environment: str, done: steps.SiteLoad | None):
    """What a load has done, and whether each object is accounted for."""
    if done is None:
        yield _without_a_site()
        yield dg.AssetCheckResult(check_name="adds_up", passed=True, metadata={"site": _NO_SITE})
        return
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": done.progress.done,
            "site": done.site,
            "objects": markdown(done.balance),
            "findings": dg.MetadataValue.path(paths.site_findings(environment)),
        }
    )
    yield dg.AssetCheckResult(
        check_name="adds_up", passed=not done.broken, metadata={"broken": "\n".join(done.broken) or "nothing"}
    )


_STAGING_SITE = dg.AssetKey(["staging", "site"])


@dg.asset(
    key=_STAGING_SITE,
    deps=edges.keys("staging/site_plan", "staging/database"),
    kinds={"json"},
    check_specs=[_adds_up(_STAGING_SITE)],
)
def staging_site(context: dg.AssetExecutionContext, extract: Extracts):
    """The staging site, loaded over the Core API: each object once, whatever happens on the way. A load that was stopped or killed
    goes on where it was.

    The guide: *Any technical team would be able to successfully migrate data into Pelcro using the core APIs.*
    """
    paths = extract.paths
    with as_failure():
        done = steps.load_site(paths, context.log.info)
    yield from _loaded(paths, "staging", done)


def _equals_prepared(site: dg.AssetKey) -> dg.AssetCheckSpec:
    return check(
        site,
        "equals_prepared",
        "The site holds what was prepared, cell by cell, and nothing of ours besides.",
        blocking=True,
    )


def _found(paths: ExtractPaths, environment: str, context: dg.AssetExecutionContext):
    with as_failure():
        found = steps.reconcile_site(paths, environment, context.log.info)
    if found is None:
        yield _without_a_site()
        yield dg.AssetCheckResult(check_name="equals_prepared", passed=True, metadata={"site": _NO_SITE})
        return
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(found.rows.values()),
            "objects": markdown(found.table),
            "report": dg.MetadataValue.path(paths.reconciliation(environment)),
        }
    )
    yield dg.AssetCheckResult(
        check_name="equals_prepared",
        passed=not found.is_open,
        description=found.sentence if found.is_open else None,
        metadata={"open": found.sentence},
    )


_STAGING_READ_BACK = dg.AssetKey(["staging", "read_back"])


@dg.asset(
    key=_STAGING_READ_BACK,
    deps=edges.keys("staging/site", "staging/database"),
    kinds={"duckdb", "csv"},
    check_specs=[_equals_prepared(_STAGING_READ_BACK)],
)
def staging_read_back(context: dg.AssetExecutionContext, extract: Extracts):
    """Everything that the staging site holds, read back and compared with what was prepared.

    The guide: *The migration team will validate that all the data provided in the dry-run data dump has been successfully imported.*
    """
    yield from _found(extract.paths, "staging", context)


@dg.asset(key=["review", "site_plan"], deps=edges.keys("staging/database"), kinds={"duckdb", "csv"})
def review_site_plan(context: dg.AssetExecutionContext, extract: Extracts) -> dg.MaterializeResult:
    """What a load of the production site would call, as it stands before anything is sent: a part of what is signed.

    The guide: *Generate a migration statistics report and share the migration analysis report for review.*
    """
    return _planned(extract.paths, "production", context)


_PRODUCTION_SITE = dg.AssetKey(["production", "site"])


@dg.asset(
    key=_PRODUCTION_SITE,
    deps=edges.keys("production/database", "review/sign_off", "review/site_plan"),
    kinds={"json"},
    check_specs=[_adds_up(_PRODUCTION_SITE)],
)
def production_site(context: dg.AssetExecutionContext, extract: Extracts):
    """The production site, loaded over the Core API by the plan that was signed: the first object of each kind alone, and read back.

    The guide: *Initiate production data migration.* The gate is verified here, as for the database.
    """
    paths = extract.paths
    with as_failure():
        done = steps.produce_site(paths, recorded_signature(context.instance, paths), context.log.info)
    yield from _loaded(paths, "production", done)


_PRODUCTION_READ_BACK = dg.AssetKey(["production", "read_back"])


@dg.asset(
    key=_PRODUCTION_READ_BACK,
    deps=edges.keys("production/site", "production/database"),
    kinds={"duckdb", "csv"},
    check_specs=[_equals_prepared(_PRODUCTION_READ_BACK)],
)
def production_read_back(context: dg.AssetExecutionContext, extract: Extracts):
    """Everything that the production site holds, read back and compared with what was signed.

    The guide: *Validate production data.*
    """
    yield from _found(extract.paths, "production", context)
