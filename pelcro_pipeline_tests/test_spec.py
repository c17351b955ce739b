"""The spec: every column of the templates said once, and everything that is rendered from it agrees."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections import Counter
from pathlib import Path

import duckdb
import pandas as pd
import pandera.errors
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline import templates
from pelcro_pipeline.conversion.select import select
from pelcro_pipeline.delivery import reading as delivery
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import ADDRESS_IDS, ATTRIBUTES, TABLES, TEMPLATES, dictionary, schema, sql, target
from pelcro_pipeline.spec.headers import template
from pelcro_pipeline.spec.kinds import TEXT
from pelcro_pipeline.spec.model import Attribute, Outcome, PatternBy, Severity, Table, invalid
from pelcro_pipeline.spec.sql import literal, quoted

#: Each column of the guide's tables of attributes, in the guide's order.
DESCRIBED = {
    "customers": """
        customer.old_provider_id customer.email customer.first_name customer.last_name customer.phone customer.title
        customer.salutation customer.display_name customer.password customer.common_metadata.import_only_the_customer
        customer.common_metadata.password_encryption customer.common_metadata.original_old_provider_id""",
    "billing_addresses": """
        address.billing_first_name address.billing_last_name address.billing_salutation address.billing_title
        address.billing_company address.billing_department address.billing_line1 address.billing_line2
        address.billing_city address.billing_state address.billing_country address.billing_zip address.billing_phone""",
    "shipping_addresses": """
        address.shipping_first_name address.shipping_last_name address.shipping_salutation address.shipping_title
        address.shipping_company address.shipping_department address.shipping_line1 address.shipping_line2
        address.shipping_city address.shipping_state address.shipping_country address.shipping_zip
        address.shipping_phone""",
    "subscriptions": """
        subscription.current_period_end subscription.cancel_at_period_end subscription.shipments_undeliverable
        subscription.shipments_suspended_until subscription.common_metadata.is_expired
        subscription.common_metadata.start_now subscription.shipments_remaining subscription.quantity
        subscription.collection_method subscription.common_metadata.temporary_plan_id
        subscription.common_metadata.old_id subscription.common_metadata.service_status
        subscription.common_metadata.order_number subscription.common_metadata.order_price
        subscription.common_metadata.order_term subscription.type subscription.common_metadata.membership
        subscription.common_metadata.is_gift_donor subscription.common_metadata.is_gift_recipient
        subscription.common_metadata.gift_donor_subscription_id""",
    "products": "product.id product.address_required product.name product.description product.statement_descriptor",
    "plans": """
        plan.amount plan.auto_renew plan.currency plan.available_online plan.interval plan.interval_count plan.nickname
        plan.shipments_per_interval plan.description plan.temporary_product_id plan.old_id plan.type
        plan.revenue_recognition_type plan.entitlements""",
}
#: What stands in the guide's example rows alone.
SHOWN = {
    "customers": "",
    "billing_addresses": "",
    "shipping_addresses": "",
    "subscriptions": "subscription.start_date",
    "products": "product.active product.image",
    "plans": "plan.common_metadata.account_name plan.is_donated",
}


@pytest.fixture(scope="module")
def connection():
    with duck.connect() as opened:
        yield opened


def siblings(attribute: Attribute) -> list[str | None]:
    """The values of the sibling that decides on an attribute, or None."""
    domain = attribute.kind.domain
    return list(dict.fromkeys((*dict(domain.patterns), "FR"))) if isinstance(domain, PatternBy) else [None]


#: What stands at the ends of cells, and what is told by those.
ENDS = (
    "",
    "a",
    "é",
    "0",
    " ",
    "\t",
    "\n",
    "\u00a0",
    "\u200b",
    "'",
    "=",
    '"',
    ";",
    "<",
    "\x7f",
    "empty",
    "'EMPTY'",
    "Maria",
)


def test_a_cell_is_trimmed_as_any_text_is(connection):
    cells = ["".join(parts) for parts in itertools.product(ENDS, repeat=3)]
    told = connection.execute(
        """SELECT cell FROM (SELECT unnest($cells) AS cell)
        WHERE trim_cell(cell) IS DISTINCT FROM trim_to_null(cell)""",
        {"cells": cells},
    ).fetchall()
    assert told == []
    ((kept, emptied),) = connection.execute(
        "SELECT trim_cell(c), trim_cell(d) FROM (SELECT 'Ana' AS c, 'Empty' AS d)"
    ).fetchall()
    assert (kept, emptied) == ("Ana", None)


def understood(
    connection: duckdb.DuckDBPyConnection, attribute: Attribute, texts: list[str], beside: list[str | None]
) -> list[tuple[str | None, str]]:
    """The value and the outcome of delivered cells, each with the value of its sibling ``beside`` it."""
    name, domain = quoted(attribute.name), attribute.kind.domain
    sibling = f", sibling AS {quoted(domain.sibling)}" if isinstance(domain, PatternBy) else ""
    holds, inferred = sql.accepts(attribute) or "true", sql.repair(attribute) or "NULL"
    rows = connection.execute(
        f"""
        WITH delivered AS (
            SELECT trim_to_null(text) AS {name}, place{sibling}
            FROM (SELECT unnest($texts) AS text, unnest($siblings)::VARCHAR AS sibling, generate_subscripts($texts, 1) AS place)
        ),
        spelled AS (SELECT * REPLACE ({sql.canonical(attribute)} AS {name}) FROM delivered)
        SELECT {name}, {holds}, {inferred} FROM spelled ORDER BY place""",
        {"texts": texts, "siblings": beside},
    )
    return [_outcome(*row) for row in rows.fetchall()]


def crossed(texts: list[str], attribute: Attribute) -> tuple[list[str], list[str | None]]:
    """Each text beside each sibling that decides on an attribute."""
    pairs = [(text, sibling) for sibling in siblings(attribute) for text in texts]
    return [text for text, _ in pairs], [sibling for _, sibling in pairs]


def _outcome(value: str | None, holds: bool | None, inferred: str | None) -> tuple[str | None, str]:
    if value is None:
        return None, "empty"
    if holds:
        return value, "ok"
    return (value, "invalid") if inferred is None else (inferred, "repaired")


def test_every_attribute_of_the_guide_is_in_the_spec_exactly_once():
    names = Counter(attribute.name for table in TABLES for attribute in table.attributes)
    guide = Counter(name for part in (DESCRIBED, SHOWN) for names in part.values() for name in names.split())
    assert names == guide


def test_attributes_stand_in_the_guide_s_order():
    for table in TABLES:
        shown = set(SHOWN[table.name].split())
        assert [each.name for each in table.attributes if each.name not in shown] == DESCRIBED[table.name].split()


def test_the_address_ids_of_the_guide_s_note_stand_beside_the_tables():
    assert {attribute.name for attribute in ADDRESS_IDS.values()} == {"billing_address_id", "shipping_address_id"}
    assert not {attribute.name for attribute in ADDRESS_IDS.values()} & set(ATTRIBUTES)


def test_every_attribute_says_what_it_is():
    assert [each.name for each in ATTRIBUTES.values() if not each.doc.endswith(".")] == []
    assert [each.name for each in ATTRIBUTES.values() if not (each.examples or each.secret)] == []


def test_every_example_is_accepted_by_its_own_kind(connection):
    refused = [
        (attribute.name, text)
        for attribute in (*ATTRIBUTES.values(), *ADDRESS_IDS.values())
        for text in attribute.examples
        if "ok" not in {outcome for _, outcome in understood(connection, attribute, *crossed([text], attribute))}
    ]
    assert refused == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_examples_as_understood_are_accepted_by_the_schema(table, connection):
    longest = max(len(attribute.examples) for attribute in table.attributes)
    columns = {}
    for attribute in table.attributes:
        texts = (
            [attribute.examples[place % len(attribute.examples)] for place in range(longest)]
            if attribute.examples
            else []
        )
        # Examples of state and zip belong to the example of country in the same place.
        countries = {"QC": "CA", "NY": "US", "H3H1H1": "CA", "11756": "US"}
        columns[attribute.name] = [
            understood(connection, attribute, [text], [countries.get(text, "FR") if attribute.conditional else None])[
                0
            ][0]
            for text in texts
        ] or [None] * longest
    frame = pd.DataFrame(columns, dtype=object)
    schema.prepared(table).validate(frame, lazy=True)
    schema.converted(table).validate(frame, lazy=True)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_schema_refuses_what_no_kind_lets_through(table):
    row = {attribute.name: "\x01" for attribute in table.attributes}
    with pytest.raises(pandera.errors.SchemaErrors) as refused:
        schema.prepared(table).validate(pd.DataFrame([row], dtype=object), lazy=True)
    bounded = {each.name for each in table.attributes if each.kind.domain is not None and not each.conditional}
    assert {each for each in refused.value.failure_cases["column"] if each in row} == bounded


#: Text with everything in it that a kind looks at.
CELLS = st.text(
    st.one_of(
        st.sampled_from("0123456789/-.:T+()@ '\"\u00a0,|_$"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=24,
) | st.sampled_from([text for attribute in ATTRIBUTES.values() for text in attribute.examples])


@settings(max_examples=12, deadline=None)
@example(["'Empty'", "\u00a0", "2027-02-30", "31/02/2027", "0" * 30, "+1 (514) 123", "United States", "7102"])
@given(st.lists(CELLS, min_size=1, max_size=40))
def test_normalisers_are_total_and_idempotent(texts):
    """What a kind writes, it writes again; a value outside its domain is never lost."""
    with duck.connect() as connection:
        for attribute in _one_of_each_kind():
            delivered, beside = crossed(texts, attribute)
            once = understood(connection, attribute, delivered, beside)
            assert len(once) == len(delivered)
            assert [value for value, outcome in once if (value is None) != (outcome == "empty")] == []
            again = understood(connection, attribute, [value or "" for value, _ in once], beside)
            assert [value for value, _ in again] == [value for value, _ in once]
            settled = [outcome for _, outcome in once if outcome != "repaired"]
            assert [now for (_, now), (_, then) in zip(again, once, strict=True) if then != "repaired"] == settled
            assert {now for (_, now), (_, then) in zip(again, once, strict=True) if then == "repaired"} <= {"ok"}


def _one_of_each_kind() -> list[Attribute]:
    return list({attribute.kind.name: attribute for attribute in ATTRIBUTES.values()}.values())


@settings(max_examples=12, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=40))
def test_sql_and_pandera_accept_the_same(texts):
    with duck.connect() as connection:
        for attribute in _one_of_each_kind():
            if attribute.conditional or attribute.kind.domain is None:
                continue
            cells = understood(connection, attribute, texts, [None] * len(texts))
            # Without its violations nothing but the kind speaks.
            bare = dataclasses.replace(attribute, violations=())
            contract = schema.prepared(Table("one", "one", "One", "One.", "", (bare,), attribute.name))
            frame = pd.DataFrame({attribute.name: [value for value, _ in cells]}, dtype=object)
            assert _refused(contract, frame) == {place for place, (_, told) in enumerate(cells) if told == "invalid"}


@settings(max_examples=12, deadline=None)
@example(["QC", "NY", "new york", "NSW", "H3H 1H1", "h3h1h1", "10001", "7102", "10001-1234", "ABC"])
@given(st.lists(CELLS, min_size=1, max_size=40))
def test_sql_and_pandera_accept_the_same_where_a_sibling_decides(texts):
    with duck.connect() as connection:
        for attribute in filter(lambda each: each.conditional, _one_of_each_kind()):
            decides = attribute.kind.domain.sibling
            # A value outside the domain never stands, and nothing else is asked of it.
            bare = dataclasses.replace(attribute, violations=(invalid("ANY", Severity.REJECT),))
            beside = dataclasses.replace(ATTRIBUTES[decides], violations=())
            contract = schema.prepared(Table("two", "two", "Two", "Two.", "", (bare, beside), attribute.name))
            delivered, siblings_beside = crossed(texts, attribute)
            cells = understood(connection, attribute, delivered, siblings_beside)
            frame = pd.DataFrame(
                {attribute.name: [value for value, _ in cells], decides: siblings_beside}, dtype=object
            )
            assert _refused(contract, frame) == {row for row, (_, told) in enumerate(cells) if told == "invalid"}


WHEN = [
    (attribute, violation)
    for attribute in ATTRIBUTES.values()
    for violation in attribute.violations
    if violation.when and violation.outcome is Outcome.EMPTY and violation.severity is Severity.REJECT
]


@pytest.mark.parametrize(("attribute", "violation"), WHEN, ids=lambda each: getattr(each, "name", ""))
def test_sql_and_pandera_require_the_same_where_a_sibling_decides(attribute, violation, connection):
    decides = violation.when.sibling
    rows = [
        (cell, sibling) for cell in (None, attribute.examples[0]) for sibling in (*violation.when.values, "other", None)
    ]
    bare = dataclasses.replace(attribute, kind=TEXT, violations=(violation,))
    beside = dataclasses.replace(ATTRIBUTES[decides], kind=TEXT, violations=())
    contract = schema.converted(Table("two", "two", "Two", "Two.", "", (bare, beside), attribute.name))
    frame = pd.DataFrame(rows, columns=[attribute.name, decides], dtype=object)
    values = ", ".join(f"({', '.join('NULL' if each is None else literal(each) for each in row)})" for row in rows)
    broken = connection.execute(
        f"""SELECT {sql.violated(bare, violation, {})} FROM (
            SELECT *, {sql.outcome(bare)} AS {sql.outcome_column(bare)}
            FROM (VALUES {values}) cells({quoted(attribute.name)}, {quoted(decides)}))"""
    ).fetchall()
    assert _refused(contract, frame) == {row for row, (is_broken,) in enumerate(broken) if is_broken}
    assert any(is_broken for (is_broken,) in broken)
    assert not all(is_broken for (is_broken,) in broken)


def _refused(contract, frame: pd.DataFrame) -> set[int]:
    """The rows that a schema does not accept."""
    try:
        contract.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        return {int(row) for row in error.failure_cases["index"]}
    return set()


def test_the_target_is_made_and_holds_every_attribute():
    metadata = {"customer": ("customer.common_metadata.tag",), "plan": ('plan.common_metadata."quoted"',)}
    with duckdb.connect() as connection:
        # Foreign keys want the keys of the tables before them.
        for table in target.TARGET_TABLES.values():
            for statement in target.create(table, metadata.get(table.made_from[0].object, ())):
                connection.execute(statement)
        columns = {
            table: [name for (name,) in connection.execute(f"SELECT column_name FROM (DESCRIBE {table})").fetchall()]
            for table in target.TARGET_TABLES
        }
        commented = connection.execute("SELECT count(*) FROM duckdb_columns() WHERE comment IS NOT NULL").fetchall()
    assert columns["customers"] == [*(each.name for each in TABLES[0].attributes), "customer.common_metadata.tag"]
    assert columns["plans"][-1] == 'plan.common_metadata."quoted"'
    for table in TABLES:
        in_addresses = table.name.endswith("addresses")
        named = [
            f"address.{each.name.removeprefix(table.prefix)}" if in_addresses else each.name
            for each in table.attributes
        ]
        assert [name for name in named if name not in columns["addresses" if in_addresses else table.name]] == []
    # Billing and shipping addresses share a table.
    assert commented == [(sum(len(table.attributes) for table in TABLES if table.name != "shipping_addresses"),)]


def test_the_digest_changes_with_what_the_spec_says_and_only_then():
    table = TABLES[0]
    assert table.digest == dataclasses.replace(table).digest
    told_otherwise = dataclasses.replace(table.attributes[1], doc="Something else.")
    changed = dataclasses.replace(table, attributes=(told_otherwise, *table.attributes[2:]))
    assert changed.digest != table.digest
    assert len({each.digest for each in TABLES}) == len(TABLES)


def test_every_column_is_in_the_data_dictionary():
    page = dictionary.markdown()
    assert [
        name for name in (*ATTRIBUTES, *(each.name for each in ADDRESS_IDS.values())) if f"| `{name}` |" not in page
    ] == []


def test_the_request_is_empty_templates_a_dictionary_and_settings(tmp_path):
    paths = templates.write(tmp_path)
    assert sorted(path.name for path in paths) == [
        "customers.csv",
        "data-dictionary.md",
        "extract.toml",
        "plans.csv",
        "products.csv",
    ]
    for name in TEMPLATES:
        assert (tmp_path / f"{name}.csv").read_text() == ",".join(template(name)) + "\n"
    assert [
        name for name in Settings.model_fields if f"# {name} =" not in (tmp_path / "extract.toml").read_text()
    ] == []


def test_a_request_leaves_what_stands_there_alone(tmp_path):
    (tmp_path / "customers.csv").write_text("mine")
    templates.write(tmp_path)
    assert (tmp_path / "customers.csv").read_text() == "mine"


def test_without_a_migration_date_today_is_the_publisher_s_own_day():
    assert Settings(migration_date=datetime.date(2026, 11, 1)).today == datetime.date(2026, 11, 1)
    # From one end of the world to the other it is never the same day.
    west, east = Settings(timezone="Etc/GMT+12").today, Settings(timezone="Etc/GMT-14").today
    assert east - west in (datetime.timedelta(1), datetime.timedelta(2))


def test_the_longest_conversion_can_be_read(tmp_path, connection):
    """With the ISO lists and look-ups pasted into each column it was 112,587 characters; as macros they stand once."""
    folder = Path(__file__).parent.parent / "data" / "extracts" / "harbour-review-2026-10-01"
    own = extract_settings.load(folder)
    manifest = delivery.read(folder, tmp_path, own, connection)
    assert max(len(select(file, own)) for file in manifest.files) < 42_000
