"""Exports of a legacy system as they come: JSON, and text with an envelope, as text of one row for each record."""

from __future__ import annotations

import csv
import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.sources.source_map import Export, Format, RecordTypes, SourceMap, nearest
from pelcro_pipeline.spec.sql import literal, quoted

#: What a JSON export's name ends in.
_JSON = (".json", ".jsonl", ".ndjson")
#: Bytes of one JSON record; a million of them come one after the other.
_LARGEST_RECORD = 64_000_000
#: Columns that an error repeats at most.
_SHOWN = 5


class Rows(NamedTuple):
    """Where the text stands, and the number of each of its rows in the delivered file, the header's first."""

    path: Path
    numbers: list[int]


def exports_of(name: str, source_map: SourceMap | None) -> list[Export]:
    """The exports of a map that a file can be by its name."""
    if source_map is None:
        return []
    return [
        each
        for each in source_map.sources.values()
        if fnmatch.fnmatchcase(name, each.file) and (each.format is Format.JSON) == is_json(name)
    ]


def is_json(name: str) -> bool:
    """Whether a file is JSON by its name."""
    return name.lower().endswith(_JSON)


def from_json(path: Path, to: Path, exports: Sequence[Export], connection: duckdb.DuckDBPyConnection) -> Rows:
    """The records of a JSON export as text, under the dotted names of the first export whose columns they have.

    Behind these stand the fields that it does not name, for nothing that was delivered is lost. Raises UnusableInputError for what is no JSON, and where each export lacks a column.
    """
    lacking: list[str] = []
    for export in exports:
        missing = _missing(path, export, connection)
        unnamed = _unnamed(path, export, connection)
        if not missing:
            _write(path, to, export, unnamed, connection)
            ((records,),) = connection.execute(f"SELECT count(*) FROM ({_records(path, export)})").fetchall()
            return Rows(to, list(range(records + 1)))
        lacking.append(", ".join(f"{each}{nearest(each, unnamed)}" for each in missing[:_SHOWN]))
    if not exports:
        raise UnusableInputError(f"{path.name}: the source's map knows no JSON of that name.")
    raise UnusableInputError(
        f"{path.name}: no record of it has {' nor '.join(lacking)}, which the source's map rests on."
    )


def without_envelope(path: Path, to: Path, types: RecordTypes, delimiter: str) -> Rows | None:
    """The header and the records of a text whose first cells say what each line is, and these are left out; none of another text.

    Several headers and bodies of one file follow each other.
    """
    numbers: list[int] = []
    with path.open(encoding="utf-8-sig", newline="") as source, to.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        reader = csv.reader(source, delimiter=delimiter)
        line = 1
        for cells in reader:
            kind = cells[0].strip() if cells else ""
            if kind == types.body or (kind == types.header and not numbers):
                if kind == types.body and not numbers:
                    return None
                writer.writerow(cells[1:])
                numbers.append(line)
            line = reader.line_num + 1
    return Rows(to, numbers) if numbers else None


def _records(path: Path, export: Export) -> str:
    """SQL of ``json``, and where the records are an array's ``element``."""
    read = f"read_json_objects({literal(str(path))}, maximum_object_size = {_LARGEST_RECORD})"
    if export.records is None:
        return f"SELECT json FROM {read}"
    # A record with an empty array stands all the same.
    array = f"json_extract(json, '{_path(export.records)}[*]')"
    return f"SELECT json, unnest(if(len({array}) = 0, [NULL::JSON], {array})) AS element FROM {read}"


def _cells(export: Export) -> dict[str, str]:
    """SQL of each column that an export names."""
    inside = f"{export.records}." if export.records else None
    return {
        name: f"json_extract_string(element, '{_path(name.removeprefix(inside))}')"
        if inside and name.startswith(inside)
        else f"json_extract_string(json, '{_path(name)}')"
        for name in export.named
    }


def _unnamed(path: Path, export: Export, connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """SQL of each field that an export does not name, by dotted name: whole, where it names nothing within it."""
    try:
        ((structure,),) = connection.execute(
            f"SELECT json_group_structure(json) FROM read_json_objects({literal(str(path))}, maximum_object_size = {_LARGEST_RECORD})"
        ).fetchall()
    except duckdb.Error as error:
        raise _no_json(path, error) from error
    fields = json.loads(structure or "{}")
    return dict(_fields_of(fields, export, "json", "", "$")) if isinstance(fields, dict) else {}


def _fields_of(
    structure: Mapping[str, object], export: Export, record: str, above: str, place: str
) -> Iterator[tuple[str, str]]:
    """The same of a part of the records: ``record`` is SQL of what holds it, at ``place``."""
    for key, inside in structure.items():
        name = f"{above}{key}"
        here = f"{place}.{_key(key)}"
        if not key.strip() or export.knows(name):
            continue
        if name == export.records and isinstance(inside, list) and isinstance(inside[0], dict):
            yield from _fields_of(inside[0], export, "element", f"{name}.", "$")
        elif isinstance(inside, dict) and export.names_beneath(name):
            yield from _fields_of(inside, export, record, f"{name}.", here)
        else:
            # Of an array of which the map names an element the others stand in it.
            yield name, f"json_extract_string({record}, '{here}')"


def _key(key: str) -> str:
    """A field's name as DuckDB writes it in a path, within a literal."""
    return '"' + key.replace('"', "").replace("'", "''") + '"'


def _path(name: str) -> str:
    """A dotted name as DuckDB writes the path into a record."""
    parts = []
    for part in name.split("."):
        if part.isdecimal():
            parts.append(f"[{part}]")
        elif part.startswith("-") and part[1:].isdecimal():
            parts.append(f"[#{part}]")
        else:
            parts.append(f".{_key(part)}")
    return "$" + "".join(parts)


def _missing(path: Path, export: Export, connection: duckdb.DuckDBPyConnection) -> list[str]:
    cells = _cells(export)
    counts = ", ".join(f"count({cells[name]})" for name in export.columns)
    try:
        (found,) = connection.execute(f"SELECT {counts} FROM ({_records(path, export)})").fetchall()
    except duckdb.Error as error:
        raise _no_json(path, error) from error
    return [name for name, count in zip(export.columns, found, strict=True) if not count]


def _no_json(path: Path, error: duckdb.Error) -> UnusableInputError:
    return UnusableInputError(f"{path.name} is not JSON: {str(error).splitlines()[0][:200]}")


def _write(
    path: Path, to: Path, export: Export, unnamed: Mapping[str, str], connection: duckdb.DuckDBPyConnection
) -> None:
    cells = ", ".join(f"{cell} AS {quoted(name)}" for name, cell in (_cells(export) | unnamed).items())
    connection.execute(
        f"COPY (SELECT {cells} FROM ({_records(path, export)})) TO {literal(str(to))} (FORMAT csv, HEADER, FORCE_QUOTE *)"
    )
