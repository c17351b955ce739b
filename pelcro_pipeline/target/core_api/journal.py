"""The journal of a load: what was called and what came of it, on disk before and after each call.

One SQLite file of a site and an extract. It holds marks, states, times, digests and the target's ids: no bodies, no names and no
key. What a site said of a refusal may quote a reader, and the values before an update are a reader's: both stand in files beside
it, for its owner alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.workspace import atomic

#: Another schema is another journal: it is refused, never guessed at.
_VERSION = 1
#: Marks that are asked for together; SQLite takes 32,766.
_ASKED = 5000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS met (state TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS object (
    mark TEXT PRIMARY KEY, kind TEXT NOT NULL, state INTEGER NOT NULL, attempt INTEGER NOT NULL, at REAL NOT NULL,
    digest TEXT, target INTEGER, made INTEGER NOT NULL
) WITHOUT ROWID;
"""


class State(IntEnum):
    """What is known of an object. One of which nothing is known has no row: it is planned."""

    #: An intent is on disk; its call may have had its effect or not.
    SENT = 1
    DONE = 2
    REFUSED = 3
    #: There was no answer that says which.
    UNKNOWN = 4
    #: Looked up, and not there: to be sent again.
    ABSENT = 5
    CONFLICT = 6
    REVERT_SENT = 7
    REVERTED = 8
    #: Left standing by a revert: it has gained something of others, or has changed since.
    KEPT = 9
    #: A change of what stands there was sent, and may have had its effect or not.
    CHANGING = 10


OPEN = (State.SENT, State.UNKNOWN, State.CHANGING)
#: In these, what has a target stands on the site, whatever became of a change of it.
STANDING = (State.DONE, State.CHANGING, State.REFUSED)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one object. ``made`` says that this journal's calls created it; ``target`` is its id on the site."""

    mark: str
    kind: str
    state: State
    attempt: int = 1
    at: float = 0.0
    digest: str | None = None
    target: int | None = None
    made: bool = False


class Journal:
    """The open journal. Its writes are put on the disk together: one sync serves all that wait for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        atomic.private_folder(path.parent)
        if not path.exists():
            path.touch(mode=0o600)
        # Its writes run in a thread of the loop's, one at a time.
        self._sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._sql.execute("PRAGMA journal_mode = WAL")
            self._sql.execute("PRAGMA synchronous = FULL")
            self._sql.executescript(_SCHEMA)
            found = self.told("version")
        except sqlite3.DatabaseError as error:
            raise RefusedError(
                f"{path} is no journal any more ({error}): put back a copy of it, or move it away, and plan again; nothing was sent."
            ) from error
        if found not in (None, str(_VERSION)):
            raise RefusedError(f"{path} is a journal of another version ({found}): nothing was sent.")
        self._waiting: list[tuple[Entry, asyncio.Future | None]] = []
        self._writer: asyncio.Task | None = None
        self._failure: RefusedError | None = None

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    # What it is about.

    def told(self, name: str) -> str | None:
        """Something that was told of the whole load, or nothing."""
        row = self._sql.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return row and row[0]

    def tell(self, **values: str) -> None:
        """Write down something of the whole load, all of it or nothing."""
        pairs = [each for pair in values.items() for each in pair]
        self._sql.execute(f"INSERT OR REPLACE INTO about VALUES {', '.join(['(?, ?)'] * len(values))}", pairs)

    def belongs_to(self, site: str, extract: str) -> None:
        """Raise RefusedError where it is the journal of another site or extract; a new one becomes theirs."""
        if self.told("version") is None:
            self.tell(version=str(_VERSION), site=site, extract=extract)
        for name, own in (("site", site), ("extract", extract)):
            if (found := self.told(name)) != own:
                raise RefusedError(
                    f"{self.path} is the journal of the {name} {found}, not of {own}: nothing was sent. Put the right one back."
                )

    # What is known of objects.

    def entries(self, states: Iterable[State] = State) -> Iterator[Entry]:
        """What is known of the objects in some states, in no order."""
        listed = tuple(int(each) for each in states)
        query = f"SELECT * FROM object WHERE state IN ({', '.join('?' * len(listed))})"
        # A connection of its own reads the journal as it stood, whatever is written meanwhile.
        reader = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            for row in reader.execute(query, listed):
                yield _entry(row)
        finally:
            reader.close()

    def known(self, marks: Iterable[str]) -> dict[str, Entry]:
        """What is known of some objects, by mark."""
        found = {}
        listed = list(marks)
        for first in range(0, len(listed), _ASKED):
            some = listed[first : first + _ASKED]
            rows = self._sql.execute(f"SELECT * FROM object WHERE mark IN ({', '.join('?' * len(some))})", some)
            found |= {row[0]: _entry(row) for row in rows.fetchall()}
        return found

    def forget_refusals(self) -> int:
        """Let what the site has refused be sent again as it is; returns how many objects that are."""
        changed = self._sql.execute("UPDATE object SET digest = NULL WHERE state = ?", (int(State.REFUSED),))
        return changed.rowcount

    def counts(self) -> dict[State, int]:
        """How many objects are in each state."""
        rows = self._sql.execute("SELECT state, count(*) FROM object GROUP BY state").fetchall()
        return {State(state): count for state, count in rows}

    def met(self) -> dict[State, int]:
        """How often objects have come into each state."""
        rows = self._sql.execute("SELECT state, count FROM met").fetchall()
        return {State[state.upper()]: count for state, count in rows}

    def put(self, entries: Iterable[Entry]) -> None:
        """Write many at once, and wait until they are on the disk. Raises RefusedError where the disk does not take them."""
        listed = list(entries)
        met = Counter(entry.state.name.lower() for entry in listed)
        try:
            self._sql.execute("BEGIN")
            with self._sql:
                self._sql.executemany(
                    "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_row, listed)
                )
                self._sql.executemany(
                    "INSERT INTO met VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                    met.items(),
                )
        except sqlite3.DatabaseError as error:
            raise RefusedError(
                f"{self.path} cannot be written to ({error}): nothing more is sent. Free its disk, then run the same command again."
            ) from error

    # While calls are in flight.

    async def intend(self, entry: Entry) -> None:
        """Put an intent on the disk: only then may its bytes leave."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, written))
        self._start()
        await written

    def note(self, entry: Entry) -> None:
        """Write what came of a call, with the next that is written: a crash before that leaves its intent, which is looked up."""
        self._waiting.append((entry, None))
        self._start()

    async def written(self) -> None:
        """Wait until all is on the disk. Raises RefusedError where it does not get there."""
        while self._writer is not None:
            await asyncio.shield(self._writer)
        if self._failure is not None:
            raise self._failure

    def _start(self) -> None:
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                if self._failure is None:
                    await asyncio.to_thread(self.put, [entry for entry, _ in waiting])
            except RefusedError as error:
                self._failure = error
            for _, future in waiting:
                if future is None or future.done():
                    continue
                # What waits for an intent must not wait for good, and must not send it.
                if self._failure is None:
                    future.set_result(None)
                else:
                    future.set_exception(self._failure)
        self._writer = None

    # What may quote a reader, beside it.

    def refuse(self, mark: str, status: int, said: Mapping[str, list[str]]) -> None:
        """Keep what the site said of a refusal."""
        self._beside("refusals", {"mark": mark, "status": status, "said": said})

    def refusals(self) -> dict[str, dict]:
        """What the site said of each refusal, the last by mark."""
        return {each["mark"]: each for each in self._read_beside("refusals")}

    def keep_before(self, mark: str, values: Mapping[str, object] | None) -> None:
        """Keep the values before an update, on the disk before it is sent: the first of each object stand, until they are back (None)."""
        self._beside("before", {"mark": mark, "values": values}, sync=True)

    def before(self) -> dict[str, dict]:
        """The values before the first update of each object, by mark."""
        kept: dict[str, dict] = {}
        for each in self._read_beside("before"):
            if each["values"] is None:
                kept.pop(each["mark"], None)
            else:
                kept.setdefault(each["mark"], each["values"])
        return kept

    def beside(self, name: str) -> Path:
        """The file of that name beside the journal."""
        return self.path.with_suffix(f".{name}.ndjson")

    def _beside(self, name: str, row: Mapping[str, object], *, sync: bool = False) -> None:
        path = self.beside(name)
        if not path.exists():
            path.touch(mode=0o600)
        with path.open("a", encoding="utf-8") as file:
            # What a crash has cut off of the line before must not swallow this one.
            # In ASCII: an answer may hold halves of characters, which no file takes.
            file.write("\n" + json.dumps(row) + "\n")
            if sync:
                file.flush()
                os.fsync(file.fileno())

    def _read_beside(self, name: str) -> Iterator[dict]:
        path = self.beside(name)
        if not path.exists():
            return
        with path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    # A line that a crash has cut off was of a call that was not sent yet, or is looked up again.
                    continue


def now() -> float:
    """Unix seconds, as the journal writes them."""
    return time.time()


def _entry(row: tuple) -> Entry:
    mark, kind, state, attempt, at, digest, target, made = row
    return Entry(mark, kind, State(state), attempt, at, digest, target, bool(made))


def _row(entry: Entry) -> tuple:
    return (
        entry.mark, entry.kind, int(entry.state), entry.attempt, entry.at, entry.digest, entry.target, int(entry.made),
    )  # fmt: skip
