"""The map of a legacy system's exports to Pelcro's templates: data, one TOML file for each system.

A map names the exports that it knows by their columns, and says of each template what its attributes are made of. Its operations
are those below and no others; what a value fails on is told by attribute, step and value, and never guessed.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
import tomllib
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from importlib import resources
from pathlib import Path, PurePath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import DELIMITERS, ENCODINGS, Settings
from pelcro_pipeline.spec import ADDRESS_IDS, BY_OBJECT, TABLE_OF, TEMPLATES
from pelcro_pipeline.workspace.intake import own_file

#: A map that stands beside an extract, and wins over those that are shipped.
FILE_NAME = "source.toml"
_LARGEST = 1_000_000
STATUS = "subscription.common_metadata.service_status"
#: What pydantic finds, in the words of a map.
_SAID = {
    "extra_forbidden": "is no key of a map",
    "missing": "is missing",
    "string_type": "is a text: write it in quotation marks",
    "tuple_type": "is a list: write it in square brackets",
}
_NUMBERED = re.compile(r"^\d+-")
#: What an error repeats at most.
_REASONS_SHOWN = 5

Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    """A part of a map: it has the keys below and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _PlacedError(ValueError):
    """What is wrong beneath what is validated, by the keys that lead there."""

    def __init__(self, sentence: str, place: tuple[str | int, ...]) -> None:
        super().__init__(sentence)
        self.place = place


class Format(StrEnum):
    """What an export is written in."""

    CSV = "csv"
    JSON = "json"


class Money(StrEnum):
    """What an amount is written in: units of its currency, its smallest units, or hundredths whatever the currency."""

    MAJOR = "major"
    MINOR = "minor"
    HUNDREDTHS = "hundredths"


class RecordTypes(_Part):
    """The words in the first cell that mark an export's header and its records; other lines are its envelope."""

    header: Text
    body: Text


class Export(_Part):
    """One kind of file that the system writes, and how it is read."""

    file: Text = Field("*", description="What its files are called, as a pattern such as SUB-*.csv.")
    format: Format = Field(
        Format.CSV, description="csv (workbooks too), or json: an array, or one record on each line."
    )
    encoding: str | None = Field(None, description="Where it is always the same: utf-8, utf-16 or windows-1252.")
    delimiter: str | None = Field(None, description="Where it is always the same: one of , ; | or \\t.")
    record_types: RecordTypes | None = Field(None, description="Where the first cell says what a line is.")
    records: Text | None = Field(
        None, description="Of JSON: the dotted name of the array that holds the records, where they are not on top."
    )
    columns: tuple[Text, ...] = Field(
        min_length=1,
        description="The columns that every such export has; of JSON dotted names, in which a number counts into an array, "
        "a negative one from its end.",
    )
    optional: tuple[Text, ...] = Field(
        (), description='Columns that it may lack, or as patterns those that differ, such as "* (metadata)".'
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None and value not in ENCODINGS:
            raise ValueError(f"give one of {', '.join(ENCODINGS)}")
        return value

    @field_validator("delimiter")
    @classmethod
    def _known_delimiter(cls, value: str | None) -> str | None:
        if value not in (None, *DELIMITERS):
            raise ValueError("give one of , ; \\t |")
        return value

    def is_called(self, name: str) -> bool:
        """Whether a file of that name can be such an export.

        As a workbook it goes by what it is called as text: an annotated file is one, with a number before it where names would not keep
        their order.
        """
        if fnmatch.fnmatchcase(name, self.file):
            return True
        stem, suffix = PurePath(name).stem, PurePath(name).suffix
        names = (stem, _NUMBERED.sub("", stem)) if suffix.lower() == ".xlsx" else ()
        return any(fnmatch.fnmatchcase(each, PurePath(self.file).stem) for each in names)

    def knows(self, column: str) -> bool:
        """Whether such an export may have a column of that name."""
        return column in self.columns or any(fnmatch.fnmatchcase(column, each) for each in self.optional)

    def names_beneath(self, field: str) -> bool:
        """Whether it names what stands within a field of JSON."""
        return any(each.startswith(f"{field}.") for each in (*self.columns, *self.optional))

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it names, patterns aside."""
        return (*self.columns, *(each for each in self.optional if "*" not in each))


class Unique(_Part):
    """One record for each key: the first, or of an event feed the last by a column."""

    key: tuple[Text, ...] = Field(
        min_length=1,
        description="What makes the key: columns, or attributes of the target as they are before any step.",
    )
    keep_last_by: Text | None = Field(
        None, description="The column by which the last event stands; the first record stands if not set."
    )
    date: Text | None = Field(
        None, description="How that column is written, as in a field: dates as text would not sort across time zones."
    )


class Drop(_Part):
    """Records that are not migrated, and why."""

    column: Text
    values: tuple[str, ...] = Field(alias="in", min_length=1, description="The values; an empty one is an empty cell.")
    reason: Text = Field(description="What the ledger says of them.")


class Lookup(_Part):
    """The value that another export has for a key; of an event feed that looks into itself, its first event's."""

    export: Text = Field(alias="in", description="The export that is looked into.")
    key: Text = Field(description="Its column that holds the key.")
    value: Text = Field(description="Its column that holds the value.")


class Step(StrEnum):
    """What can fail on a value, in the order in which it is done."""

    LOOKUP = "lookup"
    MAP = "map"
    DATE = "date"
    MONEY = "money"


class Made(_Part):
    """What an attribute is made of: exactly one of from, const and sql; then steps, in their order."""

    column: Text | None = Field(None, alias="from", description="The column that holds it.")
    const: Text | None = Field(None, description="The same for all; it makes no object where nothing else is filled.")
    sql: Text | None = Field(None, description="One scalar expression of DuckDB over the export's columns.")
    lookup: Lookup | None = None
    map: dict[str, str] | None = Field(
        None, description="What each value becomes, an empty text nothing; another value is told and left out."
    )
    date: Text | tuple[Text, ...] | None = Field(
        None, description="How it is written: strptime formats, or epoch or epoch_ms."
    )
    tz: str | None = Field(
        None, description="Whose day an instant falls on, an IANA name; the extract's own time zone if not set."
    )
    money: Money | None = None
    default: Text | None = Field(None, description="What an empty cell becomes.")

    @field_validator("tz")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in zoneinfo.available_timezones():
            raise ValueError("no such time zone; give an IANA name such as America/Toronto")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Made:
        if sum(each is not None for each in (self.column, self.const, self.sql)) != 1:
            raise ValueError("give exactly one of from, const and sql")
        if self.const is not None and any(getattr(self, each) is not None for each in (*Step, "tz", "default")):
            raise ValueError("a const takes no step")
        if self.date is not None and self.money is not None:
            raise ValueError("give date or money, not both")
        if self.tz is not None and not any(map(is_instant, self.formats)):
            raise ValueError("tz needs a date that is an instant: epoch, or a format with %z")
        if len({*map(is_instant, self.formats)}) > 1:
            raise ValueError("its formats are all instants (epoch, %z), or none is")
        return self

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of its date; none where it has none."""
        return () if self.date is None else (self.date,) if isinstance(self.date, str) else self.date

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that it has, in their order."""
        return tuple(step for step in Step if getattr(self, step) is not None)


def is_instant(format_: str) -> bool:
    """Whether a date in that format is a point in time, whose day hangs on a time zone."""
    return format_.startswith("epoch") or "%z" in format_


class Target(_Part):
    """A template that records of one export fill."""

    file: Text = Field(description="The template: customers (with addresses and subscriptions), products or plans.")
    source: Text = Field(description="The export that fills it.")
    unique: Unique | None = None
    drop: tuple[Drop, ...] = ()
    fields: dict[str, Made] = Field(min_length=1, description="By attribute, what it is made of.")

    @field_validator("file")
    @classmethod
    def _known_file(cls, value: str) -> str:
        if value not in TEMPLATES:
            raise ValueError(f"give one of {', '.join(TEMPLATES)}")
        return value

    @model_validator(mode="after")
    def _own_attributes(self) -> Target:
        for name, made in self.fields.items():
            if name not in attributes(self.file) and not name.startswith(metadata_prefixes(self.file)):
                near = nearest(name, attributes(self.file))
                raise _PlacedError(f"{name} is no attribute of {self.file}{near}", ("fields", name))
            if made.lookup is not None and self.unique is not None and name in self.unique.key:
                raise ValueError(f"{name}: what is looked up can be no key")
            if made.money is not None and name != "plan.amount":
                raise ValueError(f"{name}: money is for plan.amount, which has its plan's currency")
        return self

    @property
    def folds(self) -> bool:
        """Whether its export is an event feed, of which the last event of each key stands."""
        return self.unique is not None and self.unique.keep_last_by is not None

    def object_of(self, attribute: str) -> str | None:
        """The object that an attribute fills; none for what ties objects together."""
        if attribute in TABLE_OF:
            return TABLE_OF[attribute].object
        prefixes = {table.metadata_prefix: table.object for table in TEMPLATES[self.file] if table.metadata_prefix}
        return next((object_ for prefix, object_ in prefixes.items() if attribute.startswith(prefix)), None)

    @property
    def objects(self) -> tuple[str, ...]:
        """The objects that it fills, in the guide's order."""
        found = {self.object_of(name) for name in self.fields}
        return tuple(name for name in BY_OBJECT if name in found)


def attributes(file: str) -> tuple[str, ...]:
    """What a template's fields can be called, metadata aside."""
    own = [attribute.name for table in TEMPLATES[file] for attribute in table.attributes]
    ids = [attribute.name for attribute in ADDRESS_IDS.values()] if file == "customers" else []
    return (*own, *ids)


def metadata_prefixes(file: str) -> tuple[str, ...]:
    """What a template's metadata columns begin with."""
    return tuple(table.metadata_prefix for table in TEMPLATES[file] if table.metadata_prefix)


class SourceMap(_Part):
    """The map of one system."""

    system: Text = Field(description='What extract.toml calls it: source = "...".')
    title: Text = Field(description="What people call it.")
    about: Text = Field(description="How to come by the exports, and how far public pages say what they hold.")
    assumed: tuple[Text, ...] = Field(
        (), description="Columns that no public page documents: asked about when the map is used."
    )
    asks: tuple[Text, ...] = Field(
        (), description="What only the publisher can say of such an export, each a question."
    )
    sources: dict[str, Export] = Field(
        min_length=1, description="The exports that it knows, by a name of the map's own."
    )
    target: tuple[Target, ...] = Field(min_length=1, description="The templates that they fill.")

    @model_validator(mode="after")
    def _known_columns(self) -> SourceMap:
        taken = set()
        for number, target in enumerate(self.target):
            if target.source not in self.sources:
                raise ValueError(
                    f"target {target.file} is of {target.source}, and sources has {', '.join(self.sources)}"
                )
            if (target.source, target.file) in taken:
                raise ValueError(f"{target.source} fills {target.file} twice")
            taken.add((target.source, target.file))
            place = ("target", number)
            for name, made in target.fields.items():
                if made.column is not None:
                    self._refuse_unknown(target.source, made.column, name, (*place, "fields", name))
            for column in columns_of(target):
                self._refuse_unknown(target.source, column, f"target {target.file}", place)
            for name, made in target.fields.items():
                if made.lookup is not None:
                    if made.lookup.export not in self.sources:
                        raise ValueError(f"{name} looks into {made.lookup.export}, which is not in sources")
                    for column in (made.lookup.key, made.lookup.value):
                        self._refuse_unknown(made.lookup.export, column, name, (*place, "fields", name))
        return self

    def _refuse_unknown(self, source: str, column: str, where: str, place: tuple[str | int, ...]) -> None:
        if not self.sources[source].knows(column):
            near = nearest(column, self.sources[source].named)
            raise _PlacedError(f"{where}: {source} has no column {column}{near}", place)

    def with_statuses(self, settings: Settings) -> SourceMap:
        """The map with what the publisher says of statuses that it leaves open."""
        said = dict.fromkeys(settings.active_statuses, "active") | dict.fromkeys(settings.unpaid_statuses, "unpaid")
        said |= dict.fromkeys(settings.ended_statuses, "cancelled")

        def told(target: Target) -> Target:
            made = target.fields.get(STATUS)
            if made is None or made.map is None:
                return target
            status = made.model_copy(update={"map": made.map | said})
            return target.model_copy(update={"fields": target.fields | {STATUS: status}})

        return self.model_copy(update={"target": tuple(map(told, self.target))})

    def targets(self, source: str) -> tuple[Target, ...]:
        """The templates that an export fills."""
        return tuple(target for target in self.target if target.source == source)

    def looks_up(self, source: str) -> bool:
        """Whether what an export fills is looked up in part in another, or elsewhere in itself."""
        return any(made.lookup is not None for target in self.targets(source) for made in target.fields.values())

    def source_of(self, name: str, header: Sequence[str]) -> str | None:
        """The export that a delivered file is, by name and header; none where it is none of them.

        Raises UnusableInputError where it is nearly one: what it lacks or has beyond it is named with the nearest column.
        """
        fitting = [key for key, export in self.sources.items() if export.is_called(name)]
        shared = {key: len({*header} & {*self.sources[key].columns}) for key in fitting}
        best = max(fitting, key=lambda key: shared[key] / len(self.sources[key].columns), default=None)
        if best is None or 2 * shared[best] < len(self.sources[best].columns):
            return None
        export = self.sources[best]
        missing = [column for column in export.columns if column not in header]
        unknown = [column for column in header if column.strip() and not export.knows(column)]
        said = [f"it lacks {each}{nearest(each, unknown)}" for each in missing[:_REASONS_SHOWN]]
        if export.format is not Format.JSON:
            free = [each for each in export.named if each not in header]
            said += [f"{each} is unknown{nearest(each, free)}" for each in unknown[:_REASONS_SHOWN]]
        if said:
            raise UnusableInputError(
                f"{name} is not quite what the map of {self.title} knows as {best}: {'; '.join(said)}. Export it as the map's page "
                f"says, or put the map as {FILE_NAME} beside the extract and write the column into {best}."
            )
        return best


def columns_of(target: Target) -> Iterator[str]:
    """The delivered columns that a target names, those in ``sql`` aside."""
    yield from (made.column for made in target.fields.values() if made.column is not None)
    yield from (each.column for each in target.drop)
    if target.unique is not None:
        yield from (name for name in target.unique.key if name not in target.fields)
        if target.unique.keep_last_by is not None:
            yield target.unique.keep_last_by


def nearest(name: str, known: Iterable[str]) -> str:
    """What a sentence says of the known name that comes nearest, if any does."""
    folded = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), folded, n=1)
    return f" (the nearest is {folded[found[0]]})" if found else ""


def shipped() -> dict[str, Path]:
    """The maps that come with the pipeline, by system."""
    folder = Path(str(resources.files("pelcro_pipeline.sources")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def of(folder: Path, system: str | None) -> SourceMap | None:
    """The map of an extract: the one beside it, or else the shipped one of its system; none where neither is named.

    Raises UnusableInputError for a system that no shipped map is of, and for a map that cannot be used.
    """
    path = path_of(folder, system)
    return None if path is None else load(path)


def path_of(folder: Path, system: str | None) -> Path | None:
    """Where the map of an extract stands. Raises UnusableInputError for a system that no shipped map is of."""
    own = folder / FILE_NAME
    if own.exists():
        return own_file(own)
    if system is None:
        return None
    known = shipped()
    if system.lower() not in known:
        raise UnusableInputError(
            f"extract.toml: no map of the source {system} is shipped (there are {', '.join(known)}): "
            f"name one of these, or put a map of your own beside it as {FILE_NAME}."
        )
    return known[system.lower()]


def load(path: Path) -> SourceMap:
    """The map that stands at ``path``. Raises UnusableInputError for one that is no TOML, or says what no map can."""
    if path.stat().st_size > _LARGEST:
        raise UnusableInputError(f"{path.name} holds more than {_LARGEST:,} bytes: a map is shorter.")
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")
        return SourceMap.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise UnusableInputError(f"{path.name}: {_sentence(error, text)}") from error
    except (ValueError, RecursionError) as error:
        raise UnusableInputError(f"{path.name} is not TOML: {str(error)[:200]}.") from error


def _sentence(error: ValidationError, text: str) -> str:
    reasons = []
    for each in error.errors()[:_REASONS_SHOWN]:
        said = _SAID.get(each["type"], each["msg"].removeprefix("Value error, "))
        beneath = getattr(each.get("ctx", {}).get("error"), "place", None)
        line = line_of((*each["loc"], *(beneath or ())), text)
        key = "" if beneath else next((part for part in reversed(each["loc"]) if isinstance(part, str)), "")
        place = ", ".join(filter(None, (f"line {line}" if line else "", key)))
        reasons.append(f"{place}: {said}" if place else said)
    more = error.error_count() - len(reasons)
    return "; ".join(reasons) + (f"; and {more:,} more." if more else ".")


def line_of(place: Sequence[str | int], text: str) -> int | None:
    """The line of a map on which a key stands, as deep as it can be followed; none for the map as a whole."""
    lines = text.splitlines()
    found = None
    for part in place:
        start = found or 0
        sought = re.compile(rf"""(?:^|[\s\[{{,."']){re.escape(str(part))}["']?\s*(?:=|\]|\.)""")
        if isinstance(part, int):
            heads = [number for number, line in enumerate(lines, 1) if line.strip() == "[[target]]"]
            found = heads[part] if place[0] == "target" and part < len(heads) and found is not None else found
        else:
            found = next(
                (number for number in range(start or 1, len(lines) + 1) if sought.search(lines[number - 1])), found
            )
    return found
