"""One delivered folder, read: which file holds what, how its cells are to be understood."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TextIO

import duckdb
import pyarrow
import pyarrow.parquet
from pydantic import BaseModel, ConfigDict, ValidationError

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline import workspace
from pelcro_pipeline.delivery import text, workbook
from pelcro_pipeline.delivery.folder import PASSWORD_SAMPLES, own_file
from pelcro_pipeline.delivery.header import attribute_of, metadata_of
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import ADDRESS_IDS, ATTRIBUTES, BY_OBJECT, CUSTOMER_ID, TABLES
from pelcro_pipeline.spec.kinds import DATE
from pelcro_pipeline.spec.sql import literal

#: Files of an extract's folder that hold no records of a template: no header is looked for in them.
SETTING_FILES = (extract_settings.FILE_NAME, "cards.json", "cards.csv", PASSWORD_SAMPLES, "answers.csv")
#: Characters of a record. DuckDB reads lines of 2,000,000 bytes, and a character has up to four.
_LONGEST_RECORD = 400_000
#: DuckDB reads every file that such a name matches.
_PATTERN = frozenset("*?[")
#: A repeated header takes one of 64 bits, of which the spec's own breaches need up to 26.
_MOST_REPEATED = 32
#: FILE-MISSING: without these columns nothing of their table could stand.
INDISPENSABLE = {
    "product": ("product.id", "product.name"),
    "plan": (
        "plan.old_id",
        "plan.nickname",
        "plan.amount",
        "plan.currency",
        "plan.auto_renew",
        "plan.interval",
        "plan.interval_count",
        "plan.temporary_product_id",
    ),
    "subscription": (
        "subscription.current_period_end",
        "subscription.collection_method",
        "subscription.common_metadata.temporary_plan_id",
        "subscription.common_metadata.service_status",
    ),
}


class Column(BaseModel):
    """One delivered column: its header as delivered, and the attribute that it names, if any."""

    model_config = ConfigDict(frozen=True)

    position: int
    header: str
    attribute: str | None

    @property
    def name(self) -> str:
        """Its name in SQL; a delivered header never becomes one."""
        return f"c{self.position}"


class DeliveredFile(BaseModel):
    """One delivered file or sheet, ready to be read by position."""

    model_config = ConfigDict(frozen=True)

    ordinal: int
    #: As findings name it: the base name, or ``workbook.xlsx#Sheet``.
    name: str
    #: UTF-8 text with one row for each record that has as many cells as the header.
    path: str
    delimiter: str
    columns: tuple[Column, ...]
    records: int
    #: Parquet of the physical line of each record, where it is not the record's number + 2.
    lines: str | None
    #: Parquet of blank and ragged records (line, rule, text), where there are any.
    set_aside: str | None
    set_aside_records: int
    #: The delivered file, and what it was when it was read: another size or time is another file.
    delivered: str
    stamp: tuple[int, int]
    #: strptime format by date attribute, and the attributes whose order could not be told.
    date_formats: dict[str, str]
    untold_dates: tuple[str, ...]

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that the header names, each once, in its order."""
        return tuple(dict.fromkeys(c.attribute for c in self.columns if c.attribute))

    @property
    def unknown(self) -> tuple[Column, ...]:
        """The columns of no template: carried into the archive."""
        return tuple(column for column in self.columns if column.attribute is None)

    @property
    def repeated(self) -> dict[str, tuple[Column, ...]]:
        """The attributes that the header names more than once."""
        return {attribute: columns for attribute in self.attributes if len(columns := self.columns_of(attribute)) > 1}

    def columns_of(self, attribute: str) -> tuple[Column, ...]:
        """The columns that name an attribute; none where it is absent."""
        return tuple(column for column in self.columns if column.attribute == attribute)

    @cached_property
    def objects(self) -> tuple[str, ...]:
        """The objects that a record of this file can hold, by its header.

        A file whose only customer column is the link to another file's customers holds none.
        """
        found = {
            table.object for table in TABLES if any(attribute.startswith(table.prefix) for attribute in self.attributes)
        }
        customers = [each for each in self.attributes if each.startswith("customer.")]
        if customers == [CUSTOMER_ID] and found != {"customer"}:
            found.discard("customer")
        return tuple(name for name in BY_OBJECT if name in found)

    def relation(self) -> str:
        """SQL of the file's records, all text, in file order."""
        columns = ", ".join(f"'{column.name}': 'VARCHAR'" for column in self.columns)
        return (
            f"read_csv({literal(self.path)}, header = true, auto_detect = false, "
            f"delim = {literal(self.delimiter)}, quote = '\"', escape = '\"', compression = 'none', "
            f"columns = {{{columns}}})"
        )


class Reading(BaseModel):
    """All delivered files of an extract."""

    model_config = ConfigDict(frozen=True)

    files: tuple[DeliveredFile, ...]
    #: Of the folder, settings included, as it was when it was read.
    fingerprint: str
    #: Of what stands in it: a file can be written to and keep its size and time.
    content: str
    #: As they were then, and with a day: every step judges by the same, though midnight may pass between two.
    settings: Settings

    def holding(self, object_: str) -> tuple[DeliveredFile, ...]:
        """The files whose records can hold an object."""
        return tuple(file for file in self.files if object_ in file.objects)

    def verify(self) -> None:
        """Raise UnusableInputError where a delivered file is no longer the one that was read."""
        for file in self.files:
            stat = Path(file.delivered).stat() if Path(file.delivered).exists() else None
            if stat is None or (stat.st_size, stat.st_mtime_ns) != file.stamp:
                raise UnusableInputError(
                    f"{file.name} has changed since it was read: run the extract again from the start."
                )

    def moved(self, folder: Path, to: Path) -> Reading:
        """The same reading, with what was kept in ``folder`` standing in ``to``."""

        def there(path: str | None) -> str | None:
            return str(to / Path(path).name) if path and Path(path).parent == folder else path

        files = tuple(
            file.model_copy(update={name: there(getattr(file, name)) for name in ("path", "lines", "set_aside")})
            for file in self.files
        )
        return self.model_copy(update={"files": files})

    @property
    def metadata(self) -> dict[str, tuple[str, ...]]:
        """The metadata columns of no template that each object carries, by name."""
        return {
            table.object: tuple(
                sorted({name for file in self.holding(table.object) for name in metadata_of(table, file.attributes)})
            )
            for table in TABLES
        }

    @property
    def address_ids(self) -> tuple[str, ...]:
        """The address id columns that the extract has."""
        return tuple(
            attribute.name
            for attribute in ADDRESS_IDS.values()
            if any(attribute.name in file.attributes for file in self.files)
        )


def opened(path: Path) -> Reading:
    """The reading that stands at ``path``. Raises UnusableInputError where a delivered file is no
    longer the one that was read."""
    reading = Reading.model_validate_json(path.read_text())
    reading.verify()
    return reading


def is_read(path: Path, folder: Path) -> bool:
    """Whether the reading that stands at ``path``, if one does, is of ``folder`` as it is now."""
    try:
        return path.exists() and Reading.model_validate_json(path.read_text()).fingerprint == workspace.fingerprint(
            folder
        )
    except ValidationError:
        # It is of an earlier version of this code.
        return False


def read(folder: Path, into: Path, settings: Settings, connection: duckdb.DuckDBPyConnection) -> Reading:
    """Read every delivered file of ``folder``; what must be kept beside it goes into ``into``.

    Raises UnusableInputError where a file cannot be read (FILE-UNREADABLE), lacks what nothing can
    stand without (FILE-MISSING), or changed meanwhile.
    """
    paths = delivered(folder, settings)
    found = workspace.fingerprint(folder)
    sheets = [sheet for path in paths for sheet in _sheets(path, into, settings)]
    files = tuple(_file(ordinal, sheet, into, settings, connection) for ordinal, sheet in enumerate(sheets))
    if not files:
        raise UnusableInputError(f"{folder.name} holds no CSV or XLSX file: deliver the publisher's export.")
    ((name, times),) = Counter(file.name for file in files).most_common(1)
    if times > 1:
        raise UnusableInputError(
            f"Two of the delivered files and sheets are called {name}: rename one and deliver again."
        )
    judged_on = settings.model_copy(update={"migration_date": settings.today})
    reading = Reading(files=files, fingerprint=found, content=content(folder), settings=judged_on)
    _nothing_missing(reading, connection)
    if workspace.fingerprint(folder) != found:
        raise UnusableInputError(f"{folder.name} changed while it was read: run it again once it is whole.")
    return reading


def content(folder: Path) -> str:
    """A digest of all that was delivered, by name and content; settings are told apart from it."""
    files = (each for each in folder.rglob("*") if each.is_file() and each.name != extract_settings.FILE_NAME)
    return workspace.content(folder, sorted(files))


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


class _Sheet(BaseModel):
    name: str
    delivered: Path
    path: Path
    #: The rows of a workbook know their numbers; text is scanned for them.
    numbers: list[int] | None = None


def _sheets(path: Path, into: Path, settings: Settings) -> Iterator[_Sheet]:
    if workbook.is_workbook(path):
        for name, rows in workbook.sheets(path):
            to = _next(into)
            with to.open("w", encoding="utf-8", newline="") as out:
                # Quotation marks keep a lone carriage return in its cell.
                writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
                numbers = [number for number, row in rows if writer.writerow(row)]
            yield _Sheet(name=f"{path.name}#{name}", delivered=path, path=to, numbers=numbers)
        return
    encoding = text.encoding_of(path, settings.encoding)
    if encoding == "utf-8" and _PATTERN.isdisjoint(path.name):
        yield _Sheet(name=path.name, delivered=path, path=path)
        return
    to = _next(into)
    text.transcode(path, encoding, to)
    yield _Sheet(name=path.name, delivered=path, path=to)


def _next(into: Path) -> Path:
    """A place for a file's text; its delivered name could be too long for one, or taken."""
    return into / f"text.{len(list(into.iterdir()))}.csv"


def _file(
    ordinal: int,
    sheet: _Sheet,
    into: Path,
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
) -> DeliveredFile:
    delimiter, header, one_line = text.header_of(sheet.path, sheet.name, None if sheet.numbers else settings.delimiter)
    columns = tuple(
        Column(position=position, header=cell, attribute=attribute_of(cell)) for position, cell in enumerate(header)
    )
    if not sheet.name.isprintable():
        raise UnusableInputError(f"{sheet.name}: the sheet's name holds characters that cannot be shown: rename it.")
    stat = sheet.delivered.stat()
    file = DeliveredFile(
        ordinal=ordinal,
        name=sheet.name,
        path=str(sheet.path),
        delimiter=delimiter,
        columns=columns,
        records=0,
        lines=None,
        set_aside=None,
        set_aside_records=0,
        stamp=(stat.st_size, stat.st_mtime_ns),
        delivered=str(sheet.delivered),
        date_formats={},
        untold_dates=(),
    )
    # An address id alone, which no template has, makes no object of a record either.
    if not file.objects:
        raise UnusableInputError(
            f"{sheet.name}: none of its headers belongs to a Pelcro template: compare them with `pelcro-pipeline new`, "
            "or name the file under ignore in extract.toml."
        )
    if len(file.repeated) > _MOST_REPEATED:
        raise UnusableInputError(
            f"{file.name} repeats {len(file.repeated)} headers, among them {next(iter(file.repeated))}: give each column once."
        )
    try:
        scanned = _scanned(file, settings, connection)
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.NotImplementedException):
        scanned = None
    # DuckDB passes over the header: a quotation mark astray in it swallows records without an error.
    numbered = _numbered(scanned, sheet, into) if scanned and one_line else None
    return numbered or _rewritten(file, sheet, into, settings, connection)


def _numbered(file: DeliveredFile, sheet: _Sheet, into: Path) -> DeliveredFile | None:
    """The file with the lines of its records and what had to be set aside; None where DuckDB does not
    split its text as RFC 4180 does."""
    if sheet.numbers is not None:
        return _with_lines(file, sheet.numbers[1:], into) if file.records == len(sheet.numbers) - 1 else None
    lines, returns_alone = text.line_feeds(sheet.path)
    # DuckDB may or may not split at one.
    if returns_alone:
        return None
    # FILE-RAGGED: DuckDB lets empty cells behind the last column pass.
    if text.delimiters(sheet.path, file.delimiter) != (file.records + 1) * (len(file.columns) - 1):
        return None
    if lines == file.records + 1:
        return file
    lines, blank = text.record_lines(sheet.path)
    lines, blank = lines[1:], blank[1:]
    if len(lines) - int(blank.sum()) != file.records:
        return None
    file = _with_lines(file, lines[~blank], into)
    return _setting_aside(file, [(int(line), "FILE-BLANK", "") for line in lines[blank]], into)


def _rewritten(
    file: DeliveredFile, sheet: _Sheet, into: Path, settings: Settings, connection: duckdb.DuckDBPyConnection
) -> DeliveredFile:
    """The file read record by record: slower, and right for whatever DuckDB refuses to split."""
    to = into / f"{file.ordinal}.records.csv"
    numbers, set_aside = [], []
    width = len(file.columns)
    with (
        sheet.path.open(encoding="utf-8-sig", newline="") as source,
        to.open("w", encoding="utf-8", newline="") as out,
    ):
        # Quotation marks keep a lone carriage return in its cell.
        writer = csv.writer(out, delimiter=file.delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for index, (line, raw, cells) in enumerate(_records(source, file)):
            number = sheet.numbers[index] if sheet.numbers else line
            if index == 0:
                # A line break in a header makes DuckDB look for that kind alone, and find no record.
                writer.writerow([column.name for column in file.columns])
            elif not any(cell.strip() for cell in cells):
                set_aside.append((number, "FILE-BLANK", ""))
            elif len(cells) != width:
                set_aside.append((number, "FILE-RAGGED", raw))
            else:
                writer.writerow(cells)
                numbers.append(number)
        if text.is_open_ended(raw, file.delimiter):
            raise UnusableInputError(
                f"{file.name}: a quotation mark opened in the record on line {number} is never closed: mend it and deliver again."
            )
    file = _scanned(file.model_copy(update={"path": str(to)}), settings, connection)
    if file.records != len(numbers):
        raise UnusableInputError(f"{file.name} cannot be parted into its records: save it again as CSV in UTF-8.")
    return _setting_aside(_with_lines(file, numbers, into), set_aside, into)


def _records(source: TextIO, file: DeliveredFile) -> Iterator[tuple[int, str, list[str]]]:
    """Each record with its physical line, its raw text and its cells."""
    line, size = 1, 0
    taken: list[str] = []

    def lines() -> Iterator[str]:
        nonlocal size
        while part := source.readline(_LONGEST_RECORD + 1):
            size += len(part)
            if size > _LONGEST_RECORD:
                raise UnusableInputError(
                    f"{file.name}: the record on line {line} holds more than {_LONGEST_RECORD:,} characters, "
                    "or a quotation mark opened in it is never closed: mend it and deliver again."
                )
            taken.append(part)
            yield part

    reader = csv.reader(lines(), delimiter=file.delimiter)
    for cells in reader:
        yield line, "".join(taken).rstrip("\r\n"), cells
        line, size = reader.line_num + 1, 0
        taken.clear()


def _with_lines(file: DeliveredFile, lines, into: Path) -> DeliveredFile:
    path = into / f"{file.ordinal}.lines.parquet"
    table = pyarrow.table({"line": pyarrow.array(lines, pyarrow.int64())})
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return file.model_copy(update={"lines": str(path)})


def _setting_aside(file: DeliveredFile, records: list[tuple[int, str, str]], into: Path) -> DeliveredFile:
    if not records:
        return file
    path = into / f"{file.ordinal}.set_aside.parquet"
    lines, rules, texts = zip(*records, strict=True)
    table = pyarrow.table(
        {
            "line": pyarrow.array(lines, pyarrow.int64()),
            "rule": pyarrow.array(rules),
            "text": pyarrow.array(texts, pyarrow.string()),
        }
    )
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return file.model_copy(update={"set_aside": str(path), "set_aside_records": len(records)})


def _scanned(file: DeliveredFile, settings: Settings, connection: duckdb.DuckDBPyConnection) -> DeliveredFile:
    """The file with its count of records, and the order of day and month told for each of its date columns.

    One scan for all of it: a file of a million records takes half a second for each.
    """
    dates = [name for name in file.attributes if name in ATTRIBUTES and ATTRIBUTES[name].kind is DATE]
    columns = {name: file.columns_of(name)[0].name for name in dates} if settings.date_format is None else {}
    named = "".join(f" WHEN grouping({column}) = 0 THEN {literal(name)}" for name, column in columns.items())
    sets = ", ".join(["()", *(f"({column})" for column in columns.values())])
    counted = connection.execute(
        f"""
        WITH counted AS (
            SELECT {f"CASE{named} END" if columns else "NULL"} AS attribute,
                {f"coalesce({', '.join(columns.values())})" if columns else "NULL"} AS value, count(*) AS records
            FROM {file.relation()} GROUP BY GROUPING SETS ({sets})
        ), parsed AS (
            SELECT attribute, records,
                ordered_date(filled(value), '%d/%m/%Y') AS day_first,
                ordered_date(filled(value), '%m/%d/%Y') AS month_first
            FROM counted WHERE attribute IS NULL OR iso_date(filled(value)) IS NULL
        )
        SELECT attribute, sum(records)::BIGINT,
            coalesce(sum(records) FILTER (day_first IS NOT NULL), 0),
            coalesce(sum(records) FILTER (month_first IS NOT NULL), 0),
            count(*) FILTER (day_first IS DISTINCT FROM month_first)
        FROM parsed GROUP BY attribute"""
    ).fetchall()
    formats = dict.fromkeys(dates, settings.date_format.strptime if settings.date_format else "%d/%m/%Y")
    formats |= {name: "%m/%d/%Y" for name, _, day_first, month_first, _ in counted if name and month_first > day_first}
    untold = {name for name, _, day_first, month_first, differing in counted if day_first == month_first and differing}
    return file.model_copy(
        update={
            "records": next(records for name, records, *_ in counted if name is None),
            "date_formats": formats,
            "untold_dates": tuple(name for name in dates if name in untold),
        }
    )


def _nothing_missing(reading: Reading, connection: duckdb.DuckDBPyConnection) -> None:
    missing = [
        f"{file.name} lacks {attribute}"
        for object_, attributes in INDISPENSABLE.items()
        for file in reading.holding(object_)
        for attribute in attributes
        if attribute not in file.attributes
    ]
    undelivered = [object_ for object_ in ("product", "plan") if not reading.holding(object_)]
    if undelivered and any(_has_subscriptions(file, connection) for file in reading.holding("subscription")):
        missing += [f"the extract has subscriptions and no {object_}s" for object_ in undelivered]
    if missing:
        raise UnusableInputError(f"FILE-MISSING: {'; '.join(missing)}. Deliver what is missing.")


def _has_subscriptions(file: DeliveredFile, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a record holds a subscription: the template names its columns in any case."""
    cells = ", ".join(
        f"nullif(filled({column.name}), '0')"
        for column in file.columns
        if column.attribute and column.attribute.startswith("subscription.")
    )
    return connection.execute(
        f"SELECT coalesce(bool_or(coalesce({cells}) IS NOT NULL), false) FROM {file.relation()}"
    ).fetchall()[0][0]
