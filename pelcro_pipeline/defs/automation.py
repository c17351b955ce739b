"""What starts a dry run by itself: a delivery that has arrived, and a new day. Production is started by a person."""

import json

import dagster as dg

from pelcro_pipeline.defs.jobs import dry_run
from pelcro_pipeline.defs.partitions import extracts
from pelcro_pipeline.defs.resources import Extracts
from pelcro_pipeline.delivery.manifest import is_current
from pelcro_pipeline.review import sign_off
from pelcro_pipeline.workspace import lock, places
from pelcro_pipeline.workspace.places import ExtractPaths


@dg.sensor(
    job=dry_run,
    minimum_interval_seconds=15,
    description="Registers a delivered folder once it has stopped changing, and runs it dry: once as it is, and again when it "
    "was corrected.",
)
def new_extract(context: dg.SensorEvaluationContext, extract: Extracts) -> dg.SensorResult:
    home = extract.workspace
    seen = json.loads(context.cursor or "{}")
    found = {name: places.fingerprint(home / "extracts" / name) for name in places.extracts(home)}
    # A folder that is still being copied looks different from one look to the next.
    settled = [name for name in found if seen.get(name) == found[name]]
    known = set(context.instance.get_dynamic_partitions(extracts.name))
    return dg.SensorResult(
        dynamic_partitions_requests=[extracts.build_add_request([name for name in settled if name not in known])],
        run_requests=[
            dg.RunRequest(run_key=f"{name} {found[name]}", partition_key=name)
            for name in settled
            if _is_due(ExtractPaths(home, name))
        ],
        cursor=json.dumps(found),
    )


def _is_due(paths: ExtractPaths) -> bool:
    """Whether no run has read the folder as it is, and none is about to."""
    return not lock.is_held(paths) and not is_current(paths.manifest, paths.delivered)


@dg.schedule(
    cron_schedule="0 5 * * *",
    job=dry_run,
    description="Every morning a dry run of the newest extract of each publisher that is neither signed nor in production yet: what "
    "has expired since, and what a new version of the rules finds.",
)
def newest_extracts(context: dg.ScheduleEvaluationContext, extract: Extracts) -> list[dg.RunRequest]:
    home = extract.workspace
    known = set(context.instance.get_dynamic_partitions(extracts.name))
    return [
        dg.RunRequest(run_key=f"{name} {context.scheduled_execution_time:%Y-%m-%d}", partition_key=name)
        for name in places.newest_of_each_publisher(places.extracts(home))
        if name in known and not _is_settled(ExtractPaths(home, name))
    ]


def _is_settled(paths: ExtractPaths) -> bool:
    """Whether it is in production, or signed: judged by another day it would have to be signed again."""
    return paths.database("production").exists() or sign_off.stands(paths)
