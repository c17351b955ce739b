"""The scope sheet: the nine questions of the kick-off, answered from what is staged."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.engine.relations import from_folder, make
from pelcro_pipeline.reporting import page
from pelcro_pipeline.settings import Settings

#: The guide's questions by their numbers, and what else a publisher should know before the work is priced.
QUESTIONS = {
    1: "Number of authenticated users to be migrated.",
    2: "Number of active subscriptions to be migrated.",
    3: "How are the active subscriptions broken down?",
    4: "How many of the active subscriptions are on auto-renew?",
    5: "How many of the active subscriptions are set to be cancelled at period end?",
    6: "How many of these subscriptions are gift subscriptions?",
    7: "How many of these subscriptions are membership subscriptions?",
    8: "Does your business collect taxes?",
    9: "Are there any unpaid subscriptions that requires charging the user during the migration process?",
    10: "What else is to be known.",
}
COLUMNS = ("Question", "Breakdown", "Value", "Count", "Money")
#: Those that hold delivered text.
DELIVERED = ("Value",)
#: What it is put together from, in the order in which it is made, over the staging database.
ORDER = ("staged_subscription", "scope_measure", "scope")
FILES = from_folder(Path(__file__).parent / "sql")
TAXES = {True: "Yes", False: "No", None: "Not said; it counts as no, and is a question"}


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """The temporary tables ``staged_subscription`` and ``scope``; ``connection`` uses a staging database."""
    make(connection, (FILES[name] for name in ORDER))


def table(connection: duckdb.DuckDBPyConnection, settings: Settings) -> pd.DataFrame:
    """The scope sheet: ``COLUMNS``; money is what the plans of the subscriptions cost, for each currency. Needs ``create``."""
    rows = [
        (question, breakdown, value, count, page.moneys(stake))
        for question, breakdown, value, count, stake in connection.execute("FROM scope").fetchall()
    ]
    rows.append((8, "", TAXES[settings.taxes], None, ""))
    rows.sort(key=lambda row: row[0])
    frame = pd.DataFrame(
        [(f"{question}. {QUESTIONS[question]}", *cells) for question, *cells in rows], columns=list(COLUMNS)
    )
    return frame.astype({"Count": "Int64"})
