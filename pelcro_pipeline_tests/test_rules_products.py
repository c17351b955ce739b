"""Products and plans: what each needs, ids that stand for one thing, and plans that belong to a product."""

import pytest

from pelcro_pipeline_tests.cases import Case, Outcomes, assert_holds
from pelcro_pipeline_tests.extract import (
    ONLINE,
    ONLINE_MONTHLY,
    PLANS,
    PRINT,
    PRINT_YEARLY,
    SETTINGS,
    Delivery,
    migrate,
    reader,
)

PLAN = ONLINE_MONTHLY


def product(id_: str, **changes: str) -> dict:
    """A product without plans; changes are named without their prefix."""
    return ONLINE | {"product.id": id_} | {f"product.{name}": value for name, value in changes.items()}


def plan(old_id: str, **changes: str) -> dict:
    """A digital plan; changes are named without their prefix."""
    return PLAN | {"plan.old_id": old_id} | {f"plan.{name}": value for name, value in changes.items()}


def of_products(rule: str, breaking: list, clean: list, findings: list, fallen: tuple = (), **beside) -> Case:
    return Case(
        rule,
        breaking,
        clean,
        [f"products.csv:{each}" for each in findings],
        [f"products.csv:{each}" for each in fallen],
        "products",
        {"plans": ()} | beside,
    )


def of_plans(rule: str, breaking: list, clean: list, findings: list, fallen: tuple = ()) -> Case:
    return Case(
        rule,
        breaking,
        clean,
        [f"plans.csv:{each}" for each in findings],
        [f"plans.csv:{each}" for each in fallen],
        "plans",
    )


CASES = [
    of_products(
        "PRD-REQUIRED",
        [product(""), product("A", name="")],
        [product("B", description="", statement_descriptor="", image="")],
        ["2 product, product.id: PRD-REQUIRED reject", "3 product, product.name: PRD-REQUIRED reject"],
        ("2 product: rejected PRD-REQUIRED", "3 product: rejected PRD-REQUIRED"),
    ),
    of_products(
        "PRD-ID-SHARED",
        [product("A"), product("A", name="Another")],
        [product("B"), product("B", address_required="No")],
        [f"{line} product, product.id: PRD-ID-SHARED reject" for line in (2, 3)],
        ("2 product: rejected PRD-ID-SHARED", "3 product: rejected PRD-ID-SHARED", "5 product: merged"),
    ),
    of_products(
        "PRD-ADDRESS-REQUIRED",
        [PRINT | {"product.address_required": ""}, product("ONLINE", address_required="perhaps")],
        [product("CREW", address_required="yes"), product("B", address_required="0")],
        [
            "2 product, product.address_required: PRD-ADDRESS-REQUIRED repair -> 1",
            "3 product, product.address_required: PRD-ADDRESS-REQUIRED repair -> 0",
        ],
        plans=PLANS,
    ),
    of_products(
        "PRD-DESCRIPTOR",
        [product("A", statement_descriptor="THE HARBOUR REVIEW LTD.")],
        [product("B", statement_descriptor="THE HARBOUR REVIEW LTD"), product("C", statement_descriptor="É" * 22)],
        ["2 product, product.statement_descriptor: PRD-DESCRIPTOR question"],
    ),
    of_products(
        "PRD-ACTIVE",
        [product("A", active="archived")],
        [product("B", active=""), product("C", active="False"), product("D", active="Y")],
        ["2 product, product.active: PRD-ACTIVE question -> 1"],
    ),
    of_plans(
        "PLN-REQUIRED",
        [plan(""), plan("A", nickname=""), plan("B", temporary_product_id="")],
        [plan("C", description="", entitlements="", is_donated="")],
        [
            "2 plan, plan.old_id: PLN-REQUIRED reject",
            "3 plan, plan.nickname: PLN-REQUIRED reject",
            "4 plan, plan.temporary_product_id: PLN-REQUIRED reject",
        ],
        tuple(f"{line} plan: rejected PLN-REQUIRED" for line in (2, 3, 4)),
    ),
    of_plans(
        "PLN-ID-SHARED",
        [plan("A"), plan("A", amount="800"), plan("A")],
        [plan("B"), plan("B", amount="0700", currency="CAD")],
        [f"{line} plan, plan.old_id: PLN-ID-SHARED reject" for line in (2, 3, 4)],
        (*(f"{line} plan: rejected PLN-ID-SHARED" for line in (2, 3, 4)), "6 plan: merged"),
    ),
    of_plans(
        "PLN-PRODUCT",
        [plan("A", temporary_product_id="ATLAS")],
        [plan("B", temporary_product_id="PRINT")],
        ["2 plan, plan.temporary_product_id: PLN-PRODUCT reject"],
        ("2 plan: rejected PLN-PRODUCT",),
    ),
    of_plans(
        "PLN-AMOUNT-UNIT",
        [plan("A", amount="199.00"), plan("B", amount="99,0")],
        [plan("C", amount="19900")],
        [" plan, plan.amount: PLN-AMOUNT-UNIT question"],
    ),
    of_plans(
        "PLN-AMOUNT",
        [
            plan("A", amount=""),
            plan("B", amount="19.99"),
            plan("C", amount="-700"),
            plan("D", amount="free"),
            plan("E", amount="7e2"),
        ],
        [plan("F", amount="0"), plan("H", amount="000700")],
        [f"{line} plan, plan.amount: PLN-AMOUNT reject" for line in range(2, 7)],
        tuple(f"{line} plan: rejected PLN-AMOUNT" for line in range(2, 7)),
    ),
    of_plans(
        "PLN-CURRENCY",
        [plan("A", currency=""), plan("B", currency="dollar"), plan("C", currency="XYZ")],
        [plan("D", currency="EUR"), plan("E", currency="Gbp")],
        [f"{line} plan, plan.currency: PLN-CURRENCY reject" for line in (2, 3, 4)],
        tuple(f"{line} plan: rejected PLN-CURRENCY" for line in (2, 3, 4)),
    ),
    of_plans(
        "PLN-BOOLEAN",
        [
            plan("A", auto_renew=""),
            plan("B", auto_renew="sometimes"),
            plan("C", available_online=""),
            plan("D", available_online="soon"),
            plan("E", auto_renew="2"),
        ],
        [plan("F", auto_renew="TRUE", available_online="n"), plan("G", auto_renew="no", available_online="Yes")],
        [
            "2 plan, plan.auto_renew: PLN-BOOLEAN reject",
            "3 plan, plan.auto_renew: PLN-BOOLEAN reject",
            "4 plan, plan.available_online: PLN-BOOLEAN repair -> 0",
            "5 plan, plan.available_online: PLN-BOOLEAN repair -> 0",
            "6 plan, plan.auto_renew: PLN-BOOLEAN reject",
        ],
        tuple(f"{line} plan: rejected PLN-BOOLEAN" for line in (2, 3, 6)),
    ),
    of_plans(
        "PLN-INTERVAL",
        [
            plan("A", interval="Month"),
            plan("B", interval="YEAR"),
            plan("C", interval=""),
            plan("D", interval="fortnight"),
            plan("E", interval="5"),
        ],
        [plan("F", interval="1"), plan("G", interval="2"), plan("H", interval="4")],
        [
            "2 plan, plan.interval: PLN-INTERVAL repair -> 3",
            "3 plan, plan.interval: PLN-INTERVAL repair -> 4",
            "4 plan, plan.interval: PLN-INTERVAL reject",
            "5 plan, plan.interval: PLN-INTERVAL reject",
            "6 plan, plan.interval: PLN-INTERVAL reject",
        ],
        tuple(f"{line} plan: rejected PLN-INTERVAL" for line in (4, 5, 6)),
    ),
    of_plans(
        "PLN-INTERVAL-COUNT",
        [plan("A", interval_count=""), plan("B", interval_count="0"), plan("C", interval_count="1.5")],
        [plan("D", interval_count="2"), plan("E", interval_count="3.0")],
        [f"{line} plan, plan.interval_count: PLN-INTERVAL-COUNT reject" for line in (2, 3, 4)],
        tuple(f"{line} plan: rejected PLN-INTERVAL-COUNT" for line in (2, 3, 4)),
    ),
    of_plans(
        "PLN-SHIPMENTS",
        [
            plan("A", shipments_per_interval=""),
            plan("B", shipments_per_interval="-1"),
            plan("C", shipments_per_interval="many"),
        ],
        [plan("D", shipments_per_interval="0"), plan("E", shipments_per_interval="12.0")],
        [
            "2 plan, plan.shipments_per_interval: PLN-SHIPMENTS repair -> 0",
            "3 plan, plan.shipments_per_interval: PLN-SHIPMENTS reject",
            "4 plan, plan.shipments_per_interval: PLN-SHIPMENTS reject",
        ],
        ("3 plan: rejected PLN-SHIPMENTS", "4 plan: rejected PLN-SHIPMENTS"),
    ),
    of_plans(
        "PLN-TYPE",
        [plan("A", type=""), plan("B", type="corporate")],
        [plan("C", type="Membership"), plan("D", type="DONATION")],
        ["2 plan, plan.type: PLN-TYPE repair -> regular", "3 plan, plan.type: PLN-TYPE reject"],
        ("3 plan: rejected PLN-TYPE",),
    ),
    of_plans(
        "PLN-REVENUE",
        [
            plan("A", revenue_recognition_type=""),
            plan("B", revenue_recognition_type="", shipments_per_interval="12"),
            plan("C", revenue_recognition_type="cash"),
        ],
        [
            plan(f"D{place}", revenue_recognition_type=each)
            for place, each in enumerate(["Time", "time based", "SHIPMENT", "shipments", "shipment-based"])
        ],
        [
            "2 plan, plan.revenue_recognition_type: PLN-REVENUE repair -> time_based",
            "3 plan, plan.revenue_recognition_type: PLN-REVENUE repair -> shipment_based",
            "4 plan, plan.revenue_recognition_type: PLN-REVENUE reject",
        ],
        ("4 plan: rejected PLN-REVENUE",),
    ),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> Outcomes:
    return Outcomes(CASES, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_breaks_a_rule_is_found_and_nothing_else(case, outcomes):
    assert_holds(case, outcomes)


def test_plans_are_written_in_pelcro_s_own_spelling(tmp_path):
    delivered = plan(
        "A",
        amount="199.00",
        auto_renew="TRUE",
        available_online="n",
        currency="CAD",
        interval="month",
        interval_count="01",
        type="Membership",
        revenue_recognition_type="Shipments",
        entitlements="ent_a , ent_b,ent_c",
    )
    row = migrate(Delivery((), plans=[delivered]), tmp_path).prepared("plans")[0]
    assert [
        row[f"plan.{name}"]
        for name in (
            "amount",
            "auto_renew",
            "available_online",
            "currency",
            "interval",
            "interval_count",
            "type",
            "revenue_recognition_type",
            "entitlements",
        )
    ] == ["199", "1", "0", "cad", "3", "1", "membership", "shipment_based", "ent_a,ent_b,ent_c"]


def test_a_plan_that_names_no_currency_takes_the_extract_s(tmp_path):
    given = Delivery(
        (), plans=[plan("A", currency=""), plan("B", currency="usd")], settings=f'{SETTINGS}currency = "CAD"'
    )
    migration = migrate(given, tmp_path)
    assert migration.told == migration.fallen == []
    assert [row["plan.currency"] for row in migration.prepared("plans")] == ["cad", "usd"]


def test_a_rejected_product_takes_its_plans_and_their_subscriptions_along(tmp_path):
    given = Delivery([reader(1), reader(2)], [PRINT | {"product.name": ""}], [PRINT_YEARLY])
    migration = migrate(given, tmp_path)
    assert migration.told == ["products.csv:2 product, product.name: PRD-REQUIRED reject"]
    assert migration.fallen == [
        "customers.csv:2 subscription: rejected REL-CLOSURE",
        "customers.csv:3 subscription: rejected REL-CLOSURE",
        "plans.csv:2 plan: rejected REL-CLOSURE",
        "products.csv:2 product: rejected PRD-REQUIRED",
    ]
    closed = {each["detail"] for each in migration.ledger if each["rule"] == "REL-CLOSURE"}
    assert closed == {"PRD-REQUIRED on product at products.csv:2"}


def amounts(tmp_path, settings: str, *amounts: tuple[str, str]) -> list[str]:
    plans = [plan(str(number), amount=amount, currency=currency) for number, (amount, currency) in enumerate(amounts)]
    migration = migrate(Delivery(plans=plans, settings=SETTINGS + settings), tmp_path)
    assert {each["rule"] for each in migration.findings} <= {"PLN-AMOUNT"}
    return [row["plan.amount"] for row in migration.prepared("plans")]


def test_amounts_that_are_set_to_units_are_read_by_their_currency(tmp_path):
    delivered = ("19.99", "usd"), ("19,99", "cad"), ("20", "eur"), ("1234", "jpy"), ("1000.00", "jpy"), ("1.5", "kwd")
    refused = ("1,234", "cad"), ("1.999", "usd"), ("12.50", "jpy"), ("$5", "usd"), ("-5", "usd"), ("1,234.50", "usd")
    assert amounts(tmp_path, 'amounts = "units"\n', *delivered, *refused) == [
        "1999",
        "1999",
        "2000",
        "1234",
        "1000",
        "1500",
    ]


def test_amounts_that_are_set_to_cents_are_asked_about_no_more(tmp_path):
    delivered = ("1999", "usd"), ("19.00", "cad"), ("19,0", "cad")
    assert amounts(tmp_path, 'amounts = "cents"\n', *delivered, ("1.000", "cad"), ("1,000", "cad")) == [
        "1999",
        "19",
        "19",
    ]


def test_another_amount_with_a_fraction_rejects_what_may_be_dollars(tmp_path):
    migration = migrate(
        Delivery(plans=[plan("A", amount="19.00"), plan("B", amount="19.99"), plan("C", amount="500")]), tmp_path
    )
    assert migration.fallen == ["plans.csv:2 plan: rejected PLN-AMOUNT-UNIT", "plans.csv:3 plan: rejected PLN-AMOUNT"]


def test_an_order_s_price_with_a_fraction_asks_for_the_unit_of_its_plan(tmp_path):
    row = reader(1, {"subscription.common_metadata.order_price": "99.00"})
    dollars = [PLANS[0] | {"plan.amount": "99"}, *PLANS[1:]]
    assert migrate(Delivery([row]), tmp_path / "cents").told == []
    assert migrate(Delivery([row], plans=dollars), tmp_path / "dollars").told == [
        "plans.csv: plan, plan.amount: PLN-AMOUNT-UNIT question"
    ]
