"""A load among faults: the site as an undisturbed load leaves it, or one sentence and nothing sent after it."""

from __future__ import annotations

import asyncio

import pytest

from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.target.core_api.journal import Entry, Journal, State
from pelcro_pipeline_tests.core_api import delivered_twice
from pelcro_pipeline_tests.killing import Kill, Loads, Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    loads = Loads()
    folder = tmp_path_factory.mktemp("scene")
    yield Scene(folder, *delivered_twice(folder, tmp_path_factory), loads)
    loads.close()


def loaded(scene, *steps, **more):
    return scene.loads.run(scene.later, scene.sandbox, *(steps or ("load",)), **more)


def script(scene, *faults):
    for fault in faults:
        scene.sandbox.asked("POST", "/faults", fault)


PASSING = [
    {"kind": "close", "when": "before"},
    {"kind": "close", "when": "after"},
    {"kind": "reset", "when": "before"},
    {"kind": "reset", "when": "after"},
    {"kind": "status", "when": "before", "status": 500},
    {"kind": "status", "when": "after", "status": 503},
    {"kind": "status", "when": "after", "status": 504, "html": True},
    {"kind": "status", "when": "before", "status": 408},
    {"kind": "status", "when": "after", "status": 400, "html": True},
    {"kind": "hang", "when": "before", "seconds": 2.2},
    {"kind": "hang", "when": "after", "seconds": 2.2},
    {"kind": "late", "seconds": 0.2},
    {"kind": "truncated"},
    {"kind": "empty"},
    {"kind": "html"},
    {"kind": "garbage"},
    {"kind": "wrong_type"},
    {"kind": "huge", "bytes": 9_000_000},
    {"kind": "slow", "seconds": 0.2},
    {"kind": "limit"},
    {"kind": "limit", "retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"},
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: " ".join(map(str, fault.values())))
def test_each_fault_alone_changes_nothing_of_what_is_loaded(scene, fault):
    with scene.begun():
        # At what the site takes as often as it is sent, and at what only a look-up of it is told by.
        script(scene, *(fault | {"operation": f"create_{kind}"} for kind in ("product", "subscription", "membership")))
        assert scene.wrong(loaded(scene)) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "wrong_type"},
        {"kind": "html"},
        {"kind": "truncated"},
        {"kind": "status", "status": 404, "html": True},
        {"kind": "status", "status": 500},
        {"kind": "huge", "bytes": 9_000_000},
    ],
    ids=lambda fault: " ".join(map(str, fault.values())),
)
def test_what_is_no_answer_to_a_look_up_is_no_proof_that_nothing_is_there(scene, fault):
    with scene.begun():
        script(
            scene,
            *({"operation": f"create_{kind}", "kind": "close"} for kind in ("product", "subscription", "invoice")),
        )
        script(scene, *(fault | {"operation": name} for name in ("list_products", "get_customer", "list_invoices")))
        assert scene.wrong(loaded(scene)) == []


STOPPING = [
    ({"kind": "redirect"}, "answers with a redirect (302)"),
    ({"kind": "revoke"}, "does not accept the key of A_SITES_KEY (401)"),
    ({"kind": "limit", "retry_after": "1000"}, "asks to come back in 17 minutes"),
    ({"kind": "status", "when": "before", "status": 403}, "does not accept the key of A_SITES_KEY (403)"),
    ({"kind": "status", "when": "before", "status": 404}, "The site knows no /subscriptions"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "said"), STOPPING, ids=lambda each: str(each)[:40])
def test_what_stops_a_load_is_one_sentence_and_nothing_is_sent_after_it(scene, fault, said):
    with scene.begun():
        before = scene.sandbox.asked("GET", "/calls")["count"]
        script(scene, fault | {"operation": "create_subscription", "skip": 1, "times": None})
        # One after the other: with more in flight, others may already be under way.
        ended = loaded(scene, connections=1)
        assert said in ended["refused"]
        calls = scene.sandbox.asked("GET", "/calls")
        last = calls["recent"][-1]
        assert (last["number"] > before, "/subscriptions" in last["target"]) == (True, True)
        assert last["status"] in (0, 401) and calls["by"].get(fault["kind"], 1) == 1
        scene.sandbox.asked("DELETE", "/faults")
        told = scene.sandbox.told["sites"]["staging"]
        scene.sandbox.asked("POST", "/keys", {"key": told["key"], "site": "staging"})
        assert scene.wrong(loaded(scene)) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_storm_over_a_third_of_all_calls_ends_as_calm_does(scene, seed):
    with scene.begun():
        scene.sandbox.asked("POST", "/storm", {"seed": seed, "share": 0.3})
        for _ in range(5):
            ended = loaded(scene)
            if "loaded" in ended and ended["loaded"]["done"] == ended["loaded"]["calls"]:
                break
        scene.sandbox.asked("DELETE", "/faults")
        assert scene.wrong(ended) == []


# Two rows with one mark.


def doubled(scene):
    """A subscription that was loaded, and that somebody has made again with all that it has; their ids."""
    first = next(each["row"] for each in scene.sandbox.rows() if each["kind"] == "subscriptions")
    copy = {
        "user_id": first["user_id"], "plan_id": first["plan"], "quantity": 1, "collection_method": "send_invoice",
        "current_period_end": first["current_period_end"], "address_id": first["address"], "metadata": [first["metadata"]],
    }  # fmt: skip
    made = scene.sandbox.asked(
        "POST", "/edits", {"site": "staging", "method": "POST", "path": "/subscriptions", "body": copy}
    )
    return first["id"], made["answer"]["data"]["id"]


def test_two_rows_with_one_mark_stop_the_load_until_somebody_has_chosen(scene):
    with scene.begun():
        scene.killed(Kill("create", "subscription", "committed"))
        first, second = doubled(scene)
        for _ in range(2):
            ended = loaded(scene)
            assert f"twice, as {first} and {second}: nothing more is sent" in ended["refused"]
        cancelled = {"site": "staging", "method": "DELETE", "path": f"/subscriptions/{second}?mode=now"}
        assert scene.sandbox.asked("POST", "/edits", cancelled)["status"] == 200
        ended = loaded(scene)["loaded"]
        assert ended["done"] == ended["calls"]


@pytest.mark.parametrize("fault", [{"kind": "twice"}, {"kind": "late", "seconds": 1.0}])
def test_a_double_that_could_not_be_prevented_is_found_by_the_next_plan_and_stops_its_load(scene, fault):
    with scene.begun():
        script(scene, fault | {"operation": "create_subscription"})
        loaded(scene)
        asyncio.run(asyncio.sleep(fault.get("seconds", 0)))
        planned = loaded(scene, "plan")["planned"]
        assert planned["subscription"]["conflict"] == 1
        before = len(scene.sandbox.effects())
        assert "twice (API-DOUBLE in the plan's report): nothing is sent" in loaded(scene)["refused"]
        assert len(scene.sandbox.effects()) == before


# The journal.


def test_a_lost_journal_sends_nothing_again(scene):
    with scene.begun():
        loaded(scene)
        before = scene.sandbox.effects()
        for each in scene.later.journals.glob("staging.sqlite*"):
            each.unlink()
        assert "does not know the plan for staging" in loaded(scene)["refused"]
        planned = loaded(scene, "plan", "load")["planned"]
        assert {action for counts in planned.values() for action in counts} == {"unchanged"}
        assert scene.sandbox.effects() == before
        journal = Journal(scene.later.journal("staging"))
        assert journal.counts() == {State.DONE: sum(counts["unchanged"] for counts in planned.values())}
        journal.close()


@pytest.mark.parametrize(("site", "extract"), [("another", "ours"), ("ours", "another")])
def test_a_journal_of_another_site_or_extract_is_refused(tmp_path, site, extract):
    first = Journal(tmp_path / "staging.sqlite")
    first.belongs_to("ours", "ours")
    with pytest.raises(
        RefusedError, match=r"is the journal of the (site|extract) ours, not of another: nothing was sent"
    ):
        first.belongs_to(site, extract)
    first.close()


def test_what_is_no_journal_is_refused(tmp_path):
    (tmp_path / "staging.sqlite").write_bytes(b"no journal" * 1000)
    with pytest.raises(RefusedError, match="is no journal any more"):
        Journal(tmp_path / "staging.sqlite")


def test_an_intent_that_the_disk_does_not_take_ends_in_a_sentence(tmp_path):
    journal = Journal(tmp_path / "staging.sqlite")
    journal._sql.execute("PRAGMA max_page_count = 4")

    async def intend() -> None:
        intents = (journal.intend(Entry(f"{number:026}", "customer", State.SENT)) for number in range(500))
        for outcome in await asyncio.wait_for(asyncio.gather(*intents, return_exceptions=True), 20):
            if outcome is not None:
                raise outcome

    with pytest.raises(RefusedError, match=r"cannot be written to .*: nothing more is sent"):
        asyncio.run(intend())
    with pytest.raises(RefusedError):
        asyncio.run(journal.written())
    assert journal.counts().get(State.SENT, 0) < 500
    journal.close()


def test_a_parent_that_somebody_has_deleted_stops_the_load_and_is_named(scene):
    with scene.begun():
        scene.killed(Kill("create", "subscription", "committed"))
        first = next(each["row"] for each in scene.sandbox.rows() if each["kind"] == "subscriptions")
        gone = {"site": "staging", "method": "DELETE", "path": f"/customers/{first['user_id']}"}
        scene.sandbox.asked("POST", "/edits", gone)
        assert f"does not have the customer {first['user_id']} any more" in loaded(scene)["refused"]
        planned = loaded(scene, "plan")["planned"]
        assert planned["customer"]["conflict"] == 1


def test_a_later_plan_takes_a_change_up_that_was_killed(scene):
    with scene.begun():
        scene.killed(Kill("update", "product", "sent"))
        planned = loaded(scene, "plan")["planned"]
        assert planned["product"].get("conflict", 0) == 0
        assert scene.wrong({"loaded": loaded(scene)["loaded"]})[:1] == []


def test_what_is_deleted_after_it_was_refused_as_taken_is_loaded_after_the_next_plan(scene):
    with scene.begun():
        other = {"site": "staging", "method": "POST", "path": "/customers"}
        body = {"email": "genaro.cassano2@example.com", "skip_email_dns_validations": True}
        made = scene.sandbox.asked("POST", "/edits", other | {"body": body})["answer"]["data"]
        ended = loaded(scene)["loaded"]
        assert (ended["conflict"], ended["blocked"] > 0) == (1, True)
        scene.sandbox.asked(
            "POST", "/edits", {"site": "staging", "method": "DELETE", "path": f"/customers/{made['id']}"}
        )
        ended = loaded(scene, "plan", "load")["loaded"]
        assert ended["done"] == ended["calls"] > 0
