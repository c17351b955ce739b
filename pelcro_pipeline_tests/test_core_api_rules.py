"""The rules of a site: each with what breaks it and what does not, told beside the rows of a site that was loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import pytest

from pelcro_pipeline.rules import catalogue
from pelcro_pipeline.rules.catalogue import SECTIONS
from pelcro_pipeline.settings import Conventions, Existing
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.target.core_api.mapping import UNDONE, kinds
from pelcro_pipeline_tests import api, planning
from pelcro_pipeline_tests.core_api import extract_in, loaded, site
from pelcro_pipeline_tests.planning import TERMS, added, beside, changed, without

OLD_ID = "subscription.common_metadata.old_id"
MD5 = "5f4dcc3b5aa765d61d8327deb882cf99"
BCRYPT = "$2y$10$abcdefghijklmnopqrstuuJ4bK2OeRnHVsoqkf6EJ5ZCZOBJ4hLUm"
CARD = """INSERT INTO cards VALUES ('HR1', 'cus_1', 'pm_1', 'old_1', 'card', 'visa', '4242', 12, 2040, true)"""


def update(table: str, column: str, value: str, key: str, named: str) -> str:
    return f'UPDATE {table} SET "{column}" = {value} WHERE "{named}" = \'{key}\''


def product(key: str, column: str, value: str) -> str:
    return update("products", f"product.{column}", value, key, "product.id")


def customer(key: str, column: str, value: str) -> str:
    return update("customers", f"customer.{column}", value, key, "customer.old_provider_id")


def password(key: str, value: str, scheme: str) -> tuple[str, str]:
    return customer(key, "password", f"'{value}'"), customer(key, "common_metadata.password_encryption", scheme)


def subscription(key: str, column: str, value: str) -> str:
    return update("subscriptions", f"subscription.{column}", value, key, OLD_ID)


def state(key: str, column: str, value: str) -> str:
    return update("subscription_states", f"subscription.{column}", value, key, OLD_ID)


def address(key: str, column: str, value: str) -> str:
    return update("addresses", f"address.{column}", value, key, "customer.old_provider_id") + " AND type = 'shipping'"


def unaddressed(key: str, type_: str = "%") -> str:
    return f"""DELETE FROM addresses WHERE "customer.old_provider_id" = '{key}' AND type LIKE '{type_}'"""


@dataclass(frozen=True)
class Given:
    """What is staged, and what the site has: UPDATEs of the one, and what happens to the rows of the other."""

    edits: tuple[str, ...] = ()
    happens: Callable[[planning.Rows], planning.Rows] = lambda rows: rows
    #: Whether the site is one that was loaded, or empty.
    is_loaded: bool = False
    #: Objects that the journal knows to have been loaded, by kind and key.
    known: tuple[tuple[str, str], ...] = ()
    existing: Existing = Existing.KEEP
    conventions: Conventions = TERMS.conventions

    @property
    def circumstances(self) -> tuple:
        """What one plan has for all of it."""
        return self.is_loaded, self.known, self.existing, self.conventions


def staged(*edits: str, **more: object) -> Given:
    return Given(edits, **more)


def found(happens: Callable[[planning.Rows], planning.Rows], *edits: str, **more: object) -> Given:
    return Given(edits, happens, is_loaded=True, **more)


@dataclass(frozen=True)
class Case:
    """What breaks a rule and what does not; what is done then with some objects, and what is told.

    To plan costs a third of a second: what breaks the rules is planned together, each rule by objects of its own, and so is what
    does not.
    """

    rule: str
    breaking: Given
    clean: Given
    #: By kind and key, in the plan of what breaks it; of the first nothing is told in the other.
    actions: dict[str, str]
    #: The attribute and value of the obstacle.
    told: tuple[str, str | None] | None = None

    def __str__(self) -> str:
        return f"{self.rule} {next(iter(self.actions))}"


PERIOD_END = "subscription.current_period_end"
CASES = [
    Case(
        "API-LENGTH",
        staged(product("CREW", "name", "repeat('é', 256)")),
        staged(product("CREW", "name", "repeat('é', 255)")),
        {
            "product CREW": "invalid API-LENGTH",
            "plan C-Y": "blocked by product CREW",
            "subscription S5": "blocked by product CREW",
            "membership S6": "blocked by product CREW",
        },
        ("product.name", "é" * 256),
    ),
    Case(
        "API-PHONE",
        staged(customer("HR10", "phone", "'1-51-4'")),
        staged(customer("HR10", "phone", "'1-51-42'")),
        {"customer HR10": "invalid API-PHONE"},
        ("customer.phone", "1-51-4"),
    ),
    Case(
        "API-PHONE",
        staged(customer("HR7", "phone", "repeat('1', 21)")),
        staged(customer("HR7", "phone", "'+' || repeat('1', 20)")),
        {"customer HR7": "invalid API-PHONE"},
        ("customer.phone", "1" * 21),
    ),
    Case(
        "API-STATE",
        staged(address("HR3", "state", "NULL"), address("HR3", "country", "'AU'")),
        staged(address("HR3", "state", "NULL"), address("HR3", "country", "'NZ'")),
        {
            "address HR3 shipping": "invalid API-STATE",
            "subscription S3": "blocked by address HR3 shipping",
            # A gift's recipient has no part in it without its donor.
            "subscription S4": "blocked by address HR3 shipping",
        },
        ("address.shipping_state", None),
    ),
    Case(
        "API-QUANTITY",
        staged(subscription("S8", "quantity", "100001")),
        staged(subscription("S8", "quantity", "100000")),
        {"subscription S8": "invalid API-QUANTITY"},
        ("subscription.quantity", "100001"),
    ),
    # The load is at 15:00 UTC on 1 November, when it is noon in Halifax.
    Case(
        "API-PERIOD-END",
        staged(state("S1", "current_period_end", "'2026-10-31'")),
        staged(state("S1", "current_period_end", "'2026-11-01'")),
        {"subscription S1": "held API-PERIOD-END"},
        (PERIOD_END, "2026-10-31"),
    ),
    Case(
        "API-PERIOD-END",
        staged(state("S101", "current_period_end", "'2038-01-18'")),
        staged(state("S101", "current_period_end", "'2038-01-17'")),
        {"subscription S101": "held API-PERIOD-END"},
        (PERIOD_END, "2038-01-18"),
    ),
    Case(
        "API-PERIOD-END",
        staged(state("S2", "state", "'scheduled'")),
        # What is on the site was created: no question is left of how.
        found(lambda rows: rows, state("S2", "state", "'scheduled'")),
        {"subscription S2": "held API-PERIOD-END"},
        (PERIOD_END, "scheduled, 2036-07-31"),
    ),
    Case(
        "API-ADDRESS",
        staged(unaddressed("HR9")),
        # Where nothing else is known, it is sent to where the bill goes.
        staged(unaddressed("HR9", "shipping")),
        {"subscription S9": "held API-ADDRESS", "invoice S9": "blocked by subscription S9"},
        ("subscription.common_metadata.temporary_plan_id", "P-Y"),
    ),
    Case(
        "API-CARD",
        staged(),
        staged(state("S5", "collection_method", "'send_invoice'")),
        {"subscription S5": "blocked by product CREW"},
        ("subscription.collection_method", "charge_automatically"),
    ),
    Case(
        "API-MEMBER",
        staged(f"""UPDATE invoices SET record = (SELECT record FROM subscriptions WHERE "{OLD_ID}" = 'S6') WHERE "{OLD_ID}" = 'S8'"""),
        staged(),
        {"invoice S6": "held API-MEMBER"},
        ("subscription.type", "member"),
    ),
    Case(
        "API-PASSWORD",
        staged(*password("HR1", MD5, "'MD5'")),
        staged(*password("HR1", BCRYPT, "'Bcrypt'")),
        {"customer HR1": "create"},
        ("customer.password", None),
    ),
    Case(
        "API-PASSWORD",
        # Of what scheme it is, nobody knows.
        staged(*password("HR2", BCRYPT, "NULL")),
        staged(*password("HR2", MD5, "'MD5'"), conventions=Conventions(password_types=("bcrypt", "md5"))),
        {"customer HR2": "create"},
        ("customer.password", None),
    ),
    Case(
        "API-INACTIVE",
        staged(product("ONLINE", "active", "false")),
        staged(product("ONLINE", "active", "true")),
        {"product ONLINE": "create"},
        ("product.active", "ONLINE"),
    ),
    Case(
        "API-START",
        staged(subscription("S5", "start_date", "'2026-11-02'")),
        staged(subscription("S5", "start_date", "'2026-11-01'")),
        {"subscription S5": "blocked by product CREW"},
        ("subscription.start_date", "2026-11-02"),
    ),
    Case(
        "API-START",
        staged(subscription("S4", "start_date", "'2026-11-03'")),
        # It goes as metadata, which opens and closes nothing.
        staged(subscription("S4", "start_date", "'2026-11-03'"), conventions=Conventions(start_in_the_past=False)),
        {"subscription S4": "blocked by address HR3 shipping"},
        ("subscription.start_date", "2026-11-03"),
    ),
    Case(
        "API-TAKEN",
        Given(happens=lambda rows: beside(rows, "customer", email="Genaro.Cassano6@example.com")),
        Given(happens=lambda rows: beside(rows, "customer", email="genaro.cassano@example.com")),
        {"customer HR6": "conflict API-TAKEN", "membership S6": "blocked by product CREW"},
    ),
    Case(
        "API-TAKEN",
        Given(happens=lambda rows: beside(rows, "customer", old_provider_id="HR8", metadata={})),
        Given(happens=lambda rows: beside(rows, "customer", old_provider_id="HR88", metadata=[])),
        {"customer HR8": "conflict API-TAKEN"},
    ),
    Case(
        "API-TAKEN",
        # An update would be refused as a creation is.
        found(
            lambda rows: beside(rows, "customer", email="other@example.com"),
            customer("HR7", "email", "'other@example.com'"),
        ),
        found(lambda rows: rows, customer("HR7", "email", "'other@example.com'")),
        {"customer HR7": "conflict API-TAKEN"},
    ),
    Case(
        "API-CHANGED",
        found(lambda rows: changed(rows, "plan", "C-Y", amount=49901)),
        found(lambda rows: changed(rows, "plan", "C-Y", amount=49901), existing=Existing.UPDATE),
        {"plan C-Y": "conflict API-CHANGED"},
    ),
    Case(
        "API-CHANGED",
        found(lambda rows: changed(rows, "product", "CREW", name="Crew")),
        found(lambda rows: changed(rows, "product", "CREW", name="Crew"), known=(("product", "CREW"),)),
        {"product CREW": "conflict API-CHANGED"},
    ),
    *(
        Case(
            "API-CHANGED",
            found(lambda rows, key=key, changes=changes: changed(rows, "subscription", key, **changes)),
            found(lambda rows, key=key: changed(rows, "subscription", key, shipments_remaining=3)),
            {f"subscription {key}": "conflict API-CHANGED"},
        )
        for key, changes in {
            "S1": {"quantity": 2},
            "S101": {"plan": 1},
            "S4": {"current_period_end": 2101172400},
            "S3": {"address": None},
        }.items()
    ),
    Case(
        "API-CHANGED",
        found(lambda rows: rows, address("HR9", "country", "'FR'")),
        # Of an address that no subscription uses any more, both can be changed.
        found(
            lambda rows: changed(rows, "subscription", "S9", status="canceled", cancel_reason=UNDONE),
            address("HR9", "country", "'FR'"),
        ),
        {"address HR9 shipping": "conflict API-CHANGED"},
    ),
    Case(
        "API-DOUBLE",
        found(lambda rows: added(rows, "subscription", "S5")),
        # A subscription is never deleted: one of two that has been cancelled is one too few.
        found(lambda rows: added(rows, "subscription", "S5", status="canceled")),
        {"subscription S5": "conflict API-DOUBLE"},
    ),
    Case(
        "API-DOUBLE",
        found(lambda rows: added(rows, "plan", "O-M")),
        found(lambda rows: added(rows, "plan", "O-M", old_provider_id=None)),
        {"plan O-M": "conflict API-DOUBLE"},
    ),
    Case(
        "API-DELETED",
        found(lambda rows: without(rows, "customer", "HR10"), known=(("customer", "HR10"),)),
        # By nobody's word it was ever there.
        found(lambda rows: without(rows, "customer", "HR10")),
        {"customer HR10": "conflict API-DELETED"},
    ),
    Case(
        "API-DELETED",
        # Whoever loads it anew charges a reader who has cancelled, whatever has become of the journal.
        found(lambda rows: changed(rows, "subscription", "S8", status="canceled", cancel_reason="Too dear")),
        found(lambda rows: changed(rows, "subscription", "S8", status="canceled", cancel_reason=UNDONE)),
        {"subscription S8": "conflict API-DELETED"},
    ),
]  # fmt: skip
#: Of the rules of a site, the one that is told by its answers: test_core_api_findings.py.
BY_ANSWERS = {"API-REFUSED"}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return extract_in(tmp_path_factory.mktemp("rules") / "home", tmp_path_factory)


@pytest.fixture(scope="module")
def image(paths):
    return paths.database("staging")


@pytest.fixture(scope="module")
def rows(paths, tmp_path_factory):
    """What a site answers that the extract was loaded into."""
    with api.running(tmp_path_factory.mktemp("sandbox")) as sandbox, pytest.MonkeyPatch.context() as patch:
        # One call at a time: the ids are in the order of the plan.
        own = site(paths, sandbox, patch, connections=1)
        loaded(own)
        return planning.answered(own, tmp_path_factory.mktemp("answered") / "rows")


@dataclass(frozen=True)
class Outcome:
    """What a plan says: what is done with each object, what is told, and of which objects by which rule."""

    actions: dict[str, str]
    obstacles: set[tuple]
    ruled: set[tuple[str, str]]


@pytest.fixture(scope="module")
def outcome_of(image, rows, tmp_path_factory):
    """The plan of what breaks the rules, or does not, with all that shares its circumstances."""

    @cache
    def planned(side: str, circumstances: tuple) -> Outcome:
        given = [each for each in (getattr(case, side) for case in CASES) if each.circumstances == circumstances]
        is_loaded, known, existing, conventions = circumstances
        folder, on_site, ours = tmp_path_factory.mktemp("planned"), rows if is_loaded else {}, []
        for each in given:
            on_site = each.happens(on_site)
        if known:
            with planning.planned(image, folder) as before:
                ours = [planning.entry(before, kind, key) for kind, key in known]
        edits = [edit for each in given for edit in each.edits]
        terms = replace(TERMS, conventions=conventions)
        with planning.planned(image, folder, on_site, edits=edits, ours=ours, existing=existing, terms=terms) as plan:
            ruled = plan.told(
                """SELECT kind || ' ' || key, rule FROM plan WHERE rule IS NOT NULL
                UNION ALL SELECT plan.kind || ' ' || key, met_obstacle.rule FROM met_obstacle JOIN plan USING (mark)"""
            )
            told = plan.told("SELECT rule, attribute, value, is_question FROM met_obstacle")
            return Outcome(plan.actions, set(told), set(ruled))

    return lambda case, side: planned(side, getattr(case, side).circumstances)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_is_told_of_what_breaks_it_and_of_nothing_else(case, outcome_of):
    breaking, clean = outcome_of(case, "breaking"), outcome_of(case, "clean")
    assert {name: breaking.actions.get(name, "create") for name in case.actions} == case.actions
    concerned = next(iter(case.actions)), case.rule
    assert concerned in breaking.ruled
    assert concerned not in clean.ruled
    if case.told:
        assert (case.rule, *case.told, Severity.QUESTION in catalogue.severities(case.rule)) in breaking.obstacles


def test_every_rule_of_a_site_has_a_case():
    assert {case.rule for case in CASES} | BY_ANSWERS == {rule.id for rule in SECTIONS["Pelcro's Core API"]}


def test_the_bounds_are_those_of_the_fields():
    bounded = {
        name.replace("address.", f"address.{type_}_")
        for kind in kinds(Conventions()).values()
        for name in (each.attribute for each in kind.fields if each.most is not None)
        for type_ in ("billing", "shipping")
    }
    assert bounded == set(catalogue.attributes("API-LENGTH"))


def test_each_bound_is_counted_in_characters_and_reached(image, tmp_path):
    """One delivery of which every text is as long as it may be, and one of which it is longer by one."""
    texts = {
        "products": ("product.id", ["name", "statement_descriptor", "image"]),
        "plans": ("plan.old_id", ["nickname"]),
        "customers": ("customer.old_provider_id", ["email", "first_name", "last_name", "title", "display_name"]),
        "addresses": ("type", ["first_name", "last_name", "title", "company", "department", "line1", "line2", "city", "zip"]),
    }  # fmt: skip
    most = {each.attribute: each.most for kind in kinds(Conventions()).values() for each in kind.fields}

    def edits(more: int) -> list[str]:
        return [
            f"UPDATE {table} SET \"{prefix}.{name}\" = repeat('ß', {most[f'{prefix}.{name}'] + more})"
            for table, (_, names) in texts.items()
            for prefix in [{"addresses": "address"}.get(table, table[:-1])]
            for name in names
        ]

    with planning.planned(image, tmp_path, edits=edits(0)) as plan:
        assert not [each for each in plan.obstacles if each[0] == "API-LENGTH"]
    with planning.planned(image, tmp_path, edits=edits(1)) as plan:
        named = {attribute for rule, attribute, _ in plan.obstacles if rule == "API-LENGTH"}
    assert named == {
        name
        for table, (_, names) in texts.items()
        for each in names
        for name in (
            [f"address.{type_}_{each}" for type_ in ("billing", "shipping")]
            if table == "addresses"
            else [f"{table[:-1]}.{each}"]
        )
    }


def test_what_is_refused_outright_comes_before_what_is_asked(image, tmp_path):
    both = [subscription("S1", "quantity", "100001"), state("S1", "state", "'expired'")]
    with planning.planned(image, tmp_path, edits=both) as plan:
        assert plan.actions["subscription S1"] == "invalid API-QUANTITY"


def test_a_product_that_stood_there_before_is_not_ours_to_change_by_being_found_unchanged(image, rows, tmp_path):
    with planning.planned(image, tmp_path) as plan:
        adopted = planning.entry(plan, "product", "CREW", made=False)
    with planning.planned(image, tmp_path, changed(rows, "product", "CREW", name="Crew"), ours=[adopted]) as plan:
        assert plan.actions["product CREW"] == "conflict API-CHANGED"


class TestUpdates:
    def test_what_differs_is_changed_where_the_api_can(self, image, rows, tmp_path):
        edits = [
            customer("HR10", "first_name", "NULL"),
            subscription("S1", "shipments_remaining", "5"),
            address("HR9", "city", "'Laval'"),
        ]
        with planning.planned(image, tmp_path, rows, edits=edits) as plan:
            assert {name: action for name, action in plan.actions.items() if action != "unchanged"} == {
                "customer HR10": "update",
                "subscription S1": "update",
                "address HR9 shipping": "update",
            }
            # What is empty now is taken away.
            assert plan.changes("customer", "HR10")["first_name"] is None
            assert plan.changes("subscription", "S1")["shipments_remaining"] == 5

    def test_an_update_of_a_gift_s_recipient_does_not_make_it_renew(self, image, rows, tmp_path):
        edit = update("subscriptions", "subscription.shipments_remaining", "5", "S4", OLD_ID)
        with planning.planned(image, tmp_path, rows, edits=[edit]) as plan:
            assert plan.actions["subscription S4"] == "update"
            assert plan.changes("subscription", "S4")["auto_renew"] is False

    def test_a_start_that_was_to_come_is_no_difference_once_it_is_past(self, image, rows, tmp_path):
        created = 1793523600  # 1 November 2026
        on_site = changed(rows, "subscription", "S1", start=created, created=created)
        later = replace(TERMS, now=TERMS.now.replace(day=9))
        with planning.planned(
            image, tmp_path, on_site, edits=[subscription("S1", "start_date", "'2026-11-04'")], terms=later
        ) as plan:
            assert plan.actions["subscription S1"] == "unchanged"
        # A start that was sent is one that can differ.
        with planning.planned(image, tmp_path, on_site, terms=later) as plan:
            assert plan.actions["subscription S1"] == "conflict API-CHANGED"


class TestSources:
    """A source that is added switches all subscriptions of its customer to automatic charging."""

    SENT = update("subscription_states", "subscription.collection_method", "'send_invoice'", "S101", OLD_ID)

    def test_a_card_that_comes_later_is_what_its_subscriptions_charge(self, image, rows, tmp_path):
        with planning.planned(image, tmp_path, rows, edits=[CARD]) as plan:
            moved = {name: action for name, action in plan.actions.items() if action != "unchanged"}
            assert moved == {"subscription S1": "update", "subscription S101": "update"}
            assert plan.told("SELECT key FROM plan WHERE kind = 'source' AND action = 'create'") == ["HR1"]
            assert plan.changes("subscription", "S1")["collection_method"] == "charge_automatically"

    def test_what_is_sent_invoices_stays_so_by_an_update_after_it(self, image, rows, tmp_path):
        with planning.planned(image, tmp_path, rows, edits=[CARD, self.SENT]) as plan:
            assert plan.actions["subscription S101"] == "update"
            assert plan.changes("subscription", "S101")["collection_method"] == "send_invoice"
            assert plan.told("SELECT before, after FROM told_difference JOIN plan USING (mark) WHERE key = 'S101'") == [
                ("charge_automatically", "send_invoice")
            ]

    def test_once_it_is_there_nothing_is_left_to_do(self, image, rows, tmp_path):
        source = {"id": 5, "object_id": "pm_1", "user_id": 1}
        on_site = dict(rows) | {"source": [source]}
        on_site = changed(on_site, "subscription", "S1", billing="charge_automatically", default_source=5)
        # The update leaves the source that the switch has set.
        on_site = changed(on_site, "subscription", "S101", billing="send_invoice", default_source=5)
        with planning.planned(image, tmp_path, on_site, edits=[CARD, self.SENT]) as plan:
            assert set(plan.actions.values()) == {"unchanged"}

    def test_another_s_source_is_a_conflict(self, image, rows, tmp_path):
        on_site = dict(rows) | {"source": [{"id": 5, "object_id": "pm_1", "user_id": 2}]}
        with planning.planned(image, tmp_path, on_site, edits=[CARD]) as plan:
            assert plan.actions["source HR1"] == "conflict API-CHANGED"


class TestBodies:
    def test_an_amount_is_sent_in_units_of_its_currency_or_as_it_is(self, image, tmp_path):
        amounts = {"P-Y": ("cad", 1999, 19.99), "O-M": ("jpy", 1500, 1500), "C-Y": ("kwd", 12345, 12.345)}
        edits = [
            f"""UPDATE plans SET "plan.amount" = {amount}, "plan.currency" = '{currency}' WHERE "plan.old_id" = '{key}'"""
            for key, (currency, amount, _) in amounts.items()
        ]
        with planning.planned(image, tmp_path, edits=edits) as plan:
            assert {key: plan.body("plan", key)["amount"] for key in amounts} == {
                key: sent for key, (_, _, sent) in amounts.items()
            }
        minor = replace(TERMS, conventions=Conventions(plan_amount="minor"))
        with planning.planned(image, tmp_path, edits=edits, terms=minor) as plan:
            assert {key: plan.body("plan", key)["amount"] for key in amounts} == {
                key: amount for key, (_, amount, _) in amounts.items()
            }

    def test_metadata_of_an_extract_s_own_goes_along_and_replaces_none_of_ours(self, image, tmp_path):
        own = ("favourite", "migration_mark", "type")
        edits = [f'ALTER TABLE subscriptions ADD COLUMN "subscription.common_metadata.{name}" VARCHAR' for name in own]
        edits += [f"UPDATE subscriptions SET \"subscription.common_metadata.{name}\" = 'theirs'" for name in own]
        with planning.planned(image, tmp_path, edits=edits) as plan:
            (metadata,) = plan.body("subscription", "S1")["metadata"]
            (mark,) = plan.told("SELECT mark FROM wanted WHERE kind = 'subscription' AND key = 'S1'")
        assert (metadata["migration_mark"], metadata["type"]) == (mark, "regular")
        assert [name for name, value in metadata.items() if value == "theirs"] == [
            "favourite",
            "subscription.common_metadata.migration_mark",
            "subscription.common_metadata.type",
        ]
