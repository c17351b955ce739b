"""How many calls a second the stand-in for Pelcro's Core API takes, and what one costs its process.

python benchmarks/sandbox.py [connections]
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CALLS = 4000


def posted(number: int) -> bytes:
    """The creation of a customer."""
    body = {
        "email": f"reader-{number}@harbour-review.pub",
        "old_provider_id": f"C{number}",
        "first_name": "Ana",
        "last_name": "Costa",
        "phone": "15141234567",
        "metadata": {"migration_mark": f"M{number:025}"},
    }
    return request("POST", "/customers", json.dumps(body).encode())


def got(number: int) -> bytes:
    """One customer."""
    return request("GET", f"/customers/{number % 500 + 1}")


def listed(number: int) -> bytes:
    """A page of a hundred."""
    return request("GET", f"/customers?limit=100&page={number % 20 + 1}")


def request(method: str, path: str, body: bytes = b"") -> bytes:
    path += ("&" if "?" in path else "?") + "site_id=1001"
    head = f"{method} /api/v1/core{path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer sandbox-staging\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def ask(port: int, numbers: range, call: Callable[[int], bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        writer.write(call(number))
        head = await reader.readuntil(b"\r\n\r\n")
        if head[9:12] not in (b"200", b"201"):
            raise RuntimeError(head.decode())
        await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
    writer.close()


def seconds_of(pid: int) -> float:
    """The CPU seconds of a process."""
    ticks = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[13:15]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


async def measured(port: int, pid: int, connections: int) -> None:
    for name, call, calls in (("create", posted, CALLS), ("get", got, CALLS), ("page of 100", listed, CALLS // 20)):
        used, began = seconds_of(pid), time.perf_counter()
        await asyncio.gather(*(ask(port, range(first, calls, connections), call) for first in range(connections)))
        took, used = time.perf_counter() - began, seconds_of(pid) - used
        print(f"{name:12} {calls / took:8,.0f} calls a second, {used / calls * 1000:.2f} ms of CPU each", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as state:
        options = ["--state", state, "--port", "0", "--control-port", "0", "--rate", "0"]
        server = subprocess.Popen([sys.executable, "-m", "pelcro_sandbox", *options], stdout=subprocess.DEVNULL)
        running = Path(state) / "running.json"
        while not running.exists():
            time.sleep(0.05)
        url = json.loads(running.read_text(encoding="utf-8"))["url"]
        port = int(url.split(":")[2].split("/")[0])
        try:
            asyncio.run(measured(port, server.pid, int(sys.argv[1]) if len(sys.argv) > 1 else 8))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
