"""The analysis report: one page that leads with the verdict and then shows what it rests on, the dearest problems first.

It aggregates, and links to the complete files beside it: a page of a million records is as small as one of a thousand.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.analysis import scope
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine.relations import from_folder, make
from pelcro_pipeline.migration_day.forecast import Forecast
from pelcro_pipeline.reporting import page
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline.rules.ledger import DISPOSITIONS
from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.spec.model import Severity

_FILES = from_folder(Path(__file__).parent / "sql")
_SEVERITIES = (Severity.REJECT, Severity.CLEAR, Severity.REPAIR, Severity.QUESTION)
#: Rows that a chart or a table shows; what there is beyond is counted in a last row, or stands in the file that is named.
_BARS, _QUESTIONS, _EXAMPLES, _MONTHS = 15, 25, 5, 24


@dataclass(frozen=True)
class Verdict:
    """Whether this can go to production, in one sentence; ``state`` is ``ready`` or ``held``."""

    state: str
    sentence: str


@dataclass(frozen=True)
class Problem:
    """A rule that was broken: what it is, how often, what was lost by it, what mends it, and where its rows are."""

    rule: str
    sentence: str
    guide: str
    fix: str
    #: By severity, the gravest first.
    counts: dict[str, int]
    examples: list[tuple]
    subscriptions: int
    money: str
    #: The same, of all currencies, to sort by.
    dear: float

    @property
    def findings(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Analysis:
    """All that the page shows, as numbers and text."""

    extract: str
    judged_by: datetime.date
    verdict: Verdict
    files: list[tuple[str, int]]
    dispositions: list[tuple]
    period_ends: list[tuple[str, int]]
    plans: list[tuple[str, int]]
    countries: list[tuple[str, int]]
    #: The dearest first: by what the plans of the subscriptions cost that stay behind for it, then by its findings.
    problems: list[Problem]
    mends: list[tuple[str, int]]
    questions: pd.DataFrame
    scope: pd.DataFrame
    #: What a second program found against what is prepared; None where it was not asked.
    certificate: int | None
    #: What the migration day brings.
    migration_day: Forecast


def analysed(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    extract: str,
    questions: pd.DataFrame,
    certificate: int | None,
    migration_day: Forecast,
) -> Analysis:
    """Put the analysis together.

    ``connection`` has the views ``ledger`` and ``findings``, those of the conversion and of the judgement's results, and
    the staging database's tables by their names.
    """
    scope.create(connection)
    make(connection, (_FILES["period_end"], _FILES["lost_subscription"]))
    problems = _problems(connection)
    mends: dict[str, int] = {}
    for problem in problems:
        mends[problem.fix] = mends.get(problem.fix, 0) + problem.findings
    return Analysis(
        extract=extract,
        judged_by=manifest.settings.today,
        verdict=verdict(questions),
        files=[(file.name, file.records + file.quarantined_records) for file in manifest.files],
        dispositions=_dispositions(connection),
        period_ends=_shortened(
            [(month or "none", count) for month, count in connection.execute("FROM period_end").fetchall()],
            _MONTHS,
            "later",
        ),
        plans=_counted(connection, "plan_name || ' (' || plan || ')'"),
        countries=_counted(connection, "country"),
        problems=problems,
        mends=_shortened(sorted(mends.items(), key=lambda each: -each[1]), _BARS, "all else"),
        questions=questions,
        scope=scope.table(connection, manifest.settings),
        certificate=certificate,
        migration_day=migration_day,
    )


def verdict(questions: pd.DataFrame) -> Verdict:
    """What holds an extract that stands in staging, of its questions (``questions.csv``)."""
    blocking = questions[questions["blocking"] == "yes"]
    if blocking.empty:
        return Verdict(
            "ready",
            "Ready for review: it stands in staging, nothing is open, and production waits for a sign-off alone.",
        )
    subscriptions = int(blocking["subscriptions"].sum())
    count = len(blocking)
    return Verdict(
        "held",
        f"It stands in staging; production waits for {count:,} {'question' if count == 1 else 'questions'}, on which up to "
        f"{subscriptions:,} {'subscription hangs' if subscriptions == 1 else 'subscriptions hang'}, to be answered or accepted, and for a sign-off.",
    )


def _dispositions(connection: duckdb.DuckDBPyConnection) -> list[tuple]:
    counted = ", ".join(f"count(*) FILTER (disposition = '{each}')" for each in DISPOSITIONS)
    counts = {
        object_: cells
        for object_, *cells in connection.execute(f"SELECT object, {counted} FROM ledger GROUP BY object").fetchall()
    }
    rows = [(table.title, *counts.get(table.object, [0] * len(DISPOSITIONS))) for table in TABLES]
    if "" in counts:
        rows.append(("Blank records", *counts[""]))
    return [row for row in rows if sum(row[1:])]


def _counted(connection: duckdb.DuckDBPyConnection, by: str) -> list[tuple[str, int]]:
    rows = connection.execute(
        f"SELECT {by} AS label, count(*) AS subscriptions FROM staged_subscription GROUP BY label ORDER BY subscriptions DESC, label"
    ).fetchall()
    return _shortened(rows, _BARS, "all others")


def _shortened(rows: list[tuple[str, int]], most: int, rest: str) -> list[tuple[str, int]]:
    """The first rows, and what the others come to in one."""
    beyond = sum(count for _, count in rows[most:])
    return rows[:most] + ([(f"{rest} ({len(rows) - most:,})", beyond)] if beyond else [])


def _problems(connection: duckdb.DuckDBPyConnection) -> list[Problem]:
    lost = {rule: (count, stake) for rule, count, stake in connection.execute("FROM lost_subscription").fetchall()}
    counts: dict[str, dict[str, int]] = {}
    for rule, severity, count in connection.execute(
        "SELECT rule, severity, count(*) FROM findings GROUP BY ALL"
    ).fetchall():
        counts.setdefault(rule, {})[severity] = count
    examples: dict[str, list[tuple]] = {}
    for rule, *cells in connection.execute(
        f"""SELECT rule, file, coalesce(line::VARCHAR, ''), coalesce(key, ''), coalesce(attribute, ''), coalesce(value, ''), coalesce(result, '')
        FROM findings QUALIFY row_number() OVER (PARTITION BY rule ORDER BY file, line, attribute) <= {_EXAMPLES}"""
    ).fetchall():
        examples.setdefault(rule, []).append(tuple(cells))
    problems = [
        Problem(
            rule=rule,
            sentence=RULES[rule].sentence,
            guide=RULES[rule].guide,
            fix=RULES[rule].fix,
            counts={each.value: of_rule[each] for each in _SEVERITIES if each in of_rule},
            examples=examples[rule],
            subscriptions=subscriptions,
            money=page.moneys(stake),
            dear=page.dear(stake),
        )
        for rule, of_rule in counts.items()
        for subscriptions, stake in [lost.get(rule, (0, []))]
    ]
    return sorted(problems, key=lambda each: (-each.dear, -each.subscriptions, -each.findings, each.rule))


def _money(told: Forecast) -> dict[str, list[dict]]:
    """The tables of the migration day, a dict for each row."""
    frames = {name: getattr(told, name) for name in ("first_day", "totals", "states", "surprises", "cards")}
    return {name: frame.to_dict("records") for name, frame in frames.items()}


def render(analysis: Analysis) -> str:
    """The page."""
    return page.render(
        "analysis.html",
        analysis=analysis,
        dispositions=DISPOSITIONS,
        money=_money(analysis.migration_day),
        questions=analysis.questions.head(_QUESTIONS).to_dict("records"),
        columns=list(analysis.scope.columns),
        scope=[["" if pd.isna(cell) else cell for cell in row] for row in analysis.scope.itertuples(index=False)],
    )
