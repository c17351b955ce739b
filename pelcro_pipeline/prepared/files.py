"""The prepared files: the three that staging and production are both loaded from, and products and plans as one."""

from __future__ import annotations

import csv
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline.delivery.header import metadata_of
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import checksum
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import ADDRESS_IDS, ADDRESSES, CUSTOMER_ID, CUSTOMERS, PLANS, PRODUCTS, TABLES, TEMPLATES
from pelcro_pipeline.spec.model import Table
from pelcro_pipeline.spec.sql import literal, quoted

NAMES = tuple(TEMPLATES)
#: "One flat file" for products and plans in production, says the guide: a record for each plan, its product repeated.
FLAT = "products_and_plans"
#: Each file that is written, with the tables whose columns it has; the targets are loaded from the first three.
TABLES_OF: dict[str, tuple[Table, ...]] = TEMPLATES | {FLAT: (PRODUCTS, PLANS)}
#: What names a record of each file.
_KEYS = {"customers": CUSTOMER_ID, "products": PRODUCTS.key, "plans": PLANS.key, FLAT: PLANS.key}
#: The temporary tables of the files' records begin with these; a rowid is the record's place.
READ, FILLED = "prepared_csv_", "prepared_filled_"


def header(name: str, manifest: Manifest) -> list[str]:
    """A prepared file's columns: the template's in the guide's order, address ids and metadata behind."""
    tables = TABLES_OF[name]
    columns = [attribute.name for table in tables for attribute in table.attributes]
    metadata = {each for table in tables for each in manifest.metadata[table.object]}
    address_ids = list(manifest.address_ids) if CUSTOMERS in tables else []
    return columns + address_ids + sorted(metadata)


@dataclass(frozen=True)
class PreparedFiles:
    """The prepared files of an extract, how they write dates, and where their checksums stand."""

    folder: Path
    settings: Settings
    checksums: Path

    def read(self, connection: duckdb.DuckDBPyConnection, read: str = READ) -> None:
        """Read the files into temporary tables, once for a connection: ``rows`` are theirs.

        Where a connection reads the files of two extracts, their tables begin with a ``read`` of their own.
        """
        for name in NAMES:
            connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {read}{name} AS FROM {self.relation(name)}")
        self._find_firsts(connection, read)

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
                f"CREATE TEMP TABLE IF NOT EXISTS {FILLED}{name} AS SELECT {cells} FROM {self.relation(name)}"
            )
        self._find_firsts(connection, FILLED)

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

    def write_checksums(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Write the checksums of each file's records."""
        for name in TABLES_OF:
            checksum.write(connection, *self._checksummed(name), quoted(_KEYS[name]))

    def verify(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Raise RefusedError, naming the records, where a file does not hold the records that were prepared."""
        altered = [
            f"{name}.csv record {difference.place + 1} ({_KEYS[name]} "
            + " and ".join(dict.fromkeys(key for key in (difference.key, difference.stands_key) if key))
            + ")"
            for name in TABLES_OF
            for difference in checksum.differences(connection, *self._checksummed(name))[:1]
        ]
        if altered:
            raise RefusedError(f"Not as it was prepared: {', '.join(altered)}. Run the extract again.")

    def _checksummed(self, name: str) -> tuple[Path, str, Path]:
        """A file, SQL of its records, and where its checksums stand."""
        return self.path(name), self.relation(name), checksum.path(self.checksums, name)

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
