"""Migration day as relations over the tables that are loaded: what becomes of each subscription, and what is billed when.

The relations stand in ``migration_day/sql``. They read ``subscriptions``, ``plans`` and ``customers`` by the names and types of a
target, whether these are a target's own or views of what is prepared.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
from pydantic import BaseModel, ConfigDict

from pelcro_pipeline.engine.relations import from_folder, make
from pelcro_pipeline.migration_day.card_map import CardMap
from pelcro_pipeline.settings import Settings, UnpaidReading
from pelcro_pipeline.spec.sql import literal

FILES = from_folder(Path(__file__).parent / "sql")
#: What the state of a subscription is told from, and the invoice of an unpaid one.
STATES = ("mapped_twice", "default_source", "migrating_subscription", "payable_until", "subscription_state", "invoice")
#: What a source is, beside the customer whose it is: none where no card map came.
_CARD = {
    "customer": "VARCHAR",
    "gateway_customer_id": "VARCHAR",
    "source_id": "VARCHAR",
    "old_source_id": "VARCHAR",
    "kind": "VARCHAR",
    "fingerprint": "VARCHAR",
    "brand": "VARCHAR",
    "last4": "VARCHAR",
    "exp_month": "TINYINT",
    "exp_year": "SMALLINT",
    "expires": "DATE",
    "is_default": "BOOLEAN",
    "place": "BIGINT",
}
#: Months and years clamp to the month's last day, counted from the date itself.
_LATER = """CREATE OR REPLACE TEMP MACRO later(start, is_in_days, count) AS
    least(if(is_in_days, start + count::INTEGER, (start + to_months(count::INTEGER))::DATE), DATE '9999-12-31')"""


class Terms(BaseModel):
    """What decides a migration day beside the subscriptions themselves."""

    model_config = ConfigDict(frozen=True)

    day: datetime.date
    reading: UnpaidReading = UnpaidReading.DUE_IN_ONE_DAY
    write_off_days: int | None = None
    #: The processor's sources, as ``migration_day.card_map`` writes them; None where no map has come.
    cards: Path | None = None
    #: The SHA-256 of the map that they came in.
    card_map: str | None = None

    def moved(self, before: Path, after: Path) -> Terms:
        """The same, where what stands in the folder ``before`` will stand in ``after``."""
        return self.model_copy(update={"cards": self.cards and after / self.cards.relative_to(before)})

    @classmethod
    def of(cls, settings: Settings, day: datetime.date | None = None, cards: CardMap | None = None) -> Terms:
        """The terms that an extract's settings give, by default for its own day."""
        return cls(
            day=day or settings.today,
            reading=settings.unpaid_reading,
            write_off_days=settings.write_off_days,
            cards=cards and cards.path,
            card_map=cards and cards.digest,
        )


def define(connection: duckdb.DuckDBPyConnection, terms: Terms, days: Iterable[datetime.date] = ()) -> None:
    """The temporary tables ``day``, ``terms`` and ``card``, and the macro ``later``: what the relations read beside what is loaded.

    ``days`` stand instead of the day of the terms, where several are to be told at once.
    """
    connection.execute(_LATER)
    _values(connection, "day", "day DATE", [[each] for each in days or (terms.day,)])
    _values(
        connection,
        "terms",
        "reading VARCHAR, is_chosen BOOLEAN, write_off_days INTEGER",
        [[each.value, each is terms.reading, terms.write_off_days] for each in UnpaidReading],
    )
    columns = ", ".join(f"{name} {type_}" for name, type_ in _CARD.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE card ({columns})")
    if terms.cards is not None:
        connection.execute(f"INSERT INTO card BY NAME FROM read_parquet({literal(str(terms.cards))})")


def create(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
    """Make the relations of these names, in this order. Needs ``define``."""
    make(connection, (FILES[name] for name in names))


def frame(connection: duckdb.DuckDBPyConnection, query: str) -> pd.DataFrame:
    """A small table whose money is whole numbers: a DECIMAL would come as a float."""
    fetched = connection.execute(query)
    names = [name for name, *_ in fetched.description]
    return pd.DataFrame([map(whole, row) for row in fetched.fetchall()], columns=names, dtype=object)


def whole(cell: object) -> object:
    """A cell; money as a whole number."""
    return int(cell) if isinstance(cell, Decimal) else cell


def _values(connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: list[list[object]]) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")
    connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
