"""A sandbox in a process of its own, and a client that speaks to it over a socket."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

PREFIX = "/api/v1/core"
#: What names a customer's first reader in the tests.
READER = {"first_name": "Inês", "last_name": "Duarte", "skip_email_dns_validations": True}


class Client:
    """One connection to one of the ports, opened again where it was closed."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self._address = urlsplit(url).netloc
        self._headers = headers or {}
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: object = None, timeout: float = 20) -> tuple[int, object, dict]:
        """Status, answer and headers; whatever breaks on the way is raised."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._address, timeout=timeout)
        text = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            self._connection.request(method, path, text, self._headers)
            response = self._connection.getresponse()
            content = response.read()
        except BaseException:
            self.close()
            raise
        if response.getheader("Connection") == "close":
            self.close()
        kind = response.getheader("Content-Type", "")
        return response.status, json.loads(content) if kind == "application/json" else content, dict(response.headers)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Sandbox:
    """A running sandbox: its control, and a client for each site."""

    def __init__(self, state: Path, *options: str, ports: tuple[int, int] = (0, 0)) -> None:
        self.state = state
        running = state / "running.json"
        running.unlink(missing_ok=True)
        chosen = ["--state", str(state), "--port", str(ports[0]), "--control-port", str(ports[1])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pelcro_sandbox", *chosen, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        until = time.monotonic() + 30
        while not running.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(self.process.stderr.read().decode())
            time.sleep(0.01)
        self.told = json.loads(running.read_text(encoding="utf-8"))
        self.control = Client(self.told["control"])
        self.sites = {name: self.client(name) for name in self.told["sites"]}

    def client(self, site: str, key: str | None = None) -> Api:
        """A connection of its own to one site."""
        told = self.told["sites"][site]
        return Api(self.told["url"], told["site_id"], key or told["key"])

    def asked(self, method: str, path: str, body: object = None) -> object:
        """What the control port answers; a refusal is an error."""
        status, answer, _ = self.control.ask(method, path, body)
        assert status == 200, answer
        return answer

    def effects(self, after: int = 0) -> list[dict]:
        return self.asked("GET", f"/effects?after={after}&limit=100000")

    def rows(self, site: str = "staging") -> list[dict]:
        """All that a site holds."""
        return self.asked("GET", f"/content/{site}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> str:
        """End it as a person would; what it said on standard error."""
        for client in (self.control, *self.sites.values()):
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        said = self.process.stderr.read().decode()
        self.process.wait(20)
        self.process.stderr.close()
        return said


class Api(Client):
    """A connection to one site, with its key."""

    def __init__(self, url: str, site_id: int, key: str) -> None:
        super().__init__(url, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
        self.site_id = site_id

    def call(self, method: str, path: str, body: object = None, **query: object) -> tuple[int, object]:
        """Status and answer of a call to the site."""
        words = urlencode({"site_id": self.site_id} | query, doseq=True)
        status, answer, _ = self.ask(method, f"{PREFIX}{path}?{words}", body)
        return status, answer

    def made(self, path: str, **body: object) -> dict:
        """The object that a call makes."""
        status, answer = self.call("POST", path, body)
        assert status in (200, 201), answer
        return answer["data"]

    def got(self, path: str, **query: object) -> dict:
        """An object, or the rows of a page."""
        status, answer = self.call("GET", path, **query)
        assert status == 200, answer
        return answer["data"]

    def customer(self, name: str, **more: object) -> dict:
        return self.made(
            "/customers", old_provider_id=name, email=f"{name.lower()}@harbour-review.example", **READER, **more
        )

    def product(self, name: str = "The Harbour Review", **more: object) -> dict:
        return self.made("/products", name=name, **more)

    def plan(self, product: dict, **more: object) -> dict:
        return self.made("/plans", **(plan(product) | more))

    def subscription(self, customer: dict, plan: dict, **more: object) -> dict:
        terms = {"user_id": customer["id"], "plan_id": plan["id"], "quantity": 1, "collection_method": "send_invoice"}
        return self.made("/subscriptions", **(terms | more))


def plan(product: dict) -> dict:
    """A plan's body with all that is required."""
    return {
        "product_id": product["id"],
        "nickname": "Print, monthly",
        "auto_renew": True,
        "amount": 15.00,
        "currency": "usd",
        "revenue_recognition_type": "time",
        "interval": "month",
        "interval_count": 1,
        "available_online": True,
        "allow_refunds": False,
        "trial_period_days": 0,
    }


@contextmanager
def running(state: Path, *options: str):
    """A sandbox for as long as a test needs it; it ends without a defect."""
    sandbox = Sandbox(state, "--rate", "0", *options)
    try:
        yield sandbox
    finally:
        said = sandbox.stop()
    assert said == ""
