"""The template header that a header of no template most probably means."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Collection, Iterable

from pelcro_pipeline.spec import ATTRIBUTES, TABLE_OF, TEMPLATES

#: Columns looked at: a file of two thousand of no template has no near ones to find.
_MOST = 100
#: What the words of two headers that are not shared weigh at most, of all.
_SHARED = 0.55
#: Words that say whose a column is, or little at all: without them two headers can mean the same.
_WEIGHTS = dict.fromkeys(("customer", "billing", "shipping", "subscription", "product", "plan"), 0.3) | dict.fromkeys(
    ("address", "old", "provider", "temporary", "current", "service", "code", "number", "common", "metadata"), 0.15
)
#: What can have the same column and not mean it.
_OWNERS = frozenset(("subscription", "product", "plan"))
_SOLD = ("product", "plan")
#: Too common to mean one column by themselves, unless the file holds one object.
_COMMON = frozenset(("id", "name", "type", "status", "date", "amount", "description", "active", "image"))
#: What other systems call the templates' words.
_SYNONYMS = (
    (r"\be ?mail\b|\bmail\b", "email"),
    (r"\b(?:address|addr|street)(?: line)? ?1\b|\bline ?1\b|\bstreet(?: address)?\b", "line 1"),
    (r"\b(?:address|addr|street)(?: line)? ?2\b|\bline ?2\b", "line 2"),
    (r"\bpost(?:al)? ?code\b|\bpostal\b|\bzip ?code\b|\bplz\b", "zip"),
    (r"\bprovince\b|\bregion\b", "state"),
    (r"\btown\b", "city"),
    (r"\b(?:tele|cell ?)?phone(?: (?:number|no))?\b|\bmobile\b|\btel\b", "phone"),
    (r"\bf(?:irst)? ?name\b|\bforename\b|\bgiven name\b", "first name"),
    (r"\bl(?:ast)? ?name\b|\bsurname\b|\bfamily name\b", "last name"),
    (r"\b(?:end|expiry|expiration|renewal|next payment) date\b|\bexpiry\b|\bexpiration\b|\bexpires(?: at)?\b", "period end"),
    (r"\bplan name\b", "plan nickname"),
    (r"\bprice\b", "amount"),
    (r"\borganisation\b|\borganization\b", "company"),
    (r"\bposition\b|\bjob title\b", "title"),
    (r"\bsubscriber\b|\bmember\b|\breader\b|\buser\b", "customer"),
)  # fmt: skip


def nearest(
    headers: Iterable[str], taken: Collection[str] = (), objects: Collection[str] | None = None
) -> dict[str, str]:
    """The nearest template header of each header that has one; no two have the same, nor one that is ``taken``.

    ``objects`` are those that the file is known to hold: others have no part in it.
    """
    headers = list(dict.fromkeys(headers))
    candidates = [
        name for name in ATTRIBUTES if name not in taken and (objects is None or TABLE_OF[name].object in objects)
    ]
    alone = objects is not None and len(objects) == 1
    scores = {
        (header, name): score
        for header in headers[:_MOST]
        for words in [_words(header)]
        if words and (alone or not words <= _COMMON)
        for name in candidates
        if (score := _similarity(words, _words(name))) >= _SHARED
    }
    # Readers and what they are sold stand in different files: a column of the others would make half an object.
    template = max(TEMPLATES, key=lambda each: _best(scores, each))
    if objects is None:
        sold = template != "customers"
        scores = {each: score for each, score in scores.items() if (TABLE_OF[each[1]].object in _SOLD) == sold}
    order = {name: rank for rank, name in enumerate(ATTRIBUTES)}
    found: dict[str, str] = {}
    for header, name in sorted(
        scores, key=lambda each: (TABLE_OF[each[1]] not in TEMPLATES[template], -scores[each], order[each[1]])
    ):
        if header not in found and name not in found.values():
            found[header] = name
    return {header: found[header] for header in headers if header in found}


def _best(scores: dict[tuple[str, str], float], template: str) -> float:
    """How much of all headers a template explains."""
    best: dict[str, float] = {}
    for (header, name), score in scores.items():
        if TABLE_OF[name] in TEMPLATES[template]:
            best[header] = max(best.get(header, 0), score)
    return sum(best.values())


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    if one & _OWNERS and other & _OWNERS and not one & other & _OWNERS:
        return 0
    return _weight(one & other) / _weight(one | other)


def _weight(words: frozenset[str]) -> float:
    return sum(_WEIGHTS.get(word, 1) for word in words)


@functools.cache
def _words(header: str) -> frozenset[str]:
    """A header's words as the templates have them: parted, in small letters, mended where one letter is wrong."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", header)
    text = " ".join(parts).lower()
    for pattern, word in _SYNONYMS:
        text = re.sub(pattern, word, text)
    words = text.split()
    if header in ATTRIBUTES:
        return frozenset(words)
    return frozenset(word if word in _vocabulary() else _mended(word) for word in words)


@functools.cache
def _vocabulary() -> frozenset[str]:
    return frozenset(word for name in ATTRIBUTES for word in _words(name))


@functools.cache
def _mended(word: str) -> str:
    near = difflib.get_close_matches(word, sorted(_vocabulary()), 1, 0.8) if len(word) > 3 else []
    return near[0] if near else word
