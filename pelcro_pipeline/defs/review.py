"""Step 7: a named person signs one exact state."""

import dagster as dg
from pydantic import Field

from pelcro_pipeline import connection as duck
from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.defs.partitions import extracts
from pelcro_pipeline.defs.presentation import OWNERS
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.review import sign_off
from pelcro_pipeline.target import database


class Signature(dg.Config):
    """Who signs."""

    signed_by: str = Field(description="The name of the person who signs the report and the data validation.")
    role: str = Field(description="Their role at the publisher.")


@dg.asset(
    key=["review", "sign_off"],
    group_name="review",
    owners=OWNERS,
    deps=[dg.AssetKey(["staging", "migration_statistics"])],
    kinds={"toml"},
    partitions_def=extracts,
)
def review_sign_off(config: Signature, extract: Extracts) -> dg.MaterializeResult:
    """A named person's sign-off for the delivery, the prepared files, the statistics, the settings and the code as they stand.

    The guide: *Sign off on the report and Data validation.* Any change voids it.
    """
    paths = extract.paths
    with as_failure(), duck.connect() as connection:
        files = database.PreparedFiles(paths.prepared, extract_settings.load(paths.delivered), paths.seals)
        files.verify(connection)
        signed = sign_off.sign(paths, config.signed_by, config.role)
    return dg.MaterializeResult(
        metadata={
            "signed by": signed.signed_by,
            "role": signed.role,
            "signed on": signed.signed_on,
            "prepared files": signed.state.prepared,
            "statistics": signed.state.statistics,
        }
    )
