"""Loads of a site in processes that are killed: one process has everything imported, and forks for each load.

python -m pelcro_pipeline_tests.killing        # reads one request a line, and answers each with the pid and with how it ended
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.target.core_api import client, load, revert, site
from pelcro_pipeline.target.core_api.journal import Entry, Journal, State
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.api import Sandbox

#: The moments of a call: its intent is on the disk; it was sent, and not committed; committed, and not answered; answered, and that
#: is not on the disk.
POINTS = ("intended", "sent", "committed", "answered")
#: What the sandbox knows of them: the two in the middle.
_WHEN = {"sent": "before", "committed": "after"}
KILLED = ("loader", "sandbox", "both")
_SETTLE = 0.3


@dataclass(frozen=True)
class Kill:
    """A kill at one call of a kind: which process, at which of the points, after how many calls of that kind."""

    action: str
    kind: str
    point: str
    killed: str = "loader"
    skip: int = 0

    def __str__(self) -> str:
        return f"{self.killed} killed when call {self.skip + 1} to {self.action} a {self.kind} was {self.point}"


# In the forked process.


def _site(request: Mapping) -> site.Site:
    paths = ExtractPaths(Path(request["home"]), request["extract"])
    os.environ["A_SITES_KEY"] = request["key"]
    environment = {"target": "core_api", "key": "A_SITES_KEY", "rate": 0, "settle": _SETTLE} | request["environment"]
    given = extract_settings.load(paths.delivered).model_dump(exclude_unset=True)
    given |= {request["name"]: environment, "core_api": request["core_api"]}
    return site.Site(paths, request["name"], extract_settings.Settings.model_validate(given))


def _kill_at(kills: list[Mapping], running: Path) -> None:
    """Kill this process, the sandbox or both, once an intent is on the disk or before an answer is."""
    seen: Counter[tuple] = Counter()
    intend, note = Journal.intend, Journal.note

    def count(action: str, entry: Entry, point: str) -> None:
        seen[action, entry.kind] += 1
        for kill in kills:
            if (kill["action"], kill["kind"], kill["point"]) != (action, entry.kind, point):
                continue
            if seen[action, entry.kind] == kill["skip"] + 1:
                if kill["killed"] != "loader":
                    os.kill(json.loads(running.read_text())["pid"], signal.SIGKILL)
                if kill["killed"] != "sandbox":
                    os.kill(os.getpid(), signal.SIGKILL)

    changing: set[str] = set()

    async def intend_and_count(self: Journal, entry: Entry) -> None:
        await intend(self, entry)
        if entry.state is State.CHANGING:
            changing.add(entry.mark)
        count("update" if entry.mark in changing else "create", entry, "intended")

    def count_and_note(self: Journal, entry: Entry) -> None:
        if entry.state is State.DONE:
            count("update" if entry.mark in changing else "create", entry, "answered")
        note(self, entry)

    if any(kill["point"] == "intended" for kill in kills):
        Journal.intend = intend_and_count
    else:
        Journal.intend, Journal.note = intend_and_mark(intend, changing), count_and_note


def intend_and_mark(intend: Callable, changing: set[str]) -> Callable:
    """An intent as it is, remembered where it is of a change."""

    async def marked(self: Journal, entry: Entry) -> None:
        if entry.state is State.CHANGING:
            changing.add(entry.mark)
        await intend(self, entry)

    return marked


def _intent_after_the_call() -> None:
    intend, called = Journal.intend, load.Loader._called

    async def not_yet(self: Journal, entry: Entry) -> None:
        pass

    async def called_first(self: load.Loader, planned: load.Planned, intent: Entry, *rest: object) -> client.Outcome:
        outcome = await called(self, planned, intent, *rest)
        await intend(self._journal, intent)
        return outcome

    Journal.intend, load.Loader._called = not_yet, called_first


async def _nothing(*_: object) -> list:
    return []


def _no_look_up() -> None:
    load.found, load.Loader._see_lists = _nothing, _nothing


def _no_settle() -> None:
    load.Loader._wait_until = _nothing


def _sent_is_done() -> None:
    next_ = load.Loader._next

    def taken(self: load.Loader, planned: load.Planned, entry: Entry | None) -> str:
        return "nothing" if entry and entry.state is State.SENT else next_(self, planned, entry)

    load.Loader._next = taken


#: What a careless journal would leave out.
MUTATIONS: dict[str, Callable[[], None]] = {
    "the intent is written after the call": _intent_after_the_call,
    "the look-up is left out": _no_look_up,
    "settle is left out": _no_settle,
    "sent is taken for done": _sent_is_done,
}


def _work(request: Mapping) -> dict:
    """Do what is asked for; how it ended."""
    if request["kills"]:
        _kill_at(request["kills"], Path(request["running"]))
    if request["mutation"]:
        MUTATIONS[request["mutation"]]()
    own, told = _site(request), {}
    try:
        for step in request["steps"]:
            if step == "plan":
                told["planned"] = site.plan(own).counts
            elif step == "revert":
                # One that was killed goes on by its own plan.
                if not own.paths.site_revert(own.name).is_file():
                    revert.plan_revert(own)
                told["reverted"] = revert.revert(own).unknown
            else:
                progress = site.load(own)
                ended = ("calls", "done", "refused", "unknown", "blocked", "conflict")
                told["loaded"] = {name: getattr(progress, name) for name in ended}
    except RefusedError as error:
        return told | {"refused": str(error)}
    return told


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        answers, answer = os.pipe()
        gone, go = os.pipe()
        child = os.fork()
        if not child:
            os.close(go)
            os.read(gone, 1)
            try:
                ended = _work(request)
            except BaseException:
                ended = {"defect": traceback.format_exc()}
            os.write(answer, json.dumps(ended).encode())
            os._exit(0)
        os.close(answer)
        os.close(gone)
        print(json.dumps({"pid": child}), flush=True)
        sys.stdin.readline()
        os.close(go)
        with os.fdopen(answers) as pipe:
            written = pipe.read()
        os.waitpid(child, 0)
        print(written or json.dumps({"killed": True}), flush=True)


# In the process that kills.


class Loads:
    """The process that forks loads."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pelcro_pipeline_tests.killing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self, paths: ExtractPaths, sandbox: Sandbox, *steps: str, name: str = "staging", **more: object) -> int:
        """Fork a load that waits to be let go; its pid. ``more``: kills, mutation, core_api, and what an environment has."""
        told = sandbox.told["sites"][name]
        own = {each: more.pop(each, None) for each in ("kills", "mutation")} | {"core_api": more.pop("core_api", {})}
        own |= {"running": str(sandbox.state / "running.json")}
        request = {"home": str(paths.home), "extract": paths.extract, "name": name, "key": told["key"], "steps": steps}
        environment = {"url": sandbox.told["url"], "site": told["site_id"]} | more
        self._tell(request | own | {"environment": environment})
        return self._answer()["pid"]

    def end(self, meanwhile: Callable[[], None] = lambda: None) -> dict:
        """Let it go, and wait for its end."""
        self._tell("go")
        meanwhile()
        return self._answer()

    def run(self, paths: ExtractPaths, sandbox: Sandbox, *steps: str, **more: object) -> dict:
        """A load from its beginning to its end. A defect of it is an error."""
        self.begin(paths, sandbox, *steps, **more)
        ended = self.end()
        assert "defect" not in ended, ended["defect"]
        return ended

    def _tell(self, what: object) -> None:
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict:
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


#: What names a row in the references of others, and what a second load would have otherwise.
_REFERENCES = {
    "user_id": "customers", "plan": "plans", "plan_id": "plans", "address": "addresses", "address_id": "addresses",
    "product_id": "products", "subscription_id": "subscriptions", "default_source": "sources",
    "default_source_id": "sources", "latest_invoice": "invoices", "_donor": "subscriptions",
}  # fmt: skip
_BY_CHANCE = ("id", "gift_code")
_NOW = 3600


def content(sandbox: Sandbox, name: str = "staging") -> list[tuple]:
    """All that a site holds, in an order that is told by it, without what hangs on when and in which order it was loaded."""
    rows = sandbox.rows(name)
    named = {(each["kind"], each["row"]["id"]): _named(each["row"]) for each in rows}
    began = time.time() - _NOW

    def value(field_: str, held: object) -> object:
        if field_ in _REFERENCES and type(held) is int:
            return named.get((_REFERENCES[field_], held), "gone")
        return "now" if type(held) is int and began < held < began + 2 * _NOW else held

    return sorted(
        (each["kind"], json.dumps({name: value(name, held) for name, held in sorted(each["row"].items()) if name not in _BY_CHANCE}))
        for each in rows
    )  # fmt: skip


def _named(row: Mapping) -> str:
    known = (row.get("metadata") or {}).get("migration_mark") or row.get("old_provider_id") or row.get("object_id")
    return known or row.get("_old_id") or "?"


def effects(sandbox: Sandbox) -> Counter:
    """How often what was done to which object, by what names it in the log."""
    return Counter((each["effect"], each["kind"], each["key"]) for each in sandbox.effects())


@dataclass
class Scene:
    """A site that an earlier delivery was loaded into, with the plan of a later one; loaded again and again from there.

    ``wrong`` is what differs from the undisturbed load.
    """

    folder: Path
    earlier: ExtractPaths
    later: ExtractPaths
    loads: Loads
    options: tuple[str, ...] = ()
    content: list[tuple] = field(default_factory=list)
    effects: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        with self._running(self.folder / "sandbox") as sandbox:
            self.loads.run(self.earlier, sandbox, "plan", "load")
            shutil.copytree(self.earlier.journals, self.later.journals)
            planned = self.loads.run(self.later, sandbox, "plan")["planned"]
        self.calls = Counter(
            {(action, kind): number for kind, each in planned.items() for action, number in each.items()}
        )
        shutil.move(self.folder / "sandbox", self.folder / "base")
        shutil.copytree(self.later.journals, self.folder / "journals")
        with self.begun() as sandbox:
            ended = self.loads.run(self.later, sandbox, "load")
            assert ended["loaded"]["done"] == ended["loaded"]["calls"], ended
            self.content, self.effects = content(sandbox), effects(sandbox)

    @contextlib.contextmanager
    def _running(self, state: Path) -> Iterator[Sandbox]:
        self.sandbox = Sandbox(state, "--rate", "0", *self.options)
        try:
            yield self.sandbox
        finally:
            said = self.sandbox.stop()
        assert said == ""

    @contextlib.contextmanager
    def begun(self) -> Iterator[Sandbox]:
        """The sandbox and the journal as they stand before the later load."""
        for base, own in (("base", self.folder / "sandbox"), ("journals", self.later.journals)):
            shutil.rmtree(own, ignore_errors=True)
            shutil.copytree(self.folder / base, own)
        with self._running(self.folder / "sandbox") as sandbox:
            yield sandbox

    def revive(self) -> None:
        """Start the sandbox that was killed again, on the same state and ports."""
        told, dead = self.sandbox.told, self.sandbox
        dead.process.wait(10)
        ports = tuple(int(told[name].split(":")[2].split("/")[0]) for name in ("url", "control"))
        dead.stop()
        self.sandbox = Sandbox(dead.state, "--rate", "0", *self.options, ports=ports)

    def killed(self, *kills: Kill, mutation: str | None = None) -> dict:
        """Load, and be killed on the way, more than once where it is the sandbox alone; how it ended."""
        hooks = [asdict(kill) for kill in kills if kill.point not in _WHEN]
        pid = self.loads.begin(self.later, self.sandbox, "load", kills=hooks, mutation=mutation)

        def meanwhile() -> None:
            for kill in kills:
                if kill.killed != "loader":
                    self.sandbox.process.wait(10)
                if kill.killed == "both":
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                if kill.killed != "loader":
                    self.revive()
                    self._fault(kills[kills.index(kill) + 1 :], pid)

        self._fault(kills, pid)
        ended = self.loads.end(meanwhile)
        self.sandbox.asked("DELETE", "/faults")
        assert "defect" not in ended, ended["defect"]
        assert all(kill.killed == "sandbox" for kill in kills) or "killed" in ended, (str(kills[0]), ended)
        return ended

    def tried(self, kill: Kill) -> dict:
        """Load, and be killed where there is such a call; how it ended."""
        hooks = [] if kill.point in _WHEN else [asdict(kill)]
        self._fault([kill], self.loads.begin(self.later, self.sandbox, "load", kills=hooks))
        return self.loads.end()

    def _fault(self, kills: Sequence[Kill], pid: int) -> None:
        """Script the next kill that the sandbox does."""
        for kill in kills[:1]:
            if kill.point in _WHEN:
                fault = {"kind": "kill_client", "pid": pid} if kill.killed == "loader" else {"kind": "kill_server"}
                fault |= {"operation": f"{kill.action}_{kill.kind}", "when": _WHEN[kill.point], "skip": kill.skip}
                self.sandbox.asked("POST", "/faults", fault)

    def wrong(self, ended: dict) -> list[str]:
        """What is otherwise than after the undisturbed load, once a load has ended."""
        told = ended.get("loaded", {})
        wrong = [] if told.get("done", -1) == told.get("calls") else [f"it ended as {ended}"]
        found, meant, seen = Counter(content(self.sandbox)), Counter(self.content), effects(self.sandbox)
        wrong += [f"not there: {each}" for each in meant - found]
        wrong += [f"there, and should not be: {each}" for each in found - meant]
        wrong += [f"{each[0]} of {each[1]} {each[2]} {number} times too often" for each, number in (seen - self.effects).items()]  # fmt: skip
        wrong += [f"{each[0]} of {each[1]} {each[2]} {number} times missing" for each, number in (self.effects - seen).items()]  # fmt: skip
        return wrong

    def after(self, *kills: Kill, mutation: str | None = None) -> list[str]:
        """What is wrong after some kills one after the other, and a load that is let be."""
        with self.begun():
            for kill in kills:
                self.killed(kill, mutation=mutation)
            return self.wrong(self.loads.run(self.later, self.sandbox, "load", mutation=mutation))


if __name__ == "__main__":
    _serve()
