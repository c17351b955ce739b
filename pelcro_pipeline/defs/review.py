"""Step 7: a named person signs one exact state."""

import dagster as dg
import pandas as pd
from pydantic import Field

from pelcro_pipeline import steps
from pelcro_pipeline.defs import edges
from pelcro_pipeline.defs.presentation import markdown
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.review.sign_off import SignOff, waived
from pelcro_pipeline.workspace.places import ExtractPaths

_SIGN_OFF = dg.AssetKey(["review", "sign_off"])
_SIGNATURE = "signature"


class WaivedQuestion(dg.Config):
    """An open question that is let be."""

    what: str = Field(description="The rule of the question.")
    why: str = Field(description="Why it is let be.")
    until: str = Field(description="The last day on which production may be loaded by it, as 2026-12-31.")


class Signature(dg.Config):
    """Who signs."""

    signed_by: str = Field(description="The name of the person who signs the report and the data validation.")
    role: str = Field(description="Their role at the publisher.")
    accept: list[str] = Field([], description="The rules of the open questions, each accepted by name.")
    waivers: list[WaivedQuestion] = Field(
        [], description="The rules of open questions that are waived: what, why, and until when."
    )


@dg.asset(
    key=_SIGN_OFF,
    deps=[
        *(edges.MANIFEST + edges.PREPARED),
        *edges.keys("analysis/findings", "staging/database", "staging/migration_statistics"),
    ],
    kinds={"toml"},
)
def review_sign_off(config: Signature, extract: Extracts) -> dg.MaterializeResult:
    """A named person's sign-off for the delivery, the prepared files, the statistics, the settings, the code and the
    day judged by, as they stand. It accepts each open question by the name of its rule.

    The guide: *Sign off on the report and Data validation.* Any change voids it.
    """
    paths = extract.paths
    with as_failure():
        signed = steps.sign(
            paths,
            config.signed_by,
            config.role,
            config.accept,
            [waived(each.what, each.why, each.until) for each in config.waivers],
        )
    return dg.MaterializeResult(
        metadata={
            "signed by": signed.signed_by,
            "role": signed.role,
            "signed on": signed.signed_on,
            "second signature": signed.second.signed_by if signed.second else "none",
            "judged by": signed.state.judged_by,
            "waived": markdown(
                pd.DataFrame([each.model_dump() for each in signed.waivers]).astype(str), "Nothing is waived."
            ),
            "accepted": dg.MetadataValue.md(
                "\n".join(f"- {rule}: {count:,}" for rule, count in signed.accepted.items()) or "nothing was open"
            ),
            _SIGNATURE: signed.signature,
        }
    )


def ended(signed: SignOff, paths: ExtractPaths) -> dg.AssetMaterialization:
    """The record that a sign-off has ended: an older file that is put back is not the one recorded last."""
    return dg.AssetMaterialization(
        _SIGN_OFF,
        description="Ended by a purge.",
        partition=paths.extract,
        metadata={"signed by": signed.signed_by, "ended on": signed.ended_on, _SIGNATURE: signed.signature},
    )


def recorded_signature(instance: dg.DagsterInstance, paths: ExtractPaths) -> str | None:
    """The signature that the sign-off's run recorded, which the file must have; a new instance has no record."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=_SIGN_OFF, asset_partitions=[paths.extract]), limit=1
    ).records
    metadata = records[0].asset_materialization.metadata if records else {}
    return metadata[_SIGNATURE].value if _SIGNATURE in metadata else None
