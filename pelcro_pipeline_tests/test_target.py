"""The target: a database that equals its prepared files, or the one that stood there before."""

from __future__ import annotations

import dataclasses
import shutil
import stat

import duckdb
import pytest

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.spec.target import TARGET_TABLES, proofs
from pelcro_pipeline.target import database
from pelcro_pipeline.target import rows as target_rows
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import (
    OLD_ID,
    PERIOD_END,
    PLAN_ID,
    Delivery,
    Migration,
    crew,
    customer,
    gift,
    migrate,
    reader,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Migration:
    """Readers with a gift, two subscriptions, and none; and a group."""
    given = [*gift(1, 2), reader(3), reader(3, {OLD_ID: "S9"}), customer(4), *crew("admin", "member", first=5)]
    return migrate(Delivery(given), tmp_path_factory.mktemp("home"))


@pytest.fixture
def migration(made, tmp_path) -> Migration:
    """The same in a workspace of the test's own."""
    shutil.copytree(made.paths.home, tmp_path, dirs_exist_ok=True)
    return dataclasses.replace(made, judged=ExtractPaths(tmp_path, made.paths.extract))


def rows(path, query: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_a_database_holds_the_rows_of_its_prepared_files(migration):
    path = migration.paths.database("staging")
    counts = database.load(migration.files, path)
    assert {name: counts[name] for name in TARGET_TABLES} == {
        "products": 3,
        "plans": 3,
        "customers": 6,
        "addresses": 6,
        "subscriptions": 6,
    }
    with duck.connect(path, read_only=True) as connection:
        assert database.compare(connection, migration.files) == []


def test_values_have_the_target_s_types(migration):
    path = migration.paths.database("staging")
    database.load(migration.files, path)
    typed = rows(
        path,
        f"""SELECT typeof("{PERIOD_END}"), typeof("subscription.quantity"), typeof("subscription.cancel_at_period_end"),
            "{PERIOD_END}"::VARCHAR FROM subscriptions LIMIT 1""",
    )
    assert typed == [("DATE", "BIGINT", "BOOLEAN", "2027-07-31")]


def test_a_cell_that_was_changed_after_the_load_is_told(migration):
    path = migration.paths.database("staging")
    database.load(migration.files, path)
    with duck.connect(path) as connection:
        connection.execute("""UPDATE subscriptions SET "subscription.quantity" = 2 WHERE record = 1""")
        assert [each.split()[0] for each in database.compare(connection, migration.files)] == ["subscriptions"]


def test_a_database_that_is_not_as_it_was_loaded_is_refused_by_record(migration):
    path = migration.paths.database("staging")
    database.load(migration.files, path)
    with duck.connect(path) as connection:
        connection.execute("""UPDATE subscriptions SET "subscription.quantity" = 2 WHERE record = 3""")
    with (
        duck.connect() as connection,
        database.opened(path, "staging", connection),
        pytest.raises(RefusedError, match="subscriptions 3"),
    ):
        database.verify(connection, migration.files, path, "staging")


@pytest.mark.parametrize("content", [b"", b"no database", b"x" * 20_000])
def test_a_file_that_is_no_database_is_refused_by_name(content, tmp_path):
    (tmp_path / "staging.duckdb").write_bytes(content)
    with (
        duck.connect() as connection,
        pytest.raises(RefusedError, match=r"staging\.duckdb is no database any more"),
        database.opened(tmp_path / "staging.duckdb", "staging", connection),
    ):
        pass


def test_a_database_of_other_bytes_and_the_same_rows_is_as_it_was_loaded(migration):
    path = migration.paths.database("staging")
    database.load(migration.files, path)
    before = path.read_bytes()
    with duck.connect(path) as connection:
        connection.execute("CREATE TABLE beside (x INTEGER)")
    assert path.read_bytes() != before
    with duck.connect() as connection, database.opened(path, "staging", connection):
        database.verify(connection, migration.files, path, "staging")


def unknown(column: str) -> str:
    """SQL of a column whose filled cells name what is not there."""
    return f"""SELECT * REPLACE (if("{column}" IS NULL, NULL, 'NO-SUCH') AS "{column}") FROM"""


#: What breaks a prepared file, by its query and name, and what the load says of it.
BROKEN = {
    "a plan that is not there": (
        f"{unknown(PLAN_ID)} customers",
        "customers",
        RefusedError,
        f"subscriptions break the {PLAN_ID} of plans at 1, 2, 3, 4, 6",
    ),
    "a product that is not there": (
        f"{unknown('plan.temporary_product_id')} plans",
        "plans",
        RefusedError,
        "plans break the plan.temporary_product_id of products at C-Y, O-M, P-Y",
    ),
    "an email held twice": (
        "SELECT * REPLACE ('one@example.com' AS \"customer.email\") FROM customers",
        "customers",
        RefusedError,
        "customers break the unique customer.email at HR1, HR2, HR3, HR4, HR5",
    ),
    "a word for a number": (
        "SELECT * REPLACE ('many' AS \"plan.amount\") FROM plans",
        "plans",
        duckdb.ConversionException,
        "many",
    ),
    "a plan twice": (
        "FROM plans UNION ALL FROM plans",
        "plans",
        RefusedError,
        "plans break the primary key at C-Y, O-M, P-Y",
    ),
}


@pytest.mark.parametrize(("query", "name", "error", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_load_that_fails_leaves_what_stood_there(query, name, error, sentence, migration):
    path = migration.paths.database("production")
    database.load(migration.files, path)
    before = path.read_bytes()
    prepared = migration.paths.prepared / f"{name}.csv"
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE {name} AS FROM read_csv('{prepared}', all_varchar = true)")
        connection.execute(f"COPY ({query}) TO '{prepared}' (HEADER)")
    # With checksums written anew, so that it is the keys that refuse.
    with duck.connect() as connection:
        migration.files.write_checksums(connection)
    with pytest.raises(error, match=f"(?i){sentence}"):
        database.load(migration.files, path)
    assert path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, f"{path.name}.previous"]


CUSTOMER = "customer.old_provider_id"
#: For each key of each table the columns of a row that breaks it when it is loaded beside the others.
PLANTED = {
    ("products", "primary key"): {"product.name": "'The Harbour Review again'"},
    ("plans", "primary key"): {"plan.nickname": "'Print, again'"},
    ("plans", "plan.temporary_product_id of products"): {
        "plan.old_id": "'P-9'",
        "plan.temporary_product_id": "'NO-SUCH'",
    },
    ("customers", "primary key"): {"customer.email": "NULL", "customer.display_name": "NULL"},
    ("customers", "unique customer.email"): {CUSTOMER: "'HR-NEW'", "customer.display_name": "NULL"},
    ("customers", "unique customer.display_name"): {CUSTOMER: "'HR-NEW'", "customer.email": "NULL"},
    ("addresses", "primary key"): {"address.city": "'Québec'"},
    ("addresses", f"{CUSTOMER} of customers"): {CUSTOMER: "'NO-SUCH'"},
    ("subscriptions", "primary key"): {OLD_ID: "NULL"},
    ("subscriptions", f"unique {OLD_ID}"): {"record": "1000"},
    ("subscriptions", f"{CUSTOMER} of customers"): {"record": "1000", OLD_ID: "NULL", CUSTOMER: "'NO-SUCH'"},
    ("subscriptions", f"{PLAN_ID} of plans"): {"record": "1000", OLD_ID: "NULL", PLAN_ID: "'NO-SUCH'"},
}


def test_every_key_has_a_row_that_breaks_it():
    assert set(PLANTED) == {(table.name, proof.key) for table in TARGET_TABLES.values() for proof in proofs(table)}


@pytest.mark.parametrize(("table", "key"), PLANTED, ids=" ".join)
def test_a_row_that_breaks_a_key_stops_the_load_which_names_it(table, key, migration, monkeypatch):
    path = migration.paths.database("staging")
    changed = ", ".join(f'{value} AS "{column}"' for column, value in PLANTED[table, key].items())

    def planted(files, **how):
        given = target_rows.rows(files, **how)
        first = f"(SELECT * FROM ({given[table]}) ORDER BY ALL LIMIT 1)"
        return given | {table: f"{given[table]} UNION ALL BY NAME SELECT * REPLACE ({changed}) FROM {first}"}

    monkeypatch.setattr(database, "rows", planted)
    with pytest.raises(RefusedError) as refused:
        database.load(migration.files, path)
    assert f"{table} break the {key} at " in str(refused.value)
    assert str(refused.value).count(" break the ") == 1
    assert not path.exists()


def test_the_schema_tells_the_keys(migration):
    path = migration.paths.database("staging")
    database.load(migration.files, path)
    told = dict(rows(path, "SELECT table_name, comment FROM duckdb_tables()"))
    assert told["addresses"] == (
        f"Primary key: {CUSTOMER}, type, address_id. {CUSTOMER} references customers ({CUSTOMER})."
    )
    assert f"Unique: {OLD_ID}." in told["subscriptions"]
    assert rows(path, "SELECT count(*) FROM duckdb_indexes()") == [(0,)]


def test_the_database_before_is_kept_for_one_step_back(migration, tmp_path):
    path = migration.paths.database("production")
    database.load(migration.files, path)
    before = path.read_bytes()
    other = migrate(Delivery([reader(1)]), tmp_path / "other")
    database.load(other.files, path)
    assert path.with_name(f"{path.name}.previous").read_bytes() == before
    assert rows(path, "SELECT count(*) FROM customers") == [(1,)]


def test_a_load_can_be_taken_back_once(migration, tmp_path):
    path = migration.paths.database("production")
    database.load(migrate(Delivery([reader(1)]), tmp_path / "other").files, path)
    before = path.read_bytes()
    database.load(migration.files, path)
    assert database.revert(path)
    assert path.read_bytes() == before
    with pytest.raises(RefusedError, match="There is no load of"):
        database.revert(path)
    assert path.read_bytes() == before


def test_the_first_load_taken_back_leaves_nothing(migration):
    path = migration.paths.database("production")
    database.load(migration.files, path)
    assert not database.revert(path)
    assert list(path.parent.iterdir()) == []


def test_a_database_is_its_owner_s_alone(migration):
    path = migration.paths.database("staging")
    database.load(migration.files, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_addresses_of_both_types_and_ids_stand_in_one_table(tmp_path):
    ids = {"shipping_address_id": "home", "billing_address_id": "B-1"}
    rows_given = [
        reader(1, ids),
        reader(1, ids, {"shipping_address_id": "work", "address.shipping_city": "Québec", OLD_ID: "S9"}),
    ]
    migration = migrate(Delivery(rows_given), tmp_path)
    path = migration.paths.database("staging")
    database.load(migration.files, path)
    assert rows(path, 'SELECT type, address_id, "address.city" FROM addresses ORDER BY ALL') == [
        ("billing", "B-1", "Montréal"),
        ("shipping", "home", "Montréal"),
        ("shipping", "work", "Québec"),
    ]
    assert rows(path, "SELECT shipping_address_id FROM subscriptions ORDER BY record") == [("home",), ("work",)]
