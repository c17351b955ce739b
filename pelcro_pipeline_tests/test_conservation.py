"""A row that is dropped, doubled, swapped or edited between two steps is found, and named."""

import random
import shutil
from pathlib import Path

import pytest

from pelcro_pipeline import settings
from pelcro_pipeline.conversion import tables
from pelcro_pipeline.defs import run
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.delivery.records import file_line
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.prepared.files import PreparedFiles
from pelcro_pipeline.rules import conservation, judgement, ledger, results
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import Watcher

EXTRACT = "harbour-review-2026-10-01"
DELIVERED = Path(__file__).parent.parent / "data" / "extracts" / EXTRACT
FAULTS = ("dropped", "doubled", "swapped", "edited")


@pytest.fixture(scope="module")
def ran(tmp_path_factory, monkeypatch_module):
    """The publisher's extract after a dry run."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch_module.setenv("PELCRO_HOME", str(home))
    shutil.copytree(DELIVERED, home / "extracts" / EXTRACT)
    paths = ExtractPaths(home, EXTRACT)
    run.job("dry_run", paths, {}, Watcher())
    return paths


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def faulty(relation: str, fault: str, place: int, column: str) -> str:
    """SQL of a relation's rows with one fault at ``place``."""
    numbered = f"SELECT row_number() OVER () - 1 AS place_, * FROM {relation}"
    rows = {
        "dropped": f"SELECT * FROM ({numbered}) WHERE place_ <> {place}",
        "doubled": f"SELECT * FROM ({numbered}) UNION ALL SELECT * FROM ({numbered}) WHERE place_ = {place}",
        "swapped": f"""SELECT * REPLACE (CASE place_ WHEN {place} THEN {place + 1} WHEN {place + 1} THEN {place}
            ELSE place_ END AS place_) FROM ({numbered})""",
        "edited": f"""SELECT * REPLACE (if(place_ = {place}, 'edited', {quoted(column)}) AS {quoted(column)})
            FROM ({numbered})""",
    }[fault]
    return f"SELECT * EXCLUDE place_ FROM ({rows}) ORDER BY place_"


def refusal(check) -> str:
    """What a check refuses with, or nothing."""
    try:
        found = check()
    except RefusedError as error:
        return str(error)
    return ", ".join(found or [])


def in_conversion(ran, connection, manifest, fault: str, chance: random.Random) -> tuple[str, str]:
    file = manifest.files[0]
    place = chance.randrange(file.records - 1)
    path = tables.parquet(ran.conversion, file)
    relation = f"read_parquet({literal(str(path))})"
    rewrite(connection, path, faulty(relation, fault, place, "customer.first_name"), "FORMAT parquet")
    said = refusal(lambda: tables.altered(connection, manifest, ran.conversion))
    return said, f"{file.name} line {file_line(connection, file, place)}"


def in_the_results(ran, connection, manifest, fault: str, chance: random.Random) -> tuple[str, str]:
    path = results.parquet(ran.analysis, "not_prepared")
    relation = f"read_parquet({literal(str(path))})"
    records = [row[0] for row in connection.execute(f"SELECT record FROM {relation}").fetchall()]
    place = chance.randrange(len(records) - 1)
    rewrite(connection, path, faulty(relation, fault, place, "detail"), "FORMAT parquet")
    said = refusal(lambda: results.verify(connection, manifest, ran.conversion, ran.analysis))
    file = manifest.files[tables.parted(records[place])[0]]
    return said, f"{file.name} line {file_line(connection, file, tables.parted(records[place])[1])}"


def in_a_prepared_file(ran, connection, manifest, fault: str, chance: random.Random) -> tuple[str, str]:
    files = prepared(ran)
    ids = [row[0] for row in connection.execute(f"SELECT {ID} FROM {files.relation('customers')}").fetchall()]
    place = chance.randrange(len(ids) - 1)
    rows = faulty(files.relation("customers"), fault, place, "customer.first_name")
    rewrite(connection, files.path("customers"), rows, "FORMAT csv, HEADER, NULLSTR ''")
    return refusal(lambda: files.verify(connection)), ids[place]


def in_the_database(ran, connection, manifest, fault: str, chance: random.Random) -> tuple[str, str]:
    with duck.connect(ran.database("staging")) as staging:
        numbers = [row[0] for row in staging.execute("SELECT record FROM subscriptions ORDER BY record").fetchall()]
        number = chance.choice(numbers[:-1])
        staging.execute(
            {
                "dropped": f"DELETE FROM subscriptions WHERE record = {number}",
                "doubled": f"""INSERT INTO subscriptions BY NAME SELECT * REPLACE (
                    record + 1000000 AS record, NULL AS "subscription.common_metadata.old_id")
                    FROM subscriptions WHERE record = {number}""",
                # Two rows of a table without order swap only their values.
                "swapped": f"""UPDATE subscriptions SET "subscription.collection_method" = if(
                    "subscription.collection_method" = 'send_invoice', 'charge_automatically', 'send_invoice')
                    WHERE record IN ({number}, {number} + 1)""",
                "edited": f"""UPDATE subscriptions SET "subscription.current_period_end" = DATE '2030-01-01'
                    WHERE record = {number}""",
            }[fault]
        )
        said = refusal(lambda: database.compare(staging, prepared(ran)))
    return said, f"subscriptions {number + 1_000_000 if fault == 'doubled' else number}"


ID = quoted("customer.old_provider_id")
BOUNDARIES = (in_conversion, in_the_results, in_a_prepared_file, in_the_database)


def prepared(ran) -> PreparedFiles:
    return PreparedFiles(ran.prepared, settings.load(ran.delivered), ran.checksums)


def rewrite(connection, path: Path, rows: str, options: str) -> None:
    beside = path.with_name("beside" + path.suffix)
    connection.execute(f"COPY ({rows}) TO {literal(str(beside))} ({options})")
    beside.replace(path)


@pytest.fixture
def kept(ran, tmp_path):
    """The workspace, put back as it was after the test."""
    folders = (ran.conversion, ran.analysis, ran.prepared, ran.database("staging").parent)
    for folder in folders:
        shutil.copytree(folder, tmp_path / folder.parent.name / folder.name)
    yield ran
    for folder in folders:
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / folder.parent.name / folder.name, folder)


@pytest.mark.parametrize("seed", range(52))
def test_a_fault_between_two_steps_is_found_and_the_record_named(kept, seed):
    chance = random.Random(seed)
    boundary, fault = BOUNDARIES[seed % 4], FAULTS[seed // 4 % 4]
    manifest = Manifest.load(kept.manifest)
    with duck.connect() as connection:
        results.attach(connection, manifest, kept.conversion, kept.analysis)
        said, named = boundary(kept, connection, manifest, fault, chance)
    assert named in said


def test_nothing_is_found_where_nothing_was_touched(ran):
    manifest = Manifest.load(ran.manifest)
    with duck.connect() as connection:
        results.attach(connection, manifest, ran.conversion, ran.analysis)
        assert tables.altered(connection, manifest, ran.conversion) == []
        results.verify(connection, manifest, ran.conversion, ran.analysis)
        prepared(ran).verify(connection)
        with database.opened(ran.database("staging"), "staging", connection):
            assert database.compare(connection, prepared(ran), "staging.") == []


def test_a_disposition_too_many_or_too_few_breaks_conservation(kept):
    manifest = Manifest.load(kept.manifest)
    path = kept.analysis / "ledger.parquet"
    with duck.connect() as connection:
        judgement.judge(connection, manifest, kept.conversion, manifest.settings)
        ledger.attach(connection, path)
        assert conservation.broken(connection) == []
        ((file, line, object_),) = connection.execute(
            "SELECT file, line, object FROM ledger OFFSET 7 LIMIT 1"
        ).fetchall()
        rewrite(connection, path, faulty("ledger", "doubled", 7, "key"), "FORMAT parquet")
        assert f"{object_} at {file}:{line} has 2 dispositions" in conservation.broken(connection)
        for _ in range(2):
            rewrite(connection, path, faulty("ledger", "dropped", 7, "key"), "FORMAT parquet")
        (sentence,) = conservation.broken(connection)
        assert sentence.startswith(object_.replace("_", " "))
