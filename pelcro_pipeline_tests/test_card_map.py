"""The payment processor's mapping file: what is read of it, what it is refused for, and what it means for subscriptions."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.delivery import cards
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine import relations
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.migration_day import card_map
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import Delivery, reader

NEVER = date(9999, 12, 1)
CARD_HEADER = "old_customer_id,customer_id,old_card_id,card_id,card_fingerprint,card_last4,card_exp_month,card_exp_year,card_brand\n"
OF_IMKE = "HR-1001,cus_Nk3,2600,card_1Ab,x9yW1WE4nLvl6zjg,0341,06,2027,Visa\n"
#: A number that processors give out for tests.
NUMBER = "4242424242424242"


def read(
    tmp_path: Path, content: str | bytes, name: str = "cards.csv", settings: Settings | None = None
) -> card_map.CardMap:
    """What is read of one mapping file."""
    folder, into = tmp_path / "harbour-review", tmp_path / "read"
    for each in (folder, into):
        each.mkdir(exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return card_map.read(folder, into, settings or Settings())


def sources(read_map: card_map.CardMap, *columns: str) -> list[tuple]:
    listed = ", ".join(
        columns or ("customer", "gateway_customer_id", "source_id", "kind", "last4", "expires", "is_default")
    )
    return duckdb.sql(f"SELECT {listed} FROM '{read_map.path}' ORDER BY place").fetchall()


def problems(read_map: card_map.CardMap) -> list[tuple]:
    return duckdb.sql(f"SELECT place, customer, problem FROM '{read_map.problems}' ORDER BY place").fetchall()


def refusal(tmp_path: Path, content: str | bytes, name: str = "cards.csv") -> str:
    """The sentence that a file is refused with, and nothing is written."""
    with pytest.raises(UnusableInputError) as error:
        read(tmp_path, content, name)
    assert not list((tmp_path / "read").glob("*")), "something was written"
    return str(error.value)


def as_json(**customers: object) -> str:
    return json.dumps(customers)


FORMS = {
    "cards as card_": (
        CARD_HEADER + OF_IMKE + "HR-1002,cus_Pp7,2601,card_2Cd,nZnMWbJBurX3VHIN,4242,12,2031,Mastercard\n",
        [
            ("HR-1001", "cus_Nk3", "card_1Ab", "card", "0341", date(2027, 6, 1), True),
            ("HR-1002", "cus_Pp7", "card_2Cd", "card", "4242", date(2031, 12, 1), True),
        ],
    ),
    "cards as pm_": (
        "old_id,source_old_id,created_customer,source_new_id,card_fingerprint,card_last4,card_exp_month,card_exp_year,card_brand\n"
        "HR-1001,2600,cus_Nk3,pm_1Ab,x9yW1WE4nLvl6zjg,0341,06,2027,Visa\n",
        [("HR-1001", "cus_Nk3", "pm_1Ab", "card", "0341", date(2027, 6, 1), None)],
    ),
    "bank accounts": (
        "old_customer_id,customer_id,old_bank_account_id,bank_account_id,bank_account_fingerprint,bank_account_last4\n"
        "HR-1001,cus_Nk3,acc-1,ba_1Ab,f1,6789\nHR-1002,cus_Pp7,acc-2,pm_2Cd,f2,0001\n",
        [
            ("HR-1001", "cus_Nk3", "ba_1Ab", "bank_account", "6789", NEVER, None),
            ("HR-1002", "cus_Pp7", "pm_2Cd", "bank_account", "0001", NEVER, None),
        ],
    ),
    "Bacs debits": (
        "old_id,source_old_id,created_customer,source_new_id,mandate_id\nHR-1001,m-1,cus_Nk3,pm_1Ab,mandate_1\n",
        [("HR-1001", "cus_Nk3", "pm_1Ab", "bacs", None, NEVER, None)],
    ),
    "SEPA debits": (
        "old_customer_id,customer_id,old_source_id,source_id,type,bank_code,branch_code,country,fingerprint,last4,"
        "mandate_reference,mandate_url,mandate_id\n"
        "HR-1001,cus_Nk3,s-1,pm_1Ab,sepa_debit,37040044,,DE,f1,3000,REF,https://example.org/m,mandate_1\n",
        [("HR-1001", "cus_Nk3", "pm_1Ab", "sepa", "3000", NEVER, None)],
    ),
    "customers before the import": (
        "old_customer_id,stripe_customer_id\nHR-1001,cus_Nk3\n",
        [("HR-1001", "cus_Nk3", None, None, None, None, None)],
    ),
    "a log": (
        "Customer ID,Payment Method Token,Last 4,Expiration Date,Card Type\n"
        "HR-1001,,,,\n,tok_a,0341,06/2027,Visa\n,tok_b,4242,122031,MasterCard\nHR-1002\nHR-1003,,,,\n,tok_c,6789,,US Bank Account\n",
        [
            ("HR-1001", "HR-1001", "tok_a", "card", "0341", date(2027, 6, 1), None),
            ("HR-1001", "HR-1001", "tok_b", "card", "4242", date(2031, 12, 1), None),
            ("HR-1002", "HR-1002", None, None, None, None, None),
            ("HR-1003", "HR-1003", "tok_c", "bank_account", "6789", NEVER, None),
        ],
    ),
    "a log whose cards repeat their customer": (
        "old_customer_id,customer_id,token\nHR-1001,771,\nHR-1001,771,tok_a\nHR-1002,772,tok_b\n",
        [
            ("HR-1001", "771", "tok_a", "card", None, None, None),
            ("HR-1002", "772", "tok_b", "card", None, None, None),
        ],
    ),
}


@pytest.mark.parametrize(("content", "expected"), FORMS.values(), ids=FORMS)
def test_each_form_of_csv_is_told_by_its_header(content, expected, tmp_path):
    told = read(tmp_path, content)
    assert sources(told) == expected
    assert problems(told) == []
    assert told.sources == len(expected)


AS_SAVED = {
    "with a BOM": ("\ufeff" + CARD_HEADER + OF_IMKE).encode(),
    "as UTF-16": (CARD_HEADER + OF_IMKE).encode("utf-16"),
    "with semicolons": (CARD_HEADER + OF_IMKE).replace(",", ";").encode(),
    "with tabs": (CARD_HEADER + OF_IMKE).replace(",", "\t").encode(),
    "naming its delimiter": b"sep=;\r\n" + (CARD_HEADER + OF_IMKE).replace(",", ";").encode(),
    "with the line ends of Windows": (CARD_HEADER + OF_IMKE).replace("\n", "\r\n").encode(),
    "with line ends of several systems": (CARD_HEADER + OF_IMKE).replace("\n", "\r\n", 1).encode(),
    "with the line ends of an old Macintosh": (CARD_HEADER + OF_IMKE).replace("\n", "\r").encode(),
    "with capitals in the header": CARD_HEADER.upper().encode() + OF_IMKE.encode(),
    "with cells kept as text": CARD_HEADER.encode() + OF_IMKE.replace("0341", '"=""0341"""').encode(),
    "without leading zeros": CARD_HEADER.encode() + OF_IMKE.replace("0341,06", "341,6").encode(),
    "with the year in two digits": CARD_HEADER.encode() + OF_IMKE.replace("2027", "27").encode(),
    "with blank lines": CARD_HEADER.encode() + b"\n\n" + OF_IMKE.encode() + b",,,,,,,,\n\n",
    "without an end of its last line": (CARD_HEADER + OF_IMKE).strip().encode(),
}


@pytest.mark.parametrize("content", AS_SAVED.values(), ids=AS_SAVED)
def test_a_csv_is_read_however_people_save_it(content, tmp_path):
    told = read(tmp_path, content)
    assert sources(told) == FORMS["cards as card_"][1][:1]
    assert problems(told) == []


def test_a_place_is_the_line_that_an_editor_shows(tmp_path):
    told = read(tmp_path, "sep=,\n" + CARD_HEADER + OF_IMKE + "\n\n" + OF_IMKE.replace("1001", "1002"))
    assert sources(told, "place") == [(3,), (6,)]


@pytest.mark.parametrize("written", ["06/2027", "6/2027", "06-2027", "062027", "62027", "06/27", "0627", '"06,2027"'])
def test_an_expiration_in_one_cell(written, tmp_path):
    told = read(tmp_path, f"customer_id,token,expiration\nHR-1001,,\n,tok_a,{written}\n")
    assert sources(told, "exp_month", "exp_year", "expires") == [(6, 2027, date(2027, 6, 1))]


class TestJson:
    def test_each_card_is_a_row_with_its_customer(self, tmp_path):
        told = read(
            tmp_path,
            as_json(
                **{
                    "HR-1001": {
                        "cards": {
                            "2600": {
                                "id": "card_1Ab",
                                "fingerprint": "x9",
                                "last4": "0341",
                                "exp_month": 6,
                                "exp_year": 2027,
                                "brand": "Visa",
                            },
                            "3520": {
                                "id": "card_2Cd",
                                "fingerprint": "nZ",
                                "last4": "4242",
                                "exp_month": 12,
                                "exp_year": 2031,
                                "brand": "JCB",
                            },
                        },
                        "id": "cus_Nk3",
                    },
                    "HR-1002": {
                        "id": "cus_Pp7",
                        "cards": {"2601": {"id": "pm_3Ef", "exp_month": "01", "exp_year": "30"}},
                    },
                }
            ),
            "cards.json",
        )
        assert sources(
            told,
            "customer",
            "gateway_customer_id",
            "old_source_id",
            "source_id",
            "brand",
            "last4",
            "expires",
            "is_default",
            "place",
        ) == [
            ("HR-1001", "cus_Nk3", "2600", "card_1Ab", "Visa", "0341", date(2027, 6, 1), True, 1),
            ("HR-1001", "cus_Nk3", "3520", "card_2Cd", "JCB", "4242", date(2031, 12, 1), False, 2),
            ("HR-1002", "cus_Pp7", "2601", "pm_3Ef", None, None, date(2030, 1, 1), None, 3),
        ]
        assert told.form == "Stripe, JSON"

    @pytest.mark.parametrize("none", [{}, [], None])
    def test_a_customer_without_cards_is_mapped(self, none, tmp_path):
        told = read(
            tmp_path,
            as_json(**{"HR-1001": {"id": "cus_Nk3", "cards": none}, "HR-1002": {"id": "cus_Pp7"}}),
            "cards.json",
        )
        assert sources(told, "customer", "gateway_customer_id", "source_id", "kind") == [
            ("HR-1001", "cus_Nk3", None, None),
            ("HR-1002", "cus_Pp7", None, None),
        ]

    def test_brackets_and_quotation_marks_within_texts_part_nothing(self, tmp_path):
        brand = 'a "}},{[\\'
        content = as_json(
            **{each: {"cards": {"1": {"id": f"pm_{each}", "brand": brand}}, "id": "cus_1"} for each in ("a", "b", "c")}
        )
        assert sources(read(tmp_path, content, "cards.json"), "source_id", "brand") == [
            (f"pm_{each}", brand) for each in ("a", "b", "c")
        ]

    @pytest.mark.parametrize("indent", [None, 4], ids=["on one line", "over many lines"])
    def test_three_thousand_customers_are_the_same_as_csv(self, indent, tmp_path):
        rows = [
            [f"HR-{customer}", f"cus_{customer:x}", f"{customer}-{card}", f"card_{customer:x}{card}", f"f{customer * card}",
             f"{customer * 7 % 10_000:04}", f"{customer % 12 + 1:02}", str(2026 + customer % 9), ("Visa", "Amex")[card % 2]]
            for customer in range(3_000)
            for card in range(1 + customer % 3)
        ]  # fmt: skip
        out = io.StringIO()
        csv.writer(out).writerows(rows)
        customers: dict[str, dict] = {}
        for old, new, old_card, card, fingerprint, last4, month, year, brand in rows:
            of_customer = customers.setdefault(old, {"cards": {}, "id": new})
            of_customer["cards"][old_card] = {
                "id": card, "fingerprint": fingerprint, "last4": last4, "exp_month": int(month), "exp_year": int(year), "brand": brand
            }  # fmt: skip
        columns = ("* EXCLUDE (place)", "place - (min(place) OVER ()) AS place")
        (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
        as_csv = sources(read(tmp_path / "a", CARD_HEADER + out.getvalue()), *columns)
        assert sources(read(tmp_path / "b", json.dumps(customers, indent=indent), "cards.json"), *columns) == as_csv
        assert len(as_csv) == len(rows) == 6_000


IN_CSV = {
    "no old id": (OF_IMKE.replace("HR-1001", ""), "no old customer id"),
    "digits lost": (OF_IMKE.replace("HR-1001", "1.00123E+15"), "a spreadsheet has cut the digits of the old customer id"),
    "no new id": (OF_IMKE.replace("cus_Nk3", ""), "no customer id of the processor"),
    "no source": (OF_IMKE.replace("card_1Ab", ""), "no source id of the processor"),
    "an error": (OF_IMKE.replace("card_1Ab", "#NAME?"), "no source id of the processor"),
    "month 13": (OF_IMKE.replace(",06,", ",13,"), "no month from 1 to 12"),
    "month 0": (OF_IMKE.replace(",06,", ",0,"), "no month from 1 to 12"),
    "no month": (OF_IMKE.replace(",06,", ",,"), "no month from 1 to 12"),
    "a word": (OF_IMKE.replace(",06,", ",June,"), "no month from 1 to 12"),
    "year 202": (OF_IMKE.replace("2027", "202"), "no year from 2000 to 2099"),
    "year 20277": (OF_IMKE.replace("2027", "20277"), "no year from 2000 to 2099"),
    "year 1999": (OF_IMKE.replace("2027", "1999"), "no year from 2000 to 2099"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "problem"), IN_CSV.values(), ids=IN_CSV)
def test_a_row_that_maps_nothing_is_told_and_the_others_are_read(row, problem, tmp_path):
    good = OF_IMKE.replace("1001", "1002").replace("cus_Nk3", "cus_Pp7")
    told = read(tmp_path, CARD_HEADER + row + good)
    assert problems(told) == [(2, row.split(",")[0] or None, problem)]
    assert sources(told, "customer") == [("HR-1002",)]
    assert (told.sources, told.refused) == (1, 1)


IN_JSON = {
    "no id": ({"cards": {}}, "no customer id of the processor"),
    "an id that is none": ({"id": {"a": 1}, "cards": {}}, "no customer id of the processor"),
    "a list": ({"id": "cus_1", "cards": [{"id": "card_1"}]}, "its cards are no object that names each of them once"),
    "a card without an id": ({"id": "cus_1", "cards": {"1": {"last4": "0341"}}}, "no source id of the processor"),
    "a card that is none": ({"id": "cus_1", "cards": {"1": 7}}, "no source id of the processor"),
    "month 13": ({"id": "cus_1", "cards": {"1": {"id": "pm_1", "exp_month": 13, "exp_year": 2027}}}, "no month from 1 to 12"),
    "a month of another type": ({"id": "cus_1", "cards": {"1": {"id": "pm_1", "exp_month": [6], "exp_year": 2027}}}, "no month from 1 to 12"),
    "a text": ("cus_1", "no customer id of the processor"),
}  # fmt: skip


@pytest.mark.parametrize(("entry", "problem"), IN_JSON.values(), ids=IN_JSON)
def test_an_entry_that_maps_nothing_is_told_and_the_others_are_read(entry, problem, tmp_path):
    told = read(tmp_path, as_json(a={"id": "cus_0"}, b=entry, c={"id": "cus_2"}), "cards.json")
    assert problems(told) == [(2, "b", problem)]
    assert sources(told, "customer") == [("a",), ("c",)]


def test_a_card_above_every_customer_of_a_log_is_nobodys(tmp_path):
    told = read(tmp_path, "customer_id,token\n,tok_a\nHR-1001,\n,tok_b\n")
    assert problems(told) == [(2, None, "no customer stands above it")]
    assert sources(told, "customer", "source_id") == [("HR-1001", "tok_b")]


ONE = as_json(a={"id": "cus_1", "cards": {"1": {"id": "pm_1"}}})
REFUSED = {
    "nothing": ("cards.csv", "", "cards.csv is empty"),
    "a header alone": ("cards.csv", CARD_HEADER, "cards.csv maps no customer"),
    "another file": ("cards.csv", "a,b\n1,2\n", "names no customer id and no token"),
    "JSON under the other name": ("cards.csv", ONE, "names no customer id and no token"),
    "a column left out": ("cards.csv", (CARD_HEADER + OF_IMKE).replace("card_last4,", ""), "nearest to 'Stripe, cards as card_', and lacks card_last4"),
    "a header twice": ("cards.csv", CARD_HEADER.replace("card_brand", "card_id"), "cards.csv has the header card_id twice"),
    "two ids": ("cards.csv", "id,customer_id,token\n1,2,3\n", "customer_id and id may both be what is meant"),
    "too many cells": ("cards.csv", CARD_HEADER + OF_IMKE + OF_IMKE.replace("Visa", "Visa,x,y"), "cards.csv line 3 has more cells"),
    "a cell of two lines": ("cards.csv", CARD_HEADER + OF_IMKE.replace("Visa", '"Vi\nsa"'), "a line break within a cell"),
    "an open quotation mark": ("cards.csv", CARD_HEADER + OF_IMKE.replace("Visa", '"Visa') + OF_IMKE, "a quotation mark that is left open"),
    "gzip": ("cards.json", b"\x1f\x8b\x08\0", "cards.json is packed with gzip"),
    "no bytes of text": ("cards.json", b'{"a": \x00\x01}', "cards.json is not text"),
    "a list": ("cards.json", "[1]", "is no JSON object that has the old customer ids as its keys"),
    "a word": ("cards.json", "cards", "is no JSON object that has the old customer ids as its keys"),
    "no customers": ("cards.json", "{}", "cards.json maps no customer"),
    "cut off within the first": ("cards.json", ONE[:-6], "ends, or is no JSON, within its first customer"),
    "cut off behind the first": ("cards.json", ONE[:-1], "ends, or is no JSON, behind customer 1 of the file"),
    "cut off within the second": ("cards.json", ONE[:-1] + ', "b": {"id": "cus', "behind customer 1 of the file"),
    "more behind its end": ("cards.json", ONE + "x", "behind customer 1 of the file"),
    "no JSON within": ("cards.json", ONE[:-1] + ', "b": {"id": cus_2}}', "what stands for customer 2 of the file is no JSON"),
    "another kind of file": ("cards.xlsx", "", "cards.xlsx is neither cards.csv nor cards.json"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_mapping_file_is_refused_in_a_sentence(name, content, sentence, tmp_path):
    told = refusal(tmp_path, content, name)
    assert sentence in told
    assert "HR-1001" not in told and "cus_" not in told


def test_there_is_one_mapping_file_or_none(tmp_path):
    (tmp_path / "harbour-review").mkdir()
    assert card_map.read(tmp_path / "harbour-review", tmp_path, Settings()) is None
    read(tmp_path, CARD_HEADER + OF_IMKE)
    with pytest.raises(UnusableInputError, match=r"cards.csv and cards.json stand side by side"):
        read(tmp_path, ONE, "cards.json")
    assert read(tmp_path, ONE, "cards.json", Settings(ignore=("cards.csv",))).name == "cards.json"


def test_a_new_file_has_another_digest(tmp_path):
    first, same, other = (
        read(tmp_path, CARD_HEADER + OF_IMKE.replace("Visa", brand)) for brand in ("Visa", "Visa", "JCB")
    )
    assert first.digest == same.digest != other.digest


WITH_NUMBERS = {
    "as an old card id": ("cards.csv", CARD_HEADER + OF_IMKE.replace("2600", NUMBER), "cards.csv, line 2"),
    "with spaces": ("cards.csv", CARD_HEADER + OF_IMKE + OF_IMKE.replace("0341", "4242 4242 4242 4242"), "cards.csv, line 3"),
    "in a column that is not read": ("cards.csv", (CARD_HEADER + OF_IMKE).replace("\n", ",x\n", 1).replace("Visa", f"Visa,{NUMBER}"), "cards.csv, line 2"),
    "in UTF-16": ("cards.csv", (CARD_HEADER + OF_IMKE.replace("0341", NUMBER)).encode("utf-16"), "cards.csv, line 2"),
    "as a value of JSON": ("cards.json", ONE.replace('"pm_1"', f'"pm_1", "number": "{NUMBER}"'), "cards.json, line 1"),
    "as a number of JSON": ("cards.json", ONE.replace('"pm_1"', f'"pm_1", "number": {NUMBER}'), "cards.json, line 1"),
    "as a key of JSON": ("cards.json", ONE.replace('"1"', f'"{NUMBER}"'), "cards.json, line 1"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "where"), WITH_NUMBERS.values(), ids=WITH_NUMBERS)
def test_a_card_number_stops_everything_and_is_not_shown(name, content, where, tmp_path):
    told = refusal(tmp_path, content, name)
    assert told.startswith(f"FILE-CARD-NUMBER: {where}")
    assert NUMBER not in told.replace(" ", "")


@pytest.mark.parametrize(("name", "content"), [each[:2] for each in WITH_NUMBERS.values()], ids=WITH_NUMBERS)
def test_it_stops_an_extract_that_is_taken_in_and_one_that_is_read(name, content, tmp_path):
    folder = tmp_path / "extracts" / "harbour-review"
    Delivery([reader(1)], texts={name: content}).into(folder)
    with pytest.raises(UnusableInputError, match="FILE-CARD-NUMBER"):
        cards.refuse_to_store(folder)
    paths = ExtractPaths(tmp_path, "harbour-review")
    with pytest.raises(UnusableInputError, match="FILE-CARD-NUMBER"):
        steps.read(paths)
    assert not paths.manifest.exists()


def test_ids_that_are_long_and_digits_are_no_card_numbers(tmp_path):
    # One in ten has a card's check digit.
    ids = [str(4_000_000_000_000_000 + 7_919 * each) for each in range(200)]
    content = json.dumps({each: {"id": f"cus_{each[-6:]}", "cards": {}} for each in ids})
    assert read(tmp_path, content, "cards.json").sources == 200
    rows = "".join(OF_IMKE.replace("HR-1001", each) for each in ids)
    (tmp_path / "harbour-review" / "cards.json").unlink()
    assert read(tmp_path, CARD_HEADER + rows).sources == 200
    told = refusal_beside(tmp_path, CARD_HEADER + rows + OF_IMKE.replace("Visa", NUMBER))
    assert "line 202" in told


def refusal_beside(tmp_path: Path, content: str) -> str:
    with pytest.raises(UnusableInputError) as error:
        read(tmp_path, content)
    return str(error.value)


#: Of the customer of each case: its sources as gateway customer, source, default, last month; and the class on 2026-11-15 of
#: what renews on 2027-01-31.
FIRST_RENEWAL, DAY = date(2027, 1, 31), date(2026, 11, 15)
CLASSES = {
    "a card until the month of the renewal": ([("g1", "s1", None, date(2027, 1, 1))], "fine", "s1"),
    "a bank account": ([("g1", "s1", None, NEVER)], "fine", "s1"),
    "the default, beside one that pays longer": (
        [("g1", "s1", False, NEVER), ("g1", "s2", True, date(2028, 1, 1))], "fine", "s2"),
    "one of two is still valid": ([("g1", "s1", None, date(2026, 10, 1)), ("g1", "s2", None, date(2027, 5, 1))], "fine", "s2"),
    "a card until the month before the renewal": ([("g1", "s1", None, date(2026, 12, 1))], "expires_before_renewal", "s1"),
    "a card of this month": ([("g1", "s1", True, date(2026, 11, 1))], "expires_before_renewal", "s1"),
    "a card of last month": ([("g1", "s1", None, date(2026, 10, 1))], "expired", "s1"),
    "two of the past": ([("g1", "s1", None, date(2025, 10, 1)), ("g1", "s2", None, date(2026, 9, 1))], "expired", "s2"),
    "the default of last month, beside one that is valid": (
        [("g1", "s1", True, date(2026, 10, 1)), ("g1", "s2", False, NEVER)], "fine", "s2"),
    "no date": ([("g1", "s1", None, None)], "expiry_not_told", "s1"),
    "nothing": ([], "missing", None),
    "a customer without a card": ([("g1", None, None, None)], "missing", None),
    "two that are valid": ([("g1", "s1", None, date(2027, 5, 1)), ("g1", "s2", None, date(2028, 5, 1))], "several", "s2"),
    "two that are valid as long": ([("g1", "s1", None, date(2028, 5, 1)), ("g1", "s2", None, date(2028, 5, 1))], "several", "s1"),
    "two defaults": ([("g1", "s1", True, date(2027, 5, 1)), ("g1", "s2", True, date(2028, 5, 1))], "several", "s2"),
    "the same source in two rows": ([("g1", "s1", None, date(2027, 5, 1)), ("g1", "s1", None, date(2027, 5, 1))], "fine", "s1"),
    "two customers at the processor": ([("g1", "s1", True, NEVER), ("g2", "s2", False, NEVER)], "mapped_twice", None),
    "one at the processor for two": ([("shared", "s1", True, NEVER)], "mapped_twice", None),
    "the other of the two": ([("shared", "s2", None, date(2020, 1, 1))], "mapped_twice", None),
}  # fmt: skip


@pytest.fixture(scope="module")
def judged():
    """The relations over one subscription of each case, and four that no class holds."""
    connection = duck.connect()
    connection.execute(f"CREATE TEMP TABLE day AS SELECT DATE '{DAY}' AS day")
    connection.execute('CREATE TEMP TABLE customers ("customer.old_provider_id" VARCHAR)')
    connection.execute(
        """CREATE TEMP TABLE subscriptions (record BIGINT, "customer.old_provider_id" VARCHAR, "subscription.collection_method" VARCHAR)"""
    )
    connection.execute(
        "CREATE TEMP TABLE subscription_state (record BIGINT, day DATE, state VARCHAR, period_end DATE, renews BOOLEAN)"
    )
    connection.execute(
        """CREATE TEMP TABLE card (customer VARCHAR, gateway_customer_id VARCHAR, source_id VARCHAR, old_source_id VARCHAR,
        kind VARCHAR, fingerprint VARCHAR, brand VARCHAR, last4 VARCHAR, exp_month TINYINT, exp_year SMALLINT, expires DATE,
        is_default BOOLEAN, place BIGINT)"""
    )
    place = 0
    for record, (case, (given, _, _)) in enumerate(CLASSES.items()):
        connection.execute("INSERT INTO customers VALUES (?)", [case])
        connection.execute("INSERT INTO subscriptions VALUES (?, ?, 'charge_automatically')", [record, case])
        connection.execute(
            "INSERT INTO subscription_state VALUES (?, ?, 'active', ?, true)", [record, DAY, FIRST_RENEWAL]
        )
        for gateway, source, is_default, expires in given:
            own = gateway if gateway == "shared" else f"{case}/{gateway}"
            connection.execute(
                "INSERT INTO card BY NAME SELECT ? AS customer, ? AS gateway_customer_id, ? AS source_id, ? AS is_default, ? AS expires, ? AS place",
                [case, own, source and f"{case}/{source}", is_default, expires, (place := place + 1)],
            )
    connection.execute(
        """INSERT INTO subscriptions VALUES (100, 'nothing', 'send_invoice'), (101, 'nothing', 'charge_automatically');
        INSERT INTO subscription_state VALUES (100, DATE '2026-11-15', 'active', DATE '2027-01-31', true),
            (101, DATE '2026-11-15', 'active', DATE '2027-01-31', false);
        INSERT INTO customers VALUES ('HR-0042'), ('hr-77');
        INSERT INTO card BY NAME SELECT unnest(['hr-0042', '0000HR-77', 'HR-77.0', 'HR-9']) AS customer,
            unnest(['c1', 'c2', 'c3', 'c4']) AS gateway_customer_id, unnest(['t1', 't2', 't3', 't4']) AS source_id, 900 AS place"""
    )
    files = relations.from_folder(Path(card_map.__file__).parent / "sql")
    relations.make(connection, [files[name] for name in ("mapped_twice", "default_source", *card_map.CLASSES[:-1])])
    yield connection
    connection.close()


@pytest.mark.parametrize("case", CLASSES)
def test_each_subscription_that_renews_by_card_is_of_one_class(case, judged):
    _, expected, _ = CLASSES[case]
    found = judged.execute("SELECT class, first_renewal FROM card_class WHERE customer = ?", [case]).fetchall()
    assert found == [(expected, FIRST_RENEWAL)]


@pytest.mark.parametrize("case", CLASSES)
def test_each_customer_has_one_source_that_is_charged(case, judged):
    *_, expected = CLASSES[case]
    found = judged.execute(
        "SELECT source_id FROM default_source WHERE customer = ? AND source_id IS NOT NULL", [case]
    ).fetchall()
    assert found == ([(f"{case}/{expected}",)] if expected else [])


def test_a_customer_without_a_card_keeps_its_id_at_the_processor(judged):
    assert judged.execute(
        "SELECT gateway_customer_id FROM default_source WHERE customer = 'a customer without a card'"
    ).fetchall() == [("a customer without a card/g1",)]


def test_the_classes_are_counted_and_none_is_left_out(judged):
    counted = dict(judged.execute("SELECT class, subscriptions FROM card_class_count ORDER BY ordinal").fetchall())
    expected = [each for _, each, _ in CLASSES.values()]
    assert counted == {each: expected.count(each) for each in counted}
    assert sum(counted.values()) == len(CLASSES)
    assert list(counted) == [
        "mapped_twice",
        "missing",
        "several",
        "expiry_not_told",
        "expired",
        "expires_before_renewal",
        "fine",
    ]


def test_a_class_of_no_subscription_is_counted_too(judged):
    cursor = judged.cursor()
    cursor.execute("CREATE TEMP TABLE day AS SELECT DATE '2026-11-15' AS day")
    cursor.execute("CREATE TEMP TABLE card_class (day DATE, record BIGINT, customer VARCHAR, class VARCHAR)")
    files = relations.from_folder(Path(card_map.__file__).parent / "sql")
    relations.make(cursor, [files["card_class_count"]])
    assert cursor.execute("SELECT count(*), sum(subscriptions) FROM card_class_count").fetchall() == [(7, 0)]


def test_cards_of_nobody_are_told_with_the_customer_who_is_alike(judged):
    assert judged.execute("SELECT customer, alike FROM card_of_no_customer ORDER BY customer").fetchall() == [
        ("0000HR-77", "hr-77"),
        ("HR-77.0", "hr-77"),
        ("HR-9", None),
        ("hr-0042", "HR-0042"),
    ]
