"""One way to open DuckDB, so that every step sees the same rows in the same order, and no more than it may."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.spec import ATTRIBUTES
from pelcro_pipeline.spec.codes import FUNCTIONS
from pelcro_pipeline.spec.sql import literal, macros
from pelcro_pipeline.workspace import atomic

#: How much memory DuckDB may take, as it writes it (``2GB``, ``25%``); it spills what goes beyond.
MEMORY = "PELCRO_MEMORY"
#: Of the machine's, for one run: four run side by side, and few are large.
_HALF = "50%"


_number = itertools.count()
_MACROS = ";\n".join(
    macro.replace("CREATE OR REPLACE MACRO", "CREATE OR REPLACE TEMP MACRO")
    for macro in macros(attribute.kind for attribute in ATTRIBUTES.values())
)


@dataclass(frozen=True)
class _Sandbox:
    home: Path
    spill: Path


_sandbox: ContextVar[_Sandbox | None] = ContextVar("sandbox", default=None)


@contextmanager
def sandboxed(home: Path, spill: Path) -> Iterator[None]:
    """Let every connection that is opened meanwhile reach files below ``home`` alone, and spill to ``spill``.

    Here and not with each ``connect``, so that none can forget it. ``spill`` is made, and removed at the end.
    """
    atomic.discard(spill)
    atomic.private_folder(spill)
    before = _sandbox.set(_Sandbox(home, spill))
    try:
        yield
    finally:
        _sandbox.reset(before)
        atomic.discard(spill)


#: The optimizer's rewriting of ``IN`` into a join loses file order (measured: 10,514 of 13,158 rejects named the wrong row).
_DISABLED = "in_clause"


@contextmanager
def probing_in_order(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let every left join meanwhile go over its left side's rows in their order, however many there are on its right.

    DuckDB would rather go over the larger side (measured: of 200,000 rows that met a million, 199,999 came in another place).
    """
    connection.execute(f"SET disabled_optimizers = '{_DISABLED},build_side_probe_side'")
    try:
        yield
    finally:
        connection.execute(f"SET disabled_optimizers = '{_DISABLED}'")


def connect(database: Path | None = None, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection, in memory or on a file, with the spec's macros.

    Raises UnusableInputError for a memory limit that is none.
    """
    connection = duckdb.connect(
        str(database) if database else ":memory:",
        read_only=read_only,
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False},
    )
    connection.execute(f"SET disabled_optimizers = '{_DISABLED}'")
    connection.execute("SET enable_progress_bar = false")
    memory = os.environ.get(MEMORY) or _HALF
    try:
        connection.execute(f"SET memory_limit = {literal(memory)}")
    except duckdb.Error as error:
        raise UnusableInputError(
            f"{MEMORY} is {memory!r}: give an amount such as 2GB, or a share such as 25%."
        ) from error
    if not read_only:
        for name, function in FUNCTIONS.items():
            connection.create_function(name, function, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special")
        connection.execute(_MACROS)
    if sandbox := _sandbox.get():
        # Two connections that spill to one folder would write over each other's files.
        connection.execute(f"SET temp_directory = {literal(str(sandbox.spill / str(next(_number))))}")
        connection.execute(f"SET allowed_directories = [{literal(str(sandbox.home))}]")
        connection.execute("SET enable_external_access = false")
    return connection
