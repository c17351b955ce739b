"""From an export of which nobody has a map to its migration: what is proposed, what a person decides, and what becomes of the file.

The exports are those of the shipped maps, which take no part here: of each system as it writes them, of invented readers.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pelcro_pipeline.cli import app
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.matching import check
from pelcro_pipeline.sources import source_map
from pelcro_pipeline.sources.source_map import SourceMap
from pelcro_pipeline_tests.extract import PERIOD_END, PLAN_ID, STATUS, Migration, migrate

EXPORTS = Path(__file__).parent / "exports"
SETTINGS = 'migration_date = 2026-11-01\ntaxes = false\ncurrency = "usd"\n'
FIELD = re.compile(r'(?:# )?"(?P<name>[a-z_.0-9]+)" = \{ (?P<made>.*) \}  # .*')
HEAD = re.compile(r"# (?:\[\[target|\[target|file = |source = |unique = )")
#: What a plan is asked for, of those that are usual.
USUAL = dict.fromkeys(("plan.auto_renew", "plan.currency", "plan.interval", "plan.interval_count"), "")
#: What is ordered, in WooCommerce's own notation; and a plan for each price of it.
ITEM = r"regexp_extract(\"order_items\", '(?:product_id:)?([0-9]+)', 1)"
NAME = r"regexp_extract(\"order_items\", 'name:([^|;]+)', 1)"
PRICE = f'sql = "concat_ws(\'/\', {ITEM}, \\"order_total\\", \\"billing_interval\\", \\"billing_period\\")"'


@dataclass(frozen=True)
class Export:
    """Delivered files of a system; what a proposal must be sure of, must ask, and must say nothing of; the person's part; the result.

    ``decided`` is by attribute what a field is made of; where it is empty, what is proposed behind a # is taken.
    """

    system: str
    files: Sequence[str]
    sure: Mapping[str, str]
    asked: Sequence[str]
    unknown: Sequence[str]
    dispositions: str
    decided: Mapping[str, str] = field(default_factory=dict)
    fallen: Sequence[str] = ()


def decided(text: str, answers: Mapping[str, str]) -> str:
    """A proposed map with its open points filled in: what is asked for is taken, under another making where one is given."""
    head, *targets = re.split(r"^(?=(?:# )?\[\[target\]\]$)", text, flags=re.MULTILINE)
    return "".join([head, *(_decided(each, answers) for each in targets)])


def _decided(target: str, answers: Mapping[str, str]) -> str:
    """The same of one template; one of which nothing is taken stays behind its #."""
    taken: set[str] = set()
    lines = target.splitlines()
    for number, line in enumerate(lines):
        found = FIELD.fullmatch(line)
        if found is None:
            continue
        name, made = found["name"], found["made"]
        if name in answers:
            lines[number] = f'{"# " if name in taken else ""}"{name}" = {{ {answers[name] or made} }}'
        if not lines[number].startswith("#"):
            taken.add(name)
    if not taken:
        return target
    return "\n".join(line.removeprefix("# ") if HEAD.match(line) else line for line in lines) + "\n"


CASES = (
    Export(
        "woocommerce",
        ["subscriptions.csv"],
        sure={
            "customer.old_provider_id": "customer_id", "customer.email": "customer_email", STATUS: "subscription_status",
            "address.billing_line1": "billing_address_1", "address.shipping_zip": "shipping_postcode",
            "subscription.start_date": "start_date", PERIOD_END: "next_payment_date",
            "subscription.collection_method": "payment_method", "plan.amount": "order_total", "plan.currency": "order_currency",
            "plan.interval": "billing_period", "plan.interval_count": "billing_interval",
        },
        asked=["end_date"],
        unknown=["order_items", "order_tax", "fee_total", "requires_manual_renewal", "coupon_items"],
        decided=USUAL | {
            STATUS: """sql = "regexp_replace(\\"subscription_status\\", '^wc-', '')", """
            'map = { active = "active", pending-cancel = "active", cancelled = "cancelled", on-hold = "unpaid" }',
            PERIOD_END: """sql = "coalesce(nullif(\\"next_payment_date\\", '0'), nullif(\\"end_date\\", '0'))", """
            'date = "%Y-%m-%d %H:%M:%S"',
            "customer.first_name": "", "customer.last_name": "",
            PLAN_ID: PRICE, "plan.old_id": PRICE, "subscription.type": "",
            "product.id": f'sql = "{ITEM}"', "product.name": f'sql = "{NAME}"',
            "plan.temporary_product_id": f'sql = "{ITEM}"', "plan.nickname": f'sql = "{NAME}"',
        },
        dispositions="customer 26+0+0+0, billing address 26+0+0+0, shipping address 13+0+0+0, subscription 21+0+2+3, product 2+0+0+0, plan 2+0+2+0",
        fallen=[
            "subscriptions.csv:12 plan: rejected SRC-MONEY", "subscriptions.csv:12 subscription: rejected REL-CLOSURE",
            "subscriptions.csv:14 plan: rejected SRC-MAP", "subscriptions.csv:14 subscription: rejected REL-CLOSURE",
            "subscriptions.csv:15 subscription: excluded SUB-NOT-MIGRATED",
            "subscriptions.csv:23 subscription: excluded SUB-NOT-MIGRATED",
            "subscriptions.csv:7 subscription: excluded SUB-NOT-MIGRATED",
        ],
    ),
    Export(
        "substack",
        ["subscriber_emails.csv"],
        sure={"customer.email": "email", PERIOD_END: "expiry"},
        asked=["stripe_connected_customer_id", "type"],
        unknown=["email_disabled"],
        decided=USUAL | {
            "customer.old_provider_id": "", PLAN_ID: 'from = "type"', STATUS: "", "subscription.type": "",
            "subscription.collection_method": 'sql = "CASE WHEN \\"type\\" = \'paid\' THEN \'charge_automatically\' ELSE \'send_invoice\' END"',
            "product.id": 'const = "NEWSLETTER"', "product.name": 'const = "The Harbour Newsletter"',
            "plan.old_id": 'from = "type"', "plan.nickname": 'from = "type"', "plan.temporary_product_id": 'const = "NEWSLETTER"',
            "plan.amount": "sql = \"CASE WHEN \\\"type\\\" = 'paid' THEN '8000' ELSE '0' END\"",
        },
        dispositions="customer 24+0+0+0, subscription 24+0+0+0, product 1+0+0+0, plan 4+0+0+0",
    ),
    Export(
        "beehiiv",
        ["subscribers.csv"],
        sure={"customer.email": "email", "customer.first_name": "First Name", "customer.last_name": "Last Name"},
        asked=["status", "tier", "stripe_customer_id"],
        unknown=["created_at", "unsubscribed_at", "Favourite section"],
        decided={"customer.old_provider_id": ""},
        dispositions="customer 8+1+0+0",
    ),
    Export(
        "mailchimp",
        [
            "subscribed_email_audience_export.csv",
            "unsubscribed_email_audience_export.csv",
            "cleaned_email_audience_export.csv",
        ],
        sure={
            "customer.email": "Email Address", "customer.first_name": "First Name", "customer.last_name": "Last Name",
            "customer.title": "Position",
        },
        asked=["Company", "ZIP Code", "REGION"],
        unknown=["MEMBER_RATING", "OPTIN_TIME", "LEID", "NOTES", "TAGS"],
        dispositions="customer 5+0+0+0",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Proposed:
    """A proposed map as it stands before and after a person's part, and what it makes of the files."""

    export: Export
    text: str
    sure: SourceMap
    left_open: list[str]
    migration: Migration


@pytest.fixture(scope="module", params=CASES, ids=lambda each: each.system)
def proposed(request, tmp_path_factory) -> Proposed:
    export, home = request.param, tmp_path_factory.mktemp(request.param.system)
    folder, paths = home / "request", [EXPORTS / export.system / "delivered" / each for each in export.files]
    done = CliRunner().invoke(app, ["new", str(folder), *(part for each in paths for part in ("--from", str(each)))])
    assert done.exit_code == 0, done.output
    path = folder / source_map.FILE_NAME
    text, sure = path.read_text(encoding="utf-8"), source_map.load(path)
    path.write_text(decided(text, export.decided), encoding="utf-8")
    with duck.connect() as connection:
        _, left_open = check.checked(path, connection)
    for each in paths:
        shutil.copy(each, folder)
    (folder / "extract.toml").write_text(SETTINGS, encoding="utf-8")
    return Proposed(export, text, sure, left_open, migrate(folder, home / "workspace"))


def test_what_is_sure_is_right(proposed):
    made = {
        name: each.column or re.search('"([^"]+)"', each.sql)[1]
        for target in proposed.sure.target
        for name, each in target.fields.items()
    }
    assert {name: made.get(name) for name in proposed.export.sure} == proposed.export.sure


def test_what_is_not_sure_is_asked_with_what_it_may_be(proposed):
    live = [each for each in proposed.text.splitlines() if not each.startswith("#") and each.startswith('"')]
    open_ = [each for each in proposed.text.splitlines() if each.startswith('# "')]
    for column in proposed.export.asked:
        assert not [each for each in live if f'"{column}"' in each]
        assert [each for each in open_ if column in each]


def test_what_is_not_known_is_said(proposed):
    for column in proposed.export.unknown:
        assert f"#   {column}\n" in proposed.text


def test_once_decided_nothing_is_left_open(proposed):
    assert proposed.left_open == []


def test_the_file_migrates_and_nothing_is_lost(proposed):
    made = proposed.migration
    assert made.broken == []
    counted = [
        f"{row.object} {row.prepared}+{row.merged}+{row.rejected}+{row.excluded}"
        for row in made.dispositions.itertuples()
        if row.received
    ]
    assert ", ".join(counted) == proposed.export.dispositions
    assert [each for each in made.fallen if "merged" not in each] == list(proposed.export.fallen)
