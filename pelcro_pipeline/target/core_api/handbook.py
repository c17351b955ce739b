"""docs/core-api.md: what is sent to a site, where that is documented, and what a crash leaves; rendered from what does it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel

from pelcro_pipeline.settings import CORE_API_HOSTS, Conventions, Environment
from pelcro_pipeline.target.core_api import mapping
from pelcro_pipeline.target.core_api.contract import ASSUMED, CALLS, CHANGES, CREATIONS, LOOK_UPS, PARAMETERS
from pelcro_pipeline.target.core_api.journal import State
from pelcro_pipeline.target.core_api.mapping import MARK, METADATA, Carried, Field, Form, Kind
from pelcro_pipeline.target.core_api.plan import ACTIONS

#: What becomes of a value that is not sent as it is.
FORMS: dict[Form, str] = {
    mapping.BIT: "0 or 1",
    mapping.BOOLEAN_AS_WORD: "the text 0 or 1",
    mapping.OPPOSITE: "its opposite",
    mapping.DAY: "Unix seconds of 23:59:59 that day, in the extract's time zone",
    mapping.DAY_BEGUN: "Unix seconds of 00:00 that day, in the extract's time zone",
    mapping.DATE_AS_WORD: "as 2026-11-01",
    mapping.INTERVAL: "1 to 4 as day, week, month, year",
    mapping.ENTITLEMENTS: "a list, parted at commas",
}
#: The same of fields that an account's conventions decide.
FIELDS = {
    "plan.amount": "in units of the currency, by its own decimals: 19.99, 1500 of JPY, 1.500 of KWD",
    "plan.revenue_recognition_type": "time or shipments",
    "customer.password": "of the schemes that the account takes",
    "customer.common_metadata.password_encryption": "password_bcrypt and the like",
}
STATES: dict[State, str] = {
    State.SENT: "An intent is on the disk: its call may have left or not.",
    State.DONE: "It is on the site, under the id that the journal has.",
    State.REFUSED: "The site has said no, and why. It is not asked again for the same, but after `plan --again`.",
    State.UNKNOWN: "The call left, and no answer says what came of it.",
    State.ABSENT: "It was looked for, and is not there: to be sent again.",
    State.CONFLICT: "What stands there is another's, or otherwise than was meant. Nothing is sent; a plan that finds the way free lets it go.",
    State.CHANGING: "It is there, and an intent to change it is on the disk: the change may have had its effect or not.",
    State.REVERT_SENT: "An intent to take it back is on the disk.",
    State.REVERTED: "It has been taken back: as good as never sent.",
    State.KEPT: "A revert has let it stand: others hang on it, or have changed it.",
}
#: Where a run can end, what the journal then says, what is on the site, and what the next run does.
CRASHES = (
    ("before the intent is on the disk", "nothing", "nothing", "sends it"),
    ("the intent is on the disk, nothing has left", "sent", "nothing", "looks for it, does not find it, sends it"),
    ("sent, and the site fails before it commits", "sent, unknown", "nothing", "the same"),
    (
        "committed, and the answer is lost, late, cut off or unreadable",
        "sent, unknown",
        "there",
        "finds its mark; where every field agrees it is done",
    ),
    ("the answer is read, and not on the disk yet", "sent", "there", "the same"),
    ("the answer is on the disk", "done", "there", "nothing"),
    (
        "timed out, and the site commits later",
        "unknown",
        "appears",
        "waits until `settle` is over, looks twice; reconcile finds what comes later still",
    ),
    ("429", "nothing more than before", "nothing", "all connections wait"),
    (
        "the site says that the id or email is taken",
        "unknown",
        "there",
        "ours, and equal: done; ours or another's, and not equal: conflict",
    ),
    (
        "400 with reasons",
        "refused",
        "nothing",
        "sends the same again only where it is told to (`plan --again`); what belongs to it is blocked",
    ),
    ("401, 403, a redirect, another host, a certificate", "as it was", "as it was", "stops, with a sentence"),
    ("404 of what was to be changed", "conflict", "deleted by somebody", "names it"),
    ("during a look-up", "as it was", "as it was", "asks again: reading has no effect"),
    (
        "a change, and the answer is lost",
        "changing",
        "either",
        "sends it again: a change carries all that is meant, and the values before it are kept",
    ),
    ("during a revert", "being taken back", "gone or not", "reads; what is gone is reverted"),
    ("the journal is lost", "none", "loaded in part", "the plan finds our marks: what is equal is done"),
    ("the journal of another site or extract", "another's", "untouched", "refuses, with a sentence"),
    ("two rows with one mark", "conflict", "twice", "stops and names both ids; which one stays is never chosen"),
)
_ACTIONS = {
    "create": "It is not there: one call.",
    "update": "It is there with our mark, and differs in what the API changes: one call, with each value before and after.",
    "unchanged": "It is there as it is wanted: no call.",
    "held": "A rule asks the publisher first.",
    "invalid": "The API would refuse it: it is not sent.",
    "conflict": "What stands there is another's, twice, deleted, or differs in what no call changes.",
    "blocked": "What it belongs to does not get there; the plan names that.",
}
_COMMANDS = (
    ("plan EXTRACT --on staging", "what a load would call, before a call is made: `plan.staging.csv`, `site_findings.staging.csv`"),
    ("plan EXTRACT --on staging --again", "the same; and the next load sends what the site has refused, where the cause was mended on the site"),
    ("dry-run EXTRACT", "the DuckDB database, then the staging site where one is named"),
    ("production EXTRACT", "the same of the production site, behind the sign-off of its plan; or goes on where it was ended"),
    ("reconcile EXTRACT --on staging", "reads the site back and compares it with the prepared files, cell by cell"),
    ("prove EXTRACT", "tries on the staging site what the documentation leaves open, with scratch records that it takes back"),
    ("window EXTRACT --on production", "how long load, reconcile and revert take, and the last moments to start and to turn back"),
    ("revert EXTRACT --on staging", "takes back what the load has made, in the reverse order, and lists what it lets stand; in the UI the job `revert_site`"),
)  # fmt: skip
_INTRODUCTION = f"""\
# The Core API

What a load sends to a Pelcro site: call by call, field by field, where each is documented, and what is assumed where nothing is.
Nothing here was tried against a live account. Pages are those under docs.pelcro.com/reference; *assumed* names an entry of
`pelcro_sandbox/assumptions.toml`, which says what else could be.

The API is spoken to at {" and ".join(f"`https://{host}`" for host in CORE_API_HOSTS)}, one object a call. It has no key that makes a
call safe to repeat: so an intent is on the disk before a call leaves, each object carries our mark, and a doubt is settled by reading
back. A mark is 26 characters, a digest of the publisher, the kind of object and what names it: a newer extract of the same publisher
finds what an older one has loaded."""
_NOT_PROMISED = (
    "A call that takes effect later than `settle`, on what is not unique on the site (subscriptions, invoices): reconcile finds it and "
    "names it, and nothing prevents it.",
    "Two machines at work on one site.",
    "What the site's webhooks and emails did: a load fires `created` for all that it makes.",
    "To take back what has been charged, or the rows themselves: a cancelled subscription, a void invoice and a deleted customer stay "
    "as what they are.",
)


def markdown() -> str:
    """The page."""
    kinds = mapping.kinds(Conventions())
    parts = [_INTRODUCTION, *_calls(), "## What each attribute becomes", _BECOMES]
    for kind in kinds.values():
        parts += [f"### {kind.name.capitalize()}", *_kind(kind)]
    parts += ["## The plan", _table(("action", "what it says"), ((f"`{each}`", _ACTIONS[each]) for each in ACTIONS))]
    parts += ["## The journal", _JOURNAL, *_journal()]
    parts += ["## Settings", *_settings()]
    parts += ["## Commands", _COMMANDS_SAY, _table(("command", "what it does"), ((f"`pelcro-pipeline {name}`", does) for name, does in _COMMANDS))]  # fmt: skip
    parts += ["## What is not promised", "\n".join(f"- {each}" for each in _NOT_PROMISED)]
    return "\n\n".join(parts) + "\n"


_BECOMES = """\
What is empty is left out of a creation and taken away by a change. *Compared* says whether a site is held against it: what it never
answers cannot be. What is kept as metadata has the attribute's last word as its key, and so have an extract's own metadata columns."""
_JOURNAL = """\
One SQLite file for a site and an extract, `journals/EXTRACT/staging.sqlite`: of each object its mark, state, time, digest and the site's
id, and nobody's data. What a site said of a refusal, and the values before a change, stand in files beside it, for their owner alone."""
_COMMANDS_SAY = """\
Each holds the site's lock, goes on where it was ended, and may be killed. Ctrl-C lets what is in flight finish. What the site refuses,
and what is stopped before it is sent, stand as findings in `site_findings.staging.csv`, counted apart: corrected in the delivery, an
object is sent by the next load, with what belongs to it and nothing else."""


def _calls() -> Iterator[str]:
    yield "## Calls"
    yield _table(
        ("object", "does", "call", "source"),
        ((call.kind, call.what, f"`{call.method} {call.path}`", _source(call.source)) for call in CALLS),
    )
    yield "Those without an effect:"
    yield _table(
        ("call", "why", "source"), ((f"`GET {each.path}`", each.why, _source(each.source)) for each in LOOK_UPS)
    )
    yield "What stands in a URL, and never anything of a reader's:"
    yield _table(
        ("parameter", "what it says", "source"),
        ((f"`{name}`", says, _source(source)) for name, (says, source) in PARAMETERS.items()),
    )


def _kind(kind: Kind) -> Iterator[str]:
    yield f"Found again by {_place_of_mark(kind)}." + (
        f" Unique in the account: {', '.join(f'`{name}`' for name in kind.unique)}." if kind.unique else ""
    )
    rows = [*(_field(kind, each) for each in kind.fields), *_references(kind)]
    yield _table(("attribute", "field", "sent", "changed", "compared", "source"), rows)
    same = [f"`{name}` {value}" for name, value in kind.constants.items()]
    if same:
        yield f"The same for all: {', '.join(same)}."
    reasons: dict[str, list[str]] = {}
    for each in kind.not_carried:
        reasons.setdefault(each.reason, []).append(f"`{each.attribute}`")
    for reason, names in reasons.items():
        yield f"Not carried, as {reason}: {', '.join(names)}."


def _place_of_mark(kind: Kind) -> str:
    if kind.mark_in == METADATA + MARK:
        return f"`metadata.{MARK}`"
    if kind.mark_in == "old_provider_id" and kind.carries_mark:
        return "the mark in `old_provider_id`"
    return f"`{kind.mark_in}`, which is its own id: that a row has it does not say that it is ours"


def _field(kind: Kind, field: Field) -> Sequence[str]:
    sent = FIELDS.get(field.attribute) or FORMS.get(field.form, "")
    return (
        f"`{field.attribute}`",
        f"`{field.name}`" + (f", answered as `{field.answer}`" if field.answer else ""),
        "; ".join(each for each in (sent, f"at most {field.most} characters" if field.most else "") if each),
        _changed(kind, field.updates),
        _compared(field.carried) + (", but for what the site fills by itself" if field.filled else ""),
        _source(_field_source(kind, field.name)),
    )


def _references(kind: Kind) -> Iterator[Sequence[str]]:
    for each in kind.references:
        yield (
            f"`{each.attribute}`",
            f"`{each.name}`" + (f", answered as `{each.answer}`" if each.answer else ""),
            f"the site's id of the {each.kind}",
            _changed(kind, each.updates),
            _compared(each.carried) + (", where we have one" if each.filled else ""),
            _source(_field_source(kind, each.name)),
        )


def _field_source(kind: Kind, name: str) -> str:
    return CREATIONS[kind.name].source_of("metadata" if name.startswith(METADATA) else name)


def _changed(kind: Kind, updates: bool) -> str:
    return "yes" if updates and kind.name in CHANGES else "no"


def _compared(carried: Carried) -> str:
    return "yes" if carried is Carried.COMPARED else "no: never answered"


def _journal() -> Iterator[str]:
    yield _table(("state", "what is known"), ((f"`{state.name.lower()}`", STATES[state]) for state in State))
    yield "What has no row is planned. Where a run can end, and what the next one does:"
    yield _table(("it ends", "the journal says", "on the site", "the next run"), CRASHES)


def _settings() -> Iterator[str]:
    yield "In `extract.toml`, `[staging]` and `[production]` each:"
    yield _settings_of(Environment)
    yield "`[core_api]`: what the account does where the documentation leaves it open."
    yield _settings_of(Conventions)


def _settings_of(model: type[BaseModel]) -> str:
    return _table(
        ("setting", "default", "what it says"),
        ((f"`{name}`", _default(field.default), field.description or "") for name, field in model.model_fields.items()),
    )


def _default(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{list(value)}`" if isinstance(value, tuple) else f"`{value}`"


def _source(source: str) -> str:
    return f"*assumed*: {source.removeprefix(ASSUMED)}" if source.startswith(ASSUMED) else source


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main(folder: Path = Path("docs")) -> None:
    """Write the page into ``folder``; run where the project's files stand."""
    (folder / "core-api.md").write_text(markdown(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
