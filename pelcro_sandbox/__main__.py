"""`python -m pelcro_sandbox`: start the server, or print its OpenAPI document."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import signal
import sqlite3
import sys
import tempfile
from pathlib import Path

from pelcro_sandbox import openapi
from pelcro_sandbox.assumptions import UnknownAssumptionError, chosen, declared
from pelcro_sandbox.control import Control
from pelcro_sandbox.server import SITES, Core
from pelcro_sandbox.store import Store
from pelcro_sandbox.wire import Connection

#: The keys that a new state knows. They are no secret: nothing but this server takes them.
KEYS = {"staging": "sandbox-staging", "production": "sandbox-production"}
_HOST = "127.0.0.1"
#: A name in the state's folder, written when both ports answer.
RUNNING = "running.json"


def main() -> None:
    """Read the arguments and do as they say."""
    arguments = _arguments()
    if arguments.list_assumptions:
        for name, assumption in declared().items():
            print(f"{name}: {assumption['asks']}")
            for alternative, meaning in assumption["alternatives"].items():
                print(f"    {name}={alternative}: {meaning}")
        return
    try:
        choices = chosen(arguments.assume)
    except UnknownAssumptionError as error:
        sys.exit(f"pelcro_sandbox: {error}")
    if arguments.openapi:
        print(json.dumps(openapi.document(choices), indent=1))
        return
    state = Path(arguments.state or tempfile.mkdtemp(prefix="pelcro-sandbox-"))
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        store = Store(state / "state.sqlite")
    except sqlite3.OperationalError as error:
        sys.exit(f"pelcro_sandbox: {state} cannot be used ({error}): another sandbox may have it.")
    low, _, high = arguments.latency.partition("-")
    latency = (float(low) / 1000, float(high or low) / 1000)
    if arguments.date and store.setting("days") is None:
        days = (datetime.date.fromisoformat(arguments.date) - datetime.datetime.now(datetime.UTC).date()).days
        store.set("days", days)
        store.commit()
    core = Core(store, choices, rate=arguments.rate or None, latency=latency)
    core.keys = {key: {"site": site, "may": "all"} for site, key in KEYS.items()} | core.keys
    try:
        asyncio.run(_serve(core, arguments.port, arguments.control_port, state))
    except OSError as error:
        sys.exit(f"pelcro_sandbox: a port cannot be used ({error.strerror}): name others with --port, --control-port.")
    finally:
        store.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pelcro_sandbox", description="A stand-in for Pelcro's Core API, on this machine alone."
    )
    parser.add_argument("--port", type=int, default=8470, help="of the API; 0 takes a free one (default 8470)")
    parser.add_argument("--control-port", type=int, default=8471, help="of the control (default 8471)")
    parser.add_argument("--state", help="folder of what the sites hold; a new temporary one unless given")
    parser.add_argument("--rate", type=float, default=10, help="calls a second a key; 0 is without limit (default 10)")
    parser.add_argument("--latency", default="0", help="milliseconds an answer takes, 50 or 20-200 (default 0)")
    parser.add_argument("--date", type=_day, help="the day that it is to a new state, as 2026-11-01 (default today)")
    parser.add_argument(
        "--assume", action="append", default=[], metavar="ID=ALTERNATIVE", help="see --list-assumptions"
    )
    parser.add_argument("--list-assumptions", action="store_true", help="print what can be assumed, and end")
    parser.add_argument("--openapi", action="store_true", help="print the OpenAPI document, and end")
    return parser.parse_args()


def _day(text: str) -> str:
    return datetime.date.fromisoformat(text).isoformat()


async def _serve(core: Core, port: int, control_port: int, state: Path) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    defects: list[BaseException] = []

    def defect(_: asyncio.AbstractEventLoop, context: dict) -> None:
        # A call that is never answered would look like a fault of the script: a defect ends the server, and is seen.
        defects.append(context.get("exception") or RuntimeError(context["message"]))
        ended.set()

    loop.set_exception_handler(defect)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    control = Control(core)
    api = await loop.create_server(lambda: Connection(core.receive, core.connections), _HOST, port, backlog=1024)
    second = await loop.create_server(lambda: Connection(control.receive, control.connections), _HOST, control_port)
    ports = [server.sockets[0].getsockname()[1] for server in (api, second)]
    running = {
        "url": f"http://{_HOST}:{ports[0]}{openapi.PREFIX}",
        "control": f"http://{_HOST}:{ports[1]}",
        "pid": os.getpid(),
        "sites": {
            held["site"]: {"site_id": SITES[held["site"]], "key": key} for key, held in reversed(core.keys.items())
        },
    }
    unfinished = state / f"{RUNNING}.new"
    unfinished.write_text(json.dumps(running, indent=1), encoding="utf-8")
    unfinished.replace(state / RUNNING)
    print(f"Core API  {running['url']}\nControl   {running['control']}\nState     {state}", flush=True)
    for name, site in running["sites"].items():
        print(f"{name:9} site_id {site['site_id']}, key {site['key']}", flush=True)
    await ended.wait()
    for connection in [*core.connections, *control.connections]:
        connection.close()
    api.close()
    second.close()
    if defects:
        raise defects[0]


if __name__ == "__main__":
    main()
