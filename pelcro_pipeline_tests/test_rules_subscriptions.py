"""Subscriptions: who is migrated, on what terms, and what stands twice."""

import pytest

from pelcro_pipeline_tests.cases import Case, Outcomes, assert_holds
from pelcro_pipeline_tests.extract import (
    DONOR,
    DONOR_ID,
    GROUP,
    IMPORT_ONLY,
    OLD_ID,
    ORDER_NUMBER,
    PERIOD_END,
    PLAN_ID,
    PLANS,
    PRINT_YEARLY,
    RECIPIENT,
    STATUS,
    Delivery,
    customer,
    migrate,
    reader,
    unaddressed,
)

CANCEL = "subscription.cancel_at_period_end"
START = "subscription.start_date"
SUSPENDED = "subscription.shipments_suspended_until"
UNDELIVERABLE = "subscription.shipments_undeliverable"
IS_EXPIRED = "subscription.common_metadata.is_expired"
START_NOW = "subscription.common_metadata.start_now"
SHIPMENTS = "subscription.shipments_remaining"
QUANTITY = "subscription.quantity"
COLLECTION = "subscription.collection_method"
TYPE = "subscription.type"

SAME_ORDER = {ORDER_NUMBER: "4003"}

#: A plan that is paid for once.
ONCE = PRINT_YEARLY | {"plan.old_id": "P-ONCE", "plan.auto_renew": "0"}
WITH_ONCE = {"plans": (*PLANS, ONCE)}


def found(line: int, attribute: str, outcome: str) -> str:
    return f"customers.csv:{line} subscription, {attribute}: {outcome}"


def rejected(rule: str, *lines: int) -> list[str]:
    return [f"customers.csv:{line} subscription: rejected {rule}" for line in lines]


def excluded(rule: str, *lines: int) -> list[str]:
    return [f"customers.csv:{line} subscription: excluded {rule}" for line in lines]


def merged(line: int, *objects: str) -> list[str]:
    return [
        f"customers.csv:{line} {each}: merged" for each in ("customer", "billing_address", "shipping_address", *objects)
    ]


CASES = [
    Case(
        "SUB-NOT-MIGRATED",
        [
            reader(1, {STATUS: "Cancelled"}),
            reader(2, {STATUS: "canceled"}),
            reader(3, {STATUS: "EXPIRED"}),
            reader(4, {STATUS: "cancelled", QUANTITY: "none", PLAN_ID: "NO-SUCH", CANCEL: ""}),
        ],
        [reader(5), reader(6, {STATUS: "Unpaid"})],
        fallen=excluded("SUB-NOT-MIGRATED", 2, 3, 4, 5),
    ),
    Case(
        "SUB-PLAN",
        [reader(1, {PLAN_ID: ""}), reader(2, {PLAN_ID: "PROMO-17"}), reader(3, {PLAN_ID: "p-y"})],
        [reader(4), reader(5, {PLAN_ID: " P-Y "})],
        [found(line, PLAN_ID, "SUB-PLAN reject") for line in (2, 3, 4)],
        rejected("SUB-PLAN", 2, 3, 4),
    ),
    Case(
        "SUB-PERIOD-END",
        [
            reader(1, {PERIOD_END: ""}),
            reader(2, {PERIOD_END: "31/02/2027"}),
            reader(3, {PERIOD_END: "in July"}),
            reader(4, {PERIOD_END: "07/31/2027"}),
        ],
        [
            reader(5, {PERIOD_END: "2027-07-31"}),
            reader(6, {PERIOD_END: "31.7.2027 10:00"}),
            reader(7, {PERIOD_END: "", START_NOW: "1"}),
            reader(8, {PERIOD_END: "31-07-2027"}),
        ],
        [
            *(found(line, PERIOD_END, "SUB-PERIOD-END reject") for line in range(2, 6)),
            # One reads in the losing order alone.
            f"customers.csv: subscription, {PERIOD_END}: FILE-DATE-ORDER question",
        ],
        rejected("SUB-PERIOD-END", 2, 3, 4, 5),
    ),
    Case(
        "SUB-EXPIRED",
        [
            reader(1, {PERIOD_END: "31/10/2026", CANCEL: "1"}),
            reader(2, {PERIOD_END: "31/10/2026", CANCEL: "1", QUANTITY: "none"}),
        ],
        [
            reader(3, {PERIOD_END: "01/11/2026"}),
            reader(4, {PERIOD_END: "31/10/2026", IS_EXPIRED: "yes"}),
            reader(5, {PERIOD_END: "31/10/2026", START_NOW: "1"}),
            reader(6, {PERIOD_END: "31/10/2026", STATUS: "unpaid"}),
        ],
        fallen=excluded("SUB-EXPIRED", 2, 3),
    ),
    Case(
        "SUB-ENDED-ACTIVE",
        [
            reader(1, {PERIOD_END: "31/10/2026"}),
            reader(2, {PERIOD_END: "31/10/2026", CANCEL: ""}),
        ],
        [
            reader(3, {PERIOD_END: "31/10/2026", CANCEL: "1"}),
            reader(4, {PERIOD_END: "31/10/2026", CANCEL: "", PLAN_ID: "P-ONCE"}),
            reader(5, {PERIOD_END: "31/10/2026", STATUS: "cancelled"}),
            reader(6),
        ],
        [found(line, PERIOD_END, "SUB-ENDED-ACTIVE question") for line in (2, 3)],
        [*excluded("SUB-EXPIRED", 2, 3, 4, 5), *excluded("SUB-NOT-MIGRATED", 6)],
        beside=WITH_ONCE,
    ),
    Case(
        "SUB-FAR",
        [reader(1, {PERIOD_END: "02/11/2046"}), reader(2, {PERIOD_END: "31/12/9999"})],
        [reader(3, {PERIOD_END: "01/11/2046"})],
        [found(line, PERIOD_END, "SUB-FAR question") for line in (2, 3)],
    ),
    Case(
        "SUB-CANCEL",
        [reader(1, {CANCEL: ""}), reader(2, {CANCEL: "perhaps"}), reader(3, {CANCEL: "", PLAN_ID: "P-ONCE"})],
        [reader(4, {CANCEL: "Y"}), reader(5, {CANCEL: "false"}), reader(6, {CANCEL: "1", PLAN_ID: "P-ONCE"})],
        [
            found(2, CANCEL, "SUB-CANCEL repair -> 0"),
            found(3, CANCEL, "SUB-CANCEL repair -> 0"),
            found(4, CANCEL, "SUB-CANCEL repair -> 1"),
        ],
        beside=WITH_ONCE,
    ),
    Case(
        "SUB-CANCEL-PLAN",
        [reader(1, {CANCEL: "0", PLAN_ID: "P-ONCE"})],
        [reader(2, {CANCEL: "1", PLAN_ID: "P-ONCE"}), reader(3, {CANCEL: "1"})],
        [found(2, CANCEL, "SUB-CANCEL-PLAN question")],
        beside=WITH_ONCE,
    ),
    Case(
        "SUB-DATE",
        [reader(1, {START: "2019"}), reader(2, {SUSPENDED: "when back"}), reader(3, {START: "30/02/2026"})],
        [
            reader(4, {START: "", SUSPENDED: ""}),
            reader(5, {START: "2026-02-28T00:00:00Z"}),
            reader(6, {START: "02/01/1970"}),
        ],
        [
            found(2, START, "SUB-DATE clear"),
            found(3, SUSPENDED, "SUB-DATE clear"),
            found(4, START, "SUB-DATE clear"),
        ],
    ),
    Case(
        "SUB-BOOLEAN",
        [
            reader(1, {UNDELIVERABLE: "?"}),
            reader(2, {IS_EXPIRED: "3"}),
            reader(3, {START_NOW: "later"}),
            reader(4, {UNDELIVERABLE: "2"}),
        ],
        [reader(5, {UNDELIVERABLE: "", IS_EXPIRED: "2", START_NOW: "No"}), reader(6, {DONOR: "2", RECIPIENT: "2"})],
        [
            found(2, UNDELIVERABLE, "SUB-BOOLEAN clear"),
            found(3, IS_EXPIRED, "SUB-BOOLEAN reject"),
            found(4, START_NOW, "SUB-BOOLEAN reject"),
            found(5, UNDELIVERABLE, "SUB-BOOLEAN clear"),
        ],
        rejected("SUB-BOOLEAN", 3, 4),
    ),
    Case(
        "SUB-START-AFTER-END",
        [reader(1, {START: "01/08/2027"})],
        [reader(2, {START: "31/07/2027"})],
        [found(2, START, "SUB-START-AFTER-END question")],
    ),
    Case(
        "BIL-EXPIRED-FLAG",
        [
            reader(1, {STATUS: "unpaid", IS_EXPIRED: "1"}),
            reader(2, {STATUS: "Unpaid", IS_EXPIRED: "yes", QUANTITY: "2"}),
        ],
        [reader(3, {STATUS: "unpaid", IS_EXPIRED: "2"}), reader(4, {IS_EXPIRED: "1"})],
        [found(line, IS_EXPIRED, "BIL-EXPIRED-FLAG question") for line in (2, 3)],
    ),
    Case(
        "BIL-QUANTITY",
        [reader(1, {STATUS: "unpaid", QUANTITY: "2"})],
        [reader(2, {STATUS: "unpaid", QUANTITY: "1.0"}), reader(3, {QUANTITY: "2"})],
        [found(2, QUANTITY, "BIL-QUANTITY question")],
    ),
    Case(
        "SUB-SHIPMENTS",
        [
            reader(1, {SHIPMENTS: ""}),
            reader(2, {SHIPMENTS: "-2"}),
            reader(3, {SHIPMENTS: "1.5"}),
            unaddressed(4, {SHIPMENTS: "a few"}),
        ],
        [unaddressed(5, {SHIPMENTS: ""}), reader(6, {SHIPMENTS: "0"}), reader(7, {SHIPMENTS: "4.00"})],
        [found(line, SHIPMENTS, "SUB-SHIPMENTS reject") for line in range(2, 6)],
        rejected("SUB-SHIPMENTS", 2, 3, 4, 5),
    ),
    Case(
        "SUB-QUANTITY",
        [reader(1, {QUANTITY: ""}), reader(2, {QUANTITY: "0"}), reader(3, {QUANTITY: "1.5"})],
        [reader(4, {QUANTITY: "2"}), reader(5, {QUANTITY: "01"})],
        [
            found(2, QUANTITY, "SUB-QUANTITY repair -> 1"),
            found(3, QUANTITY, "SUB-QUANTITY reject"),
            found(4, QUANTITY, "SUB-QUANTITY reject"),
        ],
        rejected("SUB-QUANTITY", 3, 4),
    ),
    Case(
        "SUB-COLLECTION",
        [reader(1, {COLLECTION: ""}), reader(2, {COLLECTION: "cheque"})],
        [reader(3, {COLLECTION: "Charge Automatically"}), reader(4, {COLLECTION: "SEND-INVOICE"})],
        [found(line, COLLECTION, "SUB-COLLECTION reject") for line in (2, 3)],
        rejected("SUB-COLLECTION", 2, 3),
    ),
    Case(
        "SUB-STATUS",
        [reader(1, {STATUS: ""}), reader(2, {STATUS: "pending"})],
        [reader(3, {STATUS: "ACTIVE"}), reader(4, {STATUS: "UnPaid"})],
        [found(line, STATUS, "SUB-STATUS reject") for line in (2, 3)],
        rejected("SUB-STATUS", 2, 3),
    ),
    Case(
        "SUB-TYPE",
        [reader(1, {TYPE: ""}), reader(2, {TYPE: "", GROUP: "M-9"}), reader(3, {TYPE: "corporate"})],
        [reader(4, {TYPE: "Regular"})],
        [
            found(2, TYPE, "SUB-TYPE repair -> regular"),
            found(3, TYPE, "SUB-TYPE reject"),
            found(4, TYPE, "SUB-TYPE reject"),
        ],
        rejected("SUB-TYPE", 3, 4),
    ),
    Case(
        "SUB-OLD-ID-SHARED",
        [reader(1), reader(2, {OLD_ID: "S1"}), reader(1, {OLD_ID: "S1", QUANTITY: "2"})],
        [reader(3), reader(3, {QUANTITY: "1.0", COLLECTION: "Charge Automatically"})],
        [found(line, OLD_ID, "SUB-OLD-ID-SHARED reject") for line in (3, 4)],
        [*rejected("SUB-OLD-ID-SHARED", 3, 4), *merged(4), *merged(6, "subscription")],
    ),
    Case(
        "SUB-OLD-ID-MISSING",
        [
            reader(1, {DONOR: "1", OLD_ID: ""}),
            reader(2, {DONOR: "1"}),
            reader(3, {RECIPIENT: "1", DONOR_ID: "S2", OLD_ID: ""}),
        ],
        [reader(4, {OLD_ID: ""})],
        [found(line, OLD_ID, "SUB-OLD-ID-MISSING reject") for line in (2, 4)],
        [*rejected("SUB-OLD-ID-MISSING", 2, 4), *rejected("REL-CLOSURE", 3)],
    ),
    Case(
        "SUB-DUPLICATE",
        [
            reader(1, {OLD_ID: ""}),
            reader(1, {OLD_ID: "", QUANTITY: "1.0"}),
            reader(2, {OLD_ID: "", STATUS: "unpaid"}),
            reader(2, {OLD_ID: "", STATUS: "Unpaid"}),
            # An id of its own tells an unpaid one apart; case and leading zeros do not.
            reader(3, {OLD_ID: "du3", STATUS: "unpaid"}, SAME_ORDER),
            reader(3, {OLD_ID: "DU3", STATUS: "unpaid"}, SAME_ORDER),
            reader(3, {OLD_ID: "DU4", STATUS: "unpaid"}, SAME_ORDER),
        ],
        [reader(4, {OLD_ID: ""}), reader(4, {OLD_ID: "", QUANTITY: "2"}), reader(5, {OLD_ID: ""})],
        [
            found(3, OLD_ID, "SUB-DUPLICATE question"),
            found(5, OLD_ID, "SUB-DUPLICATE reject"),
            found(7, OLD_ID, "SUB-DUPLICATE reject"),
            found(8, OLD_ID, "SUB-DUPLICATE question"),
        ],
        [*(each for line in (3, 5, 7, 8, 10) for each in merged(line)), *rejected("SUB-DUPLICATE", 5, 7)],
    ),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> Outcomes:
    return Outcomes(CASES, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_breaks_a_rule_is_found_and_nothing_else(case, outcomes):
    assert_holds(case, outcomes)


def test_subscriptions_are_written_in_pelcro_s_own_spelling(tmp_path):
    delivered = {
        PERIOD_END: "2027-07-31 00:00:00",
        CANCEL: "No",
        START: "31.7.2026",
        UNDELIVERABLE: "y",
        IS_EXPIRED: "2",
        START_NOW: "FALSE",
        SHIPMENTS: "09",
        QUANTITY: "1.0",
        COLLECTION: "Charge Automatically",
        STATUS: "Active",
        TYPE: "REGULAR",
        DONOR: "n",
    }
    row = migrate(Delivery([reader(1, delivered)]), tmp_path).prepared("customers")[0]
    assert {name: row[name] for name in delivered} == {
        PERIOD_END: "31/07/2027",
        CANCEL: "0",
        START: "31/07/2026",
        UNDELIVERABLE: "1",
        IS_EXPIRED: "0",
        START_NOW: "0",
        SHIPMENTS: "9",
        QUANTITY: "1",
        COLLECTION: "charge_automatically",
        STATUS: "active",
        TYPE: "regular",
        DONOR: "0",
    }


def test_a_record_whose_only_subscription_cells_are_noes_holds_no_subscription(tmp_path):
    nothing = customer(1, {DONOR: "2", RECIPIENT: "0", CANCEL: "no", UNDELIVERABLE: "False"})
    migration = migrate(Delivery([nothing]), tmp_path)
    assert migration.told == []
    assert [each["object"] for each in migration.ledger if each["file"] == "customers.csv"] == ["customer"]
    assert migration.value(IMPORT_ONLY) == "1"


def test_the_ledger_names_the_first_rule_in_the_book_s_order(tmp_path):
    wrong = reader(1, {QUANTITY: "0", STATUS: "pending", PLAN_ID: "NO-SUCH", COLLECTION: ""})
    migration = migrate(Delivery([wrong]), tmp_path)
    assert {each["rule"] for each in migration.findings} == {
        "SUB-PLAN",
        "SUB-QUANTITY",
        "SUB-COLLECTION",
        "SUB-STATUS",
    }
    assert migration.fallen == rejected("SUB-PLAN", 2)


def test_a_rejected_subscription_leaves_its_customer_and_addresses(tmp_path):
    migration = migrate(Delivery([reader(1, {QUANTITY: "0"})]), tmp_path)
    assert migration.fallen == rejected("SUB-QUANTITY", 2)
    row = migration.prepared("customers")[0]
    assert (row[IMPORT_ONLY], row["address.shipping_city"], row[QUANTITY]) == ("1", "Montréal", "")


#: Cells that say the same of a subscription online, beside what they are compared with.
SAME = [
    ({IS_EXPIRED: "2"}, {IS_EXPIRED: ""}),
    ({SHIPMENTS: "0"}, {SHIPMENTS: ""}),
    ({UNDELIVERABLE: "0"}, {UNDELIVERABLE: ""}),
    ({DONOR: "", RECIPIENT: "2"}, {DONOR: "0", RECIPIENT: ""}),
    ({CANCEL: "0"}, {CANCEL: ""}),
    ({START_NOW: "1", PERIOD_END: ""}, {START_NOW: "1", PERIOD_END: "01/01/2027"}),
    ({OLD_ID: "DU2"}, {OLD_ID: ""}),
    ({OLD_ID: "0042"}, {OLD_ID: "42"}),
    ({START: "31/07/2026"}, {START: "2026-07-31 00:00"}),
]


def test_an_unpaid_duplicate_is_told_by_what_would_be_loaded(tmp_path):
    rows = [
        unaddressed(number, {OLD_ID: "", STATUS: "unpaid"}, SAME_ORDER, each)
        for number, pair in enumerate(SAME)
        for each in pair
    ]
    migration = migrate(Delivery(rows), tmp_path)
    duplicates = [each["line"] for each in migration.findings if each["rule"] == "SUB-DUPLICATE"]
    assert duplicates == [3 + 2 * number for number in range(len(SAME))]
    assert {each["severity"] for each in migration.findings if each["rule"] == "SUB-DUPLICATE"} == {"reject"}
    assert [row[STATUS] for row in migration.prepared("customers")] == ["unpaid"] * len(SAME)


def test_subscriptions_that_go_to_two_addresses_are_two(tmp_path):
    ids = {"shipping_address_id": "home"}, {"shipping_address_id": "work", "address.shipping_line1": "1 Water Street"}
    migration = migrate(Delivery([reader(1, {OLD_ID: "", STATUS: "unpaid"}, each) for each in ids]), tmp_path)
    assert migration.told == []
    assert [row[STATUS] for row in migration.prepared("customers")] == ["unpaid", "unpaid"]


def test_a_duplicate_of_what_fell_is_none(tmp_path):
    """Of three alike the first falls by itself: the second stands, and the third is its duplicate."""
    rows = [unaddressed(1, {OLD_ID: "", STATUS: "unpaid"}, each) for each in ({QUANTITY: "0"}, {}, {})]
    migration = migrate(Delivery(rows), tmp_path)
    assert migration.told == [found(2, QUANTITY, "SUB-QUANTITY reject"), found(4, OLD_ID, "SUB-DUPLICATE reject")]


def test_cancelled_repeats_are_excluded_and_compared_with_nothing(tmp_path):
    gone = reader(1, {STATUS: "cancelled"})
    migration = migrate(Delivery([gone, reader(1)]), tmp_path)
    assert migration.told == []
    assert migration.fallen == sorted([*excluded("SUB-NOT-MIGRATED", 2), *merged(3)])
    assert migration.value(OLD_ID) == "S1"
