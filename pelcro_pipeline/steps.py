"""The steps of a migration of one extract, each a function: what Dagster's assets, the tests and the benchmarks all call."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pandas as pd

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.conversion import passwords, tables
from pelcro_pipeline.delivery import profile
from pelcro_pipeline.delivery import reading as delivery
from pelcro_pipeline.delivery.cards import refuse_card_numbers
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine import relations
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.prepared import archive as archiving
from pelcro_pipeline.prepared import tables as prepared_tables
from pelcro_pipeline.prepared import write as prepared_write
from pelcro_pipeline.prepared.files import PreparedFiles
from pelcro_pipeline.review import rejudgement, sharing, sign_off, statistics
from pelcro_pipeline.review.sharing import Bundle
from pelcro_pipeline.review.sign_off import SignOff
from pelcro_pipeline.rules import findings, judgement, ledger, results
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths


def read(paths: ExtractPaths) -> Manifest:
    """Read the delivered folder and write manifest.json and profile.csv. Raises UnusableInputError for what cannot be read."""
    with atomic.folder(paths.manifest.parent) as folder, duck.connect() as connection:
        # Reports of two runs must not be signed as one: until this one has counted, there is nothing to sign.
        paths.statistics_digest.unlink(missing_ok=True)
        settings = extract_settings.load(paths.delivered)
        manifest = delivery.read(paths.delivered, folder, settings, connection)
        manifest = refuse_card_numbers(manifest, connection)
        # The folder takes its final name only when it is whole, so the manifest names that one.
        manifest = manifest.moved(folder, paths.manifest.parent)
        (folder / paths.manifest.name).write_text(manifest.model_dump_json(indent=1))
    profile.write(manifest, paths.profile)
    return manifest


@dataclass
class OpenedExtract:
    """An extract that has been read: its places, its manifest, and a connection with the views made so far."""

    paths: ExtractPaths
    manifest: Manifest
    connection: duckdb.DuckDBPyConnection
    _results_attached: bool = False

    @property
    def files(self) -> PreparedFiles:
        """The prepared files, whether written yet or not."""
        return PreparedFiles(self.paths.prepared, self.manifest.settings, self.paths.checksums)

    def attach_results(self) -> None:
        """Make the views of the conversion and of the judgement's results, verified once.

        Raises RefusedError, naming records, where either is not as it was made.
        """
        if not self._results_attached:
            of = self.connection, self.manifest, self.paths.conversion, self.paths.analysis
            results.attach(*of)
            results.verify(*of)
            self._results_attached = True


@contextmanager
def opened(paths: ExtractPaths) -> Iterator[OpenedExtract]:
    """Open an extract that has been read. Raises UnusableInputError where a delivered file has changed since."""
    with duck.connect() as connection:
        yield OpenedExtract(paths, Manifest.load(paths.manifest), connection)


def convert(extract: OpenedExtract) -> None:
    """Write each file's conversion and its checksums; leaves a view of each converted object."""
    with atomic.folder(extract.paths.conversion) as folder:
        tables.write(extract.connection, extract.manifest, extract.manifest.settings, folder)
        tables.write_checksums(extract.connection, extract.manifest, folder)
        extract.manifest.verify()
    tables.create_views(extract.connection, extract.manifest, extract.paths.conversion)


def judge(extract: OpenedExtract, *, keep_relations: bool = False) -> None:
    """Write the judgement's results, the findings and the ledger, and both reports as CSV; leaves the relations of the judgement,
    ``finding`` and ``ledger``.

    With ``keep_relations`` each relation stays to look at, in the folder ``relations`` beside its results. Raises
    RefusedError where the conversion is not as it was made.
    """
    paths, manifest, connection = extract.paths, extract.manifest, extract.connection
    if altered := tables.altered(connection, manifest, paths.conversion):
        raise RefusedError(f"Not as it was converted: {', '.join(altered[:5])}. Run the extract again from the start.")
    with atomic.folder(paths.analysis) as folder:
        made = judgement.judge(connection, manifest, paths.conversion, manifest.settings)
        made += findings.create_findings(connection, manifest, passwords.proven(paths.delivered))
        made += ledger.create_ledger(connection)
        if keep_relations:
            relations.leave(connection, made, atomic.private_folder(folder / "relations"))
        results.save(connection, folder)
        ledger.write(connection, folder / "ledger.parquet")
        findings.write(connection, folder / "findings.parquet")
    ledger.attach(connection, paths.analysis / "ledger.parquet")
    for name, room in (("findings", findings), ("ledger", ledger)):
        # What a publisher's file says is opened in spreadsheets, and must not run there.
        columns = [f"escape_formula({each}) AS {each}" if each in room.DELIVERED else each for each in room.COLUMNS]
        with atomic.file(paths.reports / f"{name}.csv") as unfinished:
            connection.execute(
                f"COPY (SELECT {', '.join(columns)} FROM read_parquet({literal(str(paths.analysis / name))} || '.parquet')) "
                f"TO {literal(str(unfinished))} (FORMAT csv, HEADER)"
            )


def prepare(extract: OpenedExtract) -> dict[str, int]:
    """Write the prepared files and their checksums; returns the records of each. Leaves the views of ``prepared.tables``."""
    extract.attach_results()
    settings = extract.manifest.settings
    prepared_tables.create_views(extract.connection, extract.manifest, settings)
    with atomic.folder(extract.paths.prepared) as folder, atomic.folder(extract.paths.checksums) as checksums:
        records = prepared_write.write(extract.connection, extract.manifest, settings, folder)
        PreparedFiles(folder, settings, checksums).write_checksums(extract.connection)
    return records


def archive(extract: OpenedExtract) -> dict[str, int]:
    """Write the archive; returns the records of each of its files."""
    paths = extract.paths
    tables.create_views(extract.connection, extract.manifest, paths.conversion)
    tables.create_location_views(extract.connection, extract.manifest, paths.conversion)
    with atomic.folder(paths.archive) as folder:
        written = archiving.write(
            extract.connection, extract.manifest, paths.conversion, paths.analysis / "ledger.parquet", folder
        )
        extract.manifest.verify()
    return written


def stage(extract: OpenedExtract) -> dict[str, int]:
    """Load the staging database; returns the rows of each table. Raises RefusedError where a cell differs."""
    return database.load(extract.files, extract.paths.database("staging"))


def is_staged(extract: OpenedExtract) -> bool:
    """Whether the staging database, as it stands, holds the prepared files."""
    return database.holds(extract.connection, extract.files, extract.paths.database("staging"))


def count(extract: OpenedExtract) -> pd.DataFrame:
    """Write the statistics and return them. Raises RefusedError where anything counted is not as it was made."""
    paths, connection, given = extract.paths, extract.connection, extract.files
    extract.attach_results()
    tables.create_location_views(connection, extract.manifest, paths.conversion)
    given.verify(connection)
    with database.opened(paths.database("staging"), "staging", connection):
        database.verify(connection, given, paths.database("staging"), "staging")
        frame = statistics.staging(connection, extract.manifest, given, "staging")
    # What was loaded by an earlier sign-off stays counted beside it.
    frame = statistics.with_production(frame, paths)
    statistics.write(frame, paths)
    return frame


def share(extract: OpenedExtract) -> Bundle:
    """Write the bundle of the reports without personal data. Raises RefusedError where something personal is left in it."""
    return sharing.write(extract.connection, extract.manifest, extract.paths)


def sign(paths: ExtractPaths, signed_by: str, role: str, accept: Sequence[str] = ()) -> SignOff:
    """Sign what the dry run left, its open questions accepted by their rules' names.

    Raises RefusedError where it is not as it was made, the delivery has changed, or a question is not accepted.
    """
    return sign_off.sign(paths, signed_by, role, accept)


def produce(
    paths: ExtractPaths, recorded_signature: str | None, now: datetime.datetime
) -> tuple[SignOff, dict[str, int]]:
    """Load production behind the gate; returns the sign-off that holds and the rows of each table.

    A database that holds what was signed already is left as it is. Raises RefusedError where no sign-off holds for the
    state as it stands, what was signed was tampered with, or the day that ``now`` is of decides otherwise than the
    day that was signed.
    """
    signed = sign_off.verified(paths, recorded_signature)
    files, production = sign_off.staged(paths), paths.database("production")
    with duck.connect() as connection:
        if database.holds(connection, files, production):
            return signed, database.counts(production)
    rejudgement.verify(paths, signed, files.settings.day_of_load(now))
    return signed, database.load(files, production)


def count_production(paths: ExtractPaths, recorded_signature: str | None) -> pd.DataFrame:
    """Count production behind the gate, write the statistics and return them.

    Raises RefusedError as ``produce`` does, and where production does not hold what was signed.
    """
    sign_off.verified(paths, recorded_signature)
    files = sign_off.staged(paths)
    with duck.connect() as connection:
        if not database.holds(connection, files, paths.database("production")):
            raise RefusedError(
                f"{paths.extract}: the production database does not hold the prepared files that were signed: load it again."
            )
    return statistics.count_production(paths)
