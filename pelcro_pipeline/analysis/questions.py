"""The questions that wait for the publisher's word: each once, with what hangs on it, dearest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.delivery.answers import GivenAnswer
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine.relations import Relation, from_folder, make
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.reporting import delimited, page, workbook
from pelcro_pipeline.reporting.workbook import Column, Sheet
from pelcro_pipeline.rules.answers import ASKING, SETTINGS_ASKED, allowed, question_id
from pelcro_pipeline.rules.catalogue import RULES, Effect
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import ATTRIBUTES
from pelcro_pipeline.spec.sql import MARK, literal
from pelcro_pipeline.workspace import atomic

_FILES = from_folder(Path(__file__).parent / "sql")
#: What a question is put together from, in the order in which it is made.
ORDER = ("column_of_template", "asked_object", "asked_subscription", "stake", "question")
#: The columns of questions.csv.
NAMES = (
    "id", "question", "why", "count", "examples", "subscriptions", "money", "default", "answers", "blocking",
    "answer", "value", "state", "rule", "attribute", "about", "content",
)  # fmt: skip
#: The same in the workbook, what a person reads and fills in first.
COLUMNS = (
    Column("question", 44, wrapped=True),
    Column("answer", 14, fill_in=True),
    Column("value", 18, fill_in=True),
    Column("answers", 44, wrapped=True),
    Column("default", 30, wrapped=True),
    Column("count", 8),
    Column("subscriptions", 13),
    Column("money", 18, wrapped=True),
    Column("examples", 46, wrapped=True),
    Column("why", 56, wrapped=True),
    Column("blocking", 9, printed=False),
    Column("state", 22, wrapped=True, printed=False),
    Column("id", 34, printed=False),
    Column("rule", 22, printed=False),
    Column("attribute", 30, printed=False),
    Column("about", 30, printed=False),
    Column("content", 30, printed=False),
)
#: Those that hold delivered text.
DELIVERED = ("question", "examples", "state", "attribute", "about", "content")
#: Questions that the workbook takes: nobody reads more, and a drop-down for each is what makes it slow.
MOST_IN_WORKBOOK = 5_000


def relations() -> dict[str, Relation]:
    """The relations that questions are put together from, by name."""
    names = ", ".join(f"({literal(name)})" for name in ATTRIBUTES)
    column = Relation(
        "column_of_template", "The columns of the templates.", (), f"FROM (VALUES {names}) AS columns(attribute)"
    )
    return {name: _FILES[name] for name in ORDER if name in _FILES} | {column.name: column}


def create(connection: duckdb.DuckDBPyConnection) -> list[Relation]:
    """The temporary table ``question``, of the findings that ``rules.findings`` has made. Returns the relations that it made."""
    made = [relations()[name] for name in ORDER]
    make(connection, made)
    return made


def table(connection: duckdb.DuckDBPyConnection, settings: Settings) -> pd.DataFrame:
    """The open questions as questions.csv has them, dearest first: by what the plans of their subscriptions cost, whatever
    the currency, then by their subscriptions and their count."""
    rows = [
        _row(*cells)
        for cells in connection.execute(
            "SELECT question, rule, attribute, about, count, examples, subscriptions, money, content, was, is_now FROM question"
        ).fetchall()
    ]
    rows += [
        _of_setting(name)
        for name in SETTINGS_ASKED
        if getattr(settings, SETTINGS_ASKED[name].answers[0].setting) is None
    ]
    rows.sort(key=lambda row: (-row["dear"], -row["subscriptions"], -row["count"], row["id"]))
    return pd.DataFrame(rows, columns=[*NAMES]).astype({"count": "int64", "subscriptions": "int64"})


def _row(
    question: str,
    rule: str,
    attribute: str | None,
    about: str | None,
    count: int,
    examples: list[str],
    subscriptions: int,
    stake: list[dict],
    content: str,
    was: str | None,
    is_now: str | None,
) -> dict:
    told = RULES[rule]
    asks = ASKING[rule]
    return {
        "id": question,
        "question": asks.sentence.format(attribute=_shown(attribute), about=about or "what stands there"),
        "answers": _listed(asks.answers),
        "default": asks.answers[0].does,
        "count": count,
        "subscriptions": subscriptions,
        "money": page.moneys(stake),
        "examples": "\n".join(examples),
        "why": f"The guide: {told.guide}" if told.guide else told.interpretation,
        "blocking": "yes",
        "state": "open" if was is None else f"stale: it was about {was}, and is now about {is_now}",
        "rule": rule,
        "attribute": attribute or "",
        "about": about or "",
        "content": content or "",
        "answer": "",
        "value": "",
        "dear": page.dear(stake),
    }


def _shown(attribute: str | None) -> str:
    return (
        attribute.removeprefix("address.")
        if attribute in ("address.billing", "address.shipping")
        else attribute or "the file"
    )


def _of_setting(name: str) -> dict:
    """What only the publisher can say of itself; the migration does not wait for it."""
    asks = SETTINGS_ASKED[name]
    return dict.fromkeys(NAMES, "") | {
        "id": question_id(name, "", ""),
        "question": asks.sentence,
        "answers": _listed(asks.answers),
        "default": asks.answers[0].does,
        "count": 1,
        "subscriptions": 0,
        "why": "The guide: Does your business collect taxes?",
        "blocking": "no",
        "state": "open",
        "rule": name,
        "dear": 0,
    }


def _listed(answers: Sequence) -> str:
    return "\n".join(f"{answer.word}: {answer.does}" for answer in answers)


def write(frame: pd.DataFrame, csv: Path, xlsx: Path) -> None:
    """Write the questions as CSV, and as a workbook to fill in: the dearest of them, and where the others are."""
    delimited.write(frame, csv, DELIVERED)
    asked = frame.head(MOST_IN_WORKBOOK)
    left_out = len(frame) - len(asked)
    guide = [
        ["Choose an answer in the yellow column; where it is `value`, write the value beside it."],
        ["What is left empty stays open, and what the column default says is done."],
        ["Save the workbook as questions.xlsx into the folder of the delivery, and run it again."],
        *([[f"{left_out:,} more questions, of which less hangs, stand in questions.csv."]] if left_out else []),
    ]
    choices = {
        (row, "answer"): [answer.word for answer in ASKING[rule].answers] for row, rule in enumerate(asked["rule"])
    }
    with atomic.file(xlsx) as unfinished:
        workbook.write(
            unfinished,
            [
                Sheet(
                    "questions",
                    COLUMNS,
                    asked[[each.heading for each in COLUMNS]].itertuples(index=False, name=None),
                    choices,
                ),
                Sheet("how to answer", [Column("How to answer", 90, wrapped=True)], guide),
            ],
        )


def kept(connection: duckdb.DuckDBPyConnection, manifest: Manifest, frame: pd.DataFrame, before: Path) -> pd.DataFrame:
    """Every question of an extract and what became of each answer: ``question, rule, attribute, about, state, answer, told``.

    States: open, stale, answered; of an answer to a question that is not asked any more, ``not asked``. ``before`` is
    where the last run left the same. Raises UnusableInputError for an answer to what was never asked, and for a value
    that none of a customer's lines has.
    """
    rows = [
        {
            "question": row.id,
            "rule": row.rule,
            "attribute": row.attribute,
            "about": row.about,
            "state": row.state.split(":")[0],
            "answer": "",
            "told": row.state,
        }
        for row in frame.itertuples()
    ]
    stale = {question: (was, now) for question, was, now in connection.execute("FROM stale").fetchall()}
    settled = {question for (question,) in connection.execute("SELECT DISTINCT question FROM answered").fetchall()}
    asked_before = set(pd.read_parquet(before)["question"]) if before.exists() else set()
    for given in manifest.answers:
        rule, answer = allowed(given)
        if given.question in stale:
            _, now = stale[given.question]
            if given.content in ("", now):
                raise UnusableInputError(
                    f"{given.place}: {given.question} takes one of the values that the customer's lines have: give one of them."
                )
            continue
        held = given.question in settled or answer.effect in (Effect.SETTING, Effect.MERGE)
        if not held and given.about is None and given.question not in asked_before:
            raise UnusableInputError(
                f"{given.place}: {given.question} is no question of this extract: take the id from questions.csv, or the line out."
            )
        rows.append(
            {
                "question": given.question,
                "rule": rule,
                "attribute": given.attribute or "",
                "about": given.about or "",
                "state": "answered" if held else "not asked",
                "answer": given.answer,
                "told": answer.does if held else "This is not asked any more.",
            }
        )
    return pd.DataFrame(rows, columns=["question", "rule", "attribute", "about", "state", "answer", "told"]).astype(str)


def filled_in(given: Sequence[GivenAnswer], asked: Path, kept: Path) -> list[GivenAnswer]:
    """Answers with what their questions are about, as the last run asked them in ``asked`` and kept in ``kept``.

    Raises UnusableInputError for an answer that is none of the allowed, and for a question that was not asked.
    """
    rows = pd.read_csv(asked, dtype=str, keep_default_na=False)
    known = {row.id: row for row in rows.replace(MARK, "", regex=True).itertuples()}
    once = set(pd.read_parquet(kept)["question"]) if kept.exists() else set()
    filled = []
    for each in given:
        if each.question not in known and each.question not in once:
            raise UnusableInputError(
                f"{each.place}: {each.question[:60]} is no question of this extract: take the ids from questions.csv."
            )
        row = known.get(each.question)
        if row is not None:
            each = each.model_copy(
                update={"attribute": row.attribute, "about": row.about, "content": each.content or row.content}
            )
        allowed(each)
        filled.append(each)
    return filled
