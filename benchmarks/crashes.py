"""Kills runs with SIGKILL at drawn moments, and holds what is left to what the README promises.

    python benchmarks/crashes.py --kills 100
    python benchmarks/crashes.py --site            # a load of a site: every call, every point; then a storm over a thousand records
    python benchmarks/crashes.py --machine 200     # lives of a site, of 30 steps each, thought of by hypothesis

An earlier delivery stands, is signed and in production; a later one is run over it. Right after a
kill every place must hold the earlier or the later, whole; what is then asked must succeed or be
refused with a sentence; and the same command again must leave what an undisturbed one leaves.
Exit status 1 where a promise is broken.

A run is a fork of this process, so that Dagster is imported once. Every second kill comes right
before one of the run's renames, links and removals, each in its turn; the others at any time.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline import cli, settings
from pelcro_pipeline.defs import production, run  # noqa: F401 (a fork has it imported)
from pelcro_pipeline.review import sign_off
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths

ROOT = Path(__file__).resolve().parent.parent
BUNDLED = ROOT / "data" / "extracts" / "harbour-review-2026-10-01"
#: Each on what the one before leaves.
_COMMANDS = ("dry-run", "production", "revert", "purge")
#: Kills one after the other on what the last has left, before the command is let be.
_IN_A_ROW = 3
_CHANGES = ("os.rename", "os.link", "os.remove", "shutil.rmtree")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its status, -9 where it was killed, its standard error, its changes of files, its seconds."""

    status: int
    said: str
    changes: int
    seconds: float

    @property
    def is_done_or_refused(self) -> bool:
        """Whether it succeeded, or said why not in one sentence."""
        refused = self.status in (1, 2) and self.said.startswith("pelcro-pipeline: ") and self.said.count("\n") == 1
        return self.status == 0 or (refused and "unexpected error" not in self.said)


def forked(work: Callable[[int], None], kill_after: float | None = None) -> tuple[int, str]:
    """Run ``work`` in a process group of its own, given a pipe to write to; its status and what it wrote."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        try:
            work(writer)
        except SystemExit as left:
            os._exit(left.code or 0)
        except BaseException:
            traceback.print_exc()
            os._exit(70)
        os._exit(0)
    os.close(writer)
    if kill_after is not None:
        time.sleep(kill_after)
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            kill_after = None
    with os.fdopen(reader) as pipe:
        written = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), written


def command(home: Path, *arguments: str, at_change: int | None = None, after: float | None = None) -> Ended:
    """A command on a workspace, killed right before a change of a file or after some seconds, if at all."""

    def work(pipe: int) -> None:
        changes = 0

        def count(event: str, given: tuple) -> None:
            nonlocal changes
            if event in _CHANGES and str(given[0]).startswith(f"{home}/") and f"{home}/dagster" not in str(given[0]):
                changes += os.path.lexists(given[0])
                os.pwrite(tally, b"%d" % changes, 0)
                if changes == at_change:
                    os.killpg(0, signal.SIGKILL)

        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(pipe, 2)
        os.environ["PELCRO_HOME"] = str(home)
        sys.argv = ["pelcro-pipeline", *arguments]
        sys.addaudithook(count)
        cli.main()

    with tempfile.TemporaryFile() as counted:
        tally = counted.fileno()
        started = time.perf_counter()
        status, said = forked(work, after)
        return Ended(status, said, int(counted.read() or 0), time.perf_counter() - started)


def places(paths: ExtractPaths) -> dict[str, str]:
    """A digest of what each place of a workspace holds, ``-`` for nothing."""

    def work(pipe: int) -> None:
        previous = paths.database("production").with_suffix(".duckdb.previous")
        digests = {
            "delivered": _folder(paths.delivered),
            "prepared": _folder(paths.prepared),
            "archive": _folder(paths.archive),
            **{f"{name}.csv": _file(paths.reports / f"{name}.csv") for name in ("findings", "ledger", "statistics")},
            "staging": _file(paths.database("staging")),
            "production": _file(paths.database("production")),
            "before production": _file(previous),
            "sign-off": _signed(paths.sign_off),
        }
        os.write(pipe, json.dumps(digests).encode())

    status, written = forked(work)
    if status:
        sys.exit("A place could not be read.")
    return json.loads(written)


def _folder(folder: Path) -> str:
    aside = folder.with_name(f"{folder.name}.replaced")
    # What is aside while nothing is in its place is put back by whatever comes next.
    folder = aside if aside.is_dir() and not folder.is_dir() else folder
    return repr([(each.name, _file(each)) for each in sorted(folder.iterdir())]) if folder.is_dir() else "-"


def _file(path: Path) -> str:
    """A digest of a file's bytes; of the rows where it is Parquet or a database."""
    if not path.exists() or not path.stat().st_size:
        return "-"
    if path.suffix == ".parquet":
        return _digest(repr(duckdb.sql(f"FROM '{path}'").fetchall()).encode())
    if ".duckdb" in path.name:
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = sorted(name for (name,) in connection.execute("SHOW TABLES").fetchall())
            return _digest(repr([connection.execute(f"FROM {name}").fetchall() for name in tables]).encode())
    return _digest(path.read_bytes())


def _signed(path: Path) -> str:
    """A digest of a sign-off, whenever a purge ended it."""
    return _digest(re.sub("(?m)^(ended_on|signature) = .+", r"\1", path.read_text()).encode()) if path.exists() else "-"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def names(home: Path) -> set[str]:
    """Every file of a workspace, but Dagster's."""
    return {
        str(each.relative_to(home))
        for each in home.rglob("*")
        if each.is_file() and home / "dagster" not in each.parents
    }


@dataclass(frozen=True)
class Scene:
    """A command that is killed, the workspace that it starts from, and how an undisturbed one ends."""

    base: Path
    arguments: tuple[str, ...]
    #: What may be asked after the kill.
    asked: tuple[tuple[str, ...], ...]
    earlier: dict[str, str]
    later: dict[str, str]
    names: set[str]
    changes: int
    seconds: float


class Workspaces:
    """The workspaces of a series of kills, all in one folder."""

    def __init__(self, folder: Path, extract: Path) -> None:
        self._folder, self.name = folder, extract.name
        self._later = extract
        self._earlier = folder / "earlier" / extract.name
        shutil.copytree(extract, self._earlier)
        with (extract / "customers.csv").open(encoding="utf-8-sig", newline="") as delivered:
            records = list(csv.reader(delivered))
        with (self._earlier / "customers.csv").open("w", encoding="utf-8", newline="") as shorter:
            csv.writer(shorter).writerows(records[: -max(1, len(records) // 10)])

    @property
    def home(self) -> Path:
        """Where the kills take place: always the same, for the manifest names its files in full."""
        return self._folder / "home"

    @property
    def paths(self) -> ExtractPaths:
        return ExtractPaths(self.home, self.name)

    def restore(self, base: Path) -> None:
        atomic.discard(self.home)
        shutil.copytree(base, self.home)

    def keep(self, name: str) -> Path:
        return shutil.copytree(self.home, self._folder / name)

    def told(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """A command as a person types it now: a sign-off accepts what is open."""
        if arguments[0] != "sign-off":
            return arguments
        status, written = forked(
            lambda pipe: os.write(pipe, json.dumps([*sign_off.open_questions(self.paths)]).encode())
        )
        # Where a run was killed there may be no findings to read.
        rules = [] if status else json.loads(written)
        return (*arguments, *(option for rule in rules for option in ("--accept", rule)))

    def must(self, *arguments: str) -> Ended:
        ended = command(self.home, *self.told(arguments))
        if ended.status:
            sys.exit(f"{' '.join(arguments)}: {ended.said}")
        return ended

    def scenes(self) -> Iterator[Scene]:
        """The commands to kill, each on the workspace that the one before leaves when it is let be."""
        signed = ("sign-off", self.name, "--by", "Jane Doe", "--role", "Publisher")
        dry_run, production = ("dry-run", str(self._later)), ("production", self.name)
        revert, purge = ("revert", self.name), ("purge", self.name)
        for arguments in (("dry-run", str(self._earlier)), signed, production):
            self.must(*arguments)
        yield from self._scene(dry_run, signed, production, revert)
        self.must(*signed)
        yield from self._scene(production, revert, ("status",))
        yield from self._scene(revert, production, ("status",))
        yield from self._scene(purge, production, revert, ("status",))

    def _scene(self, arguments: tuple[str, ...], *asked: tuple[str, ...]) -> Iterator[Scene]:
        base, earlier = self.keep(f"before {arguments[0]}"), places(self.paths)
        ended = self.must(*arguments)
        later, standing = places(self.paths), names(self.home)
        left = self.keep(f"after {arguments[0]}")
        yield Scene(base, arguments, asked, earlier, later, standing, ended.changes, ended.seconds)
        self.restore(left)


def broken_by_kill(workspaces: Workspaces, scene: Scene, **moment: float) -> tuple[list[str], Ended]:
    """What a kill at a moment left half done, and how the killed command ended."""
    killed = command(workspaces.home, *scene.arguments, **moment)
    is_purge = scene.arguments[0] == "purge"
    wrong = [
        f"{place} is neither the earlier nor the later"
        for place, digest in places(workspaces.paths).items()
        if digest not in {scene.earlier[place], scene.later[place]}
        # A purge takes the files of a folder away one by one; a load lets go of the one before the last.
        and not (is_purge and place in ("delivered", "prepared", "archive"))
        and not (place == "before production" and digest in ("-", scene.earlier["production"]))
    ]
    return wrong, killed


def broken_at_end(workspaces: Workspaces, scene: Scene, ask: tuple[str, ...]) -> list[str]:
    """What is wrong with what is asked after a kill, and with how the same command ends then."""
    at = workspaces.keep("killed")
    wrong = _answered(workspaces, scene, ask)
    workspaces.restore(at)
    atomic.discard(at)
    again = command(workspaces.home, *scene.arguments)
    if not again.is_done_or_refused or (again.status and scene.arguments[0] in ("dry-run", "production")):
        wrong.append(f"{scene.arguments[0]} again ended with {again.status}: {again.said}")
    ended = places(workspaces.paths)
    wrong += [f"{place} is not what an undisturbed run leaves" for place in ended if ended[place] != scene.later[place]]
    if differing := names(workspaces.home) ^ scene.names:
        wrong.append(f"other files than after an undisturbed run: {sorted(differing)[:5]}")
    return wrong


def _answered(workspaces: Workspaces, scene: Scene, ask: tuple[str, ...]) -> list[str]:
    """What is wrong with how a command is answered right after a kill."""
    found = places(workspaces.paths)
    answer = command(workspaces.home, *workspaces.told(ask))
    then = places(workspaces.paths)
    if not answer.is_done_or_refused:
        return [f"{ask[0]} after it ended with {answer.status}: {answer.said}"]
    if answer.status or ask[0] == "status":
        kept = [place for place in found if place != "statistics.csv" and then[place] != found[place]]
        return [f"{ask[0]} after it changed {place}" for place in kept]
    if ask[0] == "sign-off":
        mixed = [place for place in ("prepared", "staging", "statistics.csv") if found[place] != scene.later[place]]
        return [f"a mixture was signed: {place}" for place in mixed if found["delivered"] == scene.later["delivered"]]
    if ask[0] == "revert" and then["production"] != found["before production"]:
        return ["revert did not put back what stood before the last load"]
    return []


def main() -> None:
    """Kill, and say what was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="of dry-run and of production; of the others a fifth")
    parser.add_argument(
        "--up-to", dest="command", choices=_COMMANDS, default=_COMMANDS[-1], help="the last of the commands to kill"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--site", action="store_true", help="kill loads of a site instead, and load one through a storm"
    )
    parser.add_argument("--storm", action="store_true", help="the storm alone")
    parser.add_argument("--machine", type=int, default=0, metavar="LIVES", help="think of lives of a site instead")
    parser.add_argument("--extract", type=Path, default=BUNDLED)
    given = parser.parse_args()
    if given.site or given.storm or given.machine:
        # What stages and kills those comes from the tests.
        sys.path.insert(0, str(ROOT))
        import site_crashes

        broken = site_crashes.kills() if given.site else 0
        broken += site_crashes.storm(given.seed) if given.site or given.storm else 0
        broken += site_crashes.lives(given.machine) if given.machine else 0
        sys.exit(1 if broken else 0)
    moments = random.Random(given.seed)
    # What is signed is loaded on the day that it was judged by, whatever day it is.
    day = datetime.datetime.combine(settings.load(given.extract).today, datetime.time(12), datetime.UTC)
    production.now = lambda: day
    failures = 0
    # A person's own instance must not record the killed runs.
    os.environ.pop("DAGSTER_HOME", None)
    with tempfile.TemporaryDirectory() as folder:
        workspaces = Workspaces(Path(folder), given.extract.resolve())
        for name, scene in zip(_COMMANDS[: _COMMANDS.index(given.command) + 1], workspaces.scenes(), strict=False):
            kills = given.kills if name in ("dry-run", "production") else max(1, given.kills // 5)
            changes = moments.sample(range(1, scene.changes + 1), scene.changes)
            how: Counter[str] = Counter()
            for number in range(kills):
                if number % _IN_A_ROW == 0:
                    workspaces.restore(scene.base)
                at_change = changes[number // 2 % len(changes)] if number % 2 == 0 else None
                moment = {"at_change": at_change} if at_change else {"after": moments.uniform(0, scene.seconds)}
                wrong, killed = broken_by_kill(workspaces, scene, **moment)
                if number % _IN_A_ROW == _IN_A_ROW - 1 or number == kills - 1:
                    wrong += broken_at_end(workspaces, scene, moments.choice(scene.asked))
                how["killed" if killed.status == -signal.SIGKILL else "ended before"] += 1
                failures += bool(wrong)
                told = ", ".join(f"{key} {value:.3g}" for key, value in moment.items())
                print(f"{name} {number + 1}/{kills} {told}: {'; '.join(wrong) or 'holds'}", flush=True)
            print(
                f"== {name}: {dict(how)}, {scene.changes} changes of files, {scene.seconds:.1f} s undisturbed",
                flush=True,
            )
    print(f"seed {given.seed}: {failures} broken promises")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
