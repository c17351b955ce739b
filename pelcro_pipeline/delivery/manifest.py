"""What was delivered, as it was read: each file, its columns, and where its records stand."""

from __future__ import annotations

import datetime
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pelcro_pipeline.delivery.answers import GivenAnswer
from pelcro_pipeline.delivery.header import metadata_of
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import ADDRESS_IDS, BY_OBJECT, CUSTOMER_ID, TABLES
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import INVISIBLE, literal
from pelcro_pipeline.workspace import places


class Column(BaseModel):
    """One delivered column: its header as delivered, and the attribute that it names, if any."""

    model_config = ConfigDict(frozen=True)

    position: int
    header: str
    attribute: str | None
    #: Words that are read as empty (FILE-NOTHING).
    nothing: tuple[str, ...] = ()
    #: Whether format characters are taken out (FILE-INVISIBLE).
    invisible: bool = False
    #: Whether some of its values are numbers that a spreadsheet has cut short (FILE-DIGITS-LOST).
    lost_digits: bool = False
    #: It has neither a name nor a filled cell, and is nothing.
    ghost: bool = False
    #: Made by a source's map of the delivered columns at these positions: none of them where it is the same for all.
    derived: bool = False
    made_of: tuple[int, ...] = ()
    #: It is the delivered column as it stands.
    copies: bool = False
    #: The map itself writes each of its values, so that they tell nothing: a constant, a day, an amount.
    settled: bool = False
    #: A delivered column that a source's map reads.
    used: bool = False

    @property
    def name(self) -> str:
        """Its name in SQL; a delivered header never becomes one."""
        return f"c{self.position}"

    @property
    def shown(self) -> str:
        """Its name to a person: the header, or its place where there is none."""
        return self.header.strip() or f"column {self.position + 1}"

    @property
    def delivered_at(self) -> int:
        """Where it stands in the delivered file: of what a source's map made, the first column that it is made of, if there is one."""
        if self.derived:
            return self.made_of[0] if self.made_of else 0
        return self.position

    @property
    def text(self) -> str:
        """SQL of what a cell says: trimmed, null where it is empty or a word for nothing."""
        text = f"trim_cell({self.name})"
        if self.invisible:
            text = f"regexp_replace({text}, '[{INVISIBLE}]', '', 'g')"
        if self.nothing:
            words = ", ".join(map(literal, self.nothing))
            text = f"null_if_word({text}, [{words}])"
        return text


class Told(BaseModel):
    """What the values of a column were told to mean, where a person should know: one finding (``delivery.profile``)."""

    model_config = ConfigDict(frozen=True)

    rule: str
    severity: Severity
    position: int
    attribute: str | None = None
    object: str | None = None
    value: str | None = None
    #: Some of the rows that show it.
    rows: tuple[int, ...] = ()
    #: What the finding says beside the rule's own sentence: how many, and where.
    detail: str
    told: str
    evidence: str


class Profile(BaseModel):
    """What one delivered column holds; lengths are in characters, ``distinct`` is an estimate within a few per cent."""

    model_config = ConfigDict(frozen=True)

    column: str
    attribute: str
    filled: int
    distinct: int
    shortest: int | None
    longest: int | None
    told: str
    evidence: str


class DeliveredFile(BaseModel):
    """One delivered file or sheet, ready to be read by position."""

    model_config = ConfigDict(frozen=True)

    ordinal: int
    #: As findings name it: the base name, or ``workbook.xlsx#Sheet``.
    name: str
    #: UTF-8 text with one row for each record that has as many cells as the header; or Parquet of the same, of an export that a
    #: source's map will read over and over.
    path: str
    delimiter: str
    columns: tuple[Column, ...]
    records: int
    #: Parquet of the physical line of each record, where it is not the record's number + 2.
    lines: str | None
    #: Parquet of blank and ragged records (line, rule, text), where there are any.
    quarantined: str | None
    quarantined_records: int
    #: Parquet of what findings tell of single lines and cells (line, rule, position of the column, text), where there is any.
    noted: str | None = None
    #: Parquet of the cells that corrections replaced (record, line, position of the column, value), where there are any.
    corrected: str | None = None
    #: The export of the source's map that it is, and where that has made attributes of it, the file as it was delivered: then
    #: ``path`` is Parquet of its cells and of what was looked up for them, and ``kept`` of which records stand for a key, if any can.
    export: str | None = None
    made_of: DeliveredFile | None = None
    #: SQL of what the map makes of them, over ``stored`` and ``kept`` (``sources.select``).
    made: str | None = None
    kept: str | None = None
    #: Parquet of the values that the map could not handle (record, attribute, step, column, value), where there are any.
    unhandled: str | None = None
    #: A workbook's sheet that is not shown.
    hidden: bool = False
    #: Positions of the columns with what looks like card numbers, and that the publisher vouches for.
    vouched: tuple[int, ...] = ()
    #: The delivered file, and what it was when it was read: another size or time is another file.
    delivered: str
    stamp: tuple[int, int]
    #: By date attribute its strptime format, and what its numbers are: days, seconds, milliseconds, or none.
    date_formats: dict[str, str] = {}
    date_numbers: dict[str, str] = {}
    told: tuple[Told, ...] = ()
    profile: tuple[Profile, ...] = ()

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that the header names, each once, in its order."""
        return tuple(dict.fromkeys(c.attribute for c in self.columns if c.attribute))

    @property
    def unknown(self) -> tuple[Column, ...]:
        """The columns of no template: carried into the archive."""
        return tuple(c for c in self.columns if c.attribute is None and not c.ghost and not c.used)

    @property
    def delivered_columns(self) -> tuple[Column, ...]:
        """The columns that were delivered, without what a source's map has made of them."""
        return tuple(column for column in self.columns if not column.derived)

    @property
    def repeated(self) -> dict[str, tuple[Column, ...]]:
        """The attributes that the header names more than once."""
        return {attribute: columns for attribute in self.attributes if len(columns := self.columns_of(attribute)) > 1}

    def columns_of(self, attribute: str) -> tuple[Column, ...]:
        """The columns that name an attribute; none where it is absent."""
        return tuple(column for column in self.columns if column.attribute == attribute)

    def read_as(self, column: Column) -> set[str]:
        """The attributes that a delivered column is read as: the one that it names, or those that a source's map makes of it."""
        made = {each.attribute for each in self.columns if column.position in each.made_of and each.attribute}
        return made or ({column.attribute} if column.attribute else set())

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

    @property
    def in_columns(self) -> bool:
        """Whether ``path`` is Parquet, whatever the delivered text is called."""
        return self.path != self.delivered and Path(self.path).suffix == ".parquet"

    def relation(self) -> str:
        """SQL of the file's records, all text, in file order."""
        if self.made is not None:
            return f"({self.over_stored(self.made)})"
        if self.in_columns:
            return f"read_parquet({literal(self.path)})"
        columns = ", ".join(f"'{column.name}': 'VARCHAR'" for column in self.columns)
        return (
            f"read_csv({literal(self.path)}, header = true, auto_detect = false, "
            f"delim = {literal(self.delimiter)}, quote = '\"', escape = '\"', compression = 'none', "
            f"columns = {{{columns}}})"
        )

    @property
    def stored(self) -> str:
        """SQL of the records that a source's map reads, with their ``record`` numbers."""
        numbered = f"read_parquet({literal(self.path)}, file_row_number = true)"
        return f"SELECT file_row_number AS record, * EXCLUDE (file_row_number) FROM {numbered}"

    def over_stored(self, select: str) -> str:
        """SQL of a SELECT over what a source's map reads: ``stored`` and ``kept``."""
        tables = {"stored": self.stored}
        if self.kept is not None:
            # Parquet has no bits, and keeps them as text.
            tables["kept"] = f"SELECT CAST(COLUMNS(*) AS BIT) FROM read_parquet({literal(self.kept)})"
        return f"WITH {', '.join(f'{name} AS ({sql})' for name, sql in tables.items())} FROM ({select})"


class UnreadSheet(BaseModel):
    """A sheet without a template's headers in a workbook that has others."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    #: Of the workbook's first sheet that was read.
    ordinal: int


class Manifest(BaseModel):
    """All delivered files of an extract."""

    model_config = ConfigDict(frozen=True)

    files: tuple[DeliveredFile, ...]
    #: Exports that a source's map only looks into: their records are no objects.
    looked_into: tuple[DeliveredFile, ...] = ()
    unread: tuple[UnreadSheet, ...] = ()
    #: Of the folder, settings included, as it was when it was read.
    fingerprint: str
    #: Of what stands in it: a file can be written to and keep its size and time.
    content_digest: str
    #: As they were then, and with a day: every step judges by the same, though midnight may pass between two.
    settings: Settings
    #: The publisher's answers to questions, as they were given.
    answers: tuple[GivenAnswer, ...] = ()
    #: By the id that a customer has no more, the one that it goes by, where the publisher says that two are one.
    same_customers: dict[str, str] = {}

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """The manifest that stands at ``path``. Raises UnusableInputError where a delivered file has changed since."""
        manifest = cls.model_validate_json(path.read_text())
        manifest.verify()
        return manifest

    def holding(self, object_: str) -> tuple[DeliveredFile, ...]:
        """The files whose records can hold an object."""
        return tuple(file for file in self.files if object_ in file.objects)

    def verify(self) -> None:
        """Raise UnusableInputError where a delivered file is no longer the one that was read."""
        for file in (*self.files, *self.looked_into):
            stat = Path(file.delivered).stat() if Path(file.delivered).exists() else None
            if stat is None or (stat.st_size, stat.st_mtime_ns) != file.stamp:
                raise UnusableInputError(
                    f"{file.name} has changed since it was read: run the extract again from the start."
                )

    def moved(self, folder: Path, to: Path) -> Manifest:
        """The same manifest, with what was kept in ``folder`` standing in ``to``."""

        def there(path: str | None) -> str | None:
            return str(to / Path(path).name) if path and Path(path).parent == folder else path

        def moved(file: DeliveredFile) -> DeliveredFile:
            places = ("path", "lines", "quarantined", "noted", "corrected", "unhandled", "kept")
            update: dict[str, object] = {name: there(getattr(file, name)) for name in places}
            if file.made_of is not None:
                update["made_of"] = moved(file.made_of)
            return file.model_copy(update=update)

        return self.model_copy(
            update={"files": tuple(map(moved, self.files)), "looked_into": tuple(map(moved, self.looked_into))}
        )

    @cached_property
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


def is_current(path: Path, folder: Path) -> bool:
    """Whether the manifest that stands at ``path``, if one does, is of ``folder`` as it is now."""
    manifest = _as_read(path)
    return manifest is not None and manifest.fingerprint == places.fingerprint(folder)


def judged_by(path: Path) -> datetime.date | None:
    """The day that an extract was judged by, whose manifest stands at ``path``, if one does."""
    manifest = _as_read(path)
    return manifest.settings.today if manifest else None


def _as_read(path: Path) -> Manifest | None:
    """The manifest, whatever has become of the delivered files since."""
    try:
        return Manifest.model_validate_json(path.read_text()) if path.exists() else None
    except ValidationError:
        # It is of an earlier version of this code.
        return None
