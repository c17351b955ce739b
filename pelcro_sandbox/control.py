"""The second port, for whoever tests: faults, the effect log, the clock, cards, keys, and what the sites hold."""

from __future__ import annotations

import datetime
import json
import zoneinfo
from collections.abc import Callable
from urllib.parse import parse_qsl

from pelcro_sandbox import billing, faults
from pelcro_sandbox.assumptions import declared
from pelcro_sandbox.codes import DECIMALS
from pelcro_sandbox.server import Core
from pelcro_sandbox.site import SETTINGS
from pelcro_sandbox.store import KEYS
from pelcro_sandbox.wire import Connection, Request

_MAY = ("all", "read", "none")
_OF_DECLINE = frozenset({"object_id", "from", "until", "share", "seed"})


class RefusedError(Exception):
    """A request to the control port that cannot be done; the sentence says why."""


def _date(text: object) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except (TypeError, ValueError):
        raise RefusedError(f"{text!r} is no date: write 2026-12-31.") from None


def _span(seconds: object) -> tuple[float, float]:
    match seconds:
        case [int() | float() as low, int() | float() as high] if 0 <= low <= high:
            return (float(low), float(high))
    raise RefusedError("latency is a pair of seconds, the least and the most.")


class Control:
    """Everything behind the second port. Its answers are JSON."""

    def __init__(self, core: Core) -> None:
        self._core, self._store = core, core.store
        self.connections: set[Connection] = set()
        self._routes: dict[tuple[str, str], Callable[[dict, dict, str], object]] = {
            ("GET", ""): self._status,
            ("GET", "openapi.json"): lambda *_: core.document,
            ("GET", "assumptions"): self._assumptions,
            ("GET", "faults"): lambda *_: {"kinds": faults.KINDS, "rules": [rule.told() for rule in core.rules]},
            ("POST", "faults"): lambda body, *_: self._add(faults.rule(body)),
            ("POST", "storm"): lambda body, *_: self._add(faults.storm(body)),
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "effects"): self._effects,
            ("GET", "calls"): lambda *_: {"count": core.calls, "by": core.counts, "recent": list(core.recent)},
            ("GET", "clock"): lambda *_: self._clock_now(),
            ("POST", "clock"): self._move_clock,
            ("POST", "pace"): self._pace,
            ("POST", "keys"): self._key,
            ("POST", "gateway"): self._gateway,
            ("POST", "edits"): self._edit,
            ("POST", "rows"): self._rewrite,
            ("GET", "sites"): self._site_settings,
            ("POST", "sites"): self._set_site,
            ("GET", "content"): self._content,
            ("DELETE", "content"): self._forget,
        }

    def receive(self, connection: Connection, request: Request) -> None:
        """Do what is asked at once."""
        path, _, text = request.target.partition("?")
        name, _, rest = path.strip("/").partition("/")
        route = self._routes.get((request.method, name))
        try:
            if route is None:
                raise RefusedError(f"{request.method} /{name} is none of: {', '.join(map(' /'.join, self._routes))}.")
            body = json.loads(request.body) if request.body else {}
            if not isinstance(body, dict):
                raise RefusedError("The body is no JSON object.")
            status, answer = 200, route(body, dict(parse_qsl(text)), rest)
            self._store.commit()
        except (RefusedError, faults.ScriptError, json.JSONDecodeError) as error:
            status, answer = 400, {"message": str(error)}
        connection.answer(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _status(self, *_: object) -> dict:
        core = self._core
        return {
            "sites": {name: site.number for name, site in core.sites.items()},
            "rate": core.rate,
            "latency": core.latency,
            "calls": core.calls,
            "connections": len(core.connections),
            "choices": core.choices,
        } | self._clock_now()

    def _assumptions(self, *_: object) -> dict:
        chosen = self._core.choices
        return {name: assumption | {"chosen": chosen[name]} for name, assumption in declared().items()}

    def _add(self, rule: faults.Rule) -> dict:
        longest = self._core.choices["late-commit"]
        for fault in rule.faults:
            if fault.kind == "edit":
                self._named(fault.edit["site"])
        for fault in rule.faults:
            if fault.kind == "late" and (longest == "never" or fault.seconds > int(longest)):
                raise RefusedError(f"late-commit={longest} is assumed: start with another to have it.")
        self._core.rules.append(rule)
        return rule.told()

    def _clear_faults(self, *_: object) -> dict:
        self._core.rules.clear()
        return {}

    def _effects(self, body: dict, query: dict, rest: str) -> object:
        if rest == "counts":
            return self._store.effect_counts()
        numbers = query.get("after", "0"), query.get("limit", "1000")
        if not all(number.isascii() and number.isdigit() for number in numbers):
            raise RefusedError("after and limit are numbers.")
        return self._store.effects(*map(int, numbers))

    def _clock_now(self) -> dict:
        sites = self._core.sites.values()
        return {"now": self._core.clock.now(), "days": {site.name: site.day() for site in sites}}

    def _move_clock(self, body: dict, *_: object) -> dict:
        """Go on day by day, and bill each day of each site up to and with the last."""
        core = self._core
        days = body.get("days")
        if "date" in body:
            to = _date(body["date"])
            days = (to - next(iter(core.sites.values())).date()).days
        if not isinstance(days, int) or not 0 <= days <= 3660:
            raise RefusedError("Give days, 0 to 3660, or a date that is not past: the clock goes forward alone.")
        self._store.actor, self._store.call = "clock", None
        billed: dict[str, dict[str, int]] = {name: {} for name in core.sites}
        for step in range(days + 1):
            core.clock.move(1 if step else 0)
            for site in core.sites.values():
                last = datetime.datetime.combine(site.date(), datetime.time(23, 59, 59), site.zone())
                for what, count in billing.bill(site, int(last.timestamp())).items():
                    billed[site.name][what] = billed[site.name].get(what, 0) + count
        self._store.actor = "client"
        return self._clock_now() | {"billed": billed}

    def _pace(self, body: dict, *_: object) -> dict:
        core = self._core
        if not isinstance(body.get("rate"), int | float | None):
            raise RefusedError("rate is a number of calls a second, or null.")
        core.rate = body.get("rate", core.rate)
        if "latency" in body:
            core.latency = _span(body["latency"])
        return {"rate": core.rate, "latency": core.latency}

    def _key(self, body: dict, *_: object) -> dict:
        site, may = body.get("site"), body.get("may", "all")
        if site not in self._core.sites or may not in _MAY or not isinstance(body.get("key"), str):
            raise RefusedError(f"Give key, site ({', '.join(self._core.sites)}) and may ({', '.join(_MAY)}).")
        self._core.keys[body["key"]] = {"site": site, "may": may}
        self._store.set("keys", self._core.keys)
        return {"keys": len(self._core.keys)}

    def _gateway(self, body: dict, *_: object) -> dict:
        """What the payment gateway knows: `cards` by id, `customers` with their cards, and `declines`."""
        for name in ("cards", "customers"):
            known = self._store.setting(f"gateway.{name}", {})
            self._store.set(f"gateway.{name}", known | body.get(name, {}))
        if not all(set(decline) <= _OF_DECLINE for decline in body.get("declines", ())):
            raise RefusedError(f"A decline has some of {', '.join(sorted(_OF_DECLINE))}.")
        if "declines" in body:
            self._store.set("gateway.declines", body["declines"])
        return {name: len(self._store.setting(f"gateway.{name}", [])) for name in ("cards", "customers", "declines")}

    def _edit(self, body: dict, *_: object) -> dict:
        self._named(body.get("site", ""))
        call = faults.Fault("edit", edit=body).edit
        status, answer = self._core.edit(**call)
        return {"status": status, "answer": answer}

    def _rewrite(self, body: dict, *_: object) -> dict:
        """Put values into a stored row, or delete it, as no call of the API could."""
        site = self._named(body.get("site", ""))
        kind, identity, values = body.get("kind"), body.get("id"), body.get("values", {})
        if kind not in KEYS or not isinstance(identity, int) or not isinstance(values, dict):
            raise RefusedError(f"Give site, kind ({', '.join(KEYS)}), id, and values, an object, or delete.")
        row = site.get(kind, identity)
        if row is None:
            raise RefusedError(f"{site.name} has no {identity} among its {kind}.")
        self._store.actor, self._store.call = "somebody", None
        if body.get("delete"):
            site.delete(kind, row)
        else:
            row = site.update(kind, row, values | {"id": identity})
        self._store.actor = "client"
        return row

    def _named(self, name: str):
        if name not in self._core.sites:
            raise RefusedError(f"{name!r} is no site: there are {', '.join(self._core.sites)}.")
        return self._core.sites[name]

    def _site_settings(self, body: dict, query: dict, rest: str) -> dict:
        return self._named(rest).settings

    def _set_site(self, body: dict, query: dict, rest: str) -> dict:
        site = self._named(rest)
        unknown = set(body) - set(SETTINGS)
        if unknown:
            raise RefusedError(f"{', '.join(sorted(unknown))}: no setting. There are {', '.join(SETTINGS)}.")
        if body.get("timezone", "UTC") not in zoneinfo.available_timezones():
            raise RefusedError(f"{body['timezone']} is no time zone.")
        if not set(DECIMALS).issuperset(body.get("currencies") or ()):
            raise RefusedError("currencies holds what is no currency in lower case.")
        site.settings = site.settings | body
        self._store.set(f"site.{site.number}", site.settings)
        return site.settings

    def _content(self, body: dict, query: dict, rest: str) -> list[dict]:
        """Every row as it is stored, what no answer shows included."""
        rows = self._store.content(self._named(rest).number, deleted="deleted" in query)
        return [{"kind": kind, "deleted": gone, "row": row} for kind, gone, row in rows]

    def _forget(self, body: dict, query: dict, rest: str) -> dict:
        self._store.forget(self._named(rest).number)
        return {}
