"""What a person who writes a map is told of it before any export is there."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from pelcro_pipeline.delivery import raw, reading, text
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.sources.select import compiled
from pelcro_pipeline.sources.source_map import SourceMap, Target, columns_of, line_of, load
from pelcro_pipeline.spec import BY_OBJECT
from pelcro_pipeline.spec.model import Attribute, Outcome, Severity


def checked(path: Path, connection: duckdb.DuckDBPyConnection) -> tuple[SourceMap, list[str]]:
    """A map that can be run, and in sentences what it leaves open: attributes that objects cannot stand without, columns that it does not use.

    Raises UnusableInputError, with the line where it can be told, for one that cannot be run.
    """
    source_map = load(path)
    for export in source_map.sources:
        try:
            compiled(connection, source_map, export, {}, Settings())
        except UnusableInputError as error:
            line = _line_of(str(error), source_map, export, path.read_text(encoding="utf-8-sig"))
            raise UnusableInputError(f"{error}{f' See line {line} of {path.name}.' if line else ''}") from error
    return source_map, [*missing(source_map), *_unused(source_map)]


def _line_of(sentence: str, source_map: SourceMap, export: str, text_of_map: str) -> int | None:
    """The line of the field that a sentence begins with, behind the system; none where it begins with none."""
    name = sentence.partition(": ")[0].rpartition(", ")[2]
    for number, target in enumerate(source_map.target):
        if target.source == export and name in target.fields:
            return line_of(("target", number, "fields", name), text_of_map)
    return None


def delivered(
    source_map: SourceMap, folder: Path, settings: Settings, connection: duckdb.DuckDBPyConnection
) -> list[str]:
    """What each file of an extract is to a map, in sentences: one of its exports, or a template's, or nothing.

    Raises UnusableInputError for a file whose columns are nearly those of an export, with the nearest column that is known.
    """
    said = []
    refused = []
    with tempfile.TemporaryDirectory() as scratch:
        for path in reading.delivered(folder, settings):
            try:
                for sheet in raw.sheets(path, Path(scratch), settings, source_map, connection):
                    if not sheet.aside:
                        header = text.header_of(sheet.path, sheet.name, sheet.delimiter).cells
                        said.append(_sentence(source_map, sheet.name, header))
            except UnusableInputError as error:
                refused.append(str(error))
    if refused:
        raise UnusableInputError(" ".join(refused))
    return said


def _sentence(source_map: SourceMap, name: str, header: list[str]) -> str:
    export = source_map.source_of(name.partition("#")[0], [cell.strip() for cell in header])
    if export is not None:
        return f"{name} is read as {export}."
    if text.recognised(header):
        return f"{name} is read as a template."
    return f"{name} is none of {', '.join(source_map.sources)}, and no template: name it under ignore in extract.toml, or map it."


def missing(source_map: SourceMap) -> list[str]:
    """The attributes without which an object that the map fills is rejected, and that nothing of it gives."""
    found = []
    for object_, table in BY_OBJECT.items():
        targets = [target for target in source_map.target if object_ in target.objects]
        # A link to another export's customer fills none.
        targets = [each for each in targets if _own(each, object_) - {table.key} or object_ != "customer"]
        if targets:
            given = {name for target in targets for name in target.fields}
            found += [
                f"No field gives {attribute.name}, and without it every {object_.replace('_', ' ')} is rejected."
                for attribute in table.attributes
                if attribute.name not in given and rejects_where_empty(attribute)
            ]
    return found


def rejects_where_empty(attribute: Attribute) -> bool:
    """Whether an object is rejected that lacks the attribute, whatever else it has."""
    return any(
        each.outcome is Outcome.EMPTY and each.severity is Severity.REJECT and (each.when is None or each.when.negated)
        for each in attribute.violations
    )


def _own(target: Target, object_: str) -> set[str]:
    return {name for name in target.fields if target.object_of(name) == object_}


def _unused(source_map: SourceMap) -> list[str]:
    found = []
    for name, export in source_map.sources.items():
        targets = source_map.targets(name)
        used = {column for target in targets for column in columns_of(target)}
        written = " ".join(made.sql for target in targets for made in target.fields.values() if made.sql is not None)
        looked_up = {
            column
            for target in source_map.target
            for made in target.fields.values()
            if made.lookup is not None and made.lookup.export == name
            for column in (made.lookup.key, made.lookup.value)
        }
        found += [
            f"{name}: every export must have the column {column}, and nothing is made of it: it could be optional."
            for column in export.columns
            if column not in used | looked_up and f'"{column}"' not in written
        ]
    return found
