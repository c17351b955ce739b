"""extract.toml: what a publisher's extract says of itself."""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import tomllib
import zoneinfo
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

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


class Target(StrEnum):
    """What an environment is."""

    DUCKDB = "duckdb"
    CORE_API = "core_api"


class Existing(StrEnum):
    """What becomes of a row of a site that has an object's id and not our mark."""

    KEEP = "keep"
    UPDATE = "update"


#: Where Pelcro's Core API is; besides these only this machine is spoken to.
CORE_API_HOSTS = ("www.pelcro.com", "staging.pelcro.com")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,63}")


class Environment(BaseModel):
    """Where an environment is loaded to: a DuckDB file, and a Pelcro site where one is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: Target = Field(Target.DUCKDB, description="duckdb, or core_api for a Pelcro site.")
    url: str = Field(
        f"https://{CORE_API_HOSTS[0]}/api/v1/core",
        description="Where the Core API answers: https, at a host of Pelcro's, or this machine.",
    )
    site: int = Field(0, ge=0, description="The site's number, as in pelcro.com/admin/NUMBER/customers.")
    key: str = Field(
        "", description="The NAME of the environment variable that holds the API key. The key itself is refused here."
    )
    rate: float = Field(10, ge=0, description="Calls a second; 0 for as many as the site answers.")
    connections: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Calls in flight at most; as many as rate and latency ask for where it is not set.",
    )
    settle: float = Field(
        60,
        gt=0,
        le=600,
        description="Seconds after which a call without an answer has taken effect, or never will.",
    )
    existing: Existing = Field(
        Existing.KEEP,
        description="What becomes of a product or plan that stood on the site before and differs: keep it, or update it.",
    )
    opens: datetime.datetime | None = Field(
        None, description="The window that a load has to fit into, with its time zone, as 2026-11-01T06:00:00-03:00."
    )
    closes: datetime.datetime | None = Field(None, description="Its end.")

    @field_validator("url")
    @classmethod
    def _known_host(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("give the address alone, such as https://www.pelcro.com/api/v1/core")
        local = _is_loopback(parts.hostname or "")
        if not local and parts.hostname not in CORE_API_HOSTS:
            raise ValueError(f"the Core API is at {' and '.join(CORE_API_HOSTS)}; no other host is spoken to")
        if parts.scheme != "https" and not (local and parts.scheme == "http"):
            raise ValueError("give it as https://")
        return value.rstrip("/")

    @field_validator("key")
    @classmethod
    def _no_key(cls, value: str) -> str:
        if value and not _VARIABLE.fullmatch(value):
            # What stands here may be the key itself: it is not repeated.
            raise ValueError(
                "give the NAME of the environment variable that holds the key, in capitals, such as PELCRO_STAGING_KEY, "
                "and never the key; if one was written here, have it revoked"
            )
        return value

    @model_validator(mode="after")
    def _whole(self) -> Environment:
        if self.target is Target.CORE_API and not (self.site and self.key):
            raise ValueError("a site needs site, its number, and key, the name of an environment variable")
        if (self.opens is None) != (self.closes is None) or (self.opens and self.opens >= self.closes):
            raise ValueError("opens and closes go together, opens first")
        if any(each and each.tzinfo is None for each in (self.opens, self.closes)):
            raise ValueError("opens and closes need a time zone, as in 2026-11-01T06:00:00-03:00")
        return self

    @property
    def is_site(self) -> bool:
        """Whether it is loaded into a Pelcro site."""
        return self.target is Target.CORE_API

    @property
    def is_local(self) -> bool:
        """Whether the site is on this machine."""
        return _is_loopback(urlsplit(self.url).hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Conventions(BaseModel):
    """What the public documentation of the Core API leaves open, and the account decides: each with the reading that is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plan_amount: Literal["major", "minor"] = Field(
        "major", description="plan-amount: 15.00 for $15.00 is major, 1500 is minor."
    )
    shipments_word: Literal["shipments", "shipment_based"] = Field(
        "shipments", description="shipments-word: the account's word for revenue by shipments."
    )
    password_types: tuple[Literal["bcrypt", "md5", "drupal", "plain"], ...] = Field(
        ("bcrypt",), description="password-type: the schemes whose passwords are taken."
    )
    subscription_metadata: Literal["array", "object"] = Field(
        "array", description="subscription-metadata: how a new subscription's metadata is written."
    )
    subscription_old_id: bool = Field(
        True, description="subscription-old-id: whether a subscription takes an old_provider_id."
    )
    start_in_the_past: bool = Field(
        True, description="start-in-the-past: whether a start_date before today is taken; else it goes as metadata."
    )
    rewrites_text: bool = Field(
        False,
        description="email-case and rewriting: whether the site writes emails in lower case and text without spaces around it.",
    )


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

    staging: Environment = Field(
        Environment(),
        description="The staging site, where there is one: docs/core-api.md says what stands in such a table.",
        examples=[
            '{ target = "core_api", url = "https://staging.pelcro.com/api/v1/core", site = 1001, key = "PELCRO_STAGING_KEY" }'
        ],
    )
    production: Environment = Field(
        Environment(),
        description="The same of the production site.",
        examples=['{ target = "core_api", site = 2001, key = "PELCRO_PRODUCTION_KEY" }'],
    )
    core_api: Conventions = Field(
        Conventions(),
        description="What the account does where the Core API's documentation leaves it open: docs/core-api.md.",
        examples=['{ plan_amount = "major" }'],
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

    @model_validator(mode="after")
    def _two_sites(self) -> Settings:
        both = self.staging, self.production
        if all(each.is_site for each in both) and len({(each.url, each.site) for each in both}) == 1:
            raise ValueError("staging and production are the same site: give each its own")
        return self

    def environment(self, name: str) -> Environment:
        """``staging`` or ``production``."""
        return getattr(self, name)

    @property
    def sites(self) -> tuple[Environment, ...]:
        """The environments that are sites."""
        return tuple(each for each in (self.staging, self.production) if each.is_site)

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
