"""Delivered exports of a legacy system, read as the templates: by its map, each record where it stands in its own file.

A file of an export stays what it is, with its own columns, lines and cells; behind them stand the attributes that the map makes
of them, worked out whenever it is read. From there on it is read like any delivered file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pelcro_pipeline.delivery import profile, records
from pelcro_pipeline.delivery.manifest import Column, DeliveredFile, Profile, Told
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import Amounts, Settings
from pelcro_pipeline.sources.select import Compiled, Delivered, compiled, create_kept, create_lookups
from pelcro_pipeline.sources.source_map import Format, SourceMap, nearest
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import literal, quoted


def mapped(
    files: Sequence[DeliveredFile],
    source_map: SourceMap,
    into: Path,
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
) -> tuple[list[DeliveredFile], list[DeliveredFile]]:
    """The files, those that are exports of the map with its attributes, and beside them those that it only looks into; what must
    be kept of the former goes into ``into``.

    Raises UnusableInputError for a map that cannot be run, and for an expression that fails on a value.
    """
    looked_into = [file for file in files if file.export is not None and not source_map.targets(file.export)]
    # A file's ordinal is its place in the manifest.
    files = [
        file.model_copy(update={"ordinal": ordinal})
        for ordinal, file in enumerate([*(file for file in files if file not in looked_into), *looked_into])
    ]
    delivered: dict[str, list[Delivered]] = {}
    for file in files:
        if file.export is not None:
            delivered.setdefault(file.export, []).append(_delivered(file))
    made: dict[int, DeliveredFile] = {}
    for export, own in delivered.items():
        if not source_map.targets(export):
            continue
        of_export = compiled(connection, source_map, export, delivered, settings)
        try:
            create_lookups(connection, of_export)
            stored = [
                _stored(file, each, of_export, into, connection)
                for each, file in zip(own, (file for file in files if file.export == export), strict=True)
            ]
            own = [each._replace(relation=file.stored) for each, file in zip(own, stored, strict=True)]
            create_kept(connection, of_export, own)
            for each, file in zip(own, stored, strict=True):
                made[file.ordinal] = _mapped(file, each, of_export, source_map, into, settings, connection)
        except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException) as error:
            raise UnusableInputError(
                f"The map of {source_map.title} fails on a value of {export}: {str(error).splitlines()[0][:200]}"
            ) from error
    read = [made.get(file.ordinal, file) for file in files]
    of_records = read[: len(read) - len(looked_into)]
    return _asked(of_records, source_map), read[len(of_records) :]


def settings_of(files: Sequence[DeliveredFile], source_map: SourceMap, settings: Settings) -> Settings:
    """The settings of an extract that is read by a map: where that alone gives amounts, they are cents.

    Raises UnusableInputError where extract.toml says otherwise.
    """
    giving = [file for file in files if "plan.amount" in file.attributes]
    if not any(file.made_of for file in giving):
        return settings
    if settings.amounts is Amounts.UNITS:
        raise UnusableInputError(
            f'extract.toml: amounts = "units" does not go with the map of {source_map.title}, which gives amounts in cents: take it out.'
        )
    # Of plans under the templates' own headers it is still asked.
    return settings.model_copy(update={"amounts": Amounts.CENTS}) if all(file.made_of for file in giving) else settings


def _delivered(file: DeliveredFile) -> Delivered:
    cells: dict[str, str] = {}
    counts = Counter(column.header.strip() for column in file.columns)
    for column in file.columns:
        header = column.header.strip()
        if header and counts[header] > 1:
            raise UnusableInputError(f"{file.name} has the column {header} {counts[header]} times: give it once.")
        cells[header or column.name] = column.name
    return Delivered(file.ordinal, records.numbered(file), cells)


def laid_out(files: Sequence[DeliveredFile], into: Path, connection: duckdb.DuckDBPyConnection) -> dict[str, Path]:
    """Parquet, in ``into``, of each file's cells and of what a map has made of them, by the file's name; none of those without."""
    made = {file.name: into / f"{file.ordinal}.parquet" for file in files if file.made_of is not None}
    for file in files:
        if file.name in made:
            connection.execute(f"COPY {file.relation()} TO {literal(str(made[file.name]))} (FORMAT parquet)")
    return made


def _stored(
    file: DeliveredFile, delivered: Delivered, made: Compiled, into: Path, connection: duckdb.DuckDBPyConnection
) -> DeliveredFile:
    """The file with its cells in columns, and beside them what is looked up for each of its records."""
    if file.in_columns and not made.lookups:
        return file.model_copy(update={"made_of": file})
    path = into / f"{file.ordinal}.stored.parquet"
    with duck.probing_in_order(connection):
        connection.execute(f"COPY ({made.stored(delivered)}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION lz4)")
    return file.model_copy(update={"path": str(path), "made_of": file})


def _mapped(
    file: DeliveredFile,
    delivered: Delivered,
    made: Compiled,
    source_map: SourceMap,
    into: Path,
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
) -> DeliveredFile:
    if made.has_keys:
        kept = into / f"{file.ordinal}.kept.parquet"
        connection.execute(f"COPY ({made.kept(delivered, file.records)}) TO {literal(str(kept))} (FORMAT parquet)")
        file = file.model_copy(update={"kept": str(kept)})
    delivered = delivered._replace(relation="FROM stored")
    columns = _columns(file.made_of, made)
    own = [column.name for column in file.columns]
    attributes = [
        f"{f'c{column.made_of[0]}' if column.copies else quoted(column.attribute)} AS {column.name}"
        for column in columns
        if column.derived
    ]
    rows = made.select(delivered, own, without=made.copied)
    base = file.model_copy(
        update={
            "columns": columns,
            "made": f"SELECT {', '.join([*own, *attributes])} FROM ({rows})",
            **_lines(file, made, rows, into, connection),
        }
    )
    unhandled = _unhandled(base, made, rows, into, connection)
    base = base.model_copy(
        update={
            "unhandled": str(unhandled) if unhandled else None,
            **_set_aside(base, delivered, made, into, connection),
        }
    )
    return _profiled(base, source_map, settings, connection)


def _columns(file: DeliveredFile, made: Compiled) -> tuple[Column, ...]:
    """The delivered columns, then one for each attribute, under the headers that it is made of; none where the file has none of these."""
    positions = {column.header.strip() or column.name: column.position for column in file.columns}
    of = {
        name: tuple(positions[each] for each in headers if each in positions) for name, headers in made.made_of.items()
    }
    used = {position for each in of.values() for position in each}
    own = [column.model_copy(update={"used": column.position in used}) for column in file.columns]
    return (
        *own,
        *(
            Column(
                position=len(own) + at,
                header=" + ".join(made.made_of[name]) or name,
                attribute=name,
                made_of=of[name],
                derived=True,
                copies=name in made.copied,
                settled=name in made.settled,
            )
            for at, name in enumerate(name for name in made.fields if of[name] or not made.made_of[name])
        ),
    )


def _lines(
    file: DeliveredFile, made: Compiled, rows: str, into: Path, connection: duckdb.DuckDBPyConnection
) -> dict[str, object]:
    """The number of records that stand, and their lines where these are not one after the other; leaves ``standing``: their numbers."""
    standing = file.over_stored(f"SELECT record FROM ({rows})") if made.leaves_out else f"FROM range({file.records})"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE standing(record) AS {standing}")
    ((count,),) = connection.execute("SELECT count(*) FROM standing").fetchall()
    if count == file.records:
        return {}
    to = into / f"{file.ordinal}.mapped.lines.parquet"
    connection.execute(
        f"""COPY (SELECT line FROM standing JOIN ({records.lines(file)}) USING (record) ORDER BY record)
        TO {literal(str(to))} (FORMAT parquet, COMPRESSION zstd)"""
    )
    return {"records": count, "lines": str(to)}


def _unhandled(
    file: DeliveredFile, made: Compiled, rows: str, into: Path, connection: duckdb.DuckDBPyConnection
) -> Path | None:
    """Parquet of ``record, attribute, step, column, value``: each value that a step could not handle; none where it handled all.

    Needs ``standing``: a record's number is its place among those.
    """
    if not made.failing:
        return None
    steps = ", ".join(
        f"({1 << each.bit}::UBIGINT, {literal(each.attribute)}, {literal(each.step)}, {literal(' + '.join(made.made_of[each.attribute]))})"
        for each in made.failing
    )
    failed = file.over_stored(f"SELECT record, failures, failed FROM ({rows}) WHERE failures <> 0")
    to = into / f"{file.ordinal}.unhandled.parquet"
    ((count,),) = connection.execute(
        f"""COPY (
            SELECT place AS record, attribute, step, "column", failed[attribute || ' ' || step] AS value
            FROM ({failed})
            JOIN (SELECT record, row_number() OVER (ORDER BY record) - 1 AS place FROM standing) USING (record)
            JOIN (VALUES {steps}) AS steps(bit, attribute, step, "column") ON failures & bit <> 0
            ORDER BY place, attribute
        ) TO {literal(str(to))} (FORMAT parquet, COMPRESSION zstd)"""
    ).fetchall()
    if count:
        return to
    to.unlink()
    return None


def _set_aside(
    file: DeliveredFile, delivered: Delivered, made: Compiled, into: Path, connection: duckdb.DuckDBPyConnection
) -> dict[str, object]:
    """What of the delivered records stands in no template, or was dropped from one, beside what was quarantined before."""
    before = file.made_of
    objects = [each for target in made.targets if target.unique is None or target.folds for each in target.objects]
    selects = []
    if before.quarantined is not None:
        selects.append(
            f"""SELECT line, rule, text, NULL::VARCHAR AS reason,
                if(rule = 'FILE-RAGGED', [{", ".join(map(literal, objects))}], [])::VARCHAR[] AS objects
            FROM read_parquet({literal(before.quarantined)})"""
        )
    if (aside := made.set_aside(delivered)) is not None:
        cells = ", ".join(
            f"""'"' || replace(coalesce({column.name}, ''), '"', '""') || '"'""" for column in before.columns
        )
        selects.append(
            f"""SELECT line, rule, array_to_string([{cells}], {literal(before.delimiter)}) AS text, reason, objects
            FROM ({file.over_stored(aside)}) JOIN ({file.stored}) USING (record) JOIN ({records.lines(before)}) USING (record)"""
        )
    if not selects:
        return {}
    to = into / f"{file.ordinal}.set_aside.parquet"
    ((count,),) = connection.execute(
        f"COPY (FROM ({' UNION ALL BY NAME '.join(selects)}) ORDER BY line) TO {literal(str(to))} (FORMAT parquet, COMPRESSION zstd)"
    ).fetchall()
    return {
        "quarantined": str(to) if count else None,
        "quarantined_records": before.quarantined_records + before.records - file.records,
    }


def _profiled(
    file: DeliveredFile, source_map: SourceMap, settings: Settings, connection: duckdb.DuckDBPyConnection
) -> DeliveredFile:
    """The file with what its attributes were told to mean, and the profile of its delivered columns."""
    derived = tuple(column for column in file.columns if column.derived)
    own = file.model_copy(update={"columns": derived})
    own = profile.located(profile.profiled(own, settings, connection, workbook=False), connection)
    columns = (*(column for column in file.columns if not column.derived), *own.columns)
    told = (*_assumed(file, source_map), *_unknown(file, source_map), *own.told)
    by_position: dict[int, list[Told]] = {}
    for each in told:
        column = columns[each.position]
        by_position.setdefault(column.made_of[0] if column.made_of else column.position, []).append(each)
    return own.model_copy(
        update={
            "columns": columns,
            "told": told,
            "profile": tuple(
                _profile_of(column, each, columns, by_position.get(column.position, []))
                for column, each in zip(file.made_of.columns, file.made_of.profile, strict=True)
            ),
        }
    )


def _profile_of(column: Column, delivered: Profile, columns: Sequence[Column], told: Sequence[Told]) -> Profile:
    attributes = [each.attribute for each in columns if column.position in each.made_of and each.attribute]
    return delivered.model_copy(
        update={
            "attribute": ", ".join(attributes),
            "told": "; ".join(each.told for each in told),
            "evidence": "; ".join(each.evidence for each in told),
        }
    )


def _assumed(file: DeliveredFile, source_map: SourceMap) -> list[Told]:
    """SRC-ASSUMED: a question for each column that the map uses and no public page documents."""
    return [
        Told(
            rule="SRC-ASSUMED",
            severity=Severity.QUESTION,
            position=column.position,
            attribute=column.header.strip(),
            detail=f"It is read as {', '.join(sorted(file.read_as(column)))}.",
            told="assumed",
            evidence="no public page documents it",
        )
        for column in file.made_of.columns
        if column.header.strip() in source_map.assumed and file.read_as(column)
    ]


def _unknown(file: DeliveredFile, source_map: SourceMap) -> list[Told]:
    """SRC-FIELD: a question for each field of JSON that the map does not know. An unknown column of a text stops the run; of JSON a record
    may have any."""
    export = source_map.sources[file.export]
    if export.format is not Format.JSON:
        return []
    headers = {column.header.strip(): column for column in file.made_of.columns}
    empty = [
        header
        for header, column in headers.items()
        if export.knows(header) and not file.made_of.profile[column.position].filled
    ]
    return [
        Told(
            rule="SRC-FIELD",
            severity=Severity.QUESTION,
            position=column.position,
            attribute=header,
            detail=f"It is kept in the archive{nearest(header, empty)}.",
            told="unknown",
            evidence="the map does not name it",
        )
        for header, column in headers.items()
        if header and not export.knows(header) and not export.names_beneath(header)
    ]


def _asked(files: list[DeliveredFile], source_map: SourceMap) -> list[DeliveredFile]:
    """SRC-ASKED: what the map leaves to the publisher, told of the first file that it reads."""
    first = next((file for file in files if file.made_of is not None), None)
    if first is None:
        return files
    told = tuple(
        Told(
            rule="SRC-ASKED",
            severity=Severity.QUESTION,
            position=0,
            value=sentence,
            detail=sentence,
            told="asked",
            evidence="",
        )
        for sentence in source_map.asks
    )
    asked = first.model_copy(update={"told": (*told, *first.told)})
    return [asked if file is first else file for file in files]
