"""How long a load takes, and its reconciliation and its revert: told before it starts, from what the staging site has shown."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import datetime
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.settings import Environment
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.target.core_api import plan as planning
from pelcro_pipeline.target.core_api.client import BETWEEN, PAGE, Client
from pelcro_pipeline.target.core_api.journal import Journal, State
from pelcro_pipeline.target.core_api.load import duration
from pelcro_pipeline.target.core_api.pace import Measured
from pelcro_pipeline.target.core_api.read_back import together
from pelcro_pipeline.workspace import atomic

if TYPE_CHECKING:
    from pelcro_pipeline.target.core_api.site import Site

#: Where the journal keeps what a step has shown.
_SHOWN = "shown by the {}"
#: Calls from which on a load is worth more than a probe; and how many look-ups a probe is.
_ENOUGH = _LOOK_UPS = 200
#: So many standard deviations to each side hold nine of ten values of a normal distribution; and what is not known of another hour, as
#: a share.
_DEVIATIONS, _AT_LEAST = 1.645, 0.05
#: Where nothing but look-ups was measured: calls that one without an answer costs, as it is looked up, and often sent again.
_FOR_AN_UNANSWERED = 2.0
#: Of the calls without an answer those that had no effect, as far as nothing tells: they are waited for until `settle` is over.
_WITHOUT_EFFECT = 0.5
_ROUNDS = 5
#: A site that loses more has no speed.
_MOST_UNANSWERED = 0.9
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


def keep(journal: Journal, step: str, measured: Measured, objects: int) -> None:
    """Keep what a load or a revert of so many objects has shown, where it was long enough to show anything."""
    if measured.calls >= _ENOUGH:
        shown = {"objects": objects, "measured": dataclasses.asdict(measured)}
        journal.tell(**{_SHOWN.format(step): json.dumps(shown)})


def _foretold(site: Site) -> Window:
    kept = next(filter(None, (planning.kept(site.paths.site_plan_summary(each)) for each in _plans(site))), None)
    if kept is None:
        raise RefusedError(
            f"{site.paths.extract} has no plan for {site.name}: run `pelcro-pipeline plan {site.paths.extract} --on {site.name}`."
        )
    shown = _shown(site)
    speed = _Speed(shown["load"], site.environment)
    back = _Speed(shown.get("revert", dataclasses.replace(shown["load"], objects=0)), site.environment)
    steps = (_load(site, kept, speed), _reconcile(kept, speed), _revert(kept, back))
    return Window(site.label, shown["load"].measured, steps, site.environment.opens, site.environment.closes)


def _plans(site: Site) -> tuple[str, ...]:
    """The names of the plans that can be kept of a site, the one that a load walks first."""
    return (site.name, planning.REVIEW) if site.name == "production" else (site.name,)


# What the site has shown.


@dataclass(frozen=True, slots=True)
class Shown:
    """What a step of the staging site has shown: what its calls were like, and for how many objects they were made; none for a probe."""

    measured: Measured
    objects: int = 0


def _shown(site: Site) -> dict[str, Shown]:
    """What the last load and the last revert of the staging site have shown; for the load, where there was none, 200 look-ups."""
    shown = {}
    path = site.paths.journal("staging")
    if path.is_file():
        journal = Journal(path)
        try:
            for step in ("load", "revert"):
                if told := journal.told(_SHOWN.format(step)):
                    given = json.loads(told)
                    shown[step] = Shown(Measured(**given["measured"]), given["objects"])
        finally:
            journal.close()
    if "load" not in shown:
        # Where there is a staging site, production is asked nothing.
        staging = dataclasses.replace(site, name="staging")
        shown["load"] = Shown(asyncio.run(_probed(staging if staging.environment.is_site else site)))
    return shown


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
    """How fast the calls of an environment go, by what a step has shown on staging."""

    def __init__(self, shown: Shown, environment: Environment) -> None:
        measured = shown.measured
        self.settle = environment.settle
        self.latency = measured.latency
        self.a_second = measured.calls_a_second
        if measured.rate and self.a_second >= _LIMITED * measured.rate:
            # As near to its own limit as staging came to that of staging.
            self.a_second *= (environment.rate or measured.rate) / measured.rate
        elif environment.rate:
            self.a_second = min(self.a_second, environment.rate)
        self.unanswered = min(measured.unanswered / max(measured.calls, 1), _MOST_UNANSWERED)
        #: Calls of any kind for each object, where that was measured.
        self.an_object = measured.calls / shown.objects if shown.objects else None
        self._variance = measured.spread**2
        self._measured_for = max(measured.seconds, 1.0)
        deviation = math.sqrt(self.unanswered * (1 - self.unanswered) / max(measured.calls, 1))
        self._deviation = _DEVIATIONS * _FOR_AN_UNANSWERED * deviation

    @property
    def again(self) -> float:
        """Calls for one that is meant, where nothing but look-ups was measured."""
        return 1 + _FOR_AN_UNANSWERED * self.unanswered

    @property
    def read_again(self) -> float:
        """Look-ups for one that is meant."""
        return 1 / (1 - self.unanswered)

    def step(self, name: str, calls: int, in_all: float, besides: float = 0.0, apart: float = 0.0) -> Step:
        """A step of so many calls, with what is looked up and sent again so many ``in_all``; it takes some seconds ``besides``, and those
        may be ``apart`` from the truth by so many."""
        pure = in_all / self.a_second
        expected = pure + besides + (_OWN if calls else 0.0)
        share = _DEVIATIONS * math.sqrt(self._variance * (1 / self._measured_for + 1 / max(expected, 1.0)))
        away = expected * max(share, _AT_LEAST) + pure * self._deviation + apart
        return Step(name, calls, expected, max(expected - away, 0.0), expected + away)

    def ends(self, plan: planning.Summary) -> float:
        """Seconds in which each kind waits for the last of the one before; of what was measured they are a part."""
        return 0.0 if self.an_object else _kinds(plan) * self.latency

    def settling(self, calls: int) -> float:
        """Seconds that a load waits until none of so many calls can take effect any more: once for each round that leaves a doubt."""
        waited, sent = 0.0, float(calls)
        lost = self.unanswered * _WITHOUT_EFFECT
        for _ in range(_ROUNDS):
            somebody = 1 - (1 - lost) ** sent
            # Those that were lost early are settled when the last was sent.
            last = sent / self.a_second / (sent * lost + 1)
            waited += somebody * max(self.settle - last, 0.0)
            sent *= lost
        return waited


# Its steps.


def _load(site: Site, plan: planning.Summary, speed: _Speed) -> Step:
    first = _firsts(site) if site.name == "production" else 0
    objects = plan.calls - _done(site)
    waits = [speed.settling(_calls(plan, kind.name)) for kind in site.kinds.values() if not kind.unique]
    # The first of a scenario goes alone and is read back.
    besides = sum(waits) + speed.ends(plan) + 3 * first * speed.latency if objects else 0.0
    return speed.step(
        "load",
        objects + first,
        objects * (speed.an_object or speed.again) + first,
        besides,
        _DEVIATIONS * math.hypot(*waits) / 2,
    )


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
    calls, waits = _reading(plan, speed)
    return speed.step("reconcile", calls, calls * speed.read_again, waits)


def _revert(plan: planning.Summary, speed: _Speed) -> Step:
    """All that was loaded is read, and then taken back."""
    reading, waits = _reading(plan, speed)
    calls = sum(_calls(plan, kind) * _FOR_A_REVERT.get(kind, 1) for kind in plan.counts)
    taken_back = plan.calls * speed.an_object if speed.an_object else calls * speed.again
    return speed.step("revert", reading + calls, reading * speed.read_again + taken_back, waits + speed.ends(plan))


def _kinds(plan: planning.Summary) -> int:
    """How many kinds of objects there are to call for."""
    return sum(_calls(plan, kind) > 0 for kind in plan.counts)


def _calls(plan: planning.Summary, kind: str) -> int:
    return sum(plan.counts[kind].get(action, 0) for action in planning.CALLS)


def _reading(plan: planning.Summary, speed: _Speed) -> tuple[int, float]:
    """The calls that reading the whole site takes, and the seconds that are waited besides: pages are asked for some at a time."""
    calls = groups = 0
    for kind, counts in plan.counts.items():
        rows = plan.foreign[kind] + sum(counts.get(action, 0) for action in (*planning.CALLS, "unchanged"))
        first = 1
        while True:
            asked = together(first)
            calls, groups, first = calls + asked, groups + 1, first + asked
            if (first - 1) * PAGE > rows:
                break
    calls, groups = calls * _PASSES, groups * _PASSES
    # A page that is lost is asked for again after a pause, and the others of its group wait.
    lost = 1 - (1 - speed.unanswered) ** (calls / groups)
    return calls, max(groups * (speed.latency + lost * BETWEEN[0]) - calls * speed.read_again / speed.a_second, 0.0)


def _told(moment: datetime.datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M %z}"
