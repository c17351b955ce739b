"""What names an object to a person, in findings, ledger and questions."""

from __future__ import annotations

from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.spec.model import Table
from pelcro_pipeline.spec.sql import literal, quoted


def key(table: Table) -> str:
    """SQL of what names an object: its own key, or its customer's id."""
    own = quoted(table.key)
    return (
        own
        if table.object in ("product", "plan")
        else (f"coalesce({own}, customer)" if table.object == "subscription" else "customer")
    )


def keys_of(records: str) -> str:
    """SQL of ``record, object, key`` for every object of the records of a relation."""
    return "\nUNION ALL\n".join(
        f"SELECT record, {literal(table.object)} AS object, {key(table)} AS key FROM converted_{table.object} "
        f"SEMI JOIN {records} USING (record)"
        for table in TABLES
    )
