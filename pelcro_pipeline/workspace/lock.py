"""The lock of an extract: one run at a time, freed by the kernel however a run dies."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths

#: ``is_held`` and ``killed`` hold the lock for an instant: a run that meets them then asks again.
_ATTEMPTS = 5
_EVERY_SECONDS = 0.1


@contextmanager
def held(paths: ExtractPaths, run: str = "") -> Iterator[str]:
    """Hold the extract's lock for ``run``, its folders put back where a run was killed; returns that one's id, or "".
    Raises RefusedError where another run holds it.

    A Dagster pool would not do: a run killed with -9 keeps its slot and blocks the next (measured).
    """
    with _opened(paths.lock) as lock:
        for _ in range(_ATTEMPTS):
            if _taken(lock, fcntl.LOCK_EX):
                with _named(lock, run) as killed:
                    for folder in paths.folders:
                        atomic.recover(folder)
                    yield killed
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


@contextmanager
def alone(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock at ``path``. Raises RefusedError with the sentence ``busy`` where it is held."""
    with _opened(path) as lock:
        if not _taken(lock, fcntl.LOCK_EX):
            raise RefusedError(busy)
        yield


def killed(paths: ExtractPaths) -> str:
    """The id of the run that was killed while it worked on the extract, or ""."""
    if not paths.lock.exists():
        return ""
    with paths.lock.open() as lock:
        # Read while it is held: a run that ends takes its id out before it lets go.
        return lock.read() if _taken(lock, fcntl.LOCK_SH) else ""


def is_held(paths: ExtractPaths) -> bool:
    """Whether a run is working on the extract."""
    if not paths.lock.exists():
        return False
    with paths.lock.open() as lock:
        return not _taken(lock, fcntl.LOCK_SH)


def _opened(path: Path) -> TextIO:
    atomic.private_folder(path.parent)
    path.touch(mode=0o600)
    return path.open("r+")


@contextmanager
def _named(lock: TextIO, run: str) -> Iterator[str]:
    """Have the id of the run that holds it in the lock; returns what a killed one left there."""
    killed = lock.read()
    if not run:
        yield killed
        return
    _write(lock, run)
    try:
        yield killed
    finally:
        _write(lock, "")


def _write(lock: TextIO, run: str) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(run)
    lock.flush()


def _taken(lock: TextIO, mode: int) -> bool:
    try:
        fcntl.flock(lock, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
