"""What goes wrong, by a script: at the k-th call of a kind, at every call, or at a share of them drawn from a seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, fields

#: What can happen, and whether it can before a commit (nothing is done), after it, or only around it.
KINDS = {
    "close": "The connection is closed without an answer.",
    "reset": "The connection is reset without an answer.",
    "status": "The answer is `status`, 500 unless said otherwise, with a page of HTML where `html` is set.",
    "hang": "The answer comes after `seconds`, and what is done is done before or after that.",
    "late": "The connection is closed at once, and what is asked is done `seconds` later.",
    "truncated": "The answer ends in its middle.",
    "empty": "The answer has no body.",
    "html": "The answer is a page of HTML.",
    "garbage": "The answer is no text of any kind.",
    "wrong_type": "The answer is JSON of another shape.",
    "huge": "The answer has `bytes` of them, 100 MB unless said otherwise.",
    "slow": "The answer comes in pieces over `seconds`.",
    "redirect": "The answer is a redirect to `location`.",
    "limit": "The answer is 429, with `retry_after` as it stands; without one where it is absent.",
    "revoke": "The key is unknown from this call on.",
    "twice": "What is asked is done twice, as where something on the way repeats it.",
    "edit": "Somebody else's call, `edit`, is done first.",
    "kill_client": "The process `pid` is killed: before, after, or when it is answered.",
    "kill_server": "This server is killed: before or after the commit, or when it is answered.",
}
#: Those of a storm that names none: what a network and a busy server do.
STORM = (
    {"kind": "close", "when": "before"},
    {"kind": "close", "when": "after"},
    {"kind": "reset", "when": "before"},
    {"kind": "reset", "when": "after"},
    {"kind": "status", "when": "before", "status": 500},
    {"kind": "status", "when": "after", "status": 500},
    {"kind": "status", "when": "before", "status": 502, "html": True},
    {"kind": "status", "when": "after", "status": 504, "html": True},
    {"kind": "status", "when": "before", "status": 408},
    {"kind": "truncated"},
    {"kind": "empty"},
    {"kind": "html"},
    {"kind": "garbage"},
    {"kind": "wrong_type"},
    {"kind": "slow", "seconds": 0.05},
    {"kind": "limit", "retry_after": "1"},
)
#: After the commit unless said otherwise, as what is answered wrongly was done.
_WHEN = ("before", "after", "answered")


_OF_EDIT = ("site", "method", "path", "body")


class ScriptError(Exception):
    """A fault that cannot be; the sentence says why."""


@dataclass
class Fault:
    """One thing that goes wrong."""

    kind: str
    when: str = "after"
    seconds: float = 0.0
    status: int = 500
    html: bool = False
    bytes: int = 100_000_000
    retry_after: str | None = None
    location: str = "https://example.com/"
    pid: int | None = None
    edit: dict | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ScriptError(f"{self.kind!r} is no fault: there are {', '.join(KINDS)}.")
        if self.when not in _WHEN:
            raise ScriptError(f"A fault is {', '.join(_WHEN)}, not {self.when!r}.")
        if self.kind == "kill_client" and self.pid is None:
            raise ScriptError("kill_client needs the pid of the process.")
        if self.kind == "edit" and not {"site", "method", "path"} <= set(self.edit or ()) <= {*_OF_EDIT}:
            raise ScriptError(f"edit needs the call that somebody else makes: {', '.join(_OF_EDIT)}.")
        if self.kind in ("limit", "redirect"):
            self.when = "before"


@dataclass
class Rule:
    """When it goes wrong: of the calls of an operation (a name, `reads`, `writes` or `*`) and a site, the first `skip`
    are let be, then `times` of them fail, all where it is none; of these a `share` drawn from `seed`."""

    faults: list[Fault]
    operation: str = "*"
    site: str | None = None
    skip: int = 0
    times: int | None = 1
    share: float = 1.0
    seed: int = 0
    seen: int = 0
    done: int = 0
    _attempts: Counter = field(default_factory=Counter)

    def drawn(self, name: str, reads: bool, site: str, content: bytes) -> Fault | None:
        """The fault of a call, or nothing. A draw hangs on what is asked and how often, not on the order of calls."""
        if self.site not in (None, site) or self.operation not in ("*", name, "reads" if reads else "writes"):
            return None
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.done >= self.times):
            return None
        digest = hashlib.sha256(content).digest()
        self._attempts[digest] += 1
        drawn = hashlib.sha256(digest + f"{self.seed}:{self._attempts[digest]}".encode()).digest()
        if int.from_bytes(drawn[:8]) / 2**64 >= self.share:
            return None
        self.done += 1
        return self.faults[int.from_bytes(drawn[8:16]) % len(self.faults)]

    def told(self) -> dict:
        """The rule and how far it is."""
        return {
            "operation": self.operation,
            "site": self.site,
            "faults": [{each.name: getattr(fault, each.name) for each in fields(Fault)} for fault in self.faults],
            "skip": self.skip,
            "times": self.times,
            "share": self.share,
            "seed": self.seed,
            "seen": self.seen,
            "done": self.done,
        }


_OF_RULE = ("operation", "site", "skip", "times", "share", "seed")


def rule(script: dict) -> Rule:
    """A rule as the control port takes it: what `Rule` has, and either one fault's own words or a list of `faults`."""
    timing = {name: script[name] for name in _OF_RULE if name in script}
    own = {name: value for name, value in script.items() if name not in (*_OF_RULE, "faults")}
    try:
        named = script.get("faults", [own])
        return Rule([Fault(**each) for each in named], **timing)
    except TypeError as error:
        raise ScriptError(f"This is no fault: {error}.") from error


def storm(script: dict) -> Rule:
    """Faults at a share of all calls, by a seed, until they are taken away."""
    return rule({"operation": "*", "times": None, "share": 0.3, "faults": list(STORM)} | script)
