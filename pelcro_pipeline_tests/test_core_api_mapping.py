"""What attributes are on a site: what is written is what is read, every attribute is declared, and the API takes what is sent."""

from __future__ import annotations

import datetime
import itertools
import json
import zoneinfo

import duckdb
import jsonschema
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.settings import Conventions
from pelcro_pipeline.spec import ADDRESS_IDS, ATTRIBUTES
from pelcro_pipeline.spec.codes import MINOR_DIGITS, currencies
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.spec.target import ALL_TABLES, TARGET_TABLES
from pelcro_pipeline.target import database
from pelcro_pipeline.target.core_api import mapping, relations
from pelcro_pipeline.target.core_api.mapping import METADATA, Carried, Field, Form
from pelcro_pipeline_tests.core_api import extract_in
from pelcro_pipeline_tests.planning import ON_THE_DAY, TERMS
from pelcro_sandbox.assumptions import chosen
from pelcro_sandbox.openapi import PREFIX, document

#: What no JSON has: the end of a C string, and halves of characters.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)
WORDS = st.sampled_from(
    ["Saint-Jérôme", 'say "no"', "it's", "a,b,,c", "=1+1", "{}", "null", "\\u0000", "0", "東京", "🙂"]
)
DATES = st.dates(datetime.date(2012, 1, 1), datetime.date(2037, 12, 31))
#: The type of the column that a form is of, and its values.
VALUES: dict[Form, tuple[str, st.SearchStrategy]] = {
    mapping.TEXT: ("VARCHAR", TEXTS | WORDS),
    mapping.WORD: ("VARCHAR", TEXTS | WORDS),
    mapping.ENTITLEMENTS: ("VARCHAR", TEXTS | WORDS),
    mapping.WHOLE: ("BIGINT", st.integers(0, 2**63 - 1)),
    mapping.BOOLEAN: ("BOOLEAN", st.booleans()),
    mapping.BOOLEAN_AS_WORD: ("BOOLEAN", st.booleans()),
    mapping.BIT: ("BOOLEAN", st.booleans()),
    mapping.OPPOSITE: ("BOOLEAN", st.booleans()),
    mapping.DAY: ("DATE", DATES),
    mapping.DAY_BEGUN: ("DATE", DATES),
    mapping.DATE_AS_WORD: ("DATE", DATES),
    mapping.INTERVAL: ("TINYINT", st.integers(1, 4)),
}
EVERY = [Conventions(), Conventions(plan_amount="minor", shipments_word="shipment_based", start_in_the_past=False)]


def forms() -> dict[Form, list[str]]:
    """Every form that a field is written in, with the attributes that it is of."""
    found: dict[Form, list[str]] = {}
    for conventions in EVERY:
        for kind in mapping.kinds(conventions).values():
            for each in kind.fields:
                if each.carried is Carried.COMPARED:
                    found.setdefault(each.form, []).append(each.attribute)
    return found


@pytest.fixture(scope="module")
def connection():
    with duck.connect() as connection:
        relations.define(connection, TERMS)
        yield connection


def read_back(connection: duckdb.DuckDBPyConnection, form: Form, type_: str, value: object) -> object:
    """A value, written into the body of a call and read from an answer that holds the same."""
    answered = """from_json(json_object('field', {written})::VARCHAR, '{{"field": "VARCHAR"}}').field"""
    text = answered.format(written=form.write.format(value="value"))
    ((found,),) = connection.execute(
        f"""SELECT {form.read.format(text="text")} FROM (
            SELECT {text} AS text, "plan.currency" FROM (SELECT ?::{type_} AS value, 'cad' AS "plan.currency"))""",
        [value],
    ).fetchall()
    return found


quickly = hypothesis_settings(
    max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("form", VALUES, ids=lambda form: forms().get(form, ["-"])[0])
def test_what_is_written_is_read_back_as_it_was(connection, form):
    type_, values = VALUES[form]

    @given(values)
    @quickly
    def holds(value):
        assert read_back(connection, form, type_, value) == value

    holds()
    assert read_back(connection, form, type_, None) is None


def test_every_form_is_among_those():
    amounts = {mapping.kinds(each)["plan"].fields[2].form for each in EVERY}
    words = {field.form for each in EVERY for field in mapping.kinds(each)["plan"].fields if "revenue" in field.name}
    assert set(forms()) - set(VALUES) == (amounts | words) - set(VALUES)


@pytest.mark.parametrize("conventions", EVERY, ids=["shipments", "shipment_based"])
@pytest.mark.parametrize("word", ["time_based", "shipment_based"])
def test_the_word_for_revenue_is_the_account_s(connection, conventions, word):
    (field,) = (each for each in mapping.kinds(conventions)["plan"].fields if each.name == "revenue_recognition_type")
    assert read_back(connection, field.form, "VARCHAR", word) == word


@given(st.sampled_from(currencies()), st.integers(0, 10**12))
@example("cad", 1999)
@example("jpy", 1999)
@example("kwd", 1999)
@example("clf", 10**12 - 1)
@quickly
def test_an_amount_is_its_cents_in_units_whatever_the_currency(connection, currency, amount):
    form = mapping.kinds(Conventions())["plan"].fields[2].form
    ((text,),) = connection.execute(
        f"""SELECT ({form.write.format(value="value")})::VARCHAR FROM (SELECT ?::BIGINT AS value, ? AS "plan.currency")""",
        [amount, currency],
    ).fetchall()
    units, _, cents = text.partition(".")
    assert len(cents) == MINOR_DIGITS.get(currency, 2)
    assert int(units + cents) == amount
    # The way to the site leads through a number of 15 digits.
    assert float(text) == amount / 10 ** len(cents)


@given(st.sampled_from(sorted(zoneinfo.available_timezones())), DATES)
@example("America/Halifax", datetime.date(2026, 3, 8))
@example("America/Halifax", datetime.date(2026, 11, 1))
@example("Africa/Cairo", datetime.date(2026, 4, 23))
@example("Asia/Beirut", datetime.date(2026, 10, 24))
@quickly
def test_a_day_ends_with_its_last_second_where_the_publisher_is(connection, zone, day):
    end = f"epoch((DATE '{day}' + TIME '23:59:59') AT TIME ZONE {literal(zone)})::BIGINT"
    back = f"(to_timestamp({end}) AT TIME ZONE {literal(zone)})"
    try:
        ((seconds, read, next_),) = connection.execute(
            f"SELECT {end}, {back}::DATE, (to_timestamp({end} + 1) AT TIME ZONE {literal(zone)})::DATE"
        ).fetchall()
    except duckdb.Error as error:
        # DuckDB knows no zone of leap seconds, and none that is the machine's own.
        assert "TimeZone" in str(error)
        return
    assert read == day
    known = datetime.datetime.combine(day, datetime.time(23, 59, 59), zoneinfo.ZoneInfo(zone))
    assert abs(seconds - known.timestamp()) in (0, 3600)
    assert next_ in (day, day + datetime.timedelta(days=1))


class TestDeclarations:
    def test_every_attribute_of_every_template_is_declared(self):
        declared = {name for name, _, _ in mapping.attributes()}
        of_addresses = {
            name.replace("address.", f"address.{type_}_") for name in declared for type_ in ("billing", "shipping")
        }
        assert [name for name in ATTRIBUTES if name not in declared | of_addresses] == []
        assert {"address_id", "address"} <= declared
        assert len(ADDRESS_IDS) == 2

    @pytest.mark.parametrize("kind", mapping.kinds(Conventions()).values(), ids=lambda kind: kind.name)
    def test_every_column_of_what_is_loaded_is_declared_once(self, kind):
        columns = {column.name for column in ALL_TABLES[kind.table].columns()}
        carried = [each.attribute for each in kind.fields]
        told = {*carried, *(each.attribute for each in kind.references), *(each.attribute for each in kind.not_carried)}
        if kind.name == "subscription":
            # Of the two addresses that a record may name, one is the subscription's.
            columns -= {"record", *(each.name for each in ADDRESS_IDS.values())}
        if kind.name == "membership":
            columns -= {"record", *(each.name for each in ADDRESS_IDS.values())}
        if kind.name == "invoice":
            columns -= {"record"}
        assert columns - told == set()
        # An old id may stand where the account looks for it, and in the metadata.
        assert {name for name in carried if carried.count(name) > 1} <= {"subscription.common_metadata.old_id"}

    def test_what_is_not_carried_has_a_reason(self):
        reasons = [each for kind in mapping.kinds(Conventions()).values() for each in kind.not_carried]
        assert reasons
        assert [each.attribute for each in reasons if not each.reason.strip()] == []

    def test_what_the_api_requires_is_never_empty_with_us(self):
        """Why there is no rule for it: the tables that all is loaded from take no such row."""
        taken = document(chosen())["paths"]
        empty = []
        for kind in mapping.kinds(Conventions()).values():
            body = taken[PREFIX + kind.path]["post"]["requestBody"]["content"]["application/json"]["schema"]
            fields = {each.name: each.attribute for each in kind.fields}
            types = {each.name: each.type for each in ALL_TABLES[kind.table].columns()}
            for name in body.get("required", ()):
                if name in fields and "NOT NULL" not in types[fields[name]]:
                    empty.append((kind.name, name))
        # Of a source, one without an id is none: source_row.sql.
        assert empty == [("source", "object_id")]
        assert "NOT NULL" in next(c.type for c in TARGET_TABLES["products"].columns() if c.name == "product.name")

    def test_no_field_of_metadata_has_two_meanings(self):
        for kind in mapping.kinds(Conventions(start_in_the_past=False)).values():
            keys = [each.name for each in kind.fields if each.name.startswith(METADATA)]
            assert len(keys) == len(set(keys))


#: The alternatives of the sandbox that are as an account's conventions are.
ASSUMED = {
    "plan_amount": {"major": "plan-amount=major", "minor": "plan-amount=minor"},
    "shipments_word": {
        "shipments": "shipments-word=shipments",
        "shipment_based": "shipments-word=shipment_based",
    },
    "password_types": {("bcrypt",): "password-type=bcrypt", ("bcrypt", "md5", "drupal", "plain"): "password-type=all"},
    "subscription_metadata": {"array": "subscription-metadata=array", "object": "subscription-metadata=object"},
    "subscription_old_id": {True: "subscription-old-id=accepted", False: "subscription-old-id=refused"},
    "start_in_the_past": {True: "start-in-the-past=taken", False: "start-in-the-past=refused"},
}
_OF_SUBSCRIPTIONS = ("subscription_metadata", "subscription_old_id", "start_in_the_past")
_OF_OTHERS = ("plan_amount", "shipments_word", "password_types")


def combinations() -> list[dict[str, object]]:
    """Every combination of what concerns one kind of object: those of others go along, as kinds share none."""
    of_subscriptions = list(itertools.product(*(ASSUMED[name] for name in _OF_SUBSCRIPTIONS)))
    of_others = list(itertools.product(*(ASSUMED[name] for name in _OF_OTHERS)))
    return [
        dict(zip(_OF_SUBSCRIPTIONS + _OF_OTHERS, (*first, *second), strict=True))
        for first, second in zip(of_subscriptions, of_others, strict=True)
    ]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Every kind of object, with a card, and passwords of two schemes."""
    paths = extract_in(tmp_path_factory.mktemp("bodies") / "home", tmp_path_factory)
    with duckdb.connect(paths.database("staging")) as connection:
        connection.execute(
            "INSERT INTO cards VALUES ('HR1', 'cus_1', 'pm_1', NULL, 'card', 'visa', '4242', 12, 2040, true)"
        )
        for scheme, key in (("MD5", "HR1"), ("Bcrypt", "HR2")):
            connection.execute(
                f"""UPDATE customers SET "customer.password" = 'x', "customer.common_metadata.password_encryption" = '{scheme}'
                WHERE "customer.old_provider_id" = '{key}'"""
            )
    return paths.database("staging")


@pytest.mark.parametrize("combination", combinations(), ids=lambda each: ", ".join(map(str, each.values())))
def test_every_body_is_one_that_the_api_takes(image, combination):
    conventions = Conventions(**combination)
    api = document(chosen([ASSUMED[name][value] for name, value in combination.items()]))
    seen = set()
    with duck.connect() as connection, database.opened(image, "image", connection):
        terms = relations.Terms("harbour-review", "America/Halifax", conventions, ON_THE_DAY)
        kinds = relations.create_wanted(connection, terms, "image")
        wanted = connection.execute('SELECT kind, "references", body, changes FROM wanted').fetchall()
    for name, references, body, changes in wanted:
        kind = kinds[name]
        updated = {each.name for each in kind.references if each.updates}
        ids = {each["field"]: 1 for each in references}
        for method, path, text, referred in (
            ("post", kind.path, body, ids),
            ("put", f"{kind.path}/{{id}}", changes, {field: id_ for field, id_ in ids.items() if field in updated}),
        ):
            if method == "put" and not kind.updates:
                continue
            schema = api["paths"][PREFIX + path][method]["requestBody"]["content"]["application/json"]["schema"]
            # What is not known is ignored by the site, or refused: it is not sent.
            sent = json.loads(text) | referred
            jsonschema.validate(sent, schema | {"additionalProperties": False}, jsonschema.Draft202012Validator)
            seen.add((name, method))
    assert {name for name, method in seen if method == "post"} == set(kinds)
    assert {name for name, method in seen if method == "put"} == {name for name, kind in kinds.items() if kind.updates}


def test_of_an_expected_value_only_what_is_declared_is_made(connection):
    """A phone loses what is no digit; and an account that rewrites text has an email in lower case, and no spaces around."""
    plain, rewriting = (mapping.kinds(Conventions(rewrites_text=each)) for each in (False, True))

    def expected(field: Field, value: str) -> str:
        sql = (field.expected or "{value}").format(value="value")
        return connection.execute(f"SELECT {sql} FROM (SELECT ?::VARCHAR AS value)", [value]).fetchall()[0][0]

    by_name = [{each.attribute: each for each in kinds["customer"].fields} for kinds in (plain, rewriting)]
    assert expected(by_name[0]["customer.phone"], "+1 (514) 123-4567") == "15141234567"
    assert expected(by_name[0]["customer.email"], "Inês@Example.com ") == "Inês@Example.com "
    assert expected(by_name[1]["customer.email"], "Inês@Example.com ") == "inês@example.com"
    assert expected(by_name[1]["customer.first_name"], " Inês") == "Inês"
    assert quoted("customer.email") == by_name[0]["customer.email"].column
