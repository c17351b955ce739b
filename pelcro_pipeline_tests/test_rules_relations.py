"""Relations: partners that must exist, and be as many as they must be; and what falls with the fallen."""

import pytest

from pelcro_pipeline_tests.cases import Case, Outcomes, Pair, assert_holds, assert_parted
from pelcro_pipeline_tests.extract import (
    DONOR,
    DONOR_ID,
    GROUP,
    IMPORT_ONLY,
    OLD_ID,
    PERIOD_END,
    PLAN_ID,
    PLANS,
    PRINT_YEARLY,
    RECIPIENT,
    SETTINGS,
    STATUS,
    Delivery,
    address,
    as_csv,
    crew,
    customer,
    gift,
    migrate,
    reader,
    subscription,
    unaddressed,
)

QUANTITY = "subscription.quantity"
TYPE = "subscription.type"
SHIPPED = {PLAN_ID: "P-Y", "subscription.shipments_remaining": "9"}
#: A download of a product that asks for an address: nothing is shipped.
DOWNLOAD = PRINT_YEARLY | {"plan.old_id": "P-PDF", "plan.shipments_per_interval": "0"}
OTHER = PRINT_YEARLY | {"plan.old_id": "P-2Y", "plan.nickname": "Print, two years"}


def found(line: int, attribute: str, outcome: str) -> str:
    return f"customers.csv:{line} subscription, {attribute}: {outcome}"


def rejected(rule: str, *lines: int) -> list[str]:
    return [f"customers.csv:{line} subscription: rejected {rule}" for line in lines]


CASES = [
    Case(
        "REL-SHIPPING",
        [
            unaddressed(1, SHIPPED),
            unaddressed(2, SHIPPED, address("billing")),
            unaddressed(3, {PLAN_ID: "P-PDF"}),
            reader(4, address("shipping", {"city": ""})),
        ],
        [
            unaddressed(5, {PLAN_ID: "P-PDF"}, address("billing")),
            unaddressed(6, {PLAN_ID: "P-PDF"}, address("shipping")),
            unaddressed(7, SHIPPED, address("shipping")),
            unaddressed(8),
        ],
        [
            *(found(line, PLAN_ID, "REL-SHIPPING reject") for line in range(2, 6)),
            "customers.csv:5 shipping_address, address.shipping_city: ADR-REQUIRED reject",
        ],
        [*rejected("REL-SHIPPING", 2, 3, 4, 5), "customers.csv:5 shipping_address: rejected ADR-REQUIRED"],
        beside={"plans": (*PLANS, DOWNLOAD)},
    ),
    Case(
        "REL-TAX-ADDRESS",
        [unaddressed(1), unaddressed(2, address("shipping")), reader(3, address("billing", {"zip": ""}))],
        [reader(4), customer(5)],
        [
            *(found(line, PLAN_ID, "REL-TAX-ADDRESS reject") for line in (2, 3, 4)),
            "customers.csv:4 billing_address, address.billing_zip: ADR-REQUIRED reject",
        ],
        [*rejected("REL-TAX-ADDRESS", 2, 3, 4), "customers.csv:4 billing_address: rejected ADR-REQUIRED"],
        beside={"settings": SETTINGS.replace("false", "true")},
    ),
    Case(
        "REL-MEMBERSHIP-ADMIN",
        [*crew("member", "member"), *crew("admin", "admin", "member", first=3)],
        [*crew("admin", "member", "member", first=6), *crew("admin", first=9)],
        [found(line, GROUP, "REL-MEMBERSHIP-ADMIN reject") for line in range(2, 7)],
        rejected("REL-MEMBERSHIP-ADMIN", *range(2, 7)),
    ),
    Case(
        "REL-MEMBERSHIP-ID",
        [unaddressed(1, {PLAN_ID: "C-Y", TYPE: "admin"}), unaddressed(2, {PLAN_ID: "C-Y", TYPE: "member"})],
        crew("admin", "member", first=3),
        [found(line, GROUP, "REL-MEMBERSHIP-ID reject") for line in (2, 3)],
        rejected("REL-MEMBERSHIP-ID", 2, 3),
    ),
    Case(
        "REL-MEMBERSHIP-PLAN",
        crew("admin", "member", plan="O-M"),
        crew("admin", "member", first=3),
        [found(line, PLAN_ID, "REL-MEMBERSHIP-PLAN question") for line in (2, 3)],
    ),
    Case(
        "REL-GIFT-DONOR",
        [
            reader(1, {RECIPIENT: "1"}),
            reader(2, {RECIPIENT: "1", DONOR_ID: "S99"}),
            reader(3, {RECIPIENT: "1", DONOR_ID: "S4"}),
        ],
        [reader(4), *gift(5, 6)],
        [found(line, DONOR_ID, "REL-GIFT-DONOR reject") for line in (2, 3, 4)],
        rejected("REL-GIFT-DONOR", 2, 3, 4),
    ),
    Case(
        "REL-GIFT-ONE-TO-ONE",
        [*gift(1, 2), gift(1, 3)[1]],
        gift(4, 5),
        [
            found(2, OLD_ID, "REL-GIFT-ONE-TO-ONE reject"),
            found(3, DONOR_ID, "REL-GIFT-ONE-TO-ONE reject"),
            found(4, DONOR_ID, "REL-GIFT-ONE-TO-ONE reject"),
        ],
        rejected("REL-GIFT-ONE-TO-ONE", 2, 3, 4),
    ),
    Case(
        "REL-GIFT-ALONE",
        [reader(1, {DONOR: "1"})],
        gift(2, 3),
        [found(2, OLD_ID, "REL-GIFT-ALONE reject")],
        rejected("REL-GIFT-ALONE", 2),
    ),
    Case(
        "REL-GIFT-PLAN",
        [gift(1, 2)[0], gift(1, 2)[1] | {PLAN_ID: "P-2Y"}],
        gift(3, 4),
        [found(line, PLAN_ID, "REL-GIFT-PLAN reject") for line in (2, 3)],
        rejected("REL-GIFT-PLAN", 2, 3),
        beside={"plans": (*PLANS, OTHER)},
    ),
    Case(
        "REL-STRAY",
        [unaddressed(1, {GROUP: "M-9"}), reader(2, {DONOR_ID: "S4"}), unaddressed(3, {PLAN_ID: "C-Y"})],
        [*gift(4, 5), *crew("admin", "member", first=6)],
        [
            found(2, GROUP, "REL-STRAY question"),
            found(3, DONOR_ID, "REL-STRAY question"),
            found(4, TYPE, "REL-STRAY question"),
        ],
    ),
    Case(
        "REL-GIFT-FLAG",
        [
            gift(1, 2)[0] | {DONOR: ""},
            gift(1, 2)[1],
            gift(3, 4)[0],
            gift(3, 4)[1] | {RECIPIENT: ""},
        ],
        [*gift(5, 6), reader(7, {DONOR: "", RECIPIENT: ""})],
        [found(2, DONOR, "REL-GIFT-FLAG repair -> 1"), found(5, RECIPIENT, "REL-GIFT-FLAG repair -> 1")],
    ),
    Case(
        "REL-EXCLUDED-PARTNER",
        [
            gift(1, 2)[0] | {STATUS: "cancelled"},
            gift(1, 2)[1],
            crew("admin", "member", "member", first=3)[0] | {PERIOD_END: "31/10/2026"},
            *crew("admin", "member", "member", first=3)[1:],
            gift(6, 7)[0],
            gift(6, 7)[1] | {IMPORT_ONLY: "1"},
        ],
        [reader(8, {STATUS: "cancelled"}), *gift(9, 10)],
        [
            found(2, OLD_ID, "REL-EXCLUDED-PARTNER question"),
            found(4, PERIOD_END, "SUB-ENDED-ACTIVE question"),
            found(4, GROUP, "REL-EXCLUDED-PARTNER question"),
            found(8, OLD_ID, "REL-EXCLUDED-PARTNER question"),
        ],
        [
            "customers.csv:2 subscription: excluded SUB-NOT-MIGRATED",
            "customers.csv:4 subscription: excluded SUB-EXPIRED",
            "customers.csv:8 subscription: excluded CUS-IMPORT-ONLY-SUB",
            "customers.csv:9 subscription: excluded SUB-NOT-MIGRATED",
            *rejected("REL-CLOSURE", 3, 5, 6, 7),
        ],
    ),
    Case(
        "REL-GIFT-SELF",
        [gift(1, 2)[0], reader(1, {RECIPIENT: "1", DONOR_ID: "S1", OLD_ID: "S2"})],
        gift(3, 4),
        [found(3, DONOR_ID, "REL-GIFT-SELF question")],
        [
            "customers.csv:3 customer: merged",
            *(f"customers.csv:3 {each}_address: merged" for each in ("billing", "shipping")),
        ],
    ),
    Case(
        "REL-GIFT-BOTH",
        [gift(1, 2)[0], gift(1, 2)[1] | {DONOR: "1"}, gift(2, 3)[1]],
        gift(4, 5),
        [found(3, RECIPIENT, "REL-GIFT-BOTH reject")],
        [*rejected("REL-GIFT-BOTH", 3), *rejected("REL-CLOSURE", 2, 4)],
    ),
    Case(
        "REL-CLOSURE",
        [gift(1, 2)[0], gift(1, 2)[1] | {QUANTITY: "0"}],
        gift(3, 4),
        [found(3, QUANTITY, "SUB-QUANTITY reject")],
        [*rejected("SUB-QUANTITY", 3), *rejected("REL-CLOSURE", 2)],
    ),
]


LINK = "customer.old_provider_id"


def five_files(addressed: list[str], subscribed: list[str]) -> Delivery:
    """The five-file layout with one customer; addresses and subscriptions name theirs."""
    both = address("billing") | address("shipping")
    return Delivery(
        texts={
            "people.csv": as_csv([customer(1, {IMPORT_ONLY: "0"})]),
            "addresses.csv": as_csv([{LINK: each} | both for each in addressed]),
            "subscriptions.csv": as_csv([{LINK: each} | subscription(n) for n, each in enumerate(subscribed)]),
        }
    )


UNKNOWN_CUSTOMER = Pair(
    "REL-CUSTOMER",
    five_files(["HR1", "HR404", ""], ["HR1", "HR404"]),
    five_files(["HR1"], ["HR1", "HR1"]),
    # One finding for each record, whichever objects it holds.
    (
        f"addresses.csv:3 billing_address, {LINK}: REL-CUSTOMER reject",
        f"addresses.csv:4 billing_address, {LINK}: REL-CUSTOMER reject",
        f"subscriptions.csv:3 subscription, {LINK}: REL-CUSTOMER reject",
    ),
    (
        "addresses.csv:3 billing_address: rejected REL-CUSTOMER",
        "addresses.csv:3 shipping_address: rejected REL-CUSTOMER",
        "addresses.csv:4 billing_address: rejected REL-CUSTOMER",
        "addresses.csv:4 shipping_address: rejected REL-CUSTOMER",
        "subscriptions.csv:3 subscription: rejected REL-CUSTOMER",
    ),
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> Outcomes:
    return Outcomes(CASES, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_breaks_a_rule_is_found_and_nothing_else(case, outcomes):
    assert_holds(case, outcomes)


def test_a_record_must_name_a_customer_of_the_extract(tmp_path):
    assert_parted(UNKNOWN_CUSTOMER, tmp_path)


def closed(migration) -> dict[int, str]:
    """The line of each subscription that fell with another, and the cause that the ledger names."""
    return {
        each["line"]: each["detail"]
        for each in migration.ledger
        if each["rule"] == "REL-CLOSURE" and each["object"] == "subscription"
    }


def test_a_rejected_plan_takes_its_subscriptions_along(tmp_path):
    given = Delivery([reader(1), unaddressed(2)], plans=[PLANS[0] | {"plan.amount": "19.99"}, *PLANS[1:]])
    assert closed(migrate(given, tmp_path)) == {2: "PLN-AMOUNT on plan at plans.csv:2"}


def test_a_recipient_falls_with_its_donor_without_a_finding(tmp_path):
    donor, recipient = gift()
    migration = migrate(Delivery([recipient, donor | {QUANTITY: "0"}]), tmp_path)
    assert migration.told == [found(3, QUANTITY, "SUB-QUANTITY reject")]
    assert closed(migration) == {2: "SUB-QUANTITY on subscription at customers.csv:3"}


def test_a_recipient_falls_with_an_excluded_donor(tmp_path):
    donor, recipient = gift()
    migration = migrate(Delivery([donor | {STATUS: "cancelled"}, recipient]), tmp_path)
    assert migration.told == [found(2, OLD_ID, "REL-EXCLUDED-PARTNER question")]
    assert migration.findings[0]["message"].endswith(" It takes 1 subscription with it.")
    assert closed(migration) == {3: "SUB-NOT-MIGRATED on subscription at customers.csv:2"}


@pytest.mark.parametrize(
    ("of_donor", "of_recipient", "unreadable"),
    [({}, {RECIPIENT: "X"}, {3}), ({DONOR: "oui"}, {}, {2}), ({DONOR: "oui"}, {RECIPIENT: "oui"}, {2, 3})],
)
def test_half_a_gift_is_never_migrated(of_donor, of_recipient, unreadable, tmp_path):
    """A flag that cannot be read may be a yes: what it hangs together with falls with it."""
    donor, recipient = gift()
    migration = migrate(Delivery([donor | of_donor, recipient | of_recipient]), tmp_path)
    assert migration.fallen == sorted(
        each for line in (2, 3) for each in rejected("SUB-BOOLEAN" if line in unreadable else "REL-CLOSURE", line)
    )
    assert {each["rule"] for each in migration.findings} == {"SUB-BOOLEAN"}


def test_a_repaired_gift_needs_an_id_as_any_other(tmp_path):
    donor, recipient = gift()
    migration = migrate(Delivery([donor, recipient | {RECIPIENT: "", OLD_ID: ""}]), tmp_path)
    assert migration.told == [found(3, OLD_ID, "SUB-OLD-ID-MISSING reject")]
    assert migration.fallen == sorted([*rejected("SUB-OLD-ID-MISSING", 3), *rejected("REL-CLOSURE", 2)])


def test_members_fall_with_their_only_admin_and_the_admin_with_no_member(tmp_path):
    admin, *members = crew("admin", "member", "member")
    fallen_admin = migrate(Delivery([admin | {QUANTITY: "0"}, *members]), tmp_path / "admin")
    cause = "SUB-QUANTITY on subscription at customers.csv:2"
    assert closed(fallen_admin) == {3: cause, 4: cause}
    fallen_members = migrate(Delivery([admin, *(each | {QUANTITY: "0"} for each in members)]), tmp_path / "members")
    assert closed(fallen_members) == {}


def test_a_second_admin_that_fell_is_not_counted(tmp_path):
    admin, fallen_admin, member = crew("admin", "admin", "member")
    migration = migrate(Delivery([admin, fallen_admin | {QUANTITY: "0"}, member]), tmp_path)
    assert migration.told == [found(3, QUANTITY, "SUB-QUANTITY reject")]
    assert migration.fallen == rejected("SUB-QUANTITY", 3)


def test_closure_names_the_root_cause_through_every_link(tmp_path):
    """A rejected customer's subscription is a donor: its recipient falls for the customer's defect."""
    donor, recipient = gift()
    text = as_csv([donor, recipient], "customer.phone", ["+15140000000", recipient["customer.phone"]])
    migration = migrate(Delivery(texts={"customers.csv": text}), tmp_path)
    assert migration.told == ["customers.csv:2 customer, customer.phone: FILE-DUPLICATE-HEADER reject"]
    cause = "FILE-DUPLICATE-HEADER on customer at customers.csv:2"
    assert closed(migration) == {2: cause, 3: cause}
    addresses = [each for each in migration.fallen if "address" in each]
    assert addresses == [f"customers.csv:2 {type_}_address: rejected REL-CLOSURE" for type_ in ("billing", "shipping")]


def test_an_object_already_fallen_gets_no_relation_finding(tmp_path):
    migration = migrate(Delivery([unaddressed(1, SHIPPED, {QUANTITY: "0"})]), tmp_path)
    assert migration.told == [found(2, QUANTITY, "SUB-QUANTITY reject")]


def test_an_object_that_breaks_several_relations_is_named_by_the_first(tmp_path):
    migration = migrate(Delivery([unaddressed(1, SHIPPED, {DONOR: "1"})]), tmp_path)
    assert migration.told == [found(2, PLAN_ID, "REL-SHIPPING reject")]
    assert migration.fallen == rejected("REL-SHIPPING", 2)


def test_a_gift_delivered_twice_is_one_gift(tmp_path):
    donor, recipient = gift()
    migration = migrate(Delivery([donor, recipient, recipient]), tmp_path)
    assert migration.told == []
    assert [each["disposition"] for each in migration.ledger if each["object"] == "subscription"] == [
        "prepared",
        "prepared",
        "merged",
    ]


def test_a_group_whose_admin_is_delivered_twice_has_one_admin(tmp_path):
    admin, member = crew("admin", "member")
    migration = migrate(Delivery([admin, admin, member]), tmp_path)
    assert migration.told == []
    assert "customers.csv:3 subscription: merged" in migration.fallen


def test_a_shipping_address_of_any_of_the_customer_s_records_serves(tmp_path):
    rows = [reader(1, dict.fromkeys(address("shipping"), "")), customer(1, {IMPORT_ONLY: "0"}) | address("shipping")]
    migration = migrate(Delivery(rows), tmp_path)
    assert migration.told == []
    assert migration.value("address.shipping_city") == "Montréal"
