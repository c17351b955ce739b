"""The extract that a run works on: its places, its lock, and errors as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg
from pydantic import Field, PrivateAttr

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine import machine
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.workspace import lock, places
from pelcro_pipeline.workspace.places import ExtractPaths

PARTITION_TAG = "dagster/partition"


class Extracts(dg.ConfigurableResource):
    """The extracts of a workspace, one at a time for each run, which holds its lock."""

    home: str = Field(description="The workspace: what PELCRO_HOME names.")
    _run: dg.DagsterRun | None = PrivateAttr(default=None)
    _instance: dg.DagsterInstance | None = PrivateAttr(default=None)
    _held: ExitStack = PrivateAttr(default_factory=ExitStack)
    _paths: ExtractPaths | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Extracts]:
        self._run, self._instance = context.run, context.instance
        with self._held:
            yield self

    @property
    def workspace(self) -> Path:
        """Where the extracts stand."""
        return places.home(self.home)

    @property
    def paths(self) -> ExtractPaths:
        """Where this run's extract stands. The first step that asks takes its lock, so that a refusal is that step's."""
        if self._paths is None:
            with as_failure():
                paths = ExtractPaths(self.workspace, self._extract)
                report_killed(self._instance, self._held.enter_context(lock.held(paths, self._run.run_id)))
                self._held.enter_context(duck.sandboxed(paths.home, paths.spill))
                self._paths = paths
        return self._paths

    @property
    def _extract(self) -> str:
        extract = self._run.tags.get(PARTITION_TAG) if self._run else None
        if extract is None:
            raise UnusableInputError("This belongs to an extract: choose a partition.")
        return extract


def report_killed(instance: dg.DagsterInstance, run_id: str) -> None:
    """Report a killed run as failed: while Dagster takes it for a running one, it keeps a place in the queue."""
    run = instance.get_run_by_id(run_id) if run_id else None
    if run and not run.is_finished:
        instance.report_run_failed(run, "The run was killed, or its machine went down: what was whole before still is.")


@contextmanager
def as_failure() -> Iterator[None]:
    """Our refusals as Dagster failures: the sentence alone, and no retry, which would not help."""
    try:
        with machine.translated():
            yield
    except (UnusableInputError, RefusedError) as error:
        raise dg.Failure(
            str(error),
            metadata={"exit_status": 2 if isinstance(error, UnusableInputError) else 1},
            allow_retries=False,
        ) from error
