"""Migration day, told by queries and lived through day by day: the two agree to the cent."""

from __future__ import annotations

import datetime
from dataclasses import replace

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.migration_day import card_map, forecast, relations, second_opinion, tables
from pelcro_pipeline.migration_day.relations import Terms
from pelcro_pipeline.migration_day.simulation import Subscription, subscriptions
from pelcro_pipeline.settings import UnpaidReading
from pelcro_pipeline.spec.target import MIGRATION_DAY_TABLES
from pelcro_pipeline_tests.queries import read_by
from pelcro_pipeline_tests.subscriptions import DAY, cards, generated, load, strategy

INVENTED = 10_000
#: A year's end, a month's end and a leap day beside the day that the invented subscriptions are laid around.
DAYS = (DAY, datetime.date(2026, 12, 31), datetime.date(2027, 1, 31), datetime.date(2028, 2, 29))


def told(connection: duckdb.DuckDBPyConnection, terms: Terms) -> tuple[int, list[str]]:
    relations.define(connection, terms)
    relations.create(connection, forecast.EVENTS)
    return second_opinion.disagreements(connection, subscriptions(connection), terms)


def mapped(paid_until: dict[str, datetime.date], path) -> None:
    """A card map in which each customer has a card that can be charged until that month."""
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE card (customer VARCHAR, expires DATE, source_id VARCHAR, gateway_customer_id VARCHAR)"
        )
        connection.executemany(
            "INSERT INTO card VALUES ($1, $2, 'pm_' || $1, 'cus_' || $1)", list(paid_until.items()) or [("nobody", DAY)]
        )
        connection.execute(f"COPY card TO '{path}' (FORMAT parquet)")


@pytest.fixture(scope="module")
def invented(tmp_path_factory):
    """Ten thousand subscriptions of every case, in a target's tables, and the card map of two in three customers."""
    given_ones = generated(INVENTED, seed=14)
    path = tmp_path_factory.mktemp("cards") / "cards.parquet"
    mapped(cards(given_ones, seed=14), path)
    with duck.connect() as connection:
        load(given_ones, connection)
        yield connection, path


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("reading", UnpaidReading)
def test_queries_and_simulation_agree_on_each_invented_subscription(invented, day, reading):
    connection, path = invented
    assert told(connection, Terms(day=day, reading=reading, write_off_days=30, cards=path)) == (INVENTED, [])
    ((cases, charged),) = connection.execute(
        "SELECT count(DISTINCT unpaid_case), count(*) FILTER (is_charge_attempted) FROM invoice"
    ).fetchall()
    assert (cases, charged > 0) == (4, True)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(strategy(), min_size=10, max_size=40),
    st.dates(datetime.date(2020, 1, 1), datetime.date(2032, 12, 31)),
    st.sampled_from(UnpaidReading),
    st.none() | st.integers(1, 120),
)
def test_queries_and_simulation_agree_on_whatever_is_thought_of(tmp_path_factory, thought_of, day, reading, write_off):
    numbered: list[Subscription] = [
        replace(each, record=number, customer=f"HR{number}", plan=f"P{number}")
        for number, each in enumerate(thought_of, 1)
    ]
    path = tmp_path_factory.mktemp("cards") / "cards.parquet"
    mapped(cards(numbered, seed=1, day=day), path)
    with duck.connect() as connection:
        load(numbered, connection)
        assert told(connection, Terms(day=day, reading=reading, write_off_days=write_off, cards=path)) == (
            len(numbered),
            [],
        )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("UPDATE event SET amount = amount + 1 WHERE record = 7 AND what = 'invoice'", "event by the queries alone"),
        ("DELETE FROM invoice WHERE unpaid_case = 'BIL-1'", "invoice by the simulation alone"),
        ("UPDATE subscription_state SET period_end = period_end + 1 WHERE record = 7", "state by the queries alone"),
    ],
)
def test_a_cent_a_case_and_a_day_that_differ_are_named(invented, change, sentence):
    connection, path = invented
    terms = Terms(day=DAY, cards=path)
    relations.define(connection, terms)
    relations.create(connection, forecast.EVENTS)
    connection.execute(
        """INSERT INTO event SELECT 7, day, day, 'invoice', 1, 'cad' FROM day
        WHERE NOT EXISTS (FROM event WHERE record = 7 AND what = 'invoice')"""
    )
    connection.execute(change)
    _, disagreements = second_opinion.disagreements(connection, subscriptions(connection), terms)
    assert any(each.startswith(sentence) for each in disagreements)


#: What is given to the relations: what is loaded, what is judged, and what ``define`` and the seam make.
GIVEN = {
    "subscriptions", "plans", "customers", "day", "terms", "card", "legacy_charge",
    "converted_subscription", "first_plan", "amendment", "not_prepared",
}  # fmt: skip
#: Each relation behind what it reads.
ORDER = (
    *forecast.EVENTS, *card_map.CLASSES, "forecast_day", "reading_total", "surprise", "gift_and_group",
    "valued_subscription", "conserved", "next_charge", "seam", "subscription_kind", "day_choice", "changed_state",
)  # fmt: skip


@pytest.mark.parametrize("name", ORDER)
def test_a_relation_reads_what_it_says_and_only_what_is_made_before_it(name):
    relation = relations.FILES[name]
    assert read_by(relation.sql) == set(relation.reads)
    assert set(relation.reads) <= GIVEN | set(ORDER[: ORDER.index(name)])
    assert relation.sentence.endswith(".")


def test_every_relation_has_its_place():
    assert sorted(ORDER) == sorted(relations.FILES)


@pytest.mark.parametrize("table", tables.ROWS)
def test_what_fills_a_table_reads_what_it_says(table):
    assert read_by(tables.ROWS[table].sql) == set(tables.ROWS[table].reads)
    assert table in MIGRATION_DAY_TABLES
