"""What the values of a delivered column look like: whether they can be what an attribute holds."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from pelcro_pipeline.matching import naming
from pelcro_pipeline.sources.source_map import STATUS
from pelcro_pipeline.spec import ATTRIBUTES, codes

#: How a date may be written; of several that fit all values none is taken.
FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S %Z",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y",
    "%d.%m.%y",
    "%d.%m.%Y %H:%M",
    "%d-%m-%Y",
    "%m-%d-%Y",
)
#: What some systems write where there is no date.
NO_DATE = frozenset(("0", "0000-00-00", "0000-00-00 00:00:00"))
#: Seconds and milliseconds from 2001 to 2286.
_EPOCH = {"epoch": re.compile(r"[1-9]\d{9}"), "epoch_ms": re.compile(r"[1-9]\d{12}")}
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")
_PHONE = re.compile(r"[+(]?\d[\d\s().+/-]{5,}(?:\s?(?:x|ext)\.?\s?\d+)?", re.IGNORECASE)
_AMOUNT = re.compile(r"[^\d\s-]{0,3}\s?\d{1,3}(?:[ ,.']?\d{3})*(?:[.,]\d{1,3})?\s?[^\d\s]{0,3}")
_DECIMAL = re.compile(r".*\d[.,]\d{1,2}\D*")
_PLAIN_AMOUNT = re.compile(r"\d+(?:\.\d{1,3})?")
_WHOLE = re.compile(r"\d{1,4}")
_ID = re.compile(r"[^\s@]{1,64}")
_ZIP = re.compile(r"(?=.*\d)[A-Za-z0-9 -]{3,10}")
_NAME = re.compile(r"(?!.*\d{3})(?=.*[^\W\d_])[^@:/_]{1,60}")
_WORDS = re.compile(r"(?=.*[^\W\d_]).+")
_PERIOD = re.compile(
    r"(?:.*\b)?(?:every|each|per|one|\d+)?\s*(?:half|semi|halb|viertel|fort|vierzehn)?-?(?:da(?:y|il)|week|night|month|quarter|year|annual|biannual|biennial|quin[zc]|semest|jour|semaine|mois|mensuel|trimestr|ann|an\b|"
    r"tag|tägl|woche|wöch|monat|quartal|jahr|jähr|d[ií]a|diari|seman|mes|mensual|año|anual)\w*.*|[1-4]|[dwmy]",
    re.IGNORECASE,
)
_BOOLEANS = (
    {"1", "0"}, {"true", "false"}, {"t", "f"}, {"yes", "no"}, {"y", "n"}, {"on", "off"}, {"oui", "non"}, {"ja", "nein"}, {"j", "n"},
    {"si", "no"}, {"sí", "no"}, {"1", "2"},
)  # fmt: skip
#: A column of codes has few, and uses them again.
_MOST_CODES = 15


def formats_of(values: Sequence[str]) -> list[str]:
    """The formats that every value is written in, values for no date aside."""
    dates = sorted({*values} - NO_DATE)
    if not dates:
        return []
    for name, pattern in _EPOCH.items():
        if all(map(pattern.fullmatch, dates)):
            return [name]
    return [each for each in FORMATS if all(_is_date(value, each) for value in dates)]


def mixed_formats_of(values: Sequence[str]) -> tuple[str, ...]:
    """The formats that together are those of every value, each of one alone; none where a value has none or several."""
    each_of = [[name for name in FORMATS if _is_date(value, name)] for value in sorted({*values} - NO_DATE)]
    if any(len(names) != 1 or names[0].endswith("%Z") for names in each_of):
        return ()
    found = tuple(name for name in FORMATS if [name] in each_of)
    # A point in time and a day are not read by the same step.
    return found if len({"%z" in name for name in found}) == 1 else ()


@functools.lru_cache(maxsize=100_000)
def _is_date(value: str, format_: str) -> bool:
    try:
        datetime.strptime(value, format_)
    except ValueError:
        return False
    return True


def has_decimals(values: Sequence[str]) -> bool:
    """Whether an amount is written with a part of its unit: then it is in units, and not in cents."""
    return any(map(_DECIMAL.fullmatch, values))


def are_plain_amounts(values: Sequence[str]) -> bool:
    """Whether amounts are digits and a decimal point alone, as the step that makes cents of them reads them."""
    return all(map(_PLAIN_AMOUNT.fullmatch, values))


def are_emails(values: Sequence[str]) -> bool:
    """Whether nearly all values are email addresses."""
    return bool(values) and _share(values, _EMAIL.fullmatch) >= 0.9


def are_statuses(values: Sequence[str]) -> bool:
    """Whether most codes of a column are known as statuses of subscriptions."""
    found = {naming.folded(each) for each in values}
    known = found & naming.codes_of(STATUS).keys()
    return len(known) >= 2 and len(found) <= _MOST_CODES and 2 * len(known) > len(found)


def is_yes(value: str) -> bool | None:
    """What a yes or no says; none of another word."""
    folded = value.lower()
    if folded in ("1", "true", "t", "yes", "y", "on", "oui", "ja", "j", "si", "sí"):
        return True
    return False if folded in ("0", "2", "false", "f", "no", "n", "off", "non", "nein") else None


def fit(attribute: str, values: Sequence[str]) -> float:
    """The share of filled values that can be what the attribute holds; 1 of a column without any."""
    if not values:
        return 1.0
    if are_statuses(values) and attribute != STATUS:
        return 0.0
    kind = ATTRIBUTES[attribute].kind.name if attribute in ATTRIBUTES else "name"
    match kind:
        case "date":
            return float(bool(formats_of(values))) or _share(
                values, lambda each: any(_is_date(each, f) for f in FORMATS)
            )
        case "boolean" | "boolean, 2 as no":
            return float(any({each.lower() for each in values} <= pair for pair in _BOOLEANS))
        case "service status" | "collection method" | "subscription type" | "plan type" | "salutation":
            few = len({*values}) <= _MOST_CODES and not formats_of(values)
            return float(few and not are_emails(values)) * _share(values, _WORDS.fullmatch)
        case "whole number" | "positive number":
            return _share(values, _WHOLE.fullmatch)
        case "identifier":
            return float(not _is_measure(values)) * _share(
                values, _ID.fullmatch if attribute not in _NAMED_PLANS else _is_text
            )
        case _:
            return (
                _share(values, _OF_KIND.get(kind, _is_text))
                if not _is_name(attribute)
                else _share(values, _NAME.fullmatch)
            )


#: What some systems call by a name where others have an identifier.
_NAMED_PLANS = frozenset(("subscription.common_metadata.temporary_plan_id", "plan.old_id", "plan.temporary_product_id"))


def _is_measure(values: Sequence[str]) -> bool:
    """Whether they are dates, or amounts with decimals: no identifier is."""
    return bool(set(formats_of(values)) - {"epoch", "epoch_ms"}) or (
        has_decimals(values) and _share(values, _AMOUNT.fullmatch) == 1
    )


def _is_name(attribute: str) -> bool:
    return attribute.endswith(("first_name", "last_name", "full_name"))


def _is_text(value: str) -> bool:
    return (
        not _EMAIL.fullmatch(value) and not any(_is_date(value, each) for each in FORMATS[:6]) and not value.isdecimal()
    )


def _share(values: Sequence[str], of: Callable[[str], object]) -> float:
    return sum(map(bool, map(of, values))) / len(values)


@functools.cache
def _countries() -> frozenset[str]:
    names = {codes.folded(each) for each in (*codes.english_countries(), *codes.translated_countries())}
    return frozenset({*names, *(each.lower() for each in codes.countries())})


def _is_country(value: str) -> bool:
    return codes.folded(value) in _countries() or value.lower() in _countries()


def _is_currency(value: str) -> bool:
    return value.lower() in {each.lower() for each in codes.currencies()}


_OF_KIND: dict[str, Callable[[str], object]] = {
    "email": _EMAIL.fullmatch,
    "customer phone": _PHONE.fullmatch,
    "address phone": _PHONE.fullmatch,
    "amount in cents": _AMOUNT.fullmatch,
    "currency": _is_currency,
    "country": _is_country,
    "state": _NAME.fullmatch,
    "zip": _ZIP.fullmatch,
    "interval": _PERIOD.fullmatch,
}
