"""Files appear whole or not at all, for their owner alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What a killed run leaves behind carries one of these, and the next run removes it.
_UNFINISHED, _REPLACED = ".unfinished", ".replaced"


def is_temporary(name: str) -> bool:
    """Whether a name is that of something half-written or about to go."""
    return name.endswith((_UNFINISHED, _REPLACED))


def temporary_names(path: Path) -> list[Path]:
    """The places beside ``path`` that ``file`` and ``folder`` use on the way to it."""
    return [path.with_name(path.name + suffix) for suffix in (_UNFINISHED, _REPLACED)]


def private_folder(folder: Path) -> Path:
    """The folder, made with its parents for its owner alone where it is missing."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def file(path: Path) -> Iterator[Path]:
    """A place to write that takes ``path``'s when the block ends well."""
    private_folder(path.parent)
    unfinished = path.with_name(path.name + _UNFINISHED)
    discard(unfinished)
    unfinished.touch(mode=0o600)
    try:
        yield unfinished
        with unfinished.open("rb+") as written:
            os.fsync(written.fileno())
        unfinished.chmod(0o600)
        unfinished.replace(path)
    finally:
        discard(unfinished)


@contextmanager
def folder(folder: Path) -> Iterator[Path]:
    """A folder to fill that takes ``folder``'s place when the block ends well."""
    private_folder(folder.parent)
    unfinished = folder.with_name(folder.name + _UNFINISHED)
    discard(unfinished)
    recover(folder)
    private_folder(unfinished)
    try:
        yield unfinished
        for each in unfinished.rglob("*"):
            each.chmod(0o700 if each.is_dir() else 0o600)
        if folder.exists():
            folder.rename(_replaced(folder))
        unfinished.rename(folder)
    finally:
        discard(unfinished)
        recover(folder)


def recover(folder: Path) -> None:
    """Put back what ``folder`` had moved aside, or remove it where something new stands there.

    A run that is killed between the two renames leaves nothing at ``folder``, and its only copy aside.
    """
    if stands(folder) and not folder.exists():
        _replaced(folder).rename(folder)
    discard(_replaced(folder))


def stands(folder: Path) -> bool:
    """Whether the folder is there, or aside to be put back."""
    return folder.is_dir() or _replaced(folder).is_dir()


def _replaced(folder: Path) -> Path:
    return folder.with_name(folder.name + _REPLACED)


def discard(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
