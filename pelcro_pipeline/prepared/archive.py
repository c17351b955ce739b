"""The archive: every rejected and excluded record with its raw cells, and every column of no template."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import numpy as np

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery.manifest import DeliveredFile, Manifest
from pelcro_pipeline.delivery.records import numbered, raw_records
from pelcro_pipeline.rules.ledger import COLUMNS
from pelcro_pipeline.spec.sql import literal, quoted

#: What a file's name keeps of a delivered file's or sheet's: no separator, no pattern, and room for a suffix.
_NO_NAME = re.compile(r"[^\w .,()&+@'-]")
_LONGEST_NAME = 200


def write(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, conversion: Path, ledger: Path, folder: Path
) -> dict[str, int]:
    """Write the archive into ``folder``; returns the records of each file of it.

    For each delivered file ``<file>.records.parquet``: one row for each rejected or excluded
    object: its columns of the ledger, then the record's cells as delivered, by delivered header; a
    ragged record's text is in ``raw_text``. And ``<file>.columns.parquet`` where it has columns of no
    template. Needs the views of ``conversion.tables``.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE left_behind AS
        FROM read_parquet({literal(str(ledger))}) WHERE disposition IN ('rejected', 'excluded')"""
    )
    written = {}
    names = _names(manifest)
    for file in manifest.files:
        for suffix, query in (
            ("records", _records(connection, file, folder)),
            ("columns", _columns(file, conversion)),
        ):
            if query is None:
                continue
            name = f"{names[file.ordinal]}.{suffix}.parquet"
            ((written[name],),) = connection.execute(
                f"COPY ({query}) TO {literal(str(folder / name))} (FORMAT parquet, COMPRESSION zstd)"
            ).fetchall()
    return written


def _names(manifest: Manifest) -> dict[int, str]:
    """What each file is called in the archive: its own name where a file can have it and none has it yet."""
    names: dict[int, str] = {}
    for file in manifest.files:
        name = _NO_NAME.sub("_", file.name.replace("#", "."))
        name = name.encode()[:_LONGEST_NAME].decode(errors="ignore")
        while name.lower() in {each.lower() for each in names.values()}:
            name += f".{file.ordinal}"
        names[file.ordinal] = name
    return names


def _records(connection: duckdb.DuckDBPyConnection, file: DeliveredFile, folder: Path) -> str:
    """SQL of a file's archived records."""
    rows = (
        connection.execute(
            f"""SELECT DISTINCT row_of(record) AS row FROM left_behind
        WHERE file = {literal(file.name)} AND row IS NOT NULL AND NOT quarantined ORDER BY row"""
        )
        .fetchnumpy()["row"]
        .astype(np.int64)
    )
    connection.register("archived_rows", {"row": rows})
    if file.made_of is not None:
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE raw_record AS
            SELECT record AS row, * EXCLUDE (record) FROM ({numbered(file)}) SEMI JOIN archived_rows ON row = record"""
        )
    else:
        _cut(connection, file, rows, folder / f".{file.ordinal}.cut.csv")
    connection.unregister("archived_rows")
    cells = ", ".join(f"raw.{column.name} AS {quoted(name)}" for column, name in _named(file))
    aside = (
        f"(SELECT line, text FROM read_parquet({literal(file.quarantined)}))"
        if file.quarantined
        else "(SELECT NULL::BIGINT AS line, NULL::VARCHAR AS text WHERE false)"
    )
    return f"""
        SELECT {", ".join(f"gone.{name}" for name in COLUMNS)}, {cells}, aside.text AS raw_text
        FROM left_behind gone
        LEFT JOIN raw_record raw ON NOT gone.quarantined AND raw.row = row_of(gone.record)
        LEFT JOIN {aside} aside ON gone.quarantined AND aside.line = gone.line
        WHERE gone.file = {literal(file.name)}
        ORDER BY gone.line, gone.object_rank"""


def _cut(connection: duckdb.DuckDBPyConnection, file: DeliveredFile, rows: np.ndarray, archived: Path) -> None:
    """The table ``raw_record`` of the records at ``rows``, cut from the text by byte offset. Needs ``archived_rows``."""
    with archived.open("wb") as out:
        out.writelines(raw_records(file, rows))
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE raw_record AS
        SELECT row, cells.* FROM (FROM {file.model_copy(update={"path": str(archived)}).relation()}) cells
        POSITIONAL JOIN (SELECT row FROM archived_rows) rows"""
    )
    archived.unlink()


def _named(file: DeliveredFile) -> list[tuple]:
    """Each column with the name it has in the archive: its header, numbered where that is empty or repeats."""
    taken = {*COLUMNS, "raw_text"}
    counts = dict.fromkeys(taken, 1)
    named = []
    for column in file.delivered_columns:
        if column.ghost:
            continue
        header = column.header.strip() or f"column {column.position + 1}"
        count = counts.get(header.lower(), 0) + 1
        while (name := header if count == 1 else f"{header} ({count})").lower() in taken:
            count += 1
        counts[header.lower()] = count
        taken.add(name.lower())
        named.append((column, name))
    return named


def _columns(file: DeliveredFile, conversion: Path) -> str | None:
    """SQL of a file's columns of no template, for every record."""
    if not file.unknown:
        return None
    names = {column.position: name for column, name in _named(file)}
    cells = ", ".join(
        f"{quoted(f'other.{column.position}')} AS {quoted(names[column.position])}" for column in file.unknown
    )
    converted = f"read_parquet({literal(str(tables.parquet(conversion, file)))}, file_row_number = true)"
    return f"""
        SELECT location.file, location.line, {cells}
        FROM {converted} JOIN location ON location.record = {tables.record(file)}
        ORDER BY location.record"""
