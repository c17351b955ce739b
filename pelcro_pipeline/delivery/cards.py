"""FILE-CARD-NUMBER: a delivery that holds payment card numbers is not taken in."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import duckdb
import numpy as np

from pelcro_pipeline import connection as duck
from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.delivery.reading import DeliveredFile, Reading, delivered, read
from pelcro_pipeline.delivery.records import file_line
from pelcro_pipeline.delivery.text import chunks
from pelcro_pipeline.delivery.workbook import is_workbook
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.spec import ADDRESS_IDS, ATTRIBUTES
from pelcro_pipeline.spec.kinds import ADDRESS_PHONE, CUSTOMER_PHONE, IDENTIFIER
from pelcro_pipeline.spec.sql import literal

#: 13 to 19 digits, single spaces or hyphens between them, no letter or digit beside them: hashes and ids are full of those.
_NUMBER = r"(?:^|[^0-9A-Za-z])([0-9](?:[ -]?[0-9]){12,18})(?:[^0-9A-Za-z]|$)"
#: What may hold one: with whatever stands beside it, a date of expiry or a second number.
_LONG = r"[0-9](?:[ -]?[0-9]){12}"
#: How cards are written whose digits stand in groups: 4-6-5 or 4-6-4, or 4-4-4-4 with up to three more.
_GROUPED = "[0-9]{4} [0-9]{6} [0-9]{4,5}|[0-9]{4}(?: [0-9]{4}){3}(?: [0-9]{1,3})?"
#: A quick look for one: taking text apart costs ten times as much.
_MAY_BE_GROUPED = "[0-9]{4}[ -](?:[0-9]{6}|[0-9]{4}[ -][0-9]{4})[ -][0-9]{4}"
#: What no group of a card is: a word with a letter in it, and whatever parts words but the groups' own separator.
_NO_GROUP = "[0-9]*[A-Za-z][0-9A-Za-z]*|[^0-9A-Za-z{}]"
#: A card with its date of expiry; of more groups in a row than that, any four would do for one in ten.
_MOST_GROUPS = 5
_IBAN = "[A-Z]{2}[0-9]{2}(?: [0-9A-Z]{4}){2,7}(?: [0-9A-Z]{1,3})?"
#: Bytes of a number that the next chunk may continue: 19 digits of UTF-16 with their separators.
_LONGEST = 128
#: American Express, Diners, JCB, Visa, Mastercard, Discover, UnionPay, Maestro.
_ISSUER = r"^(?:3[47]|30[0-5]|3095|36|3[89]|35(?:2[89]|[3-8])|4|5[0-8]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|6[0-9])"
#: Numbers of customers and phones are long and digits too: there, only what stands out counts.
_LONG_BY_NATURE = (CUSTOMER_PHONE, ADDRESS_PHONE, IDENTIFIER)

_MACROS = (
    # Every three to five neighbouring words, and those of them that are written as cards are.
    f"""CREATE OR REPLACE TEMP MACRO cards_among(words) AS
        list_filter(
            flatten(list_transform(range(1, len(words) + 1), lambda first: list_transform([2, 3, 4],
                lambda more: array_to_string(words[first:first + more], ' ')))),
            lambda each: len(words) <= {_MOST_GROUPS} AND regexp_full_match(each, {literal(_GROUPED)}))""",
    """CREATE OR REPLACE TEMP MACRO grouped_cards(text, separator, no_group) AS
        flatten(list_transform(string_split_regex(text, no_group),
            lambda run: cards_among(string_split(trim(run, separator), separator))))""",
    f"""CREATE OR REPLACE TEMP MACRO card_candidates(text) AS
        list_transform(
            list_concat(
                regexp_extract_all(text, {literal(_NUMBER)}, 1),
                list_filter(regexp_extract_all(text, '[0-9A-Za-z]+'), lambda word: regexp_full_match(word, '[0-9]{{13,19}}')),
                CASE WHEN regexp_matches(text, {literal(_MAY_BE_GROUPED)}) THEN list_concat(
                    grouped_cards(regexp_replace(text, {literal(_IBAN)}, '', 'g'), ' ', {literal(_NO_GROUP.format(" "))}),
                    grouped_cards(text, '-', {literal(_NO_GROUP.format("-"))})) END),
            lambda each: regexp_replace(each, '[ -]', '', 'g'))""",
    """CREATE OR REPLACE TEMP MACRO luhn(digits) AS
        list_sum(list_transform(range(1, length(digits) + 1), lambda place: CASE
            WHEN (length(digits) - place) % 2 = 0 THEN digits[place]::INTEGER
            WHEN digits[place]::INTEGER > 4 THEN 2 * digits[place]::INTEGER - 9
            ELSE 2 * digits[place]::INTEGER END)) % 10 = 0""",
    f"""CREATE OR REPLACE TEMP MACRO is_card_number(digits) AS
        regexp_matches(digits, {literal(_ISSUER)}) AND luhn(digits)""",
)
_HOLDS_CARD_NUMBER = "SELECT digits FROM (SELECT unnest(card_candidates(?)) AS digits) WHERE is_card_number(digits)"


def refuse_to_store(folder: Path) -> None:
    """Raise UnusableInputError where a folder that is about to be taken in holds payment card numbers.

    In the cells of what is read, and in the lines of all other files that are not packed: settings,
    hidden files and those to ignore are stored with the rest.
    """
    settings = extract_settings.load(folder)
    to_read = delivered(folder, settings)
    with duck.connect() as connection:
        _create_macros(connection)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and path not in to_read and has_long_numbers(path):
                _refuse_lines(path, str(path.relative_to(folder)), connection)
        if any(is_workbook(path) or has_long_numbers(path) for path in to_read):
            with tempfile.TemporaryDirectory(dir=folder.parent) as kept:
                refuse_card_numbers(read(folder, Path(kept), settings, connection), connection)


def refuse_card_numbers(reading: Reading, connection: duckdb.DuckDBPyConnection) -> None:
    """Raise UnusableInputError where a cell of the delivery holds a payment card number.

    The error names file, line and column, never the number.
    """
    _create_macros(connection)
    for file in reading.files:
        # A workbook's cells stand packed in it, and plain in its text.
        if any(has_long_numbers(Path(path)) for path in {file.delivered, file.path}):
            _refuse(file, connection)


def has_long_numbers(path: Path) -> bool:
    """Whether a file's bytes hold 13 digits in a row, whatever spaces, hyphens or zero bytes part them.

    Over the bytes, because most deliveries have none, and then no cell needs to be looked at.
    """
    carried = b""
    for chunk in chunks(path):
        view = np.frombuffer(carried + chunk, dtype=np.uint8)
        view = view[(view != 0) & (view != ord(" ")) & (view != ord("-"))]
        digit = (view - ord("0")) < 10
        for shift in (1, 2, 4, 5):
            digit = digit[:-shift] & digit[shift:]
        if digit.any():
            return True
        carried = chunk[-_LONGEST:]
    return False


def _create_macros(connection: duckdb.DuckDBPyConnection) -> None:
    for macro in _MACROS:
        connection.execute(macro)


def _refuse_lines(path: Path, name: str, connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse a file of no known form, by its lines: what its digits stand between is ASCII in every encoding.

    Needs the macros.
    """
    with path.open("rb") as file:
        for line, raw in enumerate(file, start=1):
            text = raw.replace(b"\0", b"").decode("latin-1")
            if re.search(_LONG, text) and connection.execute(_HOLDS_CARD_NUMBER, [text]).fetchall():
                _stop(f"{name}, line {line}")


def _refuse(file: DeliveredFile, connection: duckdb.DuckDBPyConnection) -> None:
    for column in file.columns:
        found = connection.execute(
            f"""WITH cell AS (
                SELECT row_number() OVER () - 1 AS place, {column.name} AS text FROM {file.relation()}
            ), number AS (
                SELECT place, unnest(card_candidates(text)) AS digits FROM cell WHERE regexp_matches(text, {literal(_LONG)})
            )
            SELECT min(place) FROM number
            WHERE is_card_number(digits) AND {_stands_out(column.attribute)}"""
        ).fetchall()[0][0]
        if found is not None:
            _stop(f"{file.name}, line {file_line(connection, file, found)}, {column.header}")
    if file.set_aside:
        ((line,),) = connection.execute(
            f"""SELECT min(line) FROM (
                SELECT line, unnest(card_candidates(text)) AS digits FROM read_parquet({literal(file.set_aside)})
            ) WHERE is_card_number(digits)"""
        ).fetchall()
        if line is not None:
            _stop(f"{file.name}, line {line}, a record with more or fewer cells than the header")


def _stands_out(attribute: str | None) -> str:
    """SQL condition on ``digits``; in phone and id columns most cells must have another length."""
    ids = {each.name for each in ADDRESS_IDS.values()}
    if attribute in ids or (attribute in ATTRIBUTES and ATTRIBUTES[attribute].kind in _LONG_BY_NATURE):
        return """length(digits) IN (15, 16) AND (
            SELECT count(*) FILTER (length(regexp_replace(cell.text, '[^0-9]', '', 'g')) = length(digits)) * 2 < count(cell.text)
            FROM cell)"""
    return "true"


def _stop(where: str) -> None:
    raise UnusableInputError(
        f"FILE-CARD-NUMBER: {where} holds a payment card number: nothing was stored; "
        "take card numbers out of the delivery and deliver again."
    )
