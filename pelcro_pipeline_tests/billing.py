"""What a site bills in the 90 days after a load, beside what was forecast of it."""

from __future__ import annotations

import csv
import datetime
from collections import Counter
from typing import NamedTuple

import duckdb

from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.api import Sandbox

#: What the forecast tells, as the effect log names it.
TOLD = ("renewal", "invoice", "charge", "due", "expiry", "write_off")


class Event(NamedTuple):
    """What happens to a subscription, which is named by its old id, or else by its customer."""

    day: str
    what: str
    subscription: str
    amount: int


def forecast(paths: ExtractPaths) -> Counter[Event]:
    """Everything that was forecast."""
    with paths.forecast_subscriptions.open(encoding="utf-8", newline="") as file:
        return Counter(
            Event(row["date"], row["what"], row["old_id"] or row["customer"], int(row["amount"]))
            for row in csv.DictReader(file)
        )


def billed(paths: ExtractPaths, sandbox: Sandbox, name: str) -> Counter[Event]:
    """Everything that a site does on the day that it is to it, and in the 90 days after it. Its clock goes on."""
    number = sandbox.told["sites"][name]["site_id"]
    # By date: ninety times 24 hours end on another day where the clocks are set back.
    today = datetime.date.fromisoformat(sandbox.asked("GET", "/clock")["days"][name])
    for days in (0, 30, 60, 90):
        sandbox.asked("POST", "/clock", {"date": (today + datetime.timedelta(days)).isoformat()})
    named = dict(_plan(paths, name, "mark, key"))
    return Counter(
        Event(each["day"], each["effect"], named.get(each["key"], each["key"]), each["amount"])
        for each in _effects(sandbox)
        if each["site"] == number and each["effect"] in TOLD
    )


def not_loaded(paths: ExtractPaths, name: str) -> dict[str, str]:
    """The subscriptions that a site does not hold as such, each with the reason: a rule, or that it is a membership."""
    held = "kind = 'subscription' AND action NOT IN ('create', 'update', 'unchanged') OR kind = 'membership'"
    return dict(_plan(paths, name, "key, coalesce(rule, kind)", f"WHERE {held} OR rule = 'API-MEMBER'"))


def _plan(paths: ExtractPaths, name: str, columns: str, where: str = "") -> list[tuple]:
    plan = literal(str(paths.site_plan(name)))
    return duckdb.execute(f"SELECT {columns} FROM read_parquet({plan}) {where}").fetchall()


def _effects(sandbox: Sandbox) -> list[dict]:
    found: list[dict] = []
    while some := sandbox.asked("GET", f"/effects?after={found[-1]['number'] if found else 0}&limit=100000"):
        found += some
    return found
