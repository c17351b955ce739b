"""Explaining one customer: each prepared record beside what each database holds of it."""

from __future__ import annotations

from pelcro_pipeline.review import explanation
from pelcro_pipeline.spec import CUSTOMER_ID
from pelcro_pipeline.target import database
from pelcro_pipeline_tests.extract import OLD_ID, PLAN_ID, Delivery, address, customer, migrate, reader

HOME = {"shipping_address_id": "home", "address.shipping_line1": "1 Water Street"}
WORK = {"shipping_address_id": "work", "address.shipping_line1": "2 Duke Street"}
SUMMER = {"shipping_address_id": "summer", "address.shipping_line1": "3 Beach Lane"}
NO_SUBSCRIPTION = dict.fromkeys((name for name in reader(1) if name.startswith("subscription.")), "")


def staged(given: Delivery, home) -> explanation.Explanation:
    """The first reader of a delivery, once staging is loaded."""
    migration = migrate(given, home)
    database.load(migration.files, migration.paths.database("staging"))
    return explanation.explain(migration.paths, "HR1")


def test_each_record_shows_the_address_that_it_carries(tmp_path):
    rows = [reader(1, HOME), reader(1, WORK, {OLD_ID: "S9"}), reader(1, SUMMER, NO_SUBSCRIPTION)]
    explained = staged(Delivery(rows), tmp_path)
    assert explained.environments == ("staging",)
    streets = [
        [(prepared, loaded) for name, prepared, loaded in record.values if name == "address.shipping_line1"]
        for record in explained.prepared
    ]
    assert streets == [[(street, street)] for street in ("1 Water Street", "2 Duke Street", "3 Beach Lane")]


def test_a_record_without_an_address_shows_none(tmp_path):
    elsewhere = dict.fromkeys(address("shipping"), "") | {
        "shipping_address_id": "elsewhere",
        OLD_ID: "S9",
        PLAN_ID: "O-M",
    }
    explained = staged(
        Delivery([reader(1, {"shipping_address_id": ""}), reader(1, elsewhere), reader(2, HOME)]), tmp_path
    )
    assert [name for name, *_ in explained.prepared[1].values if name.startswith("address.shipping")] == []


def test_everything_that_is_prepared_is_shown_as_loaded(tmp_path):
    metadata = {"customer.common_metadata.tier": "gold", "subscription.common_metadata.channel": "web"}
    rows = [reader(1, metadata, HOME), reader(1, WORK, {OLD_ID: "S9", PLAN_ID: "O-M"}), customer(2)]
    explained = staged(Delivery(rows), tmp_path)
    assert len(explained.prepared) == 2
    for record in explained.prepared:
        shown = {name: (prepared, loaded) for name, prepared, loaded in record.values}
        assert shown[CUSTOMER_ID] == ("HR1", "HR1")
        assert {name for name, (prepared, loaded) in shown.items() if prepared != loaded} == set()


def test_a_database_that_holds_something_else_shows_it_beside(tmp_path):
    migration = migrate(Delivery([reader(1)]), tmp_path)
    path = migration.paths.database("staging")
    database.load(migration.files, path)
    with database.duck.connect(path) as connection:
        connection.execute("""UPDATE subscriptions SET "subscription.quantity" = 7""")
    (record,) = explanation.explain(migration.paths, "HR1").prepared
    assert ("subscription.quantity", "1", "7") in record.values


def test_a_password_is_shown_as_there_and_no_more(tmp_path):
    hash_ = "5f4dcc3b5aa765d61d8327deb882cf99"
    password = {"customer.password": hash_, "customer.common_metadata.password_encryption": "MD5"}
    explained = staged(Delivery([reader(1, password)]), tmp_path)
    assert ("customer.password", "***", "***") in explained.prepared[0].values
    assert hash_ not in str(explained)


def test_what_is_told_of_a_whole_column_is_shown_with_each_record_that_it_concerns(tmp_path):
    explained = staged(Delivery([reader(1, {"customer.title": "NULL"}), reader(2)]), tmp_path)
    (source,) = explained.sources
    assert [(attribute, rule, value) for _, attribute, rule, _, value, *_ in source.of_file] == [
        (None, "FILE-NOTHING", "NULL")
    ]


def test_what_is_told_of_another_object_s_column_is_not_shown(tmp_path):
    with_address = customer(2) | address("shipping") | {"address.shipping_line2": "caf\u00c3\u00a9"}
    explained = staged(Delivery([customer(1), with_address]), tmp_path)
    (source,) = explained.sources
    assert source.of_file == []
