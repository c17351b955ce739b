"""The load of a site: every object once, whatever happens on the way."""

from __future__ import annotations

from collections import Counter

import pytest

from pelcro_pipeline.target.core_api import site as core_api
from pelcro_pipeline_tests.core_api import extract_in, loaded, site

#: What the extract with every kind of object makes on a site.
OBJECTS = {
    "products": 3,
    "plans": 3,
    "customers": 10,
    "addresses": 8,
    "subscriptions": 8,
    "memberships": 2,
    "invoices": 2,
}


@pytest.fixture
def paths(tmp_path, tmp_path_factory):
    return extract_in(tmp_path / "home", tmp_path_factory)


def effects(sandbox, after: int) -> Counter:
    """How many objects of each kind were made since."""
    return Counter(each["kind"] for each in sandbox.effects(after) if each["effect"] == "create")


def last_effect(sandbox) -> int:
    return max((each["number"] for each in sandbox.effects()), default=0)


def test_every_object_is_made_once_and_is_as_it_was_meant(empty_sandbox, paths, monkeypatch):
    before = last_effect(empty_sandbox)
    own = site(paths, empty_sandbox, monkeypatch)
    progress = loaded(own)
    assert (progress.done, progress.refused, progress.unknown, progress.blocked) == (progress.calls, 0, 0, 0)
    assert effects(empty_sandbox, before) == OBJECTS
    again = core_api.plan(own)
    assert {action for counts in again.counts.values() for action in counts} == {"unchanged"}


def test_a_second_load_sends_nothing(empty_sandbox, paths, monkeypatch):
    own = site(paths, empty_sandbox, monkeypatch)
    loaded(own)
    before = last_effect(empty_sandbox)
    loaded(own)
    assert empty_sandbox.effects(before) == []
