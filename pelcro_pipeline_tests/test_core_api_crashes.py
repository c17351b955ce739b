"""Exactly once: the load killed at every kind of call and every point of it, and the site as an undisturbed load leaves it."""

from __future__ import annotations

import time

import pytest

from pelcro_pipeline_tests.core_api import delivered_twice
from pelcro_pipeline_tests.killing import MUTATIONS, POINTS, Kill, Loads, Scene

#: In the order in which they are sent: a kill at each is followed by a load that gets to the next.
CALLS = [
    ("create", "product"), ("update", "product"), ("create", "plan"), ("create", "customer"), ("update", "customer"),
    ("create", "address"), ("create", "source"), ("create", "subscription"), ("create", "membership"), ("create", "invoice"),
]  # fmt: skip


@pytest.fixture(scope="module")
def loads():
    loads = Loads()
    yield loads
    loads.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory, loads):
    folder = tmp_path_factory.mktemp("scene")
    return Scene(folder, *delivered_twice(folder, tmp_path_factory), loads)


def test_the_load_holds_every_kind_of_call(scene):
    assert {each for each in scene.calls if each[0] in ("create", "update")} == set(CALLS)


#: One whose keys the site holds unique, and those whose double would be charged twice; all of them in benchmarks/crashes.py.
DEAREST = [("create", "customer"), ("create", "subscription"), ("create", "invoice")]


@pytest.mark.parametrize("action", ["create", "update"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_every_kind_of_call_it_ends_as_if_it_had_not_been(scene, point, action):
    assert scene.after(*(Kill(*call, point) for call in CALLS if call[0] == action)) == []


@pytest.mark.parametrize("point", POINTS)
def test_killed_together_with_the_site_it_ends_as_if_neither_had_been(scene, point):
    assert scene.after(*(Kill(*call, point, "both") for call in DEAREST)) == []


@pytest.mark.parametrize("action", ["create", "update"])
@pytest.mark.parametrize("point", POINTS)
def test_a_load_goes_on_where_the_site_is_killed_at_every_kind_of_call(scene, point, action):
    with scene.begun():
        ended = scene.killed(*(Kill(*call, point, "sandbox") for call in CALLS if call[0] == action))
        assert scene.wrong(ended) == []


@pytest.mark.parametrize(
    ("mutation", "point"),
    [
        ("the intent is written after the call", "committed"),
        ("the look-up is left out", "committed"),
        ("sent is taken for done", "intended"),
    ],
)
def test_a_careless_journal_is_caught_by_a_kill(scene, mutation, point):
    kill = Kill("create", "subscription", point)
    assert scene.after(kill) == []
    assert scene.after(kill, mutation=mutation) != []


@pytest.mark.parametrize("mutation", [None, "settle is left out"])
def test_what_takes_effect_after_its_connection_has_gone_is_waited_for(scene, mutation):
    with scene.begun():
        fault = {"operation": "create_subscription", "kind": "late", "seconds": 0.2}
        scene.sandbox.asked("POST", "/faults", fault)
        ended = scene.loads.run(scene.later, scene.sandbox, "load", mutation=mutation)
        # A load that has not waited ends before that call takes effect.
        time.sleep(0.3)
        wrong = scene.wrong(ended)
    assert (wrong == []) == (mutation is None), wrong


def test_every_mutation_is_tried():
    assert set(MUTATIONS) == {"the intent is written after the call", "the look-up is left out", "settle is left out", "sent is taken for done"}  # fmt: skip
