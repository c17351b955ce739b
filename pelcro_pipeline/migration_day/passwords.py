"""Who can log in after the migration: what is known of the passwords, counted.

Nothing that it gives holds a password, a hash, or, but for who needs a reset, a customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.conversion.passwords import ENOUGH
from pelcro_pipeline.engine.relations import from_folder, make
from pelcro_pipeline.spec import CUSTOMER_ID
from pelcro_pipeline.spec.sql import escaped, literal, quoted

#: What it is put together from, in the order in which it is made, over a target's customers.
ORDER = ("password", "password_scheme", "password_weakness", "password_reset", "password_count")
FILES = from_folder(Path(__file__).parent / "sql" / "passwords")
_TYPES = {
    "what": "string",
    "scheme": "string",
    "customers": "Int64",
    "with_email": "Int64",
    "share": "Float64",
    "passwords": "Int64",
    "samples": "Int64",
    "is_proven": "boolean",
}
#: passwords.csv.
COLUMNS = tuple(_TYPES)
#: What its rows say that are of a scheme, and what those begin with that count the resets.
_SCHEME, _RESET = "passwords by scheme", "needs a reset email: "


@dataclass(frozen=True)
class Passwords:
    """What is known of the passwords.

    ``schemes``: scheme, customers, with_email, share (of the customers with an email), samples, is_proven. ``counts``: what,
    scheme (None where it is of all), customers, passwords (how many different ones these have).
    """

    schemes: pd.DataFrame
    counts: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """Both as passwords.csv has them: ``COLUMNS``."""
        parts = (self.schemes.assign(what=_SCHEME), self.counts)
        return pd.concat([each.reindex(columns=list(COLUMNS)).astype(_TYPES) for each in parts], ignore_index=True)


def create(connection: duckdb.DuckDBPyConnection, samples: Mapping[str, int]) -> None:
    """Make the relations of ``ORDER``. Needs a target's ``customers``, and ``scheme_unknown`` of the judgement's results.

    ``samples`` counts the verified sample pairs of each scheme.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE proven_scheme (scheme VARCHAR, samples BIGINT, is_proven BOOLEAN)")
    for scheme, count in samples.items():
        connection.execute("INSERT INTO proven_scheme VALUES (?, ?, ?)", [scheme, count, count >= ENOUGH])
    make(connection, (FILES[name] for name in ORDER))


def counted(connection: duckdb.DuckDBPyConnection) -> Passwords:
    """What is known of the passwords. Needs ``create``."""
    return Passwords(*(connection.sql(f"FROM {name}").df() for name in ("password_scheme", "password_count")))


def write_resets(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write who needs an email to set a password, and why, as password_resets.csv has it. Needs ``create``."""
    told = [quoted(CUSTOMER_ID), quoted("customer.email")]
    connection.execute(
        f"""COPY (
            SELECT {escaped((*told, "reason"), told)}
            FROM (SELECT customer AS {told[0]}, email AS {told[1]}, reason FROM password_reset) ORDER BY {told[0]}
        ) TO {literal(str(path))} (FORMAT csv, HEADER)"""
    )


def read(path: Path) -> pd.DataFrame:
    """passwords.csv as it stands."""
    return pd.read_csv(path).astype(_TYPES)


def resets(table: pd.DataFrame) -> dict[str, int]:
    """How many customers need an email to set a password, by the reason, as passwords.csv tells it."""
    counts = table[table["what"].str.startswith(_RESET)].set_index("what")["customers"]
    return {what.removeprefix(_RESET): int(count) for what, count in counts.items()}


def sentence(table: pd.DataFrame) -> str:
    """What passwords.csv tells, in a line."""
    shown = table[(table["what"] == _SCHEME) & (table["share"].fillna(0) > 0)]
    schemes = [f"{row.scheme} {row.share:.1%}{_proof(row)}" for row in shown.itertuples()]
    reasons = [f"{count:,} {reason}" for reason, count in resets(table).items()]
    return (
        f"Of the customers with an email address: {', '.join(schemes) or 'there are none'}. "
        f"Reset emails: {', '.join(reasons) or 'none'}. Counts: passwords.csv."
    )


def _proof(row: tuple) -> str:
    if pd.isna(row.samples):
        return ""
    return f" ({'proven' if row.samples >= ENOUGH else 'not proven'}, {row.samples} samples)"
