"""An extract that holds every kind of object, staged, and a site for it in a sandbox of its own."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import pytest

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline import steps
from pelcro_pipeline.target.core_api import site as core_api
from pelcro_pipeline.target.core_api.site import Site
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests.api import Sandbox
from pelcro_pipeline_tests.extract import (
    OLD_ID,
    ONLINE,
    ONLINE_MONTHLY,
    PERIOD_END,
    PLAN_ID,
    STATUS,
    Delivery,
    Row,
    crew,
    customer,
    gift,
    migrate,
    reader,
    unaddressed,
)

#: Beyond the day of any test, and before the API's dates end.
LASTING = {PERIOD_END: "31/07/2036"}
SETTINGS = 'migration_date = 2026-11-01\ntaxes = false\ntimezone = "America/Halifax"\n'
KEY = {"staging": "PELCRO_STAGING_KEY", "production": "PELCRO_PRODUCTION_KEY"}


def _lasting(*rows: Row) -> list[Row]:
    return [row | LASTING if row.get(OLD_ID) else row for row in rows]


def every_kind() -> list[Row]:
    """Readers with and without a subscription, one with two; a gift, a group, and unpaid ones."""
    second = reader(1, {OLD_ID: "S101", PLAN_ID: "O-M", "subscription.shipments_remaining": ""})
    return _lasting(
        reader(1),
        second,
        unaddressed(2),
        *gift(3, 4),
        *crew("admin", "member", "member", first=5),
        unaddressed(8, {STATUS: "unpaid"}),
        reader(9, {STATUS: "unpaid", "subscription.cancel_at_period_end": "1"}),
        customer(10),
    )


#: What the processor has handed back: the cards of a reader and of a gift's donor.
CARDS = """old_customer_id,customer_id,old_card_id,card_id,card_fingerprint,card_last4,card_exp_month,card_exp_year,card_brand
HR1,cus_Nk3,2600,card_1Ab,x9yW1WE4nLvl6zjg,0341,06,2040,Visa
HR3,cus_Pp7,2601,card_2Cd,nZnMWbJBurX3VHIN,4242,12,2040,Mastercard
"""


def staged(home: Path, rows: list[Row] | None = None, settings: str = SETTINGS, **delivered: object) -> ExtractPaths:
    """Deliver an extract into a workspace, and stage it."""
    given = Delivery(customers=every_kind() if rows is None else rows, settings=settings, **delivered)
    migration = migrate(given, home)
    for step in (steps.forecast, steps.stage):
        with steps.opened(migration.paths) as extract:
            step(extract)
    return migration.paths


@functools.cache
def _staged_once(folder: Path) -> ExtractPaths:
    return staged(folder / "staged")


def extract_in(home: Path, factory: pytest.TempPathFactory) -> ExtractPaths:
    """The extract with every kind of object, staged, in a workspace of its own: to stage it takes seconds, a copy none."""
    known = _staged_once(factory.getbasetemp())
    shutil.copytree(known.home, home)
    return ExtractPaths(home, known.extract)


def corrected(rows: list[Row]) -> list[Row]:
    """The same rows, a reader's phone put right."""
    return [
        row | {"customer.phone": "+15149876543"} if row["customer.old_provider_id"] == "HR10" else row for row in rows
    ]


@functools.cache
def _delivered_twice_once(folder: Path) -> tuple[ExtractPaths, ExtractPaths]:
    known = ONLINE | {"product.description": "Every article"}
    earlier = staged(folder / "earlier", [customer(10)], products=(known,), plans=(ONLINE_MONTHLY,))
    later = staged(folder / "later", corrected(every_kind()), texts={"cards.csv": CARDS})
    return earlier, later


def delivered_twice(folder: Path, factory: pytest.TempPathFactory) -> tuple[ExtractPaths, ExtractPaths]:
    """An extract as it was delivered first, with one reader and one product, and with everything: both of them put right, a card map."""
    known = _delivered_twice_once(factory.getbasetemp())
    for name, paths in zip(("earlier", "later"), known, strict=True):
        shutil.copytree(paths.home, folder / name)
    return tuple(ExtractPaths(folder / name, known[0].extract) for name in ("earlier", "later"))


@functools.cache
def _corrected_again_once(folder: Path) -> Path:
    rows = [
        row | {"customer.title": "Archivist"} if row["customer.old_provider_id"] == "HR2" else row
        for row in every_kind()
    ]
    return staged(folder / "again", [*rows, *_lasting(unaddressed(12))], texts={"cards.csv": CARDS}).database("staging")


def corrected_again(factory: pytest.TempPathFactory) -> Path:
    """The database of a third delivery: another reader put right, a new one, and what the second had put right as it was."""
    return _corrected_again_once(factory.getbasetemp())


def site(
    paths: ExtractPaths, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str = "staging", **more: object
) -> Site:
    """A site of the sandbox, as extract.toml would name it."""
    told = sandbox.told["sites"][name]
    monkeypatch.setenv(KEY[name], told["key"])
    environment = {"target": "core_api", "url": sandbox.told["url"], "site": told["site_id"], "key": KEY[name]}
    environment |= {"rate": 0, "settle": 1} | {each: value for each, value in more.items() if each != "core_api"}
    given = extract_settings.load(paths.delivered).model_dump(exclude_unset=True)
    settings = extract_settings.Settings.model_validate(
        given | {name: environment, "core_api": more.get("core_api", {})}
    )
    return Site(paths, name, settings)


def loaded(of: Site) -> core_api.Progress:
    """Plan a site and load it."""
    core_api.plan(of)
    return core_api.load(of)
