"""Step 4: every violation found, and one disposition for each object."""

import dagster as dg
import pandas as pd
from pydantic import Field

from pelcro_pipeline import steps
from pelcro_pipeline.conversion import sample
from pelcro_pipeline.defs import edges
from pelcro_pipeline.defs.checks import check, conforms
from pelcro_pipeline.defs.presentation import asset_spec, markdown, picture
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.review import charts
from pelcro_pipeline.rules import conservation, contract
from pelcro_pipeline.rules.ledger import DISPOSITIONS
from pelcro_pipeline.spec.model import Severity

_FINDINGS = dg.AssetKey(["analysis", "findings"])
_LEDGER = dg.AssetKey(["analysis", "ledger"])
_QUESTIONS = dg.AssetKey(["analysis", "questions"])
_DEPS = edges.MANIFEST + edges.CONVERSION

#: Bad rows are normal and looked at: by severity the check that warns of them.
_BAD_ROWS = {
    Severity.REJECT: ("nothing_rejected", "No object stays behind for what is wrong with it."),
    Severity.CLEAR: ("nothing_cleared", "No value stays behind for what is wrong with it."),
    Severity.REPAIR: ("nothing_inferred", "No value had to be inferred."),
    Severity.QUESTION: ("nothing_to_ask", "Nothing waits for the publisher's word."),
}


class Judgement(dg.Config):
    """What is kept of how the findings came about."""

    keep_relations: bool = Field(False, description="Leave each relation on disk, its SQL and its rows, to look at.")


@dg.multi_asset(
    specs=[
        asset_spec(
            "analysis",
            "findings",
            "Every violation of every rule: file, line, attribute, severity, what stands instead and what to do. "
            "The guide: *Analyze the provided data, generate the data analysis report.*",
            deps=_DEPS,
            kinds={"duckdb", "csv"},
        ),
        asset_spec(
            "analysis",
            "ledger",
            "What became of every object of every record: prepared, merged, rejected or excluded, and why. "
            "Nothing is dropped without a row here. "
            "The guide: *Measure of how many records were kept between the excel dump and Pelcro's migration script.*",
            deps=_DEPS,
            kinds={"duckdb", "csv"},
        ),
        asset_spec(
            "analysis",
            "questions",
            "What waits for the publisher's word, dearest first: one row for each rule, attribute and value or object that it is "
            "about, with what hangs on it and what can be answered. Filled in and put into the extract's folder, the answers "
            "hold from the next run. The guide: *share the list of questions to be clarified.*",
            deps=_DEPS,
            kinds={"duckdb", "csv", "excel"},
        ),
    ],
    check_specs=[
        *(check(_FINDINGS, name, description) for name, description in _BAD_ROWS.values()),
        *(
            check(key, "conforms", "What is reported is in the form that the pandera schema states.", blocking=True)
            for key in (_FINDINGS, _LEDGER)
        ),
        check(
            _LEDGER,
            "conservation",
            "Received = prepared + merged + rejected + excluded, for every object, and every object has one disposition.",
            blocking=True,
        ),
    ],
    name="judgement",
)
def analysis(config: Judgement, extract: Extracts):
    paths = extract.paths
    with as_failure(), steps.opened(paths) as opened:
        asked = steps.judge(opened, keep_relations=config.keep_relations)
        connection = opened.connection
        by_rule = connection.execute(
            "SELECT rule, severity, count(*) AS findings FROM finding GROUP BY ALL ORDER BY findings DESC, rule"
        ).df()
        report = dg.MetadataValue.path(paths.reports / "findings.csv")
        yield dg.MaterializeResult(
            asset_key=_FINDINGS,
            metadata={
                "dagster/row_count": int(by_rule["findings"].sum()),
                **{
                    f"findings: {severity}": int(by_rule["findings"][by_rule["severity"] == severity].sum())
                    for severity in _BAD_ROWS
                },
                "chart": picture(charts.findings(by_rule), "Findings by rule"),
                "by rule": markdown(by_rule),
                "report": report,
            },
        )
        asked_by_rule = asked.groupby("rule", sort=False).agg(
            questions=("id", "count"), concerned=("count", "sum"), subscriptions=("subscriptions", "sum")
        )
        yield dg.MaterializeResult(
            asset_key=_QUESTIONS,
            metadata={
                "dagster/row_count": len(asked),
                "stale": int(asked["state"].str.startswith("stale").sum()),
                "answered": len(opened.manifest.answers),
                "by rule": markdown(asked_by_rule.reset_index(), "Nothing is asked."),
                "file": dg.MetadataValue.path(paths.questions),
                "workbook": dg.MetadataValue.path(paths.questions_workbook),
            },
        )
        for severity, (name, _) in _BAD_ROWS.items():
            yield _bad_rows(connection, severity, name, report)
        for key, schema, relation in ((_FINDINGS, contract.FINDINGS, "finding"), (_LEDGER, contract.LEDGER, "ledger")):
            yield _conforms(connection, key, schema, relation)
        dispositions = conservation.dispositions(connection)
        yield dg.MaterializeResult(
            asset_key=_LEDGER,
            metadata={
                "dagster/row_count": int(dispositions["received"].sum()),
                **{each: int(dispositions[each].sum()) for each in DISPOSITIONS},
                "chart": picture(charts.dispositions(dispositions), "What became of each object"),
                "dispositions": markdown(dispositions),
                "report": dg.MetadataValue.path(paths.reports / "ledger.csv"),
            },
        )
        broken = conservation.broken(connection)
        yield dg.AssetCheckResult(
            asset_key=_LEDGER,
            check_name="conservation",
            passed=not broken,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"broken": "\n".join(broken) or "nothing"},
        )


@dg.asset(
    key=["analysis", "annotated_files"],
    deps=edges.MANIFEST + edges.RAW + [_FINDINGS],
    kinds={"xlsx"},
)
def analysis_annotated_files(extract: Extracts) -> dg.MaterializeResult:
    """Each delivered file as a workbook, every finding on its cell: to be corrected and handed back. It holds personal
    data, passwords as they were delivered among them. Made when somebody asks for it.

    The guide: *Analyze the provided data, generate the data analysis report.*
    """
    with as_failure():
        written = steps.annotate(extract.paths)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(each.rows for each in written),
            "files": markdown(pd.DataFrame(written).rename(columns=lambda name: name.replace("_", " "))),
            "folder": dg.MetadataValue.path(extract.paths.annotated),
        }
    )


def _bad_rows(connection, severity: Severity, name: str, report: dg.MetadataValue) -> dg.AssetCheckResult:
    """Whether no finding has a severity; how many have, and of which attributes and rules."""
    worst = connection.execute(
        """SELECT attribute, rule, count(*) AS findings FROM finding WHERE severity = ?
        GROUP BY ALL ORDER BY findings DESC, attribute, rule""",
        [severity],
    ).df()
    return dg.AssetCheckResult(
        asset_key=_FINDINGS,
        check_name=name,
        passed=worst.empty,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{worst['findings'].sum():,} findings" if len(worst) else "none",
        metadata={
            "findings": int(worst["findings"].sum()),
            "worst attributes": markdown(worst.head(10)),
            "report": report,
        },
    )


def _conforms(connection, key: dg.AssetKey, schema, relation: str) -> dg.AssetCheckResult:
    """The pandera check of a report: of its first rows where it is long."""
    ((count,),) = connection.execute(f"SELECT count(*) FROM {relation}").fetchall()
    frame = connection.execute(f"SELECT {', '.join(schema.columns)} FROM {relation} LIMIT {sample.WHOLE}").df()
    return conforms(key, [(schema, frame, count)])


@dg.asset(
    key=["analysis", "report"],
    deps=[
        *(_DEPS + edges.LEDGER),
        *edges.keys("analysis/findings", "analysis/questions", "staging/database"),
        *edges.FORECAST,
    ],
    kinds={"html"},
)
def analysis_report(extract: Extracts) -> dg.MaterializeResult:
    """What a publisher reads first: one page with the verdict, what became of the records, what was lost, what is asked, the
    scope sheet, and every rule that was met with its rows.

    The guide: *generate the data analysis report and share the list of questions to be clarified.*
    """
    paths = extract.paths
    with as_failure(), steps.opened(paths) as opened:
        analysis = steps.report(opened)
    dispositions = pd.DataFrame(analysis.dispositions, columns=["object", *DISPOSITIONS])
    lost = pd.DataFrame(
        [
            (each.rule, each.sentence, each.subscriptions, each.money)
            for each in analysis.problems
            if each.subscriptions
        ],
        columns=["rule", "what is wrong", "subscriptions", "their plans cost"],
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(analysis.problems),
            "verdict": analysis.verdict.sentence,
            "dispositions": markdown(dispositions),
            "lost": markdown(lost, "No subscription stays behind for what is wrong with it."),
            "scope": markdown(analysis.scope),
            "report": dg.MetadataValue.path(paths.analysis_report),
            "scope sheet": dg.MetadataValue.path(paths.scope),
        }
    )
