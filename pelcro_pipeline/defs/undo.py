"""Going back: production as it was before the last load, a site as it was before the first, and an extract's personal data gone."""

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
from pelcro_pipeline.workspace.places import ExtractPaths


@dg.op
def revert_production(context: dg.OpExecutionContext, extract: Extracts) -> None:
    """Put back the database that stood before the last load, and count it."""
    paths = extract.paths
    with as_failure():
        if steps.site(paths, "production"):
            raise UnusableInputError(
                f"Production of {paths.extract} is a Pelcro site: the job revert_site takes back what was loaded there."
            )
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
    """Nothing brings back what is purged, or taken away from a site."""

    extract: str = Field(description="The extract's name, typed again.")

    def held_against(self, paths: ExtractPaths, verb: str) -> None:
        """Raise UnusableInputError where another name was typed."""
        if self.extract != paths.extract:
            raise UnusableInputError(
                f"To {verb} {paths.extract}, type its name again: {self.extract!r} was typed, and nothing was done."
            )


class SiteConfirmation(Confirmation):
    """Which of an extract's sites."""

    on: str = Field(default="production", description="staging or production.")


@dg.op
def revert_from_site(context: dg.OpExecutionContext, config: SiteConfirmation, extract: Extracts) -> None:
    """Take back what was loaded into a site, and list what stays."""
    paths = extract.paths
    with as_failure():
        config.held_against(paths, "revert")
        if config.on not in ("staging", "production"):
            raise UnusableInputError(f"{config.on!r} is no environment: type staging or production.")
        planned, reverted = steps.revert_site(paths, config.on, context.log.info)
    context.log_event(
        dg.AssetMaterialization(
            [config.on, "site"],
            description="What was loaded there has been taken back.",
            partition=paths.extract,
            metadata={
                "dagster/row_count": 0,
                "taken back": reverted.reverted,
                "kept": reverted.kept,
                "objects": markdown(planned.table),
                "revert": dg.MetadataValue.path(paths.revert_report(config.on)),
            },
        )
    )


@dg.job(
    partitions_def=extracts,
    # What has to be typed stands in the launchpad already, empty.
    config={"ops": {"revert_from_site": {"config": {"extract": "", "on": "production"}}}},
    description="A Pelcro site as it was before the first load: what was loaded there is taken back, and what has gained something of "
    "others, or has changed since, stays and is listed.",
)
def revert_site():
    revert_from_site()


@dg.op
def purge_extract(context: dg.OpExecutionContext, config: Confirmation, extract: Extracts) -> None:
    """Delete every file that holds the extract's personal data."""
    paths = extract.paths
    with as_failure():
        config.held_against(paths, "purge")
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
