"""Whether a site holds what was prepared: all of it read back, and compared with the expected image cell by cell."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import duckdb
import pandas as pd
from pydantic import BaseModel, ConfigDict

from pelcro_pipeline.engine.relations import Relation, make
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.spec.target import TARGET_TABLES
from pelcro_pipeline.target.core_api import plan as planning
from pelcro_pipeline.target.core_api import relations
from pelcro_pipeline.target.core_api.journal import Entry
from pelcro_pipeline.target.core_api.mapping import Carried, Field, Kind
from pelcro_pipeline.target.core_api.site import Site, Told, read, rows_of
from pelcro_pipeline.workspace import atomic

#: What can become of an object that was prepared.
STANDINGS = ("created", "unchanged", "updated", "refused", "invalid", "blocked", "held", "conflict", "unknown")
_BEHIND = ("refused", "invalid", "blocked", "held", "conflict")
_UNSENT, _UNPLANNED = "not sent", "in no plan"
#: Differences that are told without opening the report.
_TOLD = 50
#: By what a row of each kind is named that is of no object of ours; the others have their mark alone.
_NAMED_BY = {
    "product": "product.id",
    "plan": "plan.old_id",
    "customer": "customer.old_provider_id",
    "source": "card.source_id",
    "subscription": "subscription.common_metadata.old_id",
}


class What(StrEnum):
    """What is open of an object."""

    MISSING = "missing"
    DOUBLED = "doubled"
    DIFFERING = "differing"
    #: A row with our mark of no object that was prepared.
    WITHOUT_A_RECORD = "without a record"
    #: A row that is not ours has an email or an old id of one that is.
    OF_OTHERS = "of others"
    #: A subscription whose period is paid has an invoice that we did not make.
    INVOICED = "invoiced"
    #: Nobody knows yet whether it was made.
    NOT_SETTLED = "not settled"


class Attributes(BaseModel):
    """How many attributes of a kind were compared, and how many were not."""

    model_config = ConfigDict(frozen=True)

    compared: int
    not_readable: int
    not_carried: int


class Difference(BaseModel):
    """One thing that is open, without anybody's data: ``id`` is the site's."""

    model_config = ConfigDict(frozen=True)

    object: str
    id: int | None
    attribute: str | None
    what: What


class Reconciliation(BaseModel):
    """What a site has otherwise than was prepared, counted, without anybody's data."""

    model_config = ConfigDict(frozen=True)

    site: str
    #: By kind, how many rows the site holds, of others too.
    rows: dict[str, int]
    #: By kind, how many objects of ours were found there and compared.
    objects: dict[str, int]
    attributes: dict[str, Attributes]
    counts: dict[What, int]
    #: The first of them; all of them stand in the report.
    differences: tuple[Difference, ...]
    #: By what became of them, how many prepared objects are not on the site, and are told by the plan or by a refusal.
    behind: dict[str, int]
    #: By kind, what became of the prepared objects does not add up.
    broken: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether anything is to be looked into."""
        return bool(self.counts or self.broken)

    @property
    def table(self) -> pd.DataFrame:
        """By kind, the rows of the site and the objects of ours among them."""
        rows = [[kind, count, self.objects[kind]] for kind, count in self.rows.items()]
        return pd.DataFrame(rows, columns=["object", "rows", "of ours"])

    @property
    def sentence(self) -> str:
        """What was compared and what is open."""
        attributes = self.attributes.values()
        compared = (
            f"Compared {sum(self.objects.values()):,} objects on {self.site} by {sum(each.compared for each in attributes)} attributes "
            f"({sum(each.not_readable for each in attributes)} more cannot be read, {sum(each.not_carried for each in attributes)} are "
            "not carried)"
        )
        behind = [f"Behind stay {_counts_in_words(self.behind)}."] if self.behind else []
        if not self.is_open:
            return " ".join([f"{compared}: nothing is open.", *behind])
        again = ["Plan it and load it again."] if self.broken else []
        return " ".join(
            [f"{compared}: {_counts_in_words(self.counts) or 'no difference'}.", *behind, *self.broken, *again]
        )


def _counts_in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in counts.items())


@dataclass(frozen=True)
class _ToldBack:
    """How the rows of a kind become rows of a target's table, besides the fields that they hold: SQL of more columns, and of joins."""

    columns: tuple[str, ...] = ()
    joins: str = ""


_OF_CUSTOMER = 'customer."customer.old_provider_id"'
_TOLD_BACK = {
    "product": _ToldBack(),
    "plan": _ToldBack(
        ('product."product.id" AS "plan.temporary_product_id"',),
        'LEFT JOIN found_product AS product ON product.id = found."product_id id"',
    ),
    # Which password it is no answer tells.
    "customer": _ToldBack(("if(has_password, 'set', NULL) AS \"customer.password\"",)),
    # The mark stands for the address id.
    "address": _ToldBack(
        (_OF_CUSTOMER, "address_id"),
        """JOIN address_row ON mark('address', identity) = found.mark
        LEFT JOIN found_customer AS customer ON customer.id = found."customer_id id\"""",
    ),
    "subscription": _ToldBack(
        ("record", _OF_CUSTOMER, 'plan."plan.old_id" AS "subscription.common_metadata.temporary_plan_id"'),
        """LEFT JOIN found_customer AS customer ON customer.id = found."user_id id"
        LEFT JOIN found_plan AS plan ON plan.id = found."plan_id id\"""",
    ),
    # A member has its group's plan.
    "membership": _ToldBack(
        (
            "record",
            _OF_CUSTOMER,
            "'member' AS \"subscription.type\"",
            'admin."subscription.common_metadata.membership"',
            'plan."plan.old_id" AS "subscription.common_metadata.temporary_plan_id"',
        ),
        """LEFT JOIN found_customer AS customer ON customer.id = found."customer_id id"
        LEFT JOIN found_subscription AS admin ON admin.id = found."subscription_id id"
        LEFT JOIN found_plan AS plan ON plan.id = admin."plan_id id\"""",
    ),
}


def reconcile(site: Site, told: Told = lambda line: None) -> Reconciliation:
    """Read a site back, compare it with what was prepared, report what differs, and keep what it holds of ours as a database.

    Raises RefusedError where another run works on the site, and what a look-up raises.
    """
    paths, name = site.paths, site.name
    with contextlib.ExitStack() as opened:
        opened.enter_context(site.held())
        journal = opened.enter_context(site.journal())
        with rows_of(site) as folder:
            found, at = asyncio.run(read(site, journal.entries(), folder, told))
            # As it was when the plan was made: what had begun by then had been sent as begun.
            plan = planning.kept(paths.site_plan_summary(name))
            connection, known = opened.enter_context(site.image(name, plan.at if plan else at))
            relations.create_found(connection, known, found)
        create(connection, known, journal.entries(), paths.site_plan(name))
        with atomic.file(paths.reconciliation(name)) as unfinished:
            _write_csv(connection, unfinished)
        with atomic.file(paths.site_database(name)) as unfinished:
            # DuckDB takes an empty file for no database, and none for a new one.
            unfinished.unlink()
            _write_database(connection, known, unfinished)
        return _reconciliation(connection, known, site.label)


def balance(site: Site) -> pd.DataFrame:
    """What became of the prepared objects: a row a kind, with how many were ``prepared``, how many of them there are of each of
    ``STANDINGS``, and in ``broken`` a sentence where these do not add up, else nothing."""
    now = datetime.datetime.now(datetime.UTC)
    with site.journal() as journal, site.image(site.name, now) as (connection, known):
        _create_standing(connection, journal.entries(), site.paths.site_plan(site.name))
        return _balance(connection, known)


def create(
    connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind], entries: Iterable[Entry], plan: Path
) -> None:
    """The relation ``reconciliation``: object, key, attribute, what, wanted, found and id of all that is open.

    Needs ``relations.create_wanted`` and ``relations.create_found``; ``entries`` are all that the journal knows.
    """
    _create_standing(connection, entries, plan)
    _recognise(connection, kinds)
    named = {name: quoted(_NAMED_BY[name]) if name in _NAMED_BY else "mark" for name in kinds}
    make(
        connection,
        [
            Relation(
                "located",
                "Each row of the site, its mark, and what it is called there.",
                tuple(f"found_{name}" for name in kinds),
                "\nUNION ALL\n".join(
                    f"SELECT {literal(name)} AS kind, id, mark, {named[name]} AS name FROM found_{name}"
                    for name in kinds
                ),
                stored=True,
            ),
            # What is referred to is told by its mark where it is ours, gone or not, else by its id.
            *(
                Relation(
                    f"located_{name}",
                    f"Where each {name} of ours stands, or stood.",
                    (f"found_{name}", f"wanted_{name}", "journaled"),
                    f"""SELECT id, mark FROM found_{name} SEMI JOIN wanted_{name} USING (mark)
                    UNION SELECT id, mark FROM journaled WHERE kind = {literal(name)} AND state = 'done'""",
                )
                for name in kinds
            ),
        ],
    )
    relations.create_difference(connection, kinds, ended=True)
    files = ("stray", "foreign_holder", "foreign_invoice", "reconciliation")
    make(connection, [relations.FILES[name] for name in files])


def _create_standing(connection: duckdb.DuckDBPyConnection, entries: Iterable[Entry], plan: Path) -> None:
    relations.create_journaled(connection, entries)
    kept = (
        f"read_parquet({literal(str(plan))})"
        if plan.is_file()
        else "(SELECT NULL AS mark, NULL AS action, NULL AS digest LIMIT 0)"
    )
    make(
        connection,
        [
            Relation(
                "kept_plan", "What the plan that is kept decided.", (), f"SELECT mark, action, digest FROM {kept}"
            ),
            relations.FILES["prepared_count"],
            relations.FILES["standing"],
        ],
    )


def _recognise(connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind]) -> None:
    """Give the rows that the journal knows their mark back, where somebody has taken it away; ``unmarked`` names them."""
    selects = []
    for name, kind in kinds.items():
        # Where the mark is an attribute, that one differs.
        is_attribute = kind.mark_in in {each.read_from for each in kind.fields}
        attribute = "NULL" if is_attribute else literal(kind.mark_in)
        selects.append(
            f"""SELECT {literal(name)} AS kind, journaled.mark, {attribute}::VARCHAR AS attribute, found.mark AS found, found.id
            FROM found_{name} AS found JOIN journaled ON journaled.kind = {literal(name)} AND journaled.id = found.id
            WHERE state = 'done' AND found.mark IS DISTINCT FROM journaled.mark"""
        )
    make(
        connection,
        [
            Relation(
                "unmarked",
                "The rows of ours that have lost their mark.",
                ("journaled",),
                "\nUNION ALL\n".join(selects),
                stored=True,
            )
        ],
    )
    for name in kinds:
        connection.execute(
            f"""UPDATE found_{name} SET mark = unmarked.mark FROM unmarked
            WHERE unmarked.kind = {literal(name)} AND unmarked.id = found_{name}.id"""
        )


def _balance(connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind]) -> pd.DataFrame:
    prepared = dict(connection.execute("SELECT kind, prepared FROM prepared_count").fetchall())
    counts: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    for kind, standing, number in connection.execute(
        f"""SELECT kind, coalesce(standing, if(is_planned, {literal(_UNSENT)}, {literal(_UNPLANNED)})), count(*)
        FROM standing GROUP BY ALL"""
    ).fetchall():
        counts[kind][standing] = number
    return pd.DataFrame(
        [
            {"object": name, "prepared": prepared[name]}
            | {each: counts[name][each] for each in STANDINGS}
            | {"broken": _broken(kind, prepared[name], counts[name])}
            for name, kind in kinds.items()
        ]
    )


def _broken(kind: Kind, prepared: int, counts: Counter[str]) -> str:
    accounted = sum(counts[each] for each in STANDINGS)
    if accounted == prepared:
        return ""
    left = ", ".join(f"{counts[each]:,} {each}" for each in (_UNSENT, _UNPLANNED) if counts[each])
    return f"Of {prepared:,} {kind.path.strip('/')} that were prepared {accounted:,} are accounted for{f' ({left})' if left else ''}."


def _reconciliation(connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind], site: str) -> Reconciliation:
    counts = connection.execute("SELECT what, count(*) FROM reconciliation GROUP BY what ORDER BY what").fetchall()
    first = connection.execute(
        f"SELECT object, id, attribute, what FROM reconciliation ORDER BY what, object, id, attribute LIMIT {_TOLD}"
    ).fetchall()
    balanced = _balance(connection, kinds)
    return Reconciliation(
        site=site,
        rows=relations.counted(connection, kinds, "FROM found_{kind}"),
        objects=relations.counted(connection, kinds, "FROM wanted_{kind} SEMI JOIN found_{kind} USING (mark)"),
        attributes={name: _attributes(kind) for name, kind in kinds.items()},
        counts={What(what): number for what, number in counts},
        differences=tuple(
            Difference(object=object_, id=id_, attribute=attribute, what=What(what))
            for object_, id_, attribute, what in first
        ),
        behind={each: int(number) for each in _BEHIND if (number := balanced[each].sum())},
        broken=tuple(each for each in balanced["broken"] if each),
    )


def _attributes(kind: Kind) -> Attributes:
    """An attribute that two fields carry is compared where one of them is."""
    carried = [*kind.fields, *kind.references]
    compared = {each.attribute for each in carried if each.carried is Carried.COMPARED}
    return Attributes(
        compared=len(compared),
        not_readable=len({each.attribute for each in carried} - compared),
        not_carried=len(kind.not_carried),
    )


def _write_csv(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    connection.execute(
        f"""COPY (
            SELECT object, escape_formula(key) AS key, attribute, what, escape_formula(wanted) AS wanted, escape_formula(found) AS found, id
            FROM reconciliation ORDER BY what, object, key, attribute, id
        ) TO {literal(str(path))} (HEADER)"""
    )


def _write_database(connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind], path: Path) -> None:
    """Write the tables of a target as the site holds the prepared objects: what stands there twice twice, what it does not tell empty."""
    connection.execute(f"ATTACH {literal(str(path))} AS site (RECOVERY_MODE no_wal_writes)")
    for table in TARGET_TABLES:
        # The same columns, and none of the checks: what a site holds need not pass them.
        connection.execute(f"CREATE TABLE site.{table} AS FROM image.{table} LIMIT 0")
    for name, told in _TOLD_BACK.items():
        kind = kinds[name]
        read_back = ", ".join(
            [*(_told(each) for each in kind.fields if each.carried is Carried.COMPARED), *told.columns]
        )
        connection.execute(
            f"""INSERT INTO site.{kind.table} BY NAME SELECT {read_back} FROM found_{name} AS found
            JOIN wanted_{name} AS wanted ON wanted.mark = found.mark {told.joins}"""
        )
    connection.execute("CHECKPOINT site")
    connection.execute("DETACH site")


def _told(field: Field) -> str:
    name = quoted(field.attribute)
    # What was empty with us the site has filled by itself.
    value = f"if(wanted.{name} IS NULL, NULL, found.{name})" if field.filled else f"found.{name}"
    return f"{value} AS {name}"
