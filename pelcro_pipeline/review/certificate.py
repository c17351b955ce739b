"""The certificate: a second program's word that what is prepared is what was delivered, less what ledger and findings tell.

It shares nothing with what it checks but the attributes' names and kinds; records and cells are read by ``second_reading``. It
takes the delivered files, ``findings.csv``, ``ledger.csv`` and the prepared files as they lie, and proves that

1. every object of every delivered record has one row of the ledger, which names nothing else; what is rejected has a finding or
   a root cause that fell too; what is merged went into a prepared object that says the same, or has a finding;
2. the delivered objects that the ledger calls prepared, each cell in canonical form or as its finding says, are the prepared
   ones, cell by cell and as often: nothing is lost, doubled, altered, added, or moved to another customer or address;
3. prices, copies and shipments remaining come to the same from either side, by currency.

Of the prepared files the places of their records are kept, so that a million fit: each delivered record looks up what is
prepared of it, and claims it. From the manifest come facts of files and columns, of no record: delimiter, the attribute of each
header, words for nothing, the order of dates, the settings.

What it cannot see: whether those were told rightly; whether a finding is right, or a question was left out (a finding's result
is believed, a rejection by it too); an exclusion by the customer's flag, or as FILE-NO-RECORD; what one finding without a single
result says of the many cells that it stands for (they need only be in an accepted form); what a correction or an answer says, which is believed; which of its own customer's addresses
a subscription has, where its record brings none and ids tell them apart; what a source's map makes of an export, whose records
are taken as it has made them; an assigned id, which is the ledger's; the order of the
prepared records.
"""

from __future__ import annotations

import csv
import functools
import glob
import itertools
import json
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pelcro_pipeline.review import second_reading
from pelcro_pipeline.review.second_reading import as_iso, as_template, in_cents, in_country, is_accepted
from pelcro_pipeline.spec import ADDRESS_IDS, ATTRIBUTES, BY_OBJECT, CUSTOMER_ID, SECRETS, TABLES, Table

#: Differences that are told; beyond them they are counted.
MOST_TOLD = 1_000
#: Each prepared file and the objects of its records: of the first there is one for all records of its key.
_PREPARED = {
    "plans": ("plan",),
    "products": ("product",),
    "products_and_plans": ("product", "plan"),
    "customers": ("customer", *ADDRESS_IDS, "subscription"),
}
_META = "subscription.common_metadata."
_PLAN, _START_NOW, _STATUS = (_META + each for each in ("temporary_plan_id", "start_now", "service_status"))
_END, _QUANTITY, _SHIPMENTS = (f"subscription.{n}" for n in ("current_period_end", "quantity", "shipments_remaining"))
_PASSWORD, _SCHEME = "customer.password", "customer.common_metadata.password_encryption"
#: Derived anew of what is prepared, without a finding: 0 where the customer has a subscription, else 1.
_IMPORT_ONLY = "customer.common_metadata.import_only_the_customer"
#: Whose an object is, and what is derived: looked at beside its cells.
_BESIDE = {CUSTOMER_ID, _IMPORT_ONLY, *(attribute.name for attribute in ADDRESS_IDS.values())}
#: Findings of another record's value, which stands.
_OF_ANOTHER = ("CUS-FILLED", "CUS-CONFLICT")
#: What stands in a delivered folder and holds no records.
_NO_RECORDS = (
    "extract.toml",
    "source.toml",
    "cards.*",
    "password_samples.csv",
    "answers.csv",
    "questions.xlsx",
    "corrections*.*",
    "sample*.*",
    "going_live.csv",
)
_NO_RECORDS += ("~$*", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX")

Place = tuple[str, int | None]


class Difference(NamedTuple):
    """What does not hold, in a sentence, and where: a row of certificate.csv."""

    file: str
    line: int | None
    object: str
    attribute: str
    difference: str


@dataclass
class Verdict:
    """What was checked, and what does not hold: of the differences ``found`` the first are told."""

    records: int = 0
    objects: int = 0
    cells: int = 0
    totals: int = 0
    found: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return self.found == 0

    def differ(self, place: Place, object_: str, attribute: str, sentence: str) -> None:
        self.found += 1
        if len(self.differences) < MOST_TOLD:
            self.differences.append(Difference(*place, object_, attribute, sentence))


class _Finding(NamedTuple):
    rule: str
    severity: str
    result: str


def _owner(name: str) -> str | None:
    return next((table.object for table in TABLES if name.startswith(table.prefix)), None)


class _Decided(NamedTuple):
    """What the ledger says that a publisher has decided of an object: words by question, and the attributes that were corrected."""

    answers: dict[str, str]
    corrected: set[str]

    @property
    def rules(self) -> set[str]:
        return {question.rpartition("-")[0] for question in self.answers}


_UNDECIDED = _Decided({}, set())


class _Held(NamedTuple):
    """An object of a prepared file: its record's number, line and cells, its own id, and its cells by attribute."""

    number: int
    line: int
    record: list[str]
    id: str
    cells: dict[str, str]


class _Prepared:
    """A prepared file: where the records of a customer, product or plan stand, and what of it nothing delivered has claimed."""

    def __init__(self, path: Path, objects: tuple[str, ...], verdict: Verdict) -> None:
        self.name, self.objects, self.verdict, self.file = path.name, objects, verdict, path.open("rb")
        _, _, self.header = next(self._records(0, 1))
        at = {name: position for position, name in enumerate(self.header)}
        columns = {each: [name for name in at if _owner(name) == each] for each in objects}
        self.columns = {each: (names, itemgetter(*map(at.get, names))) for each, names in columns.items()}
        #: What tells the addresses of a customer apart.
        self.ids = {each: at[column.name] for each, column in ADDRESS_IDS.items() if column.name in at}
        self.key = at[BY_OBJECT[objects[0]].key]
        self.places, self.lines, self.unclaimed, self.first = array("Q"), array("Q"), bytearray(), {}
        self.by_plan: dict[str, list[int]] = {}
        self.group = functools.lru_cache(10_000)(self._group)
        records = itertools.islice(self._records(0, 1), 1, None)
        for key, group in itertools.groupby(records, key=lambda each: each[2][self.key]):
            if self.first.setdefault(key, len(self.places)) < len(self.places):
                verdict.differ((self.name, None), objects[0], self.header[self.key], f"Records of {key!r} stand apart.")
            rows = []
            for place, line, record in group:
                rows.append((len(self.places), line, record))
                self.places.append(place)
                self.lines.append(line)
                if "subscription" in objects and record[at[_PLAN]]:
                    _add(self.by_plan, *(record[at[name]] for name in (_PLAN, _QUANTITY, _SHIPMENTS)))
            self.unclaimed.extend(bytes(len(rows)))
            for bit, held in enumerate(self._objects(rows, index=True).values()):
                for each in held:
                    self.unclaimed[each.number] |= 1 << bit

    def _records(self, place: int, line: int) -> Iterator[tuple[int, int, list[str]]]:
        """Each record from a place on: the byte that it begins with, its line and its cells."""
        self.file.seek(place)
        while raw := self.file.readline():
            while raw.count(b'"') % 2 and (more := self.file.readline()):
                raw += more
            yield place, line, next(csv.reader([raw.decode()]))
            place, line = place + len(raw), line + raw.count(b"\n")

    def _group(self, key: str) -> dict[str, list[_Held]]:
        """The objects of one customer, product or plan."""
        if key not in self.first:
            return {}
        first = self.first[key]
        records = self._records(self.places[first], self.lines[first])
        group = itertools.takewhile(lambda each: each[2][self.key] == key, records)
        return self._objects([(first + n, line, record) for n, (_, line, record) in enumerate(group)])

    def objects_at(self, number: int) -> dict[str, list[_Held]]:
        """The objects of one record."""
        _, line, record = next(self._records(self.places[number], self.lines[number]))
        return self._objects([(number, line, record)])

    def _objects(self, rows: list[tuple[int, int, list[str]]], *, index: bool = False) -> dict[str, list[_Held]]:
        held: dict[str, list[_Held]] = {each: [] for each in self.objects}
        for number, line, record in rows:
            for object_, (names, of) in self.columns.items():
                cells = dict(zip(names, of(record), strict=True))
                if not any(cells.values()):
                    continue
                id_ = record[self.ids[object_]] if object_ in self.ids else ""
                is_one = object_ == self.objects[0] or object_ in ADDRESS_IDS
                same = next((each for each in held[object_] if each.id == id_), None) if is_one else None
                if same is None:
                    held[object_].append(_Held(number, line, record, id_, cells))
                elif index and cells != same.cells:
                    name = next(name for name in cells if cells[name] != same.cells[name])
                    sentence = f"{self.name}:{line} holds another value than line {same.line}."
                    self.verdict.differ((self.name, line), object_, name, sentence)
        return held


class _Part:
    """An object's cells in a delivered file, by the columns that are prepared of it."""

    def __init__(self, table: Table, names: list[str], file: dict, rolled: dict, settings: dict) -> None:
        self.object, self.key, self.names = table.object, table.key, [each for each in names if each not in _BESIDE]
        self.at = {name: at for at, name in enumerate(self.names)}
        self.rolled = {name: rolled[name] for name in self.names if name in rolled}
        self.flags = [name in ATTRIBUTES and ATTRIBUTES[name].kind.name.startswith("boolean") for name in self.names]
        self.readings = [
            (self.at[column["attribute"]], column["position"], second_reading.reading(column, file, settings))
            for column in file["columns"]
            if column["attribute"] in self.at
        ]

    def cells(self, row: list[str]) -> list[str]:
        """What a record's cells say: of a header that is named twice, the filled one."""
        cells = [""] * len(self.names)
        for at, position, read in self.readings:
            if row[position] and not cells[at]:
                cells[at] = read(row[position])
        return cells

    def is_held(self, cells: list[str]) -> bool:
        return any(cell and not (flag and cell == "0") for cell, flag in zip(cells, self.flags, strict=True))


class _Object(NamedTuple):
    """An object that was delivered: where, its customer's id, its own address ids, its cells, and what became of its record's objects."""

    place: Place
    part: _Part
    customer: str
    ids: dict[str, str]
    cells: list[str]
    fates: dict[str, str]

    def value(self, name: str) -> str:
        return self.cells[self.part.at[name]] if name in self.part.at else ""

    def likeness(self, held: _Held) -> float:
        """How many of its filled cells another one has, of 1."""
        filled = [(name, cell) for name, cell in zip(self.part.names, self.cells, strict=True) if cell]
        return sum(held.cells[name] == cell for name, cell in filled) / len(filled) if filled else 0


class _Proof:
    """The files of an extract, read against each other."""

    def __init__(
        self, delivered: Path, manifest: Path, reports: Path, prepared: Path, made: Mapping[str, Path]
    ) -> None:
        told = json.loads(manifest.read_text(encoding="utf-8"))
        self.made = made
        self.looked_into = told["looked_into"]
        self.folder, self.files, self.settings, self.verdict = delivered, told["files"], told["settings"], Verdict()
        self.prepared = [
            _Prepared(prepared / f"{name}.csv", objects, self.verdict) for name, objects in _PREPARED.items()
        ]
        self.unfilled: dict[tuple[str, str], Place] = {}
        self.unmatched: dict[tuple[str, str], list[_Object]] = defaultdict(list)
        self.by_plan: dict[str, list[int]] = {}
        self.prices: dict[str, tuple[str, str]] = {}
        self.findings: dict[Place, dict[str, list[_Finding]]] = {}
        self.rolled: dict[str, dict[str, list[_Finding]]] = defaultdict(dict)
        for file, line, _, _, attribute, rule, severity, _, result, *_ in second_reading.rows(reports / "findings.csv"):
            of = (
                self.findings.setdefault((second_reading.plain(file), int(line)), {})
                if line
                else self.rolled[second_reading.plain(file)]
            )
            of.setdefault(attribute, []).append(_Finding(rule, severity, second_reading.plain(result)))
        self.fates: dict[str, dict[int, tuple]] = defaultdict(dict)
        self.into: dict[tuple[str, int, str], tuple[str, int, str]] = {}
        self.assigned: dict[Place, str] = {}
        #: What a publisher has decided of an object, and what its answers by value say.
        self.decided: dict[tuple[str, int, str], _Decided] = {}
        self.values = {each["question"]: each["value"] for each in told["answers"] if each["answer"] == "value"}
        self.answered = {each["question"].rpartition("-")[0] for each in told["answers"]}
        self.same_customers = told["same_customers"]
        same: dict[tuple, tuple] = {}
        for file, at, object_, key, disposition, rule, detail in second_reading.rows(reports / "ledger.csv"):
            name, line = second_reading.plain(file), int(at)
            fates = (*self.fates[name].get(line, ()), (object_, disposition, rule))
            self.fates[name][line] = same.setdefault(fates, fates)
            if object_ == "customer" and key.startswith("gen-"):
                self.assigned[name, line] = key
            if detail and (other := re.match(r"(?:into|\S+ on (.+?) at) (.+?):(\d+)(?:; |$)", detail)):
                self.into[name, line, object_] = (other[2], int(other[3]), (other[1] or object_).replace(" ", "_"))
            if "answered: " in detail or "corrected: " in detail:
                self.decided[name, line, object_] = _Decided(
                    dict(re.findall(r"([A-Z-]+-[0-9a-f]{12}) ([^,;]+)", detail)),
                    {each for words in re.findall(r"corrected: ([^;]+)", detail) for each in words.split(", ")},
                )

    def run(self) -> Verdict:
        names = {file["name"].partition("#")[0] for file in (*self.files, *self.looked_into)}
        for path in sorted(self.folder.iterdir()):
            ignored = (*_NO_RECORDS, *map(glob.escape, self.settings["ignore"]))
            if path.name not in names and not any(fnmatchcase(path.name, each) for each in ignored):
                self.verdict.differ((path.name, None), "", "", "It was delivered and not read.")
        for file in self.files:
            self._read(file)
        for file in self.fates.keys() - {each["name"] for each in self.files}:
            self.verdict.differ((file, None), "", "", "The ledger names a file that was not delivered.")
        for (customer, name), place in self.unfilled.items():
            self.verdict.differ(
                place, "customer", name, f"A value is prepared of {customer!r}, and none was delivered."
            )
        for prepared in self.prepared:
            self._pair(prepared)
        self._add_up()
        return self.verdict

    def _read(self, file: dict) -> None:
        """Read a delivered file: each object has one fate, and one that is prepared stands in the prepared files."""
        name, columns, fates = file["name"], file["columns"], self.fates.get(file["name"], {})
        attributes = {column["attribute"] for column in columns if column["attribute"]}
        here = [table for table in TABLES if any(each.startswith(table.prefix) for each in attributes)]
        if {each for each in attributes if each.startswith("customer.")} == {CUSTOMER_ID} and len(here) > 1:
            here.remove(BY_OBJECT["customer"])
        prepared = {
            table.object: [n for each in self.prepared for n in each.header if _owner(n) == table.object]
            for table in here
        }
        rolled, settings = self.rolled.get(name, {}), self.settings
        parts = [_Part(table, list(dict.fromkeys(prepared[table.object])), file, rolled, settings) for table in here]
        alone = {"customer"} | (
            {"product", "plan"} if len({"product", "plan"} & {table.object for table in here}) == 1 else set()
        )
        if file["made_of"]:
            # A record that a source's map reads may stand in one template and not in another.
            alone = set()
        beside = [
            (c["attribute"], c["position"], second_reading.reading(c, file, settings))
            for c in columns
            if not any(c["attribute"] in part.at for part in parts)
        ]
        for attribute in sorted(each for each, *_ in beside if each and each not in _BESIDE):
            self.verdict.differ((name, None), "", attribute, "Its column is not prepared.")
        needed = 1 + max(column["position"] for column in columns if not column["ghost"])
        records = (
            second_reading.mapped(file, self.made[name])
            if file["made_of"]
            else second_reading.records(self.folder / name.partition("#")[0], file, settings["encoding"])
        )
        left_out = second_reading.left_out(file)
        if next(records)[1] != [column["header"] for column in columns]:
            self.verdict.differ((name, None), "", "", "Its header is not the one that was read.")
        unnamed = set(fates)
        for line, cells in records:
            place, own = (name, line), fates.get(line, ())
            unnamed.discard(line)
            self.verdict.records += 1
            row = cells + [""] * (len(columns) - len(cells))
            said = {attribute: read(row[position]) for attribute, position, read in beside if row[position]}
            is_ragged = len(cells) < needed or any(map(str.strip, cells[len(columns) :]))
            held = [(part, part.cells(row)) for part in parts]
            if (
                own == (("", "excluded", "FILE-NO-RECORD"),)
                and "FILE-NO-RECORD" in {*self._rules(place), *self.answered}
            ) or not any(map(str.strip, cells)):
                held = []
            elif not is_ragged:
                says = any(any(each) for _, each in held) or any(said.values())
                held = [(part, each) for part, each in held if says and (part.object in alone or part.is_held(each))]
            delivered = [*(part.object for part, _ in held), *left_out.pop(line, [])] or [""]
            named = [each for each, _, _ in own]
            self.verdict.objects += len(delivered)
            if delivered != named:
                for each in (Counter(delivered) - Counter(named)).elements():
                    self.verdict.differ(place, each, "", "It was delivered, and has no row in the ledger.")
                for each in (Counter(named) - Counter(delivered)).elements():
                    self.verdict.differ(place, each, "", "The ledger names it more often than it was delivered.")
            customer = said.get(CUSTOMER_ID, "")
            customer = self.same_customers.get(customer, customer)
            if not customer and place in self.assigned and "CUS-ID-MISSING" in self._rules(place):
                customer = self.assigned[place]
            ids = {each: said.get(attribute.name, "") for each, attribute in ADDRESS_IDS.items()}
            dispositions = {each: disposition for each, disposition, _ in own}
            rules = {each: rule for each, _, rule in own}
            for part, values in held:
                self._complete(part, values)
                if part.object in dispositions:
                    self._judge(
                        _Object(place, part, customer, ids, values, dispositions), rules[part.object], is_ragged
                    )
        for line, delivered in left_out.items():
            unnamed.discard(line)
            if sorted(delivered) != sorted(each for each, _, _ in fates.get(line, ())):
                self.verdict.differ((name, line), "", "", "The ledger does not name what the source's map left out.")
        for line in sorted(unnamed):
            self.verdict.differ((name, line), "", "", "The ledger names a record that was not delivered.")

    def _complete(self, part: _Part, values: list[str]) -> None:
        """What an empty cell says without a finding, and an amount in units by its plan's currency."""
        if part.object == "product":
            values[part.at["product.active"]] = values[part.at["product.active"]] or "1"
        elif part.object == "plan":
            currency = values[part.at["plan.currency"]] or self.settings["currency"] or ""
            values[part.at["plan.currency"]] = currency
            if self.settings["amounts"] == "units":
                values[part.at["plan.amount"]] = in_cents(values[part.at["plan.amount"]], currency)

    def _rules(self, place: Place) -> set[str]:
        """The rules of the findings at a record, and of those that stand for many of its file."""
        found = (*self.findings.get(place, {}).values(), *self.rolled.get(place[0], {}).values())
        return {finding.rule for findings in found for finding in findings}

    def _judge(self, own: _Object, rule: str, is_ragged: bool) -> None:
        """Whether an object's fate has a reason, and what is prepared of it is what was delivered."""
        disposition, at, values = own.fates[own.part.object], own.part.at, own.cells
        other = self.into.get((*own.place, own.part.object), ("", 0, ""))
        fates = {each: fate for each, fate, _ in self.fates.get(other[0], {}).get(other[1], ())}
        wrong = ""
        if rule == "REL-CLOSURE" and fates.get(other[2]) not in ("rejected", "excluded"):
            wrong = "is rejected with another object, which is not"
        elif disposition == "rejected" and rule not in {
            "REL-CLOSURE",
            *self._rules(own.place),
            *self._decided(own).rules,
        }:
            wrong = f"is rejected by {rule}, and there is no such finding"
        elif rule == "SUB-NOT-MIGRATED" and values[at[_STATUS]].lower() not in ("cancelled", "canceled", "expired"):
            wrong = "is excluded by its status, which is another"
        elif (
            rule == "SUB-EXPIRED"
            and not as_iso(values[at[_END]], self.settings["template_date_format"]) < self.settings["migration_date"]
        ):
            wrong = "is excluded for the end of its period, which is to come"
        elif disposition in ("prepared", "merged") and is_ragged:
            wrong = f"is {disposition}, and its record is ragged"
        elif disposition == "merged" and fates.get(other[2]) != "prepared":
            wrong = f"is merged into {other[0]}:{other[1]}, which is not prepared"
        if wrong:
            self.verdict.differ(own.place, own.part.object, "", f"It {wrong}.")
        elif disposition in ("prepared", "merged"):
            for prepared in self.prepared:
                if own.part.object in prepared.objects:
                    self._find(own, disposition == "merged", prepared)

    def _decided(self, own: _Object) -> _Decided:
        return self.decided.get((*own.place, own.part.object), _UNDECIDED)

    def _find(self, own: _Object, is_merged: bool, prepared: _Prepared) -> None:
        """Find a delivered object in a prepared file, which it claims unless it is merged."""
        object_, key = own.part.object, own.part.key
        bit, id_ = 1 << prepared.objects.index(object_), own.ids.get(object_, "")
        of = own.customer if prepared.objects[0] == "customer" else own.value(prepared.header[prepared.key])
        group = prepared.group(of)
        candidates = [each for each in group.get(object_, ()) if is_merged or prepared.unclaimed[each.number] & bit]
        if key in own.part.at:
            candidates = [each for each in candidates if each.cells[key] == own.value(key)]
        elif id_ or not is_merged:
            candidates = [each for each in candidates if each.id == id_]
        held, differences = None, {}
        for each in candidates:
            told = self._differences(own, each, is_merged)
            # Among those without an id only the same is the same.
            if not told or (held is None and (key not in own.part.at or own.value(key))):
                held, differences = each, told
            if not told:
                break
        if held is None and is_merged:
            differences = {"": "It is merged into an object that is not prepared"}
        elif held is None:
            self.unmatched[prepared.name, object_].append(own)
        elif not is_merged:
            prepared.unclaimed[held.number] &= ~bit
            differences |= self._beside(own, held, group, prepared)
        for attribute, sentence in differences.items():
            at = f"{prepared.name} line {held.line}" if held else prepared.name
            self.verdict.differ(own.place, object_, attribute, f"{sentence} ({at}).")
        if object_ in ("plan", "subscription") and not is_merged and prepared.name in ("customers.csv", "plans.csv"):
            counted = ("plan.currency", "plan.amount") if object_ == "plan" else (_QUANTITY, _SHIPMENTS)
            stands = (held.cells[n] if held and n not in differences else own.value(n) for n in counted)
            if object_ == "plan":
                self.prices[own.value(key)] = tuple(stands)
            else:
                _add(self.by_plan, own.value(_PLAN), *stands)

    def _differences(self, own: _Object, held: _Held, is_merged: bool) -> dict[str, str]:
        """A sentence for each attribute of which neither what was delivered stands nor what a finding says."""
        told, rolled, differences = self.findings.get(own.place, {}), own.part.rolled, {}
        self.verdict.cells += len(own.cells)
        for name, value in zip(own.part.names, own.cells, strict=True):
            stands = held.cells[name]
            if stands == value and name not in told and name not in rolled:
                continue
            if not self._may_stand(own, held, name, value, is_merged):
                shown = (stands[:60], value[:60]) if name not in SECRETS else ("***", "***")
                sentence = "It is prepared as {!r}, where {!r} was delivered and no finding says so"
                differences[name] = sentence.format(*shown)
        return differences

    def _may_stand(self, own: _Object, held: _Held, name: str, value: str, is_merged: bool) -> bool:
        """Whether what is prepared of a cell is what was delivered, or what a finding says of it."""
        stands, told, may = held.cells[name], self.findings.get(own.place, {}), set()
        decided = self._decided(own)
        if name in decided.corrected or (
            is_merged and decided.rules & {"CUS-CONFLICT", "ADR-CONFLICT", "ADR-ID-CONFLICT"}
        ):
            return True
        if stands in (
            read(self.values[each]) for each in decided.answers if each in self.values for read in (str, str.lower)
        ):
            return True
        rolled = [each for each in own.part.rolled.get(name, ()) if not each.rule.startswith("FILE-")]
        rules = {each.rule for each in (*told.get(name, ()), *rolled)}
        country = held.cells.get(re.sub("_(state|zip)$", "_country", name), "")
        value = in_country(name, value, country)
        accepted = is_accepted(name, value, country) and not (name == _SCHEME and rolled)
        if decided.answers and not accepted and is_accepted(name, stands, country):
            return True
        found = [each for each in told.get(name, ()) if each.rule not in _OF_ANOTHER]
        if name == _PASSWORD:
            found = [each for each in (*found, *told.get(_SCHEME, ())) if each.severity == "clear"]
        if any(each.severity == "clear" for each in found):
            may = {""}
        elif any(each.result for each in found):
            may = {
                as_template(name, each.result, self.settings["template_date_format"]) for each in found if each.result
            }
        else:
            may = {value, *("" for each in rolled if each.severity == "clear")}
            for each in rolled:
                if each.severity == "repair" and each.rule not in _OF_ANOTHER and not accepted:
                    may.add(each.result or (stands if is_accepted(name, stands, country) else value))
        if name == _END and own.value(_START_NOW) == "1" and not accepted:
            may.add("")
        if name == _SCHEME and not own.value(_PASSWORD):
            # A password that another record brings comes with its scheme.
            may.add("")
        if own.part.object != "customer":
            return stands in may or (is_merged and bool(self._rules(own.place) & {"ADR-CONFLICT", "ADR-ID-CONFLICT"}))
        if not is_merged and stands and "" in may and stands not in may:
            # Another record of the customer is to bring it.
            self.unfilled[own.customer, name] = own.place
            return True
        if not is_merged or stands in may:
            if "CUS-FILLED" in rules:
                self.unfilled.pop((own.customer, name), None)
            return stands in may
        first = self.findings.get(self.into[(*own.place, "customer")][:2], {}).get(name, ())
        return (
            "" in may
            or "CUS-CONFLICT" in rules
            or (name == "customer.email" and stands.lower() in map(str.lower, may))
            or any(each.severity == "clear" for each in first)
        )

    def _beside(self, own: _Object, held: _Held, group: dict[str, list[_Held]], prepared: _Prepared) -> dict[str, str]:
        """What does not hold between an object and what is prepared beside it."""
        if own.part.object == "customer" and (held.cells[_IMPORT_ONLY] == "0") != bool(group["subscription"]):
            return {_IMPORT_ONLY: "It does not say whether a subscription of the customer is prepared"}
        differences = {}
        for address in ADDRESS_IDS if own.part.object == "subscription" else ():
            fate, id_, at = own.fates.get(address), own.ids[address], prepared.ids.get(address)
            carries = any(prepared.columns[address][1](held.record))
            is_own = fate == "prepared" or (fate == "merged" and (id_ or at is None))
            if (
                (is_own and (not carries or (at is not None and held.record[at] != id_)))
                or (fate == "rejected" and carries)
                or (fate is None and at is None and carries != bool(group[address]))
            ):
                differences[address] = "It is prepared with another address than its record or its customer brings"
        return differences

    def _pair(self, prepared: _Prepared) -> None:
        """Tell what of a prepared file nothing delivered has claimed, beside what was delivered and is most like it."""
        for number in (at for at, bits in enumerate(prepared.unclaimed) if bits):
            at = prepared.name, prepared.lines[number]
            for bit, (object_, held) in enumerate(prepared.objects_at(number).items()):
                if not prepared.unclaimed[number] & 1 << bit:
                    continue
                missing = self.unmatched[prepared.name, object_]
                own = max(missing[:MOST_TOLD], key=lambda each: each.likeness(held[0]), default=None)
                if own is None or own.likeness(held[0]) < 0.5:
                    self.verdict.differ(at, object_, "", "It was not delivered, or not so often.")
                    continue
                missing.remove(own)
                differences = self._differences(own, held[0], False)
                if prepared.objects[0] == "customer" and own.customer != held[0].record[prepared.key]:
                    differences[CUSTOMER_ID] = "It is prepared of another customer"
                if own.ids.get(object_, "") != held[0].id:
                    differences[ADDRESS_IDS[object_].name] = "It is prepared with another id"
                for attribute, sentence in differences.items():
                    self.verdict.differ(own.place, object_, attribute, f"{sentence} ({at[0]} line {at[1]}).")
        for object_ in prepared.objects:
            for own in self.unmatched[prepared.name, object_]:
                self.verdict.differ(own.place, object_, "", f"The ledger calls it prepared; {prepared.name} lacks it.")

    def _add_up(self) -> None:
        """Compare the totals of either side, by currency."""
        plans, _, _, customers = self.prepared
        cells = {key: plans.group(key)["plan"][0].cells for key in plans.first}
        stands = _totals(customers.by_plan, {key: (c["plan.currency"], c["plan.amount"]) for key, c in cells.items()})
        came = _totals(self.by_plan, self.prices)
        for currency, attribute in sorted({*stands, *came}):
            self.verdict.totals += 1
            if (sums := (stands[currency, attribute], came[currency, attribute]))[0] != sums[1]:
                sentence = f"In {currency} it comes to {sums[0]:,}, where {sums[1]:,} was delivered."
                self.verdict.differ((customers.name, None), "subscription", attribute, sentence)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _add(by_plan: dict[str, list[int]], plan: str, quantity: str, shipments: str) -> None:
    """Add a subscription to the sums of its plan: how many, copies, shipments remaining."""
    sums = by_plan.setdefault(plan, [0, 0, 0])
    sums[:] = sums[0] + 1, sums[1] + _number(quantity), sums[2] + _number(shipments)


def _totals(by_plan: dict[str, list[int]], prices: dict[str, tuple[str, str]]) -> Counter:
    """The prices, copies and shipments remaining of the subscriptions, by currency and attribute."""
    totals: Counter = Counter()
    for plan, (subscriptions, quantity, shipments) in by_plan.items():
        currency, amount = prices.get(plan, ("no currency", ""))
        totals[currency, "plan.amount"] += subscriptions * _number(amount)
        totals[currency, _QUANTITY] += quantity
        totals[currency, _SHIPMENTS] += shipments
    return totals


def certify(
    delivered: Path, manifest: Path, reports: Path, prepared: Path, made: Mapping[str, Path] = MappingProxyType({})
) -> Verdict:
    """Check the prepared files against what was delivered, by the findings and the ledger among ``reports``.

    ``made`` is Parquet of what a source's map has made of a file, by the file's name.
    """
    return _Proof(delivered, manifest, reports, prepared, made).run()
