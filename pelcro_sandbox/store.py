"""What the sites hold, in one SQLite file that outlives the process.

Write-ahead log with `synchronous = FULL`: a commit is on the disk before its answer is written to the socket, so that
neither kill -9 nor a loss of power takes back what a client was told. The calls that wait at the same time are committed
together (see `server`), which pays for the sync. A log of our own would have to be replayed and indexed at every start.
"""

from __future__ import annotations

import bisect
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

#: The fields that objects of each kind are found by; where one begins with an underscore it is never answered.
KEYS = {
    "customers": ("email", "old_provider_id", "username"),
    "addresses": ("user_id", "old_provider_id"),
    "sources": ("user_id", "object_id", "old_provider_id"),
    "products": ("old_provider_id", "import_unique_id"),
    "plans": ("product_id", "old_provider_id"),
    "subscriptions": ("user_id", "plan", "address", "_old_id", "gift_code", "_campaign"),
    "memberships": ("subscription_id", "user_id", "old_provider_id", "email"),
    "invoices": ("user_id", "subscription_id", "status", "id"),
    "charges": ("user_id", "invoice_id"),
    "coupons": ("code",),
    "webhooks": ("url",),
    "organizations": ("name",),
}
_WITH_METADATA = frozenset({"customers", "subscriptions", "invoices"})
#: The metadata that names a row in the effect log, where it has no old id.
_MARK = "migration_mark"
#: Of what is billed next: no other than before.
AS_BEFORE = object()


class Store:
    """The file. One writer, one transaction at a time: nothing of a batch stands until `commit`."""

    def __init__(self, path: Path) -> None:
        self._sql = sqlite3.connect(path, isolation_level=None, timeout=1)
        # One process has the file: two would give the same id twice.
        self._sql.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._sql.execute("PRAGMA journal_mode = WAL")
        self._sql.execute("PRAGMA synchronous = FULL")
        self._sql.executescript((files(__package__) / "schema.sql").read_text(encoding="utf-8"))
        #: Who is at work, for the effect log: the call's number, and client, somebody or clock.
        self.call: int | None = None
        self.actor = "client"
        #: Whether two emails that differ in case are one.
        self.folds_case = True

        self._last = dict(self._sql.execute("SELECT kind, max(id) FROM object GROUP BY kind"))
        self._effect = self._sql.execute("SELECT coalesce(max(number), 0) FROM effect").fetchone()[0]
        self._counts: dict[tuple[int, str], int] = {}
        self._page_ends: dict[tuple[int, str], list[tuple[int, int]]] = {}

    # A batch.

    def begin(self) -> None:
        """Begin a batch, where none is under way."""
        if not self._sql.in_transaction:
            self._sql.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Put the batch on the disk."""
        if self._sql.in_transaction:
            self._sql.execute("COMMIT")

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What is done inside stands as a whole, or not at all where it raises."""
        self.begin()
        self._sql.execute("SAVEPOINT whole")
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK TO whole")
            # Numbers that were given stay given; counts are counted again.
            self._counts, self._page_ends = {}, {}
            raise
        finally:
            self._sql.execute("RELEASE whole")

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    # Rows.

    def get(self, site: int, kind: str, identity: int, *, deleted: bool = False) -> dict | None:
        """One row, or nothing; a deleted one where that is asked for."""
        row = self._sql.execute(
            "SELECT document, deleted FROM object WHERE site = ? AND kind = ? AND id = ?", (site, kind, identity)
        ).fetchone()
        return None if row is None or (row[1] is not None and not deleted) else json.loads(row[0])

    def find(self, site: int, kind: str, field: str, value: object, *, deleted: bool = False) -> list[int]:
        """The ids of the rows whose key has a value, in their order."""
        return [
            identity
            for identity, gone in self._sql.execute(
                "SELECT id, deleted FROM key JOIN object USING (site, kind, id)"
                " WHERE site = ? AND kind = ? AND field = ? AND value = ? ORDER BY id",
                (site, kind, field, self._key(field, value)),
            )
            if deleted or gone is None
        ]

    def all(self, site: int, kind: str) -> Iterable[dict]:
        """Every row of a kind that is not deleted."""
        for (document,) in self._sql.execute(
            "SELECT document FROM object WHERE site = ? AND kind = ? AND deleted IS NULL ORDER BY id", (site, kind)
        ):
            yield json.loads(document)

    def page(self, site: int, kind: str, limit: int, offset: int, *, newest: bool = False) -> list[dict]:
        """Some rows of a kind by their id; of pages read in their order, none but the rows asked for are passed over."""
        ends = self._page_ends.setdefault((site, kind), [])
        nearest = 0 if newest else bisect.bisect_right(ends, (offset, self._last.get(kind, 0)))
        passed, after = ends[nearest - 1] if nearest else (0, 0)
        direction = "DESC" if newest else "ASC"
        rows = self._sql.execute(
            "SELECT object.id, document FROM object JOIN"
            " (SELECT id FROM object INDEXED BY live WHERE site = ?1 AND kind = ?2 AND deleted IS NULL AND id > ?3"
            f"  ORDER BY id {direction} LIMIT ?4 OFFSET ?5) AS page"
            f" ON object.site = ?1 AND object.kind = ?2 AND object.id = page.id ORDER BY object.id {direction}",
            (site, kind, after, limit, offset - passed),
        ).fetchall()
        if rows and not newest:
            end = (offset + len(rows), rows[-1][0])
            place = bisect.bisect_left(ends, end)
            if ends[place : place + 1] != [end]:
                ends.insert(place, end)
        return [json.loads(document) for _, document in rows]

    def query(self, site: int, kind: str, where: str, values: list, order: str, limit: int, offset: int) -> list[dict]:
        """The rows that a condition holds of, sorted and cut."""
        return [
            json.loads(document)
            for (document,) in self._sql.execute(
                f"SELECT document FROM object WHERE site = ? AND kind = ? AND deleted IS NULL AND {where}"
                f" ORDER BY {order} LIMIT ? OFFSET ?",
                (site, kind, *values, limit, offset),
            )
        ]

    def count(self, site: int, kind: str, where: str = "", values: list | tuple = ()) -> int:
        """How many rows of a kind are not deleted, or of these hold a condition."""
        if not where and (site, kind) in self._counts:
            return self._counts[site, kind]
        number = self._sql.execute(
            "SELECT count(*) FROM object WHERE site = ? AND kind = ? AND deleted IS NULL"
            + (f" AND {where}" if where else ""),
            (site, kind, *values),
        ).fetchone()[0]
        if not where:
            self._counts[site, kind] = number
        return number

    def insert(self, site: int, kind: str, document: dict, day: str, *, due: int | None = None) -> dict:
        """Put a row in; its id comes with it."""
        self.begin()
        identity = self._last[kind] = self._last.get(kind, 0) + 1
        document = {"id": identity} | document
        number = self.effect(site, "create", kind, document, day)
        self._sql.execute(
            "INSERT INTO object VALUES (?, ?, ?, ?, ?, NULL, ?, ?)",
            (site, kind, identity, time.time(), number, due, json.dumps(document, separators=(",", ":"))),
        )
        self._sql.executemany(
            "INSERT INTO key VALUES (?, ?, ?, ?, ?)",
            [(site, kind, field, value, identity) for field, value in self._keys(kind, document)],
        )
        if (site, kind) in self._counts:
            self._counts[site, kind] += 1
        return document

    def update(
        self, site: int, kind: str, document: dict, day: str, *, effect: str = "update", due: object = AS_BEFORE
    ) -> None:
        """Put a row's new values in; `due`, where given, is when billing looks at it next."""
        self.begin()
        before = self.get(site, kind, document["id"], deleted=True)
        old, new = set(self._keys(kind, before)), set(self._keys(kind, document))
        identity = document["id"]
        self._sql.executemany(
            "DELETE FROM key WHERE site = ? AND kind = ? AND field = ? AND value = ? AND id = ?",
            [(site, kind, field, value, identity) for field, value in old - new],
        )
        self._sql.executemany(
            "INSERT INTO key VALUES (?, ?, ?, ?, ?)",
            [(site, kind, field, value, identity) for field, value in new - old],
        )
        number = self.effect(site, effect, kind, document, day)
        self._sql.execute(
            "UPDATE object SET document = ?, changed = ? WHERE site = ? AND kind = ? AND id = ?",
            (json.dumps(document, separators=(",", ":")), number, site, kind, identity),
        )
        if due is not AS_BEFORE:
            self.put_off(site, kind, identity, due)

    def put_off(self, site: int, kind: str, identity: int, due: int | None) -> None:
        """Say when billing looks at a row next."""
        self.begin()
        self._sql.execute(
            "UPDATE object SET due = ? WHERE site = ? AND kind = ? AND id = ?", (due, site, kind, identity)
        )

    def delete(self, site: int, kind: str, document: dict, day: str, at: int) -> None:
        """Delete a row softly."""
        self.begin()
        self.effect(site, "delete", kind, document, day)
        self._sql.execute(
            "UPDATE object SET deleted = ?, due = NULL, document = ? WHERE site = ? AND kind = ? AND id = ?",
            (at, json.dumps(document | {"deleted_at": at}, separators=(",", ":")), site, kind, document["id"]),
        )
        if (site, kind) in self._counts:
            self._counts[site, kind] -= 1
        # Where a page ends is known of lists that nothing was taken from.
        self._page_ends.pop((site, kind), None)

    def due(self, site: int, through: int) -> list[tuple[int, str, int]]:
        """What billing looks at up to a time: when, kind and id, in their order."""
        return self._sql.execute(
            "SELECT due, kind, id FROM object WHERE site = ? AND due IS NOT NULL AND due <= ?"
            " ORDER BY due, kind DESC, id LIMIT 1000",
            (site, through),
        ).fetchall()

    def _keys(self, kind: str, document: dict) -> Iterable[tuple[str, str]]:
        for field in KEYS[kind]:
            value = document.get(field)
            if value is not None:
                yield field, self._key(field, value)
        if kind in _WITH_METADATA:
            for name, value in (document.get("metadata") or {}).items():
                yield f"metadata.{name}", self._key(name, value)

    def _key(self, field: str, value: object) -> str:
        word = json.dumps(value) if isinstance(value, bool) else str(value)
        return word.lower() if field in ("email", "url") and self.folds_case else word

    # The effect log and the settings.

    def effect(self, site: int, effect: str, kind: str, document: dict, day: str, amount: int | None = None) -> int:
        """Log what is done to a row; the number of the entry."""
        self.begin()
        self._effect += 1
        key = document.get("old_provider_id") or document.get("_old_id") or (document.get("metadata") or {}).get(_MARK)
        self._sql.execute(
            "INSERT INTO effect VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._effect,
                time.time(),
                day,
                site,
                self.call,
                self.actor,
                effect,
                kind,
                document["id"],
                str(key or document.get("object_id") or "") or None,
                amount,
                document.get("currency") if amount is not None else None,
            ),
        )
        return self._effect

    def effects(self, after: int = 0, limit: int = 1000) -> list[dict]:
        """Entries of the effect log behind a number."""
        found = self._sql.execute("SELECT * FROM effect WHERE number > ? ORDER BY number LIMIT ?", (after, limit))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    def effect_counts(self) -> list[dict]:
        """How many effects of each sort each site has had."""
        return [
            {"site": site, "kind": kind, "effect": effect, "count": number}
            for site, kind, effect, number in self._sql.execute(
                "SELECT site, kind, effect, count(*) FROM effect GROUP BY site, kind, effect ORDER BY 1, 2, 3"
            )
        ]

    def setting(self, name: str, default: object = None) -> object:
        """One setting, or what stands where it was never set."""
        row = self._sql.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def set(self, name: str, value: object) -> None:
        """Set one."""
        self.begin()
        self._sql.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    def content(self, site: int, *, deleted: bool = False) -> Iterable[tuple[str, int | None, dict]]:
        """All that a site holds: kind, when it was deleted, and the row as it is stored."""
        for kind, gone, document in self._sql.execute(
            "SELECT kind, deleted, document FROM object WHERE site = ? ORDER BY kind, id", (site,)
        ):
            if deleted or gone is None:
                yield kind, gone, json.loads(document)

    def forget(self, site: int) -> None:
        """Take all rows of a site away, as if it had never held any; its effects stay."""
        self.begin()
        self._sql.execute("DELETE FROM object WHERE site = ?", (site,))
        self._sql.execute("DELETE FROM key WHERE site = ?", (site,))
        self._counts, self._page_ends = {}, {}
