"""Files: what is wrong with a file or a record as a whole."""

import pytest

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline_tests.cases import Pair, assert_parted
from pelcro_pipeline_tests.extract import (
    DONOR,
    IMPORT_ONLY,
    OLD_ID,
    ORDER_NUMBER,
    PERIOD_END,
    PLAN_ID,
    PLANS,
    PRODUCTS,
    SETTINGS,
    STATUS,
    Delivery,
    address,
    as_csv,
    customer,
    gift,
    migrate,
    reader,
    subscription,
)

OBJECTS = ("billing_address", "customer", "shipping_address", "subscription")
TWO = as_csv([reader(1), reader(2)])
#: A number that processors give out for tests.
CARD = "4242 4242 4242 4242"
LAST = as_csv([reader(3)]).splitlines()[1]


def delivered(text: str | bytes, **more: object) -> Delivery:
    return Delivery(texts={"customers.csv": text}, **more)


ID = "customer.old_provider_id"
#: Names and addresses that look odd and are not.
HEALTHY = (
    {
        "customer.first_name": "JOÃO",
        "customer.last_name": "N’Golo O’Brien",
        "address.shipping_company": "Baker & Sons; AT&T",
    },
    {
        "customer.first_name": "Živa",
        "customer.last_name": "KNEŽEVIĆ",
        "address.shipping_line1": "Chaussée d’Anvers n°5, 1º",
    },
    {
        "customer.first_name": "東京",
        "customer.last_name": "Paral·lel",
        "address.shipping_company": "Издательство «Волна»",
    },
)

CASES = [
    Pair(
        "FILE-UNREADABLE",
        delivered(b"PNG\r\n\x1a\x81\x8d\x8f"),
        delivered(TWO),
        refusal="customers.csv is not text in any encoding we know (byte offset 6)",
    ),
    Pair(
        "FILE-TEXT-HEALTH",
        Delivery(
            [
                reader(1, {"customer.first_name": "RenÃ©", "customer.last_name": "L\ufffdvesque"}),
                reader(2, {"customer.last_name": "Baker &amp; Sons", "customer.first_name": "MontrŽal"}),
            ]
        ),
        Delivery([reader(1, HEALTHY[0]), reader(2, HEALTHY[1]), reader(3, HEALTHY[2])]),
        (
            "customers.csv: customer, customer.first_name: FILE-TEXT-HEALTH question",
            "customers.csv: customer, customer.last_name: FILE-TEXT-HEALTH question",
        ),
    ),
    Pair(
        "FILE-NOTHING",
        Delivery(
            [
                reader(1, {ID: "NULL", OLD_ID: "NULL", "customer.first_name": "NULL"}),
                reader(2, {ID: "NULL", OLD_ID: "NULL", "customer.first_name": "None", "customer.title": "n/a"}),
            ]
        ),
        Delivery(
            [
                reader(1, {"customer.last_name": "Null", "customer.first_name": "None"}),
                reader(2, {"customer.last_name": "Ng", "customer.first_name": "Nan", "customer.title": "-1"}),
            ]
        ),
        (
            "customers.csv: file, all of it: FILE-NOTHING question",
            "customers.csv: file, all of it: FILE-NOTHING question",
            *(f"customers.csv:{line} customer, {ID}: CUS-ID-MISSING repair -> gen-<12 hex digits>" for line in (2, 3)),
        ),
    ),
    Pair(
        "FILE-DIGITS-LOST",
        Delivery(
            [
                reader(1, {ID: "4.56123E+15"}),
                reader(2, {ID: "4.56123E+15"}),
                reader(3, {PLAN_ID: "1E+12"}),
                reader(4, {ORDER_NUMBER: "4.00000e15"}),
            ]
        ),
        Delivery([reader(1, {ID: "4561230000000001"}), reader(2, {ID: "12E5"}), reader(3, {ORDER_NUMBER: "E+15"})]),
        (
            f"customers.csv: customer, {ID}: FILE-DIGITS-LOST reject",
            f"customers.csv: subscription, {PLAN_ID}: FILE-DIGITS-LOST reject",
            f"customers.csv: subscription, {ORDER_NUMBER}: FILE-DIGITS-LOST question",
        ),
        (
            *(f"customers.csv:{line} {each}: rejected FILE-DIGITS-LOST" for line in (2, 3) for each in OBJECTS),
            "customers.csv:4 subscription: rejected FILE-DIGITS-LOST",
        ),
    ),
    Pair(
        "FILE-INVISIBLE",
        Delivery([reader(1, {ID: "HR\u200b1", "customer.email": "genaro\u00ad@post.example"})]),
        Delivery([reader(1, {"customer.first_name": "\u0645\u06cc\u200c\u0646\u0627"})]),
        (
            f"customers.csv: customer, {ID}: FILE-INVISIBLE repair",
            "customers.csv: customer, customer.email: FILE-INVISIBLE repair",
        ),
    ),
    Pair(
        "FILE-MISSING",
        delivered(TWO, plans=[each | {"plan.amount": None} for each in PLANS]),
        delivered(TWO),
        refusal="plans.csv lacks plan.amount",
    ),
    Pair(
        "FILE-HEADER",
        Delivery([reader(1, {"customer.shoe_size": "42", "Remarks": ""})]),
        Delivery([reader(1, {"customer.common_metadata.shoe_size": "42"})]),
        (
            "customers.csv: file, Remarks: FILE-HEADER question",
            "customers.csv: file, customer.shoe_size: FILE-HEADER question",
        ),
    ),
    Pair(
        "FILE-DUPLICATE-HEADER",
        delivered(as_csv([reader(1), reader(2)], "subscription.quantity", ["1", "2"])),
        delivered(as_csv([reader(1), reader(2)], "Subscription.Quantity*", [" 1", "1"])),
        ("customers.csv:3 subscription, subscription.quantity: FILE-DUPLICATE-HEADER reject",),
        ("customers.csv:3 subscription: rejected FILE-DUPLICATE-HEADER",),
    ),
    Pair(
        "FILE-RAGGED",
        delivered(f"{TWO}{LAST},one cell more\nHR4,too few\n"),
        delivered(f"{TWO}{LAST}\n"),
        tuple(f"customers.csv:{line} {each}, all of it: FILE-RAGGED reject" for line in (4, 5) for each in OBJECTS),
        tuple(f"customers.csv:{line} {each}: rejected FILE-RAGGED" for line in (4, 5) for each in OBJECTS),
    ),
    Pair(
        "FILE-BLANK",
        delivered(TWO.replace("\nHR2", "\n" + "," * TWO.splitlines()[0].count(",") + "\n\nHR2") + "\n"),
        delivered(TWO),
        fallen=tuple(f"customers.csv:{line} record: excluded FILE-BLANK" for line in (3, 4, 6)),
    ),
    Pair(
        "FILE-CARD-NUMBER",
        Delivery([reader(1), reader(2, {"subscription.common_metadata.order_number": CARD})]),
        Delivery([reader(1, {"subscription.common_metadata.order_number": CARD[:-1] + "3"})]),
        refusal="customers.csv, line 3, subscription.common_metadata.order_number holds a payment card number",
    ),
    Pair(
        "FILE-DATE-ORDER",
        Delivery([reader(1, {PERIOD_END: "05/06/2027"}), reader(2, {PERIOD_END: "07.08.2027"})]),
        Delivery([reader(1, {PERIOD_END: "05/06/2027"}), reader(2, {PERIOD_END: "13.08.2027"})]),
        (f"customers.csv: subscription, {PERIOD_END}: FILE-DATE-ORDER question",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_breaks_a_rule_is_found_and_nothing_else(case, tmp_path):
    assert_parted(case, tmp_path)


def test_empty_cells_behind_the_last_column_make_a_record_ragged(tmp_path):
    migration = migrate(delivered(f"{TWO}{LAST},\n{LAST.replace('HR3', 'HR4')},,\n"), tmp_path)
    assert migration.fallen == [
        f"customers.csv:{line} {each}: rejected FILE-RAGGED" for line in (4, 5) for each in OBJECTS
    ]


def test_a_card_number_is_never_told(tmp_path):
    with pytest.raises(UnusableInputError) as refused:
        migrate(Delivery([reader(1, {"Remarks": f"paid with {CARD}"})]), tmp_path)
    assert "4242" not in str(refused.value)


BESIDE_A_CARD = [
    f"paid by {CARD} 12/27",
    f"{CARD.replace(' ', '')} 123",
    f"ref 12 {CARD}",
    f"1234 {CARD}",
    f"1234567890123,{CARD.replace(' ', '-')}",
    "VISA:4242424242424242;exp 12 27",
    f"2026-07-22 paid {CARD} with thanks on 2026-07-23 10 15",
    "12 4242424242424242 13 14 15 16 17",
    "3782-822463-10005 (12 27)",
]


@pytest.mark.parametrize("remark", BESIDE_A_CARD)
def test_a_card_number_is_found_whatever_stands_beside_it(remark, tmp_path):
    with pytest.raises(UnusableInputError, match=r"customers\.csv, line 2, Remarks holds a payment card number"):
        migrate(Delivery([reader(1, {"Remarks": remark})]), tmp_path)


NO_CARDS = [
    "d424242424242424242ae7f0c2b41d5a8",
    "order 20260131 0042 4242",
    "43 42 42 42 42 42 42 42",
    "4242424242424241 4242424242424243",
    "9400 4242 4242 4242 4242 0000 11",
    "DE89 4242 4242 4242 4242 01",
    "orders 4242/4242/4242/4242",
    "4242-4242, 4242-4242",
    "5f4dcc3b-4242-4242-4242-4242a2424242",
]


@pytest.mark.parametrize("remark", NO_CARDS)
def test_what_only_looks_like_a_card_number_is_let_be(remark, tmp_path):
    assert migrate(Delivery([reader(1, {"Remarks": remark})]), tmp_path).broken == []


def test_a_blank_record_is_one_ledger_row_with_an_empty_object(tmp_path):
    migration = migrate(delivered(f"{TWO}\n"), tmp_path)
    assert [(each["line"], each["disposition"], each["rule"]) for each in migration.ledger if each["object"] == ""] == [
        (4, "excluded", "FILE-BLANK")
    ]


def test_a_record_of_cells_that_say_empty_is_blank(tmp_path):
    cells = TWO.splitlines()[0].count(",")
    migration = migrate(delivered(TWO + "'empty'" + ", ,Empty" + "," * (cells - 2) + "\n"), tmp_path)
    assert migration.told == []
    assert migration.fallen == ["customers.csv:4 record: excluded FILE-BLANK"]


def test_a_record_that_holds_a_link_alone_is_in_the_ledger(tmp_path):
    link = {"customer.old_provider_id": "HR1"}
    nothing = dict.fromkeys(subscription(1), "") | link
    texts = {"subscriptions.csv": as_csv([link | subscription(1), nothing | {"Remarks": "left"}])}
    row = customer(1, {IMPORT_ONLY: "0"}) | address("shipping") | address("billing")
    migration = migrate(Delivery([row], texts=texts), tmp_path)
    assert migration.fallen == ["subscriptions.csv:3 record: excluded FILE-BLANK"]
    assert [each["Remarks"] for each in migration.archived("subscriptions.csv.records.parquet")] == ["left"]


def test_repeated_headers_are_compared_as_their_kind_writes_them(tmp_path):
    rows = [reader(1), customer(2, {DONOR: "no"})]
    migration = migrate(delivered(as_csv(rows, DONOR, ["No", "n"])), tmp_path)
    assert migration.fallen == []
    assert [each["object"] for each in migration.ledger if each["line"] == 3 and each["file"] == "customers.csv"] == [
        "customer"
    ]


def test_a_cell_that_says_empty_is_empty_whatever_spaces_stand_beside_it(tmp_path):
    migration = migrate(Delivery([reader(1, {"customer.title": " empty", "customer.phone": "'Empty' "})]), tmp_path)
    assert migration.told == []
    assert migration.value("customer.title") == migration.value("customer.phone") == ""


def test_a_question_of_a_file_names_no_line(tmp_path):
    migration = migrate(Delivery([reader(1, {"Remarks": "x"})]), tmp_path)
    assert [(each["file"], each["line"], each["object"]) for each in migration.findings] == [
        ("customers.csv", None, None)
    ]


def test_two_differing_headers_reject_the_object_that_owns_the_attribute(tmp_path):
    rows = [reader(1), reader(2)]
    migration = migrate(delivered(as_csv(rows, "address.shipping_city", ["Montréal", "Québec"])), tmp_path)
    assert migration.fallen == [
        "customers.csv:3 shipping_address: rejected FILE-DUPLICATE-HEADER",
        "customers.csv:3 subscription: rejected REL-SHIPPING",
    ]


def test_a_repeated_id_that_differs_leaves_nobody_to_charge(tmp_path):
    rows = [reader(1), reader(1, {OLD_ID: "S9"})]
    migration = migrate(delivered(as_csv(rows, "customer.old_provider_id", ["HR1", "HR2"])), tmp_path)
    assert [each for each in migration.fallen if ":3" in each] == [
        f"customers.csv:3 {each}: rejected FILE-DUPLICATE-HEADER" for each in OBJECTS
    ]
    assert [row[OLD_ID] for row in migration.prepared("customers")] == ["S1"]


def test_a_repeated_address_id_that_differs_ships_nowhere(tmp_path):
    home = {"shipping_address_id": "home"}
    rows = [reader(1, home), reader(1, home, {OLD_ID: "S9"}, dict.fromkeys(address("shipping"), ""))]
    migration = migrate(delivered(as_csv(rows, "shipping_address_id", ["home", "work"])), tmp_path)
    assert "customers.csv:3 subscription: rejected FILE-DUPLICATE-HEADER" in migration.fallen
    assert [row[OLD_ID] for row in migration.prepared("customers")] == ["S1"]


def test_an_unpaid_subscription_is_no_duplicate_of_one_whose_headers_differ(tmp_path):
    rows = [reader(1, {OLD_ID: "", STATUS: "unpaid"})] * 2
    migration = migrate(delivered(as_csv(rows, "subscription.quantity", ["2", "1"])), tmp_path)
    assert [each for each in migration.fallen if "subscription" in each] == [
        "customers.csv:2 subscription: rejected FILE-DUPLICATE-HEADER"
    ]


@pytest.mark.parametrize(("name", "attribute"), [("plans", "plan.nickname"), ("products", "product.name")])
def test_a_record_whose_repeated_header_differs_takes_no_other_with_it(name, attribute, tmp_path):
    rows = {"plans": PLANS, "products": PRODUCTS}[name]
    twice = [rows[0], *rows]
    text = as_csv(twice, attribute, ["another", *(row[attribute] for row in rows)])
    migration = migrate(Delivery([reader(1)], texts={f"{name}.csv": text}, **{name: ()}), tmp_path)
    assert migration.fallen == [f"{name}.csv:2 {name.removesuffix('s')}: rejected FILE-DUPLICATE-HEADER"]
    assert (
        migration.staged()
        .query("Section == 'Objects'")
        .set_index("Attribute")
        .loc["Subscriptions", "Production":]
        .empty
        is False
    )
    assert [row[OLD_ID] for row in migration.prepared("customers")] == ["S1"]


def test_a_rejected_first_record_does_not_make_the_next_one_fill_every_value(tmp_path):
    rows = [reader(1), reader(1, {OLD_ID: "S9"})]
    text = as_csv(rows, "customer.phone", ["+15140000000", rows[1]["customer.phone"]])
    migration = migrate(delivered(text), tmp_path)
    assert migration.told == ["customers.csv:2 customer, customer.phone: FILE-DUPLICATE-HEADER reject"]


class TestDateOrder:
    """Day and month are told for each column, from all its values."""

    @pytest.mark.parametrize(
        ("ends", "read"),
        [
            (["05/06/2027", "13/06/2027"], ["05/06/2027", "13/06/2027"]),
            (["05/06/2027", "06/13/2027"], ["06/05/2027", "13/06/2027"]),
            (["05-06-2027", "06.13.2027 12:00"], ["06/05/2027", "13/06/2027"]),
            (["2027-06-05", "06/13/2027"], ["05/06/2027", "13/06/2027"]),
            (["20270605", "2027-06-13T10:00:00"], ["05/06/2027", "13/06/2027"]),
            (["06/06/2027", "07/07/2027"], ["06/06/2027", "07/07/2027"]),
        ],
    )
    def test_the_reading_that_parses_most_is_taken(self, ends, read, tmp_path):
        rows = [reader(number, {PERIOD_END: each}) for number, each in enumerate(ends)]
        migration = migrate(Delivery(rows), tmp_path)
        assert migration.told == []
        assert [row[PERIOD_END] for row in migration.prepared("customers")] == read

    def test_each_column_is_told_by_itself(self, tmp_path):
        rows = [
            reader(1, {PERIOD_END: "07/31/2027", "subscription.start_date": "31/07/2026"}),
            reader(2, {PERIOD_END: "07/08/2027", "subscription.start_date": "07/08/2026"}),
        ]
        migration = migrate(Delivery(rows), tmp_path)
        told = [(row[PERIOD_END], row["subscription.start_date"]) for row in migration.prepared("customers")]
        assert told == [("31/07/2027", "31/07/2026"), ("08/07/2027", "07/08/2026")]

    def test_a_value_that_does_not_parse_in_its_column_s_format_is_invalid(self, tmp_path):
        rows = [
            reader(number, {PERIOD_END: each}) for number, each in enumerate(["31/07/2027", "30/07/2027", "07/31/2027"])
        ]
        migration = migrate(Delivery(rows), tmp_path)
        assert migration.fallen == ["customers.csv:4 subscription: rejected SUB-PERIOD-END"]

    def test_the_setting_decides_before_the_values_do(self, tmp_path):
        rows = [
            reader(
                1,
                {PERIOD_END: "05/06/2027", "subscription.start_date": "", "subscription.shipments_suspended_until": ""},
            )
        ]
        given = Delivery(rows, settings=f'{SETTINGS}date_format = "mm/dd/yyyy"\ntemplate_date_format = "yyyy-mm-dd"\n')
        migration = migrate(given, tmp_path)
        assert migration.told == []
        assert migration.value(PERIOD_END) == "2027-05-06"


class TestAbsentColumns:
    """A repair that holds for a whole file is one finding with the count of records."""

    ABSENT = (
        "customer.common_metadata.original_old_provider_id",
        "customer.common_metadata.import_only_the_customer",
        "subscription.type",
        "subscription.quantity",
        "subscription.cancel_at_period_end",
    )

    def test_each_is_one_finding_without_a_line(self, tmp_path):
        rows = [reader(number, dict.fromkeys(self.ABSENT)) for number in (1, 2)] + [
            customer(3, dict.fromkeys(self.ABSENT))
        ]
        migration = migrate(Delivery(rows), tmp_path)
        assert [(each["line"], each["attribute"], each["rule"], each["severity"]) for each in migration.findings] == [
            (None, "customer.common_metadata.import_only_the_customer", "CUS-IMPORT-ONLY", "repair"),
            (None, "customer.common_metadata.original_old_provider_id", "CUS-ORIGINAL-ID", "repair"),
            (None, "subscription.cancel_at_period_end", "SUB-CANCEL", "repair"),
            (None, "subscription.quantity", "SUB-QUANTITY", "repair"),
            (None, "subscription.type", "SUB-TYPE", "repair"),
        ]
        counts = {each["rule"]: each["message"].split("holds for ")[1] for each in migration.findings}
        assert counts == {
            "CUS-IMPORT-ONLY": "3 records.",
            "CUS-ORIGINAL-ID": "3 records.",
            "SUB-CANCEL": "2 records.",
            "SUB-QUANTITY": "2 records.",
            "SUB-TYPE": "2 records.",
        }
        first = migration.prepared("customers")[0]
        assert [first[name] for name in self.ABSENT] == ["HR1", "0", "regular", "1", "0"]

    def test_a_file_without_customer_ids_has_every_one_assigned(self, tmp_path):
        rows = [reader(number, {"customer.old_provider_id": None}) for number in (1, 2)]
        migration = migrate(Delivery(rows), tmp_path)
        assert [(each["line"], each["rule"]) for each in migration.findings] == [(None, "CUS-ID-MISSING")]
        ids = [row["customer.old_provider_id"] for row in migration.prepared("customers")]
        assert len(set(ids)) == 2
        assert all(each.startswith("gen-") for each in ids)


def test_metadata_is_migrated_under_its_own_name(tmp_path):
    own = {
        "customer.common_metadata.Favourite Port": "Lunenburg",
        "subscription.common_metadata.campaign": "spring, 2026",
        "subscription.7.common_metadata.channel": "post",
    }
    given = Delivery([reader(1, own)], plans=[each | {"plan.common_metadata.rate_card": "B"} for each in PLANS])
    migration = migrate(given, tmp_path)
    assert migration.told == []
    row = migration.prepared("customers")[0]
    assert list(row)[-3:] == [
        "customer.common_metadata.favouriteport",
        "subscription.common_metadata.campaign",
        "subscription.common_metadata.channel",
    ]
    assert list(row.values())[-3:] == ["Lunenburg", "spring, 2026", "post"]
    assert migration.value("plan.common_metadata.rate_card", "plans") == "B"


def test_metadata_columns_that_differ_in_case_are_one_named_twice(tmp_path):
    own = {"customer.common_metadata.Tag": "harbour", "customer.common_metadata.tag": "review"}
    migration = migrate(Delivery([reader(1, own), customer(2)]), tmp_path)
    assert migration.told == ["customers.csv:2 customer, customer.common_metadata.tag: FILE-DUPLICATE-HEADER reject"]


def test_readers_without_an_id_are_not_made_one_by_a_placeholder_for_their_email(tmp_path):
    nameless = {"customer.old_provider_id": "", "customer.email": "n/a"}
    rows = [
        reader(1, nameless),
        reader(2, nameless, {"customer.first_name": "Jennifer", "customer.last_name": "White"}),
    ]
    migration = migrate(Delivery(rows), tmp_path)
    assert len({row["customer.old_provider_id"] for row in migration.prepared("customers")}) == 2


def test_a_gift_pair_may_be_in_two_files(tmp_path):
    donor, recipient = gift()
    migration = migrate(Delivery([donor], texts={"more.csv": as_csv([recipient])}), tmp_path)
    assert migration.told == migration.fallen == []
    assert [row[PLAN_ID] for row in migration.prepared("customers")] == ["P-Y", "P-Y"]


def delivered_dates(*texts: str, settings: str = SETTINGS) -> Delivery:
    return Delivery([reader(number, {PERIOD_END: each}) for number, each in enumerate(texts, 1)], settings=settings)


def ends(migration) -> list[str]:
    return [row[PERIOD_END] for row in migration.prepared("customers")]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2027/03/31", "31/03/2027"),
        ("2027.3.1", "01/03/2027"),
        ("31-Mar-2027", "31/03/2027"),
        ("31 March 2027", "31/03/2027"),
        ("March 31, 2027", "31/03/2027"),
        ("Mar 31 2027 10:15", "31/03/2027"),
        ("20270331", "31/03/2027"),
        # An instant has its day where the publisher is.
        ("2027-03-31T23:30:00Z", "31/03/2027"),
        ("2027-04-01T02:30:00Z", "31/03/2027"),
        ("2027-03-31 23:30:00-08:00", "01/04/2027"),
        ("31/03/2027 23:30 +0000", "31/03/2027"),
        ("01/04/2027 01:30 UTC", "31/03/2027"),
    ],
)
def test_a_date_that_says_what_it_is_is_read_in_every_column(text, day, tmp_path):
    zone = SETTINGS + 'timezone = "America/Toronto"\n'
    migration = migrate(delivered_dates(text, "05/13/2027", settings=zone), tmp_path)
    assert ends(migration) == [day, "13/05/2027"]
    assert migration.told == []


@pytest.mark.parametrize(
    ("texts", "days", "what"),
    [
        (("46477", "46478.5"), ["31/03/2027", "01/04/2027"], "Excel day numbers"),
        (("1806537600", "1806451200"), ["01/04/2027", "31/03/2027"], "Unix seconds"),
        (("1806537600000", "1806451200000"), ["01/04/2027", "31/03/2027"], "Unix milliseconds"),
    ],
)
def test_a_column_of_numbers_is_told_for_what_it_is(texts, days, what, tmp_path):
    migration = migrate(delivered_dates(*texts), tmp_path)
    assert migration.told == [f"customers.csv: subscription, {PERIOD_END}: FILE-DATE-ORDER repair"]
    assert f"2 cells read as {what}, on lines 2, 3." in migration.findings[0]["message"]
    assert ends(migration) == days


def test_a_value_of_the_losing_order_is_asked_about(tmp_path):
    migration = migrate(delivered_dates("12/31/2026", "01/15/2027", "05/06/2027", "15/03/2027"), tmp_path)
    assert migration.told == sorted(
        [
            f"customers.csv: subscription, {PERIOD_END}: FILE-DATE-ORDER question",
            f"customers.csv:5 subscription, {PERIOD_END}: SUB-PERIOD-END reject",
        ]
    )


def test_the_order_that_is_set_is_asked_about_no_more(tmp_path):
    given = delivered_dates("05/06/2027", settings=SETTINGS + 'date_format = "mm/dd/yyyy"\n')
    migration = migrate(given, tmp_path)
    assert (migration.told, ends(migration)) == ([], ["06/05/2027"])


@pytest.mark.parametrize(("words", "first_name"), [("[]", "NULL"), ('["?", "NULL"]', "")])
def test_words_for_nothing_that_are_named_are_asked_about_no_more(words, first_name, tmp_path):
    rows = [reader(1, {"customer.first_name": "NULL"})]
    migration = migrate(Delivery(rows, settings=f"{SETTINGS}nothing = {words}\n"), tmp_path)
    assert (migration.told, migration.value("customer.first_name")) == ([], first_name)


def test_none_is_a_name_where_no_other_column_uses_it_as_a_word(tmp_path):
    rows = [reader(1, {"customer.last_name": "None"}), reader(2, {"customer.title": "None"})]
    alone = migrate(Delivery(rows[:1]), tmp_path / "alone")
    assert (alone.told, alone.value("customer.last_name")) == ([], "None")
    beside = migrate(Delivery(rows), tmp_path / "beside")
    assert beside.told == ["customers.csv: file, all of it: FILE-NOTHING question"]
    assert beside.value("customer.last_name") == ""


def test_a_lost_id_on_a_gift_takes_the_other_side_with_it(tmp_path):
    donor, recipient = gift()
    lost = {OLD_ID: "1.2E+15"}
    migration = migrate(
        Delivery([donor | lost, recipient | {"subscription.common_metadata.gift_donor_subscription_id": "1.2E+15"}]),
        tmp_path,
    )
    assert [each for each in migration.fallen if "subscription" in each] == [
        f"customers.csv:{line} subscription: rejected FILE-DIGITS-LOST" for line in (2, 3)
    ]


def test_what_most_of_a_file_breaks_is_one_finding_and_the_ledger_names_each(tmp_path):
    rows = [reader(number, {"subscription.quantity": "0" if number % 10 else "1"}) for number in range(200)]
    migration = migrate(Delivery(rows), tmp_path)
    assert migration.told == ["customers.csv: subscription, subscription.quantity: SUB-QUANTITY reject"]
    assert "This holds for 180 records, first on lines 3, 4, 5." in migration.findings[0]["message"]
    assert len(migration.fallen) == 180
    fewer = migrate(Delivery([*rows[:99], *rows[100:110]]), tmp_path / "fewer")
    assert len(fewer.findings) == 98


def test_the_key_that_was_probably_meant_is_named(tmp_path):
    rows = [reader(1, {PLAN_ID: "p-y"}), reader(2, {PLAN_ID: "ATLAS"})]
    messages = [each["message"] for each in migrate(Delivery(rows), tmp_path).findings]
    assert [each.endswith(" Most probably P-Y is meant.") for each in messages] == [True, False]


def test_a_parent_that_is_ragged_is_said_to_be(tmp_path):
    plans = as_csv([*PLANS, PLANS[0] | {"plan.old_id": "P-X"}]).rstrip() + ",one more\n"
    given = Delivery([reader(1, {PLAN_ID: "P-X"})], plans=(), texts={"plans.csv": plans})
    messages = [each["message"] for each in migrate(given, tmp_path).findings if each["rule"] == "SUB-PLAN"]
    assert messages[0].endswith("It stands at plans.csv:5, on a line that could not be parted into its cells.")
