"""The forecast of an extract: what the day charges, what surprises, the seam, the cards that come later, and another day."""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter

import duckdb
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from pelcro_pipeline import steps
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.review import sign_off
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline_tests import pages
from pelcro_pipeline_tests.command_line import command, refused
from pelcro_pipeline_tests.extract import (
    DONOR,
    GROUP,
    OLD_ID,
    ON_THE_DAY,
    PERIOD_END,
    PLAN_ID,
    PLANS,
    RECIPIENT,
    STATUS,
    Delivery,
    Row,
    crew,
    gift,
    migrate,
    produced,
    reader,
    unaddressed,
)
from pelcro_pipeline_tests.workbooks import LIBREOFFICE, saved_by_libreoffice

CANCELS = {"subscription.cancel_at_period_end": "1"}
UNPAID = {STATUS: "unpaid"}
BY_INVOICE = {"subscription.collection_method": "send_invoice"}
NEXT_DATE, NEXT_AMOUNT = (f"subscription.common_metadata.{name}" for name in ("next_bill_date", "next_bill_amount"))
ONLINE = {PLAN_ID: "O-M", "subscription.shipments_remaining": ""}


def ends(day: str) -> Row:
    return {PERIOD_END: day}


#: One subscription of each kind, on 1 November 2026; the readers of even numbers have a card until December.
READERS: dict[str, Row] = {
    "unpaid, renews, has a card": reader(2, UNPAID, ends("2026-12-15")),
    "unpaid, renews, has none": reader(3, UNPAID, ends("2026-12-15")),
    "unpaid, renews, by invoice": reader(4, UNPAID, BY_INVOICE, ends("2026-12-15")),
    "unpaid, ends": reader(6, UNPAID, CANCELS, ends("2026-12-15")),
    "unpaid, has ended, renews": unaddressed(8, ONLINE, UNPAID, ends("2026-08-31")),
    "unpaid, has ended, ends": reader(10, UNPAID, CANCELS, ends("2026-10-31")),
    "unpaid, set to expire": reader(12, UNPAID, {"subscription.common_metadata.is_expired": "1"}),
    "monthly, card until December": unaddressed(14, ONLINE, ends("2026-11-30")),
    "monthly, ends": unaddressed(16, ONLINE, CANCELS, ends("2027-01-05")),
    "renews on the day": reader(18, ends("2026-11-01")),
    "starts now": unaddressed(20, ONLINE, {"subscription.common_metadata.start_now": "1", PERIOD_END: ""}),
    "three copies": reader(22, {"subscription.quantity": "3"}, ends("2026-11-20")),
}
SETTINGS = "migration_date = 2026-11-01\ntaxes = false\n"
CARDS = {
    f"HR{number}": {
        "id": f"cus_{number}",
        "cards": {
            str(number): {"id": f"card_{number}", "last4": "4242", "exp_month": 12, "exp_year": 2026, "brand": "Visa"}
        },
    }
    for number in range(2, 24, 2)
}


def delivery(rows, **more) -> Delivery:
    return Delivery(list(rows), settings=more.pop("settings", SETTINGS), **more)


@pytest.fixture(scope="module")
def staged(tmp_path_factory) -> ExtractPaths:
    """The readers with their card map, staged."""
    made = migrate(
        delivery(READERS.values(), texts={"cards.json": json.dumps(CARDS)}), tmp_path_factory.mktemp("forecast")
    )
    made.staged()
    return made.paths


def loaded(paths: ExtractPaths, query: str, environment: str = "staging") -> list[tuple]:
    with duckdb.connect(str(paths.database(environment)), read_only=True) as connection:
        return connection.execute(query).fetchall()


DAY, NEXT = datetime.date(2026, 11, 1), datetime.date(2026, 11, 2)
#: Case, state, how it is paid, iterations, period end; and of the invoice amount, due date, whether a card is charged.
EXPECTED = {
    "unpaid, renews, has a card": ("BIL-1", "active", "charge_automatically", 0, "2026-12-15", (9900, None, True)),
    "unpaid, renews, has none": ("BIL-1", "active", "send_invoice", 0, "2026-12-15", (9900, NEXT, False)),
    "unpaid, renews, by invoice": ("BIL-1", "active", "send_invoice", 0, "2026-12-15", (9900, NEXT, False)),
    "unpaid, ends": ("BIL-2", "active", "send_invoice", 0, "2026-12-15", (9900, NEXT, False)),
    # 31 August, 30 September, 31 October, 30 November: counted from the 31st each.
    "unpaid, has ended, renews": ("BIL-3", "scheduled", "charge_automatically", 3, "2026-11-30", (700, None, True)),
    "unpaid, has ended, ends": ("BIL-4", "cancelled", "send_invoice", 0, "2026-10-31", (9900, NEXT, False)),
    "unpaid, set to expire": (None, "expired", "charge_automatically", 0, "2027-07-31", None),
    "monthly, card until December": (None, "active", "charge_automatically", 0, "2026-11-30", None),
    "monthly, ends": (None, "active", "charge_automatically", 0, "2027-01-05", None),
    "renews on the day": (None, "active", "charge_automatically", 0, "2026-11-01", None),
    "starts now": (None, "active", "charge_automatically", 0, "2026-12-01", None),
    "three copies": (None, "active", "charge_automatically", 0, "2026-11-20", None),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_staging_holds_what_becomes_of_each_subscription_and_its_invoice(kind, staged):
    *state, invoice = EXPECTED[kind]
    customer = READERS[kind]["customer.old_provider_id"]
    ((*stands, period_end),) = loaded(
        staged,
        f"""SELECT "subscription.case", "subscription.state", "subscription.collection_method", "subscription.iterations",
            "subscription.current_period_end"
        FROM subscription_states WHERE "customer.old_provider_id" = '{customer}'""",
    )
    assert [*stands, str(period_end)] == state
    billed = loaded(
        staged,
        f"""SELECT "invoice.amount", "invoice.due_date", "invoice.is_charge_attempted" FROM invoices
        WHERE "customer.old_provider_id" = '{customer}'""",
    )
    assert billed == ([invoice] if invoice else [])


def test_each_event_of_the_90_days_is_told_with_its_subscription(staged):
    told = pd.read_csv(staged.forecast_subscriptions, dtype=str).fillna("")
    of = dict(list(told.groupby("customer")))
    monthly = [tuple(row) for row in of["HR14"][["date", "what", "amount"]].itertuples(index=False)]
    # The card pays until December; what renews in January is sent as an invoice.
    assert monthly == [
        *(("2026-11-30", what, amount) for what, amount in (("charge", "700"), ("invoice", "700"), ("renewal", "0"))),
        *(("2026-12-30", what, amount) for what, amount in (("charge", "700"), ("invoice", "700"), ("renewal", "0"))),
        *(("2027-01-30", what, amount) for what, amount in (("invoice", "700"), ("renewal", "0"))),
    ]
    assert [tuple(row) for row in of["HR16"][["date", "what"]].itertuples(index=False)] == [("2027-01-05", "expiry")]
    assert set(of["HR22"]["amount"]) == {"29700", "0"}
    assert "HR12" not in of


def test_the_days_add_up_to_the_subscriptions(staged):
    days, events = pd.read_csv(staged.forecast), pd.read_csv(staged.forecast_subscriptions)
    assert len(days) == 91
    for what, column in {"invoice": "invoiced", "charge": "charged", "due": "due"}.items():
        assert days[column].sum() == events.loc[events["what"] == what, "amount"].sum() > 0


def test_both_readings_differ_in_what_is_due_and_in_nothing_else(staged):
    with steps.opened(staged) as extract:
        readings = steps.forecast(extract).readings.set_index("reading")
    first, second = readings.loc["due_in_one_day"], readings.loc["open_until_uncollectible"]
    assert first["due"] == first["sent"] == 4 * 9900
    assert second["due"] == 0
    assert list(first[["invoices", "invoiced", "charged", "sent"]]) == list(
        second[["invoices", "invoiced", "charged", "sent"]]
    )


def test_an_invoice_is_written_off_when_its_days_are_over(tmp_path):
    settings = SETTINGS + 'unpaid_reading = "open_until_uncollectible"\nwrite_off_days = 30\n'
    made = migrate(delivery([reader(1, UNPAID, BY_INVOICE)], settings=settings), tmp_path)
    made.staged()
    assert loaded(made.paths, 'SELECT "invoice.due_date", "invoice.uncollectible_on" FROM invoices') == [
        (None, datetime.date(2026, 12, 1))
    ]
    events = pd.read_csv(made.paths.forecast_subscriptions)
    assert list(events.loc[events["what"] == "write_off", "date"]) == ["2026-12-01"]


def test_staging_agrees_with_its_forecast_and_a_cent_that_does_not_is_named(staged):
    assert steps.money_disagreements(staged, "staging") == []
    events = staged.migration_day("staging") / "forecast_events.parquet"
    kept = events.read_bytes()
    beside = events.with_name("beside.parquet")
    duckdb.sql(
        f"SELECT * REPLACE (if(customer = 'HR18' AND what = 'charge', amount + 1, amount) AS amount) FROM '{events}'"
    ).write_parquet(str(beside))
    beside.replace(events)
    told = steps.money_disagreements(staged, "staging")
    events.write_bytes(kept)
    assert told == [
        "forecast alone: charge of 9901 cad on 2026-11-01 for customer HR18 (P-Y)",
        "loaded alone: charge of 9900 cad on 2026-11-01 for customer HR18 (P-Y)",
    ]


#: What surprises, and what is near to it and does not.
SURPRISES: dict[str, tuple[list[Row], list[Row]]] = {
    "charged on the first day": ([reader(2, ends("2026-11-01"))], [reader(4, ends("2026-11-09")), reader(5, BY_INVOICE)]),
    "renews within three days": ([reader(2, ends("2026-11-04"))], [reader(4, ends("2026-11-05")), reader(6, CANCELS, ends("2026-11-04"))]),
    "billed far from what is usual of its plan": (
        [reader(1, {"subscription.quantity": "3"}, ends("2026-11-20"))],
        [reader(number, ends("2026-11-20")) for number in (2, 4, 6)],
    ),
    "invoiced without an email address": (
        [reader(1, BY_INVOICE, {"customer.email": ""}, ends("2026-11-20"))],
        [reader(2, BY_INVOICE, ends("2026-11-20")), reader(4, {"customer.email": ""}, ends("2026-11-20"))],
    ),
    "invoiced, for want of a card that pays": ([reader(1, ends("2026-11-20"))], [reader(2, ends("2026-11-20")), reader(3, BY_INVOICE, ends("2026-11-20"))]),
    "a gift whose donor renews, and its recipient ends": (list(gift(2, 4)), [reader(6)]),
    "a member is invoiced beside the admin of its group": (
        [row | (UNPAID if row["subscription.type"] == "member" else {}) for row in crew("admin", "member", first=20)],
        [reader(2, UNPAID)],
    ),
    "owed more issues than its plan ships until its period ends": (
        [reader(1, CANCELS, {"subscription.shipments_remaining": "25"}, ends("2027-07-31"))],
        [reader(2, CANCELS, {"subscription.shipments_remaining": "12"}, ends("2027-07-31")), reader(4, {"subscription.shipments_remaining": "25"})],
    ),
    "charged twice on one day": ([reader(2, UNPAID, ends("2026-11-01"))], [reader(4, UNPAID, ends("2026-11-02"))]),
}  # fmt: skip


@pytest.mark.parametrize("surprise", SURPRISES)
def test_what_would_surprise_is_told_with_its_subscription(surprise, tmp_path):
    surprising, near = SURPRISES[surprise]
    made = migrate(delivery([*surprising, *near], texts={"cards.json": json.dumps(CARDS)}), tmp_path)
    with steps.opened(made.paths) as extract:
        steps.forecast(extract)
    told = pd.read_csv(made.paths.surprises)
    of_it = set(told.loc[told["surprise"] == surprise, "old_id"])
    assert of_it <= {row[OLD_ID] for row in surprising}
    assert of_it
    # Of a gift it is the donor, and of a group the member.
    assert len(of_it) == sum(
        row[DONOR] == "1" or (row[RECIPIENT] != "1" and not (row[GROUP] and row["subscription.type"] == "admin"))
        for row in surprising
    )


def test_every_surprise_has_a_case_that_shows_it_and_one_that_does_not():
    from pelcro_pipeline.migration_day.relations import FILES

    assert set(re.findall(r"SELECT record, day, '([^']+)'", FILES["surprise"].sql)) == set(SURPRISES)


#: The old system's next charge as it is delivered, the subscription, and of which class the difference is and what explains it.
SEAM = {
    "the same": ({NEXT_DATE: "2026-12-15", NEXT_AMOUNT: "9900"}, ends("2026-12-15"), ("same", "")),
    "nothing told": ({}, ends("2026-12-15"), ("same", "")),
    "earlier than the old system": ({NEXT_DATE: "2027-01-15"}, ends("2026-12-15"), ("earlier", "")),
    "later than the old system": ({NEXT_DATE: "2026-12-01"}, ends("2026-12-15"), ("later", "")),
    "of another amount": ({NEXT_DATE: "2026-12-15", NEXT_AMOUNT: "9901"}, ends("2026-12-15"), ("other amount", "")),
    "of another amount in units": ({NEXT_AMOUNT: "98.00"}, ends("2026-12-15"), ("other amount", "")),
    "charged before the day": ({NEXT_DATE: "2026-10-28"}, ends("2026-11-28"), ("double", "")),
    "no more": ({NEXT_DATE: "2026-12-15"}, CANCELS | ends("2026-12-15"), ("missing", "")),
    "ends in both": ({}, CANCELS | ends("2026-12-15"), ("same", "")),
    "no date": ({NEXT_DATE: "soon"}, ends("2026-12-15"), ("unreadable", "")),
    "owed": ({}, UNPAID | ends("2026-12-15"), ("not told", "BIL-1")),
    "starts now": ({}, {"subscription.common_metadata.start_now": "1", PERIOD_END: ""}, ("not told", "subscription.common_metadata.start_now")),
    "rejected": ({}, {PLAN_ID: "NONE"} | ends("2026-12-15"), ("missing", "SUB-PLAN")),
}  # fmt: skip


@pytest.fixture(scope="module")
def sewn(tmp_path_factory) -> ExtractPaths:
    rows = [reader(number, told, own) for number, (told, own, _) in enumerate(SEAM.values(), 1)]
    made = migrate(delivery(rows), tmp_path_factory.mktemp("seam"))
    made.staged()
    return made.paths


def test_each_next_charge_is_of_one_class_and_explained_where_a_rule_does(sewn):
    told = pd.read_csv(sewn.seam, dtype=str).fillna("").set_index("customer")
    stands = {
        kind: tuple(told.loc[f"HR{number}", ["class", "explained_by"]]) if f"HR{number}" in told.index else ("same", "")
        for number, kind in enumerate(SEAM, 1)
    }
    assert stands == {kind: expected for kind, (*_, expected) in SEAM.items()}


def test_what_nothing_explains_is_accepted_by_name_before_production(sewn):
    asked = sign_off.open_questions(sewn)
    assert {rule: count for rule, count in asked.items() if rule.startswith("SEAM-")} == {
        "SEAM-EARLIER": 1,
        "SEAM-LATER": 1,
        "SEAM-AMOUNT": 2,
        "SEAM-DOUBLE": 1,
        "SEAM-MISSING": 1,
        "SEAM-UNREADABLE": 1,
    }
    with pytest.raises(Exception, match="SEAM-DOUBLE: 1"):
        steps.sign(sewn, "Jane Doe", "Publisher", accept=[each for each in asked if each != "SEAM-DOUBLE"])
    steps.sign(sewn, "Jane Doe", "Publisher", accept=list(asked))


def test_the_card_map_comes_after_the_sign_off_and_decides_who_is_charged(tmp_path):
    made = migrate(delivery([READERS["unpaid, renews, has a card"], READERS["unpaid, renews, has none"]]), tmp_path)
    made.staged()
    paths = made.paths
    assert set(loaded(paths, 'SELECT "invoice.is_charge_attempted" FROM invoices')) == {(False,)}
    steps.sign(paths, "Jane Doe", "Publisher", accept=list(sign_off.open_questions(paths)))
    (paths.delivered / "cards.json").write_text(json.dumps(CARDS), encoding="utf-8")
    _, differing = steps.map_cards(paths, None, ON_THE_DAY)
    changed = differing[differing["measure"] == "charged on the day"]
    assert list(changed[["before", "after", "difference"]].itertuples(index=False, name=None)) == [(0, 9900, 9900)]
    steps.produce(paths, None, ON_THE_DAY)
    assert steps.money_disagreements(paths, "production") == []
    assert loaded(
        paths,
        'SELECT "customer.old_provider_id", "card.gateway_customer_id", "card.source_id" FROM cards',
        "production",
    ) == [("HR2", "cus_2", "card_2")]
    assert Counter(loaded(paths, 'SELECT "invoice.is_charge_attempted" FROM invoices', "production")) == {
        (True,): 1,
        (False,): 1,
    }
    lines = {each.item.id: each for each in steps.going_live(paths)}
    assert (
        "1 of 2 subscriptions that renew by card have one that pays on their first renewal (missing 1"
        in lines["data-cards"].evidence
    )
    assert "2 of them with an open invoice: 198.00 CAD" in lines["data-invoices"].evidence
    # The same map once more changes nothing; another is loaded, whatever day it has become.
    before = paths.database("production").stat().st_mtime_ns
    produced(paths, None, ON_THE_DAY + datetime.timedelta(days=1))
    assert paths.database("production").stat().st_mtime_ns == before
    (paths.delivered / "cards.json").write_text(
        json.dumps(CARDS | {"HR3": CARDS["HR2"] | {"id": "cus_3"}}), encoding="utf-8"
    )
    produced(paths, None, ON_THE_DAY)
    assert {each for (each,) in loaded(paths, 'SELECT "customer.old_provider_id" FROM cards', "production")} == {
        "HR2",
        "HR3",
    }


def test_what_is_to_be_looked_into_of_the_card_map_is_reported(staged):
    told = pd.read_csv(staged.cards, dtype=str).fillna("")
    assert {(row["class"], row["customer"]) for row in told.to_dict("records")} == {
        ("missing", "HR3"),
        ("expires_before_renewal", "HR12"),
    } - {("expires_before_renewal", "HR12")}


def test_another_day_tells_what_it_would_change(staged):
    other = steps.other_day(staged, datetime.date(2026, 12, 1))
    changed = Counter(
        {(row["state_before"], row["state_after"]): row["subscriptions"] for row in other.changed.to_dict("records")}
    )
    # Those that end in November have ended by then, unless they are unpaid: of these one is scheduled for later.
    assert changed == {("active", "not_migrated"): 3, ("BIL-3", "BIL-3"): 1, ("active", "active"): 1}
    with pytest.raises(
        UnusableInputError, match=r"2026-10-31 lies before 2026-11-01, .* set migration_date = 2026-10-31"
    ):
        steps.other_day(staged, datetime.date(2026, 10, 31))


def test_the_best_days_are_those_with_the_fewest_surprises(staged):
    best = steps.best_days(staged)
    assert list(best["surprises"]) == sorted(best["surprises"])
    row = best[best["day"] == datetime.date(2026, 11, 5)].to_dict("records")
    # The one that renews on 1 November has ended by then; two unpaid ones are charged whatever the day.
    assert row == [
        {
            "day": datetime.date(2026, 11, 5),
            "ended_since": 1,
            "another_case": 0,
            "charged_on_the_day": 2,
            "renew_within_three_days": 0,
            "surprises": 3,
        }
    ]


def test_the_page_shows_every_day_reads_on_a_phone_and_to_a_screen_reader(staged):
    page = staged.forecast_page.read_text(encoding="utf-8")
    assert page.count('class="day"') == 91
    assert "On the day" in page
    if pages.CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with pages.opened(staged.forecast_page, 390) as shown:
        assert shown.evaluate("document.documentElement.scrollWidth") <= 390
        assert pages.violations(shown) == []


def test_the_workbook_opens_and_holds_the_days(staged, tmp_path):
    if LIBREOFFICE is None:
        pytest.skip("there is no LibreOffice")
    (saved,) = saved_by_libreoffice([staged.forecast_workbook], tmp_path)
    book = CalamineWorkbook.from_path(saved)
    assert book.sheet_names == [
        "days",
        "totals",
        "cases",
        "readings",
        "surprises",
        "cards",
        "seam",
        "gifts and groups",
        "conservation",
    ]
    assert len(book.get_sheet_by_name("days").to_python()) == 92


def test_gifts_and_groups_are_told_by_what_their_paying_side_does(tmp_path):
    donor, recipient = gift(2, 4)
    rows = [donor | CANCELS, recipient | ends("2026-12-15"), *crew("admin", "member", "member", first=20)]
    made = migrate(delivery(rows), tmp_path)
    with steps.opened(made.paths) as extract:
        told = steps.forecast(extract).groups
    assert dict(zip(told["what"], told["subscriptions"], strict=True)) == {
        "Gifts whose donor ends with its period": 1,
        "Gift recipients, who end with their period": 1,
        "Gift recipients who end within the 90 days": 1,
        "Membership groups, billed to their admin": 1,
        "Seats of members, billed with their group": 2,
        "Seats of members of the largest group": 2,
    }


def test_what_was_received_is_conserved_of_each_plan(tmp_path):
    rows = [
        reader(1, {"subscription.quantity": "2"}),
        reader(2, {"subscription.collection_method": "barter"}),
        reader(3, {STATUS: "cancelled"}),
        unaddressed(4),
        unaddressed(5, {PLAN_ID: "NONE"}),
    ]
    made = migrate(delivery(rows), tmp_path)
    with steps.opened(made.paths) as extract:
        steps.forecast(extract)
    told = pd.read_csv(made.paths.conservation, dtype={"plan": str}, keep_default_na=False)
    parts = ["received", "prepared", "merged", "rejected", "excluded"]
    stands = {(row["plan"], row["measure"]): [row[each] for each in parts] for row in told.to_dict("records")}
    assert stands["P-Y", "money"] == [4 * 9900, 2 * 9900, 0, 9900, 9900]
    assert stands["P-Y", "copies"] == [4, 2, 0, 1, 1]
    # Nine for each copy.
    assert stands["P-Y", "shipments"] == [36, 18, 0, 9, 9]
    assert stands["O-M", "money"] == [700, 700, 0, 0, 0]
    assert stands["NONE", "subscriptions"] == [1, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("now", "day"),
    {
        # Halifax turns its clocks back at two in the morning of this day, from three hours behind to four.
        "2026-11-01T02:59+00:00": "2026-10-31",
        "2026-11-01T03:00+00:00": "2026-11-01",
        "2026-11-02T03:59+00:00": "2026-11-01",
        "2026-11-02T04:00+00:00": "2026-11-02",
        "2027-01-01T03:59+00:00": "2026-12-31",
        "2028-02-29T04:00+00:00": "2028-02-29",
    }.items(),
)
def test_the_extract_s_time_zone_says_what_day_it_is(now, day):
    settings = Settings(timezone="America/Halifax")
    assert str(settings.day_of_load(datetime.datetime.fromisoformat(now))) == day


def test_money_of_no_and_of_three_decimals_stays_whole(tmp_path):
    plans = [
        *PLANS,
        PLANS[0] | {"plan.old_id": "JP", "plan.currency": "jpy", "plan.amount": "9900"},
        PLANS[0] | {"plan.old_id": "KW", "plan.currency": "kwd", "plan.amount": "12345"},
    ]
    rows = [reader(1, UNPAID, {PLAN_ID: "JP"}), reader(2, UNPAID, {PLAN_ID: "KW"})]
    made = migrate(delivery(rows, plans=plans), tmp_path)
    made.staged()
    assert loaded(made.paths, 'SELECT "invoice.currency", "invoice.amount" FROM invoices ORDER BY ALL') == [
        ("jpy", 9900),
        ("kwd", 12345),
    ]
    page = made.paths.forecast_page.read_text(encoding="utf-8")
    assert "9,900 JPY" in page
    assert "12.345 KWD" in page


def test_the_command_tells_the_day_another_day_and_what_it_cannot(staged):
    pytest.importorskip("dagster")
    home, extract = staged.home, staged.extract
    told = command(home, "forecast", extract).stdout
    assert "On 2026-11-01" in told and "Of the next 30 days those with the fewest surprises" in told
    other = command(home, "forecast", extract, "--on", "2026-12-01").stdout
    assert "What fares otherwise on 2026-12-01" in other and "not_migrated" in other
    assert "lies before 2026-11-01" in refused(command(home, "forecast", extract, "--on", "2026-10-01"), 2)
    delivery([reader(1)]).into(ExtractPaths(home, "unread").delivered)
    assert "unread has no forecast yet: run `" in refused(command(home, "forecast", "unread"), 1)
