"""Exports of a legacy system, read by a map: what the map cannot handle, does not know, drops and folds."""

import json
from dataclasses import replace

import pytest

from pelcro_pipeline_tests.cases import Pair, assert_parted
from pelcro_pipeline_tests.extract import Delivery

#: A map of an invented system; its customers come over, products and plans stand beside in the templates.
MAP = """
system = "harbour-desk"
title = "Harbour Desk"
about = "An invented system."
{more}
[sources.export]
file = "export.csv"
columns = ["id", "email", "greeting", "town", "status", "started", "ends", "kind", "updated"]

[sources.towns]
file = "towns.csv"
columns = ["key", "name"]

[sources.rates]
file = "rates.csv"
columns = ["rate", "price"]

[[target]]
file = "customers"
source = "export"
{rows}
[target.fields]
"customer.old_provider_id" = {{ from = "id" }}
"customer.common_metadata.original_old_provider_id" = {{ from = "id" }}
"customer.common_metadata.import_only_the_customer" = {{ const = "0" }}
"customer.email" = {{ from = "email" }}
"customer.salutation" = {{ from = "greeting", map = {{ mr = "Mr.", ms = "Ms." }} }}
"customer.title" = {{ from = "town", lookup = {{ in = "towns", key = "key", value = "name" }} }}
"subscription.common_metadata.old_id" = {{ sql = "'S' || \\"id\\"" }}
"subscription.common_metadata.temporary_plan_id" = {{ const = "O-M" }}
"subscription.common_metadata.service_status" = {{ from = "status", map = {{ Active = "active" }} }}
"subscription.start_date" = {{ from = "started", date = "%Y-%m-%d" }}
"subscription.current_period_end" = {{ from = "ends", date = "%Y-%m-%d" }}
"subscription.cancel_at_period_end" = {{ const = "0" }}
"subscription.quantity" = {{ const = "1" }}
"subscription.type" = {{ const = "regular" }}
"subscription.collection_method" = {{ const = "send_invoice" }}

[[target]]
file = "plans"
source = "rates"
[target.fields]
"plan.old_id" = {{ from = "rate" }}
"plan.nickname" = {{ from = "rate" }}
"plan.temporary_product_id" = {{ const = "ONLINE" }}
"plan.amount" = {{ from = "price", money = "minor" }}
"plan.currency" = {{ const = "cad" }}
"plan.interval" = {{ const = "3" }}
"plan.interval_count" = {{ const = "1" }}
"plan.auto_renew" = {{ const = "1" }}
"plan.available_online" = {{ const = "0" }}
"plan.shipments_per_interval" = {{ const = "0" }}
"plan.type" = {{ const = "regular" }}
"plan.revenue_recognition_type" = {{ const = "time_based" }}
"""
HEADER = "id,email,greeting,town,status,started,ends,kind,updated\n"
READER = {
    "id": "HD1",
    "email": "imke@example.com",
    "greeting": "ms",
    "town": "halifax",
    "status": "Active",
    "started": "2026-01-31",
    "ends": "2027-01-31",
    "kind": "paid",
    "updated": "2026-10-01",
}
OTHER = {"id": "HD2", "email": "darcy@example.com"}


def exported(*readers: dict[str, str], more: str = "", rows: str = "", rates: str = "O-M,700\n") -> Delivery:
    lines = "".join(",".join((READER | each).values()) + "\n" for each in readers)
    return Delivery(
        plans=(),
        settings='migration_date = 2026-11-01\ntaxes = false\nsource = "harbour-desk"\n',
        texts={
            "source.toml": MAP.format(more=more, rows=rows),
            "export.csv": HEADER + lines,
            "rates.csv": "rate,price\n" + rates,
            "towns.csv": "key,name\nhalifax,Halifax\n",
        },
    )


def in_json(*readers: dict[str, object]) -> Delivery:
    """The same as JSON, in which a record has the fields that it fills."""
    given = exported()
    own = given.texts["source.toml"].replace('file = "export.csv"', 'file = "export.json"\nformat = "json"', 1)
    texts = {name: text for name, text in given.texts.items() if name != "export.csv"}
    records = {"export.json": json.dumps([READER | each for each in readers])}
    return replace(given, texts=texts | {"source.toml": own} | records)


CLEAN = exported({}, OTHER)
DROPS = 'drop = [{ column = "kind", in = ["test"], reason = "a test" }]'
FOLDS = 'unique = { key = ["id"], keep_last_by = "updated" }'
CASES = [
    Pair(
        "SRC-STATUS",
        exported({}, OTHER | {"status": "Paused"}),
        CLEAN,
        (
            "export.csv:3 subscription, subscription.common_metadata.service_status: SRC-STATUS question",
            "export.csv:3 subscription, subscription.common_metadata.service_status: SUB-STATUS reject",
        ),
        ("export.csv:3 subscription: rejected SUB-STATUS",),
    ),
    Pair(
        "SRC-MAP",
        exported({}, OTHER | {"greeting": "lord"}),
        CLEAN,
        ("export.csv:3 customer, customer.salutation: SRC-MAP clear",),
    ),
    Pair(
        "SRC-LOOKUP",
        exported({}, OTHER | {"town": "truro"}),
        CLEAN,
        ("export.csv:3 customer, customer.title: SRC-LOOKUP clear",),
    ),
    Pair(
        "SRC-DATE",
        exported({}, OTHER | {"started": "31/01/2026"}),
        CLEAN,
        ("export.csv:3 subscription, subscription.start_date: SRC-DATE clear",),
    ),
    Pair(
        "SRC-MONEY",
        exported({}, OTHER, rates="O-M,700\nO-X,seven\n"),
        CLEAN,
        ("rates.csv:3 plan, plan.amount: SRC-MONEY reject",),
        ("rates.csv:3 plan: rejected SRC-MONEY",),
    ),
    Pair(
        "SRC-ASSUMED",
        exported({}, OTHER, more='assumed = ["ends"]'),
        CLEAN,
        ("export.csv: file, ends: SRC-ASSUMED question",),
    ),
    Pair(
        "SRC-FIELD",
        in_json({}, OTHER | {"house": {"name": "The Lodge", "dogs": 2}}),
        in_json({}, OTHER),
        ("export.json: file, house: SRC-FIELD question",),
    ),
    Pair(
        "SRC-ASKED",
        exported({}, OTHER, more='asks = ["Are all prices in dollars?"]'),
        CLEAN,
        ("export.csv: file, all of it: SRC-ASKED question",),
    ),
    Pair(
        "SRC-DROPPED",
        exported({}, OTHER | {"kind": "test"}, rows=DROPS),
        exported({}, OTHER, rows=DROPS),
        (),
        ("export.csv:3 customer: excluded SRC-DROPPED", "export.csv:3 subscription: excluded SRC-DROPPED"),
    ),
    Pair(
        "SRC-SUPERSEDED",
        exported({}, {"updated": "2026-10-02"}, rows=FOLDS),
        exported({}, OTHER, rows=FOLDS),
        (),
        ("export.csv:2 record: excluded SRC-SUPERSEDED",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_map_does_not_handle_is_told_where_it_was_delivered(case, tmp_path):
    assert_parted(case, tmp_path)
