"""Files: what is wrong with a file or a record as a whole."""

from typing import ClassVar

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
    refusal,
    subscription,
)
from pelcro_pipeline_tests.workbooks import NA, NO_RESULT, workbook

pytestmark = pytest.mark.long
OBJECTS = ("billing_address", "customer", "shipping_address", "subscription")
TWO = as_csv([reader(1), reader(2)])
#: A number that processors give out for tests.
CARD = "4242 4242 4242 4242"
LAST = as_csv([reader(3)]).splitlines()[1]
COMMAS = "," * LAST.count(",")


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
        "FILE-HEADER-PLACE",
        delivered(f"Customer export,,\n\n{TWO}"),
        delivered("sep=;\n" + as_csv([reader(1), reader(2)], delimiter=";")),
        refusal="customers.csv: the headers stand on line 3 (customer.old_provider_id among them), and not on the first",
    ),
    Pair(
        "FILE-SHEET",
        Delivery(texts={"export.xlsx": workbook({"Readers": [reader(1)], "Read me": [{"About": "x"}]})}),
        Delivery(texts={"export.xlsx": workbook({"Readers": [reader(1)], "Sheet2": []})}),
        ("export.xlsx#Read me: file, all of it: FILE-SHEET question",),
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
        "FILE-CELL-ERROR",
        Delivery(texts={"export.xlsx": workbook({"Readers": [reader(1, {"customer.first_name": NA})]})}),
        Delivery(texts={"export.xlsx": workbook({"Readers": [reader(1, {"customer.first_name": "N/A Ltd"})]})}),
        ("export.xlsx#Readers:2 customer, customer.first_name: FILE-CELL-ERROR clear",),
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
        delivered(TWO.replace("customer.email", "customer.\u200bemail", 1)),
        delivered(TWO.replace("customer.email", "\u2007customer.email\u200b", 1)),
        ("customers.csv: file, customer.email: FILE-INVISIBLE repair -> customer.email",),
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
        "FILE-NO-RECORD",
        delivered(f"{TWO}{TWO.splitlines()[0]}\n{LAST}\nTotal{COMMAS}\n2 rows selected.\n"),
        delivered(f"{TWO}{LAST.replace('HR3', 'Total', 1)}\n"),
        tuple(f"customers.csv:{line} file, all of it: FILE-NO-RECORD question" for line in (4, 6, 7)),
        tuple(f"customers.csv:{line} record: excluded FILE-NO-RECORD" for line in (4, 6, 7)),
    ),
    Pair(
        "FILE-QUOTE",
        delivered(TWO.replace("1010 Sainte Catherine ouest", '"12 "Rear" Lane"', 1)),
        delivered(TWO.replace("1010 Sainte Catherine ouest", '"12 \\"Rear\\" Lane"', 1)),
        ("customers.csv:2 file, all of it: FILE-QUOTE question",),
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
        delivered(as_csv([reader(1), reader(2, {"subscription.quantity": ""})], "Subscription.Quantity*", ["", "1"])),
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


class TestNoRecords:
    """Lines that systems write beside the records."""

    @pytest.mark.parametrize(
        "line",
        [
            "TOTAL: 2",
            "Grand total",
            "Total records: 2",
            "(2 rows affected)",
            "2 rows in set (0.00 sec)",
            "Count=2",
            "2 records exported",
            "Exported 2026-11-02 10:00",
            "Exported on,2026-11-02",
            "Generated by Circulation 7.1",
            "Report generated Monday",
            "--- End of report ---",
            f"Total,{COMMAS[2:]}3960.00",
        ],
    )
    def test_a_last_line_that_is_none_is_excluded(self, line, tmp_path):
        migration = migrate(delivered(f"{TWO}\n{line}\n\n"), tmp_path)
        assert migration.told == ["customers.csv:5 file, all of it: FILE-NO-RECORD question"]
        assert migration.fallen == [
            "customers.csv:4 record: excluded FILE-BLANK",
            "customers.csv:5 record: excluded FILE-NO-RECORD",
            "customers.csv:6 record: excluded FILE-BLANK",
        ]
        assert [each["value"] for each in migration.findings] == [line]
        assert [each["raw_text"] for each in migration.archived("customers.csv.records.parquet")][1] == line
        assert migration.broken == []

    @pytest.mark.parametrize("id_", ["Total", "2 rows selected.", "Exported 2026", "End of report"])
    def test_a_reader_is_a_reader_whatever_the_id(self, id_, tmp_path):
        migration = migrate(delivered(TWO + LAST.replace("HR3", id_, 1) + "\n"), tmp_path)
        assert migration.told == migration.fallen == []
        assert migration.prepared("customers")[2]["customer.old_provider_id"] == id_

    def test_a_line_between_records_is_one(self, tmp_path):
        text = as_csv([customer(1), {"customer.old_provider_id": "Total"}, customer(2)])
        migration = migrate(Delivery((), (), (), texts={"customers.csv": text}), tmp_path)
        assert [row["customer.old_provider_id"] for row in migration.prepared("customers")] == ["HR1", "Total", "HR2"]

    def test_a_workbook_has_them_too(self, tmp_path):
        rows = [reader(1), reader(2), {"customer.old_provider_id": "Total"}, {name: name for name in reader(1)}]
        migration = migrate(Delivery(texts={"export.xlsx": workbook({"Readers": rows})}), tmp_path)
        assert migration.fallen == [f"export.xlsx#Readers:{row} record: excluded FILE-NO-RECORD" for row in (4, 5)]

    def test_a_password_in_a_misquoted_line_is_not_shown(self, tmp_path):
        hash_ = "5f4dcc3b5aa765d61d8327deb882cf99"
        own = {"customer.password": hash_, "customer.common_metadata.password_encryption": "MD5"}
        text = as_csv([reader(1, own), reader(2)])
        for wrong in ('"Books" and toys', '"Books" and, toys'):
            found = migrate(delivered(text.replace("Accounting", wrong, 1)), tmp_path / wrong[:9]).findings
            shown = [each["value"] for each in found if each["rule"] == "FILE-QUOTE"]
            assert len(shown) == 1
            assert hash_ not in shown[0]
            assert "***" in shown[0]


class TestQuotes:
    def test_a_backslash_escapes_where_all_of_the_file_reads_whole_so(self, tmp_path):
        cells = ('"12 \\"Rear\\" Lane"', r'"C:\\temp \n \"x\""', r"\N and C:\temp")
        text = as_csv([reader(number) for number in (1, 2, 3)])
        for cell in cells:
            text = text.replace("1010 Sainte Catherine ouest", cell, 1).replace("1010 Sainte Catherine ouest", "x", 1)
        migration = migrate(delivered(text), tmp_path)
        assert migration.told == migration.fallen == []
        assert [row["address.billing_line1"] for row in migration.prepared("customers")] == [
            '12 "Rear" Lane',
            r'C:\temp \n "x"',
            r"\N and C:\temp",
        ]

    def test_a_backslash_is_itself_where_one_line_does_not_read_so(self, tmp_path):
        text = as_csv([reader(number) for number in (1, 2)])
        text = text.replace("1010 Sainte Catherine ouest", '"12 \\"Rear\\" Lane"', 1).replace(
            "ABC Inc.", '"ABC "Inc."', 2
        )
        migration = migrate(delivered(text), tmp_path)
        assert migration.told == ["customers.csv:2 file, all of it: FILE-QUOTE question"]

    def test_a_cell_that_ends_in_a_backslash_is_let_be(self, tmp_path):
        text = as_csv([reader(1), reader(2)], quoting=1).replace("ABC Inc.", "ABC\\", 1)
        migration = migrate(delivered(text + "ragged\n"), tmp_path)
        assert {each["rule"] for each in migration.findings} == {"FILE-RAGGED"}
        assert migration.value("address.billing_company") == "ABC\\"


class TestWorkbooks:
    def test_what_a_workbook_has_no_value_for_is_found(self, tmp_path):
        rows = [
            reader(1, {"customer.phone": NO_RESULT, "address.billing_city": NA, "customer.common_metadata.tier": NA}),
            reader(2, {"customer.common_metadata.tier": "gold", "customer.email": NO_RESULT}),
        ]
        migration = migrate(Delivery(texts={"export.xlsx": workbook({"Readers": rows})}), tmp_path)
        assert migration.told == [
            "export.xlsx#Readers:2 billing_address, address.billing_city: ADR-REQUIRED reject",
            "export.xlsx#Readers:2 customer, customer.common_metadata.tier: FILE-CELL-ERROR clear",
            "export.xlsx#Readers:2 customer, customer.phone: FILE-CELL-ERROR clear",
            "export.xlsx#Readers:3 customer, customer.email: FILE-CELL-ERROR clear",
        ]
        shown = {each["attribute"]: each["value"] for each in migration.findings}
        assert shown["address.billing_city"] == shown["customer.common_metadata.tier"] == "#N/A"
        assert shown["customer.phone"] == "formula"
        assert migration.broken == migration.nonconforming == []
        assert migration.staged() is not None

    def test_a_hidden_sheet_is_read_and_asked_about(self, tmp_path):
        content = workbook({"Products": list(PRODUCTS), "Readers": [reader(1)]}, hidden=("Readers",))
        migration = migrate(Delivery((), (), texts={"export.xlsx": content}), tmp_path)
        assert migration.told == ["export.xlsx#Readers: file, all of it: FILE-SHEET question"]
        assert "hidden" in migration.findings[0]["message"]
        assert len(migration.prepared("customers")) == 1

    def test_a_sheet_that_explains_the_columns_is_not_read(self, tmp_path):
        explained = [{"Column": name, "What it is": "..."} for name in customer(1)]
        content = workbook({"Columns": explained, "Readers": [reader(1)]})
        migration = migrate(Delivery(texts={"export.xlsx": content}), tmp_path)
        assert migration.told == ["export.xlsx#Columns: file, all of it: FILE-SHEET question"]

    def test_a_sheet_is_ignored_by_the_name_that_messages_have(self, tmp_path):
        texts = {"export.xlsx": workbook({"Readers": [reader(1)], "Read me": [{"About": "x"}]})}
        (told,) = migrate(Delivery(texts=texts), tmp_path / "one").findings
        ignoring = Delivery(texts=texts, settings=f'{SETTINGS}ignore = ["{told["file"]}"]\n')
        assert migrate(ignoring, tmp_path / "other").told == []

    def test_a_sheet_to_ignore_that_is_not_there_is_refused_with_those_that_are(self, tmp_path):
        given = Delivery(
            texts={"export.xlsx": workbook({"Readers": [reader(1)]})},
            settings=f'{SETTINGS}ignore = ["export.xlsx#Read"]\n',
        )
        assert "export.xlsx has the sheets Readers." in refusal(given, tmp_path)

    def test_a_header_below_a_title_is_named_by_its_row(self, tmp_path):
        content = workbook({"Readers": [reader(1)], "Products": list(PRODUCTS)}, titles={"Readers": 3})
        told = refusal(Delivery((), (), texts={"export.xlsx": content}), tmp_path)
        assert told.startswith("export.xlsx#Readers: the headers stand on line 4 ")

    @pytest.mark.parametrize(
        ("number", "text"), [(4561230000000000, "4.56123E+15"), (123456789012345, "123456789012345")]
    )
    def test_a_number_too_long_to_be_exact_is_not_given_digits(self, number, text, tmp_path):
        rows = [reader(1, {"customer.common_metadata.till": number})]
        migration = migrate(Delivery(texts={"export.xlsx": workbook({"Readers": rows})}), tmp_path)
        assert migration.value("customer.common_metadata.till") == text


#: Headers of other systems, and the template's that they mean.
FOREIGN = {
    "E-mail Address": "customer.email",
    "First Name": "customer.first_name",
    "surname": "customer.last_name",
    "customer_phone": "customer.phone",
    "Billing Address 1": "address.billing_line1",
    "billing_postcode": "address.billing_zip",
    "BillingCity": "address.billing_city",
    "shipping_province": "address.shipping_state",
}


class TestAdviceOnHeaders:
    """What a refusal or a finding says of headers works."""

    FOREIGN: ClassVar = {
        "E-mail Address": "customer.email",
        "First Name": "customer.first_name",
        "surname": "customer.last_name",
        "customer_phone": "customer.phone",
        "Billing Address 1": "address.billing_line1",
        "billing_postcode": "address.billing_zip",
        "BillingCity": "address.billing_city",
        "shipping_province": "address.shipping_state",
    }

    def test_the_nearest_template_headers_are_named_and_accepted(self, tmp_path):
        cells = dict(zip(FOREIGN, ("a@b.example", "Ann", "Lee", "5141234567", "", "", "", ""), strict=True))
        told = refusal(Delivery((), (), (), texts={"list.csv": as_csv([cells | {"zzz": "1"}])}), tmp_path / "one")
        for header, attribute in FOREIGN.items():
            assert f"`{header}`: `{attribute}`?" in told
        assert "zzz" not in told
        assert "`pelcro-pipeline new templates`" in told
        mended = {FOREIGN[header]: cell for header, cell in cells.items()}
        migration = migrate(Delivery((), (), (), texts={"list.csv": as_csv([mended])}), tmp_path / "other")
        assert len(migration.prepared("customers")) == 1

    def test_a_file_may_be_ignored_as_its_refusal_says(self, tmp_path):
        texts = {'no"tes.txt': "Dear all\n"}
        told = refusal(Delivery([reader(1)], texts=texts), tmp_path / "one")
        advice = told[told.index("ignore = [") :].removesuffix(".")
        assert (
            migrate(Delivery([reader(1)], texts=texts, settings=f"{SETTINGS}{advice}\n"), tmp_path / "other").told == []
        )

    def test_a_finding_names_the_nearest_header_that_the_file_lacks(self, tmp_path):
        rows = [reader(1, {"customer.title": None, "job title": "Librarian", "email": "x", "zzz": ""})]
        fixes = {each["attribute"]: each["fix"] for each in migrate(Delivery(rows), tmp_path / "one").findings}
        assert fixes["job title"].endswith(" The nearest is customer.title.")
        assert "nearest" not in fixes["email"] + fixes["zzz"]
        rows = [reader(1)]
        assert migrate(Delivery(rows), tmp_path / "other").told == []

    def test_two_numbered_subscriptions_are_refused(self, tmp_path):
        text = TWO.replace("subscription.quantity", "Subscription.1.quantity").replace(
            "subscription.type", "subscription.02.type"
        )
        assert "customers.csv: its headers number subscriptions 1 and 2" in refusal(delivered(text), tmp_path)

    def test_one_numbered_subscription_is_read(self, tmp_path):
        text = TWO.replace("subscription.quantity", "subscription.1.quantity").replace(
            "subscription.type", "subscription.01.type"
        )
        assert (
            migrate(delivered(text.replace("subscription.start_date", "subscription.n.start_date")), tmp_path).told
            == []
        )

    def test_metadata_is_one_column_whatever_its_case_in_each_file(self, tmp_path):
        texts = {"more.csv": as_csv([reader(2, {"customer.common_metadata.loyaltytier": "gold"})])}
        migration = migrate(
            Delivery([reader(1, {"customer.common_metadata.LoyaltyTier": "tin"})], texts=texts), tmp_path
        )
        assert migration.told == []
        assert [row["customer.common_metadata.LoyaltyTier"] for row in migration.prepared("customers")] == [
            "tin",
            "gold",
        ]

    def test_the_filled_one_of_two_repeated_cells_is_the_value(self, tmp_path):
        rows = [reader(1, {"subscription.quantity": "3"}), reader(2, {"subscription.quantity": ""}), reader(3)]
        migration = migrate(delivered(as_csv(rows, "subscription.quantity", ["", "2", "1"])), tmp_path)
        assert migration.told == migration.fallen == []
        assert [row["subscription.quantity"] for row in migration.prepared("customers")] == ["3", "2", "1"]


class TestCardNumbers:
    @pytest.mark.parametrize(
        "number",
        ["4242424242424242", "5555555555554444", "2223003122003222", "371449635398431", "30569309025904", "6011000990139424",
         "3530111333300000", "6200000000000005", "6759649826438453", "6304000000000000"],
    )  # fmt: skip
    def test_a_number_of_an_issuer_s_length_stops_the_run(self, number, tmp_path):
        with pytest.raises(UnusableInputError, match="line 2, Remarks holds a payment card number"):
            migrate(Delivery([reader(1, {"Remarks": number})]), tmp_path)

    @pytest.mark.parametrize(
        "number", ["4222222222222", "378282246310005000", "555555555555444", "42424242424242", "9000000000000001"]
    )
    def test_a_number_of_another_length_or_of_no_issuer_does_not(self, number, tmp_path):
        assert migrate(Delivery([reader(1, {"Remarks": number})]), tmp_path).broken == []

    ORDER = "subscription.common_metadata.order_number"
    METADATA = "customer.common_metadata.account"

    @pytest.mark.parametrize("column", [ORDER, METADATA, "customer.old_provider_id", "customer.phone", "Invoice No"])
    @pytest.mark.parametrize("first", ["45123456789040", "4512345678904000"])
    def test_numbers_in_a_row_are_no_cards(self, column, first, tmp_path):
        rows = [reader(number, {column: str(int(first) + 3 * number)}) for number in range(30)]
        assert {each["rule"] for each in migrate(Delivery(rows), tmp_path).findings} <= {"FILE-HEADER"}

    @pytest.mark.parametrize("column", [ORDER, METADATA, "customer.old_provider_id", "Invoice No"])
    def test_a_card_among_other_numbers_stops_the_run_unless_it_is_vouched_for(self, column, tmp_path):
        rows = [reader(number, {column: str(7000 + number)}) for number in range(12)]
        rows[4][column] = CARD.replace(" ", "")
        with pytest.raises(
            UnusableInputError, match=f"customers.csv, line 6, {column} holds a payment card number"
        ) as refused:
            migrate(Delivery(rows), tmp_path / "one")
        told = str(refused.value)
        advice = told[told.index("not_card_numbers = [") : told.index(" in extract.toml")]
        migration = migrate(Delivery(rows, settings=f"{SETTINGS}{advice}\n"), tmp_path / "other")
        assert f"customers.csv: file, {column}: FILE-CARD-NUMBER question" in migration.told
        assert migration.broken == []

    def test_one_column_is_vouched_for_and_no_other(self, tmp_path):
        rows = [reader(1, {"Receipt": CARD, "Remarks": CARD})]
        with pytest.raises(UnusableInputError, match="Remarks holds a payment card number"):
            migrate(Delivery(rows, settings=f'{SETTINGS}not_card_numbers = ["receipt"]\n'), tmp_path)

    def test_a_column_that_no_file_has_is_not_vouched_for(self, tmp_path):
        with pytest.raises(
            UnusableInputError, match="names Reciept in not_card_numbers, and no file has such a column"
        ):
            migrate(Delivery([reader(1)], settings=f'{SETTINGS}not_card_numbers = ["Reciept"]\n'), tmp_path)


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
        "customer.common_metadata.FavouritePort",
        "subscription.common_metadata.campaign",
        "subscription.common_metadata.channel",
    ]
    assert list(row.values())[-3:] == ["Lunenburg", "spring, 2026", "post"]
    assert migration.value("plan.common_metadata.rate_card", "plans") == "B"


def test_metadata_columns_that_differ_in_case_are_one_named_twice(tmp_path):
    own = {"customer.common_metadata.Tag": "harbour", "customer.common_metadata.tag": "review"}
    migration = migrate(Delivery([reader(1, own), customer(2)]), tmp_path)
    assert migration.told == ["customers.csv:2 customer, customer.common_metadata.Tag: FILE-DUPLICATE-HEADER reject"]


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


#: Dates that say by themselves what they are, and the day that they are where the publisher is.
DATES = [
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
]


def test_a_date_that_says_what_it_is_is_read_in_every_column(tmp_path):
    zone = SETTINGS + 'timezone = "America/Toronto"\n'
    migration = migrate(delivered_dates(*(text for text, _ in DATES), "13/05/2027", settings=zone), tmp_path)
    assert ends(migration) == [*(day for _, day in DATES), "13/05/2027"]


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
    assert ends(migration) == ["06/05/2027"]
    assert [each for each in migration.findings if each["rule"] == "FILE-DATE-ORDER"] == []


@pytest.mark.parametrize(("words", "first_name"), [("[]", "NULL"), ('["?", "NULL"]', "")])
def test_words_for_nothing_that_are_named_are_asked_about_no_more(words, first_name, tmp_path):
    rows = [reader(1, {"customer.first_name": "NULL"})]
    migration = migrate(Delivery(rows, settings=f"{SETTINGS}nothing = {words}\n"), tmp_path)
    assert (migration.told, migration.value("customer.first_name")) == ([], first_name)


def test_a_word_for_nothing_in_a_required_cell_is_that_cell_empty(tmp_path):
    migration = migrate(Delivery([reader(1, {PLAN_ID: "NULL"}), reader(2)]), tmp_path)
    assert migration.told == [
        "customers.csv: file, all of it: FILE-NOTHING question",
        f"customers.csv:2 subscription, {PLAN_ID}: SUB-PLAN reject",
    ]
    assert migration.fallen == ["customers.csv:2 subscription: rejected SUB-PLAN"]


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
