"""What a delivered header means: its template attribute, or none."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pelcro_pipeline.spec import ADDRESS_IDS, ATTRIBUTES, METADATA_PREFIXES, Table

_ALIASES = {alias: attribute.name for attribute in ATTRIBUTES.values() for alias in attribute.aliases}
_ADDRESS_IDS = {attribute.name for attribute in ADDRESS_IDS.values()}
#: "subscription.n.common_metadata.is_expired", says the guide; n may be a number.
_NUMBERED = re.compile(r"^subscription\.(?:n|\d+)\.")


def attribute_of(header: str) -> str | None:
    """The attribute that a header names, after case, spaces, a trailing * and the aliases.

    A header of no template gives None.
    """
    name = re.sub(r"\s", "", header.lstrip("\ufeff")).rstrip("*")
    folded = _NUMBERED.sub("subscription.", name.lower())
    folded = _ALIASES.get(folded, folded)
    if folded in ATTRIBUTES or folded in _ADDRESS_IDS:
        return folded
    for prefix in METADATA_PREFIXES:
        if folded.startswith(prefix) and len(folded) > len(prefix):
            return folded
    return None


def metadata_of(table: Table, names: Iterable[str]) -> list[str]:
    """Those of the names that are a table's metadata columns of no template."""
    prefix = table.metadata_prefix
    return [name for name in names if prefix and name.startswith(prefix) and is_metadata(name)]


def is_metadata(attribute: str) -> bool:
    """Whether the attribute is a metadata column that no template lists."""
    return attribute not in ATTRIBUTES and attribute not in _ADDRESS_IDS
