"""The Core API itself: keys, limits, faults, and one commit for all calls that wait at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import os
import random
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pelcro_sandbox import answers, catalogue, invoices, openapi, readers, subscriptions
from pelcro_sandbox.contract import Operation, operations, plural
from pelcro_sandbox.faults import Fault, Rule
from pelcro_sandbox.site import Clock, NotFoundError, Site
from pelcro_sandbox.store import Store
from pelcro_sandbox.validation import InvalidError, body_errors, query_errors
from pelcro_sandbox.wire import Connection, Request, head

#: The sites, by name: staging and production are two accounts that share nothing.
SITES = {"staging": 1001, "production": 2001}
#: Calls that the control port can still tell of.
_REMEMBERED = 10_000
_HTML = b"<html><body><h1>Something went wrong</h1></body></html>"
_JSON = "application/json"


@dataclass(slots=True)
class Call:
    """One call on its way through."""

    number: int
    connection: Connection | None
    request: Request
    operation: Operation
    identity: int
    site: Site
    query: answers.Query
    body: dict
    fault: Fault | None = None
    status: int = 0
    answer: object = None
    headers: dict[str, str] = field(default_factory=dict)


class Core:
    """Everything behind the first port."""

    def __init__(
        self, store: Store, choices: dict[str, str], *, rate: float | None, latency: tuple[float, float]
    ) -> None:
        self.store, self.choices, self.rate, self.latency = store, choices, rate, latency
        store.folds_case = choices["email-case"] == "insensitive"
        self.clock = Clock(store)
        self.sites = {name: Site(number, name, store, choices, self.clock) for name, number in SITES.items()}
        self.keys: dict[str, dict] = store.setting("keys", {})
        self.rules: list[Rule] = []
        self.calls = 0
        self.counts: Counter = Counter()
        self.recent: deque[dict] = deque(maxlen=_REMEMBERED)
        self.connections: set[Connection] = set()
        self.document = openapi.document(choices)
        self._windows: dict[str, tuple[float, int]] = {}
        self._waiting: list[Call] = []
        self._timing = random.Random(0)
        self._second, self._date = 0, ""
        self._paths: dict[tuple[str, ...], dict[str, tuple[Operation, dict]]] = {}
        for operation in operations(choices):
            parts = tuple(operation.path.strip("/").split("/"))
            endpoint = self.document["paths"][openapi.PREFIX + operation.path][operation.method.lower()]
            self._paths.setdefault(parts, {})[operation.method] = (operation, endpoint)

    # A call comes in.

    def receive(self, connection: Connection, request: Request) -> None:
        """Take a call: refuse it, or let it wait for the next commit."""
        self.calls += 1
        path, _, text = request.target.partition("?")
        found, identity = self._route(path)
        if found is None:
            self._refuse(connection, request, 404, "There is nothing here.")
        elif request.method not in found:
            allowed = {"Allow": ", ".join(sorted(found))}
            self._refuse(connection, request, 405, "The method is not allowed.", allowed)
        else:
            operation, endpoint = found[request.method]
            self._permit(connection, request, operation, endpoint, identity, answers.parsed(text, self.choices))

    def _route(self, path: str) -> tuple[dict | None, int]:
        if not path.startswith(f"{openapi.PREFIX}/"):
            return None, 0
        parts = tuple(path[len(openapi.PREFIX) + 1 :].split("/"))
        if parts in self._paths:
            return self._paths[parts], 0
        if len(parts) > 1 and parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 16:
            return self._paths.get((parts[0], "{id}", *parts[2:])), int(parts[1])
        return None, 0

    def _permit(
        self,
        connection: Connection,
        request: Request,
        operation: Operation,
        endpoint: dict,
        identity: int,
        query: answers.Query,
    ) -> None:
        """The key, the limit, the form of the request, in this order."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        held = self.keys.get(key) if scheme.lower() == "bearer" else None
        if held is None:
            self._refuse(connection, request, 401, "Unauthenticated.")
            return
        wait = self._over_limit(key)
        if wait is not None:
            self._refuse(connection, request, 429, "Too Many Attempts.", self._retry_after(wait))
            return
        body, errors = self._body(request, operation, endpoint)
        errors = errors or query_errors(endpoint["parameters"], query.words)
        number = query.words.get("site_id", body.get("site_id"))
        if not errors and number is None:
            errors = {"site_id": ["The site id field is required."]}
        if errors:
            self._answer(connection, request, *self._invalid(errors))
            return
        site = self.sites[held["site"]]
        reads = operation.method == "GET"
        if held["may"] == "none" or (held["may"] == "read" and not reads):
            self._refuse(connection, request, 403, "The key is not permitted to do this.")
        elif {int(number), int(body.get("site_id") or number)} != {site.number}:
            self._refuse(connection, request, 403, "The key is not permitted for this site.")
        elif site.name == "staging" and self.choices["staging-host"] == "none":
            self._refuse(connection, request, 403, "There is no staging site for this account.")
        else:
            call = Call(self.calls, connection, request, operation, identity, site, query, body)
            content = b"\n".join((operation.name.encode(), request.target.encode("latin-1", "replace"), request.body))
            for rule in self.rules:
                call.fault = rule.drawn(operation.name, reads, site.name, content)
                if call.fault is not None:
                    break
            self._delay(self._half_latency(), lambda: self._arrive(call, key))

    def _body(self, request: Request, operation: Operation, endpoint: dict) -> tuple[dict, dict]:
        if operation.body is None or (not request.body and not operation.required):
            return {}, {}
        try:
            body = json.loads(request.body.decode(), parse_constant=_no_number)
        except (ValueError, RecursionError):
            return {}, {"body": ["The body is no JSON."]}
        if not isinstance(body, dict):
            return {}, {"body": ["The body is no JSON object."]}
        return body, body_errors(endpoint["requestBody"]["content"][_JSON]["schema"], body)

    def _over_limit(self, key: str) -> float | None:
        """How long a key has to wait, or nothing where it has calls left: a window opens with its first call."""
        if self.rate is None or self.choices["limit"] == "none":
            return None
        span = 60.0 if self.choices["limit"] == "per-minute" else 1.0
        now = time.monotonic()
        opened, used = self._windows.get(key, (now, 0))
        if now - opened >= span:
            opened, used = now, 0
        if used >= self.rate * span:
            return span - (now - opened)
        self._windows[key] = (opened, used + 1)
        return None

    def _retry_after(self, wait: float) -> dict[str, str]:
        seconds = max(1, int(wait + 0.999))
        if self.choices["limit"] == "no-header":
            return {}
        if self.choices["limit"] == "date":
            return {"Retry-After": email.utils.formatdate(self.clock.now() + seconds, usegmt=True)}
        return {"Retry-After": str(seconds)}

    def _invalid(self, errors: dict) -> tuple[int, object]:
        status = 400 if "body" in errors else int(self.choices["status-of-invalid"])
        return status, {"errors": errors}

    # Faults that need no commit, and the way to it.

    def _half_latency(self) -> float:
        low, high = self.latency
        return (low if low == high else self._timing.uniform(low, high)) / 2

    def _delay(self, seconds: float, then: Callable[[], None]) -> None:
        if seconds > 0:
            asyncio.get_running_loop().call_later(seconds, then)
        else:
            then()

    def _arrive(self, call: Call, key: str) -> None:
        fault = call.fault
        if fault is None:
            self._wait(call)
            return
        if fault.kind == "revoke":
            self.keys.pop(key, None)
            self.store.set("keys", self.keys)
            self.store.commit()
            self._refuse(call.connection, call.request, 401, "Unauthenticated.")
        elif fault.kind == "late":
            call.connection.close()
            call.connection = None
            self._delay(fault.seconds, lambda: self._wait(call))
        elif fault.kind == "hang" and fault.when == "before":
            self._delay(fault.seconds, lambda: self._wait(call))
        elif fault.kind == "kill_client" and fault.when == "before":
            _kill(fault.pid)
            call.connection.close()
        elif fault.when == "before" and fault.kind not in ("kill_server", "twice", "edit", "hang"):
            self._misdeliver(call, b"")
        else:
            self._wait(call)

    def _wait(self, call: Call) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._commit)
        self._waiting.append(call)

    # The commit.

    def _commit(self) -> None:
        """Do what waits, put it on the disk in one commit, and only then answer."""
        calls, self._waiting = self._waiting, []
        for call in calls:
            if call.fault is not None and call.fault.kind == "edit":
                self.edit(**call.fault.edit)
            self._perform(call)
            if call.fault is not None and call.fault.kind == "twice":
                self._perform(call)
            if call.fault is not None and call.fault.kind == "kill_server" and call.fault.when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        self.store.commit()
        for call in calls:
            self._delay(self._half_latency(), lambda call=call: self._deliver(call))

    def edit(self, site: str, method: str, path: str, body: dict | None = None) -> tuple[int, object]:
        """Somebody else's call, at once: neither a key nor a limit stands in its way."""
        target, _, text = path.partition("?")
        found, identity = self._route(openapi.PREFIX + target)
        if found is None or method not in found:
            return 404, {"message": "There is nothing here."}
        operation, endpoint = found[method]
        errors = body_errors(endpoint["requestBody"]["content"][_JSON]["schema"], body or {}) if operation.body else {}
        if errors:
            return self._invalid(errors)
        request = Request(method, path, {}, b"")
        query = answers.parsed(text, self.choices)
        call = Call(self.calls, None, request, operation, identity, self.sites[site], query, body or {})
        self.store.actor = "somebody"
        self._perform(call)
        self.store.actor = "client"
        return call.status, call.answer

    def _perform(self, call: Call) -> None:
        """Do one call; what it is refused for is its answer."""
        self.store.call = call.number
        try:
            if call.operation.method == "GET":
                self._read(call)
            else:
                with self.store.whole():
                    self._write(call)
        except InvalidError as error:
            call.status, call.answer = self._invalid(error.errors)
        except NotFoundError:
            call.status, call.answer = 404, {"message": "There is no such object, or it is not accessible."}

    def _read(self, call: Call) -> None:
        one, call.status = call.operation.answers, 200
        if call.operation.lists:
            call.answer = answers.page(call.site, one, call.query, call.request.target.partition("?")[0])
        else:
            row = call.site.existing(plural(one), call.identity)
            call.answer = {"data": answers.shown(call.site, one, row, call.query.expand)}

    def _write(self, call: Call) -> None:
        handler = _HANDLERS[call.operation.name]
        place = (call.identity,) if "{id}" in call.operation.path else ()
        row = handler(call.site, *place, call.body, call.query.words)
        if row is None:
            call.status, call.answer = 204, None
            return
        call.status = 200 if row.get("_activated") else call.operation.status
        call.answer = {"data": answers.shown(call.site, call.operation.answers, row, call.query.expand)}

    # The answer.

    def _deliver(self, call: Call) -> None:
        if call.connection is None:
            return
        body = b"" if call.answer is None else json.dumps(call.answer, separators=(",", ":")).encode()
        if call.fault is None or call.fault.kind in ("twice", "edit", "late"):
            self._answer(call.connection, call.request, call.status, call.answer, body=body)
        else:
            self._misdeliver(call, body)

    def _misdeliver(self, call: Call, body: bytes) -> None:
        """An answer as its fault makes it."""
        fault, connection = call.fault, call.connection
        ends = {"close": connection.close, "reset": connection.reset}
        self._count(call.request, 0, fault.kind)
        if fault.kind in ends:
            ends[fault.kind]()
        elif fault.kind == "hang":
            delay = fault.seconds if fault.when == "after" else 0
            self._delay(delay, lambda: self._send(connection, call.status, body))
        elif fault.kind in ("kill_client", "kill_server"):
            if fault.when == "answered":
                self._send(connection, call.status, body)
            _kill(os.getpid() if fault.kind == "kill_server" else fault.pid)
            connection.close()
        elif fault.kind == "truncated":
            connection.send(head(call.status, len(body), self._headers(_JSON), keeps=False) + body[: len(body) // 2])
            connection.close()
        elif fault.kind == "slow":
            whole = head(call.status, len(body), self._headers(_JSON)) + body
            self._trickle(connection, whole, fault.seconds)
        elif fault.kind == "huge":
            connection.send(head(call.status or 200, fault.bytes, self._headers(_JSON), keeps=False))
            self._pour(connection, fault.bytes)
        else:
            self._send(connection, *_replaced(fault, call.status))

    def _trickle(self, connection: Connection, data: bytes, seconds: float, pieces: int = 20) -> None:
        size = -(-len(data) // pieces)
        for number in range(pieces):
            piece = data[number * size : (number + 1) * size]
            asyncio.get_running_loop().call_later(seconds * number / pieces, connection.send, piece)
        asyncio.get_running_loop().call_later(seconds, connection.answered)

    def _pour(self, connection: Connection, left: int) -> None:
        piece = min(left, 1 << 20)
        if left > 0 and connection.send(b" " * piece):
            asyncio.get_running_loop().call_later(0.001, self._pour, connection, left - piece)
        else:
            connection.close()

    def _refuse(
        self,
        connection: Connection,
        request: Request,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._answer(connection, request, status, {"message": message}, headers)

    def _answer(
        self,
        connection: Connection,
        request: Request,
        status: int,
        answer: object,
        headers: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
    ) -> None:
        if body is None:
            body = json.dumps(answer, separators=(",", ":")).encode()
        self._count(request, status, None)
        self._send(connection, status, b"" if request.method == "HEAD" else body, headers)

    def _send(self, connection: Connection, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        kind = "text/html" if body is _HTML else _JSON
        connection.answer(status, body, self._headers(kind if body else None) | dict(headers or {}))

    def _headers(self, kind: str | None) -> dict[str, str]:
        now = self.clock.now()
        if now != self._second:
            self._second, self._date = now, email.utils.formatdate(now, usegmt=True)
        return {"Date": self._date} | ({"Content-Type": kind} if kind else {})

    def _count(self, request: Request, status: int, fault: str | None) -> None:
        self.counts[fault or str(status)] += 1
        self.recent.append(
            {"number": self.calls, "method": request.method, "target": request.target, "status": status, "fault": fault}
        )


def _replaced(fault: Fault, status: int) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of a fault that answers something else."""
    if fault.kind == "status":
        body = _HTML if fault.html else json.dumps({"message": "Server Error"}).encode()
        return fault.status, body, {}
    if fault.kind == "limit":
        waits = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        return 429, b'{"message":"Too Many Attempts."}', waits
    if fault.kind == "redirect":
        return 302, b"", {"Location": fault.location}
    bodies = {"empty": b"", "html": _HTML, "garbage": b"\x80\x00{{{\xff", "wrong_type": b'["ok"]'}
    return status or 200, bodies[fault.kind], {}


def _kill(pid: int) -> None:
    # Somebody may have ended it first.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


#: What does each operation that writes.
_HANDLERS: dict[str, Callable] = {
    name: function
    for module in (readers, catalogue, subscriptions, invoices)
    for name, function in vars(module).items()
    if name.startswith(("create_", "update_", "delete_", "cancel_", "renew_", "redeem_", "invite_", "pay_", "void_"))
    or name == "write_off_invoice"
}
_HANDLERS |= {f"{name}_by_post": _HANDLERS[name] for name in ("update_product", "update_plan")}
