"""What a delivered header means: its template attribute, or none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from pelcro_pipeline.spec import ADDRESS_IDS, ATTRIBUTES, METADATA_PREFIXES, Table

_ALIASES = {alias: attribute.name for attribute in ATTRIBUTES.values() for alias in attribute.aliases}
_ADDRESS_IDS = {attribute.name for attribute in ADDRESS_IDS.values()}
#: "subscription.n.common_metadata.is_expired", says the guide; n may be a number.
_NUMBERED = re.compile(r"^subscription\.(n|\d+)\.", re.IGNORECASE)


def attribute_of(header: str) -> str | None:
    """The attribute that a header names, after case, spaces, what cannot be seen, a trailing * and the aliases.

    Metadata of no template keeps its case. A header of no template gives None.
    """
    name = _NUMBERED.sub("subscription.", _visible(header))
    folded = name.lower()
    folded = _ALIASES.get(folded, folded)
    if folded in ATTRIBUTES or folded in _ADDRESS_IDS:
        return folded
    for prefix in METADATA_PREFIXES:
        if folded.startswith(prefix) and len(folded) > len(prefix):
            return prefix + name[len(prefix) :]
    return None


def is_nameless(header: str) -> bool:
    """Whether a header holds nothing that can be seen."""
    return not _visible(header)


def invisible_in(header: str) -> list[str]:
    """The code points of the format characters inside a header, as U+200B; at its ends they say nothing."""
    ends = "".join(each for each in header if each.isspace() or _is_format(each))
    return list(dict.fromkeys(f"U+{ord(each):04X}" for each in header.strip(ends) if _is_format(each)))


def numbers_of_subscriptions(headers: Iterable[str]) -> list[str]:
    """The numbers that headers give to subscriptions (``subscription.1.quantity``), each once."""
    numbered = (_NUMBERED.match(_visible(header)) for header in headers)
    return list(dict.fromkeys(str(int(each[1])) for each in numbered if each and each[1].isdecimal()))


def metadata_of(table: Table, names: Iterable[str]) -> list[str]:
    """Those of the names that are a table's metadata columns of no template."""
    prefix = table.metadata_prefix
    return [name for name in names if prefix and name.startswith(prefix) and is_metadata(name)]


def is_metadata(attribute: str) -> bool:
    """Whether the attribute is a metadata column that no template lists."""
    return attribute not in ATTRIBUTES and attribute not in _ADDRESS_IDS


def _visible(header: str) -> str:
    if header.isascii():
        return "".join(header.split()).rstrip("*")
    return "".join(each for each in header if not each.isspace() and not _is_format(each)).rstrip("*")


def _is_format(character: str) -> bool:
    return unicodedata.category(character) == "Cf"
