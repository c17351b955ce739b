"""A load over the Core API, killed in the middle, gone on with, reconciled and reverted: `make demo-site`.

Everything is done by the commands that a person would type, against the sandbox that stands for Pelcro, whose answers fail at a
share of all calls. Nothing is left behind but what is printed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
EXTRACT = "harbour-review-2026-10-01"
#: The day of its migration.
DAY = "2026-11-01"
#: Of all calls so many end in a lost answer, an error page, a wait, half an answer.
FAULTS = 0.02
COMMAND = [sys.executable, "-m", "pelcro_pipeline.cli"]
KEY = "PELCRO_STAGING_KEY"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="pelcro-demo-") as folder:
        home = Path(folder)
        sandbox = Sandbox(home / "sandbox")
        try:
            demonstrate(home, sandbox)
        finally:
            sandbox.process.kill()
            sandbox.process.wait()


class Sandbox:
    """The sandbox in a process of its own, and its control port."""

    def __init__(self, state: Path) -> None:
        options = ["--state", str(state), "--port", "0", "--control-port", "0", "--rate", "0", "--date", DAY]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pelcro_sandbox", *options], stdout=subprocess.DEVNULL, cwd=PROJECT
        )
        running = state / "running.json"
        while not running.exists():
            time.sleep(0.05)
        self.told = json.loads(running.read_text(encoding="utf-8"))

    def asked(self, method: str, path: str, body: object = None) -> object:
        """What the control port answers."""
        request = urllib.request.Request(self.told["control"] + path, json.dumps(body).encode(), method=method)
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def made(self) -> int:
        """How many objects the site's effect log says were made."""
        return sum(each["count"] for each in self.asked("GET", "/effects/counts") if each["effect"] == "create")

    def standing(self) -> Counter:
        """The rows of the site, by kind; a subscription that is cancelled and an invoice that is void stand no more."""
        rows = self.asked("GET", "/content/staging")
        return Counter(
            each["kind"] for each in rows if each["row"].get("status") not in ("canceled", "expired", "void")
        )


def demonstrate(home: Path, sandbox: Sandbox) -> None:
    deliver(home, sandbox)
    before = sandbox.standing()
    sandbox.asked("POST", "/storm", {"seed": 7, "share": FAULTS})
    print(f"The sandbox stands for Pelcro on {DAY}; of all calls {FAULTS:.0%} fail.\n")

    print(f"$ pelcro-pipeline dry-run {EXTRACT}        (killed with -9 in the middle of the load)")
    run = started("dry-run", EXTRACT, home=home, sandbox=sandbox)
    while sandbox.made() < 3500 and run.poll() is None:
        time.sleep(0.1)
    run.send_signal(signal.SIGKILL)
    run.wait()
    print(f"  killed when the site had made {sandbox.made():,} objects\n")

    print(f"$ pelcro-pipeline dry-run {EXTRACT}        (goes on)")
    show(run_to_end("dry-run", EXTRACT, home=home, sandbox=sandbox), "done,", "of ")
    sandbox.asked("DELETE", "/faults")
    doubled = sum(count > 1 for count in keys_made(sandbox).values())
    print(f"  the site's effect log: {sandbox.made():,} objects made, {doubled} of them twice\n")

    for command in (("reconcile", EXTRACT, "--on", "staging"), ("revert", EXTRACT, "--on", "staging", "--yes")):
        states = met(home) if command[0] == "revert" else {}
        print(f"$ pelcro-pipeline {' '.join(command)}")
        print("  " + run_to_end(*command, home=home, sandbox=sandbox).strip().replace("\n", "\n  ") + "\n")
    after = sandbox.standing()
    print(f"The site holds what it held before: {'yes' if after == before else f'NO: {dict(after - before)}'}\n")
    print("What the journal went through:")
    for state, count in (states | met(home)).items():
        print(f"  {state:12} {count:>8,}")
    if doubled or after != before:
        sys.exit("Something was made twice, or is left.")


def deliver(home: Path, sandbox: Sandbox) -> None:
    """The bundled extract, with a staging site."""
    folder = home / "extracts" / EXTRACT
    shutil.copytree(PROJECT / "data" / "extracts" / EXTRACT, folder)
    site = {
        "target": "core_api",
        "url": sandbox.told["url"],
        "site": sandbox.told["sites"]["staging"]["site_id"],
        "key": KEY,
        "rate": 0,
        "settle": 2,
    }
    words = "\n".join(f"{name} = {json.dumps(value)}" for name, value in site.items())
    with (folder / "extract.toml").open("a", encoding="utf-8") as settings:
        settings.write(f"\n[staging]\n{words}\n")


def started(*command: str, home: Path, sandbox: Sandbox) -> subprocess.Popen:
    environment = os.environ | {
        "PELCRO_HOME": str(home),
        KEY: sandbox.told["sites"]["staging"]["key"],
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }
    return subprocess.Popen(
        [*COMMAND, *command], env=environment, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def run_to_end(*command: str, home: Path, sandbox: Sandbox) -> str:
    """What a command says. Ends the demonstration where it fails."""
    run = started(*command, home=home, sandbox=sandbox)
    said, _ = run.communicate()
    if run.returncode:
        sys.exit(f"{said}\npelcro-pipeline {' '.join(command)} ended with {run.returncode}.")
    return said


def show(said: str, *words: str) -> None:
    """The lines of progress among what a command said."""
    for line in said.splitlines():
        if all(word in line for word in words):
            print(f"  {line.strip()}")


def keys_made(sandbox: Sandbox) -> Counter:
    """How often each object was made, by kind and key."""
    made: Counter = Counter()
    after = 0
    while some := sandbox.asked("GET", f"/effects?after={after}&limit=20000"):
        after = some[-1]["number"]
        made.update((each["kind"], each["key"]) for each in some if each["effect"] == "create")
    return made


def met(home: Path) -> dict[str, int]:
    """How often each state of the journal was met."""
    (journal,) = (home / "journals").glob(f"{EXTRACT}/staging.sqlite")
    with sqlite3.connect(journal) as connection:
        return dict(connection.execute("SELECT state, count FROM met ORDER BY state").fetchall())


if __name__ == "__main__":
    main()
