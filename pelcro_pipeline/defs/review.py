"""Step 7: a named person signs one exact state; and the reports for whoever may not see the readers."""

import dagster as dg
from pydantic import Field

from pelcro_pipeline import steps
from pelcro_pipeline.defs import edges
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.review.sign_off import SignOff
from pelcro_pipeline.workspace.places import ExtractPaths

_SIGN_OFF = dg.AssetKey(["review", "sign_off"])
_SIGNATURE = "signature"


class Signature(dg.Config):
    """Who signs."""

    signed_by: str = Field(description="The name of the person who signs the report and the data validation.")
    role: str = Field(description="Their role at the publisher.")
    accept: list[str] = Field([], description="The rules of the open questions, each accepted by name.")


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
        signed = steps.sign(paths, config.signed_by, config.role, config.accept)
    return dg.MaterializeResult(
        metadata={
            "signed by": signed.signed_by,
            "role": signed.role,
            "signed on": signed.signed_on,
            "judged by": signed.state.judged_by,
            "accepted": dg.MetadataValue.md(
                "\n".join(f"- {rule}: {count:,}" for rule, count in signed.accepted.items()) or "nothing was open"
            ),
            _SIGNATURE: signed.signature,
        }
    )


@dg.asset(
    key=["review", "shareable_bundle"],
    deps=[
        *(edges.MANIFEST + edges.RAW + edges.CONVERSION + edges.LEDGER),
        *edges.keys("raw/profile", "analysis/findings", "staging/migration_statistics"),
    ],
    kinds={"duckdb", "csv"},
)
def review_shareable_bundle(extract: Extracts) -> dg.MaterializeResult:
    """The reports without personal data, in one file to be given away: a keyed pseudonym for each customer, subscription,
    name, email, phone and address. Searched for everything that was delivered before it is kept. On request only.

    The guide: *Generate a migration statistics report and share the migration analysis report for review.*
    """
    paths = extract.paths
    with as_failure(), steps.opened(paths) as opened:
        bundle = steps.share(opened)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(rows for rows in bundle.rows.values() if rows is not None),
            **{f"rows of {name}": rows for name, rows in bundle.rows.items() if rows is not None},
            "left out": ", ".join(bundle.left_out) or "nothing",
            "bundle": dg.MetadataValue.path(bundle.path),
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
