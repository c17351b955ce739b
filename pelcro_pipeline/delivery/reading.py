"""One delivered folder, read: the manifest of its files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import duckdb

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.delivery import profile, raw, recognition, text
from pelcro_pipeline.delivery.manifest import DeliveredFile, Manifest
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.workspace import places
from pelcro_pipeline.workspace.intake import PASSWORD_SAMPLES, own_file

#: Files of an extract's folder that hold no records of a template: no header is looked for in them.
SETTING_FILES = (extract_settings.FILE_NAME, "cards.json", "cards.csv", PASSWORD_SAMPLES, "answers.csv")


def read(folder: Path, into: Path, settings: Settings, connection: duckdb.DuckDBPyConnection) -> Manifest:
    """Read every delivered file of ``folder``; what must be kept beside it goes into ``into``.

    Raises UnusableInputError where a file cannot be read (FILE-UNREADABLE), lacks what nothing can
    stand without (FILE-MISSING), or changed meanwhile.
    """
    paths = delivered(folder, settings)
    found = places.fingerprint(folder)
    sheets = [sheet for path in paths for sheet in raw.sheets(path, into, settings)]
    files = tuple(_file(ordinal, sheet, into, settings, connection) for ordinal, sheet in enumerate(sheets))
    if not files:
        raise UnusableInputError(f"{folder.name} holds no CSV or XLSX file: deliver the publisher's export.")
    ((name, times),) = Counter(file.name for file in files).most_common(1)
    if times > 1:
        raise UnusableInputError(
            f"Two of the delivered files and sheets are called {name}: rename one and deliver again."
        )
    judged_on = settings.model_copy(update={"migration_date": settings.today})
    manifest = Manifest(files=files, fingerprint=found, content_digest=delivered_digest(folder), settings=judged_on)
    recognition.refuse_missing(manifest, connection)
    if places.fingerprint(folder) != found:
        raise UnusableInputError(f"{folder.name} changed while it was read: run it again once it is whole.")
    return manifest


def delivered_digest(folder: Path) -> str:
    """A digest of all that was delivered, by name and content; settings are told apart from it."""
    files = (each for each in folder.rglob("*") if each.is_file() and each.name != extract_settings.FILE_NAME)
    return places.content_digest(folder, sorted(files))


def delivered(folder: Path, settings: Settings) -> list[Path]:
    """The delivered files of ``folder``, by name.

    Raises UnusableInputError for what is no file of it, and for a file to ignore that it lacks.
    """
    paths = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    unknown = [name for name in settings.ignore if not (folder / name).exists()]
    if unknown:
        raise UnusableInputError(f"extract.toml ignores {unknown[0]}, which is not in {folder.name}.")
    own = [own_file(path) for path in paths if path.name not in settings.ignore]
    return [path for path in own if path.name not in SETTING_FILES]


def _file(
    ordinal: int,
    sheet: raw.Sheet,
    into: Path,
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
) -> DeliveredFile:
    delimiter, header, one_line = text.header_of(sheet.path, sheet.name, None if sheet.numbers else settings.delimiter)
    if not sheet.name.isprintable():
        raise UnusableInputError(f"{sheet.name}: the sheet's name holds characters that cannot be shown: rename it.")
    stat = sheet.delivered.stat()
    file = DeliveredFile(
        ordinal=ordinal,
        name=sheet.name,
        path=str(sheet.path),
        delimiter=delimiter,
        columns=recognition.columns_of(header),
        records=0,
        lines=None,
        quarantined=None,
        quarantined_records=0,
        stamp=(stat.st_size, stat.st_mtime_ns),
        delivered=str(sheet.delivered),
    )
    recognition.refuse_unrecognised(file)
    try:
        scanned = profile.profiled(file, settings, connection, workbook=sheet.numbers is not None)
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.NotImplementedException):
        scanned = None
    # DuckDB passes over the header: a quotation mark astray in it swallows records without an error.
    numbered = raw.numbered(scanned, sheet, into) if scanned and one_line else None
    if numbered:
        return numbered
    rewritten = raw.rewritten(file, sheet, into)
    scanned = profile.profiled(rewritten, settings, connection, workbook=sheet.numbers is not None)
    if scanned.records != rewritten.records:
        raise UnusableInputError(f"{file.name} cannot be parted into its records: save it again as CSV in UTF-8.")
    return scanned
