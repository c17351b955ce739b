"""Conservation in money, copies and shipments: for each plan and currency what was received is what became of it, to the cent."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.migration_day.relations import create, frame
from pelcro_pipeline.rules.ledger import DISPOSITIONS
from pelcro_pipeline.spec.sql import escaped, literal

_ORDER = ("valued_subscription", "conserved")
_COLUMNS = ("plan", "currency", "measure", "received", *DISPOSITIONS)
#: How many sums are named of those that do not add up.
_NAMED = 5


def create_conserved(connection: duckdb.DuckDBPyConnection, currency: str | None) -> None:
    """The temporary table ``conserved``: for each plan, currency and measure (subscriptions, money in the currency's smallest unit,
    copies, shipments of all copies) what was received, prepared, merged, rejected and excluded.

    ``currency`` is that of plans which give none. Needs ``rules.results.attach`` and ``prepared.tables.create_typed_views``.
    """
    connection.execute("SET VARIABLE currency = ?", [currency])
    create(connection, _ORDER)


def totals(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """What was received and what became of it, for each currency and measure: currency, measure, received, prepared, merged, rejected,
    excluded. Needs ``create_conserved``."""
    parts = ", ".join(f"sum({each}) AS {each}" for each in ("received", *DISPOSITIONS))
    return frame(
        connection,
        f"SELECT currency, measure, {parts} FROM conserved GROUP BY currency, measure ORDER BY measure, currency",
    )


def write(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the sums of each plan as conservation.csv. Needs ``create_conserved``."""
    connection.execute(
        f"""COPY (SELECT {escaped(_COLUMNS, ("plan",))} FROM conserved ORDER BY plan, currency, measure)
        TO {literal(str(path))} (FORMAT csv, HEADER)"""
    )


def broken(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The sums that do not add up, one sentence each, of the first few; nothing where all do. Needs ``create_conserved``."""
    return [
        f"{measure} of plan {plan or 'unknown'} in {currency or 'no known currency'}: {received} received, "
        f"{prepared} prepared + {merged} merged + {rejected} rejected + {excluded} excluded"
        for plan, currency, measure, received, prepared, merged, rejected, excluded in connection.execute(
            f"""FROM conserved WHERE received <> prepared + merged + rejected + excluded
            ORDER BY plan, currency, measure LIMIT {_NAMED}"""
        ).fetchall()
    ]
