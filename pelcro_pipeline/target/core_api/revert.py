"""The way back: what a load has made on a site is taken away again, and nothing else.

It is planned first, as a load is: the site is read and compared with what was loaded, and what has changed since, or holds something
of others, stays with all that it belongs to. Then each call is journaled like one of a load. Every call of it can be sent again: a
doubt is settled by reading, and what is gone, cancelled or void is reverted.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine.relations import Relation, make
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.settings import Conventions
from pelcro_pipeline.spec.codes import minor_digits
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.target import database
from pelcro_pipeline.target.core_api import plan as planning
from pelcro_pipeline.target.core_api import relations, window
from pelcro_pipeline.target.core_api.client import Answered, Client, Outcome, Refused, Unknown
from pelcro_pipeline.target.core_api.in_flight import InFlight
from pelcro_pipeline.target.core_api.journal import OPEN, Entry, Journal, State, now
from pelcro_pipeline.target.core_api.load import duration
from pelcro_pipeline.target.core_api.mapping import MARK, OPPOSITE, UNDONE, Carried, Kind
from pelcro_pipeline.target.core_api.site import (
    RELOADED_ON,
    REVERTED_ON,
    REVERTING,
    Site,
    Told,
    read,
    rows_of,
    stoppable,
)
from pelcro_pipeline.workspace import atomic

#: What is done with an object: taken away, taken away with its customer, given its values from before, looked at again because the call
#: before may have been the last; and what is not touched.
ACTIONS = ("undo", "leaves", "restore", "settle", "gone", "kept", "existed")
#: The states in which something may stand on the site that has no id yet.
_SENT = (State.SENT, State.UNKNOWN, State.ABSENT)
_LOADED = tuple(each for each in State if each is not State.REVERTED)
#: Of a subscription that is not there any more, though its row is.
_ENDED = ("canceled", "expired")
#: What is deleted with an object, by the field that names it: the plan has seen it, and others may have added to it since.
_CASCADES = {"customer": {"addresses": "address", "subscriptions": "subscription"}, "product": {"plans": "plan"}}
_BLOCK = 1000
_ATTEMPTS = 5
#: Calls a second where no rate is set: what a site without a limit answers, at the least.
_UNPACED = 100.0

#: What no revert takes back.
STAYS = (
    "deleted customers, addresses, plans and products stay as soft-deleted rows, perhaps with their ids and emails taken",
    "cancelled subscriptions and void invoices stay as rows",
    "webhooks and emails that the load has set off, and those that the revert sets off",
    "charges that were made",
    "of customers who were there before: a card that the load added, and that their subscriptions charge it automatically",
)


@dataclass(frozen=True)
class RevertPlan:
    """What a revert would do, without anybody's data: by kind and action, how many; by reason, how many stay."""

    counts: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, int]
    calls: int
    #: How long the calls take.
    duration: datetime.timedelta
    #: Until when it can be begun: what the site has renewed or charged by then stays. None where it charges nothing.
    until: datetime.datetime | None
    stays: tuple[str, ...] = STAYS

    @property
    def table(self) -> pd.DataFrame:
        """The counts as a table: a row for each kind, a column for each action."""
        rows = [[kind, *(counts.get(action, 0) for action in ACTIONS)] for kind, counts in self.counts.items()]
        return pd.DataFrame(rows, columns=["object", *ACTIONS])


@dataclass(frozen=True, slots=True)
class Step:
    """An object that is to be taken back; ``parents`` are the marks of those that stay where it does, ``holds`` what belongs to it."""

    kind: str
    mark: str
    id: int
    action: str
    parents: tuple[str, ...]
    holds: frozenset[tuple[str, int]]


@dataclass
class Reverted:
    """What a revert has done so far; ``own`` are the objects that it has itself taken back or left, and no revert before it."""

    steps: int
    reverted: int = 0
    kept: int = 0
    unknown: int = 0
    own: int = 0
    began: float = field(default_factory=time.monotonic)
    settled: Counter[str] = field(default_factory=Counter)
    #: Why something stays that was to be taken back, by mark.
    left: dict[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """One line of it."""
        rate = self.own / max(time.monotonic() - self.began, 0.001)
        left = max(self.steps - self.reverted - self.kept - self.unknown, 0)
        remaining = f", {duration(left / rate)} left" if rate > 0 and left else ""
        return f"{self.reverted:,} of {self.steps:,} taken back, {rate:,.0f} a second, {self.kept:,} kept, {self.unknown:,} unknown{remaining}"


# Its plan.


def plan_revert(site: Site, told: Told = lambda line: None) -> RevertPlan:
    """Read the site, decide what a revert would call, and keep and report it. Raises RefusedError where nothing was loaded."""
    paths, name = site.paths, site.name
    image = paths.site_image(name)
    if not image.is_file():
        raise RefusedError(f"{paths.extract} has not been loaded into {site.label}: there is nothing to go back from.")
    with site.held(), site.journal() as journal, duck.connect() as connection:
        asyncio.run(_settle_down(site, journal, told))
        with database.opened(image, "image", connection), rows_of(site) as folder:
            rows, at = asyncio.run(read(site, journal.entries(_LOADED), folder, told))
            # As it was when the load was planned: what had begun by then had been sent as begun.
            loaded = planning.kept(paths.site_plan_summary(name))
            known = relations.create_wanted(connection, site.terms(loaded.at if loaded else at), "image")
            # What the site has refused, or others held already, is none of ours.
            ours = (each for each in journal.entries(_LOADED) if each.target is not None or each.state in _SENT)
            _create(connection, known, rows, ours, journal.before())
            planned = _told(connection, site)
            with atomic.file(paths.site_revert(name)) as unfinished:
                unfinished.unlink()
                connection.execute(
                    f"COPY (FROM reverting ORDER BY stage, kind, id) TO {literal(str(unfinished))} (FORMAT parquet)"
                )
            _report(connection, "reverting", {}, paths.revert_report(name))
    return planned


def _report(connection: duckdb.DuckDBPyConnection, plan: str, left: Mapping[str, str], path: Path) -> None:
    """Write a revert as people read it: each object, what is done and why; of those that were ``left`` on the way the reason by mark."""
    connection.register("left_standing", pd.DataFrame(list(left.items()), columns=["mark", "reason"], dtype="string"))
    with atomic.file(path) as unfinished:
        connection.execute(
            f"""COPY (
                SELECT
                    kind AS object, escape_formula(coalesce(key, mark)) AS key, id,
                    if(reason IS NULL, action, 'kept') AS action, escape_formula(coalesce(reason, why)) AS why
                FROM {plan} LEFT JOIN left_standing USING (mark) ORDER BY stage, kind, id
            ) TO {literal(str(unfinished))} (HEADER)"""
        )
    connection.unregister("left_standing")


async def _settle_down(site: Site, journal: Journal, told: Told) -> None:
    """Wait until what was sent and never answered stands on the site, or never will."""
    last = max((each.at for each in journal.entries(OPEN)), default=0.0) + site.environment.settle
    if (seconds := last - now()) > 0:
        told(f"waiting {math.ceil(seconds)} s for calls of the load that were never answered")
        await asyncio.sleep(seconds)


def _create(
    connection: duckdb.DuckDBPyConnection,
    kinds: Mapping[str, Kind],
    rows: Mapping[str, str],
    entries: Iterable[Entry],
    before: Mapping[str, object],
) -> None:
    """The relation ``reverting``: what is done with each of the ``entries``, of which something may stand on the site; ``before`` has the
    values of those that were updated. Needs ``relations.create_wanted``."""
    relations.create_found(connection, kinds, rows)
    relations.create_located(connection, kinds)
    relations.create_difference(connection, kinds)
    relations.create_journaled(connection, entries)
    connection.execute("CREATE OR REPLACE TEMP TABLE restorable AS SELECT unnest(?::VARCHAR[]) AS mark", [list(before)])
    make(
        connection,
        [
            Relation(
                "standing", "Every row of the site.", (), "\nUNION ALL\n".join(map(_standing, kinds)), stored=True
            ),
            relations.FILES["loaded"],
            Relation(
                "belonging",
                "What each row of the site belongs to: where it stays, so does that.",
                ("standing", "loaded"),
                "\nUNION ALL\n".join(_belonging(kinds)),
                stored=True,
            ),
            relations.FILES["staying"],
            relations.FILES["going"],
            relations.FILES["leaving"],
            relations.FILES["reverting"],
            relations.FILES["first_charge"],
        ],
    )


def _standing(name: str) -> str:
    if name != "subscription":
        return f"SELECT {literal(name)} AS kind, id, mark, false AS has_ended, false AS is_recipient FROM found_{name}"
    return f"""SELECT {literal(name)} AS kind, id, mark, status IN ({", ".join(map(literal, _ENDED))}) AS has_ended,
        coalesce("subscription.common_metadata.is_gift_recipient", false) AS is_recipient
    FROM found_subscription WHERE NOT is_undone"""


def _belonging(kinds: Mapping[str, Kind]) -> Iterator[str]:
    """SQL of rows and what they belong to, by the ids that the site answers."""
    for name, kind in kinds.items():
        # What a revert has ended holds nothing, nor does a void invoice, which outlives its customer.
        where = {
            "invoice": " AND NOT (\"invoice.status\" = 'void' AND mark IS NULL)",
            "subscription": " AND NOT is_undone",
        }.get(name, "")
        for each in kind.references:
            if each.carried is not Carried.COMPARED:
                continue
            rows = f"found_{name} AS row"
            if each.updates and kind.updates:
                # What gets its values from before refers to what it did then.
                rows += f" ANTI JOIN (FROM loaded WHERE kind = {literal(name)} AND NOT is_made AND is_restorable AND changed IS NULL) USING (id)"
            parent = quoted(f"{each.name} id")
            yield (
                f"SELECT {literal(name)} AS kind, id, {literal(each.kind)} AS to_kind, {parent} AS to_id FROM {rows}"
                f" WHERE {parent} IS NOT NULL{where}"
            )
    yield """SELECT 'customer', "user_id id", 'subscription', id FROM found_subscription
    WHERE "subscription.common_metadata.is_gift_recipient" """


def _told(connection: duckdb.DuckDBPyConnection, site: Site) -> RevertPlan:
    counts: dict[str, dict[str, int]] = {name: {} for name in site.kinds}
    for kind, action, number in connection.execute(
        "SELECT kind, action, count(*) FROM reverting GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        counts[kind][action] = number
    reasons = connection.execute(
        """SELECT split_part(why, ':', 1) AS reason, count(*) FROM reverting WHERE action IN ('kept', 'existed')
        GROUP BY reason ORDER BY reason"""
    ).fetchall()
    # An invoice takes two: its mark off, and void.
    calls = sum(
        number * (2 if (kind, action) == ("invoice", "undo") else action in ("undo", "restore"))
        for kind, by_action in counts.items()
        for action, number in by_action.items()
    )
    duration = datetime.timedelta(seconds=math.ceil(calls / (site.environment.rate or _UNPACED)))
    ((first,),) = connection.execute("SELECT seconds FROM first_charge").fetchall()
    until = None if first is None else datetime.datetime.fromtimestamp(first, datetime.UTC) - duration
    return RevertPlan(counts, dict(reasons), calls, duration, until)


# The revert.


def revert(site: Site, told: Told = lambda line: None) -> Reverted:
    """Do what ``plan_revert`` has kept, or go on with it.

    At its end every object of the load is reverted or kept. Raises StoppedError where nothing may be sent any more, and RefusedError
    where there is no plan.
    """
    paths, name = site.paths, site.name
    steps = paths.site_revert(name)
    if not steps.is_file():
        raise RefusedError(
            f"{paths.extract} has no plan to revert {name}: run `pelcro-pipeline revert {paths.extract} --on {name}`."
        )
    with site.held(), site.journal() as journal:
        journal.tell(**{REVERTING: "yes"})
        # They tell of a site that is not there any more.
        for path in (paths.site_plan(name), paths.site_plan_summary(name)):
            atomic.discard(path)
        reverted = asyncio.run(_revert(site, journal, told))
        if not reverted.unknown:
            today = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            journal.tell(**{REVERTING: "", REVERTED_ON: today})
            with duck.connect() as connection:
                _report(connection, f"read_parquet({literal(str(steps))})", reverted.left, paths.revert_report(name))
            atomic.discard(steps)
    return reverted


async def _revert(site: Site, journal: Journal, told: Told) -> Reverted:
    async with site.client() as client:
        steps = site.paths.site_revert(site.name)
        reverter = Reverter(steps, site.kinds, journal, client, site.settings.core_api, told)
        try:
            with stoppable(reverter):
                reverted = await reverter.run()
        finally:
            window.keep(journal, "revert", client.pace.measured, reverter.progress.own)
    told(reverted.sentence)
    return reverted


def is_rehearsed(site: Site) -> bool:
    """Whether a load of the site has been reverted, and loaded again to its end."""
    if not site.paths.journal(site.name).is_file():
        return False
    with site.journal() as journal:
        return bool(journal.told(REVERTED_ON) and journal.told(RELOADED_ON))


class Reverter:
    """One revert: walks its plan, stage by stage."""

    def __init__(
        self,
        plan: Path,
        kinds: Mapping[str, Kind],
        journal: Journal,
        client: Client,
        conventions: Conventions,
        told: Told,
    ) -> None:
        self._told = told
        self._plan, self._kinds, self._journal, self._client = plan, kinds, journal, client
        self._conventions = conventions
        self._before = journal.before()
        self._in_flight = InFlight(client, lambda: self.progress.sentence)
        #: Marks of what stays because something stays that belongs to it.
        self._held: set[str] = set()
        self.progress = Reverted(0)

    def stop(self) -> None:
        """Finish what is in flight and send nothing more."""
        self._in_flight.stop()

    async def run(self) -> Reverted:
        """Take back everything of the plan. Raises StoppedError where nothing may be sent any more."""
        with duck.connect() as connection:
            plan = f"read_parquet({literal(str(self._plan))})"
            stages = connection.execute(f"SELECT stage, count(*) FROM {plan} GROUP BY stage ORDER BY stage").fetchall()
            self.progress.steps = sum(count for stage, count in stages if stage)
            try:
                async with self._in_flight.telling(self._told):
                    for stage, _ in stages:
                        cursor = connection.execute(
                            f"SELECT kind, mark, id, action, parents, holds FROM {plan} WHERE stage = ? ORDER BY kind, id",
                            [stage],
                        )
                        await self._run_stage(cursor)
            finally:
                await self._journal.written()
        return self.progress

    async def _run_stage(self, cursor: duckdb.DuckDBPyConnection) -> None:
        async with self._in_flight:
            while rows := cursor.fetchmany(_BLOCK):
                steps = [
                    Step(*row[:4], tuple(row[4]), frozenset((each["kind"], each["id"]) for each in row[5]))
                    for row in rows
                ]
                known = self._journal.known(each.mark for each in steps)
                for step in steps:
                    await self._in_flight.enter()
                    self._in_flight.start(self._take_back(step, known.get(step.mark)))

    # One object.

    async def _take_back(self, step: Step, entry: Entry | None) -> None:
        if entry is None or entry.state is State.REVERTED:
            self.progress.reverted += entry is not None and step.action not in ("gone", "kept", "existed")
            return
        entry = replace(entry, target=step.id, made=entry.made or entry.target is None)
        self.progress.own += step.action != "existed"
        match step.action:
            case "existed":
                return
            case "gone":
                self._journal.note(replace(entry, state=State.REVERTED, made=False))
            case "kept":
                self._journal.note(replace(entry, state=State.KEPT))
                self.progress.kept += 1
            case _ if step.mark in self._held:
                self._keep(step, entry, "it holds what stays")
            case "leaves" | "settle":
                self._settle(step, entry, await self._is_back(step))
            case _:
                await self._undo(step, entry)

    async def _undo(self, step: Step, entry: Entry) -> None:
        if entry.state is State.REVERT_SENT and await self._is_back(step):
            self._settle(step, entry, True)
            return
        if step.action == "undo" and await self._has_gained(step):
            self._keep(step, entry, "others have added to it since it was planned")
            return
        for attempt in range(1, _ATTEMPTS + 1):
            await self._journal.intend(replace(entry, state=State.REVERT_SENT, attempt=attempt))
            outcome = await self._sent(step)
            if isinstance(outcome, Answered):
                self._note_back(step, entry)
                return
            is_back = await self._is_back(step)
            if is_back or isinstance(outcome, Refused):
                if not is_back:
                    self._journal.refuse(step.mark, outcome.status, outcome.errors)
                self._settle(step, entry, is_back)
                return
            self.progress.settled["sent again"] += 1
        self.progress.unknown += 1
        self._held.update(step.parents)

    def _settle(self, step: Step, entry: Entry, is_back: bool) -> None:
        """Write down what was read of a doubt."""
        self.progress.settled["gone" if is_back else "there"] += 1
        if is_back:
            self._note_back(step, entry)
        else:
            self._keep(step, entry, "the site does not take it away")

    def _note_back(self, step: Step, entry: Entry) -> None:
        if step.mark in self._before:
            # The next load keeps what it finds then.
            self._journal.keep_before(step.mark, None)
        # A row that others put in its place is none that we have made.
        self._journal.note(replace(entry, state=State.REVERTED, made=False))
        self.progress.reverted += 1

    def _keep(self, step: Step, entry: Entry, why: str) -> None:
        self._held.update(step.parents)
        self._journal.note(replace(entry, state=State.KEPT))
        self.progress.kept += 1
        self.progress.left[step.mark] = why

    async def _has_gained(self, step: Step) -> bool:
        """Whether what would be deleted with an object is more than the plan has seen."""
        cascades = _CASCADES.get(step.kind)
        row = await self._client.object(f"{self._kinds[step.kind].path}/{step.id}") if cascades else None
        if row is None:
            return False
        for name, kind in cascades.items():
            for each in row.get(name) or ():
                identity = each["id"] if isinstance(each, dict) else each
                if (kind, identity) in step.holds:
                    continue
                gained = await self._client.object(f"{self._kinds[kind].path}/{identity}")
                if gained is not None and gained.get("cancel_reason") != UNDONE:
                    return True
        return False

    # Its calls.

    async def _sent(self, step: Step) -> Outcome:
        path = f"{self._kinds[step.kind].path}/{step.id}"
        match step.action, step.kind:
            case "restore", _:
                body = restored(self._kinds[step.kind], self._before[step.mark], self._conventions)
                return await self._client.call("PUT", path, json.dumps(body, ensure_ascii=False).encode())
            case _, "subscription":
                return await self._client.call("DELETE", path, mode="now", reason=UNDONE)
            case _, "invoice":
                # A void invoice stays for good, and would be taken for the next load's.
                unmarked = await self._client.call("PUT", path, json.dumps({"metadata": {MARK: None}}).encode())
                return unmarked if isinstance(unmarked, Unknown) else await self._client.call("POST", f"{path}/void")
        return await self._client.call("DELETE", path)

    async def _is_back(self, step: Step) -> bool:
        """Whether an object is as it was before the load, as the site answers it now."""
        row = await self._client.object(f"{self._kinds[step.kind].path}/{step.id}")
        if row is None or row.get("deleted_at") is not None:
            return True
        if step.action in ("restore", "settle"):
            before = self._before.get(step.mark)
            return before is None or self._kinds[step.kind].held(row, before) == before
        if step.kind == "subscription":
            return row.get("status") in _ENDED
        return step.kind == "invoice" and row.get("status") == "void"


def restored(kind: Kind, before: Mapping[str, object], conventions: Conventions) -> dict[str, object]:
    """The body of an update that puts values back, which are kept as the site has answered them."""
    body = dict(before)
    for each in kind.fields:
        if each.form is OPPOSITE and body.get(each.name) is not None:
            body[each.name] = bool(body[each.name])
    if body.get("amount") is not None and kind.name == "plan" and conventions.plan_amount == "major":
        # Answered as cents, and taken as the currency's units.
        body["amount"] = float(Decimal(body["amount"]).scaleb(-minor_digits(str(body["currency"]))))
    if "email" in body:
        body["skip_email_dns_validations"] = True
    return body
