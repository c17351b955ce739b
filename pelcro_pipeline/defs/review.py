"""Step 7: a person looks at a sample, and a named one signs one exact state."""

import dagster as dg
from pydantic import Field

from pelcro_pipeline import steps
from pelcro_pipeline.defs import edges
from pelcro_pipeline.defs.presentation import markdown
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.review.sign_off import SignOff
from pelcro_pipeline.workspace.places import ExtractPaths

_SIGN_OFF = dg.AssetKey(["review", "sign_off"])
_SIGNATURE = "signature"


@dg.asset(
    key=["review", "sample"],
    deps=[
        *(edges.MANIFEST + edges.RAW + edges.CONVERSION + edges.LEDGER + edges.PREPARED),
        *edges.keys("analysis/findings", "staging/database"),
    ],
    kinds={"csv", "html", "xlsx"},
)
def review_sample(extract: Extracts) -> dg.MaterializeResult:
    """Customers that show every scenario, what was delivered, prepared and staged of each side by side: to be ticked off.

    The guide: *Test a small sample of customers (20-50) and compare it to the previous system.*
    """
    paths = extract.paths
    with as_failure(), steps.opened(paths) as opened:
        sample = steps.sample(opened)
        review = steps.reviewed(paths)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(sample.customers),
            "customers": len(sample.customers),
            "scenarios": len(sample.population.scenarios),
            "scenarios covered": sample.scenarios_covered,
            "pairs": sample.pairs_present,
            "pairs covered": sample.pairs_covered,
            "coverage": markdown(sample.coverage),
            "proven by machine": sample.proven_by_machine,
            "proven by a review": sample.proven_by_review,
            "reviewed": f"{review.ticked} of {review.customers}, {len(review.not_right)} not right"
            if review
            else "not yet",
            **{
                f"sample.{kind}": dg.MetadataValue.path(paths.reports / f"sample.{kind}")
                for kind in ("csv", "html", "xlsx")
            },
        }
    )


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
