"""What a header of another system may mean, by its words: ``words/synonyms.toml`` says what they stand for.

A header is taken for an attribute only where each of its words is accounted for: by what the attribute is called, by whose column
it is, or as one that says nothing. ``Trial end date`` is no ``end date``.
"""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

from pelcro_pipeline.delivery.header import attribute_of
from pelcro_pipeline.spec import ADDRESSES, ATTRIBUTES

#: A reader's whole name in one column, of which two attributes are made.
FULL_NAME = "customer.full_name"
#: How sure a header alone makes, by how it names the attribute.
_TEMPLATE, _CALLED, _OWNED, _WEAK = 1.0, 0.98, 0.97, 0.86
#: What shares words with a name of the attribute is listed with this much of what is shared, and never more.
_PARTIAL = 0.6
#: Of an address whose header does not say which: billing is proposed, and shipping stands beside it.
_OTHER_ADDRESS = 0.75
#: Whose words may stand in a header of a table's attribute.
_OWNERS = {
    "customer": {"customer"},
    "billing_address": {"customer", "billing"},
    "shipping_address": {"customer", "shipping"},
    "subscription": {"customer", "subscription", "plan"},
    "plan": {"plan", "subscription", "product"},
    "product": {"product"},
}
#: What the header of a readers' column says alone; an address has it where the header says which address.
_PERSONAL = ("first_name", "last_name", "phone", "salutation", "title")
#: What is shorter than a part of a compound and stands in one all the same; the latter at its end alone.
_SHORT = frozenset(("abo", "ort", "plz", "zip"))
_SHORT_ENDINGS = frozenset(("id", "nr", "no", "nm", "dt", "cd", "tel", "art", "code", *_SHORT))
_LINKS = ("", "s", "n", "en", "es", "e")
_PHRASES = ("english", "french", "german", "spanish", "abbreviated")
_SHORTEST_PART = 4
#: Says nothing of an address's attribute.
_ADDRESS = frozenset(("address",))
#: A number of intervals, as folded codes have it.
_SEVERAL = re.compile(r"(?:(?:every|each|per|alle|tous les|toutes les|cada) )?(?P<count>[1-9]\d?) (?P<unit>[a-z]+)")
#: C.P. is CP.
_POINTED = re.compile(r"\b(\w)\.(?=\w\b)")


class Meaning(NamedTuple):
    """An attribute that a header may mean, how sure its words make, from 0 to 1, and whether yes there is no here."""

    attribute: str
    sureness: float
    inverse: bool = False


class Name(NamedTuple):
    """One way to name an attribute: its words, and how sure it makes by itself, or with a word of its owner's alone."""

    attribute: str
    words: frozenset[str]
    sureness: float
    needs_owner: bool = False
    inverse: bool = False


@functools.cache
def _tables() -> dict:
    text = resources.files("pelcro_pipeline.matching.words").joinpath("synonyms.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@functools.cache
def _same() -> dict[str, str]:
    return {word: meant for meant, words in _tables()["same"].items() for word in words}


@functools.cache
def _owner_of() -> dict[str, str]:
    return {word: owner for owner, words in _tables()["owners"].items() for word in words}


@functools.cache
def _left_out() -> frozenset[str]:
    return frozenset(_tables()["left_out"]["words"])


@functools.cache
def _phrases() -> tuple[tuple[str, dict], ...]:
    return tuple(_tables()["attribute"].items())


@functools.cache
def _vocabulary() -> frozenset[str]:
    """Every word that the tables know."""
    phrases = (
        phrase
        for _, entry in _phrases()
        for each in (*_PHRASES, "owned", "weak", "inverse")
        for phrase in entry.get(each, ())
    )
    told = {word for phrase in phrases for word in phrase.split()}
    return frozenset({*told, *_same(), *_same().values(), *_owner_of(), *_left_out()})


@functools.cache
def names() -> tuple[Name, ...]:
    """Every way to name an attribute that the tables declare."""
    return tuple(_declared())


def _declared() -> Iterator[Name]:
    for key, entry in _phrases():
        for attribute in _attributes_of(key):
            personal = attribute.startswith("address.") and key.startswith("customer.")
            for each in _PHRASES:
                for phrase in entry.get(each, ()):
                    yield Name(attribute, _meant(phrase.split()), _CALLED, needs_owner=personal)
            for phrase in entry.get("owned", ()):
                yield Name(attribute, _meant(phrase.split()), _OWNED, needs_owner=True)
            for phrase in entry.get("weak", ()):
                # With its owner's word beside it nothing is left open.
                yield Name(attribute, _meant(phrase.split()), _WEAK, needs_owner=personal)
            for phrase in entry.get("inverse", ()):
                yield Name(attribute, _meant(phrase.split()), _CALLED, inverse=True)


def _attributes_of(key: str) -> list[str]:
    """The attributes that an entry is of: of both addresses, and a reader's name and phone of the reader's too."""
    table, _, name = key.partition(".")
    if table == "address":
        return [f"{address.prefix}{name}" for address in ADDRESSES]
    if table == "customer" and name in _PERSONAL:
        return [key, *(f"{address.prefix}{name}" for address in ADDRESSES)]
    return [key]


def words_of(header: str) -> list[str]:
    """A header's words in small letters and without accents, compounds in their parts."""
    plain = unicodedata.normalize("NFKD", header.replace("ß", "ss"))
    plain = _POINTED.sub(r"\1", "".join(each for each in plain if not unicodedata.combining(each)))
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|#", plain)
    return [word for part in parts for word in _parted(part.lower())]


@functools.cache
def _parted(word: str) -> tuple[str, ...]:
    if word in _vocabulary() or len(word) <= _SHORTEST_PART:
        return (word,)
    return _compound(word) or (word,)


def _compound(word: str) -> tuple[str, ...] | None:
    """The known words that a compound is made of, the longest first; none where a part of it is unknown."""
    for end in range(len(word), 1, -1):
        part, rest = word[:end], word[end:]
        known = len(part) >= _SHORTEST_PART or part in (_SHORT if rest else _SHORT_ENDINGS)
        if not known or part not in _vocabulary() or part in _left_out():
            continue
        if not rest:
            return (part,)
        for link in _LINKS:
            if rest.startswith(link) and (behind := _compound(rest[len(link) :])):
                return (part, *behind)
    return None


def _meant(words: list[str]) -> frozenset[str]:
    return frozenset(_same().get(word, word) for word in words if word not in _left_out())


def meanings(header: str) -> list[Meaning]:
    """What a header may mean, the surest first; an attribute once."""
    known = attribute_of(header)
    if known in ATTRIBUTES:
        return [Meaning(known, _TEMPLATE)]
    raw = [word for word in words_of(header) if word not in _left_out()]
    # Each word by what it stands for, and by whose it says a column is.
    owners: dict[str, str] = {_same().get(word, word): _owner_of()[word] for word in raw if word in _owner_of()}
    words = _meant(raw)
    best: dict[str, Meaning] = {}
    for name in names():
        sureness = _sureness(name, words, owners)
        if sureness and sureness > best.get(name.attribute, Meaning("", 0)).sureness:
            best[name.attribute] = Meaning(name.attribute, sureness, name.inverse)
    return sorted(best.values(), key=lambda each: -each.sureness)


def _sureness(name: Name, words: frozenset[str], owners: dict[str, str]) -> float:
    shared = words & name.words
    if not shared:
        return 0
    object_ = _object_of(name.attribute)
    beyond = words - name.words
    if object_.endswith("_address"):
        beyond -= _ADDRESS
    said = {owners[word] for word in beyond if word in owners}
    if said - _OWNERS[object_]:
        return 0
    if shared != name.words or beyond - owners.keys():
        told = {word for word in beyond if word in owners}
        return round(_PARTIAL * len(shared) / len(words - told | name.words), 2)
    own = object_.removesuffix("_address")
    if name.needs_owner and own not in said:
        return 0.5
    if name.sureness == _WEAK and own in said:
        return _OWNED
    if own == "subscription" and "plan" in said:
        return _WEAK
    if object_ == "shipping_address" and own not in said:
        return _OTHER_ADDRESS
    return name.sureness if not said else min(name.sureness, _OWNED)


def _object_of(attribute: str) -> str:
    if attribute.startswith("address."):
        return f"{attribute.removeprefix('address.').partition('_')[0]}_address"
    return attribute.partition(".")[0]


@functools.cache
def codes_of(attribute: str) -> dict[str, str | None]:
    """What the codes of an attribute say, by their words: a value of it, or none where a person decides."""
    table = _tables()["codes"].get(attribute, {})
    return {word: None if value == "left_open" else value for value, words in table.items() for word in words}


@functools.cache
def _spans() -> dict[str, tuple[str, str]]:
    return {word: (each["interval"], each["count"]) for each in _tables()["span"] for word in each["words"]}


def span_of(code: str) -> tuple[str, str] | None:
    """The interval of a delivered period, and how many of it: of quarterly, and of every 3 months, three months; none of an unknown one."""
    words, known = folded(code), codes_of("plan.interval")
    if words in _spans():
        return _spans()[words]
    several = _SEVERAL.fullmatch(words)
    interval, count = (several["unit"], several["count"]) if several else (words, "1")
    return (known[interval], count) if known.get(interval) else None


def folded(code: str) -> str:
    """A delivered code as ``codes_of`` has it."""
    plain = unicodedata.normalize("NFKD", code.replace("ß", "ss").lower())
    return " ".join(re.findall(r"[a-z0-9]+", "".join(each for each in plain if not unicodedata.combining(each))))
