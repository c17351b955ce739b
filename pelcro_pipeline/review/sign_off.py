"""A sign-off: a named person's word for one exact state, and what has changed since."""

from __future__ import annotations

import datetime
import hashlib
import shlex
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from pydantic import BaseModel, ConfigDict

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.delivery import answers, reading
from pelcro_pipeline.delivery.manifest import Manifest, is_current, judged_by
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.migration_day import seam
from pelcro_pipeline.prepared.files import TABLES_OF, PreparedFiles
from pelcro_pipeline.review import sample, statistics
from pelcro_pipeline.rules import findings
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target import database
from pelcro_pipeline.target.core_api import plan as planning
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths, content_digest

_PACKAGE = Path(__file__).resolve().parent.parent


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class State(_Frozen):
    """All that a sign-off is given for: digests, and the day."""

    #: The day that the rules judged by, as ISO; empty where it cannot be told any more.
    judged_by: str
    delivered: str
    prepared: str
    statistics: str
    settings: str
    answers: str
    code: str
    #: What a load of the production site may do; empty where production is none.
    site_plan: str = ""


class Waiver(_Frozen):
    """An open question that is let be, for a reason and until a day."""

    #: The rule of the question.
    what: str
    why: str
    #: The last day on which production may be loaded by it.
    until: datetime.date


def waived(what: str, why: str, until: str) -> Waiver:
    """A waiver as a person gives it. Raises UnusableInputError for a day that is none."""
    try:
        return Waiver(what=what.strip().upper(), why=why.strip(), until=datetime.date.fromisoformat(until.strip()))
    except ValueError as error:
        raise UnusableInputError(
            f"The waiver of {what} ends on {until!r}, which is no day: give it as 2026-12-31."
        ) from error


class Signatory(_Frozen):
    """Who signed, and when."""

    signed_by: str
    role: str
    signed_on: str


class SignOff(Signatory):
    """Who signed, when, for what, and after which other sign-off."""

    #: The open questions, each accepted by its rule's name, or waived: how many findings there were of it.
    accepted: dict[str, int]
    waivers: tuple[Waiver, ...] = ()
    #: Who signed the same as the second, where the extract's settings ask for two.
    second: Signatory | None = None
    state: State
    #: When a purge ended it; empty while it may hold.
    ended_on: str = ""
    #: The signature of the sign-off before; empty for the first.
    previous: str = ""

    @property
    def signature(self) -> str:
        """A digest of every word of it."""
        # Those that were given before there were sites keep theirs.
        without = None if self.state.site_plan else {"state": {"site_plan"}}
        return hashlib.sha256(self.model_dump_json(exclude=without).encode()).hexdigest()


@dataclass(frozen=True)
class History:
    """The sign-offs of an extract, one after the other; each names the one before it, so that none can be left out or moved."""

    extract: str
    sign_offs: tuple[SignOff, ...]

    @property
    def last(self) -> SignOff:
        return self.sign_offs[-1]


def _prepared(paths: ExtractPaths) -> list[Path]:
    """The prepared files of an extract. Raises RefusedError where there is no dry run."""
    prepared = [paths.prepared / f"{name}.csv" for name in TABLES_OF]
    missing = [each.name for each in (*prepared, paths.statistics, paths.manifest) if not each.is_file()]
    if missing:
        raise RefusedError(
            f"{paths.extract} has made no {missing[0]} yet: run `pelcro-pipeline dry-run {paths.extract}` first."
        )
    return prepared


def state(paths: ExtractPaths, plan: str = planning.SIGNED) -> State:
    """The state of an extract as it stands now, of a production site with the plan that was signed, or is to be.

    Raises RefusedError where there is no dry run.
    """
    prepared = _prepared(paths)
    settings = extract_settings.load(paths.delivered)
    return State(
        judged_by=str(judged_by(paths.manifest) or ""),
        delivered=reading.delivered_digest(paths.delivered),
        prepared=content_digest(paths.prepared, prepared),
        statistics=statistics.digest(statistics.read(paths.statistics)),
        settings=hashlib.sha256(settings.model_dump_json().encode()).hexdigest(),
        answers=_answers_digest(paths),
        code=content_digest(
            _PACKAGE, sorted(path for path in _PACKAGE.rglob("*") if path.suffix in (".py", ".sql", ".toml"))
        ),
        site_plan=_site_plan(paths, plan) if settings.production.is_site else "",
    )


def _site_plan(paths: ExtractPaths, plan: str) -> str:
    """What a signature of the production site's plan covers. Raises RefusedError where there is no plan."""
    summary = planning.kept(paths.site_plan_summary(plan))
    if summary is None or not paths.site_plan(plan).is_file():
        raise RefusedError(
            f"{paths.extract} has no plan of its production site: run `pelcro-pipeline plan {paths.extract} --on production` first."
        )
    return planning.digest(paths.site_plan(plan), summary.site)


def _keep_plan(paths: ExtractPaths) -> None:
    """Keep the plan that is signed: one that is made later is held against it."""
    for of in (paths.site_plan, paths.site_plan_summary):
        if of(planning.REVIEW).is_file():
            with atomic.file(of(planning.SIGNED)) as unfinished:
                shutil.copyfile(of(planning.REVIEW), unfinished)


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


def sign(
    paths: ExtractPaths, signed_by: str, role: str, accept: Sequence[str] = (), waivers: Sequence[Waiver] = ()
) -> SignOff:
    """Sign the state of an extract as it stands now, and write it down behind what was signed before.

    ``accept`` names the rules of the open questions, beside those that are waived. Where the settings ask for two and
    somebody else has signed the same state alone, this is the second. Raises RefusedError as ``staged`` does, and where a
    question is neither accepted nor waived; UnusableInputError for a name that is none, and for a rule that asks nothing.
    """
    for name, value in (("name", signed_by), ("role", role)):
        if not value.strip() or not value.isprintable():
            raise UnusableInputError(f"A sign-off needs a {name}: give the person's {name} as text.")
    staged(paths)
    now = state(paths, planning.REVIEW)
    if not is_current(paths.manifest, paths.delivered) or now.delivered != Manifest.load(paths.manifest).content_digest:
        raise RefusedError(f"{paths.extract} has changed since it was read: run it again, and review it.")
    by = Signatory(
        signed_by=signed_by.strip(),
        role=role.strip(),
        signed_on=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    before = history(paths)
    if before and _awaits_second(paths, before.last, by, now):
        signed = before.last.model_copy(update={"second": by})
        _write(paths, (*before.sign_offs[:-1], signed))
        return signed
    accepted = _accepted(paths, by, accept, waivers)
    previous = before.last.signature if before else ""
    _keep_plan(paths)
    signed = SignOff(**by.model_dump(), accepted=accepted, waivers=tuple(waivers), state=now, previous=previous)
    _write(paths, (*(before.sign_offs if before else ()), signed))
    return signed


def _awaits_second(paths: ExtractPaths, signed: SignOff, by: Signatory, now: State) -> bool:
    return (
        extract_settings.load(paths.delivered).second_signature
        and signed.second is None
        and not signed.ended_on
        and signed.state == now
        and signed.signed_by.casefold() != by.signed_by.casefold()
    )


def end(paths: ExtractPaths) -> SignOff | None:
    """Write into the extract's sign-off, if there is one, that it has ended; who signed what is kept.

    A file that is no sign-off any more is left as it is.
    """
    try:
        given = history(paths)
    except RefusedError:
        return None
    if given is None or given.last.ended_on:
        return given.last if given else None
    ended_on = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    ended = given.last.model_copy(update={"ended_on": ended_on})
    _write(paths, (*given.sign_offs[:-1], ended))
    return ended


def stands(paths: ExtractPaths) -> bool:
    """Whether there is a sign-off that nothing has ended; whether it holds, ``verified`` says."""
    try:
        signed = read(paths)
    except RefusedError:
        return False
    return signed is not None and not signed.ended_on


#: By what name a sign-off accepts customers of the sample that the reviewer found not right.
NOT_RIGHT = "SAMPLE-NOT-RIGHT"


def open_questions(paths: ExtractPaths) -> dict[str, int]:
    """How many findings wait for the publisher's word, by rule; how many customers of the sample are not right; and how many next
    charges differ from the old system's for no reason that is known; of a production site, what its plan asks. Raises RefusedError for findings that are not as they were made."""
    stored = paths.analysis / "findings.parquet"
    findings.verify(stored)
    review = sample.reviewed(paths)
    not_right = {NOT_RIGHT: len(review.not_right)} if review and review.not_right else {}
    charged_otherwise = seam.open_questions(paths.migration_day("staging"))
    plan = planning.kept(paths.site_plan_summary(planning.REVIEW))
    of_the_site = plan.questions | dict.fromkeys(untried(paths, plan), 1) if plan and _has_site(paths) else {}
    with duck.connect() as connection:
        return (
            not_right
            | charged_otherwise
            | of_the_site
            | dict(
                connection.execute(
                    f"""SELECT rule, count(*) FROM read_parquet({literal(str(stored))})
                WHERE severity = {literal(Severity.QUESTION)} GROUP BY rule ORDER BY rule"""
                ).fetchall()
            )
        )


def _has_site(paths: ExtractPaths) -> bool:
    return extract_settings.load(paths.delivered).production.is_site


def assumed(assumption: str) -> str:
    """By what name a sign-off accepts that something is assumed of a site and was not seen to hold."""
    return f"ASSUMED-{assumption.upper()}"


#: By what name a sign-off accepts that no load of the staging site was reverted and loaded again.
NOT_REHEARSED = "NOT-REHEARSED"


def is_rehearsed(paths: ExtractPaths) -> bool:
    """Whether a load of the staging site has been reverted and loaded again."""
    # Its client takes a tenth of a second to import, which a sign-off without a site does not pay for.
    from pelcro_pipeline.target.core_api import revert
    from pelcro_pipeline.target.core_api.site import Site

    staging = Site(paths, "staging", extract_settings.load(paths.delivered))
    return staging.environment.is_site and revert.is_rehearsed(staging)


def untried(paths: ExtractPaths, plan: planning.Summary) -> dict[str, str]:
    """What the load of the production site rests on and was not seen to hold on staging: why, by the name under which a sign-off
    accepts it."""
    from pelcro_pipeline.target.core_api import prove
    from pelcro_pipeline.target.core_api.site import Site

    site = Site(paths, "production", extract_settings.load(paths.delivered))
    found = {assumed(each.id): each.why for each in prove.unproven(site, plan)}
    if not is_rehearsed(paths):
        again = f"`pelcro-pipeline revert {paths.extract} --on staging`, then the dry run again"
        found[NOT_REHEARSED] = f"no load of a staging site was reverted and loaded again: {again}"
    return found


def _accepted(paths: ExtractPaths, by: Signatory, accept: Sequence[str], waivers: Sequence[Waiver]) -> dict[str, int]:
    """The open questions, all of which ``accept`` or a waiver names."""
    questions = open_questions(paths)
    for waiver in waivers:
        if not waiver.why.strip() or not waiver.why.isprintable():
            raise UnusableInputError(f"The waiver of {waiver.what} needs a reason: say in a sentence why it is let be.")
        if waiver.until < datetime.datetime.now(datetime.UTC).date():
            raise UnusableInputError(
                f"The waiver of {waiver.what} ended on {waiver.until}: name a day that is to come."
            )
    named = {rule.strip().upper() for rule in (*accept, *(waiver.what for waiver in waivers))}
    if unasked := sorted(named - questions.keys()):
        told = ", ".join(rule if rule in RULES else f"{rule!r} (no rule)" for rule in unasked)
        raise UnusableInputError(
            f"{paths.extract} asks nothing by {told}: accept its open questions alone ({_counted(questions) or 'none'})."
        )
    unaccepted = {rule: count for rule, count in questions.items() if rule not in named}
    if unaccepted:
        options = [option for rule in questions for option in ("--accept", rule)]
        command = shlex.join(
            ["pelcro-pipeline", "sign-off", paths.extract, "--by", by.signed_by, "--role", by.role, *options]
        )
        raise RefusedError(
            f"{paths.extract} has open questions ({_counted(unaccepted)}), and a sign-off accepts each rule by name: read them in "
            f"findings.csv, then run `{command}`, or give these rules as accept in the UI."
        )
    return questions


def _counted(questions: dict[str, int]) -> str:
    return ", ".join(f"{rule}: {count:,}" for rule, count in questions.items())


def _write(paths: ExtractPaths, sign_offs: Sequence[SignOff]) -> None:
    """The last sign-off as it can be read at once, and those before it behind it."""
    *earlier, last = sign_offs
    first = "signed for production. Any change below voids it."
    if last.ended_on:
        first = "a sign-off that a purge has ended. It is kept for the record alone."
    document = tomlkit.document()
    document.add(tomlkit.comment(f"{paths.extract}: {first}"))
    document.add("extract", paths.extract)
    document.update(_told(last))
    if earlier:
        document.add("earlier", [_told(each) for each in earlier])
    with atomic.file(paths.sign_off) as unfinished:
        unfinished.write_text(tomlkit.dumps(document), encoding="utf-8")


def _told(signed: SignOff) -> dict[str, object]:
    """A sign-off as TOML has it: without what is not said, and with its signature."""
    words = {name: value for name, value in signed.model_dump().items() if value not in (None, "", ())}
    return {"signature": signed.signature, "accepted": {}, **words}


def read(paths: ExtractPaths) -> SignOff | None:
    """The extract's last sign-off, if there is one. Raises RefusedError for a file that is none."""
    given = history(paths)
    return given.last if given else None


def history(paths: ExtractPaths) -> History | None:
    """The extract's sign-offs, if there is one. Raises RefusedError for a file that is none, or another extract's."""
    if not paths.sign_off.is_file():
        return None
    given = verify_file(paths.sign_off)
    if given.extract != paths.extract:
        raise RefusedError(f"{paths.sign_off.name} is the sign-off of {given.extract}: sign {paths.extract} itself.")
    return given


def verify_file(path: Path) -> History:
    """The sign-offs that a file holds, wherever it stands. Raises RefusedError for a file that holds none, and where one was
    altered, left out or moved since it was given."""
    again = f"sign {path.stem} again"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        extract = document.pop("extract")
        told = [*document.pop("earlier", []), document]
        signatures = [each.pop("signature") for each in told]
        sign_offs = [SignOff.model_validate(each) for each in told]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise RefusedError(f"{path.name} is no sign-off any more: {again}.") from error
    previous = ""
    for number, (signed, signature) in enumerate(zip(sign_offs, signatures, strict=True), 1):
        if signed.signature != signature or signed.previous != previous:
            which = "" if len(sign_offs) == 1 else f" (number {number} of {len(sign_offs)}, of {signed.signed_by})"
            raise RefusedError(f"{path.name} has been altered since it was signed{which}: {again}.")
        previous = signature
    return History(extract, tuple(sign_offs))


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
    now, given_for = state(paths).model_dump(), signed.state.model_dump()
    changed = [part for part, digest in given_for.items() if now[part] != digest]
    if changed:
        raise RefusedError(
            f"{paths.extract} has changed since {signed.signed_by} signed it ({', '.join(_WORDS[part] for part in changed)}): "
            "run it again, review it and sign it again."
        )
    if extract_settings.load(paths.delivered).second_signature and signed.second is None:
        raise RefusedError(
            f"{paths.extract} is signed by {signed.signed_by} alone, and second_signature in extract.toml asks for two: somebody else runs "
            f"`pelcro-pipeline sign-off {paths.extract} --by NAME --role ROLE`."
        )
    today = extract_settings.load(paths.delivered).day_of_load(datetime.datetime.now(datetime.UTC))
    if ended := [waiver for waiver in signed.waivers if waiver.until < today]:
        raise RefusedError(
            f"{paths.extract}: the waiver of {ended[0].what} by {signed.signed_by} ended on {ended[0].until}: settle the question, or sign again."
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
    "site_plan": "the plan of the production site",
}
