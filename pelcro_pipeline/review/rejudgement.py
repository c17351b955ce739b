"""What the day of a load decides otherwise than the day that was signed: who has ended, which unpaid case it is, what starts when."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine import machine
from pelcro_pipeline.engine.relations import from_folder, make
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.migration_day import relations
from pelcro_pipeline.migration_day.relations import Terms
from pelcro_pipeline.review.sign_off import SignOff
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths

_RELATION = from_folder(Path(__file__).parent / "sql")["judged_otherwise"]
#: The columns of judged_otherwise.csv, each by what it holds.
_COLUMNS = {
    "record": "record",
    "customer.old_provider_id": "escape_formula(customer)",
    "subscription.common_metadata.old_id": "escape_formula(old_id)",
    "subscription.common_metadata.temporary_plan_id": "escape_formula(plan)",
    "subscription.current_period_end": "period_end",
    "what": "what",
    "as signed": "as_signed",
    "as of the load": "as_of_load",
}


def verify(paths: ExtractPaths, signed: SignOff, day: datetime.date) -> None:
    """Judge again what a day decides, of what is staged, which must hold what was signed.

    Raises RefusedError where ``day`` decides anything otherwise than the day that was signed: it says how much of what,
    and judged_otherwise.csv lists it.
    """
    atomic.discard(paths.judged_otherwise)
    with _judged(paths, signed, day) as connection:
        counts = _counts(connection)
        if not counts:
            return
        columns = ", ".join(f'{value} AS "{name}"' for name, value in _COLUMNS.items())
        with atomic.file(paths.judged_otherwise) as unfinished:
            connection.execute(
                f"COPY (SELECT {columns} FROM judged_otherwise ORDER BY record) TO {literal(str(unfinished))} (FORMAT csv, HEADER)"
            )
    # The settings are signed: what they say now is what was signed.
    is_planned = extract_settings.load(paths.delivered).migration_date is not None
    setting = f"set migration_date = {day} in {extract_settings.FILE_NAME} there, " if is_planned else ""
    raise RefusedError(
        f"{_told(paths, signed, day, counts)}; {paths.judged_otherwise} lists them, and nothing was loaded: {setting}"
        f"run `pelcro-pipeline dry-run {shlex.quote(str(paths.delivered))}` again, review it and sign it again."
    )


def told(paths: ExtractPaths, signed: SignOff, day: datetime.date) -> str:
    """How much ``day`` decides otherwise than the day that was signed, in words; empty where nothing."""
    with _judged(paths, signed, day) as connection:
        counts = _counts(connection)
    return _told(paths, signed, day, counts) if counts else ""


def _told(paths: ExtractPaths, signed: SignOff, day: datetime.date, counts: dict[str, int]) -> str:
    differing = ", ".join(f"{what}: {count:,}" for what, count in counts.items())
    one = sum(counts.values()) == 1
    return (
        f"{paths.extract} was judged by {signed.state.judged_by} when it was signed, and by {day} "
        f"{sum(counts.values()):,} {'subscription fares' if one else 'subscriptions fare'} otherwise ({differing})"
    )


@contextmanager
def _judged(paths: ExtractPaths, signed: SignOff, day: datetime.date) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the relation ``judged_otherwise``."""
    with duck.connect() as connection, database.opened(paths.database("staging"), "staging", connection):
        try:
            days = datetime.date.fromisoformat(signed.state.judged_by), day
            # Of a million few can fare otherwise.
            connection.execute(
                f"""CREATE TEMP VIEW subscriptions AS FROM staging.subscriptions
                WHERE "subscription.common_metadata.start_now" OR "subscription.current_period_end" < {literal(str(max(days)))}::DATE"""
            )
            connection.execute("CREATE TEMP VIEW plans AS FROM staging.plans")
            # Which cards are mapped decides how they are paid, and nothing of what is told here.
            relations.define(connection, Terms(day=day), sorted(set(days)))
            relations.create(connection, relations.STATES)
            connection.execute("SET VARIABLE signed_day = ?::DATE", [days[0]])
            connection.execute("SET VARIABLE load_day = ?::DATE", [day])
            make(connection, [_RELATION])
        except duckdb.Error as error:
            raise (
                machine.translation(str(error))
                or RefusedError(
                    f"{paths.extract}: the staging database is not as it was loaded: run the extract again."
                )
            ) from error
        yield connection


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(
        connection.execute("SELECT what, count(*) FROM judged_otherwise GROUP BY what ORDER BY what").fetchall()
    )
