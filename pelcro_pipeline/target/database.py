"""The embedded target: a DuckDB file, built whole from the prepared files or not at all."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pelcro_pipeline.engine import checksum, machine
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.migration_day import tables
from pelcro_pipeline.migration_day.relations import Terms
from pelcro_pipeline.prepared.files import PreparedFiles
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.spec.target import ALL_TABLES, MIGRATION_DAY_TABLES, TARGET_TABLES, TargetTable, create, proofs
from pelcro_pipeline.target.rows import rows, text
from pelcro_pipeline.workspace import atomic

_TARGET = "target"
#: How many rows are named of those that are not as they must be.
_SHOWN = 5


def load(files: PreparedFiles, path: Path, terms: Terms | None = None) -> dict[str, int]:
    """Build the database at ``path`` from the prepared files, with what migration day makes of them; returns the rows of each table.

    It is built beside ``path`` and takes its place when every check and key holds and every cell has been compared;
    what stood there is kept as ``.previous``. Raises RefusedError, naming rows, where a key does not hold or a cell
    differs.
    """
    with atomic.file(path) as unfinished:
        # DuckDB takes an empty file for no database, and none for a new one.
        unfinished.unlink()
        with duck.connect() as connection:
            files.verify(connection)
            files.read(connection)
            with _written(unfinished, connection):
                for statement in _created(files):
                    connection.execute(statement)
                for name, query in rows(files).items():
                    connection.execute(f"INSERT INTO {name} BY NAME {query}")
                tables.insert(connection, terms or Terms.of(files.settings))
                broken = _broken_keys(connection)
            if broken:
                raise RefusedError(f"{path.name}: {'; '.join(broken)}: nothing was replaced; run the extract again.")
            with opened(unfinished, _TARGET, connection):
                differing = compare(connection, files, f"{_TARGET}.")
            if differing:
                raise RefusedError(
                    f"{path.name}: {', '.join(differing)} differ from the prepared files: nothing was replaced; "
                    "run the extract again."
                )
        loaded = counts(unfinished)
        checksum.write_digest(unfinished, _digest(files.checksums, path))
        _keep(path)
    return loaded


@contextmanager
def _written(path: Path, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Attach the database that is being built, in use, and write all of it to disk at the end."""
    # What takes its place only when it is whole is never recovered: its log cost a tenth of the load.
    connection.execute(f"ATTACH {literal(str(path))} AS {_TARGET} (RECOVERY_MODE no_wal_writes)")
    connection.execute(f"USE {_TARGET}")
    yield
    # Detaching does this too, and is silent where the disk is full.
    connection.execute("CHECKPOINT")
    connection.execute("USE memory")
    connection.execute(f"DETACH {_TARGET}")


def _created(files: PreparedFiles) -> Iterator[str]:
    """The statements that make the tables, with the metadata columns that the files carry."""
    metadata = files.metadata()
    for table in ALL_TABLES.values():
        yield from create(table, [name for each in table.made_from for name in metadata[each.object]])


def _broken_keys(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The keys of the database in use that do not hold, each with a few of the rows that break it."""
    # What migration day makes of rows that break a key breaks its own.
    return _broken(connection, TARGET_TABLES) or _broken(connection, MIGRATION_DAY_TABLES)


def _broken(connection: duckdb.DuckDBPyConnection, given: dict[str, TargetTable]) -> list[str]:
    broken = []
    for table in given.values():
        for proof in proofs(table):
            found = connection.execute(f"{proof.sql} ORDER BY 1 LIMIT {_SHOWN}").fetchall()
            if found:
                broken.append(f"{table.name} break the {proof.key} at {', '.join(row for (row,) in found)}")
    return broken


def counts(path: Path) -> dict[str, int]:
    """The rows of each table of the database at ``path``."""
    with duck.connect(path, read_only=True) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in ALL_TABLES}


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def _keep(path: Path) -> None:
    """Keep what stands at ``path`` as ``.previous``; an empty one says that nothing stood there."""
    previous = _previous(path)
    atomic.discard(previous)
    if path.exists():
        previous.hardlink_to(path)
    else:
        previous.touch(mode=0o600)


def _is_replaced(path: Path) -> bool:
    """Whether a load came after what is kept: one that was killed may have kept it and gone no further."""
    previous = _previous(path)
    if not previous.exists():
        return False
    return not path.samefile(previous) if path.exists() else previous.stat().st_size > 0


def revert(path: Path) -> bool:
    """Put back what stood at ``path`` before the last load; returns whether anything did.

    Raises RefusedError where there was no load since the last time.
    """
    previous = _previous(path)
    if not _is_replaced(path):
        raise RefusedError(f"There is no load of {path.name} to go back from: nothing was changed.")
    if previous.stat().st_size:
        previous.replace(path)
        return True
    path.unlink(missing_ok=True)
    previous.unlink()
    return False


def loaded_with(path: Path) -> tuple[datetime.date, str | None] | None:
    """The migration day of the database at ``path``, and the SHA-256 of the card map that it was loaded with; None where there is no
    database, or none any more."""
    if not path.is_file():
        return None
    try:
        with duck.connect(path, read_only=True) as connection:
            return tables.loaded_with(connection)
    except duckdb.Error:
        return None


def holds(connection: duckdb.DuckDBPyConnection, files: PreparedFiles, path: Path) -> bool:
    """Whether the database at ``path`` holds the prepared files, column for column and cell by cell, and what migration day
    made of them."""
    if not path.exists():
        return False
    if checksum.matches(path, _digest(files.checksums, path)):
        return True
    with duck.connect() as empty:
        for statement in _created(files):
            empty.execute(statement)
        expected = _columns(empty, "memory")
    files.read(connection)
    try:
        with opened(path, "loaded", connection):
            return _columns(connection, "loaded") == expected and not compare(connection, files, "loaded.")
    except (duckdb.Error, RefusedError):
        # Bytes that are no database any more hold nothing.
        return False


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple]:
    return connection.execute(
        """SELECT table_name, column_name, data_type FROM duckdb_columns()
        WHERE database_name = ? AND NOT internal ORDER BY table_name, column_index""",
        [name],
    ).fetchall()


def _digest(checksums: Path, path: Path) -> Path:
    """Where the digest stands of the database at ``path``: it goes when the files that it was loaded from do."""
    return checksums / f"{path.parent.name}.sha256"


def is_altered(path: Path, checksums: Path) -> bool:
    """Whether the database at ``path`` is known to have other bytes than were loaded."""
    return _digest(checksums, path).exists() and not checksum.matches(path, _digest(checksums, path))


def verify(connection: duckdb.DuckDBPyConnection, files: PreparedFiles, path: Path, name: str) -> None:
    """Raise RefusedError, naming rows, where the database at ``path``, attached as ``name``, is not as it was loaded."""
    if checksum.matches(path, _digest(files.checksums, path)):
        return
    if differing := compare(connection, files, f"{quoted(name)}."):
        raise RefusedError(f"{path.name} is not as it was loaded: {', '.join(differing)}. Run the extract again.")


@contextmanager
def opened(path: Path, name: str, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Attach a database read-only under ``name``. Raises RefusedError where it is none, or none any more."""
    try:
        connection.execute(f"ATTACH {literal(str(path))} AS {quoted(name)} (READ_ONLY)")
    except duckdb.Error as error:
        raise (
            machine.translation(str(error)) or RefusedError(f"{path} is no database any more: load it again.")
        ) from error
    try:
        yield name
    finally:
        connection.execute(f"DETACH {quoted(name)}")


def compare(connection: duckdb.DuckDBPyConnection, files: PreparedFiles, prefix: str = "") -> list[str]:
    """The rows that are not, cell by cell and count by count, those of the prepared files: the first few of each table."""
    files.read(connection)
    prepared = rows(files, typed=False)
    differing = []
    for table, target in TARGET_TABLES.items():
        names = [
            name for (name,) in connection.execute(f"SELECT column_name FROM (DESCRIBE {prefix}{table})").fetchall()
        ]
        dates = files.settings.template_date_format
        loaded = ", ".join(text(target.attribute(name), name, dates) for name in names)
        given = ", ".join(f"{quoted(name)}::VARCHAR" for name in names)
        digest = "SELECT count(*), sum(hash({cells})::HUGEINT), bit_xor(hash({cells})) FROM {rows}"
        if (
            connection.execute(digest.format(cells=loaded, rows=prefix + table)).fetchall()
            != connection.execute(digest.format(cells=given, rows=f"({prepared[table]})")).fetchall()
        ):
            both = {"loaded": (loaded, prefix + table), "prepared": (given, f"({prepared[table]})")}
            differing += [
                f"{table} {key}"
                for key in sorted(_keys_of_difference(connection, both, quoted(target.key[0])))[:_SHOWN]
            ]
    return differing + tables.altered(connection, prefix)


def _keys_of_difference(connection: duckdb.DuckDBPyConnection, both: dict[str, tuple[str, str]], key: str) -> set[str]:
    """The keys of rows that stand on one side alone."""
    selects = {side: f"SELECT {key}::VARCHAR AS key, {cells} FROM {source}" for side, (cells, source) in both.items()}
    return {
        found
        for first, second in (("loaded", "prepared"), ("prepared", "loaded"))
        for (found,) in connection.execute(
            f"SELECT key FROM ({selects[first]} EXCEPT ALL {selects[second]}) LIMIT {_SHOWN}"
        ).fetchall()
    }
