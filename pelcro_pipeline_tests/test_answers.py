"""Questions have an identity, and answers hold from the next run: for every rule that asks, and each thing it allows."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping
from dataclasses import replace

import pytest
from python_calamine import CalamineWorkbook

from pelcro_pipeline import steps
from pelcro_pipeline.delivery.answers import COLUMNS
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.reporting import workbook
from pelcro_pipeline.reporting.workbook import Column, Sheet
from pelcro_pipeline.review import sign_off
from pelcro_pipeline.rules.answers import ASKING, question_id
from pelcro_pipeline_tests.extract import (
    DONOR_ID,
    GROUP,
    OLD_ID,
    ORDER_NUMBER,
    PERIOD_END,
    PLAN_ID,
    PLANS,
    PRINT,
    PRINT_YEARLY,
    PRODUCTS,
    RECIPIENT,
    STATUS,
    Delivery,
    Migration,
    address,
    crew,
    gift,
    migrate,
    reader,
    unaddressed,
    write_csv,
)
from pelcro_pipeline_tests.workbooks import LIBREOFFICE, saved_by_libreoffice

LAST_NAME, LINE1 = "customer.last_name", "address.billing_line1"
DESCRIPTOR, ACTIVE = "product.statement_descriptor", "product.active"
#: A reader of each kind that a publisher is asked about.
READERS = (
    reader(1),
    reader(1, {LAST_NAME: "Cassano-Hart", OLD_ID: "S1-2"}),
    reader(3, {"customer.old_provider_id": "ab3"}),
    reader(4, {"customer.old_provider_id": "AB3"}),
    reader(5, {"address.billing_country": "DE", "address.billing_state": "", "address.billing_zip": "1067"}),
    reader(6),
    reader(6, {LINE1: "12 Rue de la Gare", OLD_ID: "S6-2"}),
    reader(7, {PERIOD_END: "31/12/9999"}),
    reader(8, {PLAN_ID: "P-ONCE"}),
    reader(9, {"subscription.start_date": "31/07/2028"}),
    reader(10, {PERIOD_END: "31/10/2026"}),
    reader(11, {ORDER_NUMBER: "40011"}),
    reader(11, {ORDER_NUMBER: "40011", OLD_ID: "S11-2"}),
    unaddressed(12, {GROUP: "M-9"}) | address("billing"),
    *(row | address("billing") for row in crew("admin", "member", first=13, plan="O-M")),
    gift(15, 16)[0],
    reader(15, {RECIPIENT: "1", DONOR_ID: "S15", OLD_ID: "S16"}),
    gift(17, 18)[0] | {PERIOD_END: "31/10/2026", "subscription.cancel_at_period_end": "1"},
    gift(17, 18)[1],
    reader(19, {LAST_NAME: "CÃ©line", "customer.title": "NULL"}),
    reader(20, {STATUS: "unpaid", "subscription.quantity": "2"}),
    reader(21, {STATUS: "unpaid", "subscription.common_metadata.is_expired": "1"}),
)
ASKED = Delivery(
    [row | {"Notes": "a note"} for row in READERS],
    products=(*PRODUCTS, PRINT | {"product.id": "BOOK", DESCRIPTOR: "THE HARBOUR REVIEW BOOK", ACTIVE: "perhaps"}),
    plans=(
        *PLANS,
        PRINT_YEARLY | {"plan.old_id": "P-ONCE", "plan.auto_renew": "0", "plan.amount": "700.00"},
    ),
    settings="migration_date = 2026-11-01\n",
)
#: What of the rules that ask is not in it: each takes a file of its own, and is a question like the others.
ELSEWHERE = {
    # Of a site, told beside its rows: test_core_api_rules.py.
    *(rule for rule in ASKING if rule.startswith("API-")),
    "SRC-STATUS",
    "SRC-ASSUMED",
    "SRC-FIELD",
    "SRC-ASKED",
    "FILE-SHEET",
    "FILE-DIGITS-LOST",
    "FILE-NO-RECORD",
    "FILE-QUOTE",
    "FILE-DATE-ORDER",
    "FILE-CARD-NUMBER",
    "CUS-PASSWORD-UNPROVEN",
    "ADR-COUNTRY",
    "ADR-STATE",
    "ADR-ID-CONFLICT",
    "ADR-WHICH",
}


def questions(migration: Migration) -> list[dict[str, str]]:
    with migration.paths.questions.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def asked(given: Delivery, home, name: str = "harbour-review") -> Migration:
    return migrate(given, home, name)


@pytest.fixture(scope="module")
def unanswered(tmp_path_factory) -> Migration:
    return asked(ASKED, tmp_path_factory.mktemp("home"))


def answered(unanswered: Migration, home, answers: Mapping[str, tuple[str, str]], *columns: str) -> Migration:
    """The same delivery with answers by rule; of their lines only ``columns`` are given, where there are any."""
    rows = [
        row | {"answer": answers[row["rule"]][0], "value": answers[row["rule"]][1]}
        for row in questions(unanswered)
        if row["rule"] in answers
    ]
    write_csv(home / "extracts" / "harbour-review" / "answers.csv", columns or COLUMNS, rows)
    return migrate(ASKED, home, "harbour-review")


def open_questions(migration: Migration) -> list[dict]:
    return [each for each in migration.findings if each["severity"] == "question"]


def test_every_rule_that_asks_asks_here_or_is_named(unanswered):
    assert {row["rule"] for row in questions(unanswered)} == {*ASKING} - ELSEWHERE


def test_a_question_says_all_that_its_answer_needs(unanswered):
    row = next(row for row in questions(unanswered) if row["rule"] == "CUS-CONFLICT")
    assert row["id"] == question_id("CUS-CONFLICT", LAST_NAME, "HR1")
    assert row["question"] == "Which customer.last_name of customer HR1 is right?"
    assert row["examples"] == "customers.csv:3 (HR1) Cassano-Hart → Cassano"
    # Two subscriptions of 99 dollars a year.
    assert (row["count"], row["subscriptions"], row["money"]) == ("1", "2", "198.00 CAD")
    assert (row["blocking"], row["state"]) == ("yes", "open")
    assert row["answers"].splitlines() == [
        "accept: The first filled value is used.",
        "value: The value beside it is used, which one of the customer's lines has.",
    ]


def test_the_workbook_says_what_the_file_says(unanswered):
    with CalamineWorkbook.from_path(str(unanswered.paths.questions_workbook)) as book:
        heading, *rows = book.get_sheet_by_name("questions").to_python()
    told = [dict(zip(heading, row, strict=True)) for row in rows]
    assert [
        {name: str(int(cell)) if isinstance(cell, float) else cell for name, cell in row.items()} for row in told
    ] == [
        # What a spreadsheet would run is marked in the file alone.
        {name: cell.removeprefix("'") for name, cell in row.items()}
        for row in questions(unanswered)
    ]


def test_the_dearest_question_comes_first(unanswered):
    def dear(row):
        return sum(float(each.split()[0].replace(",", "")) for each in row["money"].split("; ") if each)

    dearness = [dear(row) for row in questions(unanswered)]
    assert dearness == sorted(dearness, reverse=True)
    assert dearness[0] > 0


def test_the_ids_are_the_same_whatever_the_order_of_the_records(unanswered, tmp_path):
    shuffled = list(ASKED.customers)
    # Who comes first is whom a repeat is held against: those two stay in their order.
    random.Random(7).shuffle(shuffled)
    again = asked(replace(ASKED, customers=shuffled), tmp_path)
    ids = {row["id"] for row in questions(again)} - {row["id"] for row in questions(unanswered)}
    # Of two equal subscriptions the later one is asked about, which may be the other one.
    assert {each.rsplit("-", 1)[0] for each in ids} <= {"SUB-DUPLICATE"}


def test_what_is_accepted_is_a_finding_no_more_and_stands_in_the_ledger(unanswered, tmp_path):
    first = {rule: (asks.answers[0].word, "") for rule, asks in ASKING.items()}
    migration = answered(unanswered, tmp_path, first)
    assert open_questions(migration) == []
    assert questions(migration) == []
    assert migration.broken == migration.nonconforming == []
    assert steps.certify(migration.paths).differences == []
    # Nothing else has become of anything.
    assert migration.fallen == unanswered.fallen
    told = {each["detail"] for each in migration.ledger if each["detail"] and "answered" in each["detail"]}
    assert f"answered: {question_id('SUB-FAR', PERIOD_END, '31/12/9999')} accept" in told


def test_the_id_and_the_answer_alone_suffice(unanswered, tmp_path):
    accepted = {rule: ("accept", "") for rule, asks in ASKING.items() if asks.answer("accept")}
    migration = answered(unanswered, tmp_path, accepted, "id", "answer")
    assert {each["rule"] for each in open_questions(migration)} == {
        rule for rule in ASKING if not ASKING[rule].answer("accept")
    } - {"SCOPE-TAXES"}


@pytest.fixture(scope="module")
def decided(unanswered, tmp_path_factory) -> Migration:
    """Every question answered otherwise than by default, where it can be."""
    answers = {
        "CUS-CONFLICT": ("value", "Cassano-Hart"),
        "CUS-ID-ALIKE": ("merge", "AB3"),
        "ADR-ZIP": ("value", "01067"),
        "PRD-DESCRIPTOR": ("value", "HARBOUR BOOK"),
        "PRD-ACTIVE": ("value", "no"),
        "SUB-CANCEL-PLAN": ("value", "1"),
        "FILE-NOTHING": ("text", ""),
        "PLN-AMOUNT-UNIT": ("units", ""),
        "SCOPE-TAXES": ("yes", ""),
        **dict.fromkeys(REJECTED, ("reject", "")),
    }
    return answered(unanswered, tmp_path_factory.mktemp("home"), answers)


REJECTED = (
    "BIL-EXPIRED-FLAG",
    "BIL-QUANTITY",
    "SUB-FAR",
    "SUB-START-AFTER-END",
    "SUB-DUPLICATE",
    "REL-MEMBERSHIP-PLAN",
    "REL-STRAY",
    "REL-GIFT-SELF",
)


@pytest.mark.parametrize("rule", REJECTED)
def test_what_is_rejected_stays_behind_by_its_rule(decided, rule):
    left = [each for each in decided.ledger if each["rule"] == rule]
    assert left
    assert all(each["disposition"] == "rejected" and f"answered: {rule}-" in each["detail"] for each in left)
    assert not [each for each in decided.findings if each["rule"] == rule]


def test_the_certificate_knows_what_was_decided(decided):
    assert steps.certify(decided.paths).differences == []


def test_what_hangs_on_a_rejected_one_falls_with_it(decided):
    donor = next(each for each in decided.ledger if each["key"] == "S15")
    assert (donor["disposition"], donor["rule"]) == ("rejected", "REL-CLOSURE")
    assert decided.broken == decided.nonconforming == []


@pytest.mark.parametrize(
    ("key", "name", "attribute", "value"),
    [
        ("HR1", "customers", LAST_NAME, "Cassano-Hart"),
        ("HR5", "customers", "address.billing_zip", "01067"),
        ("HR8", "customers", "subscription.cancel_at_period_end", "1"),
        ("HR19", "customers", "customer.title", "NULL"),
        ("BOOK", "products", DESCRIPTOR, "HARBOUR BOOK"),
        ("BOOK", "products", ACTIVE, "0"),
        # A dollar a copy is a hundred cents.
        ("P-ONCE", "plans", "plan.amount", "70000"),
    ],
)
def test_a_value_that_was_given_stands(decided, key, name, attribute, value):
    keys = {"customers": "customer.old_provider_id", "products": "product.id", "plans": "plan.old_id"}
    held = {row[attribute] for row in decided.prepared(name) if row[keys[name]] == key}
    assert held == {value}


def test_two_customers_that_are_one_are_one(decided):
    ids = [row["customer.old_provider_id"] for row in decided.prepared("customers")]
    assert "ab3" not in ids
    held = {row[OLD_ID] for row in decided.prepared("customers") if row["customer.old_provider_id"] == "AB3"}
    assert held == {"S3", "S4"}


def test_an_answer_about_other_content_is_asked_again_with_what_changed(unanswered, tmp_path):
    rows = [
        row | {"answer": "accept"} for row in questions(unanswered) if row["rule"] in ("CUS-CONFLICT", "SUB-DUPLICATE")
    ]
    write_csv(tmp_path / "extracts" / "harbour-review" / "answers.csv", COLUMNS, rows)
    newer = [row | {LAST_NAME: "Cassano-Lee"} if row[LAST_NAME] == "Cassano-Hart" else row for row in ASKED.customers]
    migration = migrate(replace(ASKED, customers=newer), tmp_path, "harbour-review")
    states = {row["rule"]: row["state"] for row in questions(migration)}
    assert states["CUS-CONFLICT"] == (
        "stale: it was about Cassano | Cassano-Hart, and is now about Cassano | Cassano-Lee"
    )
    assert "SUB-DUPLICATE" not in states


@pytest.mark.skipif(LIBREOFFICE is None, reason="LibreOffice is not installed")
def test_the_workbook_comes_back_from_libreoffice_and_what_it_answers_is_signed_no_more(unanswered, tmp_path):
    """The whole way: questions, answers chosen in the workbook, the next run, fewer questions, a sign-off of what is left."""
    with CalamineWorkbook.from_path(str(unanswered.paths.questions_workbook)) as book:
        heading, *rows = book.get_sheet_by_name("questions").to_python()
    rule, answer, value = (heading.index(name) for name in ("rule", "answer", "value"))
    chosen = {
        "SUB-FAR": ("reject", ""),
        "SUB-CANCEL-PLAN": ("value", 1),
        "ADR-ZIP": ("accept", ""),
        "SCOPE-TAXES": ("no", ""),
    }
    for row in rows:
        row[answer], row[value] = chosen.get(row[rule], ("", ""))
    filled = tmp_path / "questions.xlsx"
    workbook.write(filled, [Sheet("questions", [Column(name) for name in heading], rows)])
    (saved,) = saved_by_libreoffice([filled], tmp_path / "saved")
    folder = tmp_path / "extracts" / "harbour-review"
    folder.mkdir(parents=True)
    (folder / "questions.xlsx").write_bytes(saved.read_bytes())
    migration = migrate(ASKED, tmp_path, "harbour-review")
    assert {row["rule"] for row in questions(unanswered)} - {row["rule"] for row in questions(migration)} == {*chosen}
    migration.staged()
    left = sign_off.open_questions(migration.paths)
    assert not left.keys() & chosen.keys()
    assert sign_off.sign(migration.paths, "Jane Doe", "Publisher", list(left)).accepted == left


#: What is asked of files and columns, and of addresses that have ids.
IDS = {"billing_address_id": "B-1", "shipping_address_id": "H-1"}
OF_FILES = [
    reader(1, IDS, {PERIOD_END: "12/31/2026", "customer.password": "letmein"}, PLAIN := {"customer.common_metadata.password_encryption": "plain text"}),
    reader(1, IDS, {PERIOD_END: "05/06/2027", LINE1: "12 Rue de la Gare", OLD_ID: "S1-2"}, PLAIN),
    reader(2, {PERIOD_END: "15/03/2027", "billing_address_id": "B-2", "shipping_address_id": "H-2"}),
    reader(2, {PERIOD_END: "01/15/2027", "billing_address_id": "", "shipping_address_id": "H-2", LINE1: "9 Rue du Port", OLD_ID: "S2-2"}),
    {"customer.old_provider_id": "Total"},
]  # fmt: skip


def test_what_is_asked_of_files_and_columns_can_be_accepted_too(tmp_path):
    given = Delivery(OF_FILES)
    before = asked(given, tmp_path / "before")
    rules = {row["rule"] for row in questions(before)}
    assert rules >= {"FILE-DATE-ORDER", "FILE-NO-RECORD", "CUS-PASSWORD-UNPROVEN", "ADR-ID-CONFLICT", "ADR-WHICH"}
    rows = [row | {"answer": ASKING[row["rule"]].answers[0].word} for row in questions(before)]
    write_csv(tmp_path / "after" / "extracts" / "harbour-review" / "answers.csv", COLUMNS, rows)
    after = migrate(given, tmp_path / "after", "harbour-review")
    assert questions(after) == open_questions(after) == []
    assert after.fallen == before.fallen
    assert steps.certify(after.paths).differences == []


CONFLICT = question_id("CUS-CONFLICT", LAST_NAME, "HR1")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"id": "CUS-CONFLICT", "answer": "accept"}, "'CUS-CONFLICT' is no question's id: take the ids from questions.csv"),
        ({"id": CONFLICT, "answer": "perhaps"}, "cannot be answered by 'perhaps': give one of accept, value"),
        ({"id": CONFLICT, "answer": "value"}, "is answered by value, and the column value is empty"),
        ({"id": CONFLICT, "answer": "value", "value": "Nobody"}, "takes one of the values that the customer's lines have"),
        ({"id": f"SUB-FAR-{'0' * 12}", "answer": "accept"}, "is no question of this extract"),
        (
            {"id": CONFLICT, "answer": "accept", "attribute": LAST_NAME, "about": "HR2"},
            "is not the id of what the line says it is about",
        ),
        (
            {"id": question_id("PRD-ACTIVE", ACTIVE, "perhaps"), "answer": "value", "value": "soon", "attribute": ACTIVE, "about": "perhaps"},
            "product.active cannot be 'soon'",
        ),
        ({"id": question_id("PRD-ACTIVE", ACTIVE, "perhaps"), "answer": "value", "value": "soon"}, "product.active cannot be 'soon'"),
        ({"id": question_id("CUS-ID-ALIKE", "customer.old_provider_id", "AB3 = ab3"), "answer": "merge"}, "needs the columns"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_one_sentence(tmp_path, line, told):
    write_csv(tmp_path / "extracts" / "harbour-review" / "answers.csv", list(line), [line])
    with pytest.raises(UnusableInputError) as refused:
        asked(ASKED, tmp_path)
    assert str(refused.value).startswith("answers.csv line 2: ")
    assert told in str(refused.value)


def test_answers_are_taken_in_with_what_they_are_about(unanswered, tmp_path):
    migration = asked(Delivery([reader(1), reader(1, {LAST_NAME: "Lee", OLD_ID: "S2"})]), tmp_path)
    given = tmp_path / "given.csv"
    write_csv(given, ["id", "answer"], [{"id": CONFLICT, "answer": "Accept"}])
    assert steps.answer(migration.paths, given) == 1
    (row,) = csv.DictReader((migration.paths.delivered / "answers.csv").open(encoding="utf-8"))
    assert row == {
        "id": CONFLICT, "answer": "accept", "value": "", "attribute": LAST_NAME, "about": "HR1", "content": "Cassano | Lee",
    }  # fmt: skip
    write_csv(given, ["id", "answer"], [{"id": CONFLICT, "answer": "reject"}])
    with pytest.raises(UnusableInputError, match="cannot be answered by 'reject'"):
        steps.answer(migration.paths, given)


def test_an_answer_that_the_workbook_in_the_folder_contradicts_is_not_taken_in(tmp_path):
    migration = asked(Delivery([reader(1), reader(1, {LAST_NAME: "Lee", OLD_ID: "S2"})]), tmp_path)
    filled = [Column("id"), Column("answer"), Column("value")]
    workbook.write(
        migration.paths.delivered / "questions.xlsx", [Sheet("questions", filled, [[CONFLICT, "value", "Lee"]])]
    )
    given = tmp_path / "given.csv"
    write_csv(given, ["id", "answer"], [{"id": CONFLICT, "answer": "accept"}])
    with pytest.raises(UnusableInputError, match="is answered otherwise than at"):
        steps.answer(migration.paths, given)
    assert not (migration.paths.delivered / "answers.csv").exists()


def test_nothing_can_be_answered_before_it_was_asked(tmp_path):
    paths = unasked = asked(Delivery([reader(1)]), tmp_path).paths
    unasked.questions.unlink()
    with pytest.raises(RefusedError, match="has asked nothing yet"):
        steps.answer(paths, tmp_path / "answers.csv")
