"""Two extracts of a publisher compared by what they have prepared: what is new, changed and vanished, in money too, and what
of it needs a person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.delivery.manifest import Manifest, is_current
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine.relations import Relation, from_folder, make
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.prepared.files import NAMES, PreparedFiles
from pelcro_pipeline.reporting import page
from pelcro_pipeline.review import sign_off
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    ATTRIBUTES,
    CUSTOMER_ID,
    CUSTOMERS,
    HIDDEN,
    SECRETS,
    SUBSCRIPTIONS,
    TABLES,
    Table,
)
from pelcro_pipeline.spec.codes import price
from pelcro_pipeline.spec.kinds import DATE
from pelcro_pipeline.spec.sql import escaped, literal, quoted
from pelcro_pipeline.target.rows import records
from pelcro_pipeline.workspace import atomic, places
from pelcro_pipeline.workspace.places import ExtractPaths

#: The report's columns, and what each holds.
COLUMNS = {
    "object": "What it is: a customer, an address, a product, a plan or a subscription.",
    "key": "Its id; of an address its customer's, of a subscription without one its customer, plan and position.",
    "change": "new, vanished or changed.",
    "attribute": "The attribute that has changed; empty where the whole object is new or has vanished.",
    "before": "What the older extract has prepared of it; a password is ***.",
    "after": "What the newer extract has prepared of it.",
    "needs_a_person": "Why a person has to look at it, if one has.",
}
#: Those that hold delivered text.
_DELIVERED = ("key", "attribute", "before", "after", "needs_a_person")
_SIDES = ("before", "after")
_PLAN_ID = "subscription.common_metadata.temporary_plan_id"
#: What sorts a customer's subscriptions to one plan: what a renewal leaves as it is comes first.
_POSITION = (
    "subscription.start_date",
    "subscription.common_metadata.order_number",
    "subscription.current_period_end",
)
_FILES = from_folder(Path(__file__).parent / "sql")
#: What is made, in its order.
ORDER = (
    *(f"{side}_{table.object}" for side in _SIDES for table in TABLES),
    *(f"{side}_object" for side in _SIDES),
    "object_rank",
    "same_id",
    "unpaired",
    "same_content",
    "same_position",
    "compared",
    "difference",
    "changed_cell",
    "not_prepared_there",
    "attention",
    "comparison_report",
    "comparison_summary",
    "comparison_attributes",
    "comparison_attention",
    "comparison_money",
)
#: What stands before any is made: the records of the prepared files, and the ledgers.
GIVEN = (
    *(f"{side}_csv_{name}" for side in _SIDES for name in NAMES),
    *(f"{side}_csv_first_{table.object}" for side in _SIDES for table in (CUSTOMERS, *ADDRESSES)),
    *(f"{side}_ledger" for side in _SIDES),
)


@dataclass(frozen=True)
class Comparison:
    """What differs between two extracts of a publisher."""

    before: str
    after: str
    #: One row for each object that is new or has vanished, and for each cell that has changed: ``COLUMNS``.
    report: Path
    rows: int
    #: object, before, after, equal, new, changed, vanished: how many of each object.
    summary: pd.DataFrame
    #: object, attribute, changed: how many objects have changed in it.
    attributes: pd.DataFrame
    #: currency, what, before, after, cost_before, cost_after, difference: how many subscriptions, and what their plans cost in
    #: the currency's smallest unit, for one interval each. What is new, vanished, repriced (its plan has another price) or
    #: else changed is counted once; ``all`` holds the equal ones too.
    money: pd.DataFrame
    #: kind, object, objects: how many objects need a person.
    attention: pd.DataFrame

    @property
    def is_equal(self) -> bool:
        """Whether both have prepared the same."""
        return bool((self.summary["equal"] == self.summary[["before", "after"]].max(axis="columns")).all())


def compare(older: ExtractPaths, newer: ExtractPaths) -> Comparison:
    """Compare what two extracts have prepared, and write what differs among the reports of the newer one.

    Neither the order nor the layout of a delivery tells them apart, nor how their files write dates. Raises RefusedError
    where an extract has not been run dry as it stands, or its prepared files are not as they were prepared.
    """
    with duck.connect() as connection:
        sides = dict(zip(_SIDES, (_prepared(older), _prepared(newer)), strict=True))
        for (side, files), paths in zip(sides.items(), (older, newer), strict=True):
            files.verify(connection)
            files.read(connection, f"{side}_csv_")
            connection.read_parquet(str(paths.analysis / "ledger.parquet")).create_view(f"{side}_ledger")
        known = relations(sides)
        make(connection, (known[name] for name in ORDER))
        return Comparison(
            older.extract,
            newer.extract,
            report := newer.compared_with(older.extract),
            _written(connection, report),
            *(_frame(connection, f"comparison_{name}") for name in ("summary", "attributes", "money", "attention")),
        )


def basis_of(paths: ExtractPaths) -> ExtractPaths | None:
    """What an extract is compared with: of the publisher's older ones that have been run dry the newest that is signed, or
    else the newest; None where there is none."""
    older = [
        ExtractPaths(paths.home, name)
        for name in places.older_of_same_publisher(places.extracts(paths.home), paths.extract)
    ]
    run_dry = [each for each in older if not _missing(each)]
    return next((each for each in run_dry if sign_off.stands(each)), next(iter(run_dry), None))


def priced(money: pd.DataFrame) -> pd.DataFrame:
    """The money of a comparison as people write it, in the currency itself."""
    return page.priced(money, ("cost_before", "cost_after", "difference"), price)


def _missing(paths: ExtractPaths) -> list[Path]:
    """What a dry run makes, and is compared, and is not there."""
    made = [*(paths.prepared / f"{name}.csv" for name in NAMES), paths.analysis / "ledger.parquet", paths.manifest]
    return [each for each in made if not each.is_file()]


def _prepared(paths: ExtractPaths) -> PreparedFiles:
    """The prepared files of an extract. Raises RefusedError where it has not been run dry as it stands."""
    run_dry = f"run `pelcro-pipeline dry-run {paths.extract}`"
    if missing := _missing(paths):
        raise RefusedError(f"{paths.extract} has made no {missing[0].name} yet: {run_dry} first.")
    if not is_current(paths.manifest, paths.delivered):
        raise RefusedError(f"{paths.extract} has changed since it was read: {run_dry} again.")
    return PreparedFiles(paths.prepared, Manifest.load(paths.manifest).settings, paths.checksums)


def _written(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Write the report; returns its rows."""
    with atomic.file(path) as unfinished:
        ((rows,),) = connection.execute(
            f"""COPY (
                SELECT {escaped(COLUMNS, _DELIVERED)} FROM comparison_report JOIN object_rank USING (object)
                ORDER BY rank, change, comparison_report.key, comparison_report.attribute, before, after
            ) TO {literal(str(unfinished))} (FORMAT csv, HEADER)"""
        ).fetchall()
    return rows


def _frame(connection: duckdb.DuckDBPyConnection, relation: str) -> pd.DataFrame:
    """A small relation; sums of money stay whole numbers, which a frame of DuckDB's would make floats of."""
    found = connection.execute(f"FROM {relation}")
    return pd.DataFrame(found.fetchall(), columns=[name for name, *_ in found.description])


def relations(sides: dict[str, PreparedFiles]) -> dict[str, Relation]:
    """All that is made, by name: those of the files, and those whose columns come from the spec and from the metadata that
    either extract carries."""
    metadata = [files.metadata() for files in sides.values()]
    columns = {
        table: list(
            dict.fromkeys(
                [
                    *_linked(table),
                    *(attribute.name for attribute in table.attributes),
                    *(name for carried in metadata for name in carried[table.object]),
                ]
            )
        )
        for table in TABLES
    }
    titles = ", ".join(
        f"({literal(table.object)}, {literal(table.title)}, {rank})" for rank, table in enumerate(TABLES)
    )
    rendered = [
        *(_cells(side, files, table, columns[table]) for side, files in sides.items() for table in TABLES),
        *(_objects(side, columns) for side in sides),
        _changed_cells(columns),
        Relation(
            "object_rank",
            "The guide's order of objects, and how it calls them.",
            (),
            f"FROM (VALUES {titles}) AS objects(object, title, rank)",
        ),
    ]
    return _FILES | {relation.name: relation for relation in rendered}


def _linked(table: Table) -> list[str]:
    """The columns beside a table's own that say whose an object is, and which addresses it has."""
    ids = {object_: attribute.name for object_, attribute in ADDRESS_IDS.items()}
    if table is SUBSCRIPTIONS:
        return [CUSTOMER_ID, *ids.values()]
    return [CUSTOMER_ID, ids[table.object]] if table in ADDRESSES else []


def _id(table: Table) -> str:
    """The column that tells an object from all others, or an address from the others of its customer and type."""
    return ADDRESS_IDS[table.object].name if table in ADDRESSES else table.key


def _cells(side: str, files: PreparedFiles, table: Table, columns: list[str]) -> Relation:
    read = f"{side}_csv_"
    carried = {name for file in NAMES for name in files.columns(file)}
    dates = literal(files.settings.template_date_format.strptime)

    def cell(name: str) -> str:
        if name not in carried:
            return "NULL::VARCHAR"
        if name in ATTRIBUTES and ATTRIBUTES[name].kind is DATE:
            return f"strptime({quoted(name)}, {dates})::DATE::VARCHAR"
        return quoted(name)

    listed = ", ".join(f"{cell(name)} AS {quoted(name)}" for name in columns)
    file = table.name if f"{read}{table.name}" in GIVEN else "customers"
    first = [f"{read}first_{table.object}"] if table in (CUSTOMERS, *ADDRESSES) else []
    return Relation(
        f"{side}_{table.object}",
        f"The {table.title.lower()} that the extract has prepared, by their place in the file, dates as ISO.",
        (f"{read}{file}", *first),
        f"SELECT rowid AS place, {listed} FROM {records(table, read)}",
    )


def _objects(side: str, columns: dict[Table, list[str]]) -> Relation:
    """What pairs objects, of all of them: ``id`` tells one from all others of its ``scope``; ``customer`` and ``plan`` say
    among which it is looked for where an id lacks, and ``position`` in which order; ``content`` is a hash of all else."""

    def of(table: Table) -> str:
        is_address, is_subscription = table in ADDRESSES, table is SUBSCRIPTIONS
        own = quoted(_id(table))
        position = ", ".join(map(quoted, _POSITION))
        content = ", ".join(quoted(name) for name in columns[table] if name != _id(table))
        return f"""SELECT {literal(table.object)} AS object, place,
            {quoted(CUSTOMER_ID) if is_address else "''"} AS scope,
            {f"coalesce({own}, '')" if is_address else own} AS id,
            {quoted(CUSTOMER_ID) if table in (CUSTOMERS, SUBSCRIPTIONS, *ADDRESSES) else "''"} AS customer,
            {quoted(_PLAN_ID) if is_subscription else "''"} AS plan,
            {f"concat_ws(' ', {position})" if is_subscription else "''"} AS position,
            hash({content}) AS content
        FROM {side}_{table.object}"""

    return Relation(
        f"{side}_object",
        "Every object that the extract has prepared, by what it is known again by.",
        tuple(f"{side}_{table.object}" for table in TABLES),
        "\nUNION ALL\n".join(map(of, TABLES)),
        stored=True,
    )


def _changed_cells(columns: dict[Table, list[str]]) -> Relation:
    """Both sides in one order and laid side by side: a join whose wide side does not fit in memory fails in DuckDB 2.0
    ("global dictionary column changed identity": its dictionaries differ from part to part)."""

    def of(table: Table) -> str:
        cells = ", ".join(
            f"{{attribute: {literal(name)}, before: old.{quoted(name)}, after: new.{quoted(name)}}}"
            for name in columns[table]
        )
        changed = f"FROM difference WHERE change = 'changed' AND object = {literal(table.object)}"
        old, new = (
            f"""(SELECT cells.*, number
                FROM {side}_{table.object} cells JOIN (SELECT number, {side}_place AS place {changed}) USING (place)
                ORDER BY number)"""
            for side in _SIDES
        )
        return f"SELECT old.number, unnest([{cells}]) AS cell FROM {old} old POSITIONAL JOIN {new} new"

    def shown(side: str) -> str:
        secrets = ", ".join(map(literal, SECRETS))
        return (
            f"if(cell.attribute IN ({secrets}) AND cell.{side} IS NOT NULL, {literal(HIDDEN)}, cell.{side}) AS {side}"
        )

    cells = "\nUNION ALL\n".join(map(of, TABLES))
    return Relation(
        "changed_cell",
        "The cells that have changed, no password among them.",
        ("difference", *(f"{side}_{table.object}" for table in TABLES for side in _SIDES)),
        f"""SELECT number, cell.attribute AS attribute, {shown("before")}, {shown("after")}
        FROM ({cells}) WHERE cell.before IS DISTINCT FROM cell.after""",
        stored=True,
    )
