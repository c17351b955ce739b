"""How far an extract is, told from its files."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.review import sign_off, statistics
from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace.places import ExtractPaths


@dataclass(frozen=True)
class Progress:
    """What a person asks of an extract."""

    staged: str
    signed_by: str
    loaded: str
    #: In a few words, and the sentence that says what to do, where the words do not.
    held_by: str
    sentence: str = ""


def progress_of(paths: ExtractPaths) -> Progress:
    """How far an extract is, and what holds it."""
    staged, loaded = _made(paths, "staging"), _made(paths, "production")
    signed, sentence = None, ""
    if not staged:
        held_by = "no dry run yet"
    elif not paths.sign_off.is_file():
        held_by = "not signed off"
    else:
        try:
            signed = sign_off.verified(paths)
            held_by = "nothing" if loaded else "load production"
            if loaded and database.is_altered(paths.database("production"), paths.checksums):
                held_by, sentence = "altered", "the production database is not as it was loaded: load it again"
        except RefusedError as error:
            held_by, sentence = "sign-off void", str(error)
    return Progress(staged or "no", signed.signed_by if signed else "no", loaded or "no", held_by, sentence)


def _made(paths: ExtractPaths, environment: str) -> str:
    made = paths.database(environment)
    if not made.exists():
        return ""
    return datetime.datetime.fromtimestamp(made.stat().st_mtime).strftime("%Y-%m-%d")


def dispositions(paths: ExtractPaths) -> list[tuple]:
    """For each object: its title, received, prepared, merged, rejected, excluded and staged."""
    staged = statistics.summary(statistics.read(paths.statistics)).set_index("Attribute")[statistics.STAGING]
    with duck.connect() as connection:
        counted = {
            object_: counts
            for object_, *counts in connection.execute(
                f"""SELECT object, count(*), count(*) FILTER (disposition = 'prepared'), count(*) FILTER (disposition = 'merged'),
                    count(*) FILTER (disposition = 'rejected'), count(*) FILTER (disposition = 'excluded')
                FROM read_parquet({literal(str(paths.analysis / "ledger.parquet"))}) GROUP BY object"""
            ).fetchall()
        }
    rows = [(table.title, *counted.get(table.object, [0] * 5), int(staged[table.title])) for table in TABLES]
    if "" in counted:
        rows.append(("Blank records", *counted[""], 0))
    return rows
