"""A proposed map of exports that no map is of: each column with what it may be, how sure that is, and what else it may be.

What is surer than ``THRESHOLD`` is proposed. Everything else is written into the map as a comment, with its candidates: a person decides.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pelcro_pipeline.delivery import foreign, raw, text
from pelcro_pipeline.delivery.header import is_nameless
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.matching import naming, shape
from pelcro_pipeline.matching.naming import FULL_NAME
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.sources.source_map import STATUS, RecordTypes

#: How sure a column's meaning is, from 0 to 1, where it is proposed and not only listed.
THRESHOLD = 0.8
#: Records of each export that are looked at.
RECORDS = 2_000
#: What a file must have one of, surely, to be of readers; others are of products and plans.
_OF_READERS = ("customer.", "address.", "subscription.current_period_end", "subscription.start_date", STATUS)
#: A word that may mean something else, as Nombre may, makes no file one of readers.
_TELLING = 0.9
#: Where two meanings are as near to each other, neither is sure.
_NEAR = 0.05
_DOUBTED = 0.7
#: The weight of a name whose values are doubtful, or are not of its kind at all.
_UNLIKE, _PARTLY = 0.3, 0.85
_MOST_FIT, _SOME_FIT = 0.9, 0.6
#: A column without any value is taken by its name, where that is one and not a part of one.
_EMPTY, _NAMED = 0.95, 0.7
#: The only emails of an export are its readers', whatever their header says, where few of them stand twice.
_ONLY_EMAILS, _DIFFERENT = 0.9, 0.8
#: Nearly every record of readers says whose it is: a column that is often empty names something else.
_IDENTIFIED = 0.8
#: Values that are statuses, under a header that can mean one.
_STATUSES = 0.9
#: A column called id or name alone, where the others tell of what.
_TOLD_BY_OTHERS = 0.85
#: The place of an element in an array of JSON.
_PLACE = re.compile(r"\.-?\d+(?=\.|$)")
#: What the first cell of a line says of it, where a file has an envelope: CH, SB.
_RECORD_TYPE = re.compile(r"[A-Z][A-Z0-9]{0,2}")
#: What is less sure is no candidate.
_LISTED = 0.25
#: Neither of which names an object of its own.
PLAN_ID = "subscription.common_metadata.temporary_plan_id"
CUSTOMER_ID, SUBSCRIPTION_ID = "customer.old_provider_id", "subscription.common_metadata.old_id"


@dataclass(frozen=True)
class Sample:
    """The first records of a delivered export: by column, in its order, its cells; empty ones are empty texts.

    Of JSON, ``records`` is the dotted name of the array that holds them where they are not on top, and ``arrays`` are those within a
    record of which only the first element is a column, with the most elements that one has.
    """

    name: str
    columns: Mapping[str, Sequence[str]]
    is_json: bool = False
    records: str | None = None
    arrays: Mapping[str, int] = field(default_factory=dict)
    record_types: RecordTypes | None = None

    def filled(self, column: str) -> list[str]:
        """A column's values, trimmed."""
        return [value.strip() for value in self.columns[column] if value.strip()]

    def called(self, column: str) -> str:
        """What a column is called, without where in a record of JSON it stands."""
        if not self.is_json:
            return column
        return _PLACE.sub("", column.removeprefix(f"{self.records}." if self.records else ""))


@dataclass(frozen=True)
class Candidate:
    """An attribute that a column may hold, how sure that is from 0 to 1, and whether yes there is no here."""

    attribute: str
    confidence: float
    inverse: bool = False


@dataclass(frozen=True)
class Placement:
    """A delivered column, and what it may hold, the surest first."""

    column: str
    candidates: tuple[Candidate, ...]

    @property
    def placed(self) -> Candidate | None:
        """What is proposed; none where nothing is sure enough."""
        first = next(iter(self.candidates), None)
        return first if first is not None and first.confidence >= THRESHOLD else None

    def contested(self) -> Placement:
        """The same, sure of nothing."""
        return replace(
            self,
            candidates=tuple(
                replace(each, confidence=round(each.confidence * _DOUBTED, 2)) for each in self.candidates
            ),
        )


def read(paths: Iterable[Path]) -> list[Sample]:
    """The exports' first records: text of any encoding and delimiter, each sheet of a workbook, JSON.

    Raises UnusableInputError for what cannot be read, and for what has no header.
    """
    samples = []
    with tempfile.TemporaryDirectory() as scratch:
        for path in paths:
            if not path.is_file():
                raise UnusableInputError(f"There is no file {path}: name exports.")
            if foreign.is_json(path.name):
                samples.append(_of_json(path))
                continue
            for sheet in raw.sheets(path, Path(scratch), Settings()):
                if not sheet.aside:
                    samples.append(_of_text(sheet))
    return samples


def _of_text(sheet: raw.Sheet) -> Sample:
    header = text.header_of(sheet.path, sheet.name, sheet.delimiter)
    with sheet.path.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(itertools.islice(csv.reader(lines, delimiter=header.delimiter), RECORDS + 1))
    types = _record_types(rows)
    if types is not None:
        rows = [row[1:] for row in rows if row and row[0].strip() in (types.header, types.body)]
    names, *records = [[cell.strip() for cell in rows[0]], *(row for row in rows[1:] if any(map(str.strip, row)))]
    if not any(names):
        raise UnusableInputError(f"{sheet.name} has no header on its first line: take out what stands above it.")
    twice = [name for name, times in Counter(names).items() if times > 1 and not is_nameless(name)]
    if twice:
        raise UnusableInputError(f"{sheet.name} has the column {twice[0]} several times: give it once.")
    return Sample(
        sheet.name,
        {
            name: [row[position] if position < len(row) else "" for row in records]
            for position, name in enumerate(names)
            if not is_nameless(name)
        },
        record_types=types,
    )


def _record_types(rows: Sequence[Sequence[str]]) -> RecordTypes | None:
    """The words in the first cells that mark header and records, where every line has one and others stand above the header."""
    kinds = [row[0].strip() for row in rows if row]
    if not kinds or not all(map(_RECORD_TYPE.fullmatch, kinds)):
        return None
    ((body, _),) = Counter(kinds).most_common(1)
    first = kinds.index(body)
    header = kinds[first - 1]
    if (
        first < 2
        or header in kinds[: first - 1]
        or len(rows[first - 1]) != len(rows[first])
        or len(rows[0]) == len(rows[first])
    ):
        return None
    return RecordTypes(header=header, body=body)


def _of_json(path: Path) -> Sample:
    """Records under the dotted names of their fields."""
    try:
        content = path.read_text(encoding="utf-8-sig")
        given = _json_values(content)
    except (ValueError, RecursionError) as error:
        raise UnusableInputError(f"{path.name} is neither a JSON array nor one JSON record on each line.") from error
    inside = None
    if path.suffix.lower() == ".json" and len(given) == 1 and isinstance(given[0], dict):
        # One object that holds a list of others is the page that an interface answered with.
        inside, given = max(_lists(given[0]), key=lambda each: len(each[1]), default=(None, given))
    records = [each for each in given[:RECORDS] if isinstance(each, dict)]
    if not records:
        raise UnusableInputError(f"{path.name} holds no JSON record.")
    prefix = f"{inside}." if inside else ""
    flat = [{f"{prefix}{name}": value for name, value in _fields(record)} for record in records]
    names = dict.fromkeys(name for record in flat for name in record)
    most: dict[str, int] = {}
    for record in records:
        for name, elements in _arrays(record):
            most[f"{prefix}{name}"] = max(len(elements), most.get(f"{prefix}{name}", 0))
    return Sample(
        path.name,
        {name: [record.get(name, "") for record in flat] for name in names},
        is_json=True,
        records=inside,
        arrays={name: count for name, count in most.items() if count > 1},
    )


def _json_values(content: str) -> list[object]:
    try:
        value = json.loads(content)
    except ValueError:
        return [json.loads(line) for line in content.splitlines() if line.strip()]
    return value if isinstance(value, list) else [value]


def _arrays(value: object, name: str = "") -> Iterable[tuple[str, list[object]]]:
    """The arrays of a record by dotted name; of what is within one, as of its first element."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _arrays(each, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and value:
        yield name, value
        yield from _arrays(value[0], f"{name}.0")


def _lists(value: dict[str, object]) -> list[tuple[str, list[object]]]:
    """The arrays of records of an object, in no array themselves."""
    return [(name, each) for name, each in _arrays(value) if ".0" not in name and isinstance(each[0], dict)]


def _fields(value: object, name: str = "") -> Iterable[tuple[str, str]]:
    """The scalars of a record by dotted name, of an array its first; what is null is empty."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _fields(each, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        yield from (_fields(value[0], f"{name}.0") if value else ())
    else:
        yield name, "" if value is None else json.dumps(value) if isinstance(value, bool) else str(value)


def placements(sample: Sample) -> list[Placement]:
    """What each column of an export may hold; no two are placed as the same attribute."""
    found = {column: _by_name_and_values(sample, column) for column in sample.columns}
    found = _of_one_template(sample, found)
    _told_by_others(sample, found)
    return _each_once(_doubted(found))


def _by_name_and_values(sample: Sample, column: str) -> list[Candidate]:
    values = sample.filled(column)
    candidates = []
    for meaning in naming.meanings(sample.called(column)):
        if not values and meaning.sureness < _NAMED:
            continue
        share = shape.fit(meaning.attribute, values)
        likeness = _EMPTY if not values else 1.0 if share >= _MOST_FIT else _PARTLY if share >= _SOME_FIT else _UNLIKE
        sureness = meaning.sureness
        if meaning.attribute == CUSTOMER_ID and values and len(values) < _IDENTIFIED * len(sample.columns[column]):
            sureness *= _DOUBTED
        if meaning.attribute == STATUS and shape.are_statuses(values):
            sureness = max(sureness, _STATUSES)
        candidates.append(Candidate(meaning.attribute, round(sureness * likeness, 2), meaning.inverse))
    emails = [each for each in sample.columns if shape.are_emails(sample.filled(each))]
    differ = len({*values}) >= _DIFFERENT * len(values)
    if emails == [column] and differ and not any(each.attribute == "customer.email" for each in candidates):
        candidates.append(Candidate("customer.email", _ONLY_EMAILS))
    return _sorted(candidates)


def _of_one_template(sample: Sample, found: dict[str, list[Candidate]]) -> dict[str, list[Candidate]]:
    """Readers and what they are sold stand in different files: what a column would be in the other kind is left out."""
    sure = [each for candidates in found.values() for each in candidates[:1] if each.confidence >= _TELLING]
    if any(each.attribute.startswith(_OF_READERS) for each in sure):
        inverse = {column for column, candidates in found.items() if any(each.inverse for each in candidates)}
        # A plan is what its subscriptions name.
        return {
            column: _sorted(
                replace(each, attribute=PLAN_ID)
                if each.attribute in ("plan.old_id", "plan.temporary_product_id")
                else each
                for each in candidates
                if not (each.attribute == "plan.auto_renew" and column in inverse)
            )
            for column, candidates in found.items()
        }
    return {
        column: _sorted(
            replace(each, attribute="plan.old_id") if each.attribute == PLAN_ID else each
            for each in candidates
            if each.attribute.startswith(("plan.", "product.")) or each.attribute == PLAN_ID
        )
        for column, candidates in found.items()
    }


def _told_by_others(sample: Sample, found: dict[str, list[Candidate]]) -> None:
    """What a column called id or name alone is, where the other columns tell of what the export is."""
    sure = {
        candidates[0].attribute for candidates in found.values() if candidates and candidates[0].confidence >= THRESHOLD
    }
    subscribed = any(each.startswith(("subscription.", "plan.")) for each in sure)
    for column in found:
        words = frozenset(naming.words_of(sample.called(column)))
        values = sample.filled(column)
        alone = bool(values) and len({*values}) == len(values)
        told = None
        if words in ({"id"}, {"uuid"}) and alone and shape.fit(CUSTOMER_ID, values) == 1:
            if "customer.email" in sure and not subscribed and CUSTOMER_ID not in sure:
                told = CUSTOMER_ID
            elif CUSTOMER_ID in sure and subscribed and SUBSCRIPTION_ID not in sure:
                told = SUBSCRIPTION_ID
            elif {"plan.amount", "plan.interval"} <= sure and not any(each.startswith("customer.") for each in sure):
                told = "plan.old_id"
        elif words == {"name"} and not {"customer.first_name", "customer.last_name"} & sure:
            if "customer.email" in sure and values and sum(" " in each for each in values) >= len(values) / 2:
                told = FULL_NAME
            elif {"plan.amount", "plan.interval"} <= sure and not any(each.startswith("customer.") for each in sure):
                told = "plan.nickname"
        if told is not None:
            found[column] = _sorted([Candidate(told, _TOLD_BY_OTHERS), *found[column]])


def _doubted(found: dict[str, list[Candidate]]) -> dict[str, list[Candidate]]:
    """The candidates of each column, all doubted that are as near as its first, but for one that alone no other column is sure of."""
    near = {column: _near(candidates) for column, candidates in found.items()}
    told = {each.attribute: column for column, nearest in near.items() if len(nearest) == 1 for each in nearest}
    doubted = {}
    for column, candidates in found.items():
        left = [each for each in near[column] if told.get(each.attribute, column) == column]
        spared = left if len(left) == 1 else []
        doubted[column] = _sorted(
            _lowered(each) if len(near[column]) > 1 and each not in spared else each for each in candidates
        )
    return doubted


def _lowered(candidate: Candidate) -> Candidate:
    """A sure candidate that is sure no more."""
    if candidate.confidence < THRESHOLD:
        return candidate
    return replace(candidate, confidence=round(THRESHOLD * _DOUBTED, 2))


def _near(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The sure candidates that are as near as the first."""
    sure = [each for each in candidates if each.confidence >= THRESHOLD]
    return [each for each in sure if sure[0].confidence - each.confidence < _NEAR]


def _each_once(found: dict[str, list[Candidate]]) -> list[Placement]:
    """Each attribute for the column that is surest of it; where two are nearly as sure of it, for neither."""
    pending = dict(found)
    taken: dict[str, str] = {}
    while True:
        claims: dict[str, list[tuple[float, str]]] = {}
        for column, candidates in pending.items():
            if column not in taken.values() and candidates and candidates[0].confidence >= THRESHOLD:
                claims.setdefault(candidates[0].attribute, []).append((candidates[0].confidence, column))
        if not claims:
            break
        for attribute, claimed in claims.items():
            (most, winner), *others = sorted(claimed, key=lambda each: -each[0])
            contested = bool(others) and most - others[0][0] < _NEAR
            if attribute in taken:
                others = claimed
            elif not contested:
                taken[attribute] = winner
            else:
                others = claimed
            for _, column in others:
                pending[column] = _sorted([_lowered(pending[column][0]), *pending[column][1:]])
    return [
        Placement(column, tuple(each for each in candidates if each.confidence >= _LISTED))
        for column, candidates in pending.items()
    ]


def _sorted(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The surest first, each attribute once."""
    best: dict[str, Candidate] = {}
    for each in sorted(candidates, key=lambda each: -each.confidence):
        best.setdefault(each.attribute, each)
    return list(best.values())
