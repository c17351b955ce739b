"""Relations: named queries that are made in order, each of what was made before it.

A relation stands in a file of its own, ``<name>.sql``:

    -- The sentence that it implements.
    -- view of: what, it, reads        (``table of`` where it is worked out once, and not whenever it is read)
    SELECT ...

One whose columns come from the spec is rendered in Python instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline.spec.sql import literal, quoted

_FILE = re.compile(r"-- (?P<sentence>[^\n]+)\n-- (?P<form>table|view) of: (?P<reads>[^\n]+)\n(?P<sql>.+)", re.DOTALL)


@dataclass(frozen=True)
class Relation:
    """A query by name, and the relations that it reads; ``stored`` as a table, or else a view."""

    name: str
    sentence: str
    reads: tuple[str, ...]
    sql: str
    stored: bool = False


def from_folder(folder: Path) -> dict[str, Relation]:
    """The relations of a folder's files, by name. Raises ValueError for a file that does not begin as it must."""
    relations = {}
    for path in sorted(folder.glob("*.sql")):
        parts = _FILE.fullmatch(path.read_text(encoding="utf-8"))
        if parts is None:
            raise ValueError(f"{path.name}: begin with '-- <sentence>' and '-- view of: <relations>' (or 'table of').")
        relations[path.stem] = Relation(
            path.stem, parts["sentence"], tuple(parts["reads"].split(", ")), parts["sql"], parts["form"] == "table"
        )
    return relations


def make(connection: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    """Make the relations in their order, as temporary tables and views.

    Where DuckDB refuses one, the error names it and shows its SQL.
    """
    for relation in relations:
        form = "TABLE" if relation.stored else "VIEW"
        try:
            connection.execute(f"CREATE OR REPLACE TEMP {form} {quoted(relation.name)} AS {relation.sql}")
        except duckdb.Error as error:
            error.add_note(f"The relation {relation.name}, of {', '.join(relation.reads)}:\n{relation.sql}")
            raise


def leave(connection: duckdb.DuckDBPyConnection, relations: Iterable[Relation], folder: Path) -> None:
    """Leave relations that have been made in ``folder`` to look at: ``<name>.sql``, and its rows as ``<name>.parquet``."""
    for relation in relations:
        (folder / f"{relation.name}.sql").write_text(relation.sql, encoding="utf-8")
        rows = literal(str(folder / f"{relation.name}.parquet"))
        connection.execute(f"COPY (FROM {quoted(relation.name)}) TO {rows} (FORMAT parquet)")
