"""How long a load takes, told before it starts, and the hours that it has to fit into."""

from __future__ import annotations

import csv
import dataclasses
import datetime

import pytest

from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.target.core_api import site as core_api
from pelcro_pipeline.target.core_api import window
from pelcro_pipeline.target.core_api.pace import Measured
from pelcro_pipeline_tests.core_api import extract_in, site, staged
from pelcro_pipeline_tests.extract import PERIOD_END, reader

#: A site at its limit of ten calls a second, that answers all of them.
STEADY = Measured(calls=1000, seconds=100.0, spread=0.05, latency=0.1, unanswered=0, rate=10.0)


@pytest.fixture
def paths(tmp_path, tmp_path_factory):
    return extract_in(tmp_path / "home", tmp_path_factory)


def measured_before(own, measured):
    """The site's plan, and what an earlier load is said to have shown."""
    core_api.plan(own)
    with own.journal() as journal:
        window.keep(journal, "load", measured, 0)


def hours(opens, closes):
    """A window from and to so many seconds from now."""
    now = datetime.datetime.now(datetime.UTC)
    return {"opens": now + datetime.timedelta(seconds=opens), "closes": now + datetime.timedelta(seconds=closes)}


def test_what_is_foretold_is_every_call_of_the_load_and_what_it_shows_is_kept(empty_sandbox, tmp_path, monkeypatch):
    rows = [reader(number, {PERIOD_END: "31/07/2036"}) for number in range(1, 151)]
    own = site(staged(tmp_path / "home", rows), empty_sandbox, monkeypatch, rate=50)
    empty_sandbox.asked("POST", "/pace", {"rate": 50, "latency": [0.02, 0.06]})
    core_api.plan(own)
    load = window.foretell(own).steps[0]
    progress = core_api.load(own)
    assert progress.done == load.calls > 400
    assert load.least <= load.seconds <= load.most
    with own.journal() as journal:
        assert '"objects": ' in journal.told("shown by the load")
    # All of it is done: nothing is left to load.
    assert window.foretell(own).steps[0].calls == 0


@pytest.mark.parametrize(
    ("changes", "rate", "seconds"),
    [
        # 36 calls, and some seconds that nothing changes.
        ({}, 10, 3.6),
        # Twice the limit is twice as fast, where it was the limit that was felt.
        ({}, 20, 1.8),
        ({"rate": 100.0}, 20, 3.6),
        ({"rate": 100.0}, 5, 7.2),
        ({"rate": 0.0}, 0, 3.6),
        # One in ten without an answer: looked up, sent again, and waited for.
        ({"unanswered": 100}, 10, 3.6 * 1.2 + 3 * 0.1),
    ],
)
def test_a_load_is_foretold_by_what_staging_has_shown(changes, rate, seconds, empty_sandbox, paths, monkeypatch):
    own = site(paths, empty_sandbox, monkeypatch, rate=rate, settle=0.1)
    measured_before(own, dataclasses.replace(STEADY, **changes))
    load, reconcile, revert = window.foretell(own).steps
    assert load.calls == 36
    assert load.seconds == pytest.approx(seconds + 1.0 + 7 * 0.1, rel=0.1)
    assert load.least < load.seconds < load.most
    assert reconcile.calls < revert.calls


def test_the_last_moments_stand_in_a_report(empty_sandbox, paths, monkeypatch):
    closing = hours(-60, 3600)
    own = site(paths, empty_sandbox, monkeypatch, rate=10, **closing)
    measured_before(own, STEADY)
    foretold = window.foretell(own)
    load, reconcile, revert = foretold.steps
    left = (closing["closes"] - foretold.latest("revert")).total_seconds()
    assert revert.most <= left <= revert.most + 1
    left = (closing["closes"] - foretold.latest("load")).total_seconds()
    assert left == pytest.approx(load.most + reconcile.most + revert.most, abs=1)
    with paths.window_report("staging").open(encoding="utf-8") as file:
        assert [row["what"] for row in csv.DictReader(file)] == ["load", "reconcile", "revert"]


@pytest.mark.parametrize(
    ("opens", "closes", "said"),
    [
        (60, 3600, "The window of"),
        (-3600, -60, "The window of"),
        (-60, 8, "The load takes up to"),
    ],
    ids=["not open yet", "closed", "too short"],
)
def test_a_load_that_does_not_fit_is_refused_before_anything_is_sent(
    opens, closes, said, empty_sandbox, paths, monkeypatch
):
    own = site(paths, empty_sandbox, monkeypatch, rate=10, **hours(opens, closes))
    measured_before(own, STEADY)
    before = empty_sandbox.effects()
    with pytest.raises(RefusedError, match=said):
        window.refuse_outside(own)
    assert empty_sandbox.effects() == before


def test_one_that_fits_may_start(empty_sandbox, paths, monkeypatch):
    own = site(paths, empty_sandbox, monkeypatch, rate=10, **hours(-60, 3600))
    measured_before(own, STEADY)
    window.refuse_outside(own)
    window.refuse_outside(site(paths, empty_sandbox, monkeypatch, rate=10))


def test_without_a_plan_nothing_is_foretold(empty_sandbox, paths, monkeypatch):
    with pytest.raises(RefusedError, match="has no plan"):
        window.foretell(site(paths, empty_sandbox, monkeypatch))
