"""Seals: a digest of each file that a step hands on, and a hash of each of its rows.

The same bytes are the same rows, and tell it at a tenth of the cost of reading them. Where the bytes
differ the rows are read: a count finds a row that was dropped or doubled, and neither which, nor two
that were swapped, nor an edited value. Their hashes find all four, by place.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline import writing
from pelcro_pipeline.spec.sql import literal

_SHOWN = 10


@dataclass(frozen=True)
class Difference:
    """A place (0 for the first row) at which another row stands than was sealed."""

    place: int
    #: The sealed row's key, where the table was sealed with one.
    key: str | None
    #: Where the row that stands there was sealed, and under which key; None for a row that never was.
    stands: int | None
    stands_key: str | None


def path(folder: Path, name: str) -> Path:
    """Where the seal of a table stands."""
    return folder / f"{name}.seal.parquet"


def mark(file: Path, at: Path) -> None:
    """Write the digest of ``file`` to ``at``."""
    with writing.whole(at) as unfinished:
        unfinished.write_text(_digest(file))


def intact(file: Path, at: Path) -> bool:
    """Whether ``file`` holds the bytes whose digest stands at ``at``; not where none does."""
    return at.is_file() and at.read_text() == _digest(file)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _mark_of(at: Path) -> Path:
    """Where the digest stands of the file that is sealed at ``at``."""
    return at.with_suffix(".sha256")


def put(connection: duckdb.DuckDBPyConnection, file: Path, relation: str, at: Path, key: str = "NULL") -> None:
    """Seal ``file``, whose rows are ``relation``; ``key`` is SQL of what names a row."""
    connection.execute(
        f"COPY (SELECT hash(sealed_row) AS hash, ({key})::VARCHAR AS key FROM {relation} sealed_row) "
        f"TO {literal(str(at))} (FORMAT parquet)"
    )
    mark(file, _mark_of(at))


def broken(connection: duckdb.DuckDBPyConnection, file: Path, relation: str, at: Path) -> list[Difference]:
    """The first places at which the rows of ``file``, which ``relation`` reads, are not those that were sealed."""
    if intact(file, _mark_of(at)):
        return []
    sealed = f"read_parquet({literal(str(at))}, file_row_number = true)"
    return [
        Difference(*row)
        for row in connection.execute(
            f"""WITH place AS (
                SELECT row_number() OVER () - 1 AS place, now.hash AS found, put.hash AS sealed, put.key
                FROM (SELECT hash(sealed_row) AS hash FROM {relation} sealed_row) now
                POSITIONAL JOIN (SELECT hash, key FROM read_parquet({literal(str(at))})) put
            ), differing AS (
                FROM place WHERE found IS DISTINCT FROM sealed ORDER BY place LIMIT {_SHOWN}
            )
            SELECT place, any_value(differing.key), min(file_row_number), arg_min(other.key, file_row_number)
            FROM differing LEFT JOIN {sealed} other ON other.hash = found
            GROUP BY place ORDER BY place"""
        ).fetchall()
    ]
