"""The workspace: names, the newest delivery of a publisher, and what makes a folder another."""

from __future__ import annotations

import os

import pytest

from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.workspace import lock, places
from pelcro_pipeline.workspace.places import ExtractPaths

NEWEST = {
    "the last day": (["a-2026-10-01", "a-2026-10-15", "a-2026-10-08"], ["a-2026-10-15"]),
    "days without hyphens": (["a-20261001", "a-2026-09-30"], ["a-20261001"]),
    "each publisher": (["a-2026-10-01", "b_2026-09-01", "b_2026-09-02"], ["a-2026-10-01", "b_2026-09-02"]),
    "a name without a day": (["harbour-review", "tidewater"], ["harbour-review", "tidewater"]),
    "a day is newer than none": (["a", "a-2026-10-01"], ["a-2026-10-01"]),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("names", "newest"), NEWEST.values(), ids=NEWEST)
def test_of_each_publisher_the_newest_delivery_counts(names, newest):
    assert places.newest_of_each_publisher(names) == newest


@pytest.mark.parametrize(
    "name", ["a.unfinished", "a.replaced", "a.lock", "a.duckdb", "a.duckdb.b", ".a", "a/b", "", "a.", "../a", "a b"]
)
def test_what_is_half_written_or_no_name_is_no_extract(name):
    assert not places.is_extract_name(name)


def test_a_folder_is_another_when_a_file_of_it_is(tmp_path):
    (tmp_path / "customers.csv").write_text("customer.email\n")
    found = [places.fingerprint(tmp_path)]
    assert places.fingerprint(tmp_path) == found[0]
    (tmp_path / "customers.csv").write_text("customer.phone\n")
    os.utime(tmp_path / "customers.csv", ns=(0, 1))
    found.append(places.fingerprint(tmp_path))
    (tmp_path / "plans.csv").touch()
    found.append(places.fingerprint(tmp_path))
    (tmp_path / "plans.csv").rename(tmp_path / "rates.csv")
    found.append(places.fingerprint(tmp_path))
    (tmp_path / "rates.csv").unlink()
    assert places.fingerprint(tmp_path) == found[1]
    assert len(set(found)) == 4


def test_an_extract_is_held_by_one_run(tmp_path):
    paths = ExtractPaths(tmp_path, "harbour-review")
    assert not lock.is_held(paths)
    with lock.held(paths):
        assert lock.is_held(paths)
        assert not lock.is_held(ExtractPaths(tmp_path, "tidewater"))
        with pytest.raises(RefusedError, match="Another run is working on harbour-review"), lock.held(paths):
            pass
    assert not lock.is_held(paths)
