"""The load of a plan: each object is sent once, every doubt is settled by reading back, and all of it can be killed and run again.

An object goes through the journal's states; what a crash leaves in each is in docs/core-api.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target.core_api.client import Answered, Client, Outcome, Refused, StoppedError, Unknown
from pelcro_pipeline.target.core_api.journal import Entry, Journal, State, now
from pelcro_pipeline.target.core_api.look_up import found, is_marked, with_ids
from pelcro_pipeline.target.core_api.mapping import Kind
from pelcro_pipeline.target.core_api.pace import NotSentError

#: Objects that are read from the plan together.
_BLOCK = 1000
#: How often one object is sent, where nobody knows what came of it.
_ATTEMPTS = 5
#: So many calls in a row without an answer, and the load pauses.
_BREAKER = 20
#: Seconds between two lines of progress.
_EVERY = 5.0


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


@dataclass
class Progress:
    """What a load has done so far. ``settled`` counts what was looked up, by what was found."""

    calls: int
    done: int = 0
    refused: int = 0
    unknown: int = 0
    blocked: int = 0
    conflict: int = 0
    limited: int = 0
    began: float = field(default_factory=time.monotonic)
    settled: Counter[str] = field(default_factory=Counter)

    @property
    def sentence(self) -> str:
        """One line of it."""
        seconds = max(time.monotonic() - self.began, 0.001)
        rate = self.done / seconds
        left = max(self.calls - self.done - self.refused - self.blocked - self.conflict, 0)
        remaining = f", {_duration(left / rate)} left" if rate > 0 and left else ""
        return (
            f"{self.done:,} of {self.calls:,} done, {rate:,.0f} a second, {self.refused:,} refused, {self.unknown:,} unknown, "
            f"{self.limited:,} times told to wait{remaining}"
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


class InterruptedLoadError(StoppedError):
    """Somebody has stopped the load: what was in flight is finished."""


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
        self._stopping = asyncio.Event()
        self._in_a_row = 0
        self._failure: BaseException | None = None
        self._proven: set[tuple[str, str | None]] = set()
        #: Objects of which the site says that their id or email is taken.
        self._taken: set[str] = set()
        self.progress = Progress(0)

    def stop(self) -> None:
        """Finish what is in flight and send nothing more."""
        self._stopping.set()
        self._client.pace.stop()

    async def run(self) -> Progress:
        """Send everything of the plan that is not done, and settle every doubt. Raises StoppedError where nothing may be sent any more.

        At its end every call of the plan is done, refused, blocked by such a one, in conflict, or, after five attempts, unknown.
        """
        with duck.connect() as connection:
            stages = connection.execute(
                f"""SELECT stage, count(*) FROM read_parquet({literal(str(self._plan))}) WHERE action IN ('create', 'update')
                GROUP BY stage ORDER BY stage"""
            ).fetchall()
            self.progress.calls = sum(count for _, count in stages)
            telling = asyncio.create_task(self._tell())
            try:
                for stage, _ in stages:
                    await self._run_stage(connection, stage)
            finally:
                telling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await telling
                await self._journal.written()
        self._told(self.progress.sentence)
        return self.progress

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            self.progress.limited = self._client.pace.limited
            self._told(self.progress.sentence)

    # A stage: everything whose parents are done.

    async def _run_stage(self, connection: duckdb.DuckDBPyConnection, stage: int) -> None:
        doubtful = await self._pass(self._objects(connection, stage), first=True)
        for _ in range(_ATTEMPTS):
            if not doubtful:
                return
            # What is not there is sent again, and may be in doubt again.
            absent = await self._settled(doubtful)
            doubtful = await self._pass(iter([absent]), first=False)
        self.progress.unknown += len(doubtful)

    def _objects(self, connection: duckdb.DuckDBPyConnection, stage: int) -> Iterator[list[Planned]]:
        cursor = connection.execute(
            f"""SELECT kind, mark, key, scenario, action, if(action = 'update', changes, body), "references", digest, id
            FROM read_parquet({literal(str(self._plan))})
            WHERE stage = ? AND action IN ('create', 'update') ORDER BY place""",
            [stage],
        )
        while rows := cursor.fetchmany(_BLOCK):
            yield [
                Planned(*row[:6], {each["field"]: each["mark"] for each in row[6]}, *row[7:])  # type: ignore[misc]
                for row in rows
            ]

    async def _pass(self, blocks: Iterator[list[Planned]], *, first: bool) -> list[tuple[Planned, Mapping[str, int]]]:
        """Send the objects of some blocks; returns those of which nobody knows what came."""
        doubtful: list[tuple[Planned, Mapping[str, int]]] = []
        async with _Group(self) as group:
            for block in blocks:
                known = self._journal.known(
                    [each.mark for each in block] + [mark for each in block for mark in each.references.values()]
                )
                for each in block:
                    ids = self._ids(each, known)
                    if ids is None:
                        self.progress.blocked += first
                        continue
                    entry = known.get(each.mark)
                    match self._next(each, entry):
                        case "send" if self._goes_alone(each):
                            await group.ended()
                            await self._enter()
                            group.start(self._send(each, entry, ids, doubtful))
                            await group.ended()
                        case "send":
                            await self._enter()
                            group.start(self._send(each, entry, ids, doubtful))
                        case "settle":
                            doubtful.append((each, ids))
                        case _ if first:
                            self._count(entry)
                self._refuse_to_go_on()
        # What comes next looks its parents up in the journal.
        await self._journal.written()
        return doubtful

    def _goes_alone(self, planned: Planned) -> bool:
        return self._alone and planned.action == "create" and (planned.kind, planned.scenario) not in self._proven

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
            case State.SENT | State.UNKNOWN:
                # A change carries all that is intended: sent again it does the same again.
                return "send" if planned.action == "update" else "settle"
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
        await self._client.pace.enter()
        try:
            self._refuse_to_go_on()
            if self._in_a_row >= _BREAKER:
                await self._wait_for_the_site()
        except BaseException:
            await self._client.pace.leave()
            raise

    def _refuse_to_go_on(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._stopping.is_set():
            raise InterruptedLoadError(
                f"Stopped: {self.progress.sentence}. What was in flight is finished, and the journal knows it: "
                "run the same command again to go on."
            )

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
        doubtful: list[tuple[Planned, Mapping[str, int]]],
    ) -> None:
        try:
            is_first = self._goes_alone(planned)
            intent = self._intent(planned, entry)
            body = with_ids(planned.body, ids)
            await self._journal.intend(intent)
            try:
                outcome = await self._called(planned, intent, body)
            except NotSentError:
                self._journal.note(replace(intent, state=State.ABSENT))
                self._refuse_to_go_on()
                raise
            if not self._noted(planned, intent, outcome, json.loads(body)):
                doubtful.append((planned, ids))
            elif is_first and isinstance(outcome, Answered):
                await self._prove(planned, outcome)
        finally:
            await self._client.pace.leave()

    def _intent(self, planned: Planned, entry: Entry | None) -> Entry:
        return Entry(
            planned.mark,
            planned.kind,
            State.SENT,
            attempt=(entry.attempt if entry else 0) + 1,
            at=now(),
            digest=planned.digest,
            target=planned.id or (entry and entry.target) or None,
            made=entry.made if entry else False,
        )

    async def _called(self, planned: Planned, intent: Entry, body: bytes) -> Outcome:
        path = self._kinds[planned.kind].path
        if planned.action == "update":
            return await self._client.call("PUT", f"{path}/{intent.target}", body)
        return await self._client.call("POST", path, body)

    def _noted(self, planned: Planned, intent: Entry, outcome: Outcome, body: Mapping[str, object]) -> bool:
        """Write down what came of a call; returns whether that is known."""
        kind, creates = self._kinds[planned.kind], planned.action == "create"
        # What is answered with another mark than ours is not known to be ours.
        if isinstance(outcome, Answered) and creates and not is_marked(kind, planned.mark, body, outcome.row or {}):
            outcome = Unknown("an answer that is not of this object")
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
                self._journal.note(replace(entry, state=State.UNKNOWN))
                return False
            case Refused() if outcome.is_missing and creates:
                raise StoppedError(
                    f"The site knows no {kind.path} ({outcome.status}): nothing more is sent. Check url in extract.toml."
                )
            case Refused() if outcome.is_missing:
                # Somebody has deleted what was to be changed.
                self.progress.conflict += 1
                self._journal.note(replace(entry, state=State.CONFLICT))
                return True
            case Refused(_, errors) if creates and errors and set(errors) <= set(kind.unique):
                # Taken: by an attempt of ours of which nobody knew, or by somebody else.
                self._in_a_row = 0
                self._taken.add(planned.mark)
                self._journal.note(replace(entry, state=State.UNKNOWN))
                return False
            case Refused(status, errors):
                self._in_a_row = 0
                self._journal.refuse(planned.mark, status, errors)
                self.progress.refused += 1
                self._journal.note(replace(entry, state=State.REFUSED))
                return True

    async def _prove(self, planned: Planned, outcome: Answered) -> None:
        """Read the first of a scenario back before another follows. Raises StoppedError where it is not as it was meant."""
        what = f"the first {planned.kind}" + (f" ({planned.scenario})" if planned.scenario else "")
        row = await self._client.object(f"{self._kinds[planned.kind].path}/{outcome.row['id']}")
        if row is None:
            raise StoppedError(f"The site does not have {what} any more, {outcome.row['id']}: nothing more is sent.")
        if planned.kind == "subscription" and row.get("latest_invoice") is not None:
            raise StoppedError(
                f"The site has invoiced {what}, {row['id']}, at once, though its period is paid: nothing more is sent, and one "
                "reader is concerned. Void the invoice there, and ask Pelcro how paid periods are loaded."
            )
        if differing := self._compare(planned.kind, [row]):
            raise StoppedError(
                f"The site has {what}, {row['id']}, otherwise than it was sent ({', '.join(differing)}): nothing more is sent. "
                "Read it there, and set core_api in extract.toml as the account does it."
            )
        self._proven.add((planned.kind, planned.scenario))

    # Doubts.

    async def _settled(self, doubtful: list[tuple[Planned, Mapping[str, int]]]) -> list[Planned]:
        """Look up what nobody knows; returns what is not there, and is to be sent again."""
        absent: list[Planned] = []
        async with _Group(self) as group:
            for planned, ids in doubtful:
                self._refuse_to_go_on()
                await self._client.pace.enter()
                group.start(self._settle_one(planned, ids, absent))
        await self._journal.written()
        return absent

    async def _settle_one(self, planned: Planned, ids: Mapping[str, int], absent: list[Planned]) -> None:
        try:
            if planned.action == "update":
                absent.append(planned)
                return
            kind = self._kinds[planned.kind]
            body = json.loads(planned.body) | ids
            (entry,) = self._journal.known([planned.mark]).values()
            rows = await found(self._client, kind, planned.mark, body)
            if not rows and (not kind.unique or planned.mark in self._taken):
                # What is not unique on the site would be there twice, if it took effect after all.
                await self._wait_until(entry.at + self._settle)
                self._refuse_to_go_on()
                rows = await found(self._client, kind, planned.mark, body)
            self._judge(planned, entry, rows, absent)
        finally:
            await self._client.pace.leave()

    async def _wait_until(self, at: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), max(0.0, at - now()))

    def _judge(self, planned: Planned, entry: Entry, rows: list[dict], absent: list[Planned]) -> None:
        if len(rows) > 1:
            self._journal.note(replace(entry, state=State.CONFLICT))
            ids = " and ".join(str(row["id"]) for row in sorted(rows, key=lambda row: row["id"]))
            raise StoppedError(
                f"The site has one {planned.kind} twice, as {ids}: nothing more is sent. "
                "Cancel or delete one of them there, then run the same command again."
            )
        if rows:
            differing = self._compare(planned.kind, rows)
            state = State.CONFLICT if differing else State.DONE
            self._journal.note(replace(entry, state=state, target=rows[0]["id"], made=True))
            self.progress.settled["there" if state is State.DONE else "otherwise"] += 1
            if state is State.DONE:
                self.progress.done += 1
            else:
                self.progress.conflict += 1
            return
        if planned.mark in self._taken:
            self.progress.settled["of others"] += 1
            self.progress.conflict += 1
            self._journal.note(replace(entry, state=State.CONFLICT))
            return
        self.progress.settled["absent"] += 1
        self._journal.note(replace(entry, state=State.ABSENT))
        absent.append(planned)


class _Group:
    """Tasks of one loader: the first failure lets what is in flight finish, and is raised then."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._tasks: set[asyncio.Task] = set()

    async def __aenter__(self) -> _Group:
        return self

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Begin one."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None and self._loader._failure is None:
            self._loader._failure = task.exception()

    async def ended(self) -> None:
        """Wait for all; raise the first failure."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._loader._failure is not None:
            raise self._loader._failure

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)
        if error is None:
            await self.ended()
