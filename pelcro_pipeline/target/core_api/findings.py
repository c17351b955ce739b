"""What a site refuses, or would: each with the delivered file and line, as findings.csv has what the rules find.

What was stopped before sending is told when the site is planned, and kept beside the plan; what the site itself has refused stands
in the journal. The site's own words may quote a reader: they stand in the report alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine.relations import Relation, make
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline.rules.findings import COLUMNS, DELIVERED
from pelcro_pipeline.spec.sql import escaped, literal
from pelcro_pipeline.target.core_api import relations
from pelcro_pipeline.target.core_api.journal import Journal, State
from pelcro_pipeline.target.core_api.mapping import METADATA, Kind

_REFUSED = "API-REFUSED"
_WORDING = Relation(
    "wording",
    "The catalogue's words for each rule.",
    (),
    "FROM (VALUES "
    + ", ".join(
        f"({literal(rule.id)}, {place}, {literal(rule.severities[0])}, {literal(rule.sentence)}, {literal(rule.fix)})"
        for place, rule in enumerate(RULES.values())
        if rule.id.startswith("API-")
    )
    + ") AS wordings(rule, rank, severity, sentence, fix)",
)


@dataclass(frozen=True)
class Counts:
    """How many objects were stopped before they were sent, and how many the site itself has refused."""

    stopped: int
    refused: int

    @property
    def sentence(self) -> str:
        """One line of it."""
        return f"{self.stopped:,} objects stopped before they are sent, {self.refused:,} refused by the site"


def keep(connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind], path: Path) -> None:
    """Keep what the plan of a connection stops, and what it sends otherwise than it was delivered."""
    identities = ", ".join(f"({literal(kind.name)}, {literal(kind.identity)})" for kind in kinds.values())
    make(
        connection,
        [
            Relation(
                "identity_of",
                "The attribute that names an object of each kind.",
                (),
                f"FROM (VALUES {identities}) AS identities(kind, attribute)",
            ),
            relations.FILES["stopped_finding"],
        ],
    )
    connection.execute(f"COPY (FROM stopped_finding) TO {literal(str(path))} (FORMAT parquet)")


@dataclass(frozen=True)
class Sources:
    """What findings are put together from: a plan, what was kept of it, and the ledger of what was delivered, as files."""

    plan: Path
    kept: Path
    ledger: Path


def write(sources: Sources, journal: Journal, kinds: Mapping[str, Kind], path: Path) -> Counts:
    """Write them as findings.csv has its own; returns how many objects they are of."""
    with duck.connect() as connection:
        for name, given in (("plan", sources.plan), ("stopped_finding", sources.kept)):
            connection.execute(f"CREATE TEMP VIEW {name} AS FROM read_parquet({literal(str(given))})")
        connection.execute(f"CREATE TEMP VIEW ledger AS {_ledger(sources.ledger)}")
        _create_refused(connection, journal, kinds)
        make(
            connection, (_WORDING, *(relations.FILES[name] for name in ("site_object", "delivered_at", "site_finding")))
        )
        connection.execute(
            f"""COPY (
                SELECT {escaped(COLUMNS, DELIVERED)} FROM site_finding
                ORDER BY file, line, object, rank, key, attribute, value, related, message
            ) TO {literal(str(path))} (FORMAT csv, HEADER)"""
        )
        ((stopped, refused),) = connection.execute(
            f"""SELECT count(DISTINCT mark) FILTER (stops), count(DISTINCT mark) FILTER (rule = {literal(_REFUSED)}) FROM site_object"""
        ).fetchall()
    return Counts(stopped, refused)


def _ledger(path: Path) -> str:
    """SQL of the ledger; of one that is not there any more, nothing."""
    if path.is_file():
        return f"FROM read_parquet({literal(str(path))})"
    columns = {
        "file": "VARCHAR", "line": "BIGINT", "object": "VARCHAR", "key": "VARCHAR", "disposition": "VARCHAR", "record": "BIGINT",
    }  # fmt: skip
    return f"SELECT {', '.join(f'NULL::{type_} AS {name}' for name, type_ in columns.items())} WHERE false"


def _create_refused(connection: duckdb.DuckDBPyConnection, journal: Journal, kinds: Mapping[str, Kind]) -> None:
    """The table ``refused``: mark, digest, attribute, field and reason of what the site has refused, once for each reason."""
    columns = ["mark", "digest", "attribute", "field", "reason"]
    connection.register("reason", pd.DataFrame(_refused(journal, kinds), columns=columns, dtype=object))
    listed = ", ".join(f"{name}::VARCHAR AS {name}" for name in columns)
    connection.execute(f"CREATE TEMP TABLE refused AS SELECT {listed} FROM reason")
    connection.unregister("reason")


def _refused(journal: Journal, kinds: Mapping[str, Kind]) -> Iterator[tuple[str, str | None, str, str, str]]:
    said = journal.refusals()
    for entry in journal.entries((State.REFUSED,)):
        kind = kinds[entry.kind]
        answer = said.get(entry.mark, {"status": None, "said": {}})
        # A refusal without a word is one all the same.
        for field, reasons in (answer["said"] or {"": [f"HTTP {answer['status']}"]}).items():
            for reason in reasons or [""]:
                yield entry.mark, entry.digest, attribute_of(kind, field), field, reason


def attribute_of(kind: Kind, field: str) -> str:
    """The attribute that a field of a request carries, as a site names it; that which names the object where it is none's."""
    carried = {each.name: each.attribute for each in (*kind.fields, *kind.references)}
    # The first part of a path: a site names an item of a list by its place, as in entitlements.0.
    for name in (field, METADATA + field.rpartition(".")[2], field.partition(".")[0]):
        if name in carried:
            return carried[name]
    return kind.identity
