"""Going back: production as it was before the last load, and an extract's personal data gone."""

import dagster as dg
from pydantic import Field

from pelcro_pipeline import steps
from pelcro_pipeline.defs import review
from pelcro_pipeline.defs.partitions import extracts
from pelcro_pipeline.defs.presentation import markdown
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.review import sign_off, statistics
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace import purge as purging


@dg.op
def revert_production(context: dg.OpExecutionContext, extract: Extracts) -> None:
    """Put back the database that stood before the last load, and count it."""
    paths = extract.paths
    with as_failure():
        try:
            stands = database.revert(paths.database("production"))
        except RefusedError:
            # The revert before may have been killed before it had counted.
            if paths.statistics.is_file():
                steps.recount_production(paths)
            raise
        frame = steps.recount_production(paths)
    context.log_event(
        dg.AssetMaterialization(
            ["production", "database"],
            description="Reverted to what stood before the last load.",
            partition=paths.extract,
            metadata={
                "dagster/row_count": sum(database.counts(paths.database("production")).values()) if stands else 0,
                "objects": markdown(statistics.summary(frame)),
            },
        )
    )


@dg.job(
    partitions_def=extracts,
    description="Production as it was before the last load: one step back, and empty where there was nothing before it.",
)
def revert():
    revert_production()


class Confirmation(dg.Config):
    """Nothing brings back what is purged."""

    extract: str = Field(description="The extract's name, typed again.")


@dg.op
def purge_extract(context: dg.OpExecutionContext, config: Confirmation, extract: Extracts) -> None:
    """Delete every file that holds the extract's personal data."""
    paths = extract.paths
    with as_failure():
        if config.extract != paths.extract:
            raise UnusableInputError(
                f"To purge {paths.extract}, type its name again: {config.extract!r} was typed, and nothing was deleted."
            )
        purging.purgeable_paths(paths)
        # First, so that what is left of a purge that was cut short cannot be loaded.
        if signed := sign_off.end(paths):
            context.log_event(review.ended(signed, paths))
        for place in purging.purge(paths):
            context.log.info(f"Deleted {place.relative_to(paths.home)}")
    context.instance.delete_dynamic_partition(extracts.name, paths.extract)


@dg.job(
    partitions_def=extracts,
    # What has to be typed stands in the launchpad already, empty.
    config={"ops": {"purge_extract": {"config": {"extract": ""}}}},
    description="All personal data of an extract gone: delivery, prepared files, reports, archive, both databases. "
    "The counts are kept, and the sign-off, which ends, for the record.",
)
def purge():
    purge_extract()
