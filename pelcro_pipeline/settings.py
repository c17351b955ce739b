"""extract.toml: what a publisher's extract says of itself."""

from __future__ import annotations

import datetime
import os
import tomllib
import zoneinfo
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.spec.codes import currencies
from pelcro_pipeline.workspace.intake import own_file

FILE_NAME = "extract.toml"
#: What systems write for nothing, in this case (FILE-NOTHING).
NOTHING = ("NULL", "\\N", "NaN", "nan", "None", "N/A", "n/a", "#N/A", "-", "--", ".")
DELIMITERS = (",", ";", "\t", "|")
#: The encodings that extract.toml can name, as Python knows them.
ENCODINGS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "windows-1252": "cp1252"}
#: Bytes. A dozen settings need a thousandth of it; what is larger is another file by that name.
_LARGEST = 1_000_000
#: What an error repeats at most: reasons, and characters of a key and of tomllib's own sentence.
_REASONS_SHOWN, _KEY_SHOWN, _SENTENCE_SHOWN = 5, 60, 200


# Every step reads the settings again, and looking the zones up takes 50 ms.
_time_zones = cache(zoneinfo.available_timezones)


class DateFormat(StrEnum):
    """How dates with slashes, hyphens or dots are written."""

    DAY_FIRST = "dd/mm/yyyy"
    MONTH_FIRST = "mm/dd/yyyy"
    ISO = "yyyy-mm-dd"

    @property
    def strptime(self) -> str:
        """The same, as strptime and strftime write it."""
        return {"dd/mm/yyyy": "%d/%m/%Y", "mm/dd/yyyy": "%m/%d/%Y", "yyyy-mm-dd": "%Y-%m-%d"}[self]


class Amounts(StrEnum):
    """What plan amounts are written in."""

    CENTS = "cents"
    UNITS = "units"


class UnpaidReading(StrEnum):
    """Which of the guide's two lists an open invoice follows."""

    DUE_IN_ONE_DAY = "due_in_one_day"
    OPEN_UNTIL_UNCOLLECTIBLE = "open_until_uncollectible"


class Settings(BaseModel):
    """The settings of one extract, each with its default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    migration_date: datetime.date | None = Field(
        None,
        description="The day of the migration, as 2026-11-01 without quotation marks; the day of the run if not set.",
    )
    timezone: str = Field(
        "UTC", description="Whose day it is where no migration_date is set: an IANA name, such as America/Toronto."
    )
    amounts: Amounts | None = Field(
        None,
        description="What prices are written in: cents, or units (dollars, euros); cents if not set, and asked about.",
    )
    nothing: tuple[str, ...] | None = Field(
        None,
        description='Words that stand for an empty cell, such as ["NULL", "-"]; told if not set, and asked about.',
    )
    not_nothing: tuple[str, ...] = Field(
        (), description='Such words that are text all the same, and kept, such as ["None"].'
    )
    currency: str | None = Field(None, description="Of plans that give none: ISO 4217, such as cad.")
    taxes: bool | None = Field(None, description="Whether the publisher collects taxes: true or false.")
    date_format: DateFormat | None = Field(
        None,
        description="How the files write dates: dd/mm/yyyy, mm/dd/yyyy or yyyy-mm-dd; told for each column if not set.",
    )
    template_date_format: DateFormat = Field(
        DateFormat.DAY_FIRST, description="How the prepared files write dates: one of the same three."
    )
    second_signature: bool = Field(
        False, description="Whether production wants the signature of a second person: true or false."
    )
    certificate: bool = Field(
        False,
        description="Whether production is loaded only with a certificate that holds: true or false.",
    )
    unpaid_reading: UnpaidReading = Field(
        UnpaidReading.DUE_IN_ONE_DAY,
        description="When an unpaid invoice that is sent is due: due_in_one_day, or open_until_uncollectible.",
    )
    write_off_days: int | None = Field(
        None, ge=1, description="Days until an open invoice is uncollectible, by the reading open_until_uncollectible."
    )
    sample_size: int = Field(
        30,
        ge=20,
        le=50,
        description="How many customers the review sample holds, 20 to 50; all of them where there are fewer.",
    )
    old_customers: int | None = Field(
        None, ge=0, description="How many customers the old system counts, for the going-live list."
    )
    old_active_subscriptions: int | None = Field(
        None, ge=0, description="How many active subscriptions the old system counts, for the going-live list."
    )
    source: str | None = Field(
        None,
        description="The legacy system that wrote the files, such as piano: its exports are read by the map that is shipped.",
    )
    active_statuses: tuple[str, ...] = Field(
        (), description='Statuses of the source that its map leaves open and that are active, such as ["Trial"].'
    )
    unpaid_statuses: tuple[str, ...] = Field((), description="The same, that are unpaid.")
    ended_statuses: tuple[str, ...] = Field((), description="The same, that have ended and stay behind.")
    encoding: str | None = Field(
        None, description="The files' encoding, where it cannot be told: utf-8, utf-16 or windows-1252."
    )
    delimiter: str | None = Field(
        None, description="The files' delimiter, where it cannot be told: one of , ; | or \\t."
    )
    ignore: tuple[str, ...] = Field(
        (), description='Files and sheets that are left alone, such as ["notes.csv", "export.xlsx#Read me"].'
    )
    not_card_numbers: tuple[str, ...] = Field(
        (), description='Columns, by header, whose long numbers are no payment card numbers, such as ["Receipt"].'
    )

    @field_validator("migration_date", mode="before")
    @classmethod
    def _no_time_of_day(cls, value: object) -> object:
        if isinstance(value, datetime.datetime):
            raise ValueError("give a date alone, such as 2026-11-01")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in _time_zones():
            raise ValueError("no such time zone; give an IANA name such as America/Toronto")
        return value

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str | None) -> str | None:
        if value is not None and value.lower() not in currencies():
            raise ValueError("not an ISO 4217 currency code")
        return value.lower() if value else value

    @field_validator("delimiter")
    @classmethod
    def _known_delimiter(cls, value: str | None) -> str | None:
        if value not in (None, *DELIMITERS):
            raise ValueError("give one of , ; \\t |")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None and value.lower() not in ENCODINGS:
            raise ValueError(f"give one of {', '.join(ENCODINGS)}")
        return value

    @property
    def today(self) -> datetime.date:
        """The day that the rules judge by."""
        return self.migration_date or self._day(datetime.datetime.now(datetime.UTC))

    def day_of_load(self, now: datetime.datetime) -> datetime.date:
        """The day that production is loaded for: the planned one until it is over, then the day that it is."""
        return max(self._day(now), self.migration_date or datetime.date.min)

    def _day(self, now: datetime.datetime) -> datetime.date:
        return now.astimezone(zoneinfo.ZoneInfo(self.timezone)).date()


def load(folder: Path) -> Settings:
    """The settings of the extract in ``folder``; the defaults where it has no extract.toml.

    Raises UnusableInputError for a file that is no TOML, an unknown key or an unusable value.
    """
    path = folder / FILE_NAME
    if not os.path.lexists(path):
        return Settings()
    if own_file(path).stat().st_size > _LARGEST:
        raise UnusableInputError(f"{FILE_NAME} holds more than {_LARGEST:,} bytes: give it settings alone.")
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except ValidationError as error:
        raise UnusableInputError(f"{FILE_NAME}: {_sentence(error)}") from error
    # Beside its own error tomllib lets through those of bytes, of 4,300 digits and of a thousand brackets.
    except (ValueError, RecursionError) as error:
        raise UnusableInputError(f"{FILE_NAME} is not TOML: {str(error)[:_SENTENCE_SHOWN]}.") from error


def _sentence(error: ValidationError) -> str:
    reasons = []
    for each in error.errors()[:_REASONS_SHOWN]:
        key = ".".join(map(str, each["loc"]))[:_KEY_SHOWN]
        if each["type"] == "extra_forbidden":
            known = ", ".join(Settings.model_fields)
            reasons.append(f"{key} is no setting (there are {known})")
        else:
            reasons.append(f"{key}: {each['msg'].removeprefix('Value error, ')}")
    more = error.error_count() - len(reasons)
    return "; ".join(reasons) + (f"; and {more:,} more." if more else ".")
