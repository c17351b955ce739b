"""The load of a plan: each object is sent once, every doubt is settled by reading back, and all of it can be killed and run again.

An object goes through the journal's states; what a crash leaves in each is in docs/core-api.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.spec import HIDDEN
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target.core_api.client import Answered, Client, Outcome, Refused, StoppedError, Unknown
from pelcro_pipeline.target.core_api.in_flight import InFlight
from pelcro_pipeline.target.core_api.journal import Entry, Journal, State, now
from pelcro_pipeline.target.core_api.look_up import LISTED, TAKEN_BACK, found, is_marked, with_ids
from pelcro_pipeline.target.core_api.mapping import METADATA, Kind
from pelcro_pipeline.target.core_api.pace import NotSentError

#: Objects that are taken from the plan together; and places of it that are read together: a stage as a whole has bodies for gigabytes.
_BLOCK, _PLACES = 1000, 20_000
#: How often one object is sent again, where nobody knows what came of it: a storm that spoils every third call leaves none.
_ATTEMPTS = 8
#: So many calls in a row without an answer, and the load pauses.
_BREAKER = 20
#: Seconds after which an intent is written anew: `settle` counts from when its bytes leave.
_FRESH = 0.5
#: Where the journal keeps which kinds and scenarios have been read back.
_PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class Planned:
    """An object of the plan that is a call."""

    kind: str
    mark: str
    key: str
    scenario: str | None
    action: str
    body: str
    references: Mapping[str, str]
    digest: str
    id: int | None


#: An object of which nobody knows what came, and the ids of what it refers to.
_Doubt = tuple[Planned, Mapping[str, int]]


@dataclass
class Progress:
    """What a load has done so far: ``own`` are the objects that it has itself sent or settled, ``settled`` counts what was looked up, by
    what was found."""

    calls: int
    done: int = 0
    refused: int = 0
    unknown: int = 0
    blocked: int = 0
    conflict: int = 0
    limited: int = 0
    own: int = 0
    began: float = field(default_factory=time.monotonic)
    settled: Counter[str] = field(default_factory=Counter)

    @property
    def sentence(self) -> str:
        """One line of it."""
        rate = self.own / max(time.monotonic() - self.began, 0.001)
        left = max(self.calls - self.done - self.refused - self.blocked - self.conflict, 0)
        remaining = f", {duration(left / rate)} left" if rate > 0 and left else ""
        return (
            f"{self.done:,} of {self.calls:,} done, {rate:,.0f} a second, {self.refused:,} refused, {self.unknown:,} unknown, "
            f"{self.limited:,} times told to wait{remaining}"
        )


def duration(seconds: float) -> str:
    """Some seconds in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Loader:
    """One load. ``compare`` tells what a row of the site has otherwise than is wanted; ``alone`` whether the first object of each kind
    and scenario goes alone and is read back, as on a production site."""

    def __init__(
        self,
        plan: Path,
        kinds: Mapping[str, Kind],
        journal: Journal,
        client: Client,
        *,
        settle: float,
        compare: Callable[[str, list[dict]], list[str]],
        alone: bool = False,
        told: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._plan, self._kinds, self._journal, self._client = plan, kinds, journal, client
        self._settle, self._compare, self._alone, self._told = settle, compare, alone, told
        self._in_flight = InFlight(client, self._said)
        self._in_a_row = 0
        #: Kinds and scenarios whose first object was read back, by this load or one before it.
        self._proven = {(kind, scenario) for kind, scenario in json.loads(journal.told(_PROVEN) or "[]")}
        #: What the site has refused because an id or email is taken, or may be.
        self._taken: dict[str, Refused] = {}
        #: Objects whose values before an update are kept.
        self._kept: set[str] | None = None
        self._lists_are_seen = False
        self._comparing = asyncio.Lock()
        self.progress = Progress(0)

    def stop(self) -> None:
        """Finish what is in flight and send nothing more."""
        self._in_flight.stop()

    async def run(self) -> Progress:
        """Send everything of the plan that is not done, and settle every doubt. Raises StoppedError where nothing may be sent any more.

        At its end every call of the plan is done, refused, blocked by such a one, in conflict, or, after all attempts, unknown.
        """
        with duck.connect() as connection:
            stages = connection.execute(
                f"""SELECT stage, count(*) FROM read_parquet({literal(str(self._plan))}) WHERE action IN ('create', 'update')
                GROUP BY stage ORDER BY stage"""
            ).fetchall()
            self.progress.calls = sum(count for _, count in stages)
            try:
                async with self._in_flight.telling(self._told):
                    for stage, _ in stages:
                        await self._run_stage(connection, stage)
            finally:
                await self._journal.written()
        self._told(self._said())
        return self.progress

    def _said(self) -> str:
        self.progress.limited = self._client.pace.limited
        return self.progress.sentence

    # A stage: everything whose parents are done.

    async def _run_stage(self, connection: duckdb.DuckDBPyConnection, stage: int) -> None:
        await self._resolve(await self._pass(self._objects(connection, stage), first=True))

    async def _resolve(self, doubtful: list[_Doubt]) -> None:
        """Look up what nobody knows, and send again what is not there, which may be in doubt again."""
        for _ in range(_ATTEMPTS):
            if not doubtful:
                return
            doubtful = await self._pass(iter([await self._settled(doubtful)]), first=False)
        self.progress.unknown += len(await self._settled(doubtful))

    def _objects(self, connection: duckdb.DuckDBPyConnection, stage: int) -> Iterator[list[Planned]]:
        of_stage = f"FROM read_parquet({literal(str(self._plan))}) WHERE stage = ? AND action IN ('create', 'update')"
        ((first, last),) = connection.execute(f"SELECT min(place), max(place) {of_stage}", [stage]).fetchall()
        for place in range(first, last + 1, _PLACES):
            cursor = connection.execute(
                f"""SELECT kind, mark, key, scenario, action, if(action = 'update', changes, body), "references", digest, id
                {of_stage} AND place BETWEEN ? AND ? ORDER BY place""",
                [stage, place, place + _PLACES - 1],
            )
            while rows := cursor.fetchmany(_BLOCK):
                yield [Planned(*row[:6], {each["field"]: each["mark"] for each in row[6]}, *row[7:]) for row in rows]

    async def _pass(self, blocks: Iterator[list[Planned]], *, first: bool) -> list[_Doubt]:
        """Send the objects of some blocks; returns those of which nobody knows what came, few enough to be held in memory."""
        doubtful: list[_Doubt] = []
        async with self._in_flight:
            for block in blocks:
                known = self._journal.known(each.mark for each in block)
                steps = {each.mark: self._next(each, known.get(each.mark)) if first else "send" for each in block}
                # Of what is done nothing more is asked: a load that goes on walks past half a million of these.
                moved = [each for each in block if steps[each.mark] != "nothing" or self._goes_alone(each)]
                known |= self._journal.known(mark for each in moved for mark in each.references.values())
                for each in block:
                    entry, step = known.get(each.mark), steps[each.mark]
                    if step == "nothing" and not self._goes_alone(each):
                        self._count(entry)
                        continue
                    ids = self._ids(each, known)
                    if ids is None:
                        self.progress.blocked += first
                        continue
                    self.progress.own += first and step != "nothing"
                    if first and self._goes_alone(each):
                        await self._in_flight.ended()
                        await self._first(step, each, entry, ids, doubtful)
                    elif step == "send":
                        await self._enter()
                        self._in_flight.start(self._send(each, entry, ids, doubtful))
                    else:
                        doubtful.append((each, ids))
                self._in_flight.refuse_to_go_on()
                if first and len(doubtful) >= _BLOCK:
                    await self._in_flight.ended()
                    await self._journal.written()
                    await self._resolve(doubtful)
                    doubtful.clear()
        # What comes next looks its parents up in the journal.
        await self._journal.written()
        return doubtful

    def _goes_alone(self, planned: Planned) -> bool:
        return self._alone and planned.action == "create" and (planned.kind, planned.scenario) not in self._proven

    async def _first(
        self,
        step: str,
        planned: Planned,
        entry: Entry | None,
        ids: Mapping[str, int],
        doubtful: list[_Doubt],
    ) -> None:
        """Do what is to be done with the first of a scenario, and know what came of it before another follows."""
        if step == "nothing":
            self._count(entry)
            # A load that was stopped or killed before it had read this one back.
            if entry.state is State.DONE and entry.made:
                await self._prove(planned, entry.target)
            return
        own: list[_Doubt] = []
        if step == "settle":
            own.append((planned, ids))
        else:
            await self._enter()
            self._in_flight.start(self._send(planned, entry, ids, own))
            await self._in_flight.ended()
        await self._journal.written()
        if own and not self._lists_are_seen and self._is_told_by_lists(planned):
            # The next of its kind shows how long the lists need.
            doubtful += own
        else:
            await self._resolve(own)

    def _is_told_by_lists(self, planned: Planned) -> bool:
        """Whether a list alone says that an object is not there, and the site would take it twice."""
        return planned.kind in LISTED and not self._kinds[planned.kind].unique

    def _ids(self, planned: Planned, known: Mapping[str, Entry]) -> dict[str, int] | None:
        """The ids of what an object refers to; nothing where one of these is not on the site."""
        ids = {}
        for name, mark in planned.references.items():
            parent = known.get(mark)
            if parent is None or parent.state is not State.DONE or parent.target is None:
                return None
            ids[name] = parent.target
        if planned.action == "update":
            updated = {each.name for each in self._kinds[planned.kind].references if each.updates}
            return {name: id_ for name, id_ in ids.items() if name in updated}
        return ids

    def _next(self, planned: Planned, entry: Entry | None) -> str:
        """What is to be done with an object: send, settle, or nothing."""
        if entry is None or entry.state in (State.ABSENT, State.REVERTED):
            return "send"
        is_same = entry.digest == planned.digest
        match entry.state:
            case State.SENT | State.UNKNOWN | State.CHANGING:
                return "settle"
            case State.DONE:
                return "send" if planned.action == "update" and not is_same else "nothing"
            case State.REFUSED:
                return "nothing" if is_same else "send"
        return "nothing"

    def _count(self, entry: Entry | None) -> None:
        match entry and entry.state:
            case State.DONE:
                self.progress.done += 1
            case State.REFUSED:
                self.progress.refused += 1
            case State.CONFLICT:
                self.progress.conflict += 1

    async def _enter(self) -> None:
        await self._in_flight.enter()
        if self._in_a_row < _BREAKER:
            return
        try:
            await self._wait_for_the_site()
        except BaseException:
            await self._in_flight.leave()
            raise

    async def _wait_for_the_site(self) -> None:
        """The breaker: one look-up, repeated until the site answers it, before anything else is sent."""
        self._told(f"{self._in_a_row} calls in a row had no answer: waiting for the site.")
        self._client.pace.halve()
        await self._client.look_up("/plans", limit=1)
        self._in_a_row = 0

    # One object.

    async def _send(
        self,
        planned: Planned,
        entry: Entry | None,
        ids: Mapping[str, int],
        doubtful: list[_Doubt],
    ) -> None:
        intent = self._intent(planned, entry)
        body = with_ids(planned.body, ids)
        if planned.action == "update" and not intent.made:
            await self._keep_before(planned, intent, json.loads(body))
        await self._journal.intend(intent)

        async def leaving() -> None:
            nonlocal intent
            if self._in_flight.is_over:
                # It was waiting for its turn, and is not sent.
                self._journal.note(entry or replace(intent, state=State.ABSENT))
                self._in_flight.refuse_to_go_on()
            if now() - intent.at > _FRESH:
                intent = replace(intent, at=now())
                await self._journal.intend(intent)

        try:
            outcome = await self._called(planned, intent, body, leaving)
        except NotSentError:
            self._journal.note(entry or replace(intent, state=State.ABSENT))
            self._in_flight.refuse_to_go_on()
            raise
        sent = json.loads(body)
        if not self._noted(planned, intent, outcome, sent):
            doubtful.append((planned, ids))
        elif isinstance(outcome, Answered) and planned.action == "create":
            await self._see_lists(planned, sent)
            if self._goes_alone(planned):
                await self._prove(planned, outcome.row["id"])

    def _intent(self, planned: Planned, entry: Entry | None) -> Entry:
        return Entry(
            planned.mark,
            planned.kind,
            State.CHANGING if planned.action == "update" else State.SENT,
            attempt=(entry.attempt if entry else 0) + 1,
            at=now(),
            digest=planned.digest,
            # What was reverted had another id.
            target=planned.id or (entry and entry.state is not State.REVERTED and entry.target) or None,
            # Its id and email may be taken still (see _judge).
            made=entry is not None and (entry.made or (entry.state is State.REVERTED and planned.action == "create")),
        )

    async def _keep_before(self, planned: Planned, intent: Entry, body: Mapping[str, object]) -> None:
        """Keep what the fields of an update have held before the first: a revert puts it back."""
        if self._kept is None:
            self._kept = set(self._journal.before())
        if planned.mark in self._kept:
            return
        kind = self._kinds[planned.kind]
        row = await self._client.object(f"{kind.path}/{intent.target}")
        if row is not None:
            self._journal.keep_before(planned.mark, kind.held(row, body))
            self._kept.add(planned.mark)

    async def _called(
        self, planned: Planned, intent: Entry, body: bytes, leaving: Callable[[], Awaitable[None]]
    ) -> Outcome:
        path = self._kinds[planned.kind].path
        if planned.action == "update":
            return await self._client.call("PUT", f"{path}/{intent.target}", body, leaving=leaving)
        return await self._client.call("POST", path, body, leaving=leaving)

    def _noted(self, planned: Planned, intent: Entry, outcome: Outcome, body: Mapping[str, object]) -> bool:
        """Write down what came of a call; returns whether that is known."""
        kind, creates = self._kinds[planned.kind], planned.action == "create"
        # What is answered with another mark than ours is not known to be ours.
        if isinstance(outcome, Answered):
            row = outcome.row or {}
            is_own = is_marked(kind, planned.mark, body, row) if creates else row.get("id") == intent.target
            outcome = outcome if is_own else Unknown("an answer that is not of this object")
        entry = replace(intent, at=now())
        match outcome:
            case Answered(_, row):
                self._in_a_row = 0
                self._client.pace.recover()
                self.progress.done += 1
                self._journal.note(replace(entry, state=State.DONE, target=row["id"], made=intent.made or creates))
                return True
            case Unknown():
                self._in_a_row += 1
                self._journal.note(replace(entry, state=State.UNKNOWN if creates else State.CHANGING))
                return False
            case Refused() if outcome.is_missing and creates:
                raise StoppedError(
                    f"The site knows no {kind.path}, or not what {planned.kind} {planned.key} refers to ({outcome.status}): "
                    "nothing more is sent. Check url in extract.toml, then plan again."
                )
            case Refused() if outcome.is_missing:
                # Somebody has deleted what was to be changed.
                self.progress.conflict += 1
                self._journal.note(replace(entry, state=State.CONFLICT))
                return True
            case Refused(_, errors) if creates and errors and set(errors) <= {*kind.unique, "old_provider_id"}:
                # Taken: by an attempt of ours of which nobody knew, or by somebody else; or no value that the site takes.
                self._in_a_row = 0
                self._taken[planned.mark] = outcome
                self._journal.note(replace(entry, state=State.UNKNOWN))
                return False
            case Refused():
                self._in_a_row = 0
                self._refuse(planned, entry, outcome, body)
                return True

    def _refuse(self, planned: Planned, entry: Entry, refused: Refused, body: Mapping[str, object]) -> None:
        self._journal.refuse(planned.mark, refused.status, without_password(refused.errors, body))
        self.progress.refused += 1
        # What was not made has no id; what was not changed keeps its own.
        target = entry.target if planned.action == "update" else None
        self._journal.note(replace(entry, state=State.REFUSED, target=target))

    async def _differing(self, kind: str, row: dict) -> list[str]:
        # In a thread: to tell what is wanted takes seconds at a million, and the calls in flight have time-outs.
        async with self._comparing:
            return await asyncio.to_thread(self._compare, kind, [row])

    async def _see_lists(self, planned: Planned, body: Mapping[str, object]) -> None:
        """Look the first object of a load up through its list. Raises StoppedError where that shows it only after `settle`: what is not
        in a list then would be taken for absent, and be sent twice. Where no other of its kind was answered, there is no telling."""
        if self._lists_are_seen or planned.kind not in LISTED:
            return
        self._lists_are_seen = True
        until = time.monotonic() + self._settle
        while not await found(self._client, self._kinds[planned.kind], planned.mark, body):
            if time.monotonic() > until:
                raise StoppedError(
                    f"The site's lists do not show a {planned.kind} that it has made {self._settle:g} seconds ago: nothing more is sent. "
                    "Raise settle in extract.toml to the seconds that they need, then run the same command again."
                )
            await asyncio.sleep(min(self._settle / 5, 1.0))

    async def _prove(self, planned: Planned, target: int) -> None:
        """Read the first of a scenario back before another follows. Raises StoppedError where it is not as it was meant."""
        what = f"the first {planned.kind}" + (f" ({planned.scenario})" if planned.scenario else "")
        row = await self._client.object(f"{self._kinds[planned.kind].path}/{target}")
        if row is None:
            raise StoppedError(f"The site does not have {what} any more, {target}: nothing more is sent.")
        if planned.kind == "subscription" and row.get("latest_invoice") is not None:
            if row.get("status") in TAKEN_BACK or await self._is_void(row["latest_invoice"]):
                # Somebody has taken that back; the next of its scenario shows whether it happens again.
                return
            raise StoppedError(
                f"The site has invoiced {what}, {row['id']}, at once, though its period is paid: nothing more is sent, and one "
                "reader is concerned. Void the invoice there, or refund what was charged and cancel the subscription, and ask Pelcro how paid "
                "periods are loaded."
            )
        if differing := await self._differing(planned.kind, row):
            raise StoppedError(
                f"The site has {what}, {row['id']}, otherwise than it was sent ({', '.join(differing)}): nothing more is sent. "
                "Read it there, and set core_api in extract.toml as the account does it."
            )
        self._proven.add((planned.kind, planned.scenario))
        self._journal.tell(**{_PROVEN: json.dumps(sorted(self._proven, key=str))})

    async def _is_void(self, invoice: object) -> bool:
        identity = invoice.get("id") if isinstance(invoice, dict) else invoice
        row = await self._client.object(f"/invoices/{identity}")
        return row is not None and row.get("status") in TAKEN_BACK

    # Doubts.

    async def _settled(self, doubtful: list[_Doubt]) -> list[Planned]:
        """Look up what nobody knows; returns what is not there, and is to be sent again."""
        absent: list[Planned] = []
        async with self._in_flight:
            for planned, ids in doubtful:
                await self._in_flight.enter()
                self._in_flight.start(self._settle_one(planned, ids, absent))
        await self._journal.written()
        return absent

    async def _settle_one(self, planned: Planned, ids: Mapping[str, int], absent: list[Planned]) -> None:
        (entry,) = self._journal.known([planned.mark]).values()
        if planned.action == "update":
            await self._settle_change(planned, entry, absent)
        else:
            await self._settle_creation(planned, entry, json.loads(planned.body) | ids, absent)

    async def _settle_change(self, planned: Planned, entry: Entry, absent: list[Planned]) -> None:
        """A change carries all that is intended: where it is not seen, it is sent again, and does the same again."""
        kind = self._kinds[planned.kind]
        row = await self._client.object(f"{kind.path}/{entry.target}")
        is_unmarked = kind.mark_in.startswith(METADATA) and not is_marked(kind, planned.mark, {}, row or {})
        if row is None:
            self.progress.conflict += 1
            self._journal.note(replace(entry, state=State.CONFLICT))
        elif is_unmarked or await self._differing(planned.kind, row):
            absent.append(planned)
        else:
            self.progress.done += 1
            self.progress.settled["there"] += 1
            self._journal.note(replace(entry, state=State.DONE, digest=planned.digest))

    async def _settle_creation(
        self, planned: Planned, entry: Entry, body: Mapping[str, object], absent: list[Planned]
    ) -> None:
        kind = self._kinds[planned.kind]
        # What a revert has taken back may still be there as a row.
        rows = await found(self._client, kind, planned.mark, body, entry.target)
        if not rows and (not kind.unique or planned.mark in self._taken):
            # What is not unique on the site would be there twice, if it took effect after all.
            await self._wait_until(entry.at + self._settle)
            self._in_flight.refuse_to_go_on()
            rows = await found(self._client, kind, planned.mark, body, entry.target)
        await self._judge(planned, entry, rows, body, absent)

    async def _wait_until(self, at: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._in_flight.stopping.wait(), max(0.0, at - now()))

    async def _judge(
        self, planned: Planned, entry: Entry, rows: list[dict], body: Mapping[str, object], absent: list[Planned]
    ) -> None:
        if len(rows) > 1:
            # It stays unknown, so that the next run asks again, and stops again until somebody has chosen.
            ids = " and ".join(str(row["id"]) for row in sorted(rows, key=lambda row: row["id"]))
            raise StoppedError(
                f"The site has the {planned.kind} {planned.key} twice, as {ids}: nothing more is sent. "
                "Cancel or delete one of them there, then run the same command again."
            )
        if rows:
            (row,) = rows
            if await self._differing(planned.kind, row):
                # An old id says less than a mark: what differs may be another's, and a revert must let it be.
                is_made = self._kinds[planned.kind].carries_mark
                self.progress.settled["otherwise"] += 1
                self.progress.conflict += 1
                self._journal.note(replace(entry, state=State.CONFLICT, target=row["id"], made=is_made))
                return
            self.progress.settled["there"] += 1
            self.progress.done += 1
            self._journal.note(replace(entry, state=State.DONE, target=row["id"], made=True))
            if self._goes_alone(planned):
                await self._prove(planned, row["id"])
            return
        if planned.mark in self._taken and entry.made:
            self._journal.note(replace(entry, state=State.REVERTED, made=False))
            unique = " or ".join(name.replace("_", " ") for name in self._kinds[planned.kind].unique)
            raise StoppedError(
                f"The site takes the {unique} of a reverted {planned.kind} for taken still, though nothing there has it: nothing "
                "more is sent. Ask Pelcro to free what was deleted, then run the same command again."
            )
        if refused := self._taken.pop(planned.mark, None):
            said = " ".join(each for reasons in refused.errors.values() for each in reasons)
            if "taken" not in said:
                self._refuse(planned, entry, refused, body)
                return
            self.progress.settled["of others"] += 1
            self.progress.conflict += 1
            self._journal.refuse(planned.mark, refused.status, without_password(refused.errors, body))
            self._journal.note(replace(entry, state=State.CONFLICT, target=None))
            return
        self.progress.settled["absent"] += 1
        self._journal.note(replace(entry, state=State.ABSENT))
        absent.append(planned)


def without_password(errors: Mapping[str, list[str]], body: Mapping[str, object]) -> dict[str, list[str]]:
    """What a site says of a refusal, where it quotes a password without it."""
    password = body.get("password")
    if not isinstance(password, str):
        return dict(errors)
    return {field: [each.replace(password, HIDDEN) for each in said] for field, said in errors.items()}
