"""The steps of a dry run over one extract, each a function: what Dagster's assets, the tests and the benchmarks all call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pandas as pd

from pelcro_pipeline import connection as duck
from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline import writing
from pelcro_pipeline.conversion import passwords, tables
from pelcro_pipeline.delivery import reading as delivery
from pelcro_pipeline.delivery.cards import refuse_card_numbers
from pelcro_pipeline.delivery.reading import Reading
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.prepared import archive as archiving
from pelcro_pipeline.prepared import tables as prepared_tables
from pelcro_pipeline.prepared import write as prepared_write
from pelcro_pipeline.prepared.files import PreparedFiles
from pelcro_pipeline.review import statistics
from pelcro_pipeline.rules import findings, judgement, ledger, verdict
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace import ExtractPaths


def read(paths: ExtractPaths) -> Reading:
    """Read the delivered folder and write reading.json. Raises UnusableInputError for what cannot be read."""
    with writing.whole_folder(paths.reading.parent) as folder, duck.connect() as connection:
        # Reports of two runs must not be signed as one: until this one has counted, there is nothing to sign.
        paths.statistics_digest.unlink(missing_ok=True)
        settings = extract_settings.load(paths.delivered)
        reading = delivery.read(paths.delivered, folder, settings, connection)
        refuse_card_numbers(reading, connection)
        # The folder takes its final name only when it is whole, so the reading names that one.
        reading = reading.moved(folder, paths.reading.parent)
        (folder / paths.reading.name).write_text(reading.model_dump_json(indent=1))
    return reading


@dataclass
class OpenedExtract:
    """An extract that has been read: its places, its reading, and a connection with the views made so far."""

    paths: ExtractPaths
    reading: Reading
    connection: duckdb.DuckDBPyConnection
    _verdict_opened: bool = False

    @property
    def files(self) -> PreparedFiles:
        """The prepared files, whether written yet or not."""
        return PreparedFiles(self.paths.prepared, self.reading.settings, self.paths.seals)

    def open_verdict(self) -> None:
        """Make the views of the conversion and the verdict, verified once.

        Raises RefusedError, naming records, where either is not as it was made.
        """
        if not self._verdict_opened:
            of = self.connection, self.reading, self.paths.conversion, self.paths.analysis
            verdict.open_on(*of)
            verdict.verify(*of)
            self._verdict_opened = True


@contextmanager
def opened(paths: ExtractPaths) -> Iterator[OpenedExtract]:
    """Open an extract that has been read. Raises UnusableInputError where a delivered file has changed since."""
    with duck.connect() as connection:
        yield OpenedExtract(paths, delivery.opened(paths.reading), connection)


def convert(extract: OpenedExtract) -> None:
    """Write and seal each file's conversion; leaves a view of each converted object."""
    with writing.whole_folder(extract.paths.conversion) as folder:
        tables.write(extract.connection, extract.reading, extract.reading.settings, folder)
        tables.seal_up(extract.connection, extract.reading, folder)
        extract.reading.verify()
    tables.create_views(extract.connection, extract.reading, extract.paths.conversion)


def judge(extract: OpenedExtract, *, keep_relations: bool = False) -> None:
    """Write the verdict, the findings and the ledger, and both reports as CSV; leaves the relations of the judgement,
    ``findings`` and ``ledger``.

    With ``keep_relations`` each relation stays to look at, in the folder ``relations`` beside the verdict. Raises
    RefusedError where the conversion is not as it was made.
    """
    paths, reading, connection = extract.paths, extract.reading, extract.connection
    if altered := tables.altered(connection, reading, paths.conversion):
        raise RefusedError(f"Not as it was converted: {', '.join(altered[:5])}. Run the extract again from the start.")
    with writing.whole_folder(paths.analysis) as folder:
        kept = writing.private_folder(folder / "relations") if keep_relations else None
        judgement.judge(connection, reading, paths.conversion, reading.settings, kept)
        findings.create_findings(connection, reading, passwords.proven(paths.delivered))
        ledger.create_ledger(connection, reading)
        verdict.save(connection, folder)
        ledger.write(connection, folder / "ledger.parquet")
        findings.write(connection, folder / "findings.parquet")
    ledger.open_on(connection, paths.analysis / "ledger.parquet")
    for name, room in (("findings", findings), ("ledger", ledger)):
        # What a publisher's file says is opened in spreadsheets, and must not run there.
        columns = [f"inert({each}) AS {each}" if each in room.DELIVERED else each for each in room.COLUMNS]
        with writing.whole(paths.reports / f"{name}.csv") as unfinished:
            connection.execute(
                f"COPY (SELECT {', '.join(columns)} FROM read_parquet({literal(str(paths.analysis / name))} || '.parquet')) "
                f"TO {literal(str(unfinished))} (FORMAT csv, HEADER)"
            )


def prepare(extract: OpenedExtract) -> dict[str, int]:
    """Write and seal the prepared files; returns the records of each. Leaves the views of ``prepared.tables``."""
    extract.open_verdict()
    settings = extract.reading.settings
    prepared_tables.create_views(extract.connection, extract.reading, settings)
    with writing.whole_folder(extract.paths.prepared) as folder, writing.whole_folder(extract.paths.seals) as seals:
        records = prepared_write.write(extract.connection, extract.reading, settings, folder)
        PreparedFiles(folder, settings, seals).seal_up(extract.connection)
    return records


def archive(extract: OpenedExtract) -> dict[str, int]:
    """Write the archive; returns the records of each of its files."""
    paths = extract.paths
    tables.create_views(extract.connection, extract.reading, paths.conversion)
    with writing.whole_folder(paths.archive) as folder:
        written = archiving.write(
            extract.connection, extract.reading, paths.conversion, paths.analysis / "ledger.parquet", folder
        )
        extract.reading.verify()
    return written


def stage(extract: OpenedExtract) -> dict[str, int]:
    """Load the staging database; returns the rows of each table. Raises RefusedError where a cell differs."""
    return database.load(extract.files, extract.paths.database("staging"))


def count(extract: OpenedExtract) -> pd.DataFrame:
    """Write the statistics and return them. Raises RefusedError where anything counted is not as it was made."""
    paths, connection, given = extract.paths, extract.connection, extract.files
    extract.open_verdict()
    given.verify(connection)
    with database.opened(paths.database("staging"), "staging", connection):
        database.verify(connection, given, paths.database("staging"), "staging")
        frame = statistics.staging(connection, extract.reading, given, "staging")
    # What was loaded by an earlier sign-off stays counted beside it.
    frame = statistics.with_production(frame, paths)
    statistics.write(frame, paths)
    return frame
