"""How long a load takes, and its reconciliation and its revert: told before it starts, from what the staging site has shown."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import datetime
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.settings import Environment
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target.core_api import plan as planning
from pelcro_pipeline.target.core_api.client import PAGE, Client
from pelcro_pipeline.target.core_api.journal import Journal, State
from pelcro_pipeline.target.core_api.load import duration
from pelcro_pipeline.target.core_api.pace import Measured
from pelcro_pipeline.target.core_api.read_back import together
from pelcro_pipeline.workspace import atomic

if TYPE_CHECKING:
    from pelcro_pipeline.target.core_api.site import Site

#: Where the journal keeps what a load has shown.
_MEASURED = "measured"
#: Calls from which on a load is worth more than a probe; and how many look-ups a probe is.
_ENOUGH = _LOOK_UPS = 200
#: So many standard deviations to each side hold nine of ten values of a normal distribution; and what is not known of another hour, as
#: a share.
_DEVIATIONS, _AT_LEAST = 1.645, 0.05
#: Calls that one without an answer costs: it is looked up, and often sent again.
_FOR_AN_UNANSWERED = 2.0
#: Of the calls without an answer those that had no effect, as far as nothing tells: they are waited for until `settle` is over.
_WITHOUT_EFFECT = 0.5
_ROUNDS = 5
#: The share of a limit from which on it is the limit that is felt, and not the site.
_LIMITED = 0.8
#: Seconds of this machine's own work in a step, which are felt in short ones alone: relations, the journal, files.
_OWN = 1.0
#: Calls that taking back one object costs; all others one. What else may have come to a customer or product is looked up first, and an
#: invoice loses its mark before it is void.
_FOR_A_REVERT = {"customer": 2, "product": 2, "invoice": 2}
_PASSES = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a load: its calls, the seconds that it takes, and between which the truth is, nine times of ten."""

    name: str
    calls: int
    seconds: float
    least: float
    most: float


@dataclass(frozen=True)
class Window:
    """How long each step of a load takes, and what that means for the hours in which it may run; both ends none where there are none."""

    site: str
    measured: Measured
    steps: tuple[Step, ...]
    opens: datetime.datetime | None
    closes: datetime.datetime | None

    def latest(self, name: str) -> datetime.datetime | None:
        """The last moment to begin a step so that it and all that may follow end within the window."""
        if self.closes is None:
            return None
        names = [each.name for each in self.steps]
        left = self.steps[names.index(name) :]
        return self.closes - datetime.timedelta(seconds=math.ceil(sum(each.most for each in left)))

    @property
    def table(self) -> pd.DataFrame:
        """A row for each step: its calls, its seconds, and the last moment to begin it."""
        rows = [
            [
                each.name,
                each.calls,
                math.ceil(each.seconds),
                math.floor(each.least),
                math.ceil(each.most),
                _told(self.latest(each.name)),
            ]
            for each in self.steps
        ]
        return pd.DataFrame(rows, columns=["what", "calls", "seconds", "at_least", "at_most", "begin_by"])

    @property
    def sentences(self) -> list[str]:
        """What it means for the window."""
        if self.closes is None:
            return ["extract.toml names no window (opens, closes): a load may start at any time."]
        return [
            f"The last moment to start the load is {_told(self.latest('load'))}, and the last to turn back {_told(self.latest('revert'))}."
        ]


def foretell(site: Site) -> Window:
    """How long the load of the kept plan takes, its reconciliation and its revert; kept as a report.

    Measured by the last load of the staging site, else by 200 look-ups. Raises RefusedError where there is no plan, and what a
    look-up raises.
    """
    foretold = _foretold(site)
    with (
        atomic.file(site.paths.window_report(site.name)) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerows([list(foretold.table), *foretold.table.itertuples(index=False)])
    return foretold


def refuse_outside(site: Site) -> None:
    """Raise RefusedError where the window is not open, or closes before the load, should it take its longest, can be taken back again."""
    opens, closes = site.environment.opens, site.environment.closes
    if opens is None or closes is None:
        return
    now = datetime.datetime.now(datetime.UTC)
    if not opens <= now < closes:
        raise RefusedError(
            f"The window of {site.label} is from {_told(opens)} to {_told(closes)}: nothing was sent. Start the load within it."
        )
    steps = {each.name: each for each in foretell(site).steps}
    longest = steps["load"].most + steps["revert"].most
    if now + datetime.timedelta(seconds=longest) > closes:
        raise RefusedError(
            f"The load takes up to {duration(steps['load'].most)} and its revert {duration(steps['revert'].most)}, and the window of "
            f"{site.label} closes at {_told(closes)}: nothing was sent. Choose a longer one (opens, closes in extract.toml)."
        )


def keep(journal: Journal, measured: Measured) -> None:
    """Keep what a load has shown, where it was long enough to show anything."""
    if measured.calls >= _ENOUGH:
        journal.tell(**{_MEASURED: json.dumps(dataclasses.asdict(measured))})


def _foretold(site: Site) -> Window:
    kept = next(filter(None, (planning.kept(site.paths.site_plan_summary(each)) for each in _plans(site))), None)
    if kept is None:
        raise RefusedError(
            f"{site.paths.extract} has no plan for {site.name}: run `pelcro-pipeline plan {site.paths.extract} --on {site.name}`."
        )
    measured = _measured(site)
    speed = _Speed(measured, site.environment)
    steps = (_load(site, kept, speed), _reconcile(kept, speed), _revert(kept, speed))
    return Window(site.label, measured, steps, site.environment.opens, site.environment.closes)


def _plans(site: Site) -> tuple[str, ...]:
    """The names of the plans that can be kept of a site, the one that a load walks first."""
    return (site.name, planning.REVIEW) if site.name == "production" else (site.name,)


# What the site has shown.


def _measured(site: Site) -> Measured:
    path = site.paths.journal("staging")
    if path.is_file():
        journal = Journal(path)
        try:
            told = journal.told(_MEASURED)
        finally:
            journal.close()
        if told:
            return Measured(**json.loads(told))
    # Where there is a staging site, production is asked nothing.
    staging = dataclasses.replace(site, name="staging")
    return asyncio.run(_probed(staging if staging.environment.is_site else site))


async def _probed(site: Site) -> Measured:
    """What 200 look-ups show."""
    async with site.client() as client:
        await asyncio.gather(*(_looked_up(client) for _ in range(_LOOK_UPS)))
        return client.pace.measured


async def _looked_up(client: Client) -> None:
    await client.pace.enter()
    try:
        await client.look_up("/plans", limit=1)
    finally:
        await client.pace.leave()


class _Speed:
    """How fast the calls of an environment go, by what was measured on staging."""

    def __init__(self, measured: Measured, environment: Environment) -> None:
        self.settle = environment.settle
        self.latency = measured.latency
        self.a_second = measured.calls_a_second
        if measured.rate and self.a_second >= _LIMITED * measured.rate:
            # As near to its own limit as staging came to that of staging.
            self.a_second *= (environment.rate or measured.rate) / measured.rate
        elif environment.rate:
            self.a_second = min(self.a_second, environment.rate)
        self.unanswered = measured.unanswered / max(measured.calls, 1)
        self._variance = measured.spread**2
        self._measured_for = max(measured.seconds, 1.0)
        self._deviation = math.sqrt(self.unanswered * (1 - min(self.unanswered, 1.0)) / max(measured.calls, 1))

    def step(
        self, name: str, calls: int, alone: float = 0.0, least: float = 0.0, doubtful: Mapping[str, int] | None = None
    ) -> Step:
        """A step of so many calls, of which so many wait for each other's answers, which takes so many seconds at the least. ``doubtful``
        are the calls by kind that are waited for where they are not answered."""

        def seconds(unanswered: float) -> float:
            pure = max(calls * (1 + _FOR_AN_UNANSWERED * unanswered) / self.a_second, least)
            settling = sum(self._settling(number, unanswered) for number in (doubtful or {}).values())
            return pure + alone * self.latency + settling + (_OWN if calls else 0.0)

        expected = seconds(self.unanswered)
        share = _DEVIATIONS * math.sqrt(self._variance * (1 / self._measured_for + 1 / max(expected, 1.0)))
        share = max(share, _AT_LEAST)
        away = _DEVIATIONS * self._deviation
        return Step(
            name,
            calls,
            expected,
            seconds(max(self.unanswered - away, 0.0)) * max(1 - share, 0.0),
            seconds(self.unanswered + away) * (1 + share),
        )

    def _settling(self, calls: int, unanswered: float) -> float:
        """Seconds that a load waits until nothing of a kind can take effect any more: once for each round that leaves a doubt."""
        waited, sent = 0.0, float(calls)
        for _ in range(_ROUNDS):
            lost = unanswered * _WITHOUT_EFFECT
            somebody = 1 - (1 - lost) ** sent
            # Those that were lost early are settled when the last was sent.
            last = sent / self.a_second / (sent * lost + 1)
            waited += somebody * max(self.settle - last, 0.0)
            sent *= lost
        return waited


# Its steps.


def _load(site: Site, plan: planning.Summary, speed: _Speed) -> Step:
    left = plan.calls - _done(site)
    doubtful = {
        kind.name: _calls(plan, kind.name)
        for kind in site.kinds.values()
        if not kind.unique and _calls(plan, kind.name)
    }
    first = _firsts(site) if site.name == "production" else 0
    # Each kind waits for the last of the one before; the first of a scenario goes alone and is read back.
    alone = _kinds(plan) + 3 * first
    return speed.step("load", left + first, alone if left else 0, doubtful=doubtful)


def _done(site: Site) -> int:
    """How many of the plan's calls are made already."""
    path, plan = site.paths.journal(site.name), site.paths.site_plan(site.name)
    if not path.is_file() or not plan.is_file():
        return 0
    since = plan.stat().st_mtime
    journal = Journal(path)
    try:
        return sum(entry.at >= since for entry in journal.entries((State.DONE, State.REFUSED)))
    finally:
        journal.close()


def _firsts(site: Site) -> int:
    """How many kinds and scenarios the plan has."""
    path = next(each for each in map(site.paths.site_plan, _plans(site)) if each.is_file())
    with duck.connect() as connection:
        ((number,),) = connection.execute(
            f"SELECT count(DISTINCT (kind, scenario)) FROM read_parquet({literal(str(path))}) WHERE action = 'create'"
        ).fetchall()
    return number


def _reconcile(plan: planning.Summary, speed: _Speed) -> Step:
    calls, least = _reading(plan, speed)
    return speed.step("reconcile", calls, least=least)


def _revert(plan: planning.Summary, speed: _Speed) -> Step:
    """All that was loaded is read, and then taken back."""
    reading, least = _reading(plan, speed)
    calls = sum(_calls(plan, kind) * _FOR_A_REVERT.get(kind, 1) for kind in plan.counts)
    return speed.step("revert", reading + calls, _kinds(plan), least + calls / speed.a_second)


def _kinds(plan: planning.Summary) -> int:
    """How many kinds of objects there are to call for."""
    return sum(_calls(plan, kind) > 0 for kind in plan.counts)


def _calls(plan: planning.Summary, kind: str) -> int:
    return sum(plan.counts[kind].get(action, 0) for action in planning.CALLS)


def _reading(plan: planning.Summary, speed: _Speed) -> tuple[int, float]:
    """The calls that reading the whole site takes, and the seconds at the least: pages are asked for some at a time."""
    calls = groups = 0
    for kind, counts in plan.counts.items():
        rows = plan.foreign[kind] + sum(counts.get(action, 0) for action in (*planning.CALLS, "unchanged"))
        first = 1
        while True:
            asked = together(first)
            calls, groups, first = calls + asked, groups + 1, first + asked
            if (first - 1) * PAGE > rows:
                break
    return calls * _PASSES, groups * _PASSES * speed.latency


def _told(moment: datetime.datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M %z}"
