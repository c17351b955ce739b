"""Annotated files: each delivered file as a workbook, every finding on its cell, to be corrected and handed back.

Up to ``MOST_FINDINGS`` findings, and where spreadsheets and the pipeline can hold them, the workbooks are whole: every
line of a file has its row, cells as text as they stand, so that all of them together are the next delivery. A line that
is no record (ragged, a total, a repeated header) would become one if its cells stood under the header: its row is empty
and says so, and its cells stand on a sheet of their own, which a delivery asks about until it is gone.

Beyond that a workbook has the rows with findings alone, the dearest first, behind their file and line. It comes back as
corrections of the extract that it was made of (``delivery.corrections``).

A workbook of readers has their passwords where they were delivered: without them they would be lost to the next extract.
No comment shows one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow

from pelcro_pipeline.delivery import corrections, package, records
from pelcro_pipeline.delivery.manifest import DeliveredFile, Manifest
from pelcro_pipeline.delivery.workbook import PLACE, SET_ASIDE, SUMMARY
from pelcro_pipeline.engine.relations import from_folder, make
from pelcro_pipeline.reporting import annotated
from pelcro_pipeline.reporting.annotated import Count, Mark, Summary, Table
from pelcro_pipeline.reporting.workbook import MOST_CHARACTERS, MOST_ROWS
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline.spec import BY_OBJECT
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import literal

_RELATIONS = from_folder(Path(__file__).parent / "sql")
#: Of an extract, with which its workbooks are whole; and the most that have a comment in one.
MOST_FINDINGS = 50_000
#: From the gravest on.
SEVERITIES = (Severity.REJECT, Severity.CLEAR, Severity.REPAIR, Severity.QUESTION)
#: Bytes of a workbook, unpacked, beside the text of a cell and of a comment (measured: 58 and 1,250).
_OF_CELL, _OF_COMMENT = 64, 1_500
#: Characters that a sheet's name cannot have, and how many it can.
_NO_NAME, _LONGEST_NAME = str.maketrans(dict.fromkeys("[]:*?/\\'", "_")), 31
_FETCHED = 2_000


@dataclass(frozen=True)
class AnnotatedFile:
    """One workbook that was written, and what is not in it."""

    file: str
    workbook: str
    rows: int
    findings: int
    rows_left_out: int
    findings_left_out: int


def write(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, findings: Path, extract: str, folder: Path
) -> list[AnnotatedFile]:
    """Write a workbook for each delivered file and sheet into ``folder``; ``findings`` is their Parquet."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW finding AS FROM read_parquet({literal(str(findings))})")
    # As they were delivered: a stable sort keeps the sheets of a workbook in its order.
    files = sorted((*manifest.files, *manifest.looked_into), key=lambda file: file.name.partition("#")[0])
    _create_marks(connection, files)
    ((count,),) = connection.execute("SELECT count(*) FROM finding").fetchall()
    # What a source's map has made of a file, or left out of it, is no part of its workbook: the map reads that again.
    delivered = [file.made_of or file for file in files]
    whole = count <= MOST_FINDINGS and all(_is_deliverable(file, count) for file in delivered)
    elsewhere = _elsewhere(connection, files)
    written = []
    for file, name in zip(delivered, names([file.name for file in delivered]), strict=True):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE sheet_row AS {_every_row(file) if whole else _dearest(file)}")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE set_aside AS {_set_aside(file)}")
        made = _counted(connection, file, name)
        summary = _summary(connection, file, extract, made, elsewhere, whole=whole)
        annotated.write(folder / name, summary, _tables(connection, file, whole=whole))
        written.append(made)
    return written


def names(files: Sequence[str]) -> list[str]:
    """What the workbooks of delivered files are called, in the order of these.

    Which record is the first of its kind hangs on the order of the files: where their names do not keep it, numbers do.
    """
    called = [_workbook_name(name) for name in files]
    folded = [name.lower() for name in called]
    if len({*folded}) == len(folded) and called == sorted(called):
        return called
    digits = len(str(len(called)))
    return [f"{number:0{digits}}-{name}" for number, name in enumerate(called, 1)]


def _workbook_name(file: str) -> str:
    name, _, sheet = file.partition("#")
    return ".".join(filter(None, (Path(name).stem, sheet.translate(_NO_NAME)))) + ".xlsx"


def _sheet_name(file: DeliveredFile) -> str:
    name, _, sheet = file.name.partition("#")
    called = (sheet or Path(name).stem).translate(_NO_NAME)[:_LONGEST_NAME]
    return called if called.lower() not in (SUMMARY, SET_ASIDE, "history") else f"{called[: _LONGEST_NAME - 1]}_"


def _is_deliverable(file: DeliveredFile, findings: int) -> bool:
    """Whether a workbook of the whole file can be opened, and read as a delivery."""
    filled = sum(each.filled for each in file.profile)
    size = Path(file.path).stat().st_size + filled * _OF_CELL + findings * _OF_COMMENT
    lines = file.records + file.quarantined_records + 1
    longest = max((each.longest or 0 for each in file.profile), default=0)
    return (
        lines <= MOST_ROWS
        and lines * len(file.delivered_columns) <= package.MOST_CELLS
        and size <= package.LARGEST
        and longest <= MOST_CHARACTERS
    )


def _create_marks(connection: duckdb.DuckDBPyConnection, files: Sequence[DeliveredFile]) -> None:
    """The table ``mark``: ordinal of the file, line (0 for its header), position of the cell, and what it is marked for.

    Needs the view ``finding``.
    """
    named = connection.execute("SELECT DISTINCT file, object, attribute FROM finding WHERE file IS NOT NULL").fetchall()
    by_name = {file.name: file for file in files}
    cells = [
        {
            "ordinal": file.ordinal,
            "file": name,
            "object": object_,
            "attribute": attribute,
            **_cell(file, object_, attribute),
        }
        for name, object_, attribute in named
        if (file := by_name.get(name))
    ]
    schema = pyarrow.schema(
        [
            ("ordinal", pyarrow.int64()),
            *((name, pyarrow.string()) for name in ("file", "object", "attribute")),
            ("position", pyarrow.int64()),
            ("own", pyarrow.bool_()),
        ]
    )
    connection.register("finding_cell", pyarrow.Table.from_pylist(cells, schema))
    severities = ", ".join(f"({literal(severity)}, {rank})" for rank, severity in enumerate(SEVERITIES))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE severity_rank AS FROM (VALUES {severities}) AS ranks(severity, rank)"
    )
    make(connection, [_RELATIONS["mark"]])


def _cell(file: DeliveredFile, object_: str | None, attribute: str | None) -> dict[str, object]:
    """The position of the cell that a finding is told on, and whether it is the cell of its attribute.

    One of no column stands on the first of its object's.
    """
    own = file.columns_of(attribute) or [column for column in file.columns if column.header == attribute]
    if attribute and own:
        return {"position": own[0].delivered_at, "own": True}
    prefix = BY_OBJECT[object_].prefix if object_ else ""
    beside = [column for column in file.columns if column.attribute and column.attribute.startswith(prefix)]
    return {"position": beside[0].delivered_at if beside else 0, "own": not attribute}


def _every_row(file: DeliveredFile) -> str:
    """SQL of ``row, line, record``: every line of a file in its order; what is no record has none."""
    if file.quarantined is None:
        return f"SELECT record + 1 AS row, line, record FROM ({records.lines(file)})"
    return f"""SELECT row_number() OVER (ORDER BY line) AS row, line, record FROM (
        SELECT line, record FROM ({records.lines(file)})
        UNION ALL SELECT line, NULL FROM read_parquet({literal(file.quarantined)}))"""


def _dearest(file: DeliveredFile) -> str:
    """SQL of ``row, line, record``: the records with findings, the dearest first, as many as a workbook can hold."""
    size = " + ".join(
        f"if({column.name} IS NULL, 0, strlen({column.name}) + {_OF_CELL})" for column in file.delivered_columns
    )
    most = min(MOST_ROWS - 1, package.MOST_CELLS // (len(file.delivered_columns) + len(PLACE)) - 1)
    # The comments, of which there are no more than these, take their part.
    room = package.LARGEST - MOST_FINDINGS * _OF_COMMENT
    return f"""WITH dear AS (
        SELECT line, sum(rejects) AS rejects, sum(clears) AS clears, sum(repairs) AS repairs, sum(findings) AS findings
        FROM mark WHERE ordinal = {file.ordinal} AND line > 0 GROUP BY line
    ), sized AS (
        SELECT dear.*, record, 4 * {_OF_CELL} + {size} AS size
        FROM dear JOIN ({records.lines(file)}) USING (line) JOIN ({records.numbered(file)}) USING (record)
    ), ranked AS (
        SELECT *, row_number() OVER (ORDER BY rejects DESC, clears DESC, repairs DESC, findings DESC, line) AS row FROM sized
    )
    SELECT row, line, record FROM ranked QUALIFY row <= {most} AND sum(size) OVER (ORDER BY row) <= {room}"""


def _counted(connection: duckdb.DuckDBPyConnection, file: DeliveredFile, name: str) -> AnnotatedFile:
    """What a workbook holds, and what it leaves out. Needs ``sheet_row``, ``set_aside`` and ``mark``."""
    ((rows, findings, left, findings_left),) = connection.execute(
        f"""WITH left_out AS (
            FROM mark ANTI JOIN sheet_row USING (line) ANTI JOIN set_aside USING (line) WHERE ordinal = {file.ordinal} AND line > 0
        )
        SELECT (SELECT count(*) FROM sheet_row), (SELECT coalesce(sum(findings), 0)::BIGINT FROM mark WHERE ordinal = {file.ordinal}),
            count(DISTINCT line), coalesce(sum(findings), 0)::BIGINT FROM left_out"""
    ).fetchall()
    return AnnotatedFile(file.name, name, rows, findings - findings_left, left, findings_left)


def _tables(connection: duckdb.DuckDBPyConnection, file: DeliveredFile, *, whole: bool) -> Iterator[Table]:
    """The sheets of a file: its rows, and the lines that are none of its records, where it has any."""
    place = () if whole else PLACE
    header = [column.header for column in file.delivered_columns]
    yield Table(
        _sheet_name(file),
        [*place, *header],
        _rows(connection, file, place),
        _header_marks(connection, file, len(place)),
        frozen=len(place) or 1,
    )
    if aside := _set_aside_rows(connection, file):
        widest = max(len(cells) for _, cells, _ in aside) - 2
        beyond = [f"cell {number}" for number in range(len(header) + 1, widest + 1)]
        yield Table(SET_ASIDE, ["line", "why", *header, *beyond], aside, frozen=2)


def _rows(
    connection: duckdb.DuckDBPyConnection, file: DeliveredFile, place: Sequence[str]
) -> Iterator[tuple[int, Sequence[str | None], Sequence[Mark]]]:
    cells = ", ".join(
        [*([literal(file.name), "line::VARCHAR"] if place else []), *(c.name for c in file.delivered_columns)]
    )
    # Blank rows between records stay empty without being fetched; a mark on one is fetched with them.
    rows = connection.execute(
        f"""SELECT row, marks, {cells} FROM sheet_row
        LEFT JOIN ({records.numbered(file)}) AS delivered USING (record)
        LEFT JOIN ({_marks(file)}) AS marked USING (row)
        WHERE record IS NOT NULL OR marks IS NOT NULL ORDER BY row"""
    )
    while fetched := rows.fetchmany(_FETCHED):
        for row, marks, *delivered in fetched:
            yield row, delivered, [_mark(each, len(place)) for each in marks] if marks else ()


def _marks(file: DeliveredFile) -> str:
    """SQL of ``row, marks``: a list for each row, with the comments of the first ``MOST_FINDINGS`` findings."""
    return f"""SELECT row, list((position, gravest, if(told <= {MOST_FINDINGS}, text, NULL)) ORDER BY position) AS marks
        FROM (SELECT *, sum(findings) OVER (ORDER BY row, position) AS told
            FROM mark JOIN sheet_row USING (line) WHERE ordinal = {file.ordinal}) GROUP BY row"""


def _mark(found: tuple[int, int, str | None], shift: int) -> Mark:
    position, gravest, text = found
    return Mark(position + shift, SEVERITIES[gravest], text)


def _header_marks(connection: duckdb.DuckDBPyConnection, file: DeliveredFile, shift: int) -> list[Mark]:
    rows = connection.execute(
        f"SELECT position, gravest, text FROM mark WHERE ordinal = {file.ordinal} AND line = 0 ORDER BY position"
    ).fetchall()
    return [_mark(row, shift) for row in rows]


def _set_aside(file: DeliveredFile) -> str:
    """SQL of ``line, rule, text``: the lines of a file that are no records, but for blank ones, of which nothing is lost."""
    if file.quarantined is None:
        return "SELECT NULL::BIGINT AS line, NULL::VARCHAR AS rule, NULL::VARCHAR AS text WHERE false"
    return f"""SELECT line, rule, text FROM read_parquet({literal(file.quarantined)}) WHERE rule <> 'FILE-BLANK'
        ORDER BY line LIMIT {MOST_ROWS - 1}"""


def _set_aside_rows(
    connection: duckdb.DuckDBPyConnection, file: DeliveredFile
) -> list[tuple[int, Sequence[str], Sequence[Mark]]]:
    """Each of them: its line, its rule, marked as it is found, and its cells as far as they can be told."""
    found = connection.execute(
        f"""SELECT line, rule, text, gravest, comment FROM set_aside LEFT JOIN (
            SELECT line, min(gravest) AS gravest, arg_min(text, gravest) AS comment FROM mark WHERE ordinal = {file.ordinal} GROUP BY line
        ) AS marked USING (line) ORDER BY line"""
    ).fetchall()
    rows = []
    for row, (line, rule, text, gravest, comment) in enumerate(found, 1):
        cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=file.delimiter), [])
        rows.append((row, [str(line), rule, *cells], [Mark(1, SEVERITIES[gravest], comment)] if comment else []))
    return rows


def _elsewhere(connection: duckdb.DuckDBPyConnection, files: Sequence[DeliveredFile]) -> list[str]:
    """The findings of no file, or of a sheet that was not read, in words."""
    names = ", ".join(literal(file.name) for file in files)
    rows = connection.execute(
        f"""SELECT severity, rule, concat_ws(': ', file, attribute), message, fix FROM finding
        WHERE file IS NULL OR file NOT IN ({names}) ORDER BY ALL"""
    ).fetchall()
    return [
        f"{severity} {rule}{f', {where}' if where else ''}: {message} {fix}"
        for severity, rule, where, message, fix in rows
    ]


def _summary(
    connection: duckdb.DuckDBPyConnection,
    file: DeliveredFile,
    extract: str,
    made: AnnotatedFile,
    elsewhere: Sequence[str],
    *,
    whole: bool,
) -> Summary:
    counts = connection.execute(
        f"""SELECT rule, severity, count(*) AS findings FROM finding JOIN severity_rank USING (severity)
        WHERE file = {literal(file.name)} GROUP BY rule, severity, rank ORDER BY rank, findings DESC, rule"""
    ).fetchall()
    facts = [
        ("Extract", extract),
        ("Delivered file", file.name),
        (corrections.DIGEST, corrections.digest(file)),
        ("Records", file.records),
        ("Lines that are no records", file.quarantined_records),
        ("Rows here", made.rows),
        ("Findings here", made.findings),
        ("Rows with findings left out", made.rows_left_out),
        ("Findings left out", made.findings_left_out),
    ]
    facts = [(name, value) for name, value in facts if value != 0]
    return Summary(
        SUMMARY,
        f"What was found in {file.name}",
        facts,
        _instructions(file, extract, made, whole=whole),
        [
            Count(rule, Severity(severity), findings, RULES[rule].sentence, RULES[rule].fix)
            for rule, severity, findings in counts
        ],
        elsewhere,
    )


def _instructions(file: DeliveredFile, extract: str, made: AnnotatedFile, *, whole: bool) -> list[str]:
    """What to do with a workbook, sentence by sentence."""
    steps = [
        "A coloured cell has a finding; its comment says why, and what to do. A coloured heading speaks of its whole column, "
        "the first one of the file.",
        "By colour: what is told of a reject stays behind, a clear leaves the value behind, a repair infers one, a question "
        "waits for the publisher's word.",
        "Change what is wrong in place. Cells are text: an id keeps its zeros, a date is written as the others of its column.",
    ]
    if file.quarantined is not None:
        steps.append(
            f"The sheet {SET_ASIDE} has the lines that are no records as they stand."
            + (
                " Mend one, move its cells to its empty row, and delete the sheet when none is left that should be migrated."
                if whole
                else " They are mended in the delivered file itself."
            )
        )
    if whole:
        steps += [
            "Leave this sheet, the headings and the rows as they are: row numbers are what the next findings name.",
            f"Put the workbooks of all files of {extract} into one folder, the untouched ones too, with its extract.toml "
            "(without its ignore), and source.toml and password_samples.csv where it has them.",
            "Run `pelcro-pipeline dry-run FOLDER`: it is the next extract.",
        ]
    else:
        steps += [
            f"It has the rows with findings alone. Leave this sheet and the columns {' and '.join(PLACE)} as they are.",
            f"Save it as corrections.{made.workbook} in the folder extracts/{extract}, beside what was delivered: each cell that "
            "differs takes the delivered one's place. A cell that is put back as it was corrects nothing.",
            f"Run `pelcro-pipeline dry-run {extract}` again.",
        ]
        if made.findings > MOST_FINDINGS:
            steps.append(
                f"The first {MOST_FINDINGS:,} findings have a comment; what the others say stands in findings.csv by line."
            )
        if made.rows_left_out:
            steps.append(
                "What is left out, for a workbook holds no more, comes once these are corrected, and stands in findings.csv."
            )
    return steps
