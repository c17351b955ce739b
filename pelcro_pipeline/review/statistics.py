"""The migration statistics: every measure counted in the delivery, the prepared files and each target."""

from __future__ import annotations

import datetime
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.prepared.files import PreparedFiles
from pelcro_pipeline.reporting import delimited
from pelcro_pipeline.rules import results
from pelcro_pipeline.rules.ledger import DISPOSITIONS
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    CUSTOMER_ID,
    CUSTOMERS,
    PLANS,
    PRODUCTS,
    SUBSCRIPTIONS,
    TABLES,
    sql,
)
from pelcro_pipeline.spec.model import Attribute, Table
from pelcro_pipeline.spec.sql import MARK, imputation_mask, literal, quoted
from pelcro_pipeline.spec.target import ADDRESS_ID, TARGET_OF, address_type
from pelcro_pipeline.target import database
from pelcro_pipeline.target.rows import filled_rows
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths

DUMP, PREPARED, STAGING, PRODUCTION = "Excel dump", "Pelcro Pre-Processed", "Dry-run (staging)", "Production"
#: The report's columns, the guide's first, and what each holds.
COLUMNS = {
    "Section": "What kind of measure it is.",
    "Attribute": "What is measured.",
    DUMP: "Distinct objects in the customer data dump that hold it: kept, rejected, excluded or cleared.",
    PREPARED: "Objects in the prepared files that hold it: kept or inferred.",
    "Accuracy": "How many of those in the dump were kept, in per cent; what was inferred is not kept.",
    "Inaccuracy": "Complement of accuracy.",
    STAGING: "Valid records migrated into staging, counted there.",
    PRODUCTION: "Valid records migrated into production, counted there.",
    "Merged": "Repeats of a record that another one holds; outside the dump's count.",
    "Rejected": "Records that stay behind for what is wrong with them.",
    "Excluded": "Records that are not to be migrated.",
    "Cleared": "Values that were delivered and are not migrated, though their object is.",
    "Inferred": "Values that are migrated and were not delivered so.",
}
COUNTS = (DUMP, PREPARED, STAGING, PRODUCTION, "Merged", "Rejected", "Excluded", "Cleared", "Inferred")
#: What a column holds, where it is no text; the two percentages are empty where nothing was delivered.
TYPES = dict.fromkeys(COUNTS, "int") | {"Accuracy": "float", "Inaccuracy": "float"}
_DISPOSITIONS = {"Merged": "merged", "Rejected": "rejected", "Excluded": "excluded"}
_PLAN_ID = "subscription.common_metadata.temporary_plan_id"


@dataclass(frozen=True)
class Segment:
    """Subscriptions whose attribute has a value."""

    name: str
    attribute: str
    value: str


SEGMENTS = (
    Segment("Auto-renewing", "subscription.cancel_at_period_end", "0"),
    Segment("Cancelled at period end", "subscription.cancel_at_period_end", "1"),
    Segment("Gift donor", "subscription.common_metadata.is_gift_donor", "1"),
    Segment("Gift recipient", "subscription.common_metadata.is_gift_recipient", "1"),
    Segment("Membership admin", "subscription.type", "admin"),
    Segment("Membership member", "subscription.type", "member"),
    Segment("Unpaid", "subscription.common_metadata.service_status", "unpaid"),
    Segment("Charged automatically", "subscription.collection_method", "charge_automatically"),
    Segment("Billed by invoice", "subscription.collection_method", "send_invoice"),
)
#: The attributes that are counted by what they hold; of all others it is counted whether they are filled.
_VALUES = (
    {CUSTOMER_ID, _PLAN_ID}
    | {segment.attribute for segment in SEGMENTS}
    | {attribute.name for attribute in ADDRESS_IDS.values()}
)


@dataclass(frozen=True)
class Measure:
    """One row of the statistics: a count of a table's rows."""

    section: str
    name: str
    table: Table
    #: The column that must hold a value, or this very one; None counts the objects.
    attribute: str | None = None
    value: str | None = None


def _measures(carried: dict[str, tuple[str, ...]]) -> list[Measure]:
    """Every measure but those of single products and plans, which only the data names.

    ``carried`` names, by object, what an extract has beside the templates: metadata and address ids.
    """
    return [
        *(Measure("Objects", table.title, table) for table in TABLES),
        *(
            Measure(table.title, attribute.name, table, attribute.name)
            for table in TABLES
            for attribute in table.attributes
        ),
        *(Measure(table.title, name, table, name) for table in TABLES for name in carried.get(table.object, ())),
        *(
            Measure("Subscriptions by segment", segment.name, SUBSCRIPTIONS, segment.attribute, segment.value)
            for segment in SEGMENTS
        ),
    ]


def staging(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, files: PreparedFiles, staging: str
) -> pd.DataFrame:
    """The statistics after a dry run, Production empty.

    ``connection`` has the results of the judgement attached (``rules.results.attach``) and the staging database attached
    as ``staging``.
    """
    files.read_filled(connection, _VALUES)
    for table, query in filled_rows(files).items():
        connection.execute(f"CREATE OR REPLACE TEMP VIEW prepared_file_{table} AS {query}")
    listed = _measures(_carried(manifest))
    delivered = _delivered(connection, manifest, listed)
    prepared = _counted(connection, "prepared_file_", listed)
    staged = _counted(connection, f"{quoted(staging)}.", listed)
    frame = pd.DataFrame(
        [
            {
                "Section": measure.section,
                "Attribute": measure.name,
                DUMP: counts["prepared"] + counts["rejected"] + counts["excluded"],
                PREPARED: in_files,
                STAGING: in_staging,
                **{column: counts[disposition] for column, disposition in _DISPOSITIONS.items()},
                "Cleared": counts["prepared"] - counts["kept"],
                "Inferred": in_files - counts["kept"],
            }
            for measure, counts, in_files, in_staging in zip(listed, delivered, prepared, staged, strict=True)
        ]
    )
    _name_plans(connection)
    by_name = _by_name_delivered(connection)
    by_name[PREPARED] = _by_name(connection, "prepared_file_")
    by_name[STAGING] = _by_name(connection, f"{quoted(staging)}.")
    # A subscription or customer is there or not: of a count nothing is cleared, nor inferred.
    by_name["Cleared"] = by_name["Inferred"] = {}
    return _finished(pd.concat([frame, _named_frame(by_name)], ignore_index=True))


def production(connection: duckdb.DuckDBPyConnection, staged: pd.DataFrame, production: str) -> pd.DataFrame:
    """The same statistics with Production counted in the database attached as ``production``.

    ``connection`` has them attached as for ``staging``.
    """
    return _counted_there(connection, staged, PRODUCTION, production)


def _counted_there(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame, column: str, name: str) -> pd.DataFrame:
    """Statistics with one column counted in the database attached as ``name``."""
    listed = measures(frame)
    counts = dict(
        zip(
            [(measure.section, measure.name) for measure in listed],
            _counted(connection, f"{quoted(name)}.", listed),
            strict=True,
        )
    )
    _name_plans(connection)
    counts |= _by_name(connection, f"{quoted(name)}.")
    frame = frame.copy()
    frame[column] = [counts.get(key, 0) for key in zip(frame["Section"], frame["Attribute"], strict=True)]
    return _finished(frame)


def with_production(frame: pd.DataFrame, paths: ExtractPaths) -> pd.DataFrame:
    """The statistics with Production counted; empty where there is none."""
    frame = frame.assign(**{PRODUCTION: pd.NA})
    if paths.database("production").exists():
        with duck.connect() as connection:
            # For the names of plans and products.
            results.attach_tables(connection, paths.analysis)
            # What can be counted in no more, and is replaced by the next load, must not hold up the run before it.
            with suppress(RefusedError), database.opened(paths.database("production"), "production", connection):
                frame = production(connection, frame, "production")
    return _finished(frame)


def with_sites(frame: pd.DataFrame, paths: ExtractPaths, settings: Settings) -> pd.DataFrame:
    """The statistics with each environment that is a site counted there, as it was last read back; the others, and a site that never
    was, stand as they are.

    Raises RefusedError where what was read back is no database any more.
    """
    read_back = {
        column: paths.site_database(name)
        for name, column in (("staging", STAGING), ("production", PRODUCTION))
        if settings.environment(name).is_site and paths.site_database(name).exists()
    }
    if not read_back:
        return frame
    with duck.connect() as connection:
        results.attach_tables(connection, paths.analysis)
        for column, path in read_back.items():
            with database.opened(path, "site", connection):
                frame = _counted_there(connection, frame, column, "site")
    return frame


def measures(statistics: pd.DataFrame) -> list[Measure]:
    """Every measure of counted statistics but those of single products and plans."""
    return _measures(_carried_in(statistics))


def _carried(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    """What an extract has beside the templates, by the object that it belongs to."""
    ids = {
        object_: (attribute.name,)
        for object_, attribute in ADDRESS_IDS.items()
        if attribute.name in manifest.address_ids
    }
    return {table.object: (*manifest.metadata[table.object], *ids.get(table.object, ())) for table in TABLES}


def _carried_in(statistics: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The same, as counted statistics name it."""
    known = {attribute.name for table in TABLES for attribute in table.attributes}
    return {
        table.object: tuple(
            name for name in statistics["Attribute"][statistics["Section"] == table.title] if name not in known
        )
        for table in TABLES
    }


def _finished(frame: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers as such, and the two percentages."""
    frame = frame.reindex(columns=list(COLUMNS))
    for column in COUNTS:
        frame[column] = frame[column].astype("Int64")
    accuracy = [
        "" if not dump else f"{100 * (prepared - inferred) / dump:.2f}"
        for dump, prepared, inferred in zip(frame[DUMP], frame[PREPARED], frame["Inferred"], strict=True)
    ]
    frame["Accuracy"] = accuracy
    frame["Inaccuracy"] = ["" if not each else f"{100 - float(each):.2f}" for each in accuracy]
    return frame


def _counted(connection: duckdb.DuckDBPyConnection, prefix: str, listed: list[Measure]) -> list[int]:
    """Each measure counted in tables shaped like the target's, one scan a table."""
    counts: dict[Measure, int] = {}
    for table in TABLES:
        own = [measure for measure in listed if measure.table is table]
        condition = f"type = {literal(address_type(table))}" if table in ADDRESSES else "true"
        expressions = ", ".join(_count(measure) for measure in own)
        source = f"{prefix}{TARGET_OF[table.object].name}"
        row = connection.execute(f"SELECT {expressions} FROM {source} WHERE {condition}").fetchall()[0]
        counts |= dict(zip(own, row, strict=True))
    return [counts[measure] for measure in listed]


def _count(measure: Measure) -> str:
    if measure.attribute is None:
        return "count(*)"
    if measure.attribute in (attribute.name for attribute in ADDRESS_IDS.values()):
        # Of an address without an id the column is empty, and not null: it is part of a key.
        return f"count(nullif({ADDRESS_ID}, ''))"
    name = TARGET_OF[measure.table.object].column(measure.attribute, measure.table)
    if measure.value is None:
        return f"count({quoted(name)})"
    return f"count(*) FILTER ({quoted(name)} = {literal(measure.value)})"


def _delivered(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, listed: list[Measure]
) -> list[dict[str, int]]:
    """Each measure among the distinct objects received: by disposition, and of the prepared ones how many are ``kept``."""
    counts: dict[Measure, dict[str, int]] = {}
    for table in TABLES:
        own = [measure for measure in listed if measure.table is table]
        conditions = [_received(measure, manifest) for measure in own]
        kept = [_kept(measure) for measure in own]
        selected = ", ".join(
            f"{held} AS m{index}, {held} AND {stands} AS k{index}"
            for index, (held, stands) in enumerate(zip(conditions, kept, strict=True))
        )
        source = f"""SELECT received.record, {_DISTINCT[table.object]} AS object_key,
                coalesce(not_prepared.disposition, 'prepared') AS disposition, {selected}
            FROM converted_{table.object} received
            LEFT JOIN (FROM not_prepared WHERE object = {literal(table.object)}) not_prepared USING (record)
            LEFT JOIN (
                SELECT record, list(attribute) AS amended FROM amendment WHERE object = {literal(table.object)} GROUP BY record
            ) amendment USING (record)"""
        totals = ", ".join(f"count(*) FILTER (m{index}), count(*) FILTER (k{index})" for index in range(len(own)))
        by_disposition = {
            disposition: values
            for disposition, *values in connection.execute(
                f"SELECT disposition, {totals} FROM ({_distinct(source, table, len(own))}) GROUP BY ALL"
            ).fetchall()
        }
        none = [0] * (2 * len(own))
        for index, measure in enumerate(own):
            counts[measure] = {
                disposition: by_disposition.get(disposition, none)[2 * index] for disposition in DISPOSITIONS
            }
            counts[measure]["kept"] = by_disposition.get("prepared", none)[2 * index + 1]
            if measure.attribute is None:
                counts[measure]["rejected"] += _ragged(connection, table)
    return [counts[measure] for measure in listed]


#: What tells an object from others, whatever becomes of its records: an id, or the record itself.
_DISTINCT = {table.object: "NULL::VARCHAR" for table in TABLES} | {
    CUSTOMERS.object: "received.customer",
    PRODUCTS.object: quoted(PRODUCTS.key),
    PLANS.object: quoted(PLANS.key),
}
#: The best that becomes of an object's records, as what becomes of it.
_RANKED = ("prepared", "rejected", "excluded")


def _distinct(source: str, table: Table, count: int) -> str:
    """SQL of one row for each distinct object, and of one for each record that repeats another, as ``merged``.

    An object holds a value where any of its records does, and keeps it where one that goes into the prepared files does.
    """
    if _DISTINCT[table.object] == "NULL::VARCHAR":
        return source
    plain = ", ".join(f"m{index}, k{index}" for index in range(count))
    any_of = ", ".join(
        f"bool_or(m{index}) AS m{index}, bool_or(k{index} AND disposition IN ('prepared', 'merged')) AS k{index}"
        for index in range(count)
    )
    best = " ".join(f"WHEN bool_or(disposition = {literal(each)}) THEN {literal(each)}" for each in _RANKED)
    return f"""
        WITH received AS ({source}), repeated AS (
            SELECT object_key FROM received WHERE object_key IS NOT NULL GROUP BY object_key HAVING count(*) > 1
        )
        SELECT disposition, {plain} FROM received ANTI JOIN repeated USING (object_key)
        UNION ALL
        SELECT CASE {best} ELSE 'merged' END, {any_of} FROM received JOIN repeated USING (object_key) GROUP BY object_key
        UNION ALL
        SELECT disposition, {plain} FROM received JOIN repeated USING (object_key) WHERE disposition = 'merged'"""


def _kept(measure: Measure) -> str:
    """SQL: what was delivered still stands, if the object does; not where it was inferred in its place."""
    attribute = _attribute(measure)
    if attribute is None:
        return "true"
    value = sql.effective_value(measure.table, attribute, sql.constants(datetime.date.min, None))
    conditions = [f"NOT coalesce(list_contains(amended, {literal(attribute.name)}), false)", f"{value} IS NOT NULL"]
    if bits := sql.inference_mask(measure.table, attribute):
        conditions.append(f"violations & {bits} = 0")
    return " AND ".join(conditions)


def _attribute(measure: Measure) -> Attribute | None:
    """The measure's attribute, where it is one of its template."""
    return next((each for each in measure.table.attributes if each.name == measure.attribute), None)


def _ragged(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    return connection.execute(f"SELECT count(*) FROM quarantined WHERE object = {literal(table.object)}").fetchall()[0][
        0
    ]


def _received(measure: Measure, manifest: Manifest) -> str:
    """SQL: the received object counts, by its delivered cell."""
    if measure.attribute is None:
        return "true"
    column = quoted(measure.attribute)
    attribute = _attribute(measure)
    if attribute is None:
        return f"({column} IS NOT NULL)"
    condition = (
        f"{column} IS NOT NULL" if measure.value is None else f"coalesce({column} = {literal(measure.value)}, false)"
    )
    bits = imputation_mask(measure.table, attribute)
    if bits:
        cell = f"trim_to_null(delivered[{literal(attribute.name)}])"
        condition += f" AND (violations & {bits} = 0 OR {cell} IS NOT NULL)"
        for file in manifest.holding(measure.table.object):
            # A word for nothing is none.
            words = {word for column in file.columns_of(attribute.name) for word in column.nothing}
            if words:
                listed = ", ".join(map(literal, sorted(words)))
                condition += f" AND NOT coalesce(violations & {bits} <> 0 AND file_of(record) = {file.ordinal} AND {cell} IN ({listed}), false)"
    lacking = [
        str(file.ordinal) for file in manifest.holding(measure.table.object) if attribute.name not in file.attributes
    ]
    if lacking and bits:
        condition += f" AND file_of(record) NOT IN ({', '.join(lacking)})"
    return f"({condition})"


#: Section by what is counted, for products and for plans.
_BY_NAME = {
    "Subscriptions by product": ("product", "count(*)"),
    "Customers by product": ("product", "count(DISTINCT customer)"),
    "Subscriptions by plan": ("plan", "count(*)"),
    "Customers by plan": ("plan", "count(DISTINCT customer)"),
}


def _name_plans(connection: duckdb.DuckDBPyConnection) -> None:
    """The temporary table ``named_plan``: each plan's name and its product's, as the statistics write them.

    A name that several plans or products share is told apart by its id.
    """
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE named_plan AS
        WITH product_name AS (
            SELECT id, coalesce(first_product.name, id) AS name, count(*) OVER (PARTITION BY name) > 1 AS shared
            FROM first_product
        ), plan_name AS (
            SELECT old_id AS id, coalesce(nickname, old_id) AS name, count(*) OVER (PARTITION BY name) > 1 AS shared,
                temporary_product_id AS product
            FROM first_plan
        )
        SELECT plan_name.id, if(plan_name.shared, plan_name.name || ' (' || plan_name.id || ')', plan_name.name) AS plan,
            if(product_name.shared, product_name.name || ' (' || product_name.id || ')', product_name.name) AS product
        FROM plan_name FULL JOIN product_name ON plan_name.product = product_name.id"""
    )


def _by_name(connection: duckdb.DuckDBPyConnection, prefix: str) -> dict[tuple[str, str], int]:
    """Subscriptions and customers of each product and plan, in tables shaped like the target's."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE named_subscription AS
        SELECT {quoted(CUSTOMER_ID)} AS customer, plan, product
        FROM {prefix}subscriptions JOIN named_plan ON {quoted(_PLAN_ID)} = named_plan.id"""
    )
    # A plan that nobody subscribes to is counted too.
    counts = {
        (section, name): 0
        for section, (what, _) in _BY_NAME.items()
        for (name,) in connection.execute(f"SELECT DISTINCT {what} FROM named_plan WHERE {what} IS NOT NULL").fetchall()
    }
    return counts | {
        (section, name): count
        for section, (what, counted) in _BY_NAME.items()
        for name, count in connection.execute(
            f"SELECT {what}, {counted} FROM named_subscription GROUP BY {what} ORDER BY {what}"
        ).fetchall()
    }


def _by_name_delivered(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[tuple[str, str], int]]:
    """The same among the subscriptions received, by disposition."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE received_subscription AS
        SELECT subscription.customer, coalesce(not_prepared.disposition, 'prepared') AS disposition,
            coalesce(plan, temporary_plan_id, '(no plan)') AS plan, coalesce(product, '(no product)') AS product
        FROM subscription
        LEFT JOIN (FROM not_prepared WHERE object = 'subscription') not_prepared USING (record)
        LEFT JOIN named_plan ON temporary_plan_id = named_plan.id"""
    )
    columns = {DUMP: "disposition <> 'merged'"} | {
        column: f"disposition = {literal(disposition)}" for column, disposition in _DISPOSITIONS.items()
    }
    counts: dict[str, dict[tuple[str, str], int]] = {column: {} for column in columns}
    filtered = ", ".join(f"count(*) FILTER ({condition})" for condition in columns.values())
    for section, (what, counted) in _BY_NAME.items():
        # A customer has one disposition in a plan: prepared where any of its subscriptions is.
        source = (
            "FROM received_subscription"
            if counted == "count(*)"
            else f"SELECT {what}, {_BEST_DISPOSITION} AS disposition FROM received_subscription GROUP BY {what}, customer"
        )
        for name, *values in connection.execute(
            f"SELECT {what}, {filtered} FROM ({source}) GROUP BY {what} ORDER BY {what}"
        ).fetchall():
            for column, value in zip(columns, values, strict=True):
                counts[column][section, name] = value
    return counts


_BEST_DISPOSITION = """CASE WHEN bool_or(disposition = 'prepared') THEN 'prepared' WHEN bool_or(disposition = 'merged') THEN 'merged'
    WHEN bool_or(disposition = 'rejected') THEN 'rejected' ELSE 'excluded' END"""


def _named_frame(by_name: dict[str, dict[tuple[str, str], int]]) -> pd.DataFrame:
    keys = sorted(
        {key for counts in by_name.values() for key in counts},
        key=lambda key: (list(_BY_NAME).index(key[0]), key[1]),
    )
    return pd.DataFrame(
        [
            {"Section": section, "Attribute": name}
            | {column: counts.get((section, name), 0) for column, counts in by_name.items()}
            for section, name in keys
        ]
    )


def summary(statistics: pd.DataFrame) -> pd.DataFrame:
    """The objects alone: what a person looks at first."""
    return statistics[statistics["Section"] == "Objects"].drop(columns="Section").reset_index(drop=True)


def read(path: Path) -> pd.DataFrame:
    """The statistics of a statistics.csv. Raises RefusedError where it is not as it was written."""
    text = ["Section", "Attribute", "Accuracy", "Inaccuracy"]
    try:
        frame = pd.read_csv(
            path, dtype=dict.fromkeys(text, str), na_values=dict.fromkeys(COUNTS, ""), keep_default_na=False
        )
        if list(frame.columns) != list(COLUMNS):
            raise ValueError("other columns")
        frame["Attribute"] = frame["Attribute"].str.replace(MARK, "", regex=True)
        return _finished(frame)
    except (ValueError, TypeError) as error:
        raise RefusedError(f"{path} is not as it was counted: run the extract again.") from error


#: The mark that keeps spreadsheets from running a name: plans and products have those that publishers give.


def unbalanced(statistics: pd.DataFrame) -> list[str]:
    """The objects of which more or fewer were delivered than were prepared, rejected and excluded, or than
    stand in staging; nothing where all adds up."""
    objects = summary(statistics)
    return list(objects["Attribute"][_off(objects)])


def _off(statistics: pd.DataFrame) -> pd.Series:
    """Whether a measure does not add up: dump = kept + rejected + excluded + cleared, and staging holds what is prepared."""
    kept = statistics[PREPARED] - statistics["Inferred"]
    accounted = kept + statistics["Rejected"] + statistics["Excluded"] + statistics["Cleared"]
    return (statistics[DUMP] != accounted) | (statistics[STAGING] != statistics[PREPARED])


def digest(statistics: pd.DataFrame) -> str:
    """Of all that is counted before production."""
    return hashlib.sha256(statistics.drop(columns=[PRODUCTION]).to_csv(index=False).encode()).hexdigest()


def write(statistics: pd.DataFrame, paths: ExtractPaths) -> None:
    """Write statistics.csv. What is signed and loaded has its digest too: ``write_digest``."""
    delimited.write(statistics, paths.statistics, ["Attribute"])


def write_digest(paths: ExtractPaths) -> None:
    """Write the digest of statistics.csv among what the steps hand each other: as it stands it was counted."""
    with atomic.file(paths.statistics_digest) as unfinished:
        unfinished.write_text(digest(read(paths.statistics)))


def verify(paths: ExtractPaths) -> None:
    """Raise RefusedError where statistics.csv is not as it was counted, or what was counted does not hold.

    A check that is red stops the run that it is in: what is started after it would go on.
    """
    frame = read(paths.statistics)
    if not paths.statistics_digest.is_file() or paths.statistics_digest.read_text() != digest(frame):
        raise RefusedError(f"{paths.extract}: statistics.csv is not as it was counted: run the extract again.")
    if wrong := [*_malformed(frame), *unbalanced(frame)]:
        raise RefusedError(
            f"{paths.extract}: the statistics do not add up ({', '.join(wrong[:5])}), so nothing can be signed or loaded: "
            "look at the checks of its last dry run in the UI."
        )


def _malformed(statistics: pd.DataFrame) -> list[str]:
    """The measures without a name or with a count below 0."""
    nameless = (statistics[["Section", "Attribute"]] == "").any(axis=1)
    negative = (statistics[list(COUNTS)] < 0).any(axis=1)
    names = statistics["Attribute"].where(statistics["Attribute"] != "", "a measure without a name")
    return list(names[nameless | negative])
