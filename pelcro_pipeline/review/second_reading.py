"""A second reading of delivered files: their records, and what their cells say in canonical form.

For the certificate alone (``review.certificate``), which proves what the pipeline's own reading came to: nothing of that is used here.
"""

from __future__ import annotations

import csv
import functools
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet
import python_calamine

from pelcro_pipeline.spec import ATTRIBUTES
from pelcro_pipeline.spec.codes import minor_digits
from pelcro_pipeline.spec.model import OneOf, Pattern


def _characters(ranges: str) -> str:
    ends = (each.partition("-") for each in ranges.split())
    return "".join(chr(code) for low, _, high in ends for code in range(int(low, 16), int(high or low, 16) + 1))


_FORMAT = _characters(
    "ad 600-605 61c 6dd 70f 180e 200b-200f 202a-202e 2060-2064 2066-206f feff fff9-fffb e0001 e0020-e007f"
)
_UNSEEN = _FORMAT + _characters("9-a c-d 20 a0 1680 2000-200a 2028-2029 202f 205f 3000")
_UNTIDY_START, _UNTIDY_END, _NO_FORMAT = (
    frozenset(_UNSEEN + "='eE"),
    frozenset(_UNSEEN),
    dict.fromkeys(map(ord, _FORMAT)),
)


def _said(cell: str) -> str:
    """What a cell says, without spaces at its ends, spreadsheets' wrappers and the word for empty."""
    if cell and cell[0] not in _UNTIDY_START and cell[-1] not in _UNTIDY_END:
        return cell
    text = cell.strip(_UNSEEN)
    if wrapped := re.fullmatch(r"""="([^"]*)"|'((?:[^'a-z]|[a-z][^ '-])[^']*)""", text):
        text = wrapped[1] or wrapped[2] or ""
    return "" if re.fullmatch("'?empty'?", text, re.IGNORECASE) else text


_SYNONYMS = dict.fromkeys(("yes", "true", "y"), "1") | dict.fromkeys(("no", "false", "n"), "0")
_SYNONYMS |= {"time": "time_based", "shipment": "shipment_based", "shipments": "shipment_based"}
_SCHEMES = {"drupal": "Drupal", "wordpress": "Bcrypt (WordPress)", "bcrypt (wordpress)": "Bcrypt (WordPress)"}
_SCHEMES |= {"bcrypt": "Bcrypt", "md5": "MD5"}
_SCHEMES |= dict.fromkeys(("plain text", "plaintext", "plain_text", "plain-text"), "Plain text")
_SALUTATIONS = {each.rstrip(".").lower(): each for each in ("Mr.", "Mrs.", "Miss.", "Ms.", "Dr.", "Me.")}


def _choice(text: str, choices: tuple[str, ...]) -> str:
    folded = text.lower().replace(" ", "_").replace("-", "_")
    return next((each for each in (_SYNONYMS.get(folded, folded), text.upper()) if each in choices), text)


def _whole(text: str, fraction: str = r"\.(?:0{0,2}|0{4,})") -> str:
    return str(int(re.split("[.,]", text)[0])) if re.fullmatch(rf"[0-9]+(?:{fraction})?", text) else text


def _scheme(text: str) -> str:
    bare = re.sub(r"[ _-]+v?[0-9][0-9.x]*\s*$", "", re.sub(r"[(\[].*", "", text.lower())).strip(" _-")
    return _SCHEMES.get(text.lower()) or _SCHEMES.get(bare) or text


def _phone(text: str, plus: bool) -> str:
    ten = r"(?:\+?1[ .-]?)?\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}"
    two = len(text) > 20 and re.fullmatch(rf"{ten}\s+{ten}", text)
    if two or not re.fullmatch(r"[+.() 0-9-]*[0-9][+.() 0-9-]*", text):
        return text
    dialled = re.sub(r"^(\+[0-9 ]{1,4})\(0\)", r"\1", re.sub(r"([0-9]{6,})\.0$", r"\1", text))
    return ("+" if plus and re.match(r"[^0-9]*\+", text) else "") + re.sub("[^0-9]", "", dialled)


@functools.lru_cache(maxsize=100_000)
def _date(text: str, order: str, numbers: str, zone: str) -> str:
    """The ISO date that a text is, by what was told of its column; the text where it is none."""
    unit = {"days": 86_400, "seconds": 1, "milliseconds": 0.001}.get(numbers)
    if unit and re.fullmatch(r"[2-7]\d{4}(?:\.\d+)?|[1-9]\d{8,11}(?:\.0*)?", text, re.ASCII):
        since = (
            datetime(1899, 12, 30) if numbers == "days" else datetime(1970, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(zone))
        )
        return (since + timedelta(seconds=float(text) * unit)).date().isoformat()
    day, *clock = re.split(r"[T ,]+(?=\d{1,2}:)", text, maxsplit=1)
    parts = [day[:4], day[4:6], day[6:]] if re.fullmatch("[0-9]{8}", day) else re.split("[-/., ]+", day)
    for each in ("%Y %m %d", order.replace("/", " "), "%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y"):
        with suppress(ValueError):
            found = datetime.strptime(" ".join(parts), each)
            if clock and re.search(r"\d\s*(?:Z|UTC|GMT|[+-]\d\d:?\d\d)$", clock[0]):
                written = re.sub("UTC|GMT", "Z", re.sub(r"\s", "", clock[0]))
                at = time.fromisoformat(written if written[1] != ":" else f"0{written}")
                found = datetime.combine(found, at).astimezone(ZoneInfo(zone))
            return found.date().isoformat()
    return text


def in_cents(text: str, currency: str) -> str:
    exact = re.fullmatch(r"[0-9]{1,16}(?:[.,]([0-9]{0,2}))?", text)
    if not exact or len((exact[1] or "").rstrip("0")) > minor_digits(currency):
        return text
    return str(int(Decimal(text.replace(",", ".")) * 10 ** minor_digits(currency)))


#: By kind, of those that are no choice; a date is told by its column, an amount in units by its currency, a state by its country.
_FORMS: dict[str, Callable[[str], str]] = {
    "whole number": _whole,
    "positive number": _whole,
    "amount in cents": functools.partial(_whole, fraction="[.,]0{0,2}"),
    "customer phone": functools.partial(_phone, plus=True),
    "address phone": functools.partial(_phone, plus=False),
    "salutation": lambda text: _SALUTATIONS.get(text.lower().rstrip("."), text),
    "list": lambda text: re.sub(r"\s*,\s*", ",", text),
    "password scheme": _scheme,
}


def reading(column: dict, file: dict, settings: dict) -> Callable[[str], str]:
    """What makes of a column's cell what it says, in canonical form."""
    name, words = column["attribute"], frozenset(column["nothing"])
    kind = ATTRIBUTES[name].kind if name in ATTRIBUTES else None
    form = _FORMS.get(kind.name) if kind else None
    if kind and kind.name == "date":
        told = file["date_formats"].get(name, "%d/%m/%Y"), file["date_numbers"].get(name, ""), settings["timezone"]
        form = lambda text: as_template(name, _date(text, *told), settings["template_date_format"])  # noqa: E731
    elif kind and kind.name == "amount in cents" and settings["amounts"] == "units":
        form = None
    elif kind and isinstance(kind.domain, OneOf):
        two = {"2": "0"} if kind.name == "boolean, 2 as no" else {}
        form = lambda text: two.get(text) or _choice(text, kind.domain.choices)  # noqa: E731

    def read(cell: str) -> str:
        text = _said(cell)
        if column["invisible"]:
            text = text.translate(_NO_FORMAT)
        return "" if text in words else form(text) if form and text else text

    if form:
        return functools.lru_cache(50_000)(read)
    return read if words or column["invisible"] else _said


def in_country(name: str, value: str, country: str) -> str:
    """A state as its country writes it: NY of ny and of US-NY; what is no state stays as it is."""
    if not name.endswith("_state") or country not in ("US", "CA", "AU"):
        return value
    bare = value.upper().removeprefix(f"{country}-")
    return bare if len(value.encode()) <= 3 or bare != value.upper() else value


def is_accepted(name: str, value: str, country: str) -> bool:
    """Whether a value is one of its attribute's, as far as the spec's kind says it; of free text all that is filled is."""
    if name.endswith("_state") and country in ("US", "CA", "AU"):
        return re.fullmatch("[A-Z]{2,3}", value) is not None
    if name.endswith("_zip") and country == "US":
        return len(re.sub("[ -]", "", value)) not in (0, 4, 8)
    if _is_date(name):
        return re.fullmatch(r"\d{4}-\d\d-\d\d|\d\d/\d\d/\d{4}", value, re.ASCII) is not None
    match ATTRIBUTES[name].kind.domain if name in ATTRIBUTES else None:
        case OneOf(choices):
            return value in choices
        case Pattern(regex):
            return re.fullmatch(regex, value) is not None
    return value != ""


def as_template(name: str, value: str, written: str) -> str:
    """An ISO date as the prepared files write it (``dd/mm/yyyy``); what is none stays as it is."""
    if not _is_date(name) or value[4:5] != "-" or not is_accepted(name, value, ""):
        return value
    return written.replace("yyyy", value[:4]).replace("mm", value[5:7]).replace("dd", value[8:])


def as_iso(value: str, written: str) -> str:
    """A date as it is written in the prepared files, as ISO."""
    return "-".join(value[written.index(part) :][: len(part)] for part in ("yyyy", "mm", "dd"))


def _is_date(name: str) -> bool:
    return name in ATTRIBUTES and ATTRIBUTES[name].kind.name == "date"


def _encoding(path: Path, named: str | None) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    if named:
        return {"utf-8": "utf-8-sig", "utf-16": "utf-16"}.get(named.lower(), "cp1252")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if b"\0\0" in (start[1::2], start[::2]):
        return "utf-16-le" if start[1::2] == b"\0\0" else "utf-16-be"
    with suppress(UnicodeDecodeError), path.open(encoding="utf-8", newline="") as text:
        while text.read(1 << 20):
            pass
        return "utf-8-sig"
    return "cp1252"


def _of_text(
    path: Path, encoding: str, mark: str, escape: str | None = None, strict: bool = False
) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding=encoding, newline="") as text:
        first = text.readline()
        skipped = re.fullmatch('"?sep=."?', first.rstrip("\r\n"), re.IGNORECASE) is not None
        lines = text if skipped else itertools.chain([first], text)
        if escape:
            # A backslash before anything but a quotation mark or another is one.
            lines = (re.sub(r'\\([\\"]?)', lambda each: each[0] if each[1] else r"\\", line) for line in lines)
        reader, line = csv.reader(lines, delimiter=mark, escapechar=escape, strict=strict or escape is not None), 1
        for cells in reader:
            yield line + skipped, cells
            line = reader.line_num + 1


def _of_workbook(cell: object) -> str:
    if isinstance(cell, float) and 10**15 <= abs(cell) < float("inf"):
        digits, exponent = f"{cell:.16E}".split("E")
        return f"{digits.rstrip('0').rstrip('.')}E{exponent}"
    if isinstance(cell, bool) or (isinstance(cell, float) and cell.is_integer()):
        return str(int(cell))
    return str(cell.date()) if isinstance(cell, datetime) and cell.time() == time() else str(cell)


def records(path: Path, file: dict, named: str | None) -> Iterator[tuple[int, list[str]]]:
    """Each record of a file or sheet, the header first, with the physical line or the row that it begins on."""
    with path.open("rb") as start:
        is_workbook = start.read(2) == b"PK"
    if is_workbook:
        sheet = python_calamine.load_workbook(str(path)).get_sheet_by_name(file["name"].removeprefix(f"{path.name}#"))
        rows = ([_of_workbook(cell) for cell in row] for row in sheet.to_python(skip_empty_area=True))
        yield from enumerate(rows, (sheet.start or (0, 0))[0] + 1)
        return
    read = functools.partial(_of_text, path, _encoding(path, named), file["delimiter"])
    with path.open(encoding=read.args[1], newline="") as text:
        marked = any('\\"' in line for line in text)
    width = len(file["columns"])
    yield from (
        read("\\") if marked and not _is_whole(read(strict=True), width) and _is_whole(read("\\"), width) else read()
    )


def mapped(file: dict, made: Path) -> Iterator[tuple[int, list[str]]]:
    """Each record of what a source's map has made of a file, the header first, with its line in the delivered file.

    ``made`` is Parquet of its cells, by position.
    """
    lines = iter(itertools.count(2))
    if file["lines"]:
        lines = iter(pyarrow.parquet.read_table(file["lines"])["line"].to_pylist())
    yield 1, [column["header"] for column in file["columns"]]
    for batch in pyarrow.parquet.ParquetFile(made).iter_batches():
        for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield next(lines), [cell or "" for cell in cells]


def left_out(file: dict) -> dict[int, list[str]]:
    """By line, the objects that a source's map has left out of a file; none where the line holds none."""
    objects: dict[int, list[str]] = {}
    if file["made_of"] and file["quarantined"]:
        for row in pyarrow.parquet.read_table(file["quarantined"], columns=["line", "objects"]).to_pylist():
            objects.setdefault(row["line"], []).extend(row["objects"] or [""])
    return objects


def _is_whole(records: Iterator[tuple[int, list[str]]], width: int) -> bool:
    """Whether no quotation mark is astray, and no record of several cells is ragged."""
    with suppress(csv.Error):
        return all(len(row) >= width and not any(row[width:]) for _, row in records if sum(map(bool, row)) > 1)
    return False


def rows(path: Path) -> Iterator[list[str]]:
    """The rows of a report, without its header."""
    return (cells for _, cells in itertools.islice(_of_text(path, "utf-8", ","), 1, None))


def plain(text: str) -> str:
    """Text as it was before it was kept from running as a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+@\t\r-") else text
