"""The plan of a load: decided by what is staged and what the site has, and by nothing else."""

from __future__ import annotations

import csv
import random

import pytest

from pelcro_pipeline.target.core_api import findings
from pelcro_pipeline.target.core_api import plan as planning_of
from pelcro_pipeline.target.core_api import site as core_api
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests import api, planning
from pelcro_pipeline_tests.core_api import extract_in, loaded, site
from pelcro_pipeline_tests.planning import added, changed, without

#: A hash that is seen wherever it stands.
HASH = "$2y$10$N0bodysHashThatStandsAnywhereElseInAFile000000000000000"
FOREIGN = {
    "customer": [
        {"id": 501, "email": "somebody@example.com", "metadata": []},
        {"id": 502, "email": None, "metadata": {"a": 1}},
    ],
    "product": [{"id": 501, "name": "Gift card", "old_provider_id": None}],
    "subscription": [{"id": 501, "user_id": 501, "plan": {"id": 77}, "status": "active", "metadata": None}],
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return extract_in(tmp_path_factory.mktemp("plan") / "home", tmp_path_factory)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with api.running(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="module")
def rows(paths, sandbox, tmp_path_factory):
    """What a site answers that the extract was loaded into."""
    with pytest.MonkeyPatch.context() as patch:
        own = site(paths, sandbox, patch)
        loaded(own)
        return planning.answered(own, tmp_path_factory.mktemp("answered") / "rows")


@pytest.fixture
def image(paths):
    return paths.database("staging")


def report(plan: planning.Plan, folder) -> list[dict]:
    planning_of.write_csv(plan.connection, folder / "plan.csv")
    with (folder / "plan.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def mixed(rows: planning.Rows) -> planning.Rows:
    """A site of which a part was loaded, something has changed since, and a part is others'."""
    rows = without(rows, "subscription", "S101", "S2")
    rows = changed(rows, "customer", "HR10", first_name="=1+1", last_name=None)
    rows = changed(rows, "subscription", "S1", quantity=3)
    return {name: [*rows[name], *FOREIGN.get(name, ())] for name in rows}


class TestDeterminism:
    def test_the_same_twice_whatever_the_order_of_the_site_s_rows(self, image, rows, tmp_path):
        digests, plans = set(), set()
        for seed in range(3):
            shuffled = {name: random.Random(seed).sample(each, len(each)) for name, each in mixed(rows).items()}
            with planning.planned(image, tmp_path, shuffled) as plan:
                digests.add(plan.summary().digest)
                report(plan, tmp_path)
                plans.add((tmp_path / "plan.csv").read_bytes())
        assert (len(digests), len(plans)) == (1, 1)

    def test_another_value_is_another_plan(self, image, rows, tmp_path):
        seen = set()
        for first_name in ("Genaro", "Inês"):
            edit = f"""UPDATE customers SET "customer.first_name" = '{first_name}', "customer.last_name" = 'Duarte'
                WHERE "customer.old_provider_id" = 'HR10'"""
            with planning.planned(image, tmp_path, rows, edits=[edit]) as plan:
                assert plan.actions["customer HR10"] == "update"
                seen.add(plan.summary().digest)
        assert len(seen) == 2


class TestCounts:
    def test_they_add_up_to_all_that_is_wanted_and_others_are_counted_apart(self, image, rows, tmp_path):
        with planning.planned(image, tmp_path, mixed(rows)) as plan:
            summary = plan.summary()
            wanted = dict(plan.told("SELECT kind, count(*) FROM wanted GROUP BY kind"))
        assert {kind: sum(counts.values()) for kind, counts in summary.counts.items() if counts} == wanted
        assert summary.counts["subscription"] == {"conflict": 1, "create": 2, "unchanged": 5}
        assert summary.counts["customer"] == {"unchanged": 9, "update": 1}
        assert summary.calls == 3
        assert {kind: number for kind, number in summary.foreign.items() if number} == {
            "customer": 2,
            "product": 1,
            "subscription": 1,
        }

    def test_what_is_of_others_is_in_no_action(self, image, rows, tmp_path):
        with planning.planned(image, tmp_path, mixed(rows)) as plan:
            assert plan.told("SELECT count(*) FROM plan WHERE id >= 500") == [0]
            assert all("501" not in str(row) for row in report(plan, tmp_path))


class TestTheReport:
    def test_an_update_stands_field_by_field_before_and_after(self, image, rows, tmp_path):
        with planning.planned(image, tmp_path, mixed(rows)) as plan:
            told = [row for row in report(plan, tmp_path) if row["action"] in ("update", "conflict")]
        assert [tuple(row.values()) for row in told] == [
            # A formula of a reader's does not run where the plan is opened.
            ("customer", "HR10", "update", "", "", "customer.first_name", "'=1+1", "Genaro"),
            ("customer", "HR10", "update", "", "", "customer.last_name", "", "Cassano"),
            ("subscription", "S1", "conflict", "API-CHANGED", "", "subscription.quantity", "3", "1"),
        ]

    def test_what_an_object_refers_to_is_told_by_its_key(self, image, rows, tmp_path):
        (online,) = (row["id"] for row in rows["plan"] if row["old_provider_id"] == "O-M")
        on_site = changed(rows, "subscription", "S1", plan=online)
        with planning.planned(image, tmp_path, on_site) as plan:
            (told,) = (row for row in report(plan, tmp_path) if row["action"] == "conflict")
        assert (told["before"], told["after"]) == ("plan O-M", "plan P-Y")

    def test_each_child_that_is_blocked_names_what_stops_it(self, image, tmp_path):
        edit = """UPDATE products SET "product.name" = repeat('x', 256) WHERE "product.id" = 'CREW'"""
        with planning.planned(image, tmp_path, edits=[edit]) as plan:
            blocked = {
                f"{row['object']} {row['key']}": row["blocked_by"]
                for row in report(plan, tmp_path)
                if row["action"] == "blocked"
            }
        assert blocked == dict.fromkeys(
            ["plan C-Y", "subscription S5", "membership S6", "membership S7"], "product CREW"
        )

    def test_rows_that_are_there_twice_are_named_by_their_ids(self, image, rows, tmp_path):
        with planning.planned(image, tmp_path, added(rows, "subscription", "S1")) as plan:
            (told,) = (row for row in report(plan, tmp_path) if row["rule"] == "API-DOUBLE")
            planning_of.write(plan.connection, tmp_path / "plan.parquet")
        first = next(row["id"] for row in rows["subscription"] if planning.is_named(row, "S1"))
        assert told["before"] == f"{first} and 900"
        assert planning_of.doubled(tmp_path / "plan.parquet") == [f"one subscription as {first} and 900"]

    def test_no_file_that_people_read_has_a_password(self, image, rows, tmp_path):
        edit = f"""UPDATE customers SET "customer.password" = '{HASH}', "customer.common_metadata.password_encryption" = 'Bcrypt',
            "customer.phone" = '1' WHERE "customer.old_provider_id" = 'HR10'"""
        with planning.planned(image, tmp_path, rows, edits=[edit]) as plan:
            report(plan, tmp_path)
            findings.keep(plan.connection, plan.kinds, tmp_path / "stops.parquet")
            kept = plan.told(f"SELECT count(*) FROM '{tmp_path / 'stops.parquet'}' WHERE value LIKE '%HashThatStands%'")
            assert HASH in plan.body("customer", "HR10")["password"]
            assert HASH not in str(plan.changes("customer", "HR10"))
        assert HASH not in (tmp_path / "plan.csv").read_text(encoding="utf-8")
        assert kept == [0]


def test_a_newer_extract_knows_what_an_older_one_has_loaded(paths, sandbox, rows, tmp_path, monkeypatch):
    """Marks are the publisher's: the name without its day."""
    newer = ExtractPaths(paths.home, f"{paths.extract}-2026-12-01")
    assert newer.publisher == paths.publisher
    newer.database("staging").hardlink_to(paths.database("staging"))
    newer.delivered.symlink_to(paths.delivered)
    plan = core_api.plan(site(newer, sandbox, monkeypatch))
    assert {action for counts in plan.counts.values() for action in counts} == {"unchanged"}
    assert not any(plan.foreign.values())


def test_another_publisher_s_customers_are_others(paths, sandbox, rows, monkeypatch):
    other = ExtractPaths(paths.home, "lantern-post")
    other.database("staging").hardlink_to(paths.database("staging"))
    other.delivered.symlink_to(paths.delivered)
    plan = core_api.plan(site(other, sandbox, monkeypatch))
    # What carries its old id alone is nobody's by that: it is taken as it is where it is equal.
    assert plan.counts["product"] == {"unchanged": 3}
    assert plan.counts["customer"] == {"conflict": 10}
    assert plan.foreign["customer"] == 10
