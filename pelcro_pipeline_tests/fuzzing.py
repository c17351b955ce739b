"""Hostile deliveries, from a seed: each ends in a ledger that accounts for every record, or in one sentence.

A case is one file, valid until it is mutated. It is read alone; what can be read is then migrated, twenty
files to a delivery, because judging costs half a second however few the records are.
"""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import xlsxwriter

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.conversion import passwords
from pelcro_pipeline.delivery import cards, text
from pelcro_pipeline.delivery import reading as delivery
from pelcro_pipeline.delivery.manifest import DeliveredFile, Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.review import explanation
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace.intake import PASSWORD_SAMPLES
from pelcro_pipeline_tests.extract import (
    OLD_ID,
    ONLINE_MONTHLY,
    PERIOD_END,
    PLAN_ID,
    PRINT,
    PRINT_YEARLY,
    SETTINGS,
    STATUS,
    address,
    as_csv,
    customer,
    migrate,
    subscription,
)

#: Seconds. The slowest that is right takes three.
TIME_LIMIT = 20
_TOGETHER = 20
_LINK = "customer.old_provider_id"
#: What every delivery of subscriptions needs beside them.
CATALOGUE = as_csv([PRINT | PRINT_YEARLY, PRINT | ONLINE_MONTHLY | {"plan.temporary_product_id": "PRINT"}]).encode()

#: What a file with subscriptions, or one that may hold them, shows in any encoding.
_SUBSCRIBED = (b"subscription.", "subscription.".encode("utf-16-le"), b"PK")

Table = list[list[str]]
Chance = random.Random


def _table(*rows: dict[str, str]) -> Table:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return [columns, *([row.get(column, "") for column in columns] for row in rows)]


#: A subscription's indispensable columns, and a few of each kind.
_SUBSCRIPTION = {
    name: cell
    for name, cell in subscription(1).items()
    if name in (PERIOD_END, PLAN_ID, OLD_ID, STATUS, "subscription.start_date", "subscription.type")
    or name.endswith(("collection_method", "shipments_remaining", "quantity"))
}
SEEDS = (
    _table(*(customer(number) for number in (1, 2, 3))),
    _table(*(customer(number) | address("billing") for number in (1, 2))),
    _table(*(customer(number) | address("shipping") | _SUBSCRIPTION for number in (1, 2))),
    _table(*({_LINK: f"HR{number}"} | address("shipping") for number in (1, 2))),
    _table(*({_LINK: f"HR{number}"} | _SUBSCRIPTION for number in (1, 2, 3))),
    _table(PRINT_YEARLY, ONLINE_MONTHLY),
    [[_LINK, "customer.email"], ["HR1", "a@example.com"], ["HR2", "b@example.com"]],
    [[_LINK], ["HR1"], ["HR2"]],
)

HEADERS = (
    "", " ", "record", "customer", "violations", "blank", "c0", "line", "file", "raw_text", "place", "delivered", "results",
    "customer.common_metadata.", 'customer.common_metadata.x";DROP TABLE customers--', "customer.common_metadata.'; --",
    "customer.common_metadata.password_encryption?", "customer.common_metadata.record", "plan.common_metadata.\x1b[31m",
    "subscription.common_metadata.old_id?", "subscription.common_metadata.😀", "subscription.n.quantity",
    "subscription.99.type", "Product.Name*", "plan.autorenew", "plan.product_id", "billing_address_id",
    "shipping_address_id", "x" * 900, "x" * 2_000, "customer.common_metadata." + "y" * 500, '"', '""', ";", "a\tb", "\x01",
    "customer.email ", "customer.email*", "CUSTOMER.EMAIL", "{today}", "{text}", "%s", "$1", "é", "e\u0301", "\u202e", "\ufeff",
    "subscription.1.quantity", "subscription.2.quantity", "subscription.2.common_metadata.old_id", "Customer E-Mail", "\u200bcustomer.email",
    "customer.common_metadata.Tier", "customer.common_metadata.tier", "sep=;", "Email", "email address",
    "other.0", "customer.held", "customer.violations", "name (2)", "name", "NAME", "rowid", "file_row_number",
)  # fmt: skip
CELLS = (
    "", " ", "empty", "'EMPTY'", "\xa0", "\u200b", "9" * 40, "-1", "1e400", "1E5", "0x10", "NaN", "inf", "٣", "½", "²", "00", "+1",
    "9223372036854775807", "9223372036854775808", "340282366920938463463374607431768211456", "1.0", "1,5", "1.", ".5",
    "31/02/2027", "00/00/0000", "2027-02-30", "9999-12-31", "10000-01-01", "0000-00-00", "0001-01-01", "29/02/2024", "1/1/27",
    "20270101", "99999999", "2027-01-01T25:61:61", "2027-01-01 00:00:00+99:99", "12:00", "44927", "01/02/2027 10:00",
    '=HYPERLINK("http://x")', "=1+1", "@SUM(A1)", "\x0b\x0c\x1c\x85\u2028", "a\rb", "a\r\nb", "a\nb", '"', '""', '"""', "\\", '\\"',
    "a;b|c\td,e", "😀" * 50, "x" * 100_000, "\x1b[2J", "\ufeff", "\ufffd", "e\u0301", "İ", "ß" * 300, "NULL", "null", "None", "true",
    "'; DROP TABLE customers; --", '"; DROP TABLE customers; --', "{today}", "$P$B12345678é", "$2b$31$" + "a" * 53, "$S$E", "HR1",
    "yes", "2", "US", "CA", "QC", "Québec", "member", "admin", "cancelled", "unpaid", "membership", "a@b", "a@example.com" * 30,
    "4242 4242 4242 4241", "P-Y", "S1",
    "4.56123E+15", "1.2E16", "4,56123E+15", '="00123"', "'00123", "'t Hart", "\\N", "#N/A", "#REF!", "-", "Mar 5, 2027", "5-Mar-2027", "2027/03/05",
    "1798761600", "1798761600000", "46000.5", "2027-01-01T23:30:00Z", "01/02/2027 23:30 +05:30", "Ann <a@example.com>", "mailto:a@example.com",
    "a @example.com.", "noreply@example.com", "jos\u00e9@exa\u0301mple.com", "+44 (0)20 7946 0958", "514-555-0100 x12", "5145550100 / 5145550101",
    "99.00", "99,5", "1,999.00", "1.000", "caf\u00c3\u00a9", "Andr\u00c2\u00e9", "&amp;", "&#233;", "a\u200bb", "HR1.0", "hr1", "0HR1", "Deutschland", "\u65e5\u672c", "P.R.",
    "AE", "N.S.W.", "1/1/1900", "1970-01-01", "00000", "bcrypt", "Drupal_v8.2.x",
)  # fmt: skip
NAMES = (
    "a*.csv", "a?.csv", "[a].csv", "a'b.csv", 'a"b.csv', "a#b.csv", "a.xlsx#S.csv", "a\nb.csv", "a\x1bb.csv", ".hidden.csv", "..csv",
    "a b.csv", " .csv", "A.CSV", "a.csv.gz", "a.csv.zst", "a.parquet", "a.json", "CON", "-rf", "~", "$HOME", "%00", "k=v.csv", "é.csv",
    "e\u0301.csv", "😀.csv", "x" * 251 + ".csv", "é" * 120 + ".csv", "a;b.csv", "a--b.csv", "[bold]a[red].csv", "\udcff\udcfe.csv",
    "Extract.toml", "CARDS.CSV", "a.csv ", "no ending", "{a}.csv", "a\\b.csv", "a|b.csv", "\u202ecsv.exe", "0.records.csv",
    "~$a.xlsx", ".~lock.a.csv#", "a.html", "a.xls", "a.tsv", "a.txt",
)  # fmt: skip
SETTING_LINES = (
    "taxes = 1", 'taxes = "yes"', "taxes = []", 'taxs = true\n"a\\nb" = 1', "migration_date = 0001-01-01", "migration_date = 9999-12-31",
    "migration_date = 2026-13-45", 'migration_date = "soon"', "migration_date = 5", "migration_date = nan", 'timezone = "../../etc"',
    "timezone = 5", 'timezone = "Asia/Tokyo"', 'currency = "CAD"', 'currency = ""', 'currency = "\\u0000"', 'delimiter = ";"', 'delimiter = ","',
    'encoding = "UTF-16"', 'encoding = "utf-8"', 'encoding = "windows-1252"', 'ignore = ["../extract.toml"]', 'ignore = ["a\\u0000b"]',
    'ignore = ["customers.csv"]', 'ignore = "customers.csv"', "ignore = [[[1]]]", "write_off_days = 99999999999999999999",
    "write_off_days = -1", "write_off_days = 1.5", "write_off_days = " + "9" * 5_000, "a = " + "[" * 5_000, "[table]\na = 1", "[[a]]", "= 1",
    'source = "\'; DROP TABLE x"', 'date_format = "yyyy-mm-dd"', 'date_format = "mm/dd/yyyy"', 'template_date_format = "yyyy-mm-dd"',
    'template_date_format = "mm/dd/yyyy"', 'unpaid_reading = "never"', "\ufeff", "# " + "x" * 100_000, "taxes = true", "currency = 'usd'",
    'nothing = ["-", "keine"]', "nothing = []", 'nothing = [""]', 'nothing = "-"', 'amounts = "units"', 'amounts = "cents"', 'amounts = 1',
    'not_card_numbers = ["customer.email"]', 'not_card_numbers = ["no such"]',
)  # fmt: skip
HASHES = (
    "5f4dcc3b5aa765d61d8327deb882cf99", "5f4dcc3b5aa765d61d8327deb882cf99:salt", "$P$B12345678abcdefghijklmnopqrstuv", "$P$Bé", "$H$",
    "$S$E12345678", "$S$5" + "x" * 51, "$2b$04$" + "a" * 53, "$2b$99$" + "a" * 53, "$2y$31$" + "a" * 53, "$2a$", "$wp$2y$31$" + "a" * 53,
    "$wp$2y$04$" + "é" * 53, "$wp$2y$", "\x00", "plain", "", " ",
)  # fmt: skip
SHEET_NAMES = (
    "Readers",
    "a'b",
    'a"b',
    "a#b",
    "é 😀",
    "..",
    "../../x",
    "a/b",
    "a\\b",
    "a*b",
    "x" * 200,
    "a&#10;b",
    "Sheet1",
)


@dataclass(frozen=True)
class Case:
    """One delivered file, and how it came to be what it is."""

    number: int
    #: From the seed to what was done to it.
    story: tuple[str, ...]
    name: str
    content: bytes
    settings: bytes = SETTINGS.encode()
    samples: bytes | None = None

    @property
    def joins(self) -> bool:
        """Whether it can be migrated together with others."""
        return self.settings == SETTINGS.encode()

    def into(self, folder: Path) -> Path:
        """Deliver the file, with what it cannot do without."""
        folder.mkdir(parents=True)
        if any(each in self.content for each in _SUBSCRIBED):
            (folder / "catalogue.csv").write_bytes(CATALOGUE)
        (folder / self.name).write_bytes(self.content)
        (folder / extract_settings.FILE_NAME).write_bytes(self.settings)
        if self.samples is not None:
            (folder / PASSWORD_SAMPLES).write_bytes(self.samples)
        return folder


@dataclass
class Outcome:
    """How the cases ended."""

    migrated: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    #: What was neither: the case, and what happened.
    bugs: list[tuple[Case, str]] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def cases(self) -> int:
        return self.migrated + self.refused.total() + len(self.bugs)


def cases(count: int, seed: int) -> Iterator[Case]:
    """``count`` cases, the same for the same seed, whichever of them are run."""
    for number in range(count):
        chance = Chance(f"{seed}/{number}")
        (make,) = chance.choices(list(_MAKERS), list(_MAKERS.values()))
        yield make(number, chance)


def _text_case(number: int, chance: Chance) -> Case:
    story: list[str] = []
    written = _mutated(chance, story, _written(chance, story))
    return Case(number, tuple(story), f"{number}.csv", written)


def _named_case(number: int, chance: Chance) -> Case:
    name, story = chance.choice(NAMES), []
    return Case(
        number, ("name", repr(name)), name, _written(chance, story) if chance.random() < 0.5 else _plain(chance)
    )


def _settings_case(number: int, chance: Chance) -> Case:
    lines = chance.sample(SETTING_LINES, chance.randint(1, 3))
    content = "\n".join(lines).encode()
    if chance.random() < 0.3:
        content = _mutated(chance, lines, content)
    return Case(number, ("settings", *(line[:60] for line in lines)), f"{number}.csv", _plain(chance), settings=content)


def _samples_case(number: int, chance: Chance) -> Case:
    story: list[str] = []
    pairs = [["hash", "plain"], *([chance.choice(HASHES), chance.choice(CELLS)] for _ in range(6))]
    content = _mutated(chance, story, _csv(pairs, ",", "\n", csv.QUOTE_MINIMAL).encode())
    return Case(number, ("samples", *story), f"{number}.csv", _plain(chance), samples=content)


def _workbook_case(number: int, chance: Chance) -> Case:
    story: list[str] = []
    content = _workbook(chance, story)
    change = chance.choice(("as it is", "flipped bytes", "cut short", "a part changed"))
    story.append(change)
    if change == "flipped bytes":
        content = _flip(chance, content)
    elif change == "cut short":
        content = content[: chance.randrange(len(content))]
    elif change == "a part changed":
        content = _repacked(chance, story, content)
    return Case(number, ("workbook", *story), f"{number}.xlsx", content)


_MAKERS: dict[Callable[[int, Chance], Case], int] = {
    _text_case: 62,
    _named_case: 6,
    _settings_case: 10,
    _samples_case: 5,
    _workbook_case: 17,
}


def _plain(chance: Chance) -> bytes:
    return _csv(chance.choice(SEEDS[:5]), ",", "\n", csv.QUOTE_MINIMAL).encode()


def _written(chance: Chance, story: list[str]) -> bytes:
    """A seed's table, its headers, records and cells changed, in some dialect and encoding."""
    table = [list(row) for row in chance.choice(SEEDS)]
    for change in chance.choices(
        (_change_header, _change_cell, _change_column, _change_record, None), (3, 5, 3, 3, 2), k=chance.randint(1, 3)
    ):
        if change is not None:
            story.append(change(chance, table))
    delimiter = chance.choices((",", ";", "\t", "|"), (5, 2, 1, 1))[0]
    end = chance.choices(("\n", "\r\n", "\r"), (6, 3, 1))[0]
    quoting = chance.choices((csv.QUOTE_MINIMAL, csv.QUOTE_ALL), (3, 1))[0]
    encoding = chance.choices(
        ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"), (12, 2, 1, 1, 1, 2, 1)
    )[0]
    story.append(f"{encoding} {delimiter!r} {end!r} quoting {quoting}")
    return _csv(table, delimiter, end, quoting).encode(encoding, errors="replace")


def _csv(table: Table, delimiter: str, end: str, quoting: int) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(table)
    return out.getvalue()


def _change_header(chance: Chance, table: Table) -> str:
    if not table[0]:
        table[0].append("first")
    place, name = chance.randrange(len(table[0])), chance.choice(HEADERS)
    if (how := chance.choice(("renamed", "added", "repeated", "many"))) == "renamed":
        table[0][place] = name
        return f"header {place} is {name[:60]!r}"
    added = {"added": [name], "repeated": [table[0][place]] * chance.randint(1, 2), "many": chance.sample(HEADERS, 6)}[
        how
    ]
    for row in table:
        row += added if row is table[0] else [chance.choice(CELLS[:40]) for _ in added]
    return f"headers {how}: {[each[:40] for each in added[:2]]}"


def _change_cell(chance: Chance, table: Table) -> str:
    row, cell = chance.randrange(1, len(table)), chance.choice(CELLS)
    place = chance.randrange(len(table[row])) if table[row] else 0
    table[row][place : place + 1] = [cell]
    return f"record {row} cell {place} is {cell[:40]!r}"


def _change_column(chance: Chance, table: Table) -> str:
    """What one export does to a column, it does to every cell of it."""
    if not table[0]:
        table[0].append("first")
    place, cells = chance.randrange(len(table[0])), chance.sample(CELLS, chance.choice((1, 1, 2)))
    for number, row in enumerate(table[1:]):
        row[place : place + 1] = [cells[number % len(cells)]]
    return f"column {place} is {[each[:40] for each in cells]}"


def _change_record(chance: Chance, table: Table) -> str:
    row = chance.randrange(1, len(table))
    match how := chance.choice(
        (
            "short",
            "long",
            "blank",
            "commas",
            "spaces",
            "repeated",
            "gone",
            "trailing",
            "blank first",
            "titles",
            "sep",
            "ghosts",
        )
    ):
        case "short":
            table[row] = table[row][: chance.randrange(len(table[row]) + 1)]
        case "long":
            table[row] = [*table[row], "one more"]
        case "blank":
            table.insert(row, [])
        case "commas":
            table.insert(row, [""] * len(table[0]))
        case "spaces":
            table.insert(row, [" "])
        case "repeated":
            table.append(table[row])
        case "gone":
            del table[1:]
            table.append([])
        case "trailing":
            table[1:] = [[*each, ""] for each in table[1:]]
        case "blank first":
            table.insert(0, [])
        case "titles":
            table[:0] = [["Readers of the Harbour Review"], [], ["as of", "2026-10-01"]][: chance.randint(1, 3)]
        case "sep":
            table.insert(0, ["sep=;"])
        case "ghosts":
            table[:] = [[*each, *[""] * 3] for each in table]
    return f"record {row} {how}"


def _mutated(chance: Chance, story: list[str], content: bytes) -> bytes:
    for change in chance.sample(_BYTES, chance.choices((0, 1, 2), (5, 4, 1))[0]):
        story.append(change.__name__.strip("_"))
        content = change(chance, content)
    return content


def _flip(chance: Chance, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(chance: Chance, content: bytes) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _insert(*what: bytes) -> Callable[[Chance, bytes], bytes]:
    def insert(chance: Chance, content: bytes) -> bytes:
        place = chance.randrange(len(content) + 1)
        return content[:place] + chance.choice(what) + content[place:]

    insert.__name__ = f"insert {what[0]!r}"
    return insert


def _mixed_ends(chance: Chance, content: bytes) -> bytes:
    lines = content.split(b"\n")
    return b"".join(line + chance.choice((b"\n", b"\r\n", b"\r", b"\n\n")) for line in lines)


def _repeated(chance: Chance, content: bytes) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + content[place // 2 : place] + content[place:]


_BYTES = (
    _flip,
    _cut,
    _mixed_ends,
    _repeated,
    _insert(b"\0"),
    _insert(b"\xef\xbb\xbf", b"\xff\xfe"),
    _insert(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x81", b"\xf4\x90\x80\x80"),
    _insert(b"\r", b"\r\r", b"\n\r"),
    _insert(b'"', b'""', b',"', b'"\n', b'","'),
    _insert(b"\n", b"\n\n", b"\r\n\r\n"),
    _insert(b",", b";", b"\t", b"|"),
    _insert(b"<html><table>", b"<!DOCTYPE html>", b'="1"'),
    _insert(b"\x1a", b"\x0c", b"\xe2\x80\xa8", b"\xc2\x85"),
)


def _workbook(chance: Chance, story: list[str]) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "nan_inf_to_errors": True})
    date = book.add_format({"num_format": "yyyy-mm-dd"})
    for number in range(chance.randint(1, 2)):
        table = [list(row) for row in chance.choice(SEEDS[:5])]
        story.append(chance.choice((_change_header, _change_cell, _change_column, _change_record))(chance, table))
        sheet = book.add_worksheet(f"Sheet {number}")
        top, left = chance.choice(((0, 0), (0, 0), (3, 2)))
        for row, cells in enumerate(table, top):
            for column, cell in enumerate(cells, left):
                sheet.write_string(row, column, cell[:32_000])
        row, column = top + chance.randint(1, len(table)), left + chance.randrange(4)
        match odd := chance.choice(
            ("number", "date", "error", "formula", "boolean", "merged", "far", "nothing", "empty sheet")
        ):
            case "number":
                sheet.write_number(row, column, chance.choice((1e300, -0.0, 1.5, 4e15, 1e-300)))
            case "date":
                sheet.write_number(row, column, chance.choice((0, 60, 44_927.5, 2_958_466, -1, 1e9)), date)
            case "error":
                sheet.write_formula(row, column, "=1/0", None, "#DIV/0!")
            case "formula":
                sheet.write_formula(row, column, "=A1", None, chance.choice(("x", 5, "")))
            case "boolean":
                sheet.write_boolean(row, column, True)
            case "merged":
                sheet.merge_range(row, column, row + 1, column + 1, "merged")
            case "far":
                sheet.write_string(row + chance.choice((5, 500)), column + chance.choice((0, 30)), "far away")
            case "empty sheet":
                book.add_worksheet(f"Empty {number}")
        story.append(odd)
    book.close()
    return out.getvalue()


def _repacked(chance: Chance, story: list[str], content: bytes) -> bytes:
    """The workbook with one of its parts changed, and packed as it should be."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    name = chance.choice([each for each in parts if each.startswith("xl/") or chance.random() < 0.2])
    story.append(name)
    if name == "xl/workbook.xml" and chance.random() < 0.7:
        sheet = chance.choice(SHEET_NAMES)
        story.append(sheet[:40])
        parts[name] = parts[name].replace(b'name="Sheet 0"', f'name="{sheet.replace(chr(34), "&quot;")}"'.encode())
    else:
        parts[name] = chance.choice((_flip, _cut, _repeated, _flip))(chance, parts[name])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for each, part in parts.items():
            package.writestr(each, part)
    return out.getvalue()


class Campaign:
    """Runs cases under ``home``, one after the other."""

    def __init__(self, home: Path) -> None:
        self.outcome = Outcome()
        self._home, self._runs = home, 0
        # Opening one for each delivery takes as long as reading it.
        self._connection = duck.connect()
        self._waiting: list[Case] = []

    def run(self, case: Case) -> None:
        """Read a case alone; migrate it with others once there are enough."""
        if self._guarded(case, lambda: self._read(case)):
            if not case.joins:
                self._migrate([case])
            else:
                if any(case.name.lower() == each.name.lower() for each in self._waiting):
                    self.end()
                self._waiting.append(case)
        if len(self._waiting) == _TOGETHER:
            self.end()

    def end(self) -> None:
        """Migrate those that wait."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._migrate(waiting)

    def _guarded(self, case: Case, attempt: Callable[[], None]) -> bool:
        """Whether the attempt succeeded; how it ended otherwise is in the outcome."""
        self._runs += 1
        folder, began = self._home / str(self._runs), time.perf_counter()
        try:
            attempt()
        except UnusableInputError as refusal:
            sentence = str(refusal)
            if sentence.isprintable() and sentence.endswith((".", ")")) and len(sentence) < 5_000:
                self.outcome.refused[_kind(sentence)] += 1
            else:
                self.outcome.bugs.append((case, f"no sentence: {sentence[:500]!r}"))
        except KeyboardInterrupt:
            raise
        # Whatever else it is, a panic of the workbook library too, is what we are here to find.
        except BaseException:
            self.outcome.bugs.append((case, traceback.format_exc()))
        else:
            return True
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            took = time.perf_counter() - began
            self.outcome.slowest = max(self.outcome.slowest, took)
            if took > TIME_LIMIT:
                self.outcome.bugs.append((case, f"took {took:.0f} seconds"))
        return False

    def _read(self, case: Case) -> None:
        home = self._home / str(self._runs)
        folder, into = case.into(home / "delivered"), home / "raw"
        into.mkdir()
        passwords.proven(folder)
        settings = extract_settings.load(folder)
        manifest = delivery.read(folder, into, settings, self._connection)
        cards.refuse_to_store(folder).noted(manifest)
        for file in manifest.files:
            if file.name == case.name:
                _assert_read_whole(file, settings.encoding, self._connection)

    def _migrate(self, together: list[Case]) -> None:
        before = len(self.outcome.bugs)
        if self._guarded(together[0], lambda: self._whole_way(together)):
            self.outcome.migrated += len(together)
        elif len(together) > 1:
            # Which of them it was shows when each is alone; what only all of them do stays a bug of the first.
            found = self.outcome.bugs[before:]
            del self.outcome.bugs[before:]
            for case in together:
                self._migrate([case])
            if len(self.outcome.bugs) == before:
                self.outcome.bugs += found

    def _whole_way(self, together: list[Case]) -> None:
        home = self._home / str(self._runs)
        folder = together[0].into(home / "delivered")
        for case in together[1:]:
            (folder / case.name).write_bytes(case.content)
        (folder / "catalogue.csv").write_bytes(CATALOGUE)
        migration = migrate(folder, home)
        assert migration.broken == [], migration.broken
        manifest = Manifest.load(migration.paths.manifest)
        accounted = Counter(file for file, _ in {(each["file"], each["line"]) for each in migration.ledger})
        for file in manifest.files:
            received = file.records + file.quarantined_records
            assert accounted[file.name] == received, (file.name, accounted[file.name], received)
        database.load(migration.files, migration.paths.database("staging"))
        held = [each["key"] for each in migration.ledger if each["object"] == "customer" and each["key"]]
        if held:
            explanation.explain(migration.paths, held[-1])


def _assert_read_whole(file: DeliveredFile, encoding: str | None, connection) -> None:
    """What DuckDB reads is what the csv module reads, record for record and cell for cell."""
    path = Path(file.delivered)
    content = path.read_bytes().decode(text.encoding_of(path, encoding))
    header, *rows = csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline=""), delimiter=file.delimiter)
    if header and header[0].lower().startswith("sep="):
        header, *rows = rows
    assert len(rows) == file.records + file.quarantined_records, (len(rows), file.records, file.quarantined_records)
    kept = [_tidy(row) for row in connection.execute(f"FROM {file.relation()}").fetchall()]
    width = len(header)
    strict = [_tidy(row) for row in rows if len(row) == width]
    # Empty cells beyond the header are nothing.
    lenient = [_tidy(row[:width]) for row in rows if len(row) >= width and not any(_tidy(row[width:]))]
    filled = [row for row in kept if any(row)]
    # And columns without a name at its end hold nothing, whether a record goes on to them or not.
    named = max((place for place, name in enumerate(header, 1) if name.strip()), default=0)
    short = [
        _tidy(row[:width] + [""] * (width - len(row)))
        for row in rows
        if len(row) >= named and not any(_tidy(row[named:]))
    ]
    accepted = [[row for row in parted if any(row)] for parted in (strict, lenient, short)]
    assert filled in accepted, "cells differ"


def _tidy(row: list[str | None] | tuple[str | None, ...]) -> list[str]:
    return [(cell or "").strip() for cell in row]


def _kind(sentence: str) -> str:
    """A refusal without what is the case's own."""
    told = sentence.split(": ", 1)[0] if sentence.startswith(("FILE-", "extract.toml")) else sentence
    words = [word for word in told.split() if not any(each.isdigit() or each in "./\\" for each in word.strip(".,:;"))]
    return " ".join(words[:9])


def trace(case: Case) -> str:
    """A case in words, and where to write its file to look at it."""
    return f"case {case.number}: {os.fsencode(case.name)!r} {' | '.join(case.story)}"
