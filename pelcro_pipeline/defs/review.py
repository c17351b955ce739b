"""Step 7: a person looks at a sample, a named one signs one exact state; and what a newer delivery changes of it."""

import dagster as dg
import pandas as pd
from pydantic import Field

from pelcro_pipeline import steps
from pelcro_pipeline.defs import edges
from pelcro_pipeline.defs.checks import check
from pelcro_pipeline.defs.presentation import markdown
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.review import comparison, going_live
from pelcro_pipeline.review.sign_off import SignOff, waived
from pelcro_pipeline.workspace import lock
from pelcro_pipeline.workspace.places import ExtractPaths

_CERTIFICATE = dg.AssetKey(["review", "certificate"])
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


_GOING_LIVE = dg.AssetKey(["review", "going_live"])


@dg.asset(
    key=_GOING_LIVE,
    deps=[
        *edges.LEDGER,
        *edges.keys("analysis/findings", "staging/database", "staging/migration_statistics"),
    ],
    kinds={"csv", "html"},
    check_specs=[
        check(_GOING_LIVE, each.id.replace("-", "_"), each.words) for each in going_live.ITEMS if each.computed
    ],
)
def review_going_live(extract: Extracts):
    """Every item of the going-live list: computed with its evidence where data can tell, else with its owner and a day.

    The guide: *Complete this checklist to verify that you've configured and implemented all Pelcro core components correctly
    before going live with your business.*
    """
    paths = extract.paths
    with as_failure():
        listed = steps.going_live(paths)
    states = [each.state for each in listed]
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(listed),
            **{state.value: states.count(state) for state in going_live.State},
            "list": markdown(going_live.table(listed).drop(columns="Owner")),
            "report": dg.MetadataValue.path(paths.going_live.with_suffix(".html")),
            "passwords": dg.MetadataValue.path(paths.passwords),
            "password resets": dg.MetadataValue.path(paths.password_resets),
        }
    )
    for each in listed:
        if each.item.computed:
            yield dg.AssetCheckResult(
                check_name=each.item.id.replace("-", "_"),
                passed=each.state is going_live.State.DONE,
                severity=dg.AssetCheckSeverity.WARN,
                description=each.evidence,
            )


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


@dg.asset(
    key=_CERTIFICATE,
    deps=[*edges.MANIFEST, *edges.PREPARED, *edges.keys("analysis/findings", "analysis/ledger")],
    kinds={"csv"},
    check_specs=[
        check(
            _CERTIFICATE,
            "holds",
            "A second program finds no difference between what was delivered and what is prepared.",
        )
    ],
)
def review_certificate(extract: Extracts):
    """A second program's word that what is prepared is what was delivered, less what the ledger and the findings tell: of every
    object, every cell and every total. In no job: launch it by itself, before a sign-off.

    The guide: *The migration team will validate that all the data provided in the dry-run data dump has been successfully
    imported.*
    """
    paths = extract.paths
    with as_failure():
        verdict = steps.certify(paths)
    counts = {
        "records": verdict.records,
        "objects": verdict.objects,
        "cells": verdict.cells,
        "totals": verdict.totals,
        "differences": verdict.found,
    }
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(verdict.differences),
            **counts,
            "report": dg.MetadataValue.path(paths.certificate),
        }
    )
    yield dg.AssetCheckResult(
        check_name="holds", passed=verdict.passed, severity=dg.AssetCheckSeverity.WARN, metadata=counts
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


class Basis(dg.Config):
    """What the extract is compared with."""

    compared_with: str = Field(
        "",
        description="An older extract; if empty the newest of the same publisher's that is signed, or else the newest.",
    )


@dg.asset(
    key=["review", "comparison"],
    deps=edges.MANIFEST + edges.PREPARED + edges.LEDGER,
    kinds={"duckdb", "csv"},
    metadata={
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, "string", doc) for name, doc in comparison.COLUMNS.items()]
        )
    },
)
def review_comparison(config: Basis, extract: Extracts) -> dg.MaterializeResult:
    """What is new, changed and vanished since an older extract of the publisher, the signed one if there is one: readers,
    addresses, products, plans and subscriptions, in money too, and what of it needs a person.

    The guide: *For smaller customers without customer service operators, they can even freeze all new subscriptions during
    this transitionary period.* Who does not freeze them learns here what has come in since.
    """
    paths = extract.paths
    with as_failure():
        named = config.compared_with
        if named == paths.extract:
            raise UnusableInputError(f"{named} is compared with another extract: name an older one, or none.")
        older = ExtractPaths(paths.home, named) if named else comparison.basis_of(paths)
        if older is None:
            nothing = "nothing: no older extract of this publisher has been run dry"
            return dg.MaterializeResult(metadata={"dagster/row_count": 0, "compared with": nothing})
        with lock.held(older):
            compared = steps.compare(older, paths)
    counts = compared.summary[["equal", "new", "changed", "vanished"]].sum()
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": compared.rows,
            "compared with": older.extract,
            **{f"objects {change}": int(count) for change, count in counts.items()},
            "needs a person": int(compared.attention["objects"].sum()),
            "objects": markdown(compared.summary),
            "attributes": markdown(compared.attributes),
            "money": markdown(comparison.priced(compared.money)),
            "what needs a person": markdown(compared.attention),
            "report": dg.MetadataValue.path(compared.report),
        }
    )
