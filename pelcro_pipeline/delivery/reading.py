"""One delivered folder, read: the manifest of its files."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.delivery import answers, corrections, mapping, profile, raw, recognition, text, workbook
from pelcro_pipeline.delivery.manifest import DeliveredFile, Manifest, UnreadSheet
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.sources import source_map
from pelcro_pipeline.sources.source_map import SourceMap
from pelcro_pipeline.workspace import places
from pelcro_pipeline.workspace.intake import ASSUMPTIONS, LATER, PASSWORD_SAMPLES, TICKED_OFF, is_passed_over, own_file

#: Files of an extract's folder that hold no records of a template: no header is looked for in them.
SETTING_FILES = (
    extract_settings.FILE_NAME,
    source_map.FILE_NAME,
    # What `new` writes into a folder that is filled in place.
    "data-dictionary.md",
    "cards.*",
    ASSUMPTIONS,
    PASSWORD_SAMPLES,
    answers.ANSWERS,
    answers.QUESTIONS,
    *corrections.FILES,
    *TICKED_OFF,
)


def read(folder: Path, into: Path, settings: Settings, connection: duckdb.DuckDBPyConnection) -> Manifest:
    """Read every delivered file of ``folder``; what must be kept beside it goes into ``into``.

    Raises UnusableInputError where files cannot be read (FILE-UNREADABLE, FILE-HEADER-PLACE), one for all of them; where
    they lack what nothing can stand without (FILE-MISSING), or changed meanwhile.
    """
    known = source_map.of(folder, settings.source)
    if known is not None:
        known = known.with_statuses(settings)
    paths = delivered(folder, settings)
    found = places.fingerprint(folder)
    files: list[DeliveredFile] = []
    unread: list[UnreadSheet] = []
    refused: list[str] = []
    for path in paths:
        with _noted(refused):
            sheets = list(raw.sheets(path, into, settings, known, connection))
            first = len(files)
            for sheet in sheets:
                if sheet.aside:
                    unread.append(UnreadSheet(name=sheet.name, rows=len(sheet.numbers or ()), ordinal=first))
                    continue
                with _noted(refused):
                    files.append(_file(len(files), sheet, into, settings, connection, known))
    if refused:
        several = f"{len(refused)} of the delivered files and sheets cannot be read. " if len(refused) > 1 else ""
        raise UnusableInputError(several + " ".join(refused))
    if not files:
        raise UnusableInputError(f"{folder.name} holds no CSV or XLSX file: deliver the publisher's export.")
    ((name, times),) = Counter(file.name for file in files).most_common(1)
    if times > 1:
        raise UnusableInputError(
            f"Two of the delivered files and sheets are called {name}: rename one and deliver again."
        )
    corrected = corrections.laid_over(files, corrections.given(folder, settings), into, connection)
    files = [_profiled(file, settings, connection) if file.corrected else file for file in corrected]
    looked_into: list[DeliveredFile] = []
    if known is not None:
        files, looked_into = mapping.mapped(files, known, into, settings, connection)
        settings = mapping.settings_of(files, known, settings)
    manifest = Manifest(
        looked_into=tuple(looked_into),
        files=recognition.spelled_alike(files),
        unread=tuple(unread),
        fingerprint=found,
        content_digest=delivered_digest(folder),
        settings=settings.model_copy(update={"migration_date": settings.today}),
    )
    recognition.refuse_missing(manifest, connection)
    if places.fingerprint(folder) != found:
        raise UnusableInputError(f"{folder.name} changed while it was read: run it again once it is whole.")
    return manifest


@contextmanager
def _noted(refused: list[str]) -> Iterator[None]:
    """Let a file be refused without the others: who mends one is not told of the next only then."""
    try:
        yield
    except UnusableInputError as error:
        refused.append(str(error))


def delivered_digest(folder: Path) -> str:
    """A digest of all that was delivered, by name and content; settings, reviews and the card map are told apart from it."""
    apart = (extract_settings.FILE_NAME, *LATER)
    files = (each for each in folder.rglob("*") if each.is_file() and each.name not in apart)
    return places.content_digest(folder, sorted(files))


def delivered(folder: Path, settings: Settings) -> list[Path]:
    """The delivered files of ``folder``, by name.

    Raises UnusableInputError for what is no file of it, and for a file or sheet to ignore that it lacks.
    """
    for name in settings.ignore:
        _refuse_unknown(folder, name)
    paths = sorted(each for each in folder.iterdir() if not is_passed_over(each.name))
    refused: list[str] = []
    for path in paths:
        if path.name not in settings.ignore:
            with _noted(refused):
                own_file(path)
    if refused:
        raise UnusableInputError(" ".join(refused))
    return [path for path in paths if path.name not in settings.ignore and not _is_setting(path.name)]


def _is_setting(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, each) for each in SETTING_FILES)


def _refuse_unknown(folder: Path, ignored: str) -> None:
    """Raise UnusableInputError where what is to be ignored is neither a file of the folder nor a sheet of one."""
    if (folder / ignored).exists():
        return
    name, _, sheet = ignored.partition("#")
    path = folder / name
    names = workbook.sheet_names(path) if sheet and path.is_file() else []
    if sheet not in names:
        sheets = f" {name} has the sheets {', '.join(names)}." if names else ""
        raise UnusableInputError(f"extract.toml ignores {ignored}, which is not in {folder.name}.{sheets}")


def _file(
    ordinal: int,
    sheet: raw.Sheet,
    into: Path,
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    known: SourceMap | None,
) -> DeliveredFile:
    if not sheet.name.isprintable():
        raise UnusableInputError(f"{sheet.name}: the sheet's name holds characters that cannot be shown: rename it.")
    named = sheet.delimiter or (None if sheet.numbers else settings.delimiter)
    header = text.header_of(sheet.path, sheet.name, named)
    stat = sheet.delivered.stat()
    columns = recognition.columns_of(header.cells)
    delivered_name = sheet.name.partition("#")[0]
    export = known.source_of(delivered_name, [cell.strip() for cell in header.cells]) if known else None
    if export is not None:
        columns = tuple(column.model_copy(update={"attribute": None}) for column in columns)
    file = DeliveredFile(
        ordinal=ordinal,
        name=sheet.name,
        path=str(sheet.path),
        delimiter=header.delimiter,
        columns=columns,
        export=export,
        records=0,
        lines=None,
        quarantined=None,
        quarantined_records=0,
        hidden=sheet.hidden,
        stamp=(stat.st_size, stat.st_mtime_ns),
        delivered=str(sheet.delivered),
    )
    if export is None:
        recognition.refuse_unrecognised(file, None if file.attributes else _line_of_header(sheet, named))
    in_columns = export is not None and bool(known.targets(export)) and not known.looks_up(export)
    try:
        scanned = _scanned(file, sheet, into, settings, connection, in_columns=in_columns)
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.NotImplementedException):
        scanned = None
    # DuckDB passes over the header: a quotation mark astray in it swallows records without an error.
    numbered = raw.numbered(scanned, sheet, into) if scanned and header.one_line else None
    if numbered:
        return recognition.without_ghosts(profile.located(numbered, connection), connection)
    rewritten = raw.rewritten(file, sheet, into)
    scanned = _scanned(rewritten, sheet, into, settings, connection, in_columns=in_columns)
    if scanned.records != rewritten.records:
        raise UnusableInputError(f"{file.name} cannot be parted into its records: save it again as CSV in UTF-8.")
    return recognition.without_ghosts(profile.located(scanned, connection), connection)


def _scanned(
    file: DeliveredFile,
    sheet: raw.Sheet,
    into: Path,
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    *,
    in_columns: bool,
) -> DeliveredFile:
    """A file with its profile; its text is parsed once, where the map finds all that it needs in its records."""
    if in_columns:
        file = raw.in_columns(file, into, connection)
    return profile.profiled(file, settings, connection, workbook=sheet.numbers is not None)


def _profiled(file: DeliveredFile, settings: Settings, connection: duckdb.DuckDBPyConnection) -> DeliveredFile:
    """A corrected file, profiled again: what its columns mean is told from the cells that stand now."""
    of_workbook = workbook.is_workbook(Path(file.delivered))
    scanned = profile.profiled(file, settings, connection, workbook=of_workbook)
    return recognition.without_ghosts(profile.located(scanned, connection), connection)


def _line_of_header(sheet: raw.Sheet, delimiter: str | None) -> tuple[int, list[str]] | None:
    """Line, or row of a workbook, and cells of the header that stands below the first line."""
    found = text.line_of_header(sheet.path, delimiter)
    if found is None:
        return None
    record, line, cells = found
    return (sheet.numbers[record] if sheet.numbers else line + sheet.skipped), cells
