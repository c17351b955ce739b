"""Conservation: received and ledger are reconciled, and every object received has exactly one disposition."""

from __future__ import annotations

import duckdb
import pandas as pd

from pelcro_pipeline.rules.ledger import DISPOSITIONS
from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.spec.sql import literal


def dispositions(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """For each object: received, and how many of each disposition. Blank records have no object."""
    counted = ", ".join(
        f"count(*) FILTER (disposition = '{disposition}') AS {disposition}" for disposition in DISPOSITIONS
    )
    return connection.execute(
        f"""WITH received AS ({_received()}), ledger_count AS (
            SELECT object, {counted} FROM ledger GROUP BY object
        )
        SELECT if(object = '', 'blank record', replace(object, '_', ' ')) AS object, coalesce(received, 0) AS received,
            {", ".join(f"coalesce({disposition}, 0) AS {disposition}" for disposition in DISPOSITIONS)}
        FROM received FULL JOIN ledger_count USING (object) LEFT JOIN object_rank USING (object)
        ORDER BY rank NULLS LAST"""
    ).df()


def broken(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What breaks conservation, one sentence each; nothing where it holds.

    Needs the ledger as it was written (``rules.ledger.attach``): the ledger is sorted, so rows of one object are adjacent.
    """
    sentences = [
        f"{row.object}: {row.received} received, {row.prepared + row.merged + row.rejected + row.excluded} in the ledger"
        for row in dispositions(connection).itertuples()
        if row.received != row.prepared + row.merged + row.rejected + row.excluded
    ]
    sentences += [
        f"{object_ or 'record'} at {file}:{line} has {count} dispositions"
        for file, line, object_, count in connection.execute(
            """WITH compared AS (
                SELECT file, line, object, line = lag(line) OVER () AND object_rank = lag(object_rank) OVER ()
                    AND file = lag(file) OVER () AS another
                FROM ledger
            )
            SELECT file, line, object, count(*) + 1 FROM compared WHERE another
            GROUP BY file, line, object ORDER BY file, line, object LIMIT 20"""
        ).fetchall()
    ]
    return sentences


def _received() -> str:
    """SQL of ``object, received`` for every object, and for blank records under the empty object.

    Counted where the records were read, and not from the ledger that it is held against.
    """
    counts = [
        f"SELECT {literal(table.object)} AS object, count(*) AS received FROM converted_{table.object}"
        for table in TABLES
    ]
    counts.append("SELECT '', count(*) FROM location WHERE blank")
    counts.append("SELECT object, count(*) FROM quarantined GROUP BY object")
    return f"SELECT object, sum(received)::BIGINT AS received FROM ({' UNION ALL '.join(counts)}) GROUP BY object"
