"""What nobody knows of the Core API, each taken the other way: the load ends as it would, or refuses in a sentence."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import pytest

from pelcro_pipeline_tests import api
from pelcro_pipeline_tests.core_api import CARDS, LASTING, staged
from pelcro_pipeline_tests.extract import OLD_ID, STATUS, crew, gift, reader, unaddressed
from pelcro_pipeline_tests.killing import Loads, content, effects
from pelcro_sandbox.assumptions import declared

#: What a load asks nothing of, or what is tried fault by fault (the forms of a 429): flipped together, to start fewer sandboxes.
IDLE = (
    "limit", "late-commit", "unique-after-delete", "delete-in-use", "source-delete", "creation-email", "deliverable-email",
    "renewal-anchor", "open-invoice-charge", "which-card", "plan-active", "list-limit", "email-case", "hidden-names",
    "state-letters", "password-type", "unlisted-filter",
)  # fmt: skip
OTHERS = {name: list(known["alternatives"])[1:] for name, known in declared().items()}
FLIPS = [{name: alternative} for name, others in OTHERS.items() if name not in IDLE for alternative in others] + [
    {name: OTHERS[name][place] for name in IDLE if len(OTHERS[name]) > place}
    for place in range(max(len(OTHERS[name]) for name in IDLE))
]
#: Where the loader cannot go on, and what it says.
REFUSED = {
    ("plan-amount", "minor"): "the first plan",
    ("paid-not-invoiced", "invoices"): "at once, though its period is paid",
    ("list-lag", "5"): "Raise settle",
    ("list-lag", "30"): "Raise settle",
}
#: What is kept of a value that is sent, and that nothing shows.
_NOT_SHOWN = ("_old_id",)


@pytest.fixture(scope="module")
def loads():
    loads = Loads()
    yield loads
    loads.close()


@pytest.fixture(scope="module")
def planned(tmp_path_factory, loads):
    """A few readers with every kind of object, and the plan of an empty production site; what an undisturbed load of it leaves."""
    rows = [reader(1), *gift(3, 4), *crew("admin", "member", first=5), unaddressed(8, {STATUS: "unpaid"})]
    rows = [row | LASTING if row.get(OLD_ID) else row for row in rows]
    paths = staged(tmp_path_factory.mktemp("home"), rows, texts={"cards.csv": CARDS})
    paths.database("production").parent.mkdir()
    shutil.copy2(paths.database("staging"), paths.database("production"))
    with api.running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        loads.run(paths, sandbox, "plan", name="production")
        shutil.copytree(paths.journals, paths.home / "planned")
        ended = loads.run(paths, sandbox, "load", name="production")
        assert ended["loaded"]["done"] == ended["loaded"]["calls"]
        return paths, shown(sandbox)


def shown(sandbox) -> Counter:
    rows = ((kind, json.loads(row)) for kind, row in content(sandbox, "production"))
    return Counter(
        (kind, json.dumps({name: value for name, value in row.items() if name not in _NOT_SHOWN})) for kind, row in rows
    )


@pytest.mark.parametrize("flip", FLIPS, ids=lambda flip: ", ".join(map("=".join, list(flip.items())[:2])))
def test_a_load_ends_equal_or_refuses_in_a_sentence(planned, loads, tmp_path, flip):
    paths, meant = planned
    shutil.rmtree(paths.journals)
    shutil.copytree(paths.home / "planned", paths.journals)
    assumed = [word for pair in flip.items() for word in ("--assume", "=".join(pair))]
    with api.running(tmp_path, *assumed) as sandbox:
        # What nobody knows is what is looked up: by the ways that are assumed.
        for kind in ("product", "customer", "address", "subscription", "membership", "invoice"):
            sandbox.asked("POST", "/faults", {"operation": f"create_{kind}", "kind": "close"})
        ended = loads.run(paths, sandbox, "load", name="production")
        made, found = effects(sandbox), shown(sandbox)
    created = {each: number for each, number in made.items() if each[0] == "create"}
    assert set(created.values()) <= {1}, created
    if "refused" in ended:
        assert any(REFUSED.get(each, ended["refused"]) in ended["refused"] for each in flip.items()), ended
        assert ended["refused"].endswith(".") and "\n" not in ended["refused"]
        return
    told = ended["loaded"]
    assert not set(flip.items()) & set(REFUSED)
    assert told["done"] + told["refused"] + told["blocked"] + told["conflict"] + told["unknown"] == told["calls"]
    assert told["unknown"] == 0
    if told["refused"]:
        # Each with what the site said of it, in a file beside the journal.
        assert (paths.journals / "production.refusals.ndjson").is_file()
        return
    assert (told["conflict"], found - meant, meant - found) == (0, Counter(), Counter()), ended


def test_every_alternative_is_tried():
    tried = {pair for flip in FLIPS for pair in flip.items()}
    assert tried == {(name, each) for name, others in OTHERS.items() for each in others}
    assert set(REFUSED) <= tried


def subscriptions(sandbox) -> list[dict]:
    return [each["row"] for each in sandbox.rows("production") if each["kind"] == "subscriptions"]


@pytest.mark.parametrize("fault", [None, {"operation": "create_subscription", "kind": "close"}])
def test_what_is_invoiced_though_it_is_paid_concerns_one_reader_however_often_the_load_is_run(
    planned, loads, tmp_path, fault
):
    paths, _ = planned
    shutil.rmtree(paths.journals)
    shutil.copytree(paths.home / "planned", paths.journals)
    with api.running(tmp_path, "--assume", "paid-not-invoiced=invoices") as sandbox:
        if fault:
            sandbox.asked("POST", "/faults", fault)
        for _ in range(3):
            assert (
                "at once, though its period is paid" in loads.run(paths, sandbox, "load", name="production")["refused"]
            )
            assert len(subscriptions(sandbox)) == 1
        # Once it is put right there, the next reader shows whether it happens again.
        (first,) = subscriptions(sandbox)
        cancelled = {"site": "production", "method": "DELETE", "path": f"/subscriptions/{first['id']}?mode=now"}
        assert sandbox.asked("POST", "/edits", cancelled)["status"] == 200
        assert "at once, though its period is paid" in loads.run(paths, sandbox, "load", name="production")["refused"]
        assert len(subscriptions(sandbox)) == 2
