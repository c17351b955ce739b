"""The code location: everything that Dagster sees."""

import os

import dagster as dg

from pelcro_pipeline.defs import (
    analysis,
    automation,
    conversion,
    jobs,
    migration_day,
    policy,
    prepared,
    production,
    raw,
    request,
    review,
    sites,
    staging,
    undo,
)
from pelcro_pipeline.defs.resources import Extracts
from pelcro_pipeline.defs.statistics_file import statistics_file
from pelcro_pipeline.workspace import places

# Where no workspace is named it is the project's own data folder.
os.environ.setdefault(places.HOME, str(places.home()))

defs = dg.Definitions(
    assets=dg.map_asset_specs(
        policy.applied,
        dg.load_assets_from_modules(
            [request, raw, conversion, analysis, prepared, migration_day, staging, sites, review, production]
        ),
    ),
    jobs=[
        jobs.dry_run,
        jobs.forecast,
        jobs.annotate,
        jobs.sign_off,
        jobs.share,
        jobs.production,
        undo.revert,
        undo.revert_site,
        undo.purge,
    ],
    sensors=[automation.new_extract],
    schedules=[automation.newest_extracts],
    resources={"extract": Extracts(home=dg.EnvVar(places.HOME)), "statistics_file": statistics_file},
    # A step of its own costs seconds of interpreter start; the steps share two cores anyway.
    executor=dg.in_process_executor,
)
