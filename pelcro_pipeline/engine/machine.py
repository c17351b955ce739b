"""What the machine will not do (no space, no memory, no right, no folder) as a sentence that says where and what to do."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from pelcro_pipeline.engine import connection
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.workspace import places

_REMEDIES = {
    errno.ENOSPC: "free space on its disk",
    errno.EDQUOT: "free space within its quota",
    errno.EROFS: "make its disk writable",
    errno.EACCES: "give this account the right to it",
    errno.EPERM: "give this account the right to it",
    errno.ENOTDIR: "put a folder where a file stands",
    errno.EEXIST: "put a folder where a file stands",
    errno.EIO: "have its disk looked at",
    errno.ENOENT: "put back what was taken away",
}
#: DuckDB's words where its limit is reached: of what it spills, which is the space of the disk, or else of memory.
_LIMIT = re.compile(r"\(\S+ \S+/(\S+ \S+) used\)")
_SPILLED = "failed to offload data"
_GONE = re.compile(r'No files found that match the pattern "([^"]*)"')


@contextmanager
def translated() -> Iterator[None]:
    """Raise RefusedError for what the machine will not do; other errors pass as they are."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        refused = translation(str(error))
        if refused is None:
            raise
        raise refused from error


def translation(said: str) -> RefusedError | None:
    """The sentence for an error's words, or None where they tell of nothing that the machine refuses.

    Words, because DuckDB, PyArrow and shutil keep the number of an error to themselves.
    """
    for number, remedy in _REMEDIES.items():
        reason = os.strerror(number)
        if reason in said:
            # Python names the path behind the reason, and what is written to last; DuckDB before it.
            paths = re.search(rf"{reason}: '([^']*)'(?: -> '([^']*)')?|\"([^\"\\]*)\\?\"[^\"]*{reason}", said)
            path = next((each for each in reversed(paths.groups()) if each), None) if paths else None
            return RefusedError(f"{path or places.home()}: {reason}: {remedy}, then start this again.")
    if _SPILLED in said:
        return translation(os.strerror(errno.ENOSPC))
    if gone := _GONE.search(said):
        return RefusedError(f"{gone[1]} is gone: put it back, or run the extract again from the start.")
    if limit := _LIMIT.search(said):
        return RefusedError(
            f"DuckDB may take {limit[1]} of memory, too little for this extract: allow it more with "
            f"{connection.MEMORY}, then start this again."
        )
    return None
