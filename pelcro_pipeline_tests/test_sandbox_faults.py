"""Each fault of the sandbox does to a client what it says, and commits what it says."""

from __future__ import annotations

import subprocess
import sys
import time
from http.client import HTTPException, IncompleteRead, RemoteDisconnected

import pytest

from pelcro_pipeline_tests.api import Client, Sandbox, running
from pelcro_sandbox.faults import KINDS, STORM


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def api(sandbox):
    sandbox.asked("DELETE", "/faults")
    return sandbox.client("staging")


_NAMES = iter(f"F{number}" for number in range(10_000))


def outcome(client: Client, name: str, timeout: float = 20) -> object:
    """What a client sees of the creation of a customer: a status with its answer, or the error."""
    try:
        status, answer, _ = client.ask(
            "POST", "/api/v1/core/customers?site_id=1001", {"old_provider_id": name}, timeout
        )
    except (OSError, HTTPException, ValueError) as error:
        return type(error)
    return status if isinstance(answer, dict) and ("data" in answer or "message" in answer) else (status, answer)


def committed(sandbox: Sandbox, name: str) -> int:
    """How many effects a name has had."""
    return sum(each["key"] == name for each in sandbox.effects())


FAULTS = [
    ({"kind": "close", "when": "before"}, RemoteDisconnected, 0),
    ({"kind": "close", "when": "after"}, RemoteDisconnected, 1),
    ({"kind": "reset", "when": "before"}, ConnectionResetError, 0),
    ({"kind": "reset", "when": "after"}, ConnectionResetError, 1),
    ({"kind": "status", "when": "before"}, 500, 0),
    ({"kind": "status", "when": "after", "status": 503}, 503, 1),
    ({"kind": "status", "when": "after", "status": 504, "html": True}, (504, b"<html>"), 1),
    ({"kind": "truncated"}, IncompleteRead, 1),
    ({"kind": "empty"}, (201, b""), 1),
    ({"kind": "html"}, (201, b"<html>"), 1),
    ({"kind": "garbage"}, ValueError, 1),
    ({"kind": "wrong_type"}, (201, ["ok"]), 1),
    ({"kind": "huge", "bytes": 3_000_000}, ValueError, 1),
    ({"kind": "slow", "seconds": 0.2}, 201, 1),
    ({"kind": "redirect"}, (302, b""), 0),
    ({"kind": "limit", "retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 429, 0),
    ({"kind": "twice"}, (400, {"errors": {"old_provider_id": ["The old provider id has already been taken."]}}), 1),
    ({"kind": "edit", "edit": {"site": "staging", "method": "POST", "path": "/products", "body": {"name": "Box"}}}, 201, 1),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "seen", "effects"), FAULTS, ids=lambda each: str(each)[:40])
def test_a_fault_is_seen_as_it_says_and_commits_what_it_says(sandbox, api, fault, seen, effects):
    name = next(_NAMES)
    sandbox.asked("POST", "/faults", fault | {"operation": "create_customer"})
    found = outcome(api, name)
    if isinstance(seen, tuple) and seen[1] == b"<html>":
        found = (found[0], found[1][:6])
    assert isinstance(found, type) and issubclass(found, seen) if isinstance(seen, type) else found == seen
    assert committed(sandbox, name) == effects
    api.close()
    assert outcome(api, next(_NAMES)) == 201


def test_every_kind_of_fault_is_tried_here():
    elsewhere = {"hang", "late", "revoke", "kill_client", "kill_server"}
    assert {fault["kind"] for fault, *_ in FAULTS} | elsewhere == set(KINDS)


@pytest.mark.parametrize(("when", "at_once"), [("before", 0), ("after", 1)])
def test_an_answer_after_the_clients_time_out_commits_before_or_after_it(sandbox, api, when, at_once):
    name = next(_NAMES)
    sandbox.asked("POST", "/faults", {"kind": "hang", "when": when, "seconds": 0.4})
    assert outcome(api, name, timeout=0.1) is TimeoutError
    assert committed(sandbox, name) == at_once
    time.sleep(0.5)
    assert committed(sandbox, name) == 1


def test_a_call_takes_effect_after_its_connection_has_gone(sandbox, api):
    name = next(_NAMES)
    sandbox.asked("POST", "/faults", {"kind": "late", "seconds": 0.3})
    assert outcome(api, name) is RemoteDisconnected
    assert committed(sandbox, name) == 0
    time.sleep(0.4)
    assert committed(sandbox, name) == 1
    status, answer, _ = sandbox.control.ask("POST", "/faults", {"kind": "late", "seconds": 61})
    assert (status, "late-commit=60" in answer["message"]) == (400, True)


def test_a_key_is_revoked_in_the_middle(sandbox):
    sandbox.asked("POST", "/keys", {"key": "short-lived", "site": "staging"})
    client = sandbox.client("staging", "short-lived")
    sandbox.asked("POST", "/faults", {"kind": "revoke", "skip": 1})
    assert [outcome(client, next(_NAMES)) for _ in range(3)] == [201, 401, 401]


@pytest.mark.parametrize(("when", "effects"), [("before", 0), ("after", 1), ("answered", 1)])
def test_the_client_is_killed_at_a_point_of_its_call(sandbox, when, effects):
    name = next(_NAMES)
    program = (
        "import sys, time; from pelcro_pipeline_tests.api import Api; time.sleep(0.2)\n"
        "Api(sys.argv[1], 1001, 'sandbox-staging').made('/customers', old_provider_id=sys.argv[2]); time.sleep(30)"
    )
    victim = subprocess.Popen([sys.executable, "-c", program, sandbox.told["url"], name])
    sandbox.asked("POST", "/faults", {"kind": "kill_client", "when": when, "pid": victim.pid})
    assert victim.wait(20) == -9
    assert committed(sandbox, name) == effects


@pytest.mark.parametrize(("when", "effects"), [("before", 0), ("after", 1), ("answered", 1)])
def test_the_server_is_killed_before_or_after_the_commit_and_starts_again_on_the_same_ports(tmp_path, when, effects):
    sandbox = Sandbox(tmp_path, "--rate", "0")
    ports = tuple(int(sandbox.told[each].split(":")[2].split("/")[0]) for each in ("url", "control"))
    api = sandbox.client("staging")
    assert outcome(api, "first") == 201
    sandbox.asked("POST", "/faults", {"kind": "kill_server", "when": when})
    assert outcome(api, "second") in (RemoteDisconnected, ConnectionResetError, 201)
    assert sandbox.process.wait(20) == -9
    sandbox.stop()
    again = Sandbox(tmp_path, "--rate", "0", ports=ports)
    assert (committed(again, "first"), committed(again, "second")) == (1, effects)
    api.close()
    assert outcome(api, "third") == 201
    again.stop()


def test_a_rule_holds_of_its_operation_site_and_calls_alone(sandbox, api):
    sandbox.asked("POST", "/faults", {"kind": "status", "operation": "reads", "site": "staging", "skip": 1, "times": 2})
    assert outcome(api, next(_NAMES)) == 201
    assert sandbox.sites["production"].call("GET", "/plans")[0] == 200
    assert [api.call("GET", "/plans")[0] for _ in range(5)] == [200, 500, 500, 200, 200]
    [rule] = sandbox.asked("GET", "/faults")["rules"]
    assert (rule["seen"], rule["done"]) == (5, 2)


def test_a_storm_is_the_same_for_the_same_seed_whatever_the_order(tmp_path):
    names = [f"S{number}" for number in range(60)]
    storms = []
    for seed, order in ((7, names), (7, names[::-1]), (8, names)):
        with running(tmp_path / f"{seed}{order[0]}") as sandbox:
            api = sandbox.client("staging")
            sandbox.asked("POST", "/storm", {"seed": seed, "share": 0.5})
            storms.append({name: str(outcome(api, name)) for name in order})
            hit = sum(rule["done"] for rule in sandbox.asked("GET", "/faults")["rules"])
            assert 20 <= hit <= 40
    assert storms[0] == storms[1] != storms[2]


def test_a_storm_holds_no_fault_that_kills():
    assert {each["kind"] for each in STORM}.isdisjoint({"kill_client", "kill_server", "revoke", "huge"})


def test_somebody_else_moves_the_pages_while_they_are_read(sandbox, api):
    for _ in range(5):
        api.made("/products", name="Box")
    before = [row["id"] for row in api.got("/products", limit=100)]
    gone = {"site": "staging", "method": "DELETE", "path": f"/products/{before[0]}"}
    sandbox.asked("POST", "/faults", {"kind": "edit", "operation": "list_products", "skip": 1, "edit": gone})
    walked = [row["id"] for page in (1, 2, 3, 4) for row in api.got("/products", limit=2, page=page)]
    assert walked == before[:2] + before[3:]
    assert {
        each["actor"] for each in sandbox.effects() if each["kind"] == "products" and each["effect"] == "delete"
    } == {"somebody"}


def test_latency_is_taken_and_calls_overlap_in_it(sandbox, api):
    sandbox.asked("POST", "/pace", {"latency": [0.2, 0.2]})
    began = time.monotonic()
    assert outcome(api, next(_NAMES)) == 201
    took = time.monotonic() - began
    sandbox.asked("POST", "/pace", {"latency": [0, 0]})
    assert took >= 0.2


def test_the_calls_that_came_are_told_with_their_urls(sandbox, api):
    api.call("GET", "/customers", **{"filter[email]": "a@harbour-review.example"})
    last = sandbox.asked("GET", "/calls")["recent"][-1]
    assert last["method"] == "GET" and "a%40harbour-review.example" in last["target"] and last["status"] == 200
