"""What a load would call, and why: the prepared objects beside the site as it stands, decided in DuckDB."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import pandas as pd
from pydantic import BaseModel, ConfigDict

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine.relations import Relation, make
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline.settings import Existing
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.target.core_api import relations
from pelcro_pipeline.target.core_api.journal import STANDING, Entry
from pelcro_pipeline.target.core_api.mapping import Kind

#: What is done with an object; the first two are calls.
ACTIONS = ("create", "update", "unchanged", "held", "invalid", "conflict", "blocked")
CALLS = ("create", "update")
#: The plan of a production site that is reviewed is made from what is staged; both it and the one that was signed are kept by a name.
REVIEW, SIGNED = "review", "signed"
#: Rows that are written together: each has a body, and 120,000 of them are more than a small memory takes.
_ROWS = 20_480


class Summary(BaseModel):
    """What a plan holds, without anybody's data."""

    model_config = ConfigDict(frozen=True)

    site: str
    #: The SHA-256 of the database that it was made from.
    basis: str
    #: When the site was read, by its own clock.
    at: datetime.datetime
    #: Of every object and action; what production signs.
    digest: str
    #: By kind and action, how many.
    counts: dict[str, dict[str, int]]
    #: By kind, how many rows of the site are none of ours.
    foreign: dict[str, int]
    #: By rule, how many objects the publisher is asked about.
    questions: dict[str, int]

    @property
    def calls(self) -> int:
        """How many calls with an effect the load makes."""
        return sum(each.get(action, 0) for each in self.counts.values() for action in CALLS)

    @property
    def table(self) -> pd.DataFrame:
        """The same as a table: a row for each kind, a column for each action, and the rows of others."""
        rows = [
            [kind, *(counts.get(action, 0) for action in ACTIONS), self.foreign[kind]]
            for kind, counts in self.counts.items()
        ]
        return pd.DataFrame(rows, columns=["object", *ACTIONS, "of others"])


def create(
    connection: duckdb.DuckDBPyConnection,
    kinds: Mapping[str, Kind],
    rows: Mapping[str, str],
    entries: Iterable[Entry],
    existing: Existing,
) -> None:
    """The relation ``plan``: what is done with each object, in the order in which it is done. Needs ``relations.create_wanted``.

    ``rows`` are SQL of ``row`` by kind, the site as it stands; ``entries`` are all that the journal knows. Beside it ``all_obstacle``
    (what the API would refuse) and ``difference`` (what the site has otherwise).
    """
    relations.create_found(connection, kinds, rows)
    relations.create_located(connection, kinds)
    relations.create_difference(connection, kinds)
    relations.create_journaled(connection, entries)
    questions = [rule.id for rule in RULES.values() if Severity.QUESTION in rule.severities]
    update_all = existing is Existing.UPDATE
    make(
        connection,
        [
            Relation(
                "ours",
                "What the journal knows to stand on the site.",
                ("journaled",),
                f"SELECT * FROM journaled WHERE id IS NOT NULL AND state IN ({', '.join(literal(each.name.lower()) for each in STANDING)})",
            ),
            relations.FILES["obstacle"],
            Relation("bound", "What a field takes at most.", (), _bounds(kinds), stored=True),
            Relation(
                "all_obstacle",
                "What the site would refuse of an object.",
                ("obstacle", "bound"),
                f"""SELECT *, list_contains([{", ".join(map(literal, questions))}], rule) AS is_question
                FROM (FROM obstacle UNION ALL BY NAME FROM bound)""",
                stored=True,
            ),
            Relation(
                "presence",
                "How often the site has each mark, what has ended aside, and the first of their ids.",
                tuple(f"found_{name}" for name in kinds),
                "\nUNION ALL\n".join(
                    f"""SELECT mark, min(id) AS id, count(*) AS rows, list(id ORDER BY id) AS ids FROM found_{name}
                    WHERE mark IS NOT NULL{" AND NOT has_ended" if kind.ended else ""} GROUP BY mark"""
                    for name, kind in kinds.items()
                ),
                stored=True,
            ),
            Relation(
                "taken",
                "Objects whose email or id another row of the site holds: the attribute, and that row's id.",
                tuple(f"found_{name}" for name in kinds),
                _taken(kinds),
                stored=True,
            ),
            relations.FILES["ended"],
            relations.FILES["source_to_come"],
            relations.FILES["open_difference"],
            Relation(
                "kind_of_object",
                "Whether a row may be changed by its mark alone.",
                (),
                "FROM (VALUES "
                + ", ".join(f"({literal(name)}, {kind.carries_mark or update_all})" for name, kind in kinds.items())
                + ") AS kinds(kind, carries_mark)",
            ),
            relations.FILES["planned_alone"],
            relations.FILES["blocked"],
            relations.FILES["plan"],
            relations.FILES["met_obstacle"],
            relations.FILES["told_difference"],
        ],
    )


def _bounds(kinds: Mapping[str, Kind]) -> str:
    """SQL of the values that are longer than their field takes."""
    return "\nUNION ALL\n".join(
        _too_long(kind) for kind in kinds.values() if any(each.most is not None for each in kind.fields)
    )


def _too_long(kind: Kind) -> str:
    bounded = [(each.attribute, quoted(each.attribute), each.most) for each in kind.fields if each.most is not None]
    # Of an address the type is a part of the attribute's name.
    listed = ", ".join(
        f"{{attribute: {_told(attribute)}, value: {value}, most: {most}}}" for attribute, value, most in bounded
    )
    return f"""SELECT {literal(kind.name)} AS kind, mark({literal(kind.name)}, identity) AS mark, 'API-LENGTH' AS rule, each.attribute, each.value, true AS stops
        FROM (
            SELECT identity, unnest([{listed}]) AS each FROM {kind.name}_row
            WHERE {" OR ".join(f"length({value}) > {most}" for _, value, most in bounded)}
        )
        WHERE length(each.value) > each.most"""


def _told(attribute: str) -> str:
    """SQL of the template's name for an attribute of an object's rows."""
    if attribute.startswith("address."):
        return f"'address.' || type || {literal('_' + attribute.removeprefix('address.'))}"
    return literal(attribute)


def _taken(kinds: Mapping[str, Kind]) -> str:
    """SQL of the objects of which a unique field is held by a row that has not their mark."""
    selects = [
        "SELECT NULL::VARCHAR AS mark, NULL::VARCHAR AS attribute, NULL::VARCHAR AS value, NULL::BIGINT AS id WHERE false"
    ]
    for name, kind in kinds.items():
        for each in kind.fields:
            if each.name not in kind.unique:
                continue
            held, own = f"found.{quoted(f'{each.name} held')}", f"body ->> '$.{each.name}'"
            # Two emails that differ in case may be one.
            both = (f"lower({held})", f"lower({own})") if each.name == "email" else (held, own)
            selects.append(
                f"""SELECT wanted.mark, {literal(each.attribute)}, {own}, found.id
                FROM wanted_{name} AS wanted JOIN found_{name} AS found ON {both[0]} = {both[1]}
                WHERE found.mark IS DISTINCT FROM wanted.mark"""
            )
    return "\nUNION ALL\n".join(selects)


def summary(
    connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind], site: str, basis: str, at: datetime.datetime
) -> Summary:
    """What the plan holds, counted."""
    counts: dict[str, dict[str, int]] = {name: {} for name in kinds}
    for kind, action, number in connection.execute(
        "SELECT kind, action, count(*) FROM plan GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        counts[kind][action] = number
    foreign = relations.counted(connection, kinds, "FROM found_{kind} ANTI JOIN wanted_{kind} USING (mark)")
    questions = connection.execute(
        """SELECT rule, count(DISTINCT mark) FROM (
            SELECT rule, mark FROM met_obstacle WHERE is_question
            UNION ALL SELECT rule, mark FROM plan WHERE action = 'conflict'
        ) GROUP BY rule ORDER BY rule"""
    ).fetchall()
    return Summary(
        site=site,
        basis=basis,
        at=at,
        digest=_digest(connection, "plan", site),
        counts=counts,
        foreign=foreign,
        questions=dict(questions),
    )


def digest(path: Path, site: str) -> str:
    """What a signature of a kept plan covers: each object of the site, and what is done with it."""
    with duck.connect() as connection:
        return _digest(connection, f"read_parquet({literal(str(path))})", site)


def _digest(connection: duckdb.DuckDBPyConnection, plan: str, site: str) -> str:
    found = hashlib.sha256(site.encode())
    # The card map comes after the sign-off: what it adds is told in money, and signed by nobody.
    cursor = connection.execute(f"SELECT signed FROM {plan} WHERE kind <> 'source' ORDER BY mark, kind")
    while rows := cursor.fetchmany(10_000):
        found.update("".join(each for (each,) in rows).encode())
    return found.hexdigest()


def unsigned(load: Path, signed: Path) -> list[str]:
    """The calls of a plan that the signed one does not hold: what each does, with which object."""
    with duck.connect() as connection:
        found = connection.execute(
            f"""SELECT action || ' ' || kind || ' ' || key FROM read_parquet({literal(str(load))}) AS plan
            ANTI JOIN read_parquet({literal(str(signed))}) AS signed USING (mark, signed)
            WHERE action IN ('create', 'update') AND kind <> 'source' ORDER BY place"""
        ).fetchall()
    return [each for (each,) in found]


def doubled(path: Path) -> list[str]:
    """The objects of a plan that the site has more than once by their mark: what each is, and the ids of its rows. An old id is no mark,
    and may be others' too."""
    with duck.connect() as connection:
        found = connection.execute(
            f"""SELECT 'one ' || kind || ' as ' || array_to_string(ids, ' and ') FROM read_parquet({literal(str(path))})
            WHERE rule = 'API-DOUBLE' AND kind NOT IN ('product', 'plan') ORDER BY place"""
        ).fetchall()
    return [each for (each,) in found]


def kept(path: Path) -> Summary | None:
    """The summary of a plan that was kept, if there is one."""
    return Summary.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def write(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Keep the plan, as the load walks it."""
    connection.execute(
        f"COPY (FROM plan ORDER BY place) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROWS})"
    )


def write_csv(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the plan as people read it: each object, what is done and why, and for an update each value before and after."""
    connection.execute(
        f"""COPY (
            SELECT
                plan.kind AS object, escape_formula(key) AS key, action, rule,
                CASE WHEN action = 'blocked' THEN escape_formula(blocked_by) END AS blocked_by,
                attribute, escape_formula(coalesce(before, array_to_string(ids, ' and '))) AS before, escape_formula(after) AS after
            FROM plan
            LEFT JOIN told_difference AS changed ON changed.mark = plan.mark AND (action = 'update' OR rule = 'API-CHANGED')
            ORDER BY place, attribute
        ) TO {literal(str(path))} (HEADER)"""
    )
