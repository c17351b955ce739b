"""Checksums: a digest of each file that a step hands on, and a hash of each of its rows.

The same bytes are the same rows, and tell it at a tenth of the cost of manifest them. Where the bytes
differ the rows are read: a count finds a row that was dropped or doubled, and neither which, nor two
that were swapped, nor an edited value. Their hashes find all four, by place.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.workspace import atomic

_SHOWN = 10


@dataclass(frozen=True)
class Difference:
    """A place (0 for the first row) at which another row stands than was written."""

    place: int
    #: The written row's key, where the checksums have keys.
    key: str | None
    #: Where the row that stands there was written, and under which key; None for a row that never was.
    stands: int | None
    stands_key: str | None


def path(folder: Path, name: str) -> Path:
    """Where the checksums of a table stand."""
    return folder / f"{name}.checksums.parquet"


def write_digest(file: Path, at: Path) -> None:
    """Write the digest of ``file`` to ``at``."""
    with atomic.file(at) as unfinished:
        unfinished.write_text(_digest(file))


def matches(file: Path, at: Path) -> bool:
    """Whether ``file`` holds the bytes whose digest stands at ``at``; not where none does."""
    return at.is_file() and at.read_text() == _digest(file)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def digest_of(at: Path) -> Path:
    """Where the digest stands of what stands at ``at``, or whose checksums do."""
    return at.with_suffix(".sha256")


def write(connection: duckdb.DuckDBPyConnection, file: Path, relation: str, at: Path, key: str = "NULL") -> None:
    """Write the checksums of ``file``, whose rows are ``relation``; ``key`` is SQL of what names a row."""
    connection.execute(
        f"COPY (SELECT hash(each) AS hash, ({key})::VARCHAR AS key FROM {relation} each) "
        f"TO {literal(str(at))} (FORMAT parquet)"
    )
    write_digest(file, digest_of(at))


def differences(connection: duckdb.DuckDBPyConnection, file: Path, relation: str, at: Path) -> list[Difference]:
    """The first places at which the rows of ``file``, which ``relation`` reads, are not those that were written."""
    if matches(file, digest_of(at)):
        return []
    written = f"read_parquet({literal(str(at))}, file_row_number = true)"
    return [
        Difference(*row)
        for row in connection.execute(
            f"""WITH place AS (
                SELECT row_number() OVER () - 1 AS place, now.hash AS found, before.hash AS written, before.key
                FROM (SELECT hash(each) AS hash FROM {relation} each) now
                POSITIONAL JOIN (SELECT hash, key FROM read_parquet({literal(str(at))})) before
            ), differing AS (
                FROM place WHERE found IS DISTINCT FROM written ORDER BY place LIMIT {_SHOWN}
            )
            SELECT place, any_value(differing.key), min(file_row_number), arg_min(other.key, file_row_number)
            FROM differing LEFT JOIN {written} other ON other.hash = found
            GROUP BY place ORDER BY place"""
        ).fetchall()
    ]
