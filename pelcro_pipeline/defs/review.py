"""Step 7: a named person signs one exact state."""

import dagster as dg
from pydantic import Field

from pelcro_pipeline.defs.partitions import extracts
from pelcro_pipeline.defs.presentation import OWNERS
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.review import sign_off
from pelcro_pipeline.workspace.places import ExtractPaths

_SIGN_OFF = dg.AssetKey(["review", "sign_off"])
_SIGNATURE = "signature"


class Signature(dg.Config):
    """Who signs."""

    signed_by: str = Field(description="The name of the person who signs the report and the data validation.")
    role: str = Field(description="Their role at the publisher.")


@dg.asset(
    key=_SIGN_OFF,
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
    with as_failure():
        signed = sign_off.sign(paths, config.signed_by, config.role)
    return dg.MaterializeResult(
        metadata={
            "signed by": signed.signed_by,
            "role": signed.role,
            "signed on": signed.signed_on,
            "accepted": dg.MetadataValue.md("\n".join(f"- {each}" for each in signed.accepted) or "nothing"),
            _SIGNATURE: signed.signature,
        }
    )


def gate(instance: dg.DagsterInstance, paths: ExtractPaths) -> sign_off.SignOff:
    """The sign-off that holds for the extract as it stands. Raises RefusedError where none does.

    The file must be the one that its run recorded; a new instance has no record to hold it to.
    """
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=_SIGN_OFF, asset_partitions=[paths.extract]), limit=1
    ).records
    metadata = records[0].asset_materialization.metadata if records else {}
    return sign_off.verified(paths, recorded=metadata[_SIGNATURE].value if _SIGNATURE in metadata else None)
