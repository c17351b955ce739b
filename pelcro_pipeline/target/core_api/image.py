"""The expected image of a site: what its rows are compared with while a load is under way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import duckdb

from pelcro_pipeline.target.core_api import relations
from pelcro_pipeline.target.core_api.journal import Journal, State
from pelcro_pipeline.target.core_api.mapping import Kind


class Image:
    """A connection with ``wanted_<kind>`` of a loaded database, and the journal that knows where their parents stand."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind], journal: Journal) -> None:
        self._connection, self._kinds, self._journal = connection, kinds, journal

    def differing(self, kind: str, rows: Sequence[Mapping[str, object]]) -> list[str]:
        """The attributes of which some rows of the site have another value than is wanted: their names, and nobody's data."""
        connection, one = self._connection, {kind: self._kinds[kind]}
        connection.execute("CREATE OR REPLACE TEMP TABLE answered (row VARCHAR)")
        connection.executemany("INSERT INTO answered VALUES (?)", [[json.dumps(row)] for row in rows])
        relations.create_found(connection, one, {kind: "FROM answered"})
        for parent in {each.kind for each in self._kinds[kind].references}:
            connection.execute(f"CREATE OR REPLACE TEMP TABLE located_{parent} (id BIGINT, mark VARCHAR)")
        for each in self._kinds[kind].references:
            marks = connection.execute(
                f"""SELECT DISTINCT "{each.name} mark" FROM wanted_{kind} SEMI JOIN found_{kind} USING (mark)
                WHERE "{each.name} mark" IS NOT NULL"""
            ).fetchall()
            known = self._journal.known(mark for (mark,) in marks)
            located = [[entry.target, mark] for mark, entry in known.items() if entry.state is State.DONE]
            if located:
                connection.executemany(f"INSERT INTO located_{each.kind} VALUES (?, ?)", located)
        relations.create_difference(connection, one)
        found = connection.execute("SELECT DISTINCT attribute FROM difference ORDER BY attribute").fetchall()
        return [attribute for (attribute,) in found]
