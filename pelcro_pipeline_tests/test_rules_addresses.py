"""Addresses: a required part that is missing, codes that are none, and more of them than one."""

import pytest

from pelcro_pipeline_tests.cases import Case, Outcomes, assert_holds
from pelcro_pipeline_tests.extract import (
    IMPORT_ONLY,
    OLD_ID,
    PLAN_ID,
    Delivery,
    address,
    as_csv,
    customer,
    migrate,
    reader,
    subscription,
)

BILLING, SHIPPING = "address.billing_", "address.shipping_"
BILLING_ID, SHIPPING_ID = "billing_address_id", "shipping_address_id"
NEW_YORK = {"city": "New York", "state": "NY", "country": "US", "zip": "10001"}
AUSTRALIA = {"country": "AU", "zip": "6160", "city": "Fremantle"}
SAINT_MALO = {"city": "Saint-Malo", "state": "BRE", "country": "FR", "zip": "35400"}


def billed(number: int, *changes: dict) -> dict:
    """A reader whose billing address is changed; changes are named without their prefix."""
    return reader(number, address("billing", *changes))


def found(line: int, attribute: str, outcome: str) -> str:
    return f"customers.csv:{line} billing_address, {BILLING}{attribute}: {outcome}"


def rejected(line: int, rule: str) -> str:
    return f"customers.csv:{line} billing_address: rejected {rule}"


def merged(line: int, *types: str) -> list[str]:
    return [f"customers.csv:{line} {each}: merged" for each in types]


CASES = [
    Case(
        "ADR-NAME",
        [
            billed(1, {"first_name": ""}),
            billed(2, {"first_name": "", "last_name": ""}),
            reader(3, address("billing", {"first_name": ""}), {"customer.first_name": ""}),
        ],
        [billed(4, {"first_name": "Jennifer"}), reader(5, {"customer.first_name": "", "customer.last_name": ""})],
        [
            found(2, "first_name", "ADR-NAME repair -> Genaro"),
            found(3, "first_name", "ADR-NAME repair -> Genaro"),
            found(3, "last_name", "ADR-NAME repair -> Cassano"),
            found(4, "first_name", "ADR-NAME reject"),
        ],
        [rejected(4, "ADR-NAME")],
    ),
    Case(
        "ADR-REQUIRED",
        [
            billed(1, {"line1": ""}),
            billed(2, {"city": "'empty'"}),
            billed(3, {"country": ""}),
            billed(4, {"zip": " "}),
            billed(5, {"line1": "", "city": ""}),
        ],
        [
            billed(6, {"line2": "", "company": "", "department": "", "phone": "", "salutation": "", "title": ""}),
            customer(7),
        ],
        [
            found(2, "line1", "ADR-REQUIRED reject"),
            found(3, "city", "ADR-REQUIRED reject"),
            found(4, "country", "ADR-REQUIRED reject"),
            found(5, "zip", "ADR-REQUIRED reject"),
            found(6, "line1", "ADR-REQUIRED reject"),
            found(6, "city", "ADR-REQUIRED reject"),
        ],
        [rejected(line, "ADR-REQUIRED") for line in range(2, 7)],
    ),
    Case(
        "ADR-COUNTRY",
        [
            billed(1, {"country": "Canada"}),
            billed(2, NEW_YORK, {"country": "usa"}),
            billed(3, SAINT_MALO, {"country": "FRANCE"}),
            billed(4, {"country": "?"}),
            billed(5, {"country": "XX"}),
            billed(6, SAINT_MALO, {"country": "Vereinigte Staaten", "state": "NY", "zip": "10001"}),
            billed(7, SAINT_MALO, {"country": "États-Unis", "state": "NY", "zip": "10001"}),
            billed(8, SAINT_MALO, {"country": "Korea (Republic of)", "zip": "03187"}),
            billed(9, SAINT_MALO, {"country": "日本", "zip": "100-0001"}),
            billed(10, SAINT_MALO, {"country": "XK", "zip": "10000"}),
        ],
        [billed(11, {"country": "ca"}), billed(12, SAINT_MALO), billed(13, NEW_YORK)],
        [
            found(2, "country", "ADR-COUNTRY repair -> CA"),
            found(3, "country", "ADR-COUNTRY repair -> US"),
            found(4, "country", "ADR-COUNTRY repair -> FR"),
            found(5, "country", "ADR-COUNTRY reject"),
            found(6, "country", "ADR-COUNTRY reject"),
            found(7, "country", "ADR-COUNTRY repair -> US"),
            found(8, "country", "ADR-COUNTRY repair -> US"),
            found(9, "country", "ADR-COUNTRY repair -> KR"),
            found(10, "country", "ADR-COUNTRY repair -> JP"),
            found(11, "country", "ADR-COUNTRY question"),
        ],
        [rejected(5, "ADR-COUNTRY"), rejected(6, "ADR-COUNTRY")],
    ),
    Case(
        "ADR-STATE",
        [
            billed(1, {"state": "Ontario", "zip": "M5V 1A1"}),
            billed(2, NEW_YORK, {"state": "new york"}),
            billed(3, {"state": "ZZ"}),
            billed(4, {"state": ""}),
            billed(5, NEW_YORK, {"state": "QC"}),
            billed(6, AUSTRALIA, {"state": ""}),
            billed(7, AUSTRALIA, {"state": "Outback"}),
            billed(8, AUSTRALIA, {"state": "Qld."}),
            billed(9, {"state": "PQ"}),
            billed(10, NEW_YORK, {"state": "N.Y."}),
            billed(11, NEW_YORK, {"state": "D.C.", "city": "Washington", "zip": "20001"}),
        ],
        [
            billed(12, NEW_YORK, {"state": "AE", "city": "APO", "zip": "09123"}),
            billed(13, NEW_YORK, {"state": "PR", "city": "San Juan", "zip": "00901"}),
            billed(14, {"state": "qc"}),
            billed(15, AUSTRALIA, {"state": "tas", "zip": "7000", "city": "Hobart"}),
            billed(16, SAINT_MALO, {"state": "Bretagne"}),
        ],
        [
            found(2, "state", "ADR-STATE repair -> ON"),
            found(3, "state", "ADR-STATE repair -> NY"),
            found(4, "state", "ADR-STATE reject"),
            found(5, "state", "ADR-STATE reject"),
            found(6, "state", "ADR-STATE reject"),
            found(7, "state", "ADR-STATE question"),
            found(8, "state", "ADR-STATE question"),
            found(9, "state", "ADR-STATE repair -> QLD"),
            found(10, "state", "ADR-STATE repair -> QC"),
            found(11, "state", "ADR-STATE repair -> NY"),
            found(12, "state", "ADR-STATE repair -> DC"),
        ],
        [rejected(line, "ADR-STATE") for line in range(4, 7)],
    ),
    Case(
        "ADR-STATE-EMPTY",
        [billed(1, SAINT_MALO, {"state": ""})],
        [billed(2, SAINT_MALO), billed(3, SAINT_MALO, {"state": "no such region"})],
        [found(2, "state", "ADR-STATE-EMPTY question")],
    ),
    Case(
        "ADR-ZIP",
        [
            billed(1, NEW_YORK, {"city": "Newark", "state": "NJ", "zip": "7102"}),
            billed(2, NEW_YORK, {"city": "Newark", "state": "NJ", "zip": "7102-1234"}),
            billed(3, NEW_YORK, {"zip": "100"}),
            billed(4, {"zip": "V6B"}),
            billed(5, {"zip": "3H3 1H1"}),
            billed(10, SAINT_MALO, {"country": "DE", "zip": "1067"}),
            billed(11, SAINT_MALO, {"country": "NL", "zip": "1012"}),
        ],
        [
            billed(6, NEW_YORK, {"zip": "10001-1234"}),
            billed(7, NEW_YORK, {"zip": "10001 1234"}),
            billed(8, {"zip": "h3h-1h1"}),
            billed(9, SAINT_MALO, {"country": "DE", "zip": "01067"}),
            billed(12, SAINT_MALO, {"country": "GB", "zip": "sw1a 1aa"}),
            billed(13, SAINT_MALO, {"country": "NL", "zip": "1012 ab"}),
            billed(14, SAINT_MALO, {"country": "PT", "zip": "1000001"}),
            # Hong Kong has no postal codes.
            billed(15, SAINT_MALO, {"country": "HK", "zip": "anything"}),
        ],
        [
            found(2, "zip", "ADR-ZIP repair -> 07102"),
            found(3, "zip", "ADR-ZIP repair -> 07102-1234"),
            found(4, "zip", "ADR-ZIP question"),
            found(5, "zip", "ADR-ZIP question"),
            found(6, "zip", "ADR-ZIP question"),
            found(7, "zip", "ADR-ZIP question"),
            found(8, "zip", "ADR-ZIP question"),
        ],
    ),
    Case(
        "ADR-PHONE",
        [
            billed(1, {"phone": "514-CALL"}),
            billed(2, {"phone": "none"}),
            billed(3, {"phone": "()"}),
            billed(4, {"phone": "123456789012345678901"}),
            billed(5, {"phone": "514/112.2233"}),
            billed(6, {"phone": "5141122233 x12"}),
            billed(7, {"phone": "514-555-1234 / 514-555-9999"}),
        ],
        [
            billed(8, {"phone": "(514)-112-2233"}),
            billed(9, {"phone": "+1 514 112 2233"}),
            billed(10, {"phone": "514112-2233"}),
        ],
        [
            *(found(line, "phone", "ADR-PHONE clear") for line in range(2, 7)),
            found(7, "phone", "ADR-PHONE repair -> 5141122233"),
            found(8, "phone", "ADR-PHONE repair -> 5145551234"),
        ],
    ),
    Case(
        "ADR-SALUTATION",
        [reader(1, {f"{SHIPPING}salutation": "", f"{SHIPPING}title": "empty"})],
        [reader(2)],
    ),
    Case(
        "ADR-CONFLICT",
        [
            reader(1),
            reader(1, {OLD_ID: "S9"}, address("billing", NEW_YORK), address("shipping", SAINT_MALO)),
        ],
        [
            reader(2),
            reader(2, {OLD_ID: "S8", f"{BILLING}phone": "(514) 112-2233", f"{BILLING}country": "ca"}),
        ],
        [
            "customers.csv:3 billing_address, address.billing: ADR-CONFLICT question",
            "customers.csv:3 shipping_address, address.shipping: ADR-CONFLICT question",
        ],
        [
            *merged(3, "customer", "billing_address", "shipping_address"),
            *merged(5, "customer", "billing_address", "shipping_address"),
        ],
    ),
    Case(
        "ADR-ID-CONFLICT",
        [
            reader(1, {BILLING_ID: "B-1", SHIPPING_ID: "S-1"}),
            reader(1, {OLD_ID: "S9", BILLING_ID: "B-1", SHIPPING_ID: "S-1"}, address("shipping", SAINT_MALO)),
        ],
        [
            reader(2, {BILLING_ID: "B-1", SHIPPING_ID: "S-1"}),
            reader(2, {OLD_ID: "S8", BILLING_ID: "B-1", SHIPPING_ID: "S-2"}, address("shipping", SAINT_MALO)),
        ],
        ["customers.csv:3 shipping_address, address.shipping: ADR-ID-CONFLICT question"],
        [
            *merged(3, "customer", "billing_address", "shipping_address"),
            *merged(5, "customer", "billing_address"),
        ],
    ),
    Case(
        "ADR-WHICH",
        [
            # Its own billing address is rejected, and another one stands.
            reader(1, {SHIPPING_ID: "S-1"}, address("billing", {"city": ""})),
            reader(1, {OLD_ID: "S8", BILLING_ID: "B-8", SHIPPING_ID: "S-1"}, address("billing", NEW_YORK)),
            # Online, it names an id that no address has.
            reader(2, {PLAN_ID: "O-M", SHIPPING_ID: "S-9", BILLING_ID: "B-2"}, dict.fromkeys(address("shipping"), "")),
        ],
        [
            reader(3, {BILLING_ID: "B-3", SHIPPING_ID: "S-3"}),
            reader(3, {OLD_ID: "S7", BILLING_ID: "B-3", SHIPPING_ID: "S-7"}, address("shipping", SAINT_MALO)),
            reader(4),
            reader(5, {PLAN_ID: "O-M"}, dict.fromkeys([*address("shipping"), *address("billing")], "")),
        ],
        [
            found(2, "city", "ADR-REQUIRED reject"),
            "customers.csv:2 subscription, address.billing: ADR-WHICH question",
            "customers.csv:4 subscription, address.shipping: ADR-WHICH question",
        ],
        [
            rejected(2, "ADR-REQUIRED"),
            *merged(3, "customer", "shipping_address"),
            *merged(6, "customer", "billing_address"),
        ],
    ),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> Outcomes:
    return Outcomes(CASES, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_breaks_a_rule_is_found_and_nothing_else(case, outcomes):
    assert_holds(case, outcomes)


def test_an_address_that_does_not_stand_leaves_its_place_to_the_next(tmp_path):
    rows = [customer(1) | address("billing", {"city": ""}), reader(1, {OLD_ID: "S9"}, address("billing", NEW_YORK))]
    migration = migrate(Delivery(rows), tmp_path)
    assert [each for each in migration.fallen if "billing" in each] == [rejected(2, "ADR-REQUIRED")]
    assert {row[f"{BILLING}city"] for row in migration.prepared("customers")} == {"New York"}


def test_a_subscription_whose_own_address_is_rejected_is_shipped_to_no_other(tmp_path):
    lost = address("shipping", {"zip": ""})
    rows = [reader(1, lost), reader(1, {OLD_ID: "S9"}, address("shipping", NEW_YORK))]
    migration = migrate(Delivery(rows), tmp_path)
    assert "customers.csv:2 subscription: rejected REL-SHIPPING" in migration.fallen
    assert [row[OLD_ID] for row in migration.prepared("customers")] == ["S9"]


def test_an_address_without_an_id_among_ids_is_a_question(tmp_path):
    rows = [
        reader(1, {SHIPPING_ID: "S-1"}),
        reader(1, {OLD_ID: "S9"}, address("shipping", NEW_YORK)),
        reader(2, {SHIPPING_ID: ""}),
    ]
    migration = migrate(Delivery(rows), tmp_path)
    assert migration.told == ["customers.csv:3 shipping_address, address.shipping: ADR-WHICH question"]


def test_a_digital_subscription_that_names_none_of_several_has_none(tmp_path):
    """Which of the two is meant cannot be told, and nothing is shipped."""
    online = {OLD_ID: "S9", PLAN_ID: "O-M"} | dict.fromkeys(address("shipping"), "")
    rows = [
        reader(1, {SHIPPING_ID: "S-1", BILLING_ID: "B"}),
        reader(1, {OLD_ID: "S8", SHIPPING_ID: "S-2", BILLING_ID: "B"}, address("shipping", NEW_YORK)),
        reader(1, online, {BILLING_ID: "B"}),
    ]
    migration = migrate(Delivery(rows), tmp_path)
    assert migration.told == ["customers.csv:4 subscription, address.shipping: ADR-WHICH question"]


def test_an_address_whose_name_was_repaired_equals_one_that_gives_it(tmp_path):
    migration = migrate(Delivery([billed(1, {"first_name": ""}), reader(1, {OLD_ID: "S9"})]), tmp_path)
    assert migration.told == [found(2, "first_name", "ADR-NAME repair -> Genaro")]
    assert migration.fallen == sorted(merged(3, "customer", "billing_address", "shipping_address"))


def test_a_subscription_ships_to_its_own_record_s_address(tmp_path):
    rows = [
        reader(1, {SHIPPING_ID: "home", BILLING_ID: "B"}),
        reader(1, {SHIPPING_ID: "abroad", BILLING_ID: "B", OLD_ID: "S9"}, address("shipping", SAINT_MALO)),
        reader(1, {SHIPPING_ID: "home", BILLING_ID: "B", OLD_ID: "S8"}),
    ]
    migration = migrate(Delivery(rows), tmp_path)
    assert migration.told == []
    cities = [(row[OLD_ID], row[f"{SHIPPING}city"]) for row in migration.prepared("customers")]
    assert cities == [("S1", "Montréal"), ("S9", "Saint-Malo"), ("S8", "Montréal")]


def test_a_subscription_whose_own_address_fell_ships_to_no_other(tmp_path):
    lost = address("shipping", SAINT_MALO, {"city": ""})
    rows = [reader(1, {SHIPPING_ID: "home"}), reader(1, {SHIPPING_ID: "abroad", OLD_ID: "S9"}, lost)]
    rows += [reader(2, {SHIPPING_ID: "home"}), reader(2, {SHIPPING_ID: "", OLD_ID: "S8"}, lost)]
    migration = migrate(Delivery(rows), tmp_path)
    assert [each for each in migration.fallen if "subscription" in each] == [
        f"customers.csv:{line} subscription: rejected REL-SHIPPING" for line in (3, 5)
    ]
    assert [row[OLD_ID] for row in migration.prepared("customers")] == ["S1", "S2"]


def test_what_needs_no_address_carries_none_where_its_own_fell(tmp_path):
    lost = address("shipping", SAINT_MALO, {"city": ""})
    online = {SHIPPING_ID: "abroad", OLD_ID: "S9", PLAN_ID: "O-M"}
    migration = migrate(Delivery([reader(1, {SHIPPING_ID: "home"}), reader(1, online, lost)]), tmp_path)
    carried = [(row[OLD_ID], row[SHIPPING_ID]) for row in migration.prepared("customers")]
    assert carried == [("S1", "home"), ("S9", "")]


@pytest.mark.parametrize(("named", "ships_to"), [("work", "work"), ("elsewhere", None), ("", None)])
def test_a_subscription_of_another_file_ships_to_the_address_that_it_names(named, ships_to, tmp_path):
    link = {"customer.old_provider_id": "HR1"}
    addresses = [link | {SHIPPING_ID: each} | address("shipping", {"line1": each}) for each in ("home", "work")]
    given = Delivery(
        [customer(1, {IMPORT_ONLY: "0"})],
        texts={
            "addresses.csv": as_csv(addresses),
            "billing.csv": as_csv([link | address("billing")]),
            "subscriptions.csv": as_csv([link | subscription(1) | {SHIPPING_ID: named}]),
        },
    )
    migration = migrate(given, tmp_path)
    subscribed = [row[SHIPPING_ID] for row in migration.prepared("customers") if row[OLD_ID]]
    assert subscribed == ([ships_to] if ships_to else [])
    assert migration.fallen == ([] if ships_to else ["subscriptions.csv:2 subscription: rejected REL-SHIPPING"])


def test_an_address_that_no_subscription_carries_has_a_record_of_its_own(tmp_path):
    abroad = customer(1, {IMPORT_ONLY: "0"}) | address("shipping", SAINT_MALO)
    rows = [reader(1, {SHIPPING_ID: "home"}), abroad | {SHIPPING_ID: "abroad"}]
    migration = migrate(Delivery(rows), tmp_path)
    carried = [(row[OLD_ID], row[SHIPPING_ID]) for row in migration.prepared("customers")]
    assert carried == [("S1", "home"), ("", "abroad")]
    objects = migration.staged().query("Section == 'Objects'").set_index("Attribute")
    assert objects.loc["Shipping addresses", "Dry-run (staging)"] == 2


def test_a_blank_side_is_no_address(tmp_path):
    migration = migrate(Delivery([customer(1)]), tmp_path)
    assert {each["object"] for each in migration.ledger} == {"customer", "product", "plan"}
