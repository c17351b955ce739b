"""A plan without a site: a staged database, some of its cells another, beside rows as a site has answered them."""

from __future__ import annotations

import asyncio
import datetime
import functools
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.settings import Conventions, Existing
from pelcro_pipeline.target import database
from pelcro_pipeline.target.core_api import plan as planning
from pelcro_pipeline.target.core_api import read_back, relations
from pelcro_pipeline.target.core_api.journal import Entry, State
from pelcro_pipeline.target.core_api.mapping import Kind, kinds
from pelcro_pipeline.target.core_api.site import Site

#: The rows of a site, by kind.
Rows = Mapping[str, Sequence[dict]]
ON_THE_DAY = datetime.datetime(2026, 11, 1, 15, tzinfo=datetime.UTC)
TERMS = relations.Terms("harbour-review", "America/Halifax", Conventions(), ON_THE_DAY)


@dataclass(frozen=True)
class Plan:
    """A plan that was made."""

    connection: duckdb.DuckDBPyConnection
    kinds: Mapping[str, Kind]

    def told(self, sql: str) -> list:
        """What a query of it answers: values, where it has one column, else tuples."""
        rows = self.connection.execute(sql).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    @property
    def actions(self) -> dict[str, str]:
        """What is done with each object, by its kind and key, and by which rule; what is created is left out."""
        return dict(
            self.told(
                """SELECT kind || ' ' || key, concat_ws(' ', action, rule, 'by ' || blocked_by) FROM plan WHERE action <> 'create' ORDER BY place"""
            )
        )

    @property
    def obstacles(self) -> set[tuple[str, str, str | None]]:
        """The rule, the attribute and the value of what an object meets."""
        return set(self.told("SELECT rule, attribute, value FROM met_obstacle"))

    def body(self, kind: str, key: str) -> dict:
        """What is sent of an object when it is created."""
        (body,) = self.connection.execute("SELECT body FROM wanted WHERE kind = ? AND key = ?", [kind, key]).fetchall()
        return json.loads(body[0])

    def changes(self, kind: str, key: str) -> dict:
        """What is sent of it when it is updated."""
        (body,) = self.connection.execute(
            "SELECT changes FROM wanted WHERE kind = ? AND key = ?", [kind, key]
        ).fetchall()
        return json.loads(body[0])

    def summary(self) -> planning.Summary:
        return planning.summary(self.connection, self.kinds, "127.0.0.1-1001", "basis", ON_THE_DAY)


@functools.cache
def _connection() -> duckdb.DuckDBPyConnection:
    """One for all plans, whose relations take each other's place: to open another takes as long as a quarter of a plan."""
    return duck.connect()


@contextmanager
def planned(
    image: Path,
    folder: Path,
    rows: Rows | None = None,
    *,
    edits: Iterable[str] = (),
    ours: Iterable[Entry] = (),
    existing: Existing = Existing.KEEP,
    terms: relations.Terms = TERMS,
) -> Iterator[Plan]:
    """The plan of the database at ``image``, after some UPDATEs of a copy, for a site with some rows."""
    edited = folder / "edited.duckdb"
    shutil.copy(image, edited)
    with duckdb.connect(edited) as connection:
        for edit in edits:
            assert connection.execute(edit).fetchall() != [(0,)], edit
    found = {}
    for name in kinds(terms.conventions):
        path = folder / f"{name}.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in (rows or {}).get(name, ())), encoding="utf-8")
        found[name] = f"SELECT json AS row FROM read_ndjson_objects('{path}', format = 'newline_delimited')"
    connection = _connection()
    with database.opened(edited, "image", connection):
        known = relations.create_wanted(connection, terms, "image")
        planning.create(connection, known, found, ours, existing)
        yield Plan(connection, known)


def entry(plan: Plan, kind: str, key: str, *, made: bool = True) -> Entry:
    """What the journal knows of an object that was loaded."""
    (mark,) = plan.told(f"SELECT mark FROM wanted WHERE kind = '{kind}' AND key = '{key}'")
    return Entry(mark, kind, State.DONE, target=1, made=made)


def answered(of: Site, folder: Path) -> dict[str, list[dict]]:
    """Every row of a site, as it answers them."""

    async def read() -> None:
        async with of.client() as client:
            await read_back.read(client, of.kinds.values(), {}, folder)

    folder.mkdir()
    asyncio.run(read())
    return {name: list(map(json.loads, (folder / f"{name}.ndjson").open())) for name in of.kinds}


def changed(rows: Rows, kind: str, key: str, **changes: object) -> dict[str, list[dict]]:
    """The rows of a site, of which somebody has changed one."""
    return dict(rows) | {kind: [row | changes if is_named(row, key) else row for row in rows[kind]]}


def without(rows: Rows, kind: str, *keys: str) -> dict[str, list[dict]]:
    """The rows of a site, of which somebody has deleted some."""
    return dict(rows) | {kind: [row for row in rows[kind] if not any(is_named(row, key) for key in keys)]}


def added(rows: Rows, kind: str, like: str, **changes: object) -> dict[str, list[dict]]:
    """The rows of a site, and one more that is like another."""
    (row,) = (row for row in rows[kind] if is_named(row, like))
    return dict(rows) | {kind: [*rows[kind], row | {"id": 900} | changes]}


def is_named(row: dict, key: str) -> bool:
    """Whether a row has this old id, or, of an address, is of this street."""
    return key in (row.get("old_provider_id"), row.get("line1"), (row.get("metadata") or {}).get("old_id"))


def beside(rows: Rows, kind: str, **row: object) -> dict[str, list[dict]]:
    """The rows of a site, and one of somebody else's."""
    return dict(rows) | {kind: [*rows.get(kind, ()), {"id": 700 + len(rows.get(kind, ()))} | row]}
