"""A site lives through loads, kills, faults and other people: never a double, never a touched row of others, no object without a state."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pelcro_pipeline_tests.core_api import corrected_again, delivered_twice
from pelcro_pipeline_tests.killing import Loads, Scene
from pelcro_pipeline_tests.site_life import SiteLife


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    loads = Loads()
    folder = tmp_path_factory.mktemp("scene")
    scene = Scene(folder, *delivered_twice(folder, tmp_path_factory), loads)
    first = shutil.copy2(scene.later.database("staging"), folder / "first.duckdb")

    class Life(SiteLife):
        pass

    Life.scene, Life.databases = scene, (first, corrected_again(tmp_path_factory))
    yield Life
    loads.close()


def test_a_site_lives_through_it_all(life):
    few = settings(
        max_examples=3,
        stateful_step_count=8,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(life, settings=few)
