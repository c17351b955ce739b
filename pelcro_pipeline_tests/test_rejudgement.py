"""Production on another day than the one that was signed: what the day decides is judged again."""

from __future__ import annotations

import csv
import datetime
import shutil
from pathlib import Path

import pytest

from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.review import progress, sign_off
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.extract import (
    ONLINE_MONTHLY,
    PERIOD_END,
    PLAN_ID,
    PLANS,
    PRINT_YEARLY,
    STATUS,
    Delivery,
    changed,
    migrate,
    produced,
    reader,
)

EXTRACT = "harbour-review"
CANCELS, RENEWS = {"subscription.cancel_at_period_end": "1"}, {"subscription.cancel_at_period_end": "0"}
UNPAID = {STATUS: "unpaid"}
START_NOW, IS_EXPIRED = (
    {"subscription.common_metadata.start_now": "1"},
    {"subscription.common_metadata.is_expired": "1"},
)
WEEKLY = ONLINE_MONTHLY | {"plan.old_id": "O-W", "plan.interval": "2", "plan.interval_count": "2"}


def noon(day: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"{day}T12:00:00+00:00")


def ends(day: str) -> dict[str, str]:
    return {PERIOD_END: day}


#: Readers, judged by 2026-11-01, and what of them is judged otherwise by a later day.
JUDGED = {
    "none has ended on its last day": ([reader(1, CANCELS, ends("2026-11-10"))], "2026-11-10", []),
    "one that does not renew has ended": (
        [reader(1, CANCELS, ends("2026-11-10")), reader(2)],
        "2026-11-11",
        [("ended since", "migrated", "SUB-EXPIRED")],
    ),
    "one that renews has ended": (
        [reader(1, RENEWS, ends("2026-11-10"))],
        "2027-01-01",
        [("ended since", "migrated", "SUB-ENDED-ACTIVE")],
    ),
    "one that was to be expired is": ([reader(1, IS_EXPIRED, ends("2026-11-10"))], "2026-11-11", []),
    "an unpaid one that renews has ended": (
        [reader(1, UNPAID, RENEWS, ends("2026-11-10"))],
        "2026-11-11",
        [("unpaid case", "BIL-1", "BIL-3, period ends on 2027-11-10")],
    ),
    "an unpaid one that does not renew has ended": (
        [reader(1, UNPAID, CANCELS, ends("2026-11-10"))],
        "2026-11-11",
        [("unpaid case", "BIL-2", "BIL-4")],
    ),
    "an unpaid one had ended before": (
        [reader(1, UNPAID, RENEWS, ends("2026-10-10")), reader(2, UNPAID, CANCELS, ends("2026-10-10"))],
        "2027-10-09",
        [],
    ),
    "the period of an unpaid one that had ended is another": (
        [reader(1, UNPAID, RENEWS, ends("2026-10-10"))],
        "2027-10-10",
        [("unpaid case", "BIL-3, period ends on 2027-10-10", "BIL-3, period ends on 2028-10-10")],
    ),
    "a month is as long as it is": (
        [reader(1, UNPAID, RENEWS, ends("2026-10-31"), {PLAN_ID: "O-M"})],
        "2027-02-28",
        [("unpaid case", "BIL-3, period ends on 2026-11-30", "BIL-3, period ends on 2027-03-31")],
    ),
    "two weeks are fourteen days": (
        [reader(1, UNPAID, RENEWS, ends("2026-10-31"), {PLAN_ID: "O-W"})],
        "2026-11-14",
        [("unpaid case", "BIL-3, period ends on 2026-11-14", "BIL-3, period ends on 2026-11-28")],
    ),
    "an unpaid one that was to be expired is not charged": (
        [reader(1, UNPAID, IS_EXPIRED, ends("2026-11-10"))],
        "2026-11-11",
        [],
    ),
    "one starts with the load": (
        [reader(1, START_NOW, ends("")), reader(2, UNPAID, START_NOW, ends("2026-11-10"))],
        "2026-11-11",
        [("start", "starts on 2026-11-01", "starts on 2026-11-11")] * 2,
    ),
    "an interval beyond every calendar": (
        [reader(1, UNPAID, RENEWS, ends("2026-11-10"), {PLAN_ID: "P-A"})],
        "2026-11-11",
        [("unpaid case", "BIL-1", "BIL-3, period ends on 9999-12-31")],
    ),
}
AGES = PRINT_YEARLY | {"plan.old_id": "P-A", "plan.interval_count": "900000000000000000"}


def signed(readers: list[dict], home: Path, settings: str = "migration_date = 2026-11-01\n") -> ExtractPaths:
    """An extract of readers that has been signed."""
    dates = 'date_format = "yyyy-mm-dd"\ntaxes = false\n'
    rows = [
        row | dict.fromkeys(("subscription.start_date", "subscription.shipments_suspended_until"), "")
        for row in readers
    ]
    rows = [row | ({PERIOD_END: "2030-07-31"} if row[PERIOD_END] == reader()[PERIOD_END] else {}) for row in rows]
    migration = migrate(Delivery(rows, plans=[*PLANS, WEEKLY, AGES], settings=settings + dates), home, EXTRACT)
    migration.staged()
    assert [row[PLAN_ID] for row in migration.prepared("customers")] == [row[PLAN_ID] for row in readers]
    sign_off.sign(migration.paths, "Jane Doe", "Publisher", list(sign_off.open_questions(migration.paths)))
    return migration.paths


def listed(paths: ExtractPaths) -> list[dict[str, str]]:
    with paths.judged_otherwise.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("readers", "day", "otherwise"), JUDGED.values(), ids=JUDGED)
def test_what_the_day_decides_is_judged_again(readers, day, otherwise, tmp_path):
    paths = signed(readers, tmp_path)
    if not otherwise:
        produced(paths, None, noon(day))
        assert paths.database("production").exists()
        return
    with pytest.raises(RefusedError) as refused:
        produced(paths, None, noon(day))
    assert f"was judged by 2026-11-01 when it was signed, and by {day} {len(otherwise)} subscription" in str(
        refused.value
    )
    assert f"({otherwise[0][0]}: {len(otherwise)}); {paths.judged_otherwise} lists them" in str(refused.value)
    assert [(each["what"], each["as signed"], each["as of the load"]) for each in listed(paths)] == otherwise
    assert paths.judged_otherwise.stat().st_mode & 0o077 == 0
    assert not paths.database("production").exists()
    # On the day that was signed nothing differs.
    produced(paths, None, noon("2026-11-01"))
    assert paths.database("production").exists()
    assert not paths.judged_otherwise.exists()


@pytest.fixture(scope="module")
def ending(tmp_path_factory) -> ExtractPaths:
    """A signed extract, one of whose two subscriptions ends soon, and whose reader's id is a formula."""
    soon = reader(1, CANCELS, ends("2026-11-10"), {"customer.old_provider_id": "=1+1"})
    return signed([soon, reader(2)], tmp_path_factory.mktemp("home"))


def test_the_list_names_the_subscription(ending):
    with pytest.raises(RefusedError):
        produced(ending, None, noon("2026-11-20"))
    (row,) = listed(ending)
    assert row["customer.old_provider_id"] == "'=1+1"
    assert row["subscription.common_metadata.old_id"] == "S1"
    assert row["subscription.current_period_end"] == "2026-11-10"


def test_status_says_it_before_production_does(ending):
    assert progress.progress_of(ending, noon("2026-11-10")).held_by == "load production"
    stands = progress.progress_of(ending, noon("2026-11-20"))
    assert (stands.held_by, stands.signed_by) == ("another day", "Jane Doe")
    assert "by 2026-11-20 1 subscription fares otherwise (ended since: 1)" in stands.sentence


def test_what_is_loaded_already_is_let_be(ending, tmp_path):
    shutil.copytree(ending.home, tmp_path, dirs_exist_ok=True)
    paths = ExtractPaths(tmp_path, EXTRACT)
    _, counts = produced(paths, None, noon("2026-11-01"))
    before = {each.name: each.read_bytes() for each in paths.database("production").parent.iterdir()}
    assert produced(paths, None, noon("2026-11-20"))[1] == counts
    assert {each.name: each.read_bytes() for each in paths.database("production").parent.iterdir()} == before
    assert progress.progress_of(paths, noon("2026-11-20")).held_by == "nothing"


def test_what_is_told_to_do_helps(tmp_path):
    paths = signed([reader(1, CANCELS, ends("2026-11-10")), reader(2)], tmp_path)
    with pytest.raises(RefusedError) as refused:
        produced(paths, None, noon("2026-11-20"))
    assert (
        f"set migration_date = 2026-11-20 in extract.toml there, run `pelcro-pipeline dry-run {paths.delivered}`"
        in str(refused.value)
    )
    changed(paths.delivered / "extract.toml", "migration_date = 2026-11-01", "migration_date = 2026-11-20")
    migrate(paths.delivered, tmp_path, EXTRACT).staged()
    sign_off.sign(paths, "Jane Doe", "Publisher")
    produced(paths, None, noon("2026-11-20"))
    assert paths.database("production").exists()


def test_where_no_day_is_planned_none_is_to_be_set(tmp_path):
    day = datetime.date.today()
    soon, later = (day + datetime.timedelta(days) for days in (2, 5))
    paths = signed([reader(1, CANCELS, ends(str(soon)))], tmp_path, settings="")
    with pytest.raises(RefusedError, match="nothing was loaded: run `pelcro-pipeline dry-run"):
        produced(paths, None, noon(str(later)))


@pytest.mark.parametrize(
    ("planned", "zone", "now", "day"),
    [
        (None, "UTC", "2026-11-20T12:00:00+00:00", "2026-11-20"),
        (None, "America/Toronto", "2026-11-20T03:00:00+00:00", "2026-11-19"),
        (None, "Pacific/Auckland", "2026-11-20T12:00:00+00:00", "2026-11-21"),
        ("2026-11-20", "UTC", "2026-11-20T12:00:00+00:00", "2026-11-20"),
        ("2026-12-01", "UTC", "2026-11-20T12:00:00+00:00", "2026-12-01"),
        ("2026-11-01", "UTC", "2026-11-20T12:00:00+00:00", "2026-11-20"),
    ],
)
def test_a_planned_day_holds_until_it_is_over(planned, zone, now, day):
    settings = Settings(migration_date=planned and datetime.date.fromisoformat(planned), timezone=zone)
    assert str(settings.day_of_load(datetime.datetime.fromisoformat(now))) == day
