"""Answers as an input of judgement: which question each is of, and what it does.

A question is a rule, an attribute and what they are about; its id is a digest of these (``question_id``), so that it
is the same on the next extract, whatever the order of its records. Set-based: an id is matched where violations are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import duckdb

from pelcro_pipeline.delivery.answers import GivenAnswer
from pelcro_pipeline.engine.relations import Relation, make
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.rules import catalogue
from pelcro_pipeline.rules.catalogue import RULES, About, Answer, Asks, Effect
from pelcro_pipeline.rules.files import FILES
from pelcro_pipeline.rules.keys import keys_of
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import ATTRIBUTES, SECRETS, TABLES, sql
from pelcro_pipeline.spec.model import PatternBy
from pelcro_pipeline.spec.sql import literal, quoted

_DIGITS = 12
_ID = re.compile(rf"(?P<rule>[A-Z][A-Z-]+)-(?P<digest>[0-9a-f]{{{_DIGITS}}})")
_PAIR = " = "
#: What ``create`` makes of them; what is matched where there are any, in the order in which it is made.
GIVEN = ("asks", "answer", "answered", "stale")
ORDER = ("asked_record", "asked_key", "matched_answer")
#: What only the publisher can say of itself, where extract.toml does not; no finding, and no sign-off waits for it.
SETTINGS_ASKED = {
    "SCOPE-TAXES": Asks(
        "Does your business collect taxes?",
        About.COLUMN,
        (
            Answer("no", "It collects none.", Effect.SETTING, "taxes", "false"),
            Answer(
                "yes", "It collects taxes: every subscriber needs a billing address.", Effect.SETTING, "taxes", "true"
            ),
        ),
    )
}
#: What is asked, by rule.
ASKING: dict[str, Asks] = {rule.id: rule.asks for rule in RULES.values() if rule.asks} | SETTINGS_ASKED

MACROS = (
    f"""CREATE OR REPLACE TEMP MACRO question_id(rule, attribute, about) AS
        rule || '-' || left(md5(concat_ws(chr(31), rule, coalesce(attribute, ''), coalesce(about, ''))), {_DIGITS})""",
    # What a question is about: see ``About``.
    f"""CREATE OR REPLACE TEMP MACRO about_of(about, value, key, other_key, plan) AS CASE about
        WHEN 'value' THEN trim_to_null(value) WHEN 'object' THEN key WHEN 'plan' THEN plan
        WHEN 'pair' THEN least(value, other_key) || '{_PAIR}' || greatest(value, other_key) END""",
    # Emails that differ in case are no conflict (CUS-CONFLICT).
    "CREATE OR REPLACE TEMP MACRO same_value(attribute, value) AS if(attribute = 'customer.email', lower(value), value)",
    # What of a finding an answer is bound to: see ``Content``. Of what no report shows, nothing is told.
    f"""CREATE OR REPLACE TEMP MACRO bound_values(bound_to, attribute, key, value, result) AS CASE
        WHEN attribute IN ({", ".join(map(literal, SECRETS))}) THEN []::VARCHAR[]
        WHEN bound_to = 'values' THEN [same_value(attribute, value), same_value(attribute, result)]
        WHEN bound_to = 'keys' THEN [key] ELSE []::VARCHAR[] END""",
    # The same of many findings; a longer one is told by its digest.
    """CREATE OR REPLACE TEMP MACRO content_of(listed) AS if(length(array_to_string(listed, ' | ')) <= 200,
        array_to_string(listed, ' | '), len(listed) || ' of them, ' || left(md5(array_to_string(listed, ' | ')), 12))""",
)


def question_id(rule: str, attribute: str | None, about: str | None) -> str:
    """The id of a question: the macro's, in Python."""
    digest = hashlib.md5("\x1f".join((rule, attribute or "", about or "")).encode(), usedforsecurity=False).hexdigest()
    return f"{rule}-{digest[:_DIGITS]}"


def allowed(given: GivenAnswer) -> tuple[str, Answer]:
    """The rule that an answer's question is of, and what the answer does.

    Raises UnusableInputError, naming file and line, for what is no question's id or no answer that the rule allows.
    """
    parts = _ID.fullmatch(given.question)
    asks = ASKING.get(parts["rule"]) if parts else None
    if parts is None or asks is None:
        raise UnusableInputError(
            f"{given.place}: {given.question[:60]!r} is no question's id: take the ids from questions.csv as they stand there."
        )
    told = given.about is not None and given.attribute is not None
    if told and question_id(parts["rule"], given.attribute, given.about) != given.question:
        raise UnusableInputError(
            f"{given.place}: {given.question} is not the id of what the line says it is about: copy the line from questions.csv again."
        )
    answer = asks.answer(given.answer)
    if answer is None:
        words = ", ".join(each.word for each in asks.answers)
        raise UnusableInputError(
            f"{given.place}: {given.question} cannot be answered by {given.answer[:60]!r}: give one of {words}."
        )
    if answer.effect is Effect.VALUE and not given.value:
        raise UnusableInputError(
            f"{given.place}: {given.question} is answered by value, and the column value is empty: fill it in."
        )
    if answer.effect in (Effect.MERGE, Effect.SETTING) and not answer.sets and not given.about:
        raise UnusableInputError(
            f"{given.place}: {given.question} needs the columns attribute and about beside this answer: copy its line from questions.csv."
        )
    return parts["rule"], answer


def applied(settings: Settings, given: Sequence[GivenAnswer]) -> Settings:
    """The settings with what the answers set; what extract.toml says itself stands.

    Raises UnusableInputError where two answers set one setting to two values.
    """
    chosen: dict[str, object] = {}
    for each in given:
        _, answer = allowed(each)
        if answer.effect is not Effect.SETTING or (answer.sets and getattr(settings, answer.setting) is not None):
            continue
        if answer.sets and chosen.setdefault(answer.setting, answer.sets) != answer.sets:
            raise UnusableInputError(
                f"{each.place}: another answer sets {answer.setting} to {chosen[answer.setting]}, this one to {answer.sets}: "
                f"one of them holds for all files, so take the other out."
            )
        if not answer.sets:
            chosen[answer.setting] = (*chosen.get(answer.setting, getattr(settings, answer.setting)), each.about)
    return Settings.model_validate(settings.model_dump() | chosen)


def same_customers(given: Sequence[GivenAnswer]) -> dict[str, str]:
    """By the id that a customer has no more, the one that it goes by, where a publisher says that two are one.

    Raises UnusableInputError for a value that is neither of the two.
    """
    same = {}
    for each in given:
        _, answer = allowed(each)
        if answer.effect is Effect.MERGE:
            ids = (each.about or "").split(_PAIR)
            kept = each.value or ids[0]
            if len(ids) != 2 or kept not in ids:
                raise UnusableInputError(
                    f"{each.place}: {each.question} keeps one of the ids {each.about}: write it in the column value."
                )
            same[ids[1] if kept == ids[0] else ids[0]] = kept
    return same


def create(connection: duckdb.DuckDBPyConnection, given: Sequence[GivenAnswer]) -> None:
    """The temporary tables of what is asked and answered.

    ``asks``: ``rule, about, content`` of the rules that ask. ``answer``: ``question, rule, word, effect, value, content``.
    ``answered``, empty as yet: the violations that an answer has settled. ``stale``: the questions whose answer no
    longer holds, with what changed. Raises UnusableInputError for a value that the attribute cannot take.
    """
    for macro in MACROS:
        connection.execute(macro)
    rows = ", ".join(
        f"({literal(rule)}, {literal(asks.about)}, {literal(asks.content)})" for rule, asks in ASKING.items()
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE asks AS FROM (VALUES {rows}) AS asks(rule, about, content)")
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE answer (
            question VARCHAR, rule VARCHAR, word VARCHAR, effect VARCHAR, value VARCHAR, content VARCHAR)"""
    )
    for each in given:
        rule, answer = allowed(each)
        value = _canonical(connection, rule, each) if answer.effect is Effect.VALUE else None
        connection.execute(
            "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?)",
            [each.question, rule, each.answer, answer.effect, value, each.content],
        )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE answered (
            record BIGINT, object VARCHAR, attribute VARCHAR, rule VARCHAR, question VARCHAR, word VARCHAR, effect VARCHAR, result VARCHAR)"""
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE stale (question VARCHAR, was VARCHAR, is_now VARCHAR)")


def _canonical(connection: duckdb.DuckDBPyConnection, rule: str, given: GivenAnswer) -> str:
    """The value of an answer as its attribute's kind writes it; where the line names none, as those of its rule do, of one kind each."""
    named = given.attribute or next(iter(catalogue.attributes(rule)), "")
    attribute = ATTRIBUTES.get(named)
    if attribute is None:
        return given.value
    sibling = (
        f", NULL::VARCHAR AS {quoted(attribute.kind.domain.sibling)}"
        if isinstance(attribute.kind.domain, PatternBy)
        else ""
    )
    cell = f"SELECT trim_to_null(?) AS {quoted(attribute.name)}{sibling}"
    held = f"SELECT * REPLACE ({sql.canonical(attribute)} AS {quoted(attribute.name)}) FROM ({cell})"
    accepted = "true" if sibling or not sql.accepts(attribute) else f"coalesce({sql.accepts(attribute)}, false)"
    ((value, fits),) = connection.execute(
        f"SELECT {quoted(attribute.name)}, {accepted} FROM ({held})", [given.value]
    ).fetchall()
    if not fits:
        shown = "the value" if attribute.name in SECRETS else repr(given.value[:60])
        raise UnusableInputError(
            f"{given.place}: {attribute.name} cannot be {shown}: {given.question} needs a value that the data dictionary allows."
        )
    return value


def settle(connection: duckdb.DuckDBPyConnection) -> None:
    """Apply the answers to the questions that stand among the violations.

    What is accepted, or takes a value, is a violation no more; what is rejected becomes a violation that rejects. All of
    them stand in ``answered``. A question whose content is another than the answer's stays, and stands in ``stale``.
    """
    made = FILES | relations()
    make(connection, [made[name] for name in ORDER])
    for statement in (
        "INSERT INTO stale SELECT DISTINCT question, bound, content FROM matched_answer WHERE NOT holds",
        """INSERT INTO answered SELECT record, object, attribute, rule, question, word, effect, given FROM matched_answer WHERE holds""",
        "DELETE FROM violation WHERE rowid IN (SELECT place FROM matched_answer WHERE holds AND effect <> 'reject')",
        "UPDATE violation SET severity = 'reject' WHERE rowid IN (SELECT place FROM matched_answer WHERE holds AND effect = 'reject')",
    ):
        connection.execute(statement)


def relations() -> dict[str, Relation]:
    """Those of them whose columns the spec says, by name."""
    keys = Relation(
        "asked_key",
        "What names an object of an asked record to a person.",
        ("asked_record", *(f"converted_{table.object}" for table in TABLES)),
        keys_of("asked_record"),
        stored=True,
    )
    return {keys.name: keys}


def take_out_rejected(connection: duckdb.DuckDBPyConnection) -> None:
    """What was rejected by an answer is a finding no more: the ledger says why it is not there."""
    connection.execute(
        """DELETE FROM violation WHERE severity = 'reject' AND (record, object, attribute, rule) IN (
            SELECT record, object, attribute, rule FROM answered WHERE effect = 'reject')"""
    )


def valued(given: Sequence[GivenAnswer]) -> frozenset[str]:
    """The attributes that an answer may give a value to."""
    return frozenset(
        name
        for rule, answer in map(allowed, given)
        if answer.effect is Effect.VALUE
        for name in catalogue.attributes(rule)
    )
