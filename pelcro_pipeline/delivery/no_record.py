"""FILE-NO-RECORD: lines that a system writes among its records, and that are none."""

from __future__ import annotations

import csv
import mmap
import re
from pathlib import Path

#: Bytes of a file's end that its last line is looked for in.
_TAIL = 1 << 16
_COUNTED = "rows?|records?|lines?|entries|results?|items?|customers?|subscribers?|subscriptions?|members?|readers?"
#: A total, a count of rows, a stamp: each the whole cell.
_FOOTER = re.compile(
    rf"""(?:grand\ |sub-?\ ?)?totals?(?:\ (?:{_COUNTED}|count|amount|number\ of\ \w+))?\s*[:=]?[\s\d.,]*
    |\(?\d[\d.,'\ ]*\s(?:{_COUNTED})\b.{{0,60}}
    |(?:(?:number\ of\ )?(?:{_COUNTED})|(?:(?:{_COUNTED})\ )?count)(?:\ (?:exported|selected|returned|affected|written))?\s*[:=]?\s*\d+\.?
    |no\ (?:{_COUNTED})\ .{{0,40}}
    |(?:exported|generated|created|printed|downloaded|extracted|produced)\b(?:\ (?:on|by|at|from|with|via)\b.*|.*\d.*)
    |(?:export|report|query|run|print(?:ed)?|download)\ (?:date|time|run|by|on|generated|created|completed|finished|ended)\b.*
    |completion\ time\b.*
    |\W*(?:end\ of\ (?:file|report|export|data|list|extract)|eof)\W*""",
    re.IGNORECASE | re.VERBOSE,
)
#: What stands beside a total: sums, a day.
_SUM = re.compile(r"[\s\d.,:/$€£¥%()+-]+")


def is_header(cells: list[str], header: list[str]) -> bool:
    """Whether a record repeats the header."""
    return _trimmed(cells) == _trimmed(header)


def is_footer(cells: list[str], width: int) -> bool:
    """Whether a record, if it is the last of its file, is a total, a count of rows or a stamp.

    Beside one in the first cell a record of a reader fills others: there it is a footer where these are sums, or
    where the record lacks cells.
    """
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled or len(filled[0]) > 200 or _FOOTER.fullmatch(filled[0]) is None:
        return False
    if len(filled) == 1:
        return True
    return bool(cells[0].strip()) and (len(cells) < width or all(_SUM.fullmatch(each) for each in filled[1:]))


def any_in(path: Path, header: list[str], delimiter: str) -> bool:
    """Whether a UTF-8 file has such lines: a quick look at its last line, and for the header's longest name."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        last = content[-_TAIL:].rstrip(b"\r\n \t" + delimiter.encode()).rsplit(b"\n", 1)[-1]
        if is_footer(_cells(last, delimiter), len(header)):
            return True
        name = max((each for each in header if '"' not in each), key=len, default="").strip().encode()
        place = content.find(b"\n")
        while name and place >= 0 and (place := content.find(name, place)) >= 0:
            end = content.find(b"\n", place)
            line = content[content.rfind(b"\n", 0, place) + 1 : end if end >= 0 else len(content)]
            if is_header(_cells(line, delimiter), header):
                return True
            place += len(name)
    return False


def _cells(line: bytes, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line.decode(errors="replace").rstrip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        # It is cut out of a quoted cell.
        return []


def _trimmed(cells: list[str]) -> list[str]:
    trimmed = [cell.strip() for cell in cells]
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    return trimmed
