"""A sign-off: a named person's word for one exact state, and what has changed since."""

from __future__ import annotations

import datetime
import hashlib
import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.delivery import answers, reading
from pelcro_pipeline.delivery.manifest import Manifest, is_current, judged_by
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.prepared.files import TABLES_OF, PreparedFiles
from pelcro_pipeline.review import statistics
from pelcro_pipeline.rules import findings
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths, content_digest

_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class State:
    """All that a sign-off is given for: digests, and the day."""

    #: The day that the rules judged by, as ISO; empty where it cannot be told any more.
    judged_by: str
    delivered: str
    prepared: str
    statistics: str
    settings: str
    answers: str
    code: str


@dataclass(frozen=True)
class SignOff:
    """Who signed, when, and for what."""

    signed_by: str
    role: str
    signed_on: str
    #: The open questions, each accepted by its rule's name: how many findings there were of it.
    accepted: dict[str, int]
    state: State
    #: When a purge ended it; empty while it may hold.
    ended_on: str = ""

    @property
    def signature(self) -> str:
        """A digest of every word of it."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def _prepared(paths: ExtractPaths) -> list[Path]:
    """The prepared files of an extract. Raises RefusedError where there is no dry run."""
    prepared = [paths.prepared / f"{name}.csv" for name in TABLES_OF]
    missing = [each.name for each in (*prepared, paths.statistics, paths.manifest) if not each.is_file()]
    if missing:
        raise RefusedError(
            f"{paths.extract} has made no {missing[0]} yet: run `pelcro-pipeline dry-run {paths.extract}` first."
        )
    return prepared


def state(paths: ExtractPaths) -> State:
    """The state of an extract as it stands now. Raises RefusedError where there is no dry run."""
    prepared = _prepared(paths)
    return State(
        judged_by=str(judged_by(paths.manifest) or ""),
        delivered=reading.delivered_digest(paths.delivered),
        prepared=content_digest(paths.prepared, prepared),
        statistics=statistics.digest(statistics.read(paths.statistics)),
        settings=hashlib.sha256(extract_settings.load(paths.delivered).model_dump_json().encode()).hexdigest(),
        answers=_answers_digest(paths),
        code=content_digest(_PACKAGE, sorted(path for path in _PACKAGE.rglob("*") if path.suffix in (".py", ".sql"))),
    )


def _answers_digest(paths: ExtractPaths) -> str:
    given = sorted((each.question, each.answer, each.value) for each in answers.read(paths.delivered))
    return hashlib.sha256(repr(given).encode()).hexdigest()


def staged(paths: ExtractPaths) -> PreparedFiles:
    """The prepared files, once nothing of what is signed or loaded has been tampered with.

    Raises RefusedError where the prepared files or the statistics are not as they were made, or the
    staging database does not hold the prepared files.
    """
    _prepared(paths)
    statistics.verify(paths)
    files = PreparedFiles(paths.prepared, extract_settings.load(paths.delivered), paths.checksums)
    with duck.connect() as connection:
        files.verify(connection)
        if not database.holds(connection, files, paths.database("staging")):
            raise RefusedError(
                f"{paths.extract}: the staging database does not hold the prepared files: run the extract again."
            )
    return files


def sign(paths: ExtractPaths, signed_by: str, role: str, accept: Sequence[str] = ()) -> SignOff:
    """Sign the state of an extract as it stands now, and write it down.

    ``accept`` names the rules of the open questions. Raises RefusedError as ``staged`` does, and where a question is
    not accepted; UnusableInputError for a name that is none, and for a rule that asks nothing.
    """
    for name, value in (("name", signed_by), ("role", role)):
        if not value.strip() or not value.isprintable():
            raise UnusableInputError(f"A sign-off needs a {name}: give the person's {name} as text.")
    staged(paths)
    now = state(paths)
    if not is_current(paths.manifest, paths.delivered) or now.delivered != Manifest.load(paths.manifest).content_digest:
        raise RefusedError(f"{paths.extract} has changed since it was read: run it again, and review it.")
    accepted = _accepted(paths, signed_by.strip(), role.strip(), accept)
    signed_on = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    signed = SignOff(signed_by.strip(), role.strip(), signed_on, accepted, now)
    _write(paths, signed)
    return signed


def end(paths: ExtractPaths) -> SignOff | None:
    """Write into the extract's sign-off, if there is one, that it has ended; who signed what is kept.

    A file that is no sign-off any more is left as it is.
    """
    try:
        signed = read(paths)
    except RefusedError:
        return None
    if signed is None or signed.ended_on:
        return signed
    ended = replace(signed, ended_on=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    _write(paths, ended)
    return ended


def stands(paths: ExtractPaths) -> bool:
    """Whether there is a sign-off that nothing has ended; whether it holds, ``verified`` says."""
    try:
        signed = read(paths)
    except RefusedError:
        return False
    return signed is not None and not signed.ended_on


def open_questions(paths: ExtractPaths) -> dict[str, int]:
    """How many findings wait for the publisher's word, by rule. Raises RefusedError for findings that are not as they were made."""
    stored = paths.analysis / "findings.parquet"
    findings.verify(stored)
    with duck.connect() as connection:
        return dict(
            connection.execute(
                f"""SELECT rule, count(*) FROM read_parquet({literal(str(stored))})
                WHERE severity = {literal(Severity.QUESTION)} GROUP BY rule ORDER BY rule"""
            ).fetchall()
        )


def _accepted(paths: ExtractPaths, signed_by: str, role: str, accept: Sequence[str]) -> dict[str, int]:
    """The open questions, all of which ``accept`` names."""
    questions = open_questions(paths)
    named = {rule.strip().upper() for rule in accept}
    if unasked := sorted(named - questions.keys()):
        told = ", ".join(rule if rule in RULES else f"{rule!r} (no rule)" for rule in unasked)
        raise UnusableInputError(
            f"{paths.extract} asks nothing by {told}: accept its open questions alone ({_counted(questions) or 'none'})."
        )
    unaccepted = {rule: count for rule, count in questions.items() if rule not in named}
    if unaccepted:
        options = [option for rule in questions for option in ("--accept", rule)]
        command = shlex.join(
            ["pelcro-pipeline", "sign-off", paths.extract, "--by", signed_by, "--role", role, *options]
        )
        raise RefusedError(
            f"{paths.extract} has open questions ({_counted(unaccepted)}), and a sign-off accepts each rule by name: read them in "
            f"findings.csv, then run `{command}`, or give these rules as accept in the UI."
        )
    return questions


def _counted(questions: dict[str, int]) -> str:
    return ", ".join(f"{rule}: {count:,}" for rule, count in questions.items())


def _write(paths: ExtractPaths, signed: SignOff) -> None:
    first = "signed for production. Any change below voids it."
    if signed.ended_on:
        first = "a sign-off that a purge has ended. It is kept for the record alone."
    words = ("signed_by", "role", "signed_on", *(["ended_on"] if signed.ended_on else []), "signature")
    lines = [
        f"# {paths.extract}: {first}",
        *(f"{key} = {_quoted(getattr(signed, key))}" for key in words),
        "",
        "# The open questions that were accepted by name, and how many findings there were of each.",
        "[accepted]",
        *(f"{rule} = {count}" for rule, count in signed.accepted.items()),
        "",
        "# The day that it was judged by, and digests of what it was given for.",
        "[state]",
        *(f"{key} = {_quoted(value)}" for key, value in asdict(signed.state).items()),
        "",
    ]
    with atomic.file(paths.sign_off) as unfinished:
        unfinished.write_text("\n".join(lines), encoding="utf-8")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read(paths: ExtractPaths) -> SignOff | None:
    """The extract's sign-off, if there is one. Raises RefusedError for a file that is none."""
    if not paths.sign_off.is_file():
        return None
    try:
        document = tomllib.loads(paths.sign_off.read_text(encoding="utf-8"))
        signed = SignOff(
            document["signed_by"],
            document["role"],
            document["signed_on"],
            dict(document["accepted"]),
            State(**document["state"]),
            document.get("ended_on", ""),
        )
        intact = document["signature"] == signed.signature
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"{paths.sign_off.name} is no sign-off any more: sign {paths.extract} again.") from error
    if not intact:
        raise RefusedError(f"{paths.sign_off.name} has been altered since it was signed: sign {paths.extract} again.")
    return signed


def verified(paths: ExtractPaths, recorded: str | None = None) -> SignOff:
    """The extract's sign-off, if it holds for the state as it stands now.

    ``recorded`` is the signature that was recorded elsewhere when it was given, if it was. Raises
    RefusedError, saying what is missing or has changed.
    """
    signed = read(paths)
    if signed is None:
        raise RefusedError(
            f"{paths.extract} is not signed off: review its statistics, then run "
            f"`pelcro-pipeline sign-off {paths.extract} --by NAME --role ROLE`."
        )
    if signed.ended_on:
        raise RefusedError(
            f"{paths.extract} was purged on {signed.ended_on[:10]}, which ended the sign-off of {signed.signed_by}: what has been delivered "
            f"since is reviewed, then signed by itself (`pelcro-pipeline sign-off {paths.extract} --by NAME --role ROLE`)."
        )
    if recorded is not None and signed.signature != recorded:
        raise RefusedError(
            f"{paths.sign_off.name} is not the sign-off that was recorded when it was given: sign {paths.extract} again."
        )
    now = state(paths)
    changed = [part for part, digest in asdict(signed.state).items() if asdict(now)[part] != digest]
    if changed:
        raise RefusedError(
            f"{paths.extract} has changed since {signed.signed_by} signed it ({', '.join(_WORDS[part] for part in changed)}): "
            "run it again, review it and sign it again."
        )
    return signed


_WORDS = {
    "judged_by": "the day that it was judged by",
    "delivered": "the delivered files",
    "prepared": "the prepared files",
    "statistics": "the statistics",
    "settings": "the settings",
    "answers": "the answers to questions",
    "code": "the pipeline's code",
}
