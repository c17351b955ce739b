"""The lock of an extract: one run at a time, freed by the kernel however a run dies."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pelcro_pipeline import writing
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.workspace import ExtractPaths

#: ``is_held`` holds the lock for an instant: a run that meets it then asks again.
_ATTEMPTS = 5
_EVERY_SECONDS = 0.1


@contextmanager
def held(paths: ExtractPaths) -> Iterator[None]:
    """Hold the extract's lock, its folders put back where a run was killed. Raises RefusedError where
    another run holds it.

    A Dagster pool would not do: a run killed with -9 keeps its slot and blocks the next (measured).
    """
    with _opened(paths.lock) as lock:
        for _ in range(_ATTEMPTS):
            if _taken(lock, fcntl.LOCK_EX):
                for folder in paths.folders:
                    writing.put_back(folder)
                yield
                return
            time.sleep(_EVERY_SECONDS)
        raise RefusedError(
            f"Another run is working on {paths.extract}: wait until it has ended, then start this one again."
        )


@contextmanager
def awaited(folder: Path) -> Iterator[None]:
    """Wait for, and hold, the lock of a folder that all extracts share."""
    with _opened(folder.with_name(folder.name + ".lock")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_held(paths: ExtractPaths) -> bool:
    """Whether a run is working on the extract."""
    if not paths.lock.exists():
        return False
    with paths.lock.open() as lock:
        return not _taken(lock, fcntl.LOCK_SH)


def _opened(path: Path) -> TextIO:
    writing.private_folder(path.parent)
    path.touch(mode=0o600)
    return path.open("w")


def _taken(lock: TextIO, mode: int) -> bool:
    try:
        fcntl.flock(lock, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
