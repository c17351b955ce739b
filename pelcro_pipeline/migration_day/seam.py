"""The seam: the next charge that the old system would make, as far as the export tells it, beside the next one that Pelcro makes.

An export tells it in columns of metadata: ``subscription.common_metadata.next_bill_date``, ``next_bill_amount`` and
``next_bill_card`` (its last four digits). Where it gives no date, the old system charges when the period ends.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import duckdb
import pandas as pd
from pyarrow import parquet

from pelcro_pipeline.migration_day.relations import create, frame
from pelcro_pipeline.settings import Amounts, Settings
from pelcro_pipeline.spec.sql import escaped, literal, quoted

_PREFIX = "subscription.common_metadata."
_DATE, _AMOUNT, _CARD = (_PREFIX + name for name in ("next_bill_date", "next_bill_amount", "next_bill_card"))
_ORDER = ("next_charge", "seam")
#: The classes of what differs, by the question that one is which nothing explains; each is accepted by name before production.
QUESTIONS = {
    "earlier": "SEAM-EARLIER",
    "later": "SEAM-LATER",
    "missing": "SEAM-MISSING",
    "double": "SEAM-DOUBLE",
    "other amount": "SEAM-AMOUNT",
    "unreadable": "SEAM-UNREADABLE",
}
COLUMNS = (
    "customer",
    "old_id",
    "plan",
    "currency",
    "legacy_date",
    "legacy_amount",
    "legacy_card",
    "pelcro_date",
    "pelcro_amount",
    "class",
    "explained_by",
)
_DELIVERED = ("customer", "old_id", "plan", "legacy_card")
#: What stays open, as a sign-off reads it.
_OPEN = "seam_open.parquet"


def create_seam(connection: duckdb.DuckDBPyConnection, settings: Settings, metadata: Collection[str]) -> None:
    """The temporary table ``seam``: ``record`` and ``COLUMNS``. ``metadata`` names the columns of metadata that the subscriptions have.

    Needs ``forecast.create_forecast`` and ``conservation.create_conserved``.
    """
    given = {name: f"trim({quoted(name)})" if name in metadata else "NULL::VARCHAR" for name in (_DATE, _AMOUNT, _CARD)}
    dates = [settings.date_format.strptime] if settings.date_format else ["%d/%m/%Y", "%m/%d/%Y"]
    formats = ", ".join(map(literal, ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", *dates)))
    # A whole number is of the unit that the plans' amounts are in; one with a fraction is of the currency.
    in_units = "true" if settings.amounts is Amounts.UNITS else f"contains({given[_AMOUNT]}, '.')"
    connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW legacy_charge AS
        SELECT record, try_strptime({given[_DATE]}, [{formats}])::DATE AS next_bill_date,
            (try_cast({given[_AMOUNT]} AS DECIMAL(38, 4)) * if({in_units}, 10 ** minor_digits("plan.currency"), 1))::DECIMAL(38, 0) AS next_bill_amount,
            {given[_CARD]} AS next_bill_card,
            (nullif({given[_DATE]}, '') IS NOT NULL AND next_bill_date IS NULL)
                OR (nullif({given[_AMOUNT]}, '') IS NOT NULL AND next_bill_amount IS NULL) AS is_unreadable
        FROM subscriptions
        JOIN plans ON "plan.old_id" = "subscription.common_metadata.temporary_plan_id" """
    )
    create(connection, _ORDER)


def keep(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Keep in ``folder`` how many charges of each class differ and nothing explains them. Needs ``create_seam``."""
    connection.execute(
        f"""COPY (SELECT class, count(*) AS subscriptions FROM seam WHERE class <> 'same' AND explained_by IS NULL GROUP BY class)
        TO {literal(str(folder / _OPEN))} (FORMAT parquet)"""
    )


def open_questions(folder: Path) -> dict[str, int]:
    """The questions of a seam kept in ``folder`` that nothing explains, with how many subscriptions each is of; none where none was."""
    path = folder / _OPEN
    if not path.is_file():
        return {}
    counts = {row["class"]: row["subscriptions"] for row in parquet.read_table(path).to_pylist()}
    return {question: counts[class_] for class_, question in QUESTIONS.items() if class_ in counts}


def summary(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """How many charges are of each class, and what explains them: class, explained_by, currency, subscriptions, difference (what
    Pelcro bills next less what the old system would have, in the currency's smallest unit). Needs ``create_seam``."""
    return frame(
        connection,
        """WITH counted AS (
            SELECT class, coalesce(explained_by, '') AS explained_by, currency, count(*) AS subscriptions,
                coalesce(sum(coalesce(pelcro_amount, 0) - coalesce(legacy_amount, 0)) FILTER (class <> 'same'), 0) AS difference
            FROM seam
            GROUP BY ALL
        )
        FROM counted ORDER BY class = 'same', class, explained_by, currency""",
    )


def write(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write what differs as seam.csv; what is the same is counted in the report alone. Needs ``create_seam``."""
    connection.execute(
        f"""COPY (SELECT {escaped(COLUMNS, _DELIVERED)} FROM seam WHERE class <> 'same' ORDER BY class, customer, old_id, plan)
        TO {literal(str(path))} (FORMAT csv, HEADER)"""
    )
