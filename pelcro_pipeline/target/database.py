"""The embedded target: a DuckDB file, built whole from the prepared files or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline import connection as duck
from pelcro_pipeline import machine, seal, writing
from pelcro_pipeline.delivery.header import metadata_of
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.prepared.files import NAMES
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    ATTRIBUTES,
    CUSTOMER_ID,
    CUSTOMERS,
    PLANS,
    PRODUCTS,
    SUBSCRIPTIONS,
    TABLES,
    ddl,
)
from pelcro_pipeline.spec.kinds import DATE
from pelcro_pipeline.spec.model import Table
from pelcro_pipeline.spec.sql import literal, quoted

_SUBSCRIBED = " OR ".join(f"{quoted(attribute.name)} IS NOT NULL" for attribute in SUBSCRIPTIONS.attributes)


@dataclass(frozen=True)
class PreparedFiles:
    """The three prepared files of an extract, how they write dates, and where their seals stand."""

    folder: Path
    settings: Settings
    seals: Path

    def read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read the files into temporary tables, once for a connection: ``rows`` are theirs."""
        for name in NAMES:
            connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {_READ}{name} AS FROM {self.relation(name)}")
        self._find_firsts(connection, _READ)

    def read_filled(self, connection: duckdb.DuckDBPyConnection, values: Set[str]) -> None:
        """Read of each cell whether it is filled, and what it holds only in the columns ``values``.

        For ``filled_rows``: what counting needs, at two thirds of the cost of ``read`` and a third of its memory.
        """
        for name in NAMES:
            cells = ", ".join(
                column if column in map(quoted, values) else f"nullif({column} IS NOT NULL, false) AS {column}"
                for column in map(quoted, self.columns(name))
            )
            connection.execute(
                f"CREATE TEMP TABLE IF NOT EXISTS {_FILLED}{name} AS SELECT {cells} FROM {self.relation(name)}"
            )
        self._find_firsts(connection, _FILLED)

    def _find_firsts(self, connection: duckdb.DuckDBPyConnection, read: str) -> None:
        """Find the records of customers.csv that are the first of their customer, or of their address."""
        keys = {CUSTOMERS.object: (quoted(CUSTOMER_ID), "true")} | {
            table.object: (
                f"{quoted(CUSTOMER_ID)}, {self.address_id(table)}",
                f"{quoted(table.prefix + 'line1')} IS NOT NULL",
            )
            for table in ADDRESSES
        }
        for object_, (key, condition) in keys.items():
            connection.execute(
                f"""CREATE TEMP TABLE IF NOT EXISTS {read}first_{object_} AS
                SELECT min(rowid) AS place FROM {read}customers WHERE {condition} GROUP BY {key}"""
            )

    def address_id(self, table: Table) -> str:
        """SQL of what tells a customer's addresses of one type apart: empty without address ids."""
        name = ADDRESS_IDS[table.object].name
        return f"coalesce({quoted(name)}, '')" if name in self.columns("customers") else "''"

    def seal_up(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Seal the records of each file."""
        for name in NAMES:
            seal.put(connection, *self._sealed(name), quoted(_FILE_KEYS[name]))

    def verify(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Raise RefusedError, naming the records, where a file does not hold the records that were prepared."""
        altered = [
            f"{name}.csv record {difference.place + 1} ({_FILE_KEYS[name]} "
            + " and ".join(dict.fromkeys(key for key in (difference.key, difference.stands_key) if key))
            + ")"
            for name in NAMES
            for difference in seal.broken(connection, *self._sealed(name))[:1]
        ]
        if altered:
            raise RefusedError(f"Not as it was prepared: {', '.join(altered)}. Run the extract again.")

    def _sealed(self, name: str) -> tuple[Path, str, Path]:
        """A file, SQL of its records, and where its seal stands."""
        return self.path(name), self.relation(name), seal.path(self.seals, name)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.csv"

    def columns(self, name: str) -> list[str]:
        """The file's header."""
        with self.path(name).open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file))

    def relation(self, name: str) -> str:
        """SQL of the file's records, all text."""
        columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in self.columns(name))
        return (
            f"read_csv({literal(str(self.path(name)))}, header = true, auto_detect = false, delim = ',', "
            f"quote = '\"', escape = '\"', columns = {{{columns}}})"
        )

    def metadata(self) -> dict[str, tuple[str, ...]]:
        """The metadata columns of no template, by object."""
        carried = [name for file in NAMES for name in self.columns(file)]
        return {table.object: tuple(metadata_of(table, carried)) for table in TABLES}

    def value(self, name: str, typed: bool = True) -> str:
        """SQL of a prepared cell, as the target's type or as it is written."""
        column = quoted(name)
        if name not in ATTRIBUTES or not typed:
            return column
        kind = ATTRIBUTES[name].kind
        if kind is DATE:
            return f"strptime({column}, {literal(self.settings.template_date_format.strptime)})::DATE"
        return column if kind.storage == "VARCHAR" else f"{column}::{kind.storage}"

    def text(self, name: str, column: str | None = None) -> str:
        """SQL of a target's cell as the prepared file writes it."""
        cell = quoted(column or name)
        storage = ATTRIBUTES[name].kind.storage if name in ATTRIBUTES else "VARCHAR"
        match storage:
            case "DATE":
                return f"strftime({cell}, {literal(self.settings.template_date_format.strptime)})"
            case "BOOLEAN":
                return f"{cell}::TINYINT::VARCHAR"
        return f"{cell}::VARCHAR"


def load(files: PreparedFiles, path: Path) -> dict[str, int]:
    """Build the database at ``path`` from the prepared files; gives the rows of each table.

    It is built beside ``path`` and takes its place when every constraint has held and every cell
    has been compared; what stood there is kept as ``.previous``.
    """
    with writing.whole(path) as unfinished:
        # DuckDB takes an empty file for no database, and none for a new one.
        unfinished.unlink()
        with duck.connect() as connection:
            files.verify(connection)
            files.read(connection)
            stretches = _stretches(connection)
            for table, statement in ddl.create(files.metadata()).items():
                with _written(unfinished, connection):
                    connection.execute(statement)
                    for within in stretches:
                        connection.execute(f"INSERT INTO {table} BY NAME {rows(files, within=within)[table]}")
                with _written(unfinished, connection):
                    for key in ddl.keys(table):
                        connection.execute(key)
            with opened(unfinished, _TARGET, connection):
                differing = compare(connection, files, f"{_TARGET}.")
            if differing:
                raise RefusedError(
                    f"{path.name}: {', '.join(differing)} differ from the prepared files: nothing was replaced; "
                    "run the extract again."
                )
        loaded = counts(unfinished)
        seal.mark(unfinished, _mark(files.seals, path))
        _keep(path)
    return loaded


_TARGET = "target"
#: Records that are inserted at once: what a transaction inserts it indexes apart, in memory, until it ends.
_STRETCH = 1_000_000


def _stretches(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Conditions on ``rowid`` that part the files, once they are read."""
    most = max(connection.execute(f"SELECT count(*) FROM {_READ}{name}").fetchall()[0][0] for name in NAMES)
    return [f"rowid BETWEEN {first} AND {first + _STRETCH - 1}" for first in range(0, max(most, 1), _STRETCH)]


@contextmanager
def _written(path: Path, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Attach the database that is being built, in use, and write all of it to disk at the end.

    Again and again: the indexes of an attached database stay in memory, and those of ten million
    customers, their addresses and subscriptions together took more than 3 GB.
    """
    # What takes its place only when it is whole is never recovered: its log cost a tenth of the load.
    connection.execute(f"ATTACH {literal(str(path))} AS {_TARGET} (RECOVERY_MODE no_wal_writes)")
    connection.execute(f"USE {_TARGET}")
    yield
    # Detaching does this too, and is silent where the disk is full.
    connection.execute("CHECKPOINT")
    connection.execute("USE memory")
    connection.execute(f"DETACH {_TARGET}")


def load_once(files: PreparedFiles, path: Path) -> dict[str, int]:
    """``load``, unless the database at ``path`` holds the files already: then it is left as it is."""
    with duck.connect() as connection:
        if holds(connection, files, path):
            return counts(path)
    return load(files, path)


def counts(path: Path) -> dict[str, int]:
    """The rows of each table of the database at ``path``."""
    with duck.connect(path, read_only=True) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in ddl.TARGET_TABLES
        }


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def _keep(path: Path) -> None:
    """Keep what stands at ``path`` as ``.previous``; an empty one says that nothing stood there."""
    previous = _previous(path)
    writing.discard(previous)
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
    """Put back what stood at ``path`` before the last load; gives whether anything did.

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


def holds(connection: duckdb.DuckDBPyConnection, files: PreparedFiles, path: Path) -> bool:
    """Whether the database at ``path`` holds the prepared files, column for column and cell by cell."""
    if not path.exists():
        return False
    if seal.intact(path, _mark(files.seals, path)):
        return True
    with duck.connect() as empty:
        for table, statement in ddl.create(files.metadata()).items():
            for each in (statement, *ddl.keys(table)):
                empty.execute(each)
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


def _mark(seals: Path, path: Path) -> Path:
    """Where the digest stands of the database at ``path``: it goes when the files that it was loaded from do."""
    return seals / f"{path.parent.name}.sha256"


def is_altered(path: Path, seals: Path) -> bool:
    """Whether the database at ``path`` is known to have other bytes than were loaded."""
    return _mark(seals, path).exists() and not seal.intact(path, _mark(seals, path))


def verify(connection: duckdb.DuckDBPyConnection, files: PreparedFiles, path: Path, name: str) -> None:
    """Raise RefusedError, naming rows, where the database at ``path``, attached as ``name``, is not as it was loaded."""
    if seal.intact(path, _mark(files.seals, path)):
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
            machine.refusal(str(error)) or RefusedError(f"{path} is no database any more: load it again.")
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
    for table in ddl.TARGET_TABLES:
        names = [
            name for (name,) in connection.execute(f"SELECT column_name FROM (DESCRIBE {prefix}{table})").fetchall()
        ]
        attribute_of = {name: _attribute(name, table) for name in names}
        loaded = ", ".join(files.text(attribute_of[name], name) for name in names)
        given = ", ".join(f"{quoted(name)}::VARCHAR" for name in names)
        digest = "SELECT count(*), sum(hash({cells})::HUGEINT), bit_xor(hash({cells})) FROM {rows}"
        if (
            connection.execute(digest.format(cells=loaded, rows=prefix + table)).fetchall()
            != connection.execute(digest.format(cells=given, rows=f"({prepared[table]})")).fetchall()
        ):
            both = {"loaded": (loaded, prefix + table), "prepared": (given, f"({prepared[table]})")}
            differing += [
                f"{table} {key}" for key in sorted(_keys_of_difference(connection, both, quoted(_KEYS[table])))[:_SHOWN]
            ]
    return differing


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


_SHOWN = 5
_FILE_KEYS = {"customers": CUSTOMER_ID, "products": PRODUCTS.key, "plans": PLANS.key}
_KEYS = {
    "products": PRODUCTS.key,
    "plans": PLANS.key,
    "customers": CUSTOMER_ID,
    "addresses": CUSTOMER_ID,
    "subscriptions": ddl.RECORD,
}


def _attribute(column: str, table: str) -> str:
    if table == "addresses" and column.startswith("address."):
        return ADDRESSES[0].prefix + column.removeprefix("address.")
    return column


def rows(files: PreparedFiles, *, typed: bool = True, within: str = "true") -> dict[str, str]:
    """SQL of the rows of each target table, once the prepared files are read; ``within`` is a condition on ``rowid``."""
    return _rows(files, _READ, typed, within)


def filled_rows(files: PreparedFiles) -> dict[str, str]:
    """The same rows once the files are read by ``read_filled``."""
    return _rows(files, _FILLED, typed=False, within="true")


def _rows(files: PreparedFiles, read: str, typed: bool, within: str) -> dict[str, str]:
    metadata = files.metadata()
    carried = files.columns("customers")

    def values(table: Table) -> str:
        names = [attribute.name for attribute in table.attributes] + list(metadata[table.object])
        return ", ".join(f"{files.value(name, typed)} AS {quoted(name)}" for name in names)

    def first(table: Table) -> str:
        return f"""(SELECT rowid, * FROM {read}customers WHERE {within}) record
            SEMI JOIN {read}first_{table.object} first ON record.rowid = first.place"""

    ids = "".join(
        f"{quoted(attribute.name) if attribute.name in carried else 'NULL::VARCHAR'} AS {quoted(attribute.name)}, "
        for attribute in ADDRESS_IDS.values()
    )
    addresses = [
        f"""SELECT {quoted(CUSTOMER_ID)}, {literal(table.object.removesuffix("_address"))} AS type,
            {files.address_id(table)} AS {ddl.ADDRESS_ID},
            {", ".join(f"{quoted(a.name)} AS {quoted(ddl.address_column(a, table))}" for a in table.attributes)}
        FROM {first(table)}"""
        for table in ADDRESSES
    ]
    return {
        "products": f"SELECT {values(PRODUCTS)} FROM {read}products WHERE {within}",
        "plans": f"SELECT {values(PLANS)} FROM {read}plans WHERE {within}",
        "customers": f"SELECT {values(CUSTOMERS)} FROM {first(CUSTOMERS)}",
        "addresses": " UNION ALL ".join(addresses),
        "subscriptions": f"""SELECT rowid + 1 AS {ddl.RECORD}, {quoted(CUSTOMER_ID)}, {ids}{values(SUBSCRIPTIONS)}
            FROM {read}customers WHERE ({_SUBSCRIBED}) AND {within}""",
    }


#: The temporary tables of the prepared files begin with these; a rowid is the record's place.
_READ, _FILLED = "prepared_csv_", "prepared_filled_"
