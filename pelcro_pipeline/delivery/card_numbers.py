"""What a payment card number is, however it is written: in a text, and fast in bytes.

14 to 19 digits of an issuer, of that issuer's length, whose last is the right check digit (Luhn); no letter or digit
beside them. Other scripts' digits, spaces, hyphens and dots count as ASCII's, and what cannot be seen as nothing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np

LENGTHS = range(14, 20)
_SIXTEEN_OR_MORE = (16, 17, 18, 19)
#: The first four digits of issuers' numbers, from and to, and how long these are.
_ISSUERS = (
    (4000, 4999, (16, 19)),  # Visa
    (2221, 2720, (16,)),  # Mastercard
    (5100, 5599, (16,)),
    (3400, 3499, (15,)),  # American Express
    (3700, 3799, (15,)),
    (3000, 3059, (14, *_SIXTEEN_OR_MORE)),  # Diners
    (3095, 3095, (14, *_SIXTEEN_OR_MORE)),
    (3600, 3699, (14, *_SIXTEEN_OR_MORE)),
    (3800, 3999, (14, *_SIXTEEN_OR_MORE)),
    (3528, 3589, _SIXTEEN_OR_MORE),  # JCB
    (6011, 6011, _SIXTEEN_OR_MORE),  # Discover
    (6440, 6599, _SIXTEEN_OR_MORE),
    (6200, 6299, _SIXTEEN_OR_MORE),  # UnionPay
    (8100, 8171, _SIXTEEN_OR_MORE),
    (5010, 5039, tuple(LENGTHS)),  # Maestro
    (5600, 5899, tuple(LENGTHS)),
    (6300, 6399, tuple(LENGTHS)),
    (6700, 6799, tuple(LENGTHS)),
    (2200, 2204, _SIXTEEN_OR_MORE),  # Mir
    (5080, 5089, (16,)),  # RuPay
    (6000, 6099, (16,)),
    (8100, 8299, (16,)),
)
#: What may begin a card number of each length, by its first four digits.
_BY_ISSUER = np.zeros((len(LENGTHS), 10_000), dtype=bool)
for _first, _last, _lengths in _ISSUERS:
    for _length in _lengths:
        _BY_ISSUER[LENGTHS.index(_length), _first : _last + 1] = True

#: Single spaces and hyphens may stand between any two digits, and nothing of the kind beside them: phones follow phones.
_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?<![0-9][ -])[0-9](?:[ -]?[0-9]){13,18}(?![0-9A-Za-z]|[ -][0-9])")
_WORD = re.compile(r"(?<![0-9A-Za-z])[0-9]{14,19}(?![0-9A-Za-z])")
#: Where groups of digits are written as a card's, more may stand between them: 4-6-5, 4-6-4, or 4-4-4-4 with up to three more.
_GROUPS = frozenset(["4 6 5", "4 6 4", "4 4 4 4", "4 4 4 4 1", "4 4 4 4 2", "4 4 4 4 3"])
_RUNS = tuple(
    re.compile(rf"(?<![0-9A-Za-z])[0-9]+(?:{between}[0-9]+){{2,}}(?![0-9A-Za-z])")
    for between in (" {1,3}", " ?- ?", r"\. ?", "[ .-]")
)
#: A quick look for one.
_MAY_BE_GROUPED = re.compile(r"[0-9]{4}[ .-]{1,3}(?:[0-9]{6}|[0-9]{4}[ .-]{1,3}[0-9]{4})[ .-]{1,3}[0-9]{4}")
#: A card with its date of expiry; of more groups in a row than that, any four would do for one in ten.
_MOST_GROUPS = 5
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,3})?(?![0-9A-Za-z])")
#: As programs and spreadsheets write whole numbers; where few are given, the others are lost.
_SCIENTIFIC = re.compile(r"(?<![0-9A-Za-z.])([1-9])\.([0-9]{12,18})[Ee]\+?(1[3-8])(?![0-9A-Za-z.])")
#: The same where a workbook's number is known to have all of its digits.
_WHOLE = re.compile(r"([1-9])(?:\.([0-9]{1,18}))?E\+(1[3-8])")
_SCIENTIFIC_BYTES = re.compile(rb"[1-9](?:\.[0-9]{1,18})?[Ee]\+?1[3-8](?![0-9A-Za-z])")

#: Shifts by which a row of 14 is told from single places.
_DOUBLING = (1, 2, 4, 6)
#: A number of 19 digits with a separator between each two, and the byte behind it.
_WIDEST = 38
#: Digits behind which a dot may stand, and no other: coordinates and amounts have them elsewhere.
_BEFORE_A_DOT = np.isin(np.arange(_WIDEST + 1), (4, 8, 10, 12, 14, 15, 16, 17, 18, 19))
_NOTHING = 0x7F


@cache
def _as_ascii() -> np.ndarray:
    """By code point, the ASCII character that another stands for; 0 where it is no other's, ``_NOTHING`` where it is not seen."""
    table = np.zeros(1 << 16, dtype=np.uint8)
    for code in range(0xA0, 1 << 16):
        match unicodedata.category(chr(code)):
            case "Nd":
                table[code] = ord("0") + unicodedata.digit(chr(code))
            case "Zs":
                table[code] = ord(" ")
            case "Pd":
                table[code] = ord("-")
            case "Cf":
                table[code] = _NOTHING
    table[[0x034F, 0x115F, 0x3164, *range(0x180B, 0x180E), *range(0xFE00, 0xFE10)]] = _NOTHING
    table[[0x2212, 0x2043]] = ord("-")
    table[[0x00B7, 0x2022, 0x2024, 0x2027, 0x22C5, 0x30FB, 0xFF0E]] = ord(".")
    # Windows-1252's dashes; as characters they are controls that no text holds.
    table[[0x96, 0x97]] = ord("-")
    return table


@cache
def _translation() -> dict[int, str | None]:
    table = _as_ascii()
    return {int(code): None if table[code] == _NOTHING else chr(table[code]) for code in np.flatnonzero(table)}


def plain(text: str) -> str:
    """The text with ASCII's digits, spaces, hyphens and dots in place of others, and without what cannot be seen."""
    return text if text.isascii() else text.translate(_translation())


def of_issuer(digits: str) -> bool:
    """Whether a card number of that length may begin so."""
    return len(digits) in LENGTHS and bool(_BY_ISSUER[len(digits) - LENGTHS[0], int(digits[:4])])


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    doubled = sum(int(digit) // 5 + 2 * int(digit) % 10 for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + doubled) % 10 == 0


def card_numbers(text: str, *, whole: bool = False) -> list[str]:
    """The digits of each card number in a cell or a line.

    ``whole``: a number in scientific notation has all of its digits, as a workbook's have.
    """
    text = plain(text)
    number = _WHOLE.fullmatch(text) if whole else None
    candidates = [_written_out(number)] if number else _candidates(text)
    digits = (re.sub("[^0-9]", "", each) for each in dict.fromkeys(candidates))
    return list(dict.fromkeys(each for each in digits if of_issuer(each) and luhn(each)))


def _candidates(text: str) -> list[str]:
    text = _IBAN.sub(lambda each: "" if _is_iban(each[0]) else each[0], text)
    found = [_written_out(each) for each in _SCIENTIFIC.finditer(text)]
    found += _NUMBER.findall(text) + _WORD.findall(text)
    if _MAY_BE_GROUPED.search(text):
        without = _IBAN.sub("", text)
        for run in _RUNS:
            for each in run.findall(without):
                found += _grouped(re.findall("[0-9]+", each))
    return found


def _grouped(words: list[str]) -> list[str]:
    """Every three to five neighbours that are written as cards are."""
    return [
        "".join(words[first : first + count])
        for count in (3, 4, 5)
        if len(words) <= max(_MOST_GROUPS, count + 1)
        for first in range(len(words) - count + 1)
        if " ".join(str(len(word)) for word in words[first : first + count]) in _GROUPS
    ]


def _written_out(number: re.Match[str]) -> str:
    """All digits of a whole number in scientific notation; none where it has decimals."""
    digits = number[1] + (number[2] or "")
    length = int(number[3]) + 1
    return digits.ljust(length, "0") if len(digits.rstrip("0")) <= length else ""


def _is_iban(text: str) -> bool:
    """Whether the check digits of an account's number hold (ISO 13616)."""
    letters = text.replace(" ", "")
    return int("".join(str(int(each, 36)) for each in letters[4:] + letters[:4])) % 97 == 1


def card_places(content: bytes, *, scientific: bool = False) -> np.ndarray:
    """Ascending offsets in UTF-8 or Windows-1252 at which what may be a card number stands, or right before it.

    Whatever ``card_numbers`` finds in the lines of ``content`` is among them, and more: numbers that run from one cell
    into the next, and where ``scientific`` those in a workbook's notation too.
    """
    view, offsets = _plain_bytes(np.frombuffer(content, dtype=np.uint8))
    found, some_scientific = _numbers_in(view)
    if offsets is not None:
        found = offsets[found]
    if scientific or some_scientific:
        found = np.union1d(found, [each.start() for each in _SCIENTIFIC_BYTES.finditer(content)]).astype(np.int64)
    return found


def _plain_bytes(view: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """What ``plain`` makes of bytes, and where each of those that are left stood; None where all are."""
    high = np.flatnonzero(view >= 0x80)
    if not len(high):
        return view, None
    leading, alone = _leads()
    first = view[high]
    # In UTF-8 nothing but a first byte stands behind an ASCII character.
    high = high[leading[first] | (alone[first] & (view[high - 1] < 0x80))]
    if not len(high):
        return view, None
    around = np.concatenate([view, np.zeros(2, np.uint8)])
    first, second, third = (around[high + shift].astype(np.int32) for shift in range(3))
    continued = (second & 0xC0) == 0x80
    two = (first >= 0xC2) & (first < 0xE0) & continued
    three = (first >= 0xE0) & continued & ((third & 0xC0) == 0x80)
    code = np.select(
        [two, three, first < 0xC0],
        [(first & 0x1F) << 6 | second & 0x3F, (first & 0x0F) << 12 | (second & 0x3F) << 6 | third & 0x3F, first],
    )
    ascii_ = _as_ascii()[code]
    other = ascii_ != 0
    if not other.any():
        return view, None
    at, ascii_ = high[other], ascii_[other]
    view = view.copy()
    view[at] = ascii_
    kept = np.ones(len(view), dtype=bool)
    kept[at[ascii_ == _NOTHING]] = False
    kept[high[two & other] + 1] = False
    kept[high[three & other] + 1] = False
    kept[high[three & other] + 2] = False
    return view[kept], np.flatnonzero(kept)


@cache
def _leads() -> tuple[np.ndarray, np.ndarray]:
    """By byte, whether it begins in UTF-8 one of the characters that stand for others, and whether it is one in Windows-1252."""
    leading, alone = np.zeros(256, dtype=bool), np.zeros(256, dtype=bool)
    codes = np.flatnonzero(_as_ascii())
    leading[[chr(code).encode()[0] for code in codes]] = True
    alone[codes[codes < 0xC0]] = True
    return leading, alone


def _numbers_in(view: np.ndarray) -> tuple[np.ndarray, bool]:
    """Places at which a number begins as ``card_places`` describes it, and whether any may be in scientific notation."""
    size = len(view)
    # The byte before the first and those behind the last say that nothing stands beside it.
    ends = np.full(1, ord("\n"), np.uint8), np.full(_WIDEST, ord("\n"), np.uint8)
    view = np.concatenate([ends[0], view, ends[1]])
    # Hyphen and dot are neighbours.
    row = ((view - ord("-")) < 2) | ((view - ord("0")) < 10) | (view == ord(" "))
    for shift in _DOUBLING:
        row = row[:-shift] & row[shift:]
    row = row[1 : size + 1]
    # No issuer's numbers begin with 0, 1, 7 or 9: phones as they are dialled end here.
    first = view[1 : len(row) + 1]
    row = row & (((first - ord("2")) < 5) | (first == ord("8")))
    starts = np.flatnonzero(row) + 1
    starts = starts[~_is_alphanumeric(view[starts - 1])]
    if not len(starts):
        return starts, False
    some_scientific = bool((view[starts + 1] == ord(".")).any())
    window = view[starts[:, None] + np.arange(_WIDEST)]
    digit = (window - ord("0")) < 10
    # It ends where four separators or anything else follows.
    separator = ((window - ord("-")) < 2) | (window == ord(" "))
    near = digit.copy()
    for shift in (1, 2):
        near[:, shift:] |= digit[:, :-shift]
    going = digit.copy()
    going[:, 1:] |= separator[:, 1:] & near[:, :-1]
    going = np.logical_and.accumulate(going, axis=1)
    count = (digit & going).cumsum(axis=1, dtype=np.int8)
    # Nor does a dot stand within, but between groups.
    going &= ~np.logical_or.accumulate((window == ord(".")) & ~_BEFORE_A_DOT[count], axis=1)
    digit &= going
    count = digit.cumsum(axis=1, dtype=np.int8)
    long = count[:, -1] >= LENGTHS[0]
    starts, window, digit, count = starts[long], window[long], digit[long], count[long]
    most = LENGTHS[-1]
    rows, columns = np.nonzero(digit & (count <= most))
    digits = np.zeros((len(starts), most), dtype=np.int16)
    digits[rows, count[rows, columns] - 1] = window[rows, columns] - ord("0")
    ending = np.zeros((len(starts), most), dtype=bool)
    inside = columns + 1 < _WIDEST
    rows, columns = rows[inside], columns[inside]
    ending[rows, count[rows, columns] - 1] = ~_is_alphanumeric(window[rows, columns + 1])
    doubled = np.where(digits > 4, 2 * digits - 9, 2 * digits)
    odd = np.arange(most) % 2 == 1
    sums = np.where(odd, doubled, digits).cumsum(axis=1), np.where(odd, digits, doubled).cumsum(axis=1)
    leading = digits[:, :4] @ np.array([1000, 100, 10, 1])
    card = np.zeros(len(starts), dtype=bool)
    for length, by_issuer in zip(LENGTHS, _BY_ISSUER, strict=True):
        card |= ending[:, length - 1] & (sums[(length - 1) % 2][:, length - 1] % 10 == 0) & by_issuer[leading]
    return starts[card] - 1, some_scientific


def _is_alphanumeric(bytes_: np.ndarray) -> np.ndarray:
    return ((bytes_ - ord("0")) < 10) | (((bytes_ | 0x20) - ord("a")) < 26)
