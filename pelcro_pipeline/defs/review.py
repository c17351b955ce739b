"""Step 7: a named person signs one exact state."""

import dagster as dg
from pydantic import Field

from pelcro_pipeline import steps
from pelcro_pipeline.defs import edges
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.workspace.places import ExtractPaths

_SIGN_OFF = dg.AssetKey(["review", "sign_off"])
_SIGNATURE = "signature"


class Signature(dg.Config):
    """Who signs."""

    signed_by: str = Field(description="The name of the person who signs the report and the data validation.")
    role: str = Field(description="Their role at the publisher.")


@dg.asset(
    key=_SIGN_OFF,
    deps=[
        *(edges.MANIFEST + edges.PREPARED),
        *edges.keys("analysis/findings", "staging/database", "staging/migration_statistics"),
    ],
    kinds={"toml"},
)
def review_sign_off(config: Signature, extract: Extracts) -> dg.MaterializeResult:
    """A named person's sign-off for the delivery, the prepared files, the statistics, the settings and the code as they stand.

    The guide: *Sign off on the report and Data validation.* Any change voids it.
    """
    paths = extract.paths
    with as_failure():
        signed = steps.sign(paths, config.signed_by, config.role)
    return dg.MaterializeResult(
        metadata={
            "signed by": signed.signed_by,
            "role": signed.role,
            "signed on": signed.signed_on,
            "accepted": dg.MetadataValue.md("\n".join(f"- {each}" for each in signed.accepted) or "nothing"),
            _SIGNATURE: signed.signature,
        }
    )


def recorded_signature(instance: dg.DagsterInstance, paths: ExtractPaths) -> str | None:
    """The signature that the sign-off's run recorded, which the file must have; a new instance has no record."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=_SIGN_OFF, asset_partitions=[paths.extract]), limit=1
    ).records
    metadata = records[0].asset_materialization.metadata if records else {}
    return metadata[_SIGNATURE].value if _SIGNATURE in metadata else None
