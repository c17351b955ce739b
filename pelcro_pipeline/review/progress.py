"""How far an extract is, told from its files."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import pandas as pd

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.review import rejudgement, sign_off, statistics
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.spec.codes import price
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline.workspace.purge import is_purged

#: What a finding can be, the gravest first.
_SEVERITIES = (Severity.REJECT, Severity.CLEAR, Severity.REPAIR, Severity.QUESTION)


@dataclass(frozen=True)
class Progress:
    """What a person asks of an extract."""

    staged: str
    signed_by: str
    loaded: str
    #: In a few words, and the sentence that says what to do, where the words do not.
    held_by: str
    sentence: str = ""


def progress_of(paths: ExtractPaths, now: datetime.datetime) -> Progress:
    """How far an extract is, and what holds it."""
    staged, loaded = _made(paths, "staging"), _made(paths, "production")
    signed, sentence = None, ""
    if is_purged(paths):
        held_by, sentence = "purged", f"{paths.extract} was purged: its counts are kept{_ended(paths)}"
    elif not staged:
        held_by = "no dry run yet"
    elif not paths.sign_off.is_file():
        held_by = "not signed off"
    else:
        try:
            signed = sign_off.verified(paths)
            held_by = "nothing" if loaded else "load production"
            if loaded and database.is_altered(paths.database("production"), paths.checksums):
                held_by, sentence = "altered", "the production database is not as it was loaded: load it again"
            day = extract_settings.load(paths.delivered).day_of_load(now)
            if not loaded and (otherwise := rejudgement.told(paths, signed, day)):
                held_by, sentence = "another day", f"{otherwise}: production will refuse, and list them"
        except (RefusedError, UnusableInputError) as error:
            held_by, sentence = "sign-off void", str(error)
    return Progress(staged or "no", signed.signed_by if signed else "no", loaded or "no", held_by, sentence)


def questions(paths: ExtractPaths) -> str:
    """How many of an extract's questions are open, answered and stale, in words; empty where nothing was ever asked."""
    if not paths.all_questions.exists():
        return ""
    states = pd.read_parquet(paths.all_questions, columns=["state"])["state"].value_counts()
    told = [f"{states[each]:,} {each}" for each in ("open", "stale", "answered") if each in states]
    return f"questions: {', '.join(told)}" if told else ""


def _ended(paths: ExtractPaths) -> str:
    """Whose sign-off a purge has ended, in words; empty where there was none."""
    try:
        signed = sign_off.read(paths)
    except RefusedError:
        return ""
    return (
        f", and the sign-off of {signed.signed_by} ended on {signed.ended_on[:10]}"
        if signed and signed.ended_on
        else ""
    )


def _made(paths: ExtractPaths, environment: str) -> str:
    made = paths.database(environment)
    if not made.exists():
        return ""
    return datetime.datetime.fromtimestamp(made.stat().st_mtime).strftime("%Y-%m-%d")


def dispositions(paths: ExtractPaths) -> list[tuple]:
    """For each object: its title, received, prepared, merged, rejected, excluded and staged."""
    staged = statistics.summary(statistics.read(paths.statistics)).set_index("Attribute")[statistics.STAGING]
    with duck.connect() as connection:
        counted = {
            object_: counts
            for object_, *counts in connection.execute(
                f"""SELECT object, count(*), count(*) FILTER (disposition = 'prepared'), count(*) FILTER (disposition = 'merged'),
                    count(*) FILTER (disposition = 'rejected'), count(*) FILTER (disposition = 'excluded')
                FROM read_parquet({literal(str(paths.analysis / "ledger.parquet"))}) GROUP BY object"""
            ).fetchall()
        }
    rows = [(table.title, *counted.get(table.object, [0] * 5), int(staged[table.title])) for table in TABLES]
    if "" in counted:
        rows.append(("Blank records", *counted[""], 0))
    return rows


def findings(paths: ExtractPaths) -> dict[str, int]:
    """How many findings there are of each severity, the gravest first."""
    counts = _of_findings(paths, "SELECT severity, count(*) FROM findings GROUP BY severity")
    return {severity: dict(counts).get(severity, 0) for severity in _SEVERITIES}


def heaviest_rules(paths: ExtractPaths, most: int = 5) -> list[tuple[str, str, int, str]]:
    """The rules of the most findings: id, severity, count, and what it says."""
    counts = _of_findings(
        paths,
        f"SELECT rule, severity, count(*) AS findings FROM findings GROUP BY ALL ORDER BY findings DESC, rule, severity LIMIT {most}",
    )
    return [(rule, severity, count, RULES[rule].sentence) for rule, severity, count in counts]


def _of_findings(paths: ExtractPaths, query: str) -> list[tuple]:
    with duck.connect() as connection:
        connection.read_parquet(str(paths.analysis / "findings.parquet")).create_view("findings")
        return connection.execute(query).fetchall()


def prices(paths: ExtractPaths) -> list[tuple[str, str, str]]:
    """For each currency of the staged plans: its code, and the least and the greatest price as people write them."""
    with duck.connect() as connection, database.opened(paths.database("staging"), "staging", connection):
        ranges = connection.execute(
            """SELECT "plan.currency" AS currency, min("plan.amount"), max("plan.amount") FROM staging.plans
            GROUP BY currency ORDER BY currency"""
        ).fetchall()
    return [(currency, price(least, currency), price(most, currency)) for currency, least, most in ranges]
