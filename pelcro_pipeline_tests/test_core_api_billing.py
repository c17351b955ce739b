"""A site bills what was forecast, to the cent, for every subscription that it holds."""

from __future__ import annotations

import datetime
import json
import shutil
from collections import Counter

import pytest

from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests import api, billing
from pelcro_pipeline_tests.core_api import loaded, site, staged
from pelcro_pipeline_tests.extract import (
    OLD_ID,
    PERIOD_END,
    STATUS,
    Row,
    crew,
    gift,
    reader,
    unaddressed,
)

DAY = datetime.date(2026, 11, 1)
ZONE = "America/Halifax"
SETTINGS = f'migration_date = {DAY}\ntaxes = false\ntimezone = "{ZONE}"\n'
CANCELS = {"subscription.cancel_at_period_end": "1"}
SENT = {"subscription.collection_method": "send_invoice"}
UNPAID = {STATUS: "unpaid"}
#: Whose card is valid how long: beyond the 90 days, and until within them.
CARDS = {f"HR{number}": ("12", "2030") for number in range(1, 20)} | {"HR2": ("11", "2026"), "HR11": ("12", "2026")}


def _ends(days: int) -> dict[str, str]:
    return {PERIOD_END: (DAY + datetime.timedelta(days)).strftime("%d/%m/%Y")}


def rows() -> list[Row]:
    """Monthly and yearly, renewing and ending, paid by card and by invoice, unpaid, given and held by a group; by card, but for the last."""
    donor, recipient = gift(7, 8)
    admin, member = crew("admin", "member", first=9)
    return [
        unaddressed(1, _ends(0)),
        unaddressed(2, _ends(29)),
        reader(3, _ends(90)),
        unaddressed(4, _ends(60), CANCELS),
        unaddressed(5, _ends(30), SENT),
        unaddressed(6, _ends(14), {"subscription.quantity": "3"}),
        donor | _ends(40),
        recipient | _ends(40),
        admin | _ends(45),
        member | _ends(45),
        unaddressed(11, _ends(20), UNPAID),
        unaddressed(12, _ends(20), UNPAID, CANCELS),
        unaddressed(13, _ends(20), {OLD_ID: ""}),
        unaddressed(14, _ends(-40), UNPAID),
        unaddressed(20, _ends(25)),
        unaddressed(21, _ends(25), UNPAID),
    ]


def card_map() -> str:
    return json.dumps(
        {
            customer: {
                "id": f"cus_{customer}",
                "cards": {"1": {"id": f"card_{customer}", "exp_month": month, "exp_year": year}},
            }
            for customer, (month, year) in CARDS.items()
        }
    )


def gateway() -> dict:
    return {
        f"card_{customer}": {"exp_month": int(month), "exp_year": int(year)}
        for customer, (month, year) in CARDS.items()
    }


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    return staged(tmp_path_factory.mktemp("billing") / "home", rows(), SETTINGS, texts={"cards.json": card_map()})


@pytest.fixture
def compared(tmp_path, delivered, monkeypatch):
    """What was forecast and is not billed, what is billed and was not forecast, and what the site does not hold, by the site's assumptions."""

    def compare(*assumed: str) -> tuple[Counter, Counter, dict[str, str]]:
        shutil.copytree(delivered.home, tmp_path / "home")
        paths = ExtractPaths(tmp_path / "home", delivered.extract)
        options = [option for each in assumed for option in ("--assume", each)]
        with api.running(tmp_path / "sandbox", "--date", DAY.isoformat(), *options) as sandbox:
            sandbox.asked("POST", "/sites/staging", {"timezone": ZONE})
            sandbox.asked("POST", "/gateway", {"cards": gateway()})
            progress = loaded(site(paths, sandbox, monkeypatch))
            assert (progress.done, progress.refused) == (progress.calls, 0)
            billed = billing.billed(paths, sandbox, "staging")
        forecast = billing.forecast(paths)
        assert billed
        return forecast - billed, billed - forecast, billing.not_loaded(paths, "staging")

    return compare


def test_what_a_site_bills_in_90_days_is_what_was_forecast(compared):
    missing, extra, held = compared()
    assert extra == {}
    # What is not on the site as a subscription bills nothing, and is named.
    assert {event.subscription for event in missing} == set(held)
    assert held == {"S14": "API-PERIOD-END", "S10": "membership"}


#: By each of these readings, what is forecast and not billed, and what is billed and not forecast.
OTHERWISE = {
    "paid-not-invoiced=invoices": (set(), {"invoice", "charge"}),
    "gift-donor=ends": ({"renewal", "invoice", "charge"}, {"expiry"}),
    "open-invoice-charge=never": ({"charge"}, set()),
    # Of days that every month has, and of customers with one card, these say the same.
    "renewal-anchor=previous": (set(), set()),
    "which-card=own": (set(), set()),
}


@pytest.mark.parametrize("assumption", OTHERWISE)
def test_a_site_that_bills_otherwise_does_so_by_an_assumption(assumption, compared):
    missing, extra, held = compared(assumption)
    missing_of_held = {event.what for event in missing if event.subscription not in held}
    assert (missing_of_held, {event.what for event in extra}) == OTHERWISE[assumption]
