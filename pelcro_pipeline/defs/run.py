"""A job run from outside the UI: in this process, recorded in the workspace's instance."""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Protocol

import dagster as dg
from sqlalchemy.exc import OperationalError

from pelcro_pipeline.definitions import defs
from pelcro_pipeline.defs.partitions import extracts
from pelcro_pipeline.defs.resources import report_killed
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.workspace import instance, lock, places
from pelcro_pipeline.workspace.places import ExtractPaths

_STARTED = dg.DagsterEventType.STEP_START
_ENDED = (dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE)


class Watcher(Protocol):
    """Told of each step as it starts and ends."""

    def started(self, step: str) -> None: ...

    def ended(self, step: str) -> None: ...

    def told(self, line: str) -> None: ...


def register(home: Path) -> None:
    """Make every extract of a workspace a partition, to be chosen in the UI, and let no killed run hold up the queue."""
    with _recorded(home) as recorded:
        names = places.extracts(home)
        recorded.add_dynamic_partitions(extracts.name, names)
        for name in names:
            report_killed(recorded, lock.killed(ExtractPaths(home, name)))


def job(name: str, paths: ExtractPaths, ops: dict, watcher: Watcher) -> None:
    """Run a job for an extract. Raises UnusableInputError or RefusedError where a step refuses, or where
    the run cannot be recorded."""
    # The command line shows bars and a sentence; the events are in the instance.
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    run_id = str(uuid.uuid4())
    with _recorded(paths.home) as recorded:
        recorded.add_dynamic_partitions(extracts.name, [paths.extract])
        recorded.add_event_listener(run_id, lambda entry: _tell(watcher, entry))
        result = defs.resolve_job_def(name).execute_in_process(
            run_config={
                "ops": ops,
                "resources": {"extract": {"config": {"home": str(paths.home)}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            instance=recorded,
            partition_key=paths.extract,
            run_id=run_id,
            raise_on_error=False,
        )
        if not result.success:
            raise _refusal(recorded, run_id)


@contextmanager
def _recorded(home: Path) -> Iterator[dg.DagsterInstance]:
    """The workspace's instance. Raises RefusedError where its database does not take what is recorded."""
    try:
        # The first to open an instance makes its databases: two that do so at once stop each other.
        with lock.awaited(home / "dagster"):
            folder = instance.prepare(home)
            recorded = dg.DagsterInstance.from_config(str(folder))
            recorded.get_runs_count()
            recorded.get_dynamic_partitions(extracts.name)
            recorded.all_instigator_state()
        with recorded, _kept_open(folder):
            yield recorded
    except (OperationalError, sqlite3.OperationalError) as error:
        raise RefusedError(
            f"Dagster cannot keep its records in {home / 'dagster'} ({getattr(error, 'orig', error)}): "
            "free space on its disk and make it writable, then start this again."
        ) from error


@contextmanager
def _kept_open(folder: Path) -> Iterator[None]:
    """Hold the SQLite databases of an instance open, where it has any.

    Dagster connects anew for each event, a thousand times in a run, and whoever closes last has SQLite write its log back
    and remove it: of a small run that took a sixth of the CPU, and a third of the time.
    """
    with ExitStack() as held:
        for name in ("runs.db", "runs/index.db"):
            path = folder / "history" / name
            if path.is_file():
                connection = held.enter_context(closing(sqlite3.connect(path)))
                # Opened with the first that is asked of it.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield


def _tell(watcher: Watcher, entry: dg.EventLogEntry) -> None:
    event = entry.dagster_event
    if event is None:
        # What a step says of itself while it works.
        watcher.told(entry.user_message)
        return
    if event.step_key is None:
        return
    if event.event_type is _STARTED:
        watcher.started(event.step_key)
    elif event.event_type in _ENDED:
        watcher.ended(event.step_key)


def _refusal(recorded: dg.DagsterInstance, run_id: str) -> Exception:
    """What the run failed with, as the sentence that it was refused by."""
    failures = [
        entry.dagster_event
        for entry in recorded.all_logs(run_id)
        if entry.dagster_event and entry.dagster_event.is_failure
    ]
    for event in failures:
        if event.event_type is dg.DagsterEventType.STEP_FAILURE:
            failure = event.step_failure_data.user_failure_data
            if failure is not None:
                exit_status = failure.metadata.get("exit_status")
                kind = UnusableInputError if exit_status and exit_status.value == 2 else RefusedError
                return kind(failure.description)
    checks = [
        ": ".join(filter(None, (evaluation.asset_key.to_user_string(), evaluation.check_name, evaluation.description)))
        for entry in recorded.all_logs(run_id)
        if entry.dagster_event and entry.dagster_event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        for evaluation in [entry.dagster_event.asset_check_evaluation_data]
        if not evaluation.passed and evaluation.blocking
    ]
    if checks:
        return RefusedError(
            f"A blocking check does not hold ({', '.join(checks)}): what follows it did not run; see run {run_id} in the UI."
        )
    return RefusedError(f"An unexpected error stopped the run: look at run {run_id} in the UI (pelcro-pipeline ui).")
