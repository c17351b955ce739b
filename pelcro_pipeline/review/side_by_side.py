"""What was delivered of a customer, what is prepared and what staging holds, cell by cell."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pelcro_pipeline.review.explanation import Explanation, Place, PreparedRecord, SourceRecord
from pelcro_pipeline.spec import ADDRESS_IDS, SUBSCRIPTIONS, TABLES
from pelcro_pipeline.spec.model import Severity

#: What stands without a finding and is no default.
_DERIVED = {
    "customer.common_metadata.import_only_the_customer": "Told from whether a subscription of the customer is prepared."
}
#: An address id names an address, though a subscription's record can have it.
_OBJECT_OF_ID = {attribute.name: object_ for object_, attribute in ADDRESS_IDS.items()}
#: What a rule clears beside the attribute that it names.
_CLEARS = {
    violation.rule: violation.clears for table in TABLES for _, violation in table.violations if violation.clears
}


@dataclass(frozen=True)
class Cell:
    """One attribute of a record: where it was delivered and as what, what stands of it, and by which rule."""

    #: Of customers.csv, the first 1; None for what is in no record of it.
    record: int | None
    attribute: str
    file: str
    line: int | None
    #: The header that it was delivered under.
    column: str
    delivered: str
    prepared: str
    staged: str
    #: The rules that explain a difference, in the order of the findings; empty where none had to.
    rule: str
    why: str

    @property
    def differs(self) -> bool:
        """Whether the cell is not everywhere the same."""
        return not self.delivered == self.prepared == self.staged


def cells(explained: Explanation) -> list[Cell]:
    """Every cell of a customer that was explained with staging: its prepared records, then what is in none of them.

    What several records carry alike, the customer and an address of all its subscriptions, is told with the first.
    """
    sources = {source.place: source for source in explained.sources}
    used = {(place, object_) for record in explained.prepared for object_, place in record.made_from.items()}
    once: dict[Cell, Cell] = {}
    for record in explained.prepared:
        for cell in _of_record(record, sources):
            once.setdefault(cell if _is_of_subscription(cell) else replace(cell, record=None), cell)
    return [*once.values(), *(cell for source in explained.sources for cell in _left_behind(source, used))]


def _is_of_subscription(cell: Cell) -> bool:
    return cell.attribute.startswith(SUBSCRIPTIONS.prefix)


def state(given: list[Cell]) -> str:
    """Twelve hex digits that change with what the cells say, and not with where or in which order it was delivered."""
    records: dict[int, list[tuple[str, ...]]] = defaultdict(list)
    for each in given:
        if each.record is not None:
            records[each.record if _is_of_subscription(each) else 0].append(
                (each.attribute, each.delivered, each.prepared, each.staged)
            )
    return hashlib.sha256(repr(sorted(map(sorted, records.values()))).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class _Delivered:
    """What was delivered of an attribute, the record that has it, and the findings on that."""

    source: SourceRecord | None = None
    headers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    findings: tuple[tuple, ...] = ()


def _of_record(record: PreparedRecord, sources: Mapping[Place, SourceRecord]) -> Iterator[Cell]:
    stands = {name: held for name, *held in record.values}
    delivered = {
        cell.attribute: None
        for object_, place in record.made_from.items()
        for cell in sources[place].cells
        if cell.attribute and _object_of(cell.attribute) == object_
    }
    for name in stands | delivered:
        found = _delivered(name, sources.get(record.made_from.get(_object_of(name))))
        if filler := _filler(name, sources):
            filling = _delivered(name, filler)
            found = replace(found if found.texts else filling, findings=found.findings + filling.findings)
        yield _explained(record.number, name, found, *stands.get(name, ("", "")))


def _object_of(attribute: str) -> str | None:
    """The object that an attribute, or a column of metadata, belongs to."""
    own = [table.object for table in TABLES if attribute.startswith(table.prefix)]
    return _OBJECT_OF_ID.get(attribute) or (own[0] if own else None)


def _delivered(name: str, source: SourceRecord | None) -> _Delivered:
    if source is None:
        return _Delivered()
    own = [cell for cell in source.cells if cell.attribute == name]
    findings = [
        finding
        for finding in (*source.findings, *source.of_file)
        for object_, attribute, rule, *_ in [finding]
        if object_ in (_object_of(name), None) and (attribute == name or name in _CLEARS.get(rule, ()))
    ]
    return _Delivered(source, tuple(each.header for each in own), tuple(each.text for each in own), tuple(findings))


def _filler(name: str, sources: Mapping[Place, SourceRecord]) -> SourceRecord | None:
    """The later record of a customer that filled what its first leaves empty (CUS-FILLED)."""
    return next(
        (
            source
            for source in sources.values()
            for _, attribute, rule, *_ in source.findings
            if attribute == name and rule == "CUS-FILLED"
        ),
        None,
    )


def _explained(record: int, name: str, delivered: _Delivered, prepared: str, staged: str) -> Cell:
    text = " | ".join(delivered.texts)
    if delivered.findings:
        why = " ".join(dict.fromkeys(f"{severity}: {message}" for _, _, _, severity, *_, message in delivered.findings))
    elif text == prepared:
        why = ""
    elif not text:
        why = _DERIVED.get(name, "Nothing was delivered: the default stands.")
    elif not prepared:
        why = "It says nothing, and is read as empty."
    else:
        why = "The same, in the form that Pelcro takes."
    place = delivered.source.place if delivered.source and (text or delivered.findings) else None
    return Cell(
        record=record,
        attribute=name,
        file=place.file if place else "",
        line=place.line if place else None,
        column=" | ".join(delivered.headers),
        delivered=text,
        prepared=prepared,
        staged=staged,
        rule=", ".join(dict.fromkeys(rule for _, _, rule, *_ in delivered.findings)),
        why=why,
    )


def _left_behind(source: SourceRecord, used: set[tuple[Place, str]]) -> Iterator[Cell]:
    """What of a delivered record is in no prepared one: its objects, what a rule says of these, and columns of no template."""
    at = (source.place.file, source.place.line)
    aside = [each for each in source.dispositions if (source.place, each[0]) not in used]
    for object_, key, disposition, rule, detail in aside:
        why = f"{disposition.capitalize()}{f': {detail}' if detail else ''}."
        yield Cell(None, object_.replace("_", " "), *at, "", key or "", "", "", rule or "", why)
        for of, attribute, of_rule, severity, value, *_, message in source.findings:
            if of == object_ and attribute and severity != Severity.REJECT and of_rule != "CUS-FILLED":
                yield Cell(None, attribute, *at, "", value or "", "", "", of_rule, f"{severity}: {message}")
    for cell in source.cells:
        if cell.attribute is None:
            yield Cell(None, "", *at, cell.header, cell.text, "", "", "", "Of no template: kept in the archive.")
