"""The extract that a run works on: its places, its lock, and errors as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dagster as dg
from pydantic import PrivateAttr

from pelcro_pipeline import connection as duck
from pelcro_pipeline import lock, machine, workspace
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.workspace import ExtractPaths

PARTITION_TAG = "dagster/partition"


class Extracts(dg.ConfigurableResource):
    """The extracts of the workspace, one at a time for each run, which holds its lock."""

    _run: dg.DagsterRun | None = PrivateAttr(default=None)
    _held: ExitStack = PrivateAttr(default_factory=ExitStack)
    _paths: ExtractPaths | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Extracts]:
        self._run = context.run
        with self._held:
            yield self

    @property
    def paths(self) -> ExtractPaths:
        """Where this run's extract stands. The first step that asks takes its lock, so that a refusal is that step's."""
        if self._paths is None:
            with as_failure():
                paths = ExtractPaths(workspace.home(), self._extract)
                self._held.enter_context(lock.held(paths))
                self._held.enter_context(duck.confined(paths.home, paths.spill))
                self._paths = paths
        return self._paths

    @property
    def _extract(self) -> str:
        extract = self._run.tags.get(PARTITION_TAG) if self._run else None
        if extract is None:
            raise UnusableInputError("This belongs to an extract: choose a partition.")
        return extract


@contextmanager
def as_failure() -> Iterator[None]:
    """Our refusals as Dagster failures: the sentence alone, and no retry, which would not help."""
    try:
        with machine.refusals():
            yield
    except (UnusableInputError, RefusedError) as error:
        raise dg.Failure(
            str(error),
            metadata={"exit_status": 2 if isinstance(error, UnusableInputError) else 1},
            allow_retries=False,
        ) from error
