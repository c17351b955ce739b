"""Conservation in money, copies and shipments: for each plan and currency what was received is what became of it, to the cent."""

from __future__ import annotations

import duckdb

from pelcro_pipeline.migration_day.relations import create

_ORDER = ("valued_subscription", "conserved")
#: How many sums are named of those that do not add up.
_NAMED = 5


def create_conserved(connection: duckdb.DuckDBPyConnection, currency: str | None) -> None:
    """The temporary table ``conserved``: for each plan, currency and measure (subscriptions, money in the currency's smallest unit,
    copies, shipments of all copies) what was received, prepared, merged, rejected and excluded.

    ``currency`` is that of plans which give none. Needs ``rules.results.attach`` and ``prepared.tables.create_typed_views``.
    """
    connection.execute("SET VARIABLE currency = ?", [currency])
    create(connection, _ORDER)


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
