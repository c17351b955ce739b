"""The extract that a run works on: its places, its lock, and errors as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from pelcro_pipeline import lock, workspace
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.workspace import ExtractPaths

PARTITION_TAG = "dagster/partition"


class Extracts(dg.ConfigurableResource):
    """The extracts of the workspace, one at a time for each run, which holds its lock."""

    _paths: ExtractPaths | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Extracts]:
        run = context.run
        extract = run.tags.get(PARTITION_TAG) if run else None
        if extract is None:
            yield self
            return
        with as_failure():
            paths = ExtractPaths(workspace.home(), extract)
            with lock.held(paths):
                self._paths = paths
                yield self

    @property
    def paths(self) -> ExtractPaths:
        """Where this run's extract stands."""
        if self._paths is None:
            raise dg.Failure("This asset belongs to an extract: choose a partition.", allow_retries=False)
        return self._paths


@contextmanager
def as_failure() -> Iterator[None]:
    """Our refusals as Dagster failures: the sentence alone, and no retry, which would not help."""
    try:
        yield
    except (UnusableInputError, RefusedError) as error:
        raise dg.Failure(
            str(error),
            metadata={"exit_status": 2 if isinstance(error, UnusableInputError) else 1},
            allow_retries=False,
        ) from error
