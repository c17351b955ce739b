"""Delivered files: whatever their layout, encoding and delimiter, the same records on the same lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.delivery import reading
from pelcro_pipeline.delivery.header import attribute_of
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.workspace.atomic import private_folder
from pelcro_pipeline_tests.extract import (
    CREW,
    IMPORT_ONLY,
    OLD_ID,
    ONLINE,
    PLAN_ID,
    PLANS,
    PRINT,
    PRINT_YEARLY,
    PRODUCTS,
    SETTINGS,
    Delivery,
    address,
    as_csv,
    customer,
    migrate,
    read,
    reader,
    refusal,
    subscription,
)
from pelcro_pipeline_tests.workbooks import in_sheet, write_workbook

LINK = "customer.old_provider_id"
LINE1 = "address.billing_line1"
#: Everything that a delimiter, a quotation mark or a line break can do to a cell.
ROWS = [
    reader(1, {LINE1: "1; rue de l'Église, Suite 2 | \t bis"}),
    reader(2, {LINE1: '12 "Quai" Saint-Vincent'}),
    reader(3, {LINE1: "1010 Sainte Catherine\nouest"}),
    reader(4),
]
TEXT = as_csv(ROWS)
PREPARED = ("customers", "products", "plans")


def prepared_bytes(given: Delivery, home: Path) -> dict[str, bytes]:
    migration = migrate(given, home)
    assert migration.told == []
    return {name: (migration.paths.prepared / f"{name}.csv").read_bytes() for name in PREPARED}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[str, bytes]:
    """What is prepared from plain UTF-8 with commas."""
    return prepared_bytes(Delivery(texts={"customers.csv": TEXT}), tmp_path_factory.mktemp("plain"))


WRITTEN = {
    "semicolons": as_csv(ROWS, delimiter=";"),
    "tabs": as_csv(ROWS, delimiter="\t"),
    "bars": as_csv(ROWS, delimiter="|"),
    "a BOM": TEXT.encode("utf-8-sig"),
    "UTF-16 with a BOM": TEXT.encode("utf-16"),
    "UTF-16 without a BOM": TEXT.encode("utf-16-le"),
    "big-endian UTF-16": TEXT.encode("utf-16-be"),
    "Windows-1252": TEXT.encode("cp1252"),
    "CRLF": as_csv(ROWS, lineterminator="\r\n"),
    "no last line feed": TEXT.rstrip("\n"),
    "every cell in quotes": as_csv(ROWS, quoting=1),
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_however_a_file_is_written_the_same_is_read(text, tmp_path):
    assert records(text, tmp_path / "one") == records(TEXT, tmp_path / "other")


def records(text: str | bytes, home: Path) -> tuple[list[str], list[tuple], list[int]]:
    """The headers, the cells and the lines of a customers file."""
    file = read(Delivery(texts={"customers.csv": text}), home).files[0]
    with duck.connect() as connection:
        cells = connection.execute(f"FROM {file.relation()}").fetchall()
        lines = connection.execute("SELECT line FROM read_parquet(?)", [file.lines]).fetchall()
    return [column.header for column in file.columns], cells, [line for (line,) in lines]


def test_lines_may_end_in_cr_alone(tmp_path):
    text = as_csv([reader(1), reader(2)], lineterminator="\r")
    assert read(Delivery(texts={"customers.csv": text}), tmp_path).files[0].records == 2


def three_files() -> Delivery:
    rows = [
        reader(1),
        customer(2),
        reader(3, {PLAN_ID: "O-M", "subscription.shipments_remaining": ""}),
        reader(1, {OLD_ID: "S9"}),
    ]
    return Delivery(rows)


def five_files() -> Delivery:
    addressed = [{LINK: f"HR{number}"} | address("billing") | address("shipping") for number in (1, 3)]
    subscribed = [
        {LINK: "HR1"} | subscription(1),
        {LINK: "HR3"} | subscription(3, {PLAN_ID: "O-M", "subscription.shipments_remaining": ""}),
        {LINK: "HR1"} | subscription(9) | {"subscription.common_metadata.order_number": "400S9"},
    ]
    people = [customer(number, {IMPORT_ONLY: only}) for number, only in ((1, "0"), (2, "1"), (3, "0"))]
    return Delivery(
        texts={
            "1 people.csv": as_csv(people),
            "2 addresses.csv": as_csv(addressed),
            "3 subscriptions.csv": as_csv(subscribed),
        }
    )


def two_files() -> Delivery:
    catalogue = [
        PRINT | PRINT_YEARLY,
        *(product | plan for product, plan in zip((ONLINE, CREW), PLANS[1:], strict=True)),
    ]
    return Delivery(three_files().customers, (), (), texts={"catalogue.csv": as_csv(catalogue)})


@pytest.mark.parametrize("layout", [five_files, two_files])
def test_the_layouts_end_in_the_same_prepared_files(layout, tmp_path):
    assert prepared_bytes(layout(), tmp_path / "one") == prepared_bytes(three_files(), tmp_path / "other")


def test_in_one_file_of_products_and_plans_a_product_may_have_several_plans(tmp_path):
    second = PRINT_YEARLY | {"plan.old_id": "P-2Y", "plan.nickname": "Print, two years"}
    given = Delivery([reader(1)], (), (), texts={"catalogue.csv": as_csv([PRINT | PRINT_YEARLY, PRINT | second])})
    migration = migrate(given, tmp_path)
    assert migration.told == []
    assert migration.fallen == ["catalogue.csv:3 product: merged"]
    assert [row["plan.old_id"] for row in migration.prepared("plans")] == ["P-Y", "P-2Y"]


def test_a_file_is_known_by_its_headers_and_not_by_its_name(plain, tmp_path):
    given = Delivery((), (), (), texts={"a.txt": TEXT, "plans.csv": as_csv(PRODUCTS), "products.csv": as_csv(PLANS)})
    assert prepared_bytes(given, tmp_path) == plain


@pytest.mark.parametrize(
    ("header", "attribute"),
    [
        ("customer.email", "customer.email"),
        ("customer.email*", "customer.email"),
        (" Customer.Email * ", "customer.email"),
        ("\ufeffcustomer.email", "customer.email"),
        ("Product.statement_descriptor", "product.statement_descriptor"),
        ("plan.autorenew", "plan.auto_renew"),
        ("plan.product_id", "plan.temporary_product_id"),
        ("subscription.n.common_metadata.is_expired", "subscription.common_metadata.is_expired"),
        ("subscription.12.quantity", "subscription.quantity"),
        ("shipping_address_id", "shipping_address_id"),
        ("Customer.Common_Metadata.Shoe Size", "customer.common_metadata.ShoeSize"),
        ("Subscription.N.Common_Metadata.Old_ID", "subscription.common_metadata.old_id"),
        ("customer.\u200be\u00admail\u00a0", "customer.email"),
        ("customer.common_metadata.", None),
        ("customer.shoe_size", None),
        ("email", None),
        ("", None),
    ],
)
def test_a_header_means_its_attribute(header, attribute):
    assert attribute_of(header) == attribute


def test_lines_are_the_file_s_own(tmp_path):
    """Quoted line breaks, blank lines and ragged records each count as the lines that they are."""
    broken = {LINE1: "1010\nSainte Catherine\nouest"}
    header, first, second, third = (
        as_csv([reader(1), reader(2, broken), reader(3)]).replace("\nHR", "\n\0HR").split("\0")
    )
    text = header + "\n" + first + second + "\nragged,record\n" + third
    migration = migrate(Delivery(texts={"customers.csv": text}), tmp_path)
    physical = text.split("\n")
    places = {each["line"]: each["key"] for each in migration.ledger if each["object"] == "customer"}
    assert places == {
        number: None if each.startswith("ragged") else each.split(",")[0]
        for number, each in enumerate(physical, 1)
        if each.startswith(("HR", "ragged"))
    }
    blank = [each["line"] for each in migration.ledger if each["rule"] == "FILE-BLANK"]
    assert blank == [number for number, each in enumerate(physical[:-1], 1) if not each]
    assert len(blank) == 2


def test_a_stray_quotation_mark_is_a_character(tmp_path):
    text = (
        as_csv([reader(1), reader(2)]).replace("#02-111", 'the 5" door', 1).replace("Accounting", '"Books" and toys', 1)
    )
    migration = migrate(Delivery(texts={"customers.csv": text}), tmp_path)
    assert migration.told == ["customers.csv:2 file, all of it: FILE-QUOTE question"]
    assert migration.fallen == []
    first = migration.prepared("customers")[0]
    assert first["address.billing_line2"] == 'the 5" door'
    assert first["address.billing_department"] == "Books and toys"
    assert len(migration.prepared("customers")) == 2


def test_a_record_after_a_stray_quotation_mark_reaches_the_archive(tmp_path):
    text = as_csv([reader(1), reader(2, {PLAN_ID: "NO-SUCH"})]).replace("#02-111", 'the 5" door', 1)
    migration = migrate(Delivery(texts={"customers.csv": text}), tmp_path)
    assert [each[PLAN_ID] for each in migration.archived("customers.csv.records.parquet")] == ["NO-SUCH"]


def test_a_column_without_a_name_is_archived(tmp_path):
    lines = as_csv([reader(1), reader(2)]).splitlines()
    text = "".join(f"{line},{cell}\n" for line, cell in zip(lines, ("", "x", ""), strict=True))
    migration = migrate(Delivery(texts={"customers.csv": text}), tmp_path)
    assert [each["rule"] for each in migration.findings] == ["FILE-HEADER"]
    name = f"column {len(lines[0].split(',')) + 1}"
    assert [each[name] for each in migration.archived("customers.csv.columns.parquet")] == ["x", None]
    assert len(migration.prepared("customers")) == 2


EMPTY_BEYOND = {
    "a comma more on every line": ("", ","),
    "three more on every line": ("", ",,,"),
    "columns without a name": (",,,", ",,,"),
    "columns without a name that lines leave out": (",,,", ""),
    "spaces": ("", ", , "),
    "cells in quotes": ("", ',"",""'),
}


@pytest.mark.parametrize("broken", [{}, {LINE1: "1010\nSainte Catherine"}], ids=["one line each", "line breaks"])
@pytest.mark.parametrize(("behind_header", "behind_lines"), EMPTY_BEYOND.values(), ids=EMPTY_BEYOND)
def test_empty_cells_beyond_the_header_are_nothing(behind_header, behind_lines, broken, tmp_path):
    header, *records_ = as_csv([reader(1, broken), reader(2)]).replace("\nHR", "\0HR").rstrip("\n").split("\0")
    text = "\n".join([header + behind_header, *(record + behind_lines for record in records_)]) + "\n"
    migration = migrate(Delivery(texts={"customers.csv": text}), tmp_path)
    assert migration.told == migration.fallen == migration.broken == []
    assert len(migration.prepared("customers")) == 2
    assert not list(migration.paths.archive.glob("*.columns.parquet"))


def test_empty_cells_beyond_the_header_of_some_lines_are_nothing(tmp_path):
    lines = as_csv([reader(number) for number in (1, 2, 3, 4)]).splitlines()
    text = "\n".join([*lines[:2], f"{lines[2]},", f"{lines[3]},,", f"{lines[4]},,x"]) + "\n"
    migration = migrate(Delivery(texts={"customers.csv": text}), tmp_path)
    assert len(migration.prepared("customers")) == 3
    assert {each["line"] for each in migration.ledger if each["rule"] == "FILE-RAGGED"} == {5}


def test_a_file_may_hold_a_header_and_no_record(tmp_path):
    migration = migrate(Delivery(texts={"customers.csv": TEXT.split("\n")[0]}), tmp_path)
    assert migration.told == migration.fallen == migration.prepared("customers") == []


GIVEN = {"products": (), "plans": (), "settings": SETTINGS}
REFUSED = {
    "zero bytes": (Delivery(texts={"customers.csv": b""}), "customers.csv is empty (zero bytes)"),
    "a picture": (
        Delivery(texts={"cover.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"}),
        "cover.png is not text (a zero byte at offset 8)",
    ),
    "no encoding": (
        Delivery(texts={"customers.csv": TEXT.encode("cp1252").replace(b"ABC Inc.", b"ABC\x81Inc.", 1)}),
        "customers.csv is not text in any encoding we know (byte offset ",
    ),
    "a zero byte": (
        Delivery(texts={"customers.csv": TEXT.replace("ABC", "A\0C", 1)}),
        "customers.csv is not text (a zero byte",
    ),
    "UTF-8 in part": (
        Delivery(texts={"customers.csv": TEXT.encode() + "HR9,h@r.example,Zo\xeb\n".encode("cp1252")}),
        f"customers.csv is UTF-8 in part, and what stands on line {TEXT.count(chr(10)) + 1} at byte offset {len(TEXT.encode()) + 18} is none",
    ),
    "a page": (Delivery(texts={"customers.xls": b"\r\n<HTML><body>"}), "customers.xls is an HTML page"),
    "a page in UTF-16": (Delivery(texts={"a.xlsx": "<table>".encode("utf-16")}), "a.xlsx is an HTML page"),
    "a lock file": (
        Delivery(texts={"a.xlsx": b"\x03Ann" + b" " * 51 + b"\x03\0A\0n\0n\0" + b" \0" * 51}),
        "a.xlsx is the lock file of a spreadsheet",
    ),
    "another lock file": (
        Delivery(texts={"a.xlsx": b",ann,host,27.11.2026 10:00,file:///home/ann/.config;"}),
        "a.xlsx is the lock file of a spreadsheet",
    ),
    "a workbook cut short": (Delivery(texts={"customers.xlsx": b"PK\x03\x04 and no more"}), "customers.xlsx"),
    "no header of ours": (
        Delivery(texts={"notes.txt": "Dear all,\nhere is the export.\n"}),
        "notes.txt: none of its headers belongs to a Pelcro template",
    ),
    "an address id alone": (
        Delivery([reader(1)], texts={"ids.csv": "billing_address_id,street\nA-1\nA-2,Main Street 1\n"}),
        "ids.csv: none of its headers belongs to a Pelcro template",
    ),
    "an unclosed quote": (
        Delivery(texts={"customers.csv": as_csv([reader(1), reader(2)]).replace(",Genaro,", ',"Genaro,', 1)}),
        "customers.csv: a quotation mark opened in the record on line 2 is never closed",
    ),
    "nothing": (Delivery((), **GIVEN), "delivered holds no CSV or XLSX file"),
    "an ignored file that is not there": (
        Delivery([reader(1)], settings=f'{SETTINGS}ignore = ["old.csv"]'),
        "extract.toml ignores old.csv, which is not in delivered",
    ),
}


@pytest.mark.parametrize(("given", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_by_name(given, sentence, tmp_path):
    assert sentence in refusal(given, tmp_path)


def test_all_that_is_refused_is_named_at_once(tmp_path):
    texts = {
        "a.csv": b"",
        "b.xlsx": b"<html>",
        "c.xlsx": b"PK\x03\x04",
        "d.txt": "Dear all\n",
        "e.csv": f"Title\n{TEXT}",
    }
    told = refusal(Delivery([reader(1)], texts=texts), tmp_path)
    assert told.startswith("5 of the delivered files and sheets cannot be read. ")
    assert [name for name in texts if f"{name} is" not in told and f"{name}: " not in told] == []


def test_what_systems_leave_in_a_folder_is_passed_over(tmp_path):
    left = ("~$customers.xlsx", ".DS_Store", "Thumbs.db", "desktop.ini", ".~lock.customers.xlsx#")
    folder = Delivery([reader(1)], texts=dict.fromkeys(left, b"\0\1")).into(tmp_path / "given")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "._customers.csv").write_bytes(b"\0")
    with duck.connect() as connection:
        found = reading.read(folder, private_folder(tmp_path / "raw"), extract_settings.load(folder), connection)
    assert [file.name for file in found.files] == ["customers.csv", "plans.csv", "products.csv"]


def test_windows_1252_may_be_named_for_what_looks_like_utf_8_in_part(tmp_path):
    text = TEXT.replace("Montréal", "CAFÉ’S").encode("cp1252")
    advice = refusal(Delivery(texts={"customers.csv": text}), tmp_path / "one")
    setting = advice[advice.index("encoding = ") : advice.index(" in extract.toml")]
    given = Delivery(texts={"customers.csv": text}, settings=f"{SETTINGS}{setting}\n")
    assert migrate(given, tmp_path / "other").value("address.billing_city") == "CAFÉ’S"


SEPARATORS = {"sep=;\n": ";", "sep=;\r\n": ";", '"sep=|"\n': "|", "SEP=\t\n": "\t", "\ufeffsep=,\n": ","}


@pytest.mark.parametrize(("line", "delimiter"), SEPARATORS.items(), ids=map(repr, SEPARATORS))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_first_line_may_name_the_delimiter(line, delimiter, encoding, tmp_path):
    text = as_csv(ROWS, delimiter=delimiter)
    cells = records(text, tmp_path / "one")
    shifted = records((line + text).encode(encoding), tmp_path / "other")
    assert shifted[:2] == cells[:2]
    assert shifted[2] == [number + 1 for number in cells[2]]


def test_lines_below_one_that_names_the_delimiter_are_the_file_s_own(tmp_path):
    text = as_csv([customer(1), customer(2)], delimiter=";")
    for number, more in enumerate(("", "\n\n", "ragged\n")):
        given = Delivery((), (), (), texts={"customers.csv": f"sep=;\n{text}{more}"})
        migration = migrate(given, tmp_path / str(number))
        assert [each["line"] for each in migration.ledger if each["object"] == "customer"][:2] == [3, 4]


@pytest.mark.parametrize("above", [1, 2, 20])
def test_headers_below_the_first_line_are_found_and_the_advice_works(above, tmp_path):
    titles = "".join(f"Export {number};;\n" for number in range(above))
    told = refusal(Delivery(texts={"customers.csv": titles + TEXT}), tmp_path / "one")
    assert f"the headers stand on line {above + 1} (customer.old_provider_id among them)" in told
    text = "".join((titles + TEXT).splitlines(keepends=True)[above:])
    assert len(read(Delivery(texts={"customers.csv": text}), tmp_path / "other").files) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_that_is_not_in_the_encoding_named_is_refused_by_name(encoding, tmp_path):
    given = Delivery(texts={"customers.csv": TEXT.encode("cp1252")}, settings=f'{SETTINGS}encoding = "{encoding}"')
    assert "customers.csv" in refusal(given, tmp_path)


INDISPENSABLE = [
    "product.id",
    "product.name",
    "plan.old_id",
    "plan.nickname",
    "plan.amount",
    "plan.currency",
    "plan.auto_renew",
    "plan.interval",
    "plan.interval_count",
    "plan.temporary_product_id",
    "subscription.current_period_end",
    "subscription.collection_method",
    "subscription.common_metadata.temporary_plan_id",
    "subscription.common_metadata.service_status",
]


def test_every_missing_column_is_named_at_once(tmp_path):
    def lacking(rows):
        return [row | {name: None for name in INDISPENSABLE if name in row} for row in rows]

    told = refusal(Delivery(lacking([reader(1)]), lacking(PRODUCTS), lacking(PLANS)), tmp_path)
    assert told.startswith("FILE-MISSING: ")
    assert [name for name in INDISPENSABLE if f".csv lacks {name}" not in told] == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"products": ()}, "the extract has subscriptions and no products"),
        ({"plans": ()}, "the extract has subscriptions and no plans"),
    ],
)
def test_subscriptions_need_plans_and_products(given, sentence, tmp_path):
    assert sentence in refusal(Delivery([reader(1)], **given), tmp_path)


def test_an_extract_may_hold_customers_only(tmp_path):
    people = [customer(number) | address("billing") for number in (1, 2)]
    migration = migrate(Delivery((), (), (), texts={"people.csv": as_csv(people)}), tmp_path)
    assert migration.told == migration.fallen == []
    assert len(migration.prepared("customers")) == 2
    assert migration.prepared("plans") == migration.prepared("products") == []


def test_customers_only_may_be_delivered_in_the_flat_template(tmp_path):
    assert read(Delivery([customer(1)], (), ()), tmp_path).files[0].records == 1


def test_files_that_are_settings_or_ignored_are_left_alone(tmp_path):
    texts = {
        "cards.json": "{}",
        "cards.xlsx": b"PK",
        "password_samples.csv": "hash,plain\n",
        "answers.csv": "a,b\n",
        "notes.pdf": b"%PDF\x00",
    }
    given = Delivery([reader(1)], texts=texts, settings=f'{SETTINGS}ignore = ["notes.pdf"]')
    assert [file.name for file in read(given, tmp_path).files] == ["customers.csv", "plans.csv", "products.csv"]


def test_a_file_that_changed_after_it_was_read_is_refused(tmp_path):
    migration = migrate(Delivery([reader(1)]), tmp_path)
    with (migration.paths.delivered / "customers.csv").open("a") as file:
        file.write("HR9\n")
    with pytest.raises(UnusableInputError, match=r"customers\.csv has changed since it was read"):
        Manifest.load(migration.paths.manifest)


class TestSettings:
    @pytest.mark.parametrize(
        ("line", "sentence"),
        [
            ("taxs = true", "taxs is no setting (there are migration_date, timezone"),
            ("migration_date = 2026-11-01T10:00:00", "give a date alone"),
            ('timezone = "Halifax"', "timezone: no such time zone"),
            ('currency = "dollar"', "currency: not an ISO 4217 currency code"),
            ('delimiter = ":"', "delimiter: give one of"),
            ('encoding = "latin-9"', "encoding: give one of"),
            ('date_format = "yy"', "date_format"),
            ("write_off_days = 0", "write_off_days"),
            ("migration_date", "is not TOML"),
        ],
    )
    def test_what_is_no_setting_is_refused_by_name(self, line, sentence, tmp_path):
        (tmp_path / "extract.toml").write_text(line)
        with pytest.raises(UnusableInputError, match=r"extract\.toml") as refused:
            extract_settings.load(tmp_path)
        assert sentence in str(refused.value)

    def test_without_a_file_there_are_the_defaults(self, tmp_path):
        assert extract_settings.load(tmp_path) == extract_settings.Settings()


def test_a_workbook_is_as_good_as_text(plain, tmp_path):
    given = Delivery((), (), (), SETTINGS)
    folder = given.into(tmp_path / "given")
    write_workbook(
        folder / "export.xlsx",
        {
            "Readers": in_sheet(ROWS, numbers=("subscription.quantity", "subscription.shipments_remaining")),
            "Products": in_sheet(list(PRODUCTS)),
            "Plans": in_sheet(list(PLANS), numbers=("plan.amount", "plan.interval")),
            "Empty": {},
        },
    )
    migration = migrate(folder, tmp_path)
    assert migration.told == []
    assert {name: (migration.paths.prepared / f"{name}.csv").read_bytes() for name in PREPARED} == plain


def test_a_record_of_a_workbook_stands_on_its_sheet_s_row(tmp_path):
    folder = Delivery().into(tmp_path / "given")
    rows = in_sheet([reader(1, {LINE1: "1010\nSainte Catherine"}), reader(2, {PLAN_ID: "NO-SUCH"})], first=3)
    write_workbook(folder / "export.xlsx", {"Readers": rows})
    migration = migrate(folder, tmp_path)
    assert migration.told == [f"export.xlsx#Readers:5 subscription, {PLAN_ID}: SUB-PLAN reject"]


#: A number that processors give out for tests, as text and as spreadsheets keep it.
CARDS = ("4242 4242 4242 4242", "4242424242424242", "378282246310005")


def refused_cards(given: Delivery | Path, home: Path) -> str:
    with pytest.raises(UnusableInputError) as refused:
        migrate(given, home)
    return str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("number", CARDS)
def test_a_card_number_stops_the_run_in_any_encoding(number, encoding, tmp_path):
    text = as_csv([reader(1, {LINE1: "1010\nSainte Catherine"}), reader(2, {"customer.last_name": f"Côté {number}"})])
    told = refused_cards(Delivery(texts={"customers.csv": text.encode(encoding)}), tmp_path)
    assert "customers.csv, line 4, customer.last_name holds a payment card number" in told
    assert number not in told


@pytest.mark.parametrize("number", [*CARDS, 4242424242424242, 378282246310005])
def test_a_card_number_in_a_workbook_stops_the_run(number, tmp_path):
    folder = Delivery().into(tmp_path / "given")
    rows = in_sheet([reader(1, {"Remarks": "paid by cheque"}), reader(2, {"Remarks": number})], first=3)
    write_workbook(folder / "export.xlsx", {"Readers": rows})
    told = refused_cards(folder, tmp_path)
    assert "export.xlsx#Readers, line 5, Remarks holds a payment card number" in told
    assert str(number) not in told
