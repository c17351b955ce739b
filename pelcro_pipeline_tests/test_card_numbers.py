"""No card number is ever taken in: however it is written, wherever it stands, whatever way the run is launched."""

from __future__ import annotations

import io
import itertools
import json
import random
import sqlite3
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from pelcro_pipeline import cli, steps
from pelcro_pipeline.delivery import cards
from pelcro_pipeline.delivery.card_numbers import card_numbers, card_places
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.workspace import places
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests import fuzzing
from pelcro_pipeline_tests.extract import PRODUCTS, SETTINGS, Delivery, Row, Watcher, as_csv, customer, reader
from pelcro_pipeline_tests.workbooks import workbook

EXTRACT = "harbour-review"
VISA = "4242424242424242"
#: Numbers that issuers and processors publish for tests.
PUBLISHED = {
    "Visa": "4111111111111111",
    "Visa debit": "4000056655665556",
    "Visa of 19": "4000000000000000006",
    "Mastercard": "5555555555554444",
    "Mastercard that ends in zeros": "5105105105105100",
    "Mastercard of the 2 series": "2223003122003222",
    "first of the 2 series": "2221000000000009",
    "last of the 2 series": "2720990000000007",
    "American Express": "378282246310005",
    "American Express 34": "343434343434343",
    "Discover": "6011111111111117",
    "Discover 65": "6500000000000002",
    "Diners": "30569309025904",
    "Diners 36": "36227206271667",
    "Diners 38": "38520000023237",
    "JCB": "3530111333300000",
    "UnionPay": "6200000000000005",
    "UnionPay of 19": "6205500000000000004",
    "UnionPay 81": "8171999927660000",
    "Maestro": "6759649826438453",
    "Maestro 5018": "5018000000000009",
    "Maestro that ends in zeros": "6304000000000000",
}


def groups(number: str, separator: str) -> str:
    """A number as it is printed on a card."""
    sizes = {14: (4, 6, 4), 15: (4, 6, 5), 16: (4, 4, 4, 4), 19: (4, 4, 4, 4, 3)}[len(number)]
    ends = itertools.accumulate(sizes, initial=0)
    return separator.join(number[first:last] for first, last in itertools.pairwise(ends))


WRITTEN = {
    "plain": lambda number: number,
    "spaces": lambda number: groups(number, " "),
    "hyphens": lambda number: groups(number, "-"),
    "dots": lambda number: groups(number, "."),
    "two spaces": lambda number: groups(number, "  "),
    "spaced hyphens": lambda number: groups(number, " - "),
    "no-break spaces": lambda number: groups(number, "\u00a0"),
    "narrow no-break spaces": lambda number: groups(number, "\u202f"),
    "thin spaces": lambda number: groups(number, "\u2009"),
    "figure spaces": lambda number: groups(number, "\u2007"),
    "en dashes": lambda number: groups(number, "\u2013"),
    "no-break hyphens": lambda number: groups(number, "\u2011"),
    "middle dots": lambda number: groups(number, "\u00b7"),
    "zero-width spaces": lambda number: groups(number, "\u200b"),
    "a zero-width joiner between any two": lambda number: "\u200d".join(number),
    "a word joiner, a byte order mark": lambda number: number[:3] + "\u2060" + number[3:7] + "\ufeff" + number[7:],
    "soft hyphens and spaces": lambda number: groups(number, "\u00ad "),
    "full-width digits": lambda number: number.translate({ord(each): ord(each) + 0xFEE0 for each in "0123456789"}),
    "Arabic digits": lambda number: number.translate({ord(each): 0x0660 + int(each) for each in "0123456789"}),
    "full-width digits and ideographic spaces": lambda number: groups(
        number.translate({ord(each): ord(each) + 0xFEE0 for each in "0123456789"}), "\u3000"
    ),
    "a float of pandas": lambda number: f"{number}.0",
    "text of a spreadsheet": lambda number: f'="{number}"',
    "beside its date": lambda number: f"{groups(number, ' ')} 12/27",
    "beside its check value": lambda number: f"{groups(number, '-')} 123",
    "in a sentence": lambda number: f"payé par carte n°{number}, merci",
    "behind an id": lambda number: f"#12 {number}",
}


def is_found(text: str) -> bool:
    """Whether a text is taken for one with a card number, by what looks at cells and by what looks for these first."""
    by_cell = bool(card_numbers(text))
    assert not by_cell or len(card_places(f'1,"é {text}"\n'.encode())), "the bytes were passed over"
    return by_cell


@pytest.mark.parametrize("issuer", PUBLISHED)
def test_published_test_numbers_are_found_however_they_are_written(issuer):
    number = PUBLISHED[issuer]
    assert [name for name, written in WRITTEN.items() if not is_found(written(number))] == []


def test_of_19_digits_in_scientific_notation_16_are_found():
    assert is_found("4.242424242424242E+15")
    assert is_found("5.1051051051051e15")
    assert card_numbers("6.304E+15", whole=True) == [PUBLISHED["Maestro that ends in zeros"]]
    # What a spreadsheet has cut short is no number any more.
    assert not is_found("6.304E+15")
    assert not is_found("4.24242E+15")


NO_CARD_NUMBERS = {
    "a wrong check digit": "4242424242424241",
    "no issuer's": "9424242424242422",
    "too short": "4222222222222",
    "of another length than the issuer's": "424242424242424",
    "a hash": "d424242424242424242ae7f0c2b41d5a8",
    "a UUID": "5f4dcc3b-4242-4242-4242-4242a2424242",
    "a coordinate": "45.424242424242424",
    "a share": "4.242424242424242",
    "a German account": "DE89 3704 0044 0532 0130 00",
    "an Estonian account, whose digits begin as a Mir card": "EE38 2200 2210 2014 5685",
    "the same without spaces": "EE382200221020145685",
    "a parcel's tracking number": "9400 4242 4242 4242 4242 0000 11",
    "phones": "+44 20 7946 0958, 0044 20 7946 0958, 001 514 555 0123",
    "two phones": "514-555-0123 514-555-0124",
    "an EAN, a GTIN": "4006381333931 04006381333931",
    "dates and times": "2026-07-31 12:15:00 2026-08-01 00:00:00",
    "a timestamp": "20260731121500000",
    "microseconds of the epoch": "1785499200000000",
    "amounts": "4,242.42 4242.42 42424242.42",
    "an address of the internet": "2001:4242:4242:4242:4242:4242:4242:4242",
    "dots elsewhere": "424.2424.2424.24242",
    "numbers apart": "4242-4242, 4242-4242",
    "fractions": "orders 4242/4242/4242/4242",
}


@pytest.mark.parametrize("text", NO_CARD_NUMBERS.values(), ids=NO_CARD_NUMBERS)
def test_what_is_no_card_number_is_none(text):
    assert not is_found(text)


def test_the_bytes_miss_nothing_that_the_cells_hold():
    chance = random.Random(1)
    alphabet = [
        "4242424242424242",
        "5105105105105100",
        *"0123456789",
        *" -.,;é\u00a0\u200b\u2009４x+E\"'|/",
        "E+15",
        "4.2",
    ]
    for _ in range(4_000):
        line = "".join(chance.choice(alphabet) for _ in range(chance.randrange(24)))
        for cell in line.split(","):
            if card_numbers(cell):
                assert len(card_places(line.encode())), repr(line)
                break


def searched(folder: Path) -> str | None:
    """The sentence that a folder is refused with, where it is; never with a row of digits that is a card number's."""
    try:
        cards.refuse_to_store(folder)
    except UnusableInputError as refused:
        assert not card_numbers(str(refused))
        assert "4242" not in str(refused)
        return str(refused)
    return None


def given(folder: Path, rows: list[Row], settings: str = SETTINGS, **texts: str | bytes) -> Path:
    return Delivery(texts={"customers.csv": as_csv(rows)} | texts, settings=settings).into(folder)


COLUMNS = [
    *reader(),
    "Remarks",
    "Card ID",
    "Invoice No",
    "Card number",
    "customer.common_metadata.payment",
    "customer.common_metadata.card_number",
    "subscription.common_metadata.reference",
]


def test_one_among_others_is_found_in_any_column(tmp_path):
    passed_over = []
    for number, column in enumerate(COLUMNS):
        rows = [reader(each, {column: reader(each).get(column) or str(7_000 + each)}) for each in range(1, 13)]
        rows[4][column] = VISA
        told = searched(given(tmp_path / str(number), rows))
        if told is None or f"customers.csv, line 6, {column} holds a payment card number" not in told:
            passed_over.append((column, told))
    assert passed_over == []


@pytest.mark.parametrize("column", ["customer.common_metadata.card_number", "customer.old_provider_id", "Invoice No"])
def test_a_column_that_is_full_of_them_is_no_column_of_ids(column, tmp_path):
    numbers = [each for each in PUBLISHED.values() if len(each) == 16]
    rows = [reader(each, {column: number}) for each, number in enumerate(numbers, 1)]
    assert f"customers.csv, line 2, {column} holds" in (searched(given(tmp_path, rows)) or "")


def test_the_only_cell_of_a_metadata_column_is_not_one_of_its_ids(tmp_path):
    name = "customer.common_metadata.payment"
    assert f"{name} holds" in (searched(given(tmp_path, [reader(1, {name: VISA}), reader(2, {name: ""})])) or "")


DIALECTS = {
    "commas": {},
    "semicolons": {"delimiter": ";"},
    "tabs": {"delimiter": "\t"},
    "bars": {"delimiter": "|"},
    "quoted": {"quoting": 1},
    "carriage returns and line feeds": {"lineterminator": "\r\n"},
    "carriage returns alone": {"lineterminator": "\r"},
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_delimiter_and_encoding_is_searched(encoding, tmp_path):
    names = ("plain", "no-break spaces", "dots")
    if encoding != "cp1252":
        names += ("thin spaces", "zero-width spaces", "full-width digits")
    passed_over = []
    for dialect, options in DIALECTS.items():
        for name in names:
            rows = [reader(1), reader(2, {"customer.last_name": f"Côté {WRITTEN[name](VISA)}"})]
            folder = given(tmp_path / f"{dialect}.{name}", rows)
            (folder / "customers.csv").write_bytes(as_csv(rows, **options).encode(encoding))
            told = searched(folder)
            if told is None or "customers.csv, line 3, customer.last_name holds" not in told:
                passed_over.append((dialect, name, told))
    assert passed_over == []


#: What stands above, or goes wrong before, the record with the number.
CROOKED = {
    "a line that names the delimiter": lambda text: "sep=,\n" + text,
    "a title above the header": lambda text: "Export of the readers\n" + text,
    "a record too short": lambda text: text + f"HR3,{VISA}\n",
    "a record too long": lambda text: text.replace(VISA, f"{VISA},,,x"),
    "a quotation mark astray before it": lambda text: text.replace("genaro.cassano1@", '5" genaro@'),
    "line breaks in the cell before": lambda text: text.replace("genaro.cassano1@", '"\n\na\n"@'),
    "backslashes before quotation marks": lambda text: text.replace(VISA, f'"Jean \\"{VISA}\\" C."'),
    "no line feed at its end": lambda text: text.rstrip("\n"),
    "megabytes before it": lambda text: text.replace("genaro.cassano1@", f'"{"x" * (3 << 20)}"@'),
    "a header": lambda text: text.replace("customer.title", groups(VISA, " ")),
    "a quoted header of two lines": lambda text: text.replace("customer.title", f'"Card\n{VISA}"'),
}


@pytest.mark.parametrize("name", CROOKED)
def test_it_is_found_in_a_file_that_is_written_badly(name, tmp_path):
    folder = given(tmp_path, [])
    text = as_csv([reader(1), reader(2, {"customer.last_name": VISA})])
    (folder / "customers.csv").write_text(CROOKED[name](text), encoding="utf-8")
    assert "FILE-CARD-NUMBER: customers.csv, line" in (searched(folder) or "")


#: Files that are stored and hold no records, or none that are read.
OTHER_FILES = {
    "cards.csv": f"customer,card\nHR1,{groups(VISA, '-')}\n",
    "cards.json": json.dumps({"HR1": {"id": "card_1", "number": groups(VISA, "\u00a0")}}),
    "cards.ndjson": json.dumps({"number": WRITTEN["full-width digits"](VISA)}),
    "answers.csv": f"id,answer,value\nabc123,value,{VISA}\n",
    "password_samples.csv": f"hash,plain text\n$2y$10$abc,{VISA}\n",
    "going_live.csv": f"item,state,note\ndata-cards,done,tried {groups(VISA, ' ')}\n",
    "sample_review.csv": f"customer,comment\nHR1,{VISA}\n",
    "corrections.csv": f"file,line,attribute,value\ncustomers.csv,2,customer.title,{VISA}\n",
    ".hidden.csv": f"id,card\nHR1,{VISA}\n",
    "~$lock.txt": f"Jane {VISA}",
    "Thumbs.db": VISA.encode("utf-16-le"),
    "notes.txt": f"Dear all, {groups(VISA, '.')} was charged twice",
    "notes.pdf": b"%PDF-1.4\n(" + VISA.encode() + b") Tj\xff\xfe\n",
    "old.xls": b"\xd0\xcf\x11\xe0" + bytes(600) + VISA.encode("utf-16-le") + bytes(40),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_files_that_hold_no_records_are_searched(name, tmp_path):
    folder = given(tmp_path, [reader(1)], f'{SETTINGS}ignore = ["{name}"]\n', **{name: OTHER_FILES[name]})
    assert f"FILE-CARD-NUMBER: {name}, line " in (searched(folder) or "")


@pytest.mark.parametrize(
    "settings",
    [f"{VISA} = 1\n", f'ignore = ["{VISA}"]\n', f'source = "{groups(VISA, " ")}"\n', f"# {VISA}\n= no TOML\n"],
)
def test_settings_are_searched_before_they_are_told_of(settings, tmp_path):
    assert "FILE-CARD-NUMBER: extract.toml, line" in (searched(given(tmp_path, [reader(1)], settings)) or "")


@pytest.mark.parametrize(
    "name", [f"{VISA}.csv", f"{groups(VISA, ' ')}", f"{groups(VISA, '-')}/a.csv", ".old 4242.4242.4242.4242"]
)
def test_names_are_searched(name, tmp_path):
    folder = given(tmp_path / "given", [reader(1)])
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("nothing")
    assert "FILE-CARD-NUMBER: the name of a file or folder" in (searched(folder) or "")


#: Ids of 16 digits that begin as Visa's do: one in ten has the check digit too.
IDS = [str(number) for number in random.Random(2).sample(range(4 * 10**15, 5 * 10**15), 60)]
NOT_CARDS_THOUGH = {
    "cards.json": json.dumps(
        {
            f"HR{number}": {
                "id": IDS[number],
                "fingerprint": f"{number}Xt5EWLLDS7FJjR1c",
                "last4": "4242",
                "exp": "4242-12",
                "created": 1_785_499_200_000 + number,
                "payment_method": f"pm{VISA}",
            }
            for number in range(60)
        }
    ),
    "cards.csv": as_csv([{"customer": f"HR{n}", "card_id": IDS[n]} for n in range(60)]),
}


@pytest.mark.parametrize("name", NOT_CARDS_THOUGH)
def test_a_mapping_of_cards_without_their_numbers_is_taken_in(name, tmp_path):
    text = NOT_CARDS_THOUGH[name]
    assert len(card_places(text.encode())), "none has a card's check digit"
    assert searched(given(tmp_path, [reader(1)], **{name: text})) is None


@pytest.mark.parametrize("field", ["fingerprint", "id", "last4"])
def test_one_field_of_digits_that_is_named_an_id_is_let_be(field, tmp_path):
    text = json.dumps({"HR1": {field: "4000123400000003" if field != "last4" else "4242", "brand": "visa"}}, indent=1)
    assert searched(given(tmp_path, [reader(1)], **{"cards.json": text})) is None


def test_an_id_that_is_delivered_may_stand_in_answers_and_reviews(tmp_path):
    rows = [reader(each, {"customer.old_provider_id": IDS[each]}) for each in range(40)]
    (number, *_) = [row["customer.old_provider_id"] for row in rows if card_numbers(row["customer.old_provider_id"])]
    texts = {
        "answers.csv": f"id,answer,value,attribute,about\nabc,accept,,,{number}\n",
        "sample_review.csv": f"who\n{number}\n",
    }
    assert searched(given(tmp_path, rows, **texts)) is None


def test_a_correction_is_held_to_the_column_that_it_corrects(tmp_path):
    rows = [reader(each) for each in range(1, 8)]
    text = f"file,line,attribute,value\ncustomers.csv,2,subscription.common_metadata.order_number,{VISA}\n"
    assert "corrections.csv, line 2" in (searched(given(tmp_path / "a", rows, **{"corrections.csv": text})) or "")


def spreadsheet(place: str, path: Path) -> None:
    """A workbook of readers with a number at ``place``."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Readers")
    columns = list(customer())
    for column, name in enumerate(columns):
        sheet.write_string(0, column, name)
        sheet.write_string(1, column, customer()[name])
    title = columns.index("customer.title")
    match place:
        case "text":
            sheet.write_string(1, title, groups(VISA, "\u00a0"))
        case "rich text":
            sheet.write_rich_string(1, title, "4242 4242 ", book.add_format({"bold": True}), "4242 4242", " paid")
        case "number":
            sheet.write_number(1, title, int(VISA))
        case "number of zeros":
            sheet.write_number(1, title, 6_304_000_000_000_000)
        case "formula result":
            sheet.write_formula(1, title, "=A1", None, VISA)
        case "formula":
            sheet.write_formula(1, title, f'="{VISA}"&""', None, "x")
        case "header":
            sheet.write_string(0, title, VISA)
        case "hidden sheet":
            hidden = book.add_worksheet("Old")
            hidden.hide()
            hidden.write_string(3, 3, VISA)
        case "comment":
            sheet.write_comment(1, title, f"paid with {groups(VISA, ' ')}")
        case "defined name":
            book.define_name("Paid", f'="{VISA}"')
        case "properties":
            book.set_properties({"comments": f"Cards such as {VISA}"})
        case "custom property":
            book.set_custom_property("Card", VISA)
        case "sheet's name":
            book.add_worksheet(VISA)
        case "text box":
            sheet.insert_textbox(5, 5, f"see {VISA}")
        case "header of the printed page":
            sheet.set_header(f"&C{groups(VISA, ' ')}")
        case "list of choices":
            sheet.data_validation(1, title, 1, title, {"validate": "list", "source": [VISA, "none"]})
        case "link":
            sheet.write_url(1, title, f"https://example.com/pay?card={VISA}", string="paid")
    book.close()


SPREADSHEETS = (
    "text", "rich text", "number", "number of zeros", "formula result", "formula", "header", "hidden sheet", "comment",
    "defined name", "properties", "custom property", "sheet's name", "text box", "header of the printed page",
    "list of choices", "link",
)  # fmt: skip


@pytest.mark.parametrize("name", ["export.xlsx", "questions.xlsx", "sample.xlsx", "cards.xlsx", "ignored.xlsx"])
def test_workbooks_are_searched_in_every_part(name, tmp_path):
    passed_over = []
    for place in SPREADSHEETS:
        folder = given(
            tmp_path / place, [reader(1)], f'{SETTINGS}ignore = ["ignored.xlsx"]\n', **{"ignored.xlsx": b"x"}
        )
        spreadsheet(place, folder / name)
        told = searched(folder)
        if told is None or f"FILE-CARD-NUMBER: {name}" not in told:
            passed_over.append((place, told))
    assert passed_over == []


def test_a_number_of_an_unused_text_and_an_inline_one_are_found(tmp_path):
    plain = workbook({"Readers": [customer()]})
    for part, old, new in (
        ("xl/sharedStrings.xml", b"</sst>", f"<si><t>{VISA}</t></si></sst>".encode()),
        ("xl/worksheets/sheet1.xml", b"</row></sheetData>", f'<c t="inlineStr"><is><t>{VISA}</t></is></c></row></sheetData>'.encode()),
        ("docProps/app.xml", b"</Properties>", f"<Company>{'&#52;242' * 4}</Company></Properties>".encode()),
    ):  # fmt: skip
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(plain)) as package, zipfile.ZipFile(out, "w") as changed:
            for name in package.namelist():
                content = package.read(name)
                if name == part:
                    assert old in content
                    content = content.replace(old, new)
                changed.writestr(name, content)
        folder = given(tmp_path / part.replace("/", "."), [reader(1)], **{"export.xlsx": out.getvalue()})
        assert "FILE-CARD-NUMBER: export.xlsx" in (searched(folder) or ""), part


def test_a_workbook_of_long_ids_is_taken_in(tmp_path):
    rows = [customer(each, {"customer.old_provider_id": IDS[each]}) for each in range(60)]
    assert searched(given(tmp_path, [reader(1)], **{"export.xlsx": workbook({"Readers": rows})})) is None


def test_deliveries_of_the_fuzzer_are_no_more_refused_than_they_hold(tmp_path):
    told = [searched(case.into(tmp_path / str(case.number))) for case in fuzzing.cases(150, seed=7)]
    assert [each for each in told if each and "FILE-CARD-NUMBER" in each] == []


def holding(home: Path) -> list[str]:
    """Files below a workspace whose bytes hold the number, or whose database does."""
    needles = [
        VISA.encode(),
        VISA.encode("utf-16-le"),
        groups(VISA, " ").encode(),
        groups(VISA, " ").encode("utf-16-le"),
    ]
    held = [
        path.relative_to(home).as_posix()
        for path in home.rglob("*")
        if path.is_file() and any(each in path.read_bytes() for each in needles)
    ]
    for path in home.rglob("*.db"):
        with sqlite3.connect(path) as database:
            held += [path.name for line in database.iterdump() if any(each.decode() in line for each in needles[:3:2])]
    return held


#: A delivery of each kind that reading writes something of, or tells of, before it is through.
LAUNCHED = {
    "a cell of UTF-16": {"customers.csv": as_csv([reader(1), reader(2, {"customer.title": groups(VISA, " ")})]).encode("utf-16")},
    "a header": {"customers.csv": as_csv([reader(1, {groups(VISA, " "): "x"})])},
    "a hidden file": {".cards": VISA},
    "an answer": {"answers.csv": f"id,answer\n{VISA},{VISA}\n"},
}  # fmt: skip


@pytest.mark.parametrize("name", LAUNCHED)
def test_of_a_folder_given_by_path_nothing_is_copied(name, tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv(places.HOME, str(home))
    folder = Delivery([reader(1)], texts=LAUNCHED[name]).into(tmp_path / EXTRACT)
    with pytest.raises(UnusableInputError, match="FILE-CARD-NUMBER") as refused:
        cli._taken_in(str(folder))
    assert "4242" not in str(refused.value)
    assert not home.exists()


def test_a_folder_under_extracts_is_read_by_no_step(tmp_path):
    for name, texts in LAUNCHED.items():
        paths = ExtractPaths(tmp_path / name, EXTRACT)
        Delivery([reader(1)], texts=texts).into(paths.delivered)
        with pytest.raises(UnusableInputError, match="FILE-CARD-NUMBER"):
            steps.read(paths)
        assert [each for each in paths.home.iterdir() if each.name != "extracts"] == [], name


def test_a_run_of_dagster_records_nothing_of_it(tmp_path, monkeypatch):
    dg = pytest.importorskip("dagster")
    from pelcro_pipeline.definitions import defs
    from pelcro_pipeline.defs import run
    from pelcro_pipeline.defs.automation import new_extract
    from pelcro_pipeline.defs.resources import Extracts
    from pelcro_pipeline.workspace import instance

    monkeypatch.setenv(places.HOME, str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    told = []
    # By name, as the command line does.
    for name, texts in list(LAUNCHED.items())[:2]:
        paths = ExtractPaths(tmp_path, f"{EXTRACT}-{name.replace(' ', '-')}")
        Delivery([reader(1)], texts=texts).into(paths.delivered)
        with pytest.raises(UnusableInputError, match="FILE-CARD-NUMBER") as refused:
            run.job("dry_run", paths, {}, Watcher())
        told.append(str(refused.value))
    # As the daemon launches what the sensor asks for.
    with dg.DagsterInstance.from_config(str(instance.prepare(tmp_path))) as recorded:
        asked = None
        for _ in range(2):
            cursor = asked.cursor if asked else None
            with dg.build_sensor_context(
                instance=recorded, cursor=cursor, resources={"extract": Extracts(home=str(tmp_path))}
            ) as context:
                asked = new_extract(context)
        (request, *_) = asked.run_requests
        done = defs.resolve_job_def("dry_run").execute_in_process(
            instance=recorded,
            partition_key=request.partition_key,
            run_config={"resources": {"extract": {"config": {"home": str(tmp_path)}}}},
            raise_on_error=False,
        )
        assert not done.success
        assert "FILE-CARD-NUMBER" in " ".join(
            entry.dagster_event.step_failure_data.user_failure_data.description
            for entry in recorded.all_logs(done.run_id)
            if entry.dagster_event and entry.dagster_event.event_type is dg.DagsterEventType.STEP_FAILURE
        )
    assert "4242" not in " ".join(told)
    assert [each for each in holding(tmp_path) if not each.startswith("extracts/")] == []
    assert not (tmp_path / "tables" / EXTRACT).exists()


def test_products_hold_none_either(tmp_path):
    products = [PRODUCTS[0] | {"product.description": f"Charged to {VISA}"}, *PRODUCTS[1:]]
    folder = Delivery([reader(1)], products=products).into(tmp_path)
    assert "products.csv, line 2, product.description holds" in (searched(folder) or "")
