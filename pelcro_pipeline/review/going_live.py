"""The going-live list: every item of both checklists, computed where data can tell, else with an owner and a day.

The words are the guide's (*Going Live*), the upgrade list's and the migration guide's. Who owns an item, until when, and
whether it is done stands in going_live.csv of the extract's folder: ``item, owner, date, done, note``.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.migration_day import forecast as migration_day
from pelcro_pipeline.migration_day import passwords
from pelcro_pipeline.reporting import page
from pelcro_pipeline.review import sample, sign_off, statistics
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.settings import load as settings_of
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace.intake import CARD_MAPS, GOING_LIVE, own_file
from pelcro_pipeline.workspace.places import ExtractPaths

COLUMNS = ("Section", "Item", "What", "State", "Evidence", "Owner", "Date")
#: Those that hold text that a person wrote.
WRITTEN = ("Evidence", "Owner")
_TICKS = ("item", "owner", "date", "done", "note")
_DONE = {"yes", "y", "1", "true", "done", "x"}
_NOT_DONE = {"", "no", "n", "0", "false"}


class State(StrEnum):
    """How an item stands."""

    DONE = "done"
    OPEN = "open"
    #: The data says otherwise.
    FAILED = "failed"


@dataclass(frozen=True)
class Evidence:
    """What the data says of an item."""

    state: State
    told: str


@dataclass(frozen=True)
class Item:
    """One item of the list; ``computed`` tells it from the data, where data can tell."""

    id: str
    section: str
    words: str
    computed: Callable[[_Extract], Evidence] | None = None


@dataclass(frozen=True)
class Line:
    """An item as it stands: computed, or ticked by its owner."""

    item: Item
    state: State
    evidence: str
    owner: str
    date: str


@dataclass(frozen=True)
class _Extract:
    paths: ExtractPaths
    settings: Settings
    #: ``statistics.csv`` by section and attribute.
    counts: pd.DataFrame

    def counted(self, section: str, attribute: str, column: str | None = None) -> int:
        """A figure where it was loaded last: in production, or else in staging."""
        row = self.counts.loc[(section, attribute)]
        if column is None:
            column = statistics.STAGING if pd.isna(row[statistics.PRODUCTION]) else statistics.PRODUCTION
        return int(row[column])


def _total(title: str, setting: str) -> Callable[[_Extract], Evidence]:
    def told(extract: _Extract) -> Evidence:
        wanted = getattr(extract.settings, setting)
        stands = extract.counted("Objects", title)
        if wanted is None:
            return Evidence(State.OPEN, f"{stands:,} here; set {setting} in extract.toml to the old system's total.")
        state = State.DONE if stands == wanted else State.FAILED
        return Evidence(state, f"{stands:,} here, {wanted:,} in the old system.")

    return told


def _rehearsed(extract: _Extract) -> Evidence:
    if not extract.settings.production.is_site:
        return Evidence(State.DONE, "No production site is named: there is nothing to rehearse.")
    if sign_off.is_rehearsed(extract.paths):
        return Evidence(State.DONE, "It was.")
    return Evidence(
        State.OPEN,
        f"It was not: `pelcro-pipeline revert {extract.paths.extract} --on staging`, then the dry run again.",
    )


def _unpaid(extract: _Extract) -> Evidence:
    delivered = extract.counted("Subscriptions by segment", "Unpaid", statistics.DUMP)
    stands = extract.counted("Subscriptions by segment", "Unpaid")
    left = delivered - stands
    told = f"{stands:,} of {delivered:,} unpaid subscriptions stand"
    invoices = _invoices(extract.paths)
    if invoices is not None:
        money = page.moneys({"currency": currency, "amount": int(amount)} for currency, _, amount in invoices)
        told += f", {sum(count for _, count, _ in invoices):,} of them with an open invoice" + (
            f": {money}" if money else ""
        )
    return Evidence(
        State.DONE if not left else State.FAILED,
        told + "." + (f" {left:,} were left behind: see ledger.csv." if left else ""),
    )


def _invoices(paths: ExtractPaths) -> list[tuple] | None:
    """Currency, count and amount of the open invoices where they were loaded last; None where they cannot be read."""
    loaded = next((each for each in map(paths.database, ("production", "staging")) if each.is_file()), None)
    if loaded is None:
        return None
    try:
        with duck.connect() as connection, database.opened(loaded, "loaded", connection):
            return connection.execute(
                """SELECT "invoice.currency" AS currency, count(*), sum("invoice.amount") FROM loaded.invoices
                GROUP BY currency ORDER BY currency"""
            ).fetchall()
    except (RefusedError, duckdb.Error):
        return None


def _reviewed(extract: _Extract) -> Evidence:
    review = sample.reviewed(extract.paths)
    if review is None:
        return Evidence(State.OPEN, "Tick each customer off in sample.xlsx, and put it into the extract's folder.")
    if review.not_right:
        return Evidence(State.FAILED, f"{len(review.not_right):,} of {review.customers:,} customers are not right.")
    state = State.DONE if review.is_complete else State.OPEN
    return Evidence(
        state, f"{review.ticked:,} of {review.customers:,} customers are ticked off as right. {review.stale}".strip()
    )


def _accounts(extract: _Extract) -> Evidence:
    review = sample.reviewed(extract.paths)
    told = "The accounts of the sample, with what is charged of each: sample.html."
    return Evidence(State.DONE if review and review.is_complete and not review.not_right else State.OPEN, told)


def _resets(extract: _Extract) -> Evidence:
    customers = extract.counted("Objects", "Customers")
    without = customers - extract.counted("Customers", "customer.password")
    told = f"{without:,} of {customers:,} customers have no migrated password: password_resets.csv lists those with an email address."
    known = passwords.read(extract.paths.passwords)
    state = State.OPEN if without or passwords.resets(known) else State.DONE
    return Evidence(state, f"{told} {passwords.sentence(known)}")


def _cards(extract: _Extract) -> Evidence:
    charged = extract.counted("Subscriptions by segment", "Charged automatically")
    if not charged:
        return Evidence(State.DONE, "No subscription is charged automatically.")
    if not any((extract.paths.delivered / name).exists() for name in CARD_MAPS):
        return Evidence(
            State.OPEN, f"{charged:,} subscriptions are charged automatically; the card map has not come yet."
        )
    of_class = _card_classes(extract.paths)
    renewing, fine = sum(of_class.values()), of_class.get("fine", 0)
    others = ", ".join(
        f"{name.replace('_', ' ')} {count:,}" for name, count in of_class.items() if count and name != "fine"
    )
    told = f"{fine:,} of {renewing:,} subscriptions that renew by card have one that pays on their first renewal"
    return Evidence(
        State.DONE if fine == renewing else State.FAILED, told + (f" ({others}: see cards.csv)." if others else ".")
    )


def _card_classes(paths: ExtractPaths) -> dict[str, int]:
    """How many subscriptions are of each class of cards, as it was told last."""
    for environment in ("production", "staging"):
        if (told := migration_day.kept(paths.migration_day(environment))) is not None:
            return dict(zip(told.cards["class"], told.cards["subscriptions"], strict=True))
    return {}


def _taxes(extract: _Extract) -> Evidence:
    said = {True: "They are collected.", False: "None are collected.", None: "Not said: set taxes in extract.toml."}
    return Evidence(State.OPEN if extract.settings.taxes is None else State.DONE, said[extract.settings.taxes])


def _questions(extract: _Extract) -> Evidence:
    asked = sum(sign_off.open_questions(extract.paths).values())
    return Evidence(
        State.DONE if not asked else State.OPEN, f"{asked:,} findings are questions." if asked else "Nothing is open."
    )


def _signed(extract: _Extract) -> Evidence:
    try:
        signed = sign_off.verified(extract.paths)
    except RefusedError as error:
        return Evidence(State.OPEN, str(error))
    return Evidence(State.DONE, f"Signed by {signed.signed_by} ({signed.role}) on {signed.signed_on[:10]}.")


def differences(paths: ExtractPaths) -> int | None:
    """How many differences certificate.csv tells; None where there is none."""
    return len(pd.read_csv(paths.certificate)) if paths.certificate.is_file() else None


def _certified(extract: _Extract) -> Evidence:
    found = differences(extract.paths)
    if found is None:
        return Evidence(State.OPEN, f"Run `pelcro-pipeline certify {extract.paths.extract}`.")
    return Evidence(
        State.FAILED if found else State.DONE,
        f"{found:,} differences: see certificate.csv." if found else "The certificate holds.",
    )


def _loaded(extract: _Extract) -> Evidence:
    prepared = extract.counted("Objects", "Subscriptions", statistics.PREPARED)
    if pd.isna(extract.counts.loc[("Objects", "Subscriptions"), statistics.PRODUCTION]):
        return Evidence(State.OPEN, "Production is not loaded yet.")
    stands = extract.counted("Objects", "Subscriptions", statistics.PRODUCTION)
    return Evidence(
        State.DONE if stands == prepared else State.FAILED,
        f"{stands:,} of {prepared:,} prepared subscriptions are in production.",
    )


_SETUP, _DATA, _ACCOUNTING = "1. Setup", "2. Migrated data", "3. Accounting"
_FLOWS, _UPGRADE = "4. Key flows", "5. After the load"
ITEMS = (
    Item("setup-site", _SETUP, "Complete the steps for setting up your site."),
    Item("setup-permissions", _SETUP, "Review permission levels for all your team members as site collaborators."),
    Item("setup-products", _SETUP, "Structure your products, plans, and coupons in a way that makes it easy to manage and track."),
    Item("setup-integrations", _SETUP, "Ensure you've tested and validated all relevant integrations which will be in use with Pelcro."),
    Item("data-questions", _DATA, "Every question to the publisher is answered or accepted.", _questions),
    Item("data-certificate", _DATA, "A second program certifies that what is prepared is what was delivered.", _certified),
    Item("data-customers", _DATA, "The total of customers is the same as in your previous system.", _total("Customers", "old_customers")),
    Item(
        "data-subscriptions", _DATA, "The total of active subscriptions is the same as in your previous system.",
        _total("Subscriptions", "old_active_subscriptions"),
    ),
    Item("data-invoices", _DATA, "All open and past due invoices are migrated into Pelcro.", _unpaid),
    Item("data-sample", _DATA, "Test a small sample of customers (20-50) and compare it to the previous system.", _reviewed),
    Item("data-passwords", _DATA, "Customer password reset emails have been triggered during the migration.", _resets),
    Item("data-cards", _DATA, "All valid credit cards of active subscriptions are migrated and associated with their customers.", _cards),
    Item("data-rehearsal", _DATA, "A load of the staging site has been reverted and loaded again.", _rehearsed),
    Item("data-signed", _DATA, "The report and the data validation are signed off.", _signed),
    Item("accounting-processor", _ACCOUNTING, "Review your payment processor's account settings."),
    Item("accounting-docs", _ACCOUNTING, "Review and understand the accounting documentation."),
    Item("accounting-taxes", _ACCOUNTING, "Taxes are collected by the rules of the countries and regions you operate in.", _taxes),
    Item("accounting-unpaid", _ACCOUNTING, "Configure the desired flow when an invoice goes unpaid."),
    Item("flows-qa", _FLOWS, "Conduct a full end-to-end quality assurance of all user flows and functionalities."),
    Item("flows-signup", _FLOWS, "Test customer creation: a customer created in the interface is reflected in your Pelcro account."),
    Item("flows-payments", _FLOWS, "Test credit card payments."),
    Item("flows-freeze", _FLOWS, "Freeze online payments from the dump of the cards until their map is in place: a card changed between is lost; new subscriptions go to customer service."),
    Item("load-production", _UPGRADE, "Production holds what was prepared.", _loaded),
    Item("load-accounts", _UPGRADE, "Balance and charges of ten or more diverse accounts match what was billed before.", _accounts),
    Item("load-events", _UPGRADE, "Check the event log for any errors."),
    Item("load-provisioning", _UPGRADE, "Every process that provisions to an external system did what it should have."),
    Item("load-payments", _UPGRADE, "Payments are processed for all payment processors configured."),
    Item("load-roles", _UPGRADE, "Role permissions of the staff: everyone can access what they need."),
    Item("load-contact", _UPGRADE, "Contact information can be added and updated, and reports work."),
    Item("load-imports", _UPGRADE, "Any regular data that is imported can be imported without issue."),
    Item("load-training", _UPGRADE, "The staff has practised with what is new to them."),
)  # fmt: skip


def refuse_uncounted(paths: ExtractPaths) -> None:
    """Raise RefusedError before a dry run."""
    if not paths.statistics.is_file():
        raise RefusedError(
            f"{paths.extract} has made no statistics.csv yet: run `pelcro-pipeline dry-run {paths.extract}` first."
        )


def lines(paths: ExtractPaths) -> list[Line]:
    """The list as it stands, passwords.csv being written.

    Raises RefusedError before a dry run, UnusableInputError for ticks that cannot be used.
    """
    refuse_uncounted(paths)
    counts = statistics.read(paths.statistics).set_index(["Section", "Attribute"])
    extract = _Extract(paths, settings_of(paths.delivered), counts[~counts.index.duplicated()])
    ticks = _ticks(paths.delivered / GOING_LIVE)
    return [_line(item, extract, ticks.get(item.id, {})) for item in ITEMS]


def _line(item: Item, extract: _Extract, tick: dict[str, str]) -> Line:
    told = item.computed(extract) if item.computed else Evidence(State.OPEN, "")
    state = told.state
    # What a person says does not overrule what the data shows.
    if tick.get("done", "").lower() in _DONE and state is State.OPEN:
        state = State.DONE
    evidence = " ".join(filter(None, (told.told, tick.get("note", ""))))
    return Line(item, state, evidence, tick.get("owner", ""), tick.get("date", ""))


def _ticks(path: Path) -> dict[str, dict[str, str]]:
    """What the owners say, by item."""
    if not path.exists():
        return {}
    try:
        rows = list(csv.DictReader(own_file(path).read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableInputError(
            f"{path.name} is no CSV in UTF-8: save it as such, with the columns {', '.join(_TICKS)}."
        ) from error
    known = {item.id for item in ITEMS}
    ticks = {}
    for line, row in enumerate(rows, 2):
        tick = {name: (row.get(name) or "").strip() for name in _TICKS}
        if tick["item"] not in known:
            raise UnusableInputError(
                f"{path.name} line {line}: {tick['item']!r} is no item: take the items from going_live.csv among the reports."
            )
        if tick["done"].lower() not in _DONE | _NOT_DONE:
            raise UnusableInputError(f"{path.name} line {line}: done is {tick['done']!r}: write yes or no.")
        try:
            if tick["date"]:
                datetime.date.fromisoformat(tick["date"])
        except ValueError as error:
            raise UnusableInputError(
                f"{path.name} line {line}: {tick['date']!r} is no day: write it as 2026-12-31."
            ) from error
        ticks[tick["item"]] = tick
    return ticks


def table(listed: list[Line]) -> pd.DataFrame:
    """The list as going_live.csv has it: ``COLUMNS``."""
    return pd.DataFrame(
        [
            (each.item.section, each.item.id, each.item.words, each.state.value, each.evidence, each.owner, each.date)
            for each in listed
        ],
        columns=list(COLUMNS),
    )


def render(extract: str, listed: list[Line]) -> str:
    """The list as a page."""
    sections: dict[str, list[Line]] = {}
    for each in listed:
        sections.setdefault(each.item.section, []).append(each)
    done = sum(each.state is State.DONE for each in listed)
    return page.render(
        "going_live.html", extract=extract, sections=sections, done=done, failed=[each for each in listed if each.state is State.FAILED],
        all=len(listed),
    )  # fmt: skip
