"""One site: its rows, its settings, its clock, and the checks that all endpoints share."""

from __future__ import annotations

import datetime
import re
import time
import zoneinfo
from collections.abc import Iterable

from pelcro_sandbox.codes import DECIMALS
from pelcro_sandbox.store import AS_BEFORE, Store
from pelcro_sandbox.validation import InvalidError

#: What the owner of an account sets in Pelcro's platform, and no endpoint shows.
SETTINGS = {
    "timezone": "UTC",
    "currencies": None,  # all
    "taxes_enabled": False,
    "address_validation": False,
    "most_subscriptions": None,
    "write_off_days": None,
    "personal_data_deletion": False,
}
#: The states of a subscription that has not ended.
LIVE = ("active", "trialing", "past_due", "scheduled")
_DAY = 24 * 60 * 60


class NotFoundError(Exception):
    """There is no such row."""


class Clock:
    """The sites' clock: the machine's, some whole days on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.days = store.setting("days", 0)

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time()) + self.days * _DAY

    def move(self, days: int) -> None:
        """Set it forward by some days."""
        self.days += days
        self._store.set("days", self.days)


class Site:
    """One site, which is an account of its own."""

    def __init__(self, number: int, name: str, store: Store, choices: dict[str, str], clock: Clock) -> None:
        self.number, self.name, self.store, self.choices, self.clock = number, name, store, choices, clock
        self.settings: dict = SETTINGS | store.setting(f"site.{number}", {})

    # The clock.

    def now(self) -> int:
        """Unix seconds of the site's clock."""
        return self.clock.now()

    def zone(self) -> zoneinfo.ZoneInfo:
        """The time zone whose days the site bills by."""
        return zoneinfo.ZoneInfo(self.settings["timezone"])

    def date(self, at: int | None = None) -> datetime.date:
        """The day of a time, or today."""
        return datetime.datetime.fromtimestamp(self.now() if at is None else at, self.zone()).date()

    def day(self, at: int | None = None) -> str:
        """The same as text."""
        return self.date(at).isoformat()

    # Rows.

    def get(self, kind: str, identity: int) -> dict | None:
        """One row, or nothing."""
        return self.store.get(self.number, kind, identity)

    def existing(self, kind: str, identity: int) -> dict:
        """One row; refused as not found where there is none."""
        row = self.get(kind, identity)
        if row is None:
            raise NotFoundError
        return row

    def find(self, kind: str, field: str, value: object) -> list[int]:
        """The ids of the rows that a key has a value in."""
        return self.store.find(self.number, kind, field, value)

    def found(self, kind: str, field: str, value: object) -> Iterable[dict]:
        """Their rows."""
        return (self.get(kind, identity) for identity in self.find(kind, field, value))

    def insert(self, kind: str, row: dict, due: int | None = None) -> dict:
        """Put a row in."""
        now = self.now()
        return self.store.insert(self.number, kind, row | {"created_at": now, "updated_at": now}, self.day(), due=due)

    def update(self, kind: str, row: dict, changes: dict, *, effect: str = "update", due: object = AS_BEFORE) -> dict:
        """Change a row; what is equal to before is written all the same."""
        changed = row | changes | {"updated_at": self.now()}
        self.store.update(self.number, kind, changed, self.day(), effect=effect, due=due)
        return changed

    def delete(self, kind: str, row: dict) -> None:
        """Delete a row softly."""
        self.store.delete(self.number, kind, row, self.day(), self.now())

    def effect(self, effect: str, kind: str, row: dict, at: int | None = None, amount: int | None = None) -> None:
        """Log what happened to a row."""
        self.store.effect(self.number, effect, kind, row, self.day(at), amount)

    def announce(self, event: str, kind: str, row: dict) -> None:
        """Log each webhook that is told of an event. None is called: nothing leaves this machine."""
        for webhook in self.store.all(self.number, "webhooks") if self.store.count(self.number, "webhooks") else ():
            if webhook["all_events_enabled"] or event.replace(".", "_") in (webhook["events_enabled"] or []):
                self.effect(f"webhook {event}", kind, row)

    # Checks.

    def unique(self, kind: str, fields: tuple[str, ...], body: dict, besides: int | None = None) -> None:
        """Refuse a value that another row of the account holds."""
        held = self.choices["unique-after-delete"] == "held"
        for field in fields:
            value = body.get(field)
            if value is not None:
                holders = self.store.find(self.number, kind, field, value, deleted=held)
                if any(holder != besides for holder in holders):
                    raise InvalidError(field, f"The {field.replace('_', ' ')} has already been taken.")

    def referred(
        self, kind: str, body: dict, by_id: str, by_old_id: str, key: str = "old_provider_id", *, required: bool = True
    ) -> dict | None:
        """The row that a body names by its id, its old id, or both, which then have to agree."""
        identity, old_id = body.get(by_id), body.get(by_old_id)
        if identity is None and old_id is None:
            if required:
                raise InvalidError(by_id, f"The {_words(by_id)} field is required without {_words(by_old_id)}.")
            return None
        row = None if identity is None else self.get(kind, identity)
        if identity is not None and row is None:
            raise InvalidError(by_id, f"The selected {_words(by_id)} is invalid.")
        if old_id is None:
            return row
        found = self.find(kind, key, old_id)
        if not found or (row is not None and row["id"] not in found):
            raise InvalidError(by_old_id, f"The selected {_words(by_old_id)} is invalid.")
        return row or self.get(kind, found[0])

    def customer(self, body: dict, by_id: str = "customer_id") -> dict:
        """The customer whom a body names."""
        return self.referred("customers", body, by_id, "customer_old_provider_id")

    def own(self, kind: str, customer: dict, body: dict, by_id: str, by_old_id: str = "") -> dict | None:
        """The row of a customer's own that a body names, or nothing."""
        row = self.referred(kind, body, by_id, by_old_id, required=False)
        if row is not None and row["user_id"] != customer["id"]:
            raise InvalidError(by_id, f"The selected {_words(by_id)} is another customer's.")
        return row

    def live_subscriptions(self, field: str, value: int) -> list[dict]:
        """The subscriptions that have not ended, by one of their keys."""
        return [each for each in self.found("subscriptions", field, value) if each["status"] in LIVE]

    def currency(self, body: dict) -> None:
        """Refuse a currency that the account has not enabled."""
        enabled = self.settings["currencies"]
        code = body.get("currency")
        if code is not None and (code not in DECIMALS or (enabled is not None and code not in enabled)):
            raise InvalidError("currency", "The currency is not enabled on the account.")

    def told(self, body: dict) -> dict:
        """A body as the site keeps it: text without spaces around it, where that is assumed."""
        if self.choices["rewriting"] != "text":
            return body
        return {name: value.strip() if isinstance(value, str) else value for name, value in body.items()}


def _words(field: str) -> str:
    return field.replace("_", " ")


def merged(before: dict | None, changes: dict | None) -> dict:
    """Metadata with changes put into it; a null takes a key away."""
    together = (before or {}) | (changes or {})
    return {name: value for name, value in together.items() if value is not None}


def digits(text: str) -> str:
    """The digits of a text, and nothing else."""
    return re.sub("[^0-9]", "", text)
