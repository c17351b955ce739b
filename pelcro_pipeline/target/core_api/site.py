"""What is done with one site: planned, loaded. The edges where the plan, the journal and the calls meet."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import duckdb

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.settings import Environment, Settings
from pelcro_pipeline.target import database
from pelcro_pipeline.target.core_api import findings, read_back, relations, window
from pelcro_pipeline.target.core_api import plan as planning
from pelcro_pipeline.target.core_api.client import Client, key_of
from pelcro_pipeline.target.core_api.image import Image
from pelcro_pipeline.target.core_api.in_flight import EVERY
from pelcro_pipeline.target.core_api.journal import STANDING, Entry, Journal, State
from pelcro_pipeline.target.core_api.load import Loader, Progress
from pelcro_pipeline.target.core_api.mapping import Kind, kinds
from pelcro_pipeline.target.core_api.pace import Pace
from pelcro_pipeline.workspace import atomic, lock
from pelcro_pipeline.workspace.places import ExtractPaths

Told = Callable[[str], None]
#: Seconds that two clocks may be apart.
_APART = 3600.0
#: Of objects that the site has more than once, so many are named.
_SHOWN = 5


class Stoppable(Protocol):
    """Work that ends well when it is told to."""

    def stop(self) -> None: ...


@dataclass(frozen=True)
class Site:
    """A site of an extract: ``name`` is ``staging`` or ``production``."""

    paths: ExtractPaths
    name: str
    settings: Settings

    @property
    def environment(self) -> Environment:
        return self.settings.environment(self.name)

    @property
    def label(self) -> str:
        """The site, as its lock and its journal name it."""
        parts = urlsplit(self.environment.url)
        return f"{parts.hostname}-{self.environment.site}"

    def terms(self, now: datetime.datetime) -> relations.Terms:
        """What decides how objects are written at a time by the site's own clock."""
        return relations.Terms(self.paths.publisher, self.settings.timezone, self.settings.core_api, now)

    @property
    def kinds(self) -> dict[str, Kind]:
        return kinds(self.settings.core_api)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the site's lock. Raises RefusedError where another extract's load holds it."""
        busy = f"Another run is working on the site {self.label}: wait until it has ended, then start this one again."
        with lock.alone(self.paths.site_lock(self.label), busy):
            yield

    @contextlib.contextmanager
    def journal(self) -> Iterator[Journal]:
        """The site's journal. Raises RefusedError for one of another site or extract."""
        journal = Journal(self.paths.journal(self.name))
        try:
            journal.belongs_to(self.label, self.paths.extract)
            yield journal
        finally:
            journal.close()

    @contextlib.asynccontextmanager
    async def client(self) -> Client:
        """Connections to the site. Raises UnusableInputError where its key is not set."""
        environment = self.environment
        async with Client(environment, key_of(environment), Pace(environment.rate, environment.connections)) as client:
            yield client

    @contextlib.contextmanager
    def image(
        self, environment: str, now: datetime.datetime
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, Kind]]]:
        """A connection with what the site is to hold, told from the loaded database. Raises RefusedError where there is none."""
        path = self.paths.database(environment)
        if not path.is_file():
            job = "dry-run" if environment == "staging" else "production"
            raise RefusedError(
                f"{self.paths.extract} has no {self.name} database: run `pelcro-pipeline {job} {self.paths.extract}`."
            )
        with duck.connect() as connection, database.opened(path, "image", connection):
            yield connection, relations.create_wanted(connection, self.terms(now), "image")


#: What the journal is told of reverts.
REVERTING, REVERTED_ON, RELOADED_ON = "reverting", "reverted_on", "reloaded_on"


def plan(site: Site, told: Told = lambda line: None) -> planning.Summary:
    """Read the site, decide what a load would call, and keep and report it."""
    return _plan(site, site.name, site.name, told)


def ask_again(site: Site) -> int:
    """Let the next load send what the site has refused, though nothing of it was corrected; returns how many objects that are."""
    with site.held(), site.journal() as journal:
        return journal.forget_refusals()


def plan_for_review(site: Site, told: Told = lambda line: None) -> planning.Summary:
    """The plan of the production site before it is signed: of what is staged, which production is loaded from."""
    return _plan(site, "staging", planning.REVIEW, told)


def _plan(site: Site, image: str, kept_as: str, told: Told) -> planning.Summary:
    paths = site.paths
    with site.held(), site.journal() as journal, rows_of(site) as folder:
        _refuse_half_reverted(site, journal)
        found, at = asyncio.run(read(site, journal.entries(STANDING), folder, told))
        with site.image(image, at) as (connection, known):
            planning.create(connection, known, found, journal.entries(), site.environment.existing)
            summary = planning.summary(connection, known, site.label, _basis(site, image), at)
            with atomic.file(paths.site_plan(kept_as)) as unfinished:
                unfinished.unlink()
                planning.write(connection, unfinished)
            with atomic.file(paths.site_stops(kept_as)) as unfinished:
                findings.keep(connection, known, unfinished)
            with atomic.file(paths.plan_report(site.name)) as unfinished:
                planning.write_csv(connection, unfinished)
            with atomic.file(paths.site_plan_summary(kept_as)) as unfinished:
                unfinished.write_text(summary.model_dump_json(indent=1), encoding="utf-8")
            if kept_as != planning.REVIEW:
                _adopt(connection, journal)
                journal.tell(**{_PLANNED: summary.at.isoformat()})
        told(_write_findings(site, kept_as, journal).sentence)
    return summary


def _write_findings(site: Site, kept_as: str, journal: Journal) -> findings.Counts:
    paths = site.paths
    sources = findings.Sources(paths.site_plan(kept_as), paths.site_stops(kept_as), paths.analysis / "ledger.parquet")
    with atomic.file(paths.site_findings(site.name)) as unfinished:
        return findings.write(sources, journal, site.kinds, unfinished)


def _basis(site: Site, image: str) -> str:
    """What tells the database that a plan is made from."""
    with site.paths.database(image).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_planned(site: Site) -> bool:
    """Whether a plan is kept that was made from the database as it stands, for this site: a load can go on in it."""
    summary = planning.kept(site.paths.site_plan_summary(site.name))
    return (
        summary is not None
        and site.paths.site_plan(site.name).is_file()
        and summary.site == site.label
        and site.paths.database(site.name).is_file()
        and summary.basis == _basis(site, site.name)
    )


@contextlib.contextmanager
def rows_of(site: Site) -> Iterator[Path]:
    """A folder for the rows of a site, for as long as they are compared."""
    folder = site.paths.site_rows(site.name)
    atomic.discard(folder)
    atomic.private_folder(folder)
    try:
        yield folder
    finally:
        atomic.discard(folder)


async def read(
    site: Site, known: Iterable[Entry], folder: Path, told: Told
) -> tuple[dict[str, str], datetime.datetime]:
    """Read a whole site into a folder: SQL of ``row`` by kind, and what time it is by the site's own clock. What is ``known`` to stand
    there, and no list shows, is asked for by itself.

    What a load may send lies before or after the site's own time. Raises RefusedError where the clocks are an hour apart, but
    for a site on this machine, which may have a clock of its own.
    """
    loaded: dict[str, set[int]] = {}
    for entry in known:
        if entry.target is not None:
            loaded.setdefault(entry.kind, set()).add(entry.target)
    last = time.monotonic()

    def seen(kind: str, count: int) -> None:
        nonlocal last
        if time.monotonic() - last > EVERY:
            last = time.monotonic()
            told(f"read {count:,} rows of {kind}")

    async with site.client() as client:
        rows = await read_back.read(client, site.kinds.values(), loaded, folder, seen)
        ahead = client.clock_ahead or 0.0
    if abs(ahead) > _APART and not site.environment.is_local:
        raise RefusedError(
            f"The clock of {site.label} is {abs(ahead) / 3600:,.1f} hours {'ahead of' if ahead > 0 else 'behind'} this machine's: "
            "nothing is sent. Set this machine's clock."
        )
    return rows, datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=ahead)


def _adopt(connection: duckdb.DuckDBPyConnection, journal: Journal) -> None:
    """Enter what stands on the site as it is wanted, or is ours to change, as done: what refers to it needs its id. What a load before
    has left and the site does not have is in doubt, and looked up."""
    rows = connection.execute(
        "SELECT mark, kind, digest, id, action FROM plan WHERE action IN ('unchanged', 'update', 'create') ORDER BY mark"
    )
    while some := rows.fetchmany(10_000):
        before = journal.known(mark for mark, *_ in some)
        journal.put(
            _adopted(before.get(mark, Entry(mark, kind, State.DONE)), digest, id_, action)
            for mark, kind, digest, id_, action in some
            if action != "create" or (mark in before and before[mark].state in _LEFT)
        )


#: Where the journal keeps when the plan was made that it knows.
_PLANNED = "planned"
#: States in which an object was left alone, that the site does not have any more.
_LEFT = (State.CONFLICT, State.REVERT_SENT, State.KEPT)


def _adopted(before: Entry, digest: str, id_: int | None, action: str) -> Entry:
    """What is known of an object once the site was read."""
    if action == "create":
        return replace(before, state=State.UNKNOWN, target=None)
    return replace(
        before,
        state=State.DONE,
        digest=digest if action == "unchanged" else None,
        target=id_,
        # Of a creation nobody knew what came: this came of it.
        made=before.made or (before.target is None and before.state in (State.SENT, State.UNKNOWN, State.ABSENT)),
    )


def load(site: Site, told: Told = lambda line: None) -> Progress:
    """Load the plan that is kept, or go on with it. Raises StoppedError where nothing may be sent any more."""
    if not is_planned(site):
        raise RefusedError(
            f"{site.paths.extract} has no plan for {site.name} as it stands: run `pelcro-pipeline plan {site.paths.extract} "
            f"--on {site.name}`."
        )
    if doubled := planning.doubled(site.paths.site_plan(site.name)):
        raise RefusedError(
            f"The site has {', '.join(doubled[:_SHOWN])}{' and more' if len(doubled) > _SHOWN else ''}: nothing was sent. "
            "Cancel or delete all but one of each there, then plan again."
        )
    if site.name == "production":
        window.refuse_outside(site)
    with site.held(), site.journal() as journal, contextlib.ExitStack() as opened:
        _refuse_half_reverted(site, journal)
        planned = planning.kept(site.paths.site_plan_summary(site.name))
        if journal.told(_PLANNED) != planned.at.isoformat():
            # A journal that was lost, or put back, does not know what was sent by this plan: all of it would be sent again.
            raise RefusedError(
                f"{journal.path} does not know the plan for {site.name}: run `pelcro-pipeline plan {site.paths.extract} "
                f"--on {site.name}`, which finds what is there already."
            )
        _keep_image(site)
        image: list[Image] = []

        def differing(kind: str, rows: list[dict]) -> list[str]:
            # To tell what is wanted takes seconds at a million, and many a load never asks.
            if not image:
                connection, known = opened.enter_context(site.image(site.name, planned.at))
                image.append(Image(connection, known, journal))
            return image[0].differing(kind, rows)

        try:
            progress = asyncio.run(_load(site, journal, differing, told))
        finally:
            told(_write_findings(site, site.name, journal).sentence)
        if journal.told(REVERTED_ON) and not progress.unknown:
            journal.tell(**{RELOADED_ON: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")})
        return progress


def _refuse_half_reverted(site: Site, journal: Journal) -> None:
    """Raise RefusedError where a revert was begun and has not ended."""
    if journal.told(REVERTING):
        raise RefusedError(
            f"A revert of {site.name} was begun and has not ended: run "
            f"`pelcro-pipeline revert {site.paths.extract} --on {site.name}` to its end first."
        )


def _keep_image(site: Site) -> None:
    """Keep the database that is loaded, which a revert compares the site with: it costs a name, and no space before another is made."""
    with atomic.file(site.paths.site_image(site.name)) as unfinished:
        unfinished.unlink()
        unfinished.hardlink_to(site.paths.database(site.name))


async def _load(
    site: Site, journal: Journal, differing: Callable[[str, list[dict]], list[str]], told: Told
) -> Progress:
    async with site.client() as client:
        loader = Loader(
            site.paths.site_plan(site.name),
            site.kinds,
            journal,
            client,
            settle=site.environment.settle,
            compare=differing,
            alone=site.name == "production",
            told=told,
        )
        try:
            with stoppable(loader):
                return await loader.run()
        finally:
            window.keep(journal, "load", client.pace.measured, loader.progress.own)


@contextlib.contextmanager
def stoppable(work: Stoppable) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end work on a site once what is in flight is finished."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.getsignal(each) for each in signals}
    for each in signals:
        loop.add_signal_handler(each, work.stop)
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
            signal.signal(each, before[each])
