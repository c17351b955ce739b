"""The payment processor's mapping file: which old customer is which of its customers, and which cards it took over.

It is `cards.json` or `cards.csv` in the extract's folder: Stripe's JSON, one of Stripe's CSV forms, a log in the manner of
Braintree, or a list of customers that were there before the cards.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow

from pelcro_pipeline.delivery import text
from pelcro_pipeline.delivery.cards import refuse_in_file
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine import relations
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import DELIMITERS, Settings
from pelcro_pipeline.spec.sql import escaped, literal
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.intake import CARD_MAPS, own_file

#: Places of what ``read`` writes, in the folder that it is given.
SOURCES, PROBLEMS = "cards.parquet", "card_problems.parquet"
#: The relations of ``migration_day/sql`` that say what a map means for the subscriptions, in the order in which they are made.
CLASSES = ("card_class", "card_class_count", "card_of_no_customer", "card_report")
#: The columns of cards.csv among the reports, and those that hold delivered text.
_REPORTED = ("class", "customer", "old_id", "plan", "first_renewal", "source_id", "last4", "expires", "alike")
_DELIVERED = ("customer", "old_id", "plan", "source_id", "alike")
_RELATIONS = relations.from_folder(Path(__file__).parent / "sql" / "card_map")
#: What an entry of a map is made of, besides its place, each a text.
_COLUMNS = (
    "customer",
    "gateway_customer_id",
    "source_id",
    "old_source_id",
    "fingerprint",
    "brand",
    "last4",
    "exp_month",
    "exp_year",
    "is_default",
)


@dataclass(frozen=True)
class CardMap:
    """A mapping file as it was read.

    ``path`` is a Parquet file, one row for each mapped source, and for each customer that was mapped without one:
    customer, gateway_customer_id, source_id, old_source_id, kind (card, bank_account, bacs, sepa), fingerprint, brand,
    last4 (text of four digits), exp_month, exp_year, expires (first day of the last month in which it is valid;
    9999-12-01 where it never expires, null where a card's is not told), is_default, place. ``problems`` is another, of the
    entries that map nothing: place, customer, source_id, problem. A place is the line of a CSV file, and the number of
    the card in a JSON file.
    """

    name: str
    #: What kind of mapping file it is, in words.
    form: str
    #: The SHA-256 of the file as it was delivered.
    digest: str
    path: Path
    problems: Path
    sources: int
    refused: int


@dataclass(frozen=True)
class _Form:
    """A form of CSV file by its header: what its sources are, and which of its columns is which of ours."""

    words: str
    kind: str | None
    columns: dict[str, str]


#: Stripe's forms, headers as Stripe writes them.
_FORMS = (
    _Form(
        "Stripe, cards as card_",
        "card",
        {
            "customer": "old_customer_id",
            "gateway_customer_id": "customer_id",
            "old_source_id": "old_card_id",
            "source_id": "card_id",
            "fingerprint": "card_fingerprint",
            "last4": "card_last4",
            "exp_month": "card_exp_month",
            "exp_year": "card_exp_year",
            "brand": "card_brand",
        },
    ),
    _Form(
        "Stripe, cards as pm_",
        "card",
        {
            "customer": "old_id",
            "old_source_id": "source_old_id",
            "gateway_customer_id": "created_customer",
            "source_id": "source_new_id",
            "fingerprint": "card_fingerprint",
            "last4": "card_last4",
            "exp_month": "card_exp_month",
            "exp_year": "card_exp_year",
            "brand": "card_brand",
        },
    ),
    _Form(
        "Stripe, bank accounts (ACH)",
        "bank_account",
        {
            "customer": "old_customer_id",
            "gateway_customer_id": "customer_id",
            "old_source_id": "old_bank_account_id",
            "source_id": "bank_account_id",
            "fingerprint": "bank_account_fingerprint",
            "last4": "bank_account_last4",
        },
    ),
    _Form(
        "Stripe, Bacs debits",
        "bacs",
        {
            "customer": "old_id",
            "old_source_id": "source_old_id",
            "gateway_customer_id": "created_customer",
            "source_id": "source_new_id",
            "mandate": "mandate_id",
        },
    ),
    _Form(
        "Stripe, SEPA debits",
        "sepa",
        {
            "customer": "old_customer_id",
            "gateway_customer_id": "customer_id",
            "old_source_id": "old_source_id",
            "source_id": "source_id",
            "bank": "bank_code",
            "fingerprint": "fingerprint",
            "last4": "last4",
            "mandate": "mandate_id",
        },
    ),
    _Form(
        "customers before the import",
        None,
        {"customer": "old_customer_id", "gateway_customer_id": "stripe_customer_id"},
    ),
)
_LOG = "a log of customers with their cards below"
#: What a log's columns may be called, written in small letters with underscores: its form is not public.
_LOG_HEADERS = {
    "customer": ("old_customer_id", "old_id", "legacy_customer_id"),
    "gateway_customer_id": ("customer_id", "id", "customer", "braintree_customer_id"),
    "source_id": ("token", "payment_method_token", "credit_card_token", "card_token", "payment_token"),
    "fingerprint": ("fingerprint", "unique_number_identifier"),
    "brand": ("type", "card_type", "brand", "credit_card_type", "credit_card_card_type"),
    "last4": ("last4", "last_4", "last_four", "card_last4", "credit_card_last_4", "credit_card_last4"),
    "exp_month": ("exp_month", "expiration_month", "credit_card_expiration_month", "card_exp_month"),
    "exp_year": ("exp_year", "expiration_year", "credit_card_expiration_year", "card_exp_year"),
    "expiration": (
        "expiration",
        "expiration_date",
        "exp",
        "expiry",
        "credit_card_expiration",
        "credit_card_expiration_date",
    ),
    "is_default": ("is_default", "default"),
}
#: Month and year in one cell: 09/2026, 09/26, 092026.
_EXPIRATION = r"^(\d{1,2})[/, -]?(\d{4}|\d{2})$"
#: Bytes that are taken apart at a time, and the most that one customer's entry of a JSON map may have.
_CHUNK, _LARGEST_ENTRY = 1 << 20, 1 << 24
#: What a log must name.
_NEEDED = (("gateway_customer_id", "customer id"), ("source_id", "token"))
_CUSTOMER_TEXT = pyarrow.schema({"place": pyarrow.int64(), "text": pyarrow.string()})
#: What parts the customers goes, and each becomes an object of its own.
_JSON_CUSTOMER = (
    """SELECT place, '{' || ltrim(text, '{, ' || chr(9) || chr(10) || chr(13)) || '}' AS text FROM customer_text"""
)
_LINE_OF_ERROR = re.compile(r"Line: (\d+)")


def given(folder: Path, settings: Settings) -> Path | None:
    """The mapping file of an extract's folder, if there is one.

    Raises UnusableInputError where there are two, where it is neither CSV nor JSON, and where it is no file of the folder.
    """
    found = sorted(each for each in folder.glob("cards.*") if each.name not in settings.ignore)
    if others := [each.name for each in found if each.name not in CARD_MAPS]:
        raise UnusableInputError(
            f"{others[0]} is neither cards.csv nor cards.json: deliver the processor's mapping file under one of the two names, "
            "or name it under ignore in extract.toml."
        )
    if len(found) > 1:
        raise UnusableInputError(
            "cards.csv and cards.json stand side by side: take out the one that does not hold, for a card is mapped once."
        )
    return own_file(found[0]) if found else None


def digest(path: Path) -> str:
    """The SHA-256 of a mapping file: another one is another map."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(folder: Path, into: Path, settings: Settings) -> CardMap | None:
    """Read the mapping file of an extract's folder into two Parquet files in the folder ``into``; None where there is none.

    Raises UnusableInputError for what is no mapping file, and where it holds a payment card number: then nothing is written.
    """
    path = given(folder, settings)
    if path is None:
        return None
    refuse_in_file(path, settings)
    of_file = digest(path)
    with _as_utf_8(path, into) as written, duck.connect() as connection:
        of = _of_json if path.suffix == ".json" else _of_csv
        form = of(connection, written, path.name)
        if not connection.execute("SELECT count(*) FROM judged_entry").fetchall()[0][0]:
            raise UnusableInputError(
                f"{path.name} maps no customer: deliver the processor's file again, or take it out."
            )
        sources, refused = _written(connection, into)
    return CardMap(path.name, form, of_file, into / SOURCES, into / PROBLEMS, sources, refused)


@contextmanager
def _as_utf_8(path: Path, into: Path) -> Iterator[Path]:
    """A file as UTF-8 text with line feeds, where it is none written into ``into`` for as long as it is read."""
    encoding = text.encoding_of(path)
    # DuckDB takes the first line end for that of all, and loses lines that end in another.
    if encoding == "utf-8" and (path.suffix == ".json" or not text.holds(path, b"\r")):
        yield path
        return
    with tempfile.TemporaryDirectory(dir=into) as kept:
        written = Path(kept) / path.name
        with path.open(encoding=encoding) as delivered, written.open("w", encoding="utf-8", newline="\n") as file:
            shutil.copyfileobj(delivered, file, _CHUNK)
        yield written


def _written(connection: duckdb.DuckDBPyConnection, into: Path) -> tuple[int, int]:
    """Write both files from ``judged_entry``; returns how many rows each has."""
    relations.make(connection, (_RELATIONS["mapped_source"],))
    problems = "SELECT place, customer, source_id, problem FROM judged_entry WHERE problem IS NOT NULL ORDER BY place"
    counts = []
    for query, name in (("FROM mapped_source", SOURCES), (problems, PROBLEMS)):
        with atomic.file(into / name) as unfinished:
            ((count,),) = connection.execute(
                f"COPY ({query}) TO {literal(str(unfinished))} (FORMAT parquet)"
            ).fetchall()
            counts.append(count)
    return counts[0], counts[1]


def _of_csv(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> str:
    """Leave ``judged_entry`` of a CSV file; returns its form in words."""
    named = text.named_delimiter(path)
    skipped = 0 if named is None else 1
    delimiter, header = _header(path, skipped, named)
    if repeated := [cell for cell, times in Counter(header).items() if cell and times > 1]:
        raise UnusableInputError(f"{name} has the header {repeated[0]} twice: give each column once.")
    form = _form(header, name)
    positions = {column: header.index(cell) for column, cell in form.columns.items()}
    if form.words != _LOG and "is_default" in header:
        positions["is_default"] = header.index("is_default")
    cells = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(header)))
    rows = f"""read_csv({literal(str(path))}, auto_detect = false, header = false, skip = {skipped + 1}, delim = {literal(delimiter)},
        quote = '"', escape = '"', null_padding = true, parallel = true, columns = {{{cells}}})"""
    filled = {column: f"trim_to_null(c{positions[column]})" if column in positions else "NULL" for column in _COLUMNS}
    if "expiration" in positions:
        whole = f"trim_to_null(c{positions['expiration']})"
        for group, column in enumerate(("exp_month", "exp_year"), start=1):
            part = f"nullif(regexp_extract({whole}, {literal(_EXPIRATION)}, {group}), '')"
            filled[column] = f"coalesce({filled[column]}, {part}, {whole})"
    listed = ", ".join(f"{sql}::VARCHAR AS {column}" for column, sql in filled.items())
    place = f"row_number() OVER () + {skipped + 1}"
    if text.holds(path, b"\n\n"):
        # DuckDB passes over blank lines.
        lines, is_blank = text.record_lines(path)
        connection.register("filled_line", pyarrow.table({"line": lines[~is_blank][skipped + 1 :]}))
        rows, place = f"{rows} POSITIONAL JOIN filled_line", "line"
    connection.execute(
        f"""CREATE TEMP VIEW card_row AS SELECT * FROM (SELECT {place} AS place, {listed} FROM {rows})
        WHERE coalesce({", ".join(_COLUMNS)}) IS NOT NULL"""
    )
    if form.words == _LOG:
        entries = _RELATIONS["log_entry"].sql
    else:
        kind = literal(form.kind) if form.kind else "NULL::VARCHAR"
        of_source = "true" if form.kind else "false"
        entries = f"SELECT *, {kind} AS kind, {of_source} AS of_source, NULL::VARCHAR AS unreadable FROM card_row"
    connection.execute(f"CREATE TEMP VIEW card_entry AS {entries}")
    try:
        relations.make(connection, (_RELATIONS["judged_entry"],))
    except duckdb.Error as error:
        line = _LINE_OF_ERROR.search(str(error))
        if line is None and not isinstance(error, duckdb.InvalidInputException):
            raise
        where = f" line {line[1]}" if line else ""
        # What DuckDB says of it quotes the line.
        raise UnusableInputError(
            f"{name}{where} has more cells than the header, a line break within a cell, or a quotation mark that is left open: "
            "mend it and deliver again."
        ) from None
    return form.words


def _header(path: Path, skipped: int, named: str | None) -> tuple[str, list[str]]:
    """The delimiter and the header's cells, in small letters: the delimiter is the one that parts most of them."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for _ in range(skipped):
            file.readline()
        line = file.readline(_CHUNK)
    readings = {
        each: next(csv.reader(io.StringIO(line), delimiter=each), []) for each in ((named,) if named else DELIMITERS)
    }
    delimiter = max(readings, key=lambda each: len(readings[each]))
    return delimiter, [cell.strip().lower() for cell in readings[delimiter]]


def write_report(connection: duckdb.DuckDBPyConnection, path: Path, problems: Path) -> None:
    """Write what a person looks into of a card map, as CSV; ``problems`` is that of a ``CardMap``. Needs ``CLASSES``."""
    entries = f"""UNION ALL SELECT 'not_mapped: ' || problem, customer, NULL, NULL, NULL, source_id, NULL, NULL, NULL
        FROM read_parquet({literal(str(problems))})"""
    connection.execute(
        f"""COPY (SELECT {escaped(_REPORTED, _DELIVERED)} FROM (FROM card_report {entries}) ORDER BY class, customer, source_id)
        TO {literal(str(path))} (FORMAT csv, HEADER)"""
    )


def _form(header: list[str], name: str) -> _Form:
    """What form a header is of. Raises UnusableInputError where it is of none, or names one thing twice."""
    whole = [form for form in _FORMS if set(form.columns.values()) <= set(header)]
    if whole:
        return max(whole, key=lambda form: len(form.columns))
    nearest = max(_FORMS, key=lambda form: len(set(form.columns.values()) & set(header)) / len(form.columns))
    lacking = [cell for cell in nearest.columns.values() if cell not in header]
    if len(nearest.columns) - len(lacking) >= 3:
        raise UnusableInputError(
            f"{name}: its header is nearest to {nearest.words!r}, and lacks {', '.join(lacking)}: deliver the file as the processor wrote it."
        )
    spelled = {re.sub(r"[^a-z0-9]+", "_", cell).strip("_"): cell for cell in header}
    found = {column: [spelled[each] for each in names if each in spelled] for column, names in _LOG_HEADERS.items()}
    for cells in found.values():
        if len(cells) > 1:
            raise UnusableInputError(
                f"{name}: {' and '.join(cells)} may both be what is meant: take one of the two out."
            )
    columns = {column: cells[0] for column, cells in found.items() if cells}
    if missing := [what for column, what in _NEEDED if column not in columns]:
        raise UnusableInputError(
            f"{name}: its header is that of no mapping file: it names no {' and no '.join(missing)}. "
            "Deliver the file as the processor wrote it, with its header on the first line."
        )
    return _Form(_LOG, "card", columns)


def _of_json(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> str:
    """Leave ``judged_entry`` of a JSON file; returns its form in words."""
    customers = _Customers(path)
    connection.register("customer_text", customers.reader())
    connection.execute(f"CREATE TEMP VIEW json_customer AS {_JSON_CUSTOMER}")
    connection.execute(f"CREATE TEMP VIEW card_entry AS {_RELATIONS['json_entry'].sql}")
    try:
        relations.make(connection, (_RELATIONS["judged_entry"],))
    except duckdb.InvalidInputException:
        raise UnusableInputError(
            f"{name}: what stands for customer {_first_malformed(path):,} of the file is no JSON: deliver the file as the processor wrote it."
        ) from None
    if not re.fullmatch(rb"\s*\{?\s*\}\s*", customers.rest):
        if customers.places or customers.rest.lstrip()[:1] == b"{":
            where = (
                f"behind customer {customers.places:,} of the file" if customers.places else "within its first customer"
            )
            what = f"ends, or is no JSON, {where}"
        else:
            what = "is no JSON object that has the old customer ids as its keys"
        raise UnusableInputError(f"{name} {what}: deliver the file as the processor wrote it.")
    return "Stripe, JSON"


def _first_malformed(path: Path) -> int:
    """The number of the first customer of a JSON file that is no JSON."""
    with duck.connect() as connection:
        connection.register("customer_text", _Customers(path).reader())
        return connection.execute(f"SELECT min(place) FROM ({_JSON_CUSTOMER}) WHERE NOT json_valid(text)").fetchall()[
            0
        ][0]


@dataclass
class _Customers:
    """The customers of a JSON map, each the text of its key and value, read as a stream.

    The map is one object, and DuckDB holds each object whole: 196 MB did not fit into 1.8 GB.
    """

    path: Path
    #: How many have been read, and what stands behind the last of them.
    places: int = 0
    rest: bytes = b""

    def reader(self) -> pyarrow.RecordBatchReader:
        """The batches: place (from 1), and text from the end of the customer before to the end of this one."""
        return pyarrow.RecordBatchReader.from_batches(_CUSTOMER_TEXT, self._batches())

    def _batches(self) -> Iterator[pyarrow.RecordBatch]:
        depth = 0
        with self.path.open("rb") as file:
            while len(self.rest) < _LARGEST_ENTRY and (chunk := file.read(_CHUNK)):
                read = self.rest + chunk
                ends = _ends_of_values(read, depth)
                self.rest = read
                if not len(ends):
                    continue
                depth = 1
                self.rest = read[ends[-1] :]
                offsets = np.concatenate([[0], ends]).astype(np.int32)
                places = np.arange(self.places + 1, self.places + len(offsets))
                self.places += len(ends)
                texts = pyarrow.StringArray.from_buffers(len(ends), pyarrow.py_buffer(offsets), pyarrow.py_buffer(read))
                yield pyarrow.record_batch([pyarrow.array(places), texts], schema=_CUSTOMER_TEXT)


def _ends_of_values(read: bytes, depth: int) -> np.ndarray:
    """Where the objects and lists end that are the values of a JSON object, in a part of it that begins at ``depth``."""
    view = np.frombuffer(read, dtype=np.uint8)
    marks = np.flatnonzero(view == ord('"'))
    if b"\\" in read:
        marks = marks[~_escaped(view, marks)]
    # { and [ differ in one bit, and } and ].
    folded = view | 0x20
    brackets = np.flatnonzero((folded == ord("{")) | (folded == ord("}")))
    brackets = brackets[np.searchsorted(marks, brackets) % 2 == 0]
    closing = folded[brackets] == ord("}")
    depths = depth + np.where(closing, -1, 1).cumsum()
    return brackets[closing & (depths == 1)] + 1


def _escaped(view: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Whether an odd number of backslashes stands before each of the quotation marks."""
    slashes = np.flatnonzero(view == ord("\\"))
    first = np.flatnonzero(np.diff(slashes, prepend=-2) != 1)
    lengths = np.diff(np.append(first, len(slashes)))
    odd = slashes[first + lengths - 1][lengths % 2 == 1] + 1
    return np.isin(marks, odd)
