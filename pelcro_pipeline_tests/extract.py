"""An extract in a temporary workspace: records as dicts over valid defaults, and what becomes of them.

Runs the rooms one after the other as the assets do, without Dagster, whose import alone takes seconds.
"""

from __future__ import annotations

import csv
import datetime
import io
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pandas as pd
import pandera.errors
import pytest

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline import steps
from pelcro_pipeline.conversion import sample
from pelcro_pipeline.delivery import reading as delivery
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.prepared import tables as prepared_tables
from pelcro_pipeline.prepared.files import PreparedFiles
from pelcro_pipeline.review import statistics
from pelcro_pipeline.review.sign_off import SignOff
from pelcro_pipeline.rules import conservation, results
from pelcro_pipeline.spec import CUSTOMERS, TABLES, TEMPLATES, schema, sql
from pelcro_pipeline.spec.headers import template
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths

Row = dict[str, str]

SETTINGS = "migration_date = 2026-11-01\ntaxes = false\n"
#: Their day, for what is loaded.
ON_THE_DAY = datetime.datetime(2026, 11, 1, 12, tzinfo=datetime.UTC)
#: Where processes go by the clock: a day that no test will see, and what lasts beyond it.
PLANNED = "migration_date = 2099-11-01\ntaxes = false\n"

PLAN_ID = "subscription.common_metadata.temporary_plan_id"
OLD_ID = "subscription.common_metadata.old_id"
ORDER_NUMBER = "subscription.common_metadata.order_number"
STATUS = "subscription.common_metadata.service_status"
PERIOD_END = "subscription.current_period_end"
GROUP = "subscription.common_metadata.membership"
DONOR = "subscription.common_metadata.is_gift_donor"
RECIPIENT = "subscription.common_metadata.is_gift_recipient"
DONOR_ID = "subscription.common_metadata.gift_donor_subscription_id"
IMPORT_ONLY = "customer.common_metadata.import_only_the_customer"
#: Beyond the day that is PLANNED.
LASTING = {PERIOD_END: "31/07/2100"}

PRINT: Row = {
    "product.id": "PRINT",
    "product.address_required": "1",
    "product.active": "1",
    "product.name": "The Harbour Review in print",
    "product.description": "Twelve issues a year, by post",
    "product.statement_descriptor": "HARBOUR REVIEW",
    "product.image": "https://harbour-review.example/print.jpg",
}
ONLINE: Row = PRINT | {
    "product.id": "ONLINE",
    "product.address_required": "0",
    "product.name": "The Harbour Review online",
    "product.description": "Every article, and the archive",
}
CREW: Row = ONLINE | {"product.id": "CREW", "product.name": "The Harbour Crew"}

PRINT_YEARLY: Row = {
    "plan.amount": "9900",
    "plan.auto_renew": "1",
    "plan.currency": "cad",
    "plan.available_online": "1",
    "plan.interval": "4",
    "plan.interval_count": "1",
    "plan.nickname": "Print, yearly",
    "plan.shipments_per_interval": "12",
    "plan.description": "Paid for 1 year at a time",
    "plan.common_metadata.account_name": "harbour",
    "plan.temporary_product_id": "PRINT",
    "plan.old_id": "P-Y",
    "plan.is_donated": "0",
    "plan.type": "regular",
    "plan.revenue_recognition_type": "shipment_based",
    "plan.entitlements": "archive,crossword",
}
ONLINE_MONTHLY: Row = PRINT_YEARLY | {
    "plan.amount": "700",
    "plan.interval": "3",
    "plan.nickname": "Online, monthly",
    "plan.shipments_per_interval": "0",
    "plan.description": "Paid for 1 month at a time",
    "plan.temporary_product_id": "ONLINE",
    "plan.old_id": "O-M",
    "plan.revenue_recognition_type": "time_based",
}
CREW_YEARLY: Row = ONLINE_MONTHLY | {
    "plan.amount": "49900",
    "plan.interval": "4",
    "plan.nickname": "Crew, yearly",
    "plan.temporary_product_id": "CREW",
    "plan.old_id": "C-Y",
    "plan.type": "membership",
}
PRODUCTS, PLANS = (PRINT, ONLINE, CREW), (PRINT_YEARLY, ONLINE_MONTHLY, CREW_YEARLY)

#: What marks a row's attribute as no column of its file, where every row leaves it out.
ABSENT = None


def customer(number: int = 1, *changes: Mapping[str, str | None]) -> Row:
    """A reader's own attributes, without a subscription."""
    row = {
        "customer.old_provider_id": f"HR{number}",
        "customer.email": f"genaro.cassano{number}@example.com",
        "customer.first_name": "Genaro",
        "customer.last_name": "Cassano",
        "customer.phone": "+15141234567",
        "customer.title": "Librarian",
        "customer.salutation": "Mr.",
        "customer.display_name": f"gcassano{number}",
        "customer.password": "",
        IMPORT_ONLY: "1",
        "customer.common_metadata.password_encryption": "",
        "customer.common_metadata.original_old_provider_id": f"HR{number}",
    }
    return _changed(row, changes)


def address(type_: str, *changes: Mapping[str, str | None]) -> Row:
    """A billing or shipping address; changes are named without their prefix."""
    row = {
        "first_name": "Genaro",
        "last_name": "Cassano",
        "salutation": "Mr.",
        "title": "Librarian",
        "company": "ABC Inc.",
        "department": "Accounting",
        "line1": "1010 Sainte Catherine ouest",
        "line2": "#02-111",
        "city": "Montréal",
        "state": "QC",
        "country": "CA",
        "zip": "H3H 1H1",
        "phone": "5141122233",
    }
    return {f"address.{type_}_{name}": value for name, value in _changed(row, changes).items()}


def subscription(number: int = 1, *changes: Mapping[str, str | None]) -> Row:
    """A subscription to the printed magazine, paid for until the next summer."""
    row = {
        PERIOD_END: "31/07/2027",
        "subscription.cancel_at_period_end": "0",
        "subscription.start_date": "31/07/2026",
        "subscription.shipments_undeliverable": "0",
        "subscription.shipments_suspended_until": "24/12/2026",
        "subscription.common_metadata.is_expired": "0",
        "subscription.common_metadata.start_now": "0",
        "subscription.shipments_remaining": "9",
        "subscription.quantity": "1",
        "subscription.collection_method": "charge_automatically",
        PLAN_ID: "P-Y",
        OLD_ID: f"S{number}",
        STATUS: "active",
        ORDER_NUMBER: f"400{number}",
        "subscription.common_metadata.order_price": "9900",
        "subscription.common_metadata.order_term": "1 year",
        "subscription.type": "regular",
        GROUP: "",
        DONOR: "0",
        RECIPIENT: "0",
        DONOR_ID: "",
    }
    return _changed(row, changes)


def reader(number: int = 1, *changes: Mapping[str, str | None]) -> Row:
    """A record of the flat file with a customer, both addresses and a subscription."""
    row = customer(number, {IMPORT_ONLY: "0"}) | address("billing") | address("shipping") | subscription(number)
    return _changed(row, changes)


def unaddressed(number: int = 1, *changes: Mapping[str, str | None]) -> Row:
    """A reader online, of whom no address is known."""
    online = {PLAN_ID: "O-M", "subscription.shipments_remaining": ""}
    return _changed(customer(number, {IMPORT_ONLY: "0"}) | subscription(number, online), changes)


def gift(donor: int = 1, recipient: int = 2) -> tuple[Row, Row]:
    """A gift: the record of its donor, and of its recipient."""
    return (
        reader(donor, {DONOR: "1"}),
        reader(recipient, {RECIPIENT: "1", DONOR_ID: f"S{donor}"}),
    )


def crew(*types: str, first: int = 1, plan: str = "C-Y") -> tuple[Row, ...]:
    """A membership group with a record for each of the types, its readers numbered from ``first``."""
    return tuple(
        unaddressed(number, {PLAN_ID: plan, "subscription.type": type_, GROUP: f"M-{first}"})
        for number, type_ in enumerate(types, first)
    )


def _changed(row: Row, changes: Sequence[Mapping[str, str | None]]) -> Row:
    ordered = row.get(OLD_ID)
    for change in changes:
        row = row | change
    # Two subscriptions of a reader were ordered one by one, unless a test has them without ids.
    if (
        ordered
        and row[OLD_ID] not in ("", ordered)
        and ORDER_NUMBER not in {each for change in changes for each in change}
    ):
        row = row | {ORDER_NUMBER: f"400{row[OLD_ID]}"}
    return row


def header(name: str, rows: Sequence[Mapping[str, str | None]]) -> list[str]:
    """The template's columns that a row does not leave out, then the rows' own."""
    left_out = {column for row in rows for column, cell in row.items() if cell is ABSENT}
    own = dict.fromkeys(column for row in rows for column in row)
    columns = template(name) if name in TEMPLATES else []
    return [column for column in dict.fromkeys([*columns, *own]) if column not in left_out]


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str | None]]) -> None:
    """A comma separated file in UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([row.get(column) or "" for column in columns] for row in rows)


def as_csv(
    rows: Sequence[Mapping[str, str | None]], repeated: str | None = None, cells: Sequence[str] = (), **dialect: object
) -> str:
    """A file of the rows' own columns; ``cells`` stand in a last column that names ``repeated`` once more."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.writer(text, **{"lineterminator": "\n"} | dialect)
    writer.writerow(columns + [repeated] * (repeated is not None))
    for row, cell in itertools.zip_longest(rows, cells):
        writer.writerow([row.get(column) or "" for column in columns] + [cell] * (cell is not None))
    return text.getvalue()


@dataclass(frozen=True)
class Delivery:
    """The files of an extract, as records of the guide's three templates; ``texts`` are files as they stand."""

    customers: Sequence[Mapping[str, str | None]] = ()
    products: Sequence[Mapping[str, str | None]] = PRODUCTS
    plans: Sequence[Mapping[str, str | None]] = PLANS
    settings: str = SETTINGS
    texts: Mapping[str, str | bytes] = field(default_factory=dict)

    def into(self, folder: Path) -> Path:
        """Write the files into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("customers", "products", "plans"):
            rows = getattr(self, name)
            if rows:
                write_csv(folder / f"{name}.csv", header(name, rows), rows)
        for name, content in self.texts.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        (folder / "extract.toml").write_text(self.settings, encoding="utf-8")
        return folder


@dataclass(frozen=True)
class Migration:
    """What became of an extract."""

    #: Its places, as the judgement left them.
    judged: ExtractPaths
    findings: list[dict]
    ledger: list[dict]
    dispositions: pd.DataFrame
    broken: list[str]

    @property
    def paths(self) -> ExtractPaths:
        """Its places, with the prepared files and the archive: written when first asked for, which most tests never do."""
        if not self.judged.prepared.exists():
            for step in (steps.prepare, steps.archive):
                with steps.opened(self.judged) as extract:
                    step(extract)
        return self.judged

    @property
    def told(self) -> list[str]:
        """The findings of the files as ``file:line object, attribute: RULE severity -> result``, ordered.

        A result is told where another value than the delivered one stands.
        """
        return sorted(
            f"{_place(each)} {each['object'] or 'file'}, {each['attribute'] or 'all of it'}: "
            f"{each['rule']} {each['severity']}" + (f" -> {_assigned(each['result'])}" if _stands_instead(each) else "")
            for each in self.findings
            if each["file"]
        )

    @property
    def fallen(self) -> list[str]:
        """The ledger without what is prepared, as ``file:line object: disposition RULE``, ordered."""
        return sorted(
            f"{_place(each)} {each['object'] or 'record'}: {each['disposition']} {each['rule'] or ''}".rstrip()
            for each in self.ledger
            if each["disposition"] != "prepared"
        )

    def prepared(self, name: str) -> list[Row]:
        """The records of a prepared file; an empty cell is an empty text."""
        with (self.paths.prepared / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def value(self, attribute: str, name: str = "customers", record: int = 0) -> str:
        """A cell of a prepared file."""
        return self.prepared(name)[record][attribute]

    def archived(self, name: str) -> list[dict]:
        """The records of a file of the archive."""
        return _dicts(duckdb.sql(f"FROM read_parquet({literal(str(self.paths.archive / name))})"))

    @property
    def nonconforming(self) -> list[str]:
        """What stands, converted or prepared, and is not in the form that pandera states."""
        settings = extract_settings.load(self.judged.delivered)
        constants = sql.constants(settings.today, settings.currency)
        with duck.connect() as connection:
            manifest = Manifest.load(self.judged.manifest)
            results.attach(connection, manifest, self.judged.conversion, self.judged.analysis)
            prepared_tables.create_views(connection, manifest, settings)
            judged = [(schema.converted(each), sample.effective_rows(connection, each, constants)) for each in TABLES]
            for each in TABLES:
                view = "complete_customer" if each is CUSTOMERS else f"prepared_{each.object}"
                judged.append((schema.prepared(each), sample.prepared_rows(connection, each, view)))
        wrong = []
        for contract, (frame, _) in judged:
            try:
                contract.validate(frame, lazy=True)
            except pandera.errors.SchemaErrors as error:
                wrong += [f"{contract.name}, {case.column}: {case.check}" for case in error.failure_cases.itertuples()]
        return wrong

    @property
    def files(self) -> PreparedFiles:
        """What a target is loaded from."""
        return PreparedFiles(self.paths.prepared, extract_settings.load(self.paths.delivered), self.paths.checksums)

    def staged(self) -> pd.DataFrame:
        """Load staging and write its statistics, counted twice, as the dry run does."""
        for step in (steps.forecast, steps.stage):
            with steps.opened(self.paths) as extract:
                step(extract)
        with steps.opened(self.paths) as extract:
            counted = steps.count(extract)
        assert steps.count_again(self.paths, counted) == []
        statistics.write(counted, self.paths)
        statistics.write_digest(self.paths)
        return counted


def _stands_instead(finding: dict) -> bool:
    return finding["severity"] in ("repair", "question") and finding["result"] not in (None, finding["value"])


def _assigned(result: str) -> str:
    """Assigned ids are hashes: what they are is told by a test of their own."""
    return re.sub(r"^gen-[0-9a-f]{12}$", "gen-<12 hex digits>", result)


def _place(row: dict) -> str:
    return f"{row['file']}:{'' if row['line'] is None else row['line']}"


def _dicts(relation: duckdb.DuckDBPyRelation) -> list[dict]:
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def migrate(given: Delivery | Path, home: Path, name: str = "harbour-review") -> Migration:
    """Deliver an extract into the workspace ``home`` and judge it; what an earlier one has prepared there is gone."""
    paths = ExtractPaths(home, name)
    for folder in (paths.prepared, paths.archive):
        atomic.discard(folder)
    if isinstance(given, Delivery):
        given.into(paths.delivered)
    elif given != paths.delivered:
        paths.delivered.mkdir(parents=True)
        for each in given.iterdir():
            (paths.delivered / each.name).write_bytes(each.read_bytes())
    steps.read(paths)
    with steps.opened(paths) as extract:
        steps.convert(extract)
        steps.judge(extract)
        connection = extract.connection
        found = _dicts(connection.read_parquet(str(paths.analysis / "findings.parquet")))
        dispositions = _dicts(connection.sql("FROM ledger"))
        counted, broken = conservation.dispositions(connection), conservation.broken(connection)
    return Migration(paths, found, dispositions, counted, broken)


def read(given: Delivery, home: Path) -> delivery.Manifest:
    """The manifest of a delivery alone."""
    folder = given.into(home / "delivered")
    into = home / "raw"
    into.mkdir(parents=True)
    with duck.connect() as connection:
        return delivery.read(folder, into, extract_settings.load(folder), connection)


def refusal(given: Delivery, home: Path) -> str:
    """The sentence that a delivery is refused with when it is read."""
    with pytest.raises(UnusableInputError) as refused:
        read(given, home)
    return str(refused.value)


def produced(
    paths: ExtractPaths, recorded_signature: str | None, now: datetime.datetime
) -> tuple[SignOff, dict[str, int]]:
    """Production by the card map as it stands: both steps of it."""
    steps.map_cards(paths, recorded_signature, now)
    return steps.produce(paths, recorded_signature, now)


class Watcher:
    """What a run tells of its steps, remembered."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def started(self, step: str) -> None:
        self.steps.append(step)

    def ended(self, step: str) -> None:
        """A bar would fill here."""

    def told(self, line: str) -> None:
        """A line would stand above the bars."""


def changed(path: Path, old: str, new: str) -> None:
    """Replace the first ``old`` in a file that holds it."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
