"""Annotated files: each finding on its cell, and what a person makes of them comes back as what they meant."""

from __future__ import annotations

import csv
import re
import shutil
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from python_calamine import CalamineWorkbook

from pelcro_pipeline import steps
from pelcro_pipeline.analysis import annotation
from pelcro_pipeline.delivery import reading
from pelcro_pipeline.delivery.workbook import SET_ASIDE, SUMMARY
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.reporting.annotated import FILLS
from pelcro_pipeline.review import explanation
from pelcro_pipeline.sources.source_map import shipped
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import PLAN_ID, SETTINGS, Delivery, Migration, as_csv, header, migrate, reader
from pelcro_pipeline_tests.workbooks import LIBREOFFICE, saved_by_libreoffice

BUNDLED = Path(__file__).resolve().parents[1] / "data" / "extracts" / "harbour-review-2026-10-01"
EXPORTS = Path(__file__).parent / "exports"
HASH = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
#: An annotated file's sheets by their order.
FIRST, ROWS = 1, 2


def parts(path: Path, name: str) -> list[ElementTree.Element]:
    """Parts of a workbook by a pattern of their names."""
    with zipfile.ZipFile(path) as archive:
        return [ElementTree.fromstring(archive.read(each)) for each in archive.namelist() if re.fullmatch(name, each)]


def comments(path: Path, sheet: int = ROWS) -> dict[str, str]:
    """The comments of a sheet, by cell."""
    (related,) = parts(path, rf"xl/worksheets/_rels/sheet{sheet}\.xml\.rels") or [ElementTree.Element("none")]
    return {
        comment.get("ref"): "".join(comment.itertext())
        for target in (each.get("Target") for each in related)
        if "comments" in target
        for (part,) in [parts(path, f"xl/{Path(target).name}")]
        for comment in part.iter(f"{MAIN}comment")
    }


def fills(path: Path, sheet: int = ROWS) -> dict[str, str]:
    """The colours of a sheet's cells, by cell."""
    (styles,), (rows,) = parts(path, r"xl/styles\.xml"), parts(path, rf"xl/worksheets/sheet{sheet}\.xml")
    colours = [each.find(f".//{MAIN}fgColor") for each in styles.iter(f"{MAIN}fill")]
    formats = [int(each.get("fillId")) for each in styles.find(f"{MAIN}cellXfs")]
    filled = {each.get("r"): colours[formats[int(each.get("s", "0"))]] for each in rows.iter(f"{MAIN}c")}
    return {cell: f"#{colour.get('rgb')[2:].lower()}" for cell, colour in filled.items() if colour is not None}


def rows(path: Path, sheet: str | int = ROWS) -> list[list[str]]:
    """The cells of a sheet."""
    book = CalamineWorkbook.from_path(str(path))
    return book.get_sheet_by_name(sheet if isinstance(sheet, str) else book.sheet_names[sheet - 1]).to_python()


def cell(row: int, position: int) -> str:
    """What a spreadsheet calls a cell, both from 1."""
    letters = ""
    while position:
        position, letter = divmod(position - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def typed(path: Path, ref: str, value: str) -> None:
    """Type a value into a cell that holds one."""
    with zipfile.ZipFile(path) as archive:
        contents = {each: archive.read(each) for each in archive.namelist()}
    name = f"xl/worksheets/sheet{ROWS}.xml"
    text, times = re.subn(rf'(<c r="{ref}"[^>]*><is><t[^>]*>)[^<]*', rf"\g<1>{value}", contents[name].decode())
    assert times == 1
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in (contents | {name: text.encode()}).items():
            archive.writestr(each, content)


def delivered_again(migration: Migration, folder: Path) -> Path:
    """A folder of all the workbooks of an extract, with its settings."""
    shutil.copytree(migration.paths.annotated, folder)
    for each in ("extract.toml", "source.toml"):
        if (migration.paths.delivered / each).exists():
            shutil.copy(migration.paths.delivered / each, folder)
    return folder


def told(migration: Migration) -> Counter:
    return Counter((each["rule"], each["severity"], each["attribute"]) for each in migration.findings)


def prepared(migration: Migration) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in migration.paths.prepared.iterdir()}


def annotated(given: Delivery | Path, home: Path) -> Migration:
    migration = migrate(given, home)
    steps.annotate(migration.paths)
    return migration


@pytest.fixture(scope="module")
def bundled(tmp_path_factory) -> Migration:
    return annotated(BUNDLED, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def placed(bundled) -> dict[tuple[str, str], list[dict]]:
    """The bundled publisher's findings of a line and a column of its file, by workbook and cell."""
    found: dict[tuple[str, str], list[dict]] = {}
    for path in bundled.paths.delivered.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            records = csv.reader(file)
            columns, line, row_on = next(records), 2, {}
            for row, _ in enumerate(records, 2):
                row_on[line], line = row, records.line_num + 1
        for each in bundled.findings:
            if each["file"] == path.name and each["line"] and each["attribute"] in columns:
                at = cell(row_on[each["line"]], columns.index(each["attribute"]) + 1)
                found.setdefault((f"{path.stem}.xlsx", at), []).append(each)
    return found


def test_every_finding_of_the_bundled_publisher_stands_on_its_cell(bundled, placed):
    lines = [each for each in bundled.findings if each["line"]]
    assert sum(map(len, placed.values())) == len([each for each in lines if each["attribute"]]) > 200
    for book in {book for book, _ in placed}:
        said, coloured = comments(bundled.paths.annotated / book), fills(bundled.paths.annotated / book)
        for (_, at), found in ((key, found) for key, found in placed.items() if key[0] == book):
            gravest = min((each["severity"] for each in found), key=annotation.SEVERITIES.index)
            assert coloured[at] == FILLS[gravest]
            for each in found:
                assert f"{each['severity'].upper()} {each['rule']}" in said[at]
                assert each["message"] in said[at] and each["fix"] in said[at]


def test_as_many_rules_are_named_in_comments_as_there_are_findings(bundled):
    said = [text for path in bundled.paths.annotated.iterdir() for ref, text in comments(path).items()]
    named = sum(len(re.findall(r"^(?:REJECT|CLEAR|REPAIR|QUESTION) [A-Z]+-", text, re.MULTILINE)) for text in said)
    assert named == len([each for each in bundled.findings if each["file"]])


def test_the_summary_counts_the_findings_by_rule(bundled):
    summary = rows(bundled.paths.annotated / "customers.xlsx", SUMMARY)
    counted = {(row[0], row[1]): row[2] for row in summary if row[1] in annotation.SEVERITIES}
    found = [each for each in bundled.findings if each["file"] == "customers.csv"]
    assert counted == Counter((each["rule"], each["severity"]) for each in found)


def test_an_annotated_file_is_its_owner_s_alone(bundled):
    assert {path.stat().st_mode & 0o777 for path in bundled.paths.annotated.iterdir()} == {0o600}


def test_what_nobody_corrected_is_migrated_as_before(bundled, tmp_path):
    again = migrate(delivered_again(bundled, tmp_path / "again"), tmp_path)
    assert prepared(again) == prepared(bundled)
    assert told(again) == told(bundled)


def test_a_cell_that_was_mended_is_found_no_more(bundled, placed, tmp_path):
    folder = delivered_again(bundled, tmp_path / "again")
    ((book, at),) = [key for key, found in placed.items() if found[0]["rule"] == "PLN-AMOUNT"]
    typed(folder / book, at, "2499")
    again = migrate(folder, tmp_path)
    assert told(bundled) - told(again) >= Counter({("PLN-AMOUNT", "reject", "plan.amount"): 1})
    assert len(again.findings) < len(bundled.findings)


READERS = [
    reader(1),
    reader(2, {"subscription.quantity": "0"}),
    reader(3, {"customer.title": "Head\nof library", "customer.phone": "=1+1"}),
    reader(4, {"subscription.quantity": "none", PLAN_ID: "P-Z", "customer.display_name": " @SUM(A1) "}),
    reader(5, {"customer.password": HASH, "customer.common_metadata.password_encryption": "rot13"}),
]
COLUMNS = header("customers", READERS)
QUANTITY = COLUMNS.index("subscription.quantity") + 1
#: Behind the readers a line of too many cells, one of too few, a blank one, another reader, and a count of rows.
TEXT = as_csv(READERS) + f"{','.join(['HR6', HASH, *COLUMNS])}\nHR7,{HASH}\n\n"
TEXT += as_csv([reader(8)]).split("\n", 1)[1] + "6 rows exported\n"
LINES = Delivery(texts={"customers.csv": TEXT})


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> Migration:
    return annotated(LINES, tmp_path_factory.mktemp("home"))


def test_every_line_has_its_row_and_what_is_no_record_an_empty_one(lines):
    given = rows(lines.paths.annotated / "customers.xlsx")
    column = given[0].index("customer.old_provider_id")
    assert [row[column] for row in given[1:]] == ["HR1", "HR2", "HR3", "HR4", "HR5", "", "", "", "HR8"]
    aside = rows(lines.paths.annotated / "customers.xlsx", SET_ASIDE)
    # The third reader's title takes two lines.
    assert [row[:3] for row in aside[1:]] == [
        ["8", "FILE-RAGGED", "HR6"],
        ["9", "FILE-RAGGED", "HR7"],
        ["12", "FILE-NO-RECORD", "6 rows exported"],
    ]
    assert [text.split("\n")[0] for text in comments(lines.paths.annotated / "customers.xlsx", 3).values()] == [
        "REJECT FILE-RAGGED", "REJECT FILE-RAGGED", "QUESTION FILE-NO-RECORD",
    ]  # fmt: skip


def test_lines_that_are_no_records_are_asked_about_until_they_are_mended(lines, tmp_path):
    again = migrate(delivered_again(lines, tmp_path / "again"), tmp_path)
    assert prepared(again) == prepared(lines)
    asked = {each["file"] for each in again.findings if each["rule"] == "FILE-SHEET"}
    assert asked == {f"customers.xlsx#{SET_ASIDE}"}


def test_what_was_delivered_stays_text(lines):
    path = lines.paths.annotated / "customers.xlsx"
    (sheet,) = parts(path, rf"xl/worksheets/sheet{ROWS}\.xml")
    assert list(sheet.iter(f"{MAIN}f")) == []
    assert {each.get("t", "blank") for each in sheet.iter(f"{MAIN}c")} == {"inlineStr", "blank"}
    given = [each for row in rows(path) for each in row]
    assert {"=1+1", " @SUM(A1) ", "Head\nof library", "+15141234567"} <= {*given}


def test_a_password_stands_in_its_cell_and_in_no_comment(lines):
    path = lines.paths.annotated / "customers.xlsx"
    assert HASH in rows(path)[5]
    assert HASH not in "".join(text for sheet in (FIRST, ROWS, 3) for text in comments(path, sheet).values())
    assert HASH not in str(rows(path, SUMMARY))


@pytest.mark.skipif(LIBREOFFICE is None, reason="LibreOffice is not installed")
def test_a_workbook_that_libreoffice_saved_is_migrated_as_before(lines, tmp_path):
    folder = delivered_again(lines, tmp_path / "again")
    books = sorted(folder.glob("*.xlsx"))
    for book, saved in zip(books, saved_by_libreoffice(books, tmp_path / "saved"), strict=True):
        shutil.copy(saved, book)
    assert "CUS-PASSWORD" in " ".join(comments(folder / "customers.xlsx").values())
    assert prepared(migrate(folder, tmp_path)) == prepared(lines)


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Migration:
    """An extract of more findings than its workbooks are whole with."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(annotation, "MOST_FINDINGS", 3)
        return annotated(LINES, tmp_path_factory.mktemp("home"))


def beside_corrections(many: Migration, home: Path) -> ExtractPaths:
    """The same delivery in a workspace of its own, beside the workbook of its customers as corrections."""
    paths = ExtractPaths(home, "harbour-review")
    shutil.copytree(many.paths.delivered, paths.delivered)
    shutil.copy(many.paths.annotated / "customers.xlsx", paths.delivered / "corrections.customers.xlsx")
    return paths


def test_beyond_the_most_findings_only_the_rows_with_some_are_there_the_dearest_first(many):
    path = many.paths.annotated / "customers.xlsx"
    given = rows(path)
    assert given[0] == ["file", "line", *rows(path, SET_ASIDE)[0][2 : 2 + len(given[0]) - 2]]
    rejects = Counter(
        each["line"] for each in many.findings if each["severity"] == "reject" and each["file"] == "customers.csv"
    )
    placed = [int(line) for _, line, *_ in given[1:]]
    assert {*placed} == {each["line"] for each in many.findings if each["line"] and each["file"] == "customers.csv"} - {
        8,
        9,
        12,
    }
    assert [rejects[line] for line in placed] == sorted((rejects[line] for line in placed), reverse=True)
    assert len(comments(path)) < len(fills(path))


def test_a_changed_cell_comes_back_as_a_correction_and_the_ledger_says_so(many, tmp_path):
    paths = beside_corrections(many, tmp_path)
    made = paths.delivered / "corrections.customers.xlsx"
    given = rows(made)
    (row,) = [number for number, each in enumerate(given, 1) if each[1] == "3"]
    typed(made, cell(row, given[0].index("subscription.quantity") + 1), "2")
    again = migrate(paths.delivered, paths.home)
    assert told(many) - told(again) >= Counter({("SUB-QUANTITY", "reject", "subscription.quantity"): 1})
    assert again.value("subscription.quantity", record=1) == "2"
    corrected = [(each["line"], each["object"]) for each in again.ledger if "corrected" in (each["detail"] or "")]
    assert corrected == [(3, "subscription")]
    (source,) = explanation.explain(paths, "HR2").sources
    assert ("subscription.quantity", "2") in [cell[:2] for cell in source.cells]
    assert "corrected: subscription.quantity" in [each[-1] for each in source.dispositions]


def test_what_nobody_changed_corrects_nothing(many, tmp_path):
    assert [file.corrected for file in steps.read(beside_corrections(many, tmp_path)).files] == [None, None, None]


def test_what_was_made_of_another_delivery_corrects_nothing(many, tmp_path):
    paths = beside_corrections(many, tmp_path)
    (paths.delivered / "customers.csv").write_text(TEXT.replace("HR1,", "HR11,", 1))
    with pytest.raises(
        UnusableInputError, match=r"customers\.xlsx was made of another customers\.csv than stands here"
    ):
        steps.read(paths)


def test_rows_with_findings_alone_are_no_delivery(many, tmp_path):
    paths = ExtractPaths(tmp_path, "harbour-review")
    paths.delivered.parent.mkdir()
    delivered_again(many, paths.delivered)
    with pytest.raises(UnusableInputError, match=r"put it into that extract's folder as corrections\.customers\.xlsx"):
        steps.read(paths)


def test_a_workbook_says_what_it_leaves_out(many, monkeypatch):
    monkeypatch.setattr(annotation, "MOST_FINDINGS", 3)
    monkeypatch.setattr(annotation, "MOST_ROWS", 2)
    written, *_ = steps.annotate(many.paths)
    found = {each["line"] for each in many.findings if each["line"] and each["file"] == "customers.csv"}
    # Of the lines that are no records a sheet of this size holds one as well.
    assert (written.rows, written.rows_left_out) == (1, len(found) - 2)
    facts = {row[0]: row[1] for row in rows(many.paths.annotated / "customers.xlsx", SUMMARY)}
    assert facts["Rows with findings left out"] == written.rows_left_out
    assert facts["Findings left out"] == written.findings_left_out


def corrected(home: Path, given: str, settings: str = SETTINGS) -> ExtractPaths:
    paths = ExtractPaths(home, "harbour-review")
    Delivery(READERS, settings=settings, texts={"corrections.csv": f"file,line,attribute,value\n{given}"}).into(
        paths.delivered
    )
    return paths


@pytest.mark.parametrize(
    ("given", "refusal"),
    {
        "people.csv,3,subscription.quantity,1": r"corrections\.csv, line 2 names the file 'people\.csv', which was not delivered: "
        r"write customers\.csv or plans\.csv or products\.csv",
        "customers.csv,99,subscription.quantity,1": r"corrects line 99 of customers\.csv, on which no record begins",
        "customers.csv,three,subscription.quantity,1": r"line 2 names the line 'three': write the number",
        "customers.csv,3,subscription.colour,1": r"line 2: customers\.csv has no column subscription\.colour: write the header",
        "customers.csv,3,subscription.quantity": r"line 2 has 3 cells: give file, line, attribute, value",
        "customers.csv,3,customer.title,A\ncustomers.csv,3,customer.title,B": r"says two things of line 3 of customers\.csv, customer\.title",
        "customers.csv,3,customer.title,4111 1111 1111 1111": r"corrections\.csv, line 2 holds a payment card number",
    }.items(),
    ids=lambda each: each[:40],
)  # fmt: skip
def test_a_correction_of_what_was_not_delivered_is_refused(given, refusal, tmp_path):
    with pytest.raises(UnusableInputError, match=refusal):
        steps.read(corrected(tmp_path, given))


def test_a_workbook_of_a_whole_file_is_no_correction(lines, tmp_path):
    paths = corrected(tmp_path, "")
    shutil.copy(lines.paths.annotated / "customers.xlsx", paths.delivered / "corrections.xlsx")
    with pytest.raises(UnusableInputError, match="is delivered as the next extract"):
        steps.read(paths)


def test_what_a_column_means_is_told_from_the_corrected_cells(tmp_path):
    manifest = steps.read(corrected(tmp_path, "customers.csv,3,customer.title,NULL\ncustomers.csv,3,customer.phone,\n"))
    (file,) = manifest.holding("customer")
    assert [(each.rule, each.value) for each in file.told if each.attribute is None] == [("FILE-NOTHING", "NULL")]
    (phone,) = [each for each in file.profile if each.attribute == "customer.phone"]
    assert phone.filled == len(READERS) - 1


def test_corrections_are_part_of_what_is_signed(tmp_path):
    paths = corrected(tmp_path, "customers.csv,3,subscription.quantity,1")
    before = reading.delivered_digest(paths.delivered)
    corrected(tmp_path, "customers.csv,3,subscription.quantity,2")
    assert reading.delivered_digest(paths.delivered) != before


def test_corrections_that_are_ignored_are_left_alone(tmp_path):
    manifest = steps.read(corrected(tmp_path, "people.csv,1,a,b", SETTINGS + 'ignore = ["corrections.csv"]\n'))
    assert [file.corrected for file in manifest.files] == [None, None, None]


def test_nothing_is_annotated_before_the_dry_run(tmp_path):
    with pytest.raises(RefusedError, match="has not been read yet: run `pelcro-pipeline dry-run harbour-review`"):
        steps.annotate(ExtractPaths(tmp_path, "harbour-review"))


@pytest.mark.parametrize(
    ("files", "workbooks"),
    [
        (["customers.csv", "plans.csv"], ["customers.xlsx", "plans.xlsx"]),
        (["book.xlsx#Readers", "book.xlsx#Plans"], ["1-book.Readers.xlsx", "2-book.Plans.xlsx"]),
        (["export.csv", "export.txt"], ["1-export.xlsx", "2-export.xlsx"]),
        (["a.csv", "a.t.csv"], ["1-a.xlsx", "2-a.t.xlsx"]),
        (["book.xlsx#a/b:c"], ["book.a_b_c.xlsx"]),
    ],
)  # fmt: skip
def test_workbooks_stand_in_the_order_of_what_was_delivered(files, workbooks):
    assert annotation.names(files) == workbooks
    assert workbooks == sorted(workbooks)


#: One that is JSON beside exports that are only looked into and records that its map drops, one in an envelope with a name of its own.
FOREIGN = ("pigeon", "paypal-report")


@pytest.fixture(scope="module", params=FOREIGN)
def foreign(request, tmp_path_factory) -> Migration:
    return annotated(EXPORTS / request.param / "delivered", tmp_path_factory.mktemp(request.param))


def test_what_nobody_corrected_of_an_export_is_read_by_the_same_map(foreign, tmp_path):
    again = migrate(delivered_again(foreign, tmp_path / "again"), tmp_path)
    assert prepared(again) == prepared(foreign)
    assert told(again) == told(foreign)


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Migration:
    """Stripe's export under a map of the publisher's own, which knows it by its file's name."""
    folder = tmp_path_factory.mktemp("stripe")
    text = shipped()["stripe"].read_text(encoding="utf-8")
    texts = {each.name: each.read_text(encoding="utf-8") for each in (EXPORTS / "stripe" / "delivered").glob("*.csv")}
    own = text.replace("[sources.subscriptions]", '[sources.subscriptions]\nfile = "subscriptions*.csv"', 1)
    return annotated(Delivery(products=(), plans=(), texts=texts | {"source.toml": own}), folder)


def test_a_finding_of_an_export_stands_on_the_delivered_cell(exported):
    path = exported.paths.annotated / "subscriptions.xlsx"
    header = rows(path)[0]
    said = comments(path)[cell(4, header.index("Status") + 1)]
    assert rows(path)[3][header.index("Status")] == "trialing"
    assert "QUESTION SRC-STATUS" in said and "REJECT SUB-STATUS" in said


def test_cells_of_an_export_that_were_mended_are_read_by_the_same_map(exported, tmp_path):
    folder = delivered_again(exported, tmp_path / "again")
    book = folder / "subscriptions.xlsx"
    header = rows(book)[0]
    for line, column, value in (
        (4, "Status", "active"),
        (14, "Amount", "9.99"),
        (16, "Current Period End (UTC)", "2026-12-01 03:30"),
    ):
        typed(book, cell(line, header.index(column) + 1), value)
    again = migrate(folder, tmp_path)
    gone = told(exported) - told(again)
    assert {rule for rule, _, _ in gone} >= {"SRC-STATUS", "SUB-STATUS", "SRC-MONEY", "SRC-DATE"}
    fallen = {each.partition(":")[2] for each in exported.fallen}
    assert fallen - {each.partition(":")[2] for each in again.fallen} == {
        "4 subscription: rejected SUB-STATUS", "14 plan: rejected SRC-MONEY", "14 subscription: rejected REL-CLOSURE",
        "16 subscription: rejected SRC-DATE",
    }  # fmt: skip
    assert again.broken == []


def test_a_changed_cell_of_an_export_comes_back_as_a_correction(exported, monkeypatch, tmp_path):
    monkeypatch.setattr(annotation, "MOST_FINDINGS", 3)
    steps.annotate(exported.paths)
    paths = ExtractPaths(tmp_path, "harbour-review")
    shutil.copytree(exported.paths.delivered, paths.delivered)
    made = paths.delivered / "corrections.subscriptions.xlsx"
    shutil.copy(exported.paths.annotated / "subscriptions.xlsx", made)
    given = rows(made)
    (row,) = [number for number, each in enumerate(given, 1) if each[1] == "4"]
    typed(made, cell(row, given[0].index("Status") + 1), "active")
    again = migrate(paths.delivered, paths.home)
    assert "subscriptions.csv:4 subscription: rejected SUB-STATUS" in exported.fallen
    assert [each for each in again.fallen if each.startswith("subscriptions.csv:4 ")] == []
