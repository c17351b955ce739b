"""Odd and hostile deliveries: each is refused in one sentence, or read whole; nothing hangs, nothing leaves the workspace."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import duckdb
import pytest
import xlsxwriter

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.conversion import passwords
from pelcro_pipeline.delivery import cards, package, reading
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.review import explanation
from pelcro_pipeline.workspace.intake import PASSWORD_SAMPLES, refuse_to_copy
from pelcro_pipeline_tests.extract import PLAN_ID, PLANS, Delivery, as_csv, customer, migrate, read, reader, refusal
from pelcro_pipeline_tests.workbooks import in_sheet, write_workbook

GOOD = as_csv([reader(1), reader(2)])
PEOPLE = as_csv([customer(1), customer(2)])
NO_FILE = "is no file of this folder: take it out, or name it under ignore in extract.toml."


def refused_folder(folder: Path, home: Path) -> str:
    """The sentence that a folder is refused with when it is read where it stands."""
    with pytest.raises(UnusableInputError) as refused:
        read_in_place(folder, home)
    return str(refused.value)


def standing(home: Path, given: Delivery | None = None) -> Path:
    """A delivered folder inside the workspace."""
    return (given or Delivery([reader(1)])).into(home / "extracts" / "harbour-review")


class TestWhatIsNoFile:
    def test_a_folder(self, tmp_path):
        folder = standing(tmp_path)
        (folder / "older").mkdir()
        assert f"older in harbour-review {NO_FILE}" in refused_folder(folder, tmp_path)

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../elsewhere.csv", "nowhere.csv", "itself.csv"])
    def test_a_link_that_leaves_the_folder_or_leads_nowhere(self, target, tmp_path):
        folder = standing(tmp_path)
        (tmp_path / "elsewhere.csv").write_text(GOOD)
        (folder / "itself.csv").symlink_to(target)
        assert f"itself.csv in harbour-review {NO_FILE}" in refused_folder(folder, tmp_path)

    def test_a_link_within_the_folder_is_a_file(self, tmp_path):
        folder = standing(tmp_path, Delivery(settings='ignore = ["data.txt"]'))
        (folder / "data.txt").write_text(GOOD)
        (folder / "customers.csv").symlink_to("data.txt")
        assert len(read_in_place(folder, tmp_path).files) == 3

    @pytest.mark.parametrize("name", ["pipe.csv", "extract.toml", "password_samples.csv", "cards.json"])
    def test_a_pipe_is_not_waited_for(self, name, tmp_path):
        folder = standing(tmp_path)
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
        assert f"{name} in harbour-review {NO_FILE}" in refused_folder(folder, tmp_path)
        with pytest.raises(UnusableInputError, match=f"{name} is a pipe, a socket or a device, and no file"):
            refuse_to_copy(folder)

    def test_a_device_is_not_read_without_end(self, tmp_path):
        folder = standing(tmp_path)
        (folder / "zero.csv").symlink_to("/dev/zero")
        assert f"zero.csv in harbour-review {NO_FILE}" in refused_folder(folder, tmp_path)

    @pytest.mark.parametrize("name", ["extract.toml", "password_samples.csv"])
    def test_settings_stand_in_the_folder_too(self, name, tmp_path):
        folder = standing(tmp_path)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to("/etc/hostname")
        assert f"{name} in harbour-review {NO_FILE}" in refused_folder(folder, tmp_path / "one")
        (folder / name).unlink()
        (folder / name).mkdir()
        assert f"{name} in harbour-review {NO_FILE}" in refused_folder(folder, tmp_path / "other")

    def test_a_file_that_may_not_be_read(self, tmp_path, monkeypatch):
        folder = standing(tmp_path)
        # Whoever runs the tests may be allowed everything.
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "customers.csv")
        assert "customers.csv in harbour-review may not be read" in refused_folder(folder, tmp_path)
        with pytest.raises(UnusableInputError, match=r"customers\.csv may not be read"):
            refuse_to_copy(folder)


def read_in_place(folder: Path, home: Path) -> Manifest:
    into = home / "raw"
    into.mkdir(parents=True)
    return reading.read(folder, into, extract_settings.load(folder), duck.connect())


class TestNames:
    @pytest.mark.parametrize("name", ["a*.csv", "a?.csv", "[ab].csv"])
    def test_a_name_that_is_a_pattern_reads_its_own_file_alone(self, name, tmp_path):
        texts = {name: PEOPLE, "ab.csv": as_csv([customer(3)]), "a.csv": as_csv([customer(4)])}
        files = read(Delivery(texts=texts), tmp_path).files
        assert {file.name: file.records for file in files if file.name in texts} == {name: 2, "ab.csv": 1, "a.csv": 1}

    @pytest.mark.parametrize(
        "name",
        [
            "a'b.csv",
            'a"b.csv',
            "a b;--.csv",
            "é😀.csv",
            "people.csv.gz",
            "PEOPLE.CSV",
            "x" * 251 + ".csv",
            "k=v.csv",
            "a\\b.csv",
        ],
    )
    def test_any_other_name_is_a_name(self, name, tmp_path):
        migration = migrate(Delivery([], (), (), texts={name: as_csv([customer(1, {"Remarks": "x"})])}), tmp_path)
        assert [each["file"] for each in migration.ledger] == [name]
        assert migration.broken == []
        assert len(list(migration.paths.archive.glob("*.columns.parquet"))) == 1

    @pytest.mark.parametrize("name", ["a\nb.csv", "a\x1b[31m.csv", "\udcff.csv", "\u202ecsv.exe"])
    def test_a_name_that_cannot_be_shown_is_refused_in_one_line(self, name, tmp_path):
        told = refusal(Delivery([reader(1)], texts={name: GOOD}), tmp_path)
        assert "holds characters that cannot be shown" in told
        assert told.isprintable()

    def test_names_that_differ_in_case_are_two_files(self, tmp_path):
        texts = {"readers.csv": as_csv([reader(1, {PLAN_ID: "-"})]), "Readers.csv": as_csv([reader(2, {PLAN_ID: "-"})])}
        migration = migrate(Delivery(texts=texts), tmp_path)
        assert migration.broken == []
        archived = [
            migration.archived(each.name) for each in migration.paths.archive.glob("[Rr]eaders*.records.parquet")
        ]
        assert sorted(each["file"] for file in archived for each in file) == ["Readers.csv", "readers.csv"]

    def test_a_sheet_and_a_file_of_one_name_are_refused(self, tmp_path):
        folder = standing(tmp_path, Delivery(texts={"a.xlsx#b": PEOPLE}))
        write_workbook(folder / "a.xlsx", {"b": in_sheet([customer(3)])})
        assert "Two of the delivered files and sheets are called a.xlsx#b" in refused_folder(folder, tmp_path)

    def test_a_sheet_and_a_file_do_not_share_an_archive(self, tmp_path):
        folder = standing(tmp_path, Delivery((), (), (), texts={"a.xlsx.b": as_csv([customer(1, {"Remarks": "x"})])}))
        write_workbook(folder / "a.xlsx", {"b": in_sheet([customer(2, {"Remarks": "y"})])})
        migration = migrate(folder, tmp_path)
        archived = [migration.archived(each.name) for each in migration.paths.archive.glob("*.columns.parquet")]
        assert sorted(each["Remarks"] for (each,) in archived) == ["x", "y"]

    @pytest.mark.parametrize("name", ["../../../out", "/tmp/out", "a/b", "..", "x" * 300, "é" * 200])
    def test_no_name_of_a_sheet_leaves_the_archive(self, name, tmp_path):
        folder = standing(tmp_path, Delivery((), (), ()))
        write_workbook(folder / "a.xlsx", {name: in_sheet([customer(1, {"Remarks": "x"})])})
        migration = migrate(folder, tmp_path)
        assert len(list(migration.paths.archive.glob("*.columns.parquet"))) == 1
        assert not list(tmp_path.rglob("out*.parquet"))

    HOSTILE = (
        'customer.common_metadata.x";DROPTABLEcustomers;--',
        "customer.common_metadata.');--",
        "customer.common_metadata.password_encryption?",
        "customer.common_metadata.record",
        "subscription.common_metadata.old_id?",
        "subscription.common_metadata.😀",
        'x"; DROP TABLE customers; --',
        "record",
        "customer",
        "violations",
        "blank",
        "c0",
        "line",
        "line (2)",
        "raw_text",
        "{today}",
    )

    def test_headers_reach_sql_as_names_alone(self, tmp_path):
        own = {name: f"cell of {number}'; DROP TABLE customers; --" for number, name in enumerate(self.HOSTILE)}
        rows = [reader(1, own), reader(2, own, {PLAN_ID: "NO-SUCH"})]
        migration = migrate(
            Delivery(rows, plans=[each | {'plan.common_metadata.";--': "x"} for each in PLANS]), tmp_path
        )
        assert migration.broken == []
        prepared = migration.prepared("customers")[0]
        for name, cell in own.items():
            if "common_metadata" in name:
                assert prepared[name.replace(" ", "")] == cell
        (archived,) = migration.archived("customers.csv.records.parquet")
        assert set(own.values()) <= set(archived.values())
        migration.staged()
        with duckdb.connect(str(migration.paths.database("staging")), read_only=True) as loaded:
            columns = {name for (name,) in loaded.execute("SELECT column_name FROM (DESCRIBE customers)").fetchall()}
            assert {name for name in self.HOSTILE if name.startswith("customer.common_metadata")} <= columns
            assert loaded.execute("SELECT count(*) FROM customers").fetchall() == [(2,)]
        explained = explanation.explain(migration.paths, "HR1")
        assert set(own.items()) <= {cell[:2] for source in explained.sources for cell in source.cells}
        with pytest.raises(UnusableInputError, match="names the customer"):
            explanation.explain(migration.paths, "' OR true --")


class TestSize:
    def test_a_cell_of_a_hundred_megabytes(self, tmp_path):
        given = Delivery(texts={"customers.csv": PEOPLE.replace("Genaro", "G" * 100_000_000, 1)})
        assert "customers.csv: the record on line 2 holds more than 400,000 characters" in refusal(given, tmp_path)

    def test_a_cell_of_a_megabyte_is_read(self, tmp_path):
        given = Delivery((), (), (), texts={"customers.csv": PEOPLE.replace("Genaro", "G" * 1_000_000, 1)})
        migration = migrate(given, tmp_path)
        assert len(migration.value("customer.first_name")) == 1_000_000

    @pytest.mark.parametrize(
        ("header", "sentence"),
        [
            (",".join(f"x{number}" for number in range(1_000_000)), "the header holds more than 1,048,576 characters"),
            ("customer.email," + "x" * 100_000_000, "the header holds more than 1,048,576 characters"),
            ("customer.email" + "," * 1_000_000, "the header has 1,000,001 columns, and 2,000 can be read"),
            ("customer.email," + "x" * 1_001, "a header holds more than 1,000 characters"),
        ],
        ids=["a million columns", "a hundred megabytes", "a million empty ones", "one long name"],
    )
    def test_a_header_without_end(self, header, sentence, tmp_path):
        assert sentence in refusal(Delivery(texts={"customers.csv": f"{header}\n"}), tmp_path)

    def test_more_repeated_headers_than_can_be_judged(self, tmp_path):
        header = ",".join(["customer.email", *(f"customer.common_metadata.{n}" for n in range(33))] * 2)
        told = refusal(Delivery(texts={"customers.csv": f"{header}\n"}), tmp_path)
        assert "customers.csv repeats 34 headers, among them customer.email: give each column once." in told

    def test_as_many_as_can_be_judged(self, tmp_path):
        row = customer(1) | {f"customer.common_metadata.{n}": "x" for n in range(32)}
        repeated = [*row][-32:]
        lines = [[*row, *repeated], [*row.values(), *["x"] * 31, "y"]]
        migration = migrate(Delivery(texts={"customers.csv": "\n".join(map(",".join, lines)) + "\n"}), tmp_path)
        assert migration.told == ["customers.csv:2 customer, customer.common_metadata.31: FILE-DUPLICATE-HEADER reject"]


class TestHeaders:
    @pytest.mark.parametrize("place", [0, 10, 40])
    def test_a_quotation_mark_left_open_in_the_header_loses_no_record(self, place, tmp_path):
        header, rest = PEOPLE.split("\n", 1)
        names = header.split(",")
        names[place % len(names)] = f'"{names[place % len(names)]}'
        told = refusal(Delivery(texts={"customers.csv": "\n".join([",".join(names), rest])}), tmp_path)
        assert "customers.csv: a quotation mark opened in the header is never closed" in told

    @pytest.mark.parametrize("header", ['"Re\r\nmarks"', '"Re\rmarks"', '"Re\nmarks"', 'Re"marks', '"Re"marks"'])
    def test_an_odd_header_loses_no_record(self, header, tmp_path):
        lines = PEOPLE.splitlines()
        text = "".join(f"{line},{cell}\n" for line, cell in zip(lines, (header, "x", "y"), strict=True))
        migration = migrate(Delivery((), (), (), texts={"customers.csv": text}), tmp_path)
        assert len(migration.prepared("customers")) == 2

    def test_a_bom_says_that_it_is_utf_8(self, tmp_path):
        content = GOOD.encode("utf-8-sig") + b"\xff"
        told = refusal(Delivery(texts={"customers.csv": content}), tmp_path)
        assert f"customers.csv is not text in utf-8-sig (byte offset {len(content) - 1})" in told

    def test_headers_of_the_archive_are_told_apart(self, tmp_path):
        header, *rows = as_csv([reader(1, {PLAN_ID: "NO-SUCH"})]).splitlines()
        text = f"{header},x,x,x (2),X\n{rows[0]},1,2,3,4\n"
        (archived,) = migrate(Delivery(texts={"customers.csv": text}), tmp_path).archived(
            "customers.csv.records.parquet"
        )
        assert [value for name, value in archived.items() if name.lower().startswith("x")] == ["1", "2", "3", "4"]


class TestRecords:
    def test_a_carriage_return_in_a_cell_is_kept_in_a_record_that_is_split_anew(self, tmp_path):
        text = as_csv([customer(1, {"customer.title": "a\rb"}), customer(2)], quoting=1) + "ragged\n"
        migration = migrate(Delivery((), (), (), texts={"customers.csv": text}), tmp_path)
        assert len(migration.prepared("customers")) == 2
        assert [each["line"] for each in migration.ledger if each["rule"] == "FILE-RAGGED"] == [5]

    @pytest.mark.parametrize("space", "\x0b\x0c\x1c\x85\u2028")
    def test_what_python_takes_for_a_line_break_is_none(self, space, tmp_path):
        given = Delivery([customer(1, {"customer.title": f'5" {space}door'})])
        migration = migrate(given, tmp_path)
        (source,) = explanation.explain(migration.paths, "HR1").sources
        assert ("customer.title", f'5" {space}door') in [cell[:2] for cell in source.cells]

    def test_a_record_beside_one_with_an_empty_cell_too_many_is_explained(self, tmp_path):
        text = "customer.old_provider_id,customer.title\nHR1,\nHR2,,\n"
        migration = migrate(Delivery((), (), (), texts={"customers.csv": text}), tmp_path)
        assert explanation.explain(migration.paths, "HR1").sources[0].cells[0][:2] == (
            "customer.old_provider_id",
            "HR1",
        )

    def test_a_blank_line_of_a_single_column_is_a_record_like_the_others(self, tmp_path):
        text = "customer.old_provider_id\nHR1\n\nHR3\n"
        migration = migrate(Delivery((), (), (), texts={"customers.csv": text}), tmp_path)
        assert {each["line"]: each["rule"] for each in migration.ledger} == {2: None, 3: "FILE-BLANK", 4: None}
        (source,) = explanation.explain(migration.paths, "HR3").sources
        assert [cell[:2] for cell in source.cells] == [("customer.old_provider_id", "HR3")]


def workbook(**parts: bytes) -> bytes:
    """A good workbook with further parts, named with ``__`` for ``/``."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("Readers")
    for row, cells in enumerate([list(customer(1)), list(customer(1).values())]):
        sheet.write_row(row, 0, cells)
    book.close()
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as added:
        for name, content in parts.items():
            added.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def far_apart() -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("Readers")
    sheet.write_row(0, 0, list(customer(1)))
    sheet.write_string(1_048_575, 16_383, "far away")
    book.close()
    return out.getvalue()


def lying(content: bytes) -> bytes:
    """The workbook with sizes of 1 byte in its directory."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {part.file_size for part in archive.infolist() if part.file_size > 100_000_000}
    for size in sizes:
        content = content.replace(size.to_bytes(4, "little"), b"\1\0\0\0")
    return content


def misplaced(content: bytes, by: int) -> bytes:
    """The workbook whose last bytes say that its directory stands elsewhere, and so its parts before its first byte."""
    end = content.rindex(b"PK\5\6") + 16
    place = int.from_bytes(content[end : end + 4], "little") + by
    return content[:end] + place.to_bytes(4, "little") + content[end + 4 :]


BOMB = bytes(600_000_000)
REFUSED_WORKBOOKS = {
    "macros": (lambda: workbook(xl__vbaProject=b"x"), "holds macros: save its sheets as a plain XLSX"),
    "links": (lambda: workbook(xl__externalLinks__externalLink1=b"x"), "takes cells from other workbooks"),
    "a bomb": (lambda: workbook(xl__bomb=BOMB), "unpacks to more than a workbook of records does"),
    "cells far apart": (far_apart, "unpacks to more than a workbook of records does"),
    "a password": (
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "is an Excel file of the old kind, or one with a password",
    ),
    "parts out of place": (lambda: misplaced(workbook(), 100), "is no readable workbook: save it again as XLSX"),
    "cut short": (lambda: workbook()[:3_000], "is no readable workbook: save it again as XLSX"),
}


class TestWorkbooks:
    @pytest.mark.parametrize(("content", "sentence"), REFUSED_WORKBOOKS.values(), ids=REFUSED_WORKBOOKS)
    def test_a_workbook_that_is_refused(self, content, sentence, tmp_path):
        assert f"export.xlsx {sentence}" in refusal(Delivery(texts={"export.xlsx": content()}), tmp_path)

    def test_sizes_are_measured_and_not_believed(self, tmp_path):
        path = tmp_path / "export.xlsx"
        path.write_bytes(lying(workbook(xl__bomb=BOMB)))
        assert sum(part.file_size for part in package.parts_of(path)) < 1_000_000
        with pytest.raises(UnusableInputError, match="unpacks to more"):
            package.refuse_hostile(path, package.parts_of(path))


NO_TEXT = {
    "a zip": (b"PK\x03\x04" + bytes(50), "is no readable workbook"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\n", "customers.csv is a PDF"),
    "gzip": (b"\x1f\x8b\x08\0", "customers.csv is packed with gzip: unpack it"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "customers.csv is an Excel file of the old kind"),
}


@pytest.mark.parametrize(("content", "sentence"), NO_TEXT.values(), ids=NO_TEXT)
def test_what_is_no_text_is_told_by_what_it_is(content, sentence, tmp_path):
    assert sentence in refusal(Delivery(texts={"customers.csv": content}), tmp_path)


def test_a_csv_that_is_a_zip(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("customers.csv", GOOD)
    told = refusal(Delivery(texts={"customers.csv": out.getvalue()}), tmp_path)
    assert "customers.csv is a ZIP archive and no XLSX workbook: unpack it" in told


def test_an_ignored_file_may_be_anything(tmp_path):
    folder = standing(
        tmp_path, Delivery([reader(1)], settings='ignore = ["a.xlsx", "old"]', texts={"a.xlsx": b"PK\x03\x04"})
    )
    (folder / "old").mkdir()
    cards.refuse_to_store(folder)
    assert len(read_in_place(folder, tmp_path).files) == 3


class TestSettings:
    @pytest.mark.parametrize(
        ("text_", "sentence"),
        [
            ("a = " + "[" * 5_000, "is not TOML"),
            ("write_off_days = " + "9" * 5_000, "is not TOML"),
            ("# " + "x" * 1_000_000, "holds more than 1,000,000 bytes"),
            ('"a\\nb" = 1', "a b is no setting"),
            ("\n".join(f"a{number} = 1" for number in range(50_000)), "and 49,995 more"),
        ],
        ids=["deep", "digits", "large", "two lines", "many"],
    )
    def test_what_is_no_settings_file_is_refused_in_one_line(self, text_, sentence, tmp_path):
        (tmp_path / "extract.toml").write_text(text_)
        with pytest.raises(UnusableInputError) as refused:
            extract_settings.load(tmp_path)
        assert sentence in str(refused.value)
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 3_000


class TestSamples:
    @pytest.mark.parametrize("hash_", ["$P$Bé2345678é", "$2b$31$" + "a" * 53, "$wp$2y$31$" + "a" * 53, "$2b$", "$S$é"])
    def test_a_hash_that_is_none_or_would_take_days_is_not_verified(self, hash_):
        assert passwords.verified(hash_, "plain") is None

    def test_more_pairs_than_are_needed_are_refused(self, tmp_path):
        (tmp_path / PASSWORD_SAMPLES).write_text("$P$B12345678,x\n" * 101)
        with pytest.raises(UnusableInputError, match="more than 100 lines"):
            passwords.proven(tmp_path)


def test_a_refusal_is_one_line_that_any_terminal_shows():
    assert str(RefusedError("a\nb\x1b[2J\udcff")) == "a b [2J "
