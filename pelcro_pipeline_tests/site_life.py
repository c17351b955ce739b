"""The life of a site, as hypothesis thinks of it: loads, kills, faults, what somebody else does, corrected deliveries, lost journals."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pelcro_pipeline_tests.killing import POINTS, Kill, Scene
from pelcro_sandbox.faults import STORM

_KINDS = ("product", "plan", "customer", "address", "source", "subscription", "membership", "invoice")
#: A 429 costs seconds, and is tried elsewhere.
_FAULTS = [fault for fault in STORM if fault["kind"] not in ("limit", "slow")]
_OURS = ("genaro.cassano2@example.com", "genaro.cassano9@example.com")


class SiteLife(RuleBasedStateMachine):
    """One site from before its first load to its end. ``scene`` and ``databases`` (of two deliveries) are set by who runs it."""

    scene: Scene
    databases: tuple[Path, Path]

    @initialize()
    def begin(self) -> None:
        self._opened = ExitStack()
        self._opened.enter_context(self.scene.begun())
        self._delivery, self._is_planned = 0, True
        self._reverts, self._is_reverting = 0, False
        self._others: dict[tuple[str, int], dict] = {}
        shutil.copy2(self.databases[0], self.scene.later.database("staging"))
        # The plan was made from that very database.
        self._loaded("plan")

    def _loaded(self, *steps: str) -> dict:
        return self.scene.loads.run(self.scene.later, self.scene.sandbox, *steps)

    # What the pipeline does.

    @rule()
    def plan(self) -> None:
        self._is_planned = "refused" not in self._loaded("plan")

    @precondition(lambda self: self._is_planned)
    @rule()
    def load(self) -> None:
        ended = self._loaded("load")
        assert "refused" in ended or self._adds_up(ended["loaded"]), ended

    @precondition(lambda self: self._is_planned)
    @rule(kind=st.sampled_from(_KINDS), point=st.sampled_from(POINTS), skip=st.integers(0, 3), action=st.sampled_from(["create", "create", "update"]))  # fmt: skip
    def killed_load(self, kind: str, point: str, skip: int, action: str) -> None:
        ended = self.scene.tried(Kill(action, kind, point, skip=skip))
        assert "defect" not in ended, ended["defect"]
        # A kill that did not come would wait for a process of another load.
        self.scene.sandbox.asked("DELETE", "/faults")

    @rule()
    def corrected(self) -> None:
        self._delivery = 1 - self._delivery
        shutil.copy2(self.databases[self._delivery], self.scene.later.database("staging"))
        self._is_planned = False

    @rule()
    def lose_the_journal(self) -> None:
        # What was sent and never answered is known to the journal alone; what is lost with it is looked for by the plan.
        for each in self.scene.later.journals.glob("staging.sqlite*"):
            each.unlink()
        self._is_planned = False

    @rule()
    def revert(self) -> None:
        self._reverts += 1
        ended = self._loaded("revert")
        self._is_reverting = bool(ended.get("reverted", 1)) and self.scene.later.site_revert("staging").is_file()
        self._is_planned = False

    @rule(skip=st.integers(0, 6), when=st.sampled_from(["before", "after", "answered"]))
    def killed_revert(self, skip: int, when: str) -> None:
        self._reverts += 1
        pid = self.scene.loads.begin(self.scene.later, self.scene.sandbox, "revert")
        fault = {"kind": "kill_client", "pid": pid, "operation": "writes", "skip": skip, "when": when}
        self.scene.sandbox.asked("POST", "/faults", fault)
        ended = self.scene.loads.end()
        assert "defect" not in ended, ended["defect"]
        self.scene.sandbox.asked("DELETE", "/faults")
        self._is_reverting = self.scene.later.site_revert("staging").is_file()
        self._is_planned = False

    # What happens to it.

    @rule(kind=st.sampled_from(_KINDS), fault=st.sampled_from(_FAULTS), times=st.integers(1, 3))
    def fault_of_a_call(self, kind: str, fault: dict, times: int) -> None:
        self.scene.sandbox.asked("POST", "/faults", fault | {"operation": f"create_{kind}", "times": times})

    @rule(fault=st.sampled_from(_FAULTS), times=st.integers(1, 3))
    def fault_of_a_look_up(self, fault: dict, times: int) -> None:
        self.scene.sandbox.asked("POST", "/faults", fault | {"operation": "reads", "times": times})

    @rule()
    def kill_the_site(self) -> None:
        self.scene.sandbox.kill()
        self.scene.revive()

    @rule(email=st.sampled_from([*_OURS, "somebody@else.example"]))
    def somebody_signs_up(self, email: str) -> None:
        body = {"email": email, "first_name": "Ada", "skip_email_dns_validations": True}
        self._edit("POST", "/customers", body, "customers")

    @rule()
    def somebody_makes_a_product(self) -> None:
        self._edit("POST", "/products", {"name": "A calendar"}, "products")

    @rule(number=st.integers(0, 9))
    def a_reader_changes_their_phone(self, number: int) -> None:
        rows = [each["row"] for each in self.scene.sandbox.rows() if each["kind"] == "customers"]
        ours = [row for row in rows if ("customers", row["id"]) not in self._others]
        if ours:
            self._edit("PUT", f"/customers/{ours[number % len(ours)]['id']}", {"phone": "4165550199"})

    def _edit(self, method: str, path: str, body: dict, kind: str = "") -> None:
        edit = {"site": "staging", "method": method, "path": path, "body": body}
        made = self.scene.sandbox.asked("POST", "/edits", edit)
        if kind and made["status"] == 201:
            identity = made["answer"]["data"]["id"]
            self._others[kind, identity] = self._row(kind, identity)

    def _row(self, kind: str, identity: int) -> dict:
        return next(each["row"] for each in self.scene.sandbox.rows() if (each["kind"], each["row"]["id"]) == (kind, identity))  # fmt: skip

    # What always holds.

    @invariant()
    def nothing_is_there_twice_and_nothing_of_others_is_touched(self) -> None:
        if not hasattr(self, "_opened"):
            return
        done = [each for each in self.scene.sandbox.effects() if each["actor"] == "client"]
        made = Counter((each["kind"], each["key"]) for each in done if each["effect"] == "create")
        # What was taken back is made again.
        assert not made or max(made.values()) <= 1 + self._reverts, made.most_common(3)
        live = Counter(
            (each["kind"], each["row"]["metadata"]["migration_mark"])
            for each in self.scene.sandbox.rows()
            if each["row"].get("status") not in ("canceled", "void")
            and "migration_mark" in (each["row"].get("metadata") or {})
        )
        assert not live or max(live.values()) == 1, live.most_common(3)
        touched = {(each["kind"], each["id"]) for each in done} & set(self._others)
        assert not touched, touched
        assert all(self._row(*each) == row for each, row in self._others.items())

    @staticmethod
    def _adds_up(told: dict) -> bool:
        states = ("done", "refused", "unknown", "blocked", "conflict")
        return sum(told[name] for name in states) == told["calls"]

    def teardown(self) -> None:
        """In the end every object is in a state, and nothing is left to do but what somebody else stands in the way of."""
        if not hasattr(self, "_opened"):
            return
        self.scene.sandbox.asked("DELETE", "/faults")
        if self._is_reverting:
            assert self._loaded("revert") == {"reverted": 0}
        ended = self._loaded("plan", "load")
        assert "loaded" in ended, ended
        assert self._adds_up(ended["loaded"]) and ended["loaded"]["unknown"] == 0, ended
        planned = self._loaded("plan")["planned"]
        assert {action for counts in planned.values() for action in counts} <= {"unchanged", "conflict", "blocked"}, planned  # fmt: skip
        self.nothing_is_there_twice_and_nothing_of_others_is_touched()
        self._opened.close()
        del self._opened
