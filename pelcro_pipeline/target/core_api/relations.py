"""The objects that a site is to hold, those that it holds, and what is between them, as relations.

``wanted_<kind>`` are made from a loaded database, the expected image; ``found_<kind>`` from the rows that a site has answered.
Both have a ``mark`` and the columns of the attributes that can be compared, by the same names and types.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa

from pelcro_pipeline.engine.relations import Relation, from_folder, make
from pelcro_pipeline.settings import Conventions
from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.target.core_api import mapping
from pelcro_pipeline.target.core_api.journal import Entry
from pelcro_pipeline.target.core_api.mapping import MARK, METADATA, UNDONE, Carried, Field, Kind, Reference

FILES = from_folder(Path(__file__).parent / "sql")
_IDENTITIES = ("subscription_identity", "subscription_address")
#: Kinds in the order in which they are sent; a recipient's subscription comes after its donor's.
_STAGE = 10
#: What the journal knows, as a table; its objects are entered some at a time, since a million are no small list.
_JOURNALED = pa.schema(
    {
        "kind": pa.string(),
        "mark": pa.string(),
        "state": pa.string(),
        "digest": pa.string(),
        "id": pa.int64(),
        "is_made": pa.bool_(),
        "sent_at": pa.float64(),
    }
)
_TOGETHER = 50_000
_TABLES = ("products", "plans", "customers", "addresses", "subscriptions", "subscription_states", "invoices", "cards")


@dataclass(frozen=True)
class Terms:
    """What decides how objects are written, beside the database that they are made from."""

    publisher: str
    timezone: str
    conventions: Conventions
    #: When the load is, for what the API wants in the future; aware.
    now: datetime.datetime


def define(connection: duckdb.DuckDBPyConnection, terms: Terms) -> None:
    """The macros that the relations are written with, and the table ``load_terms``."""
    zone = literal(terms.timezone)
    for macro in (
        f"mark(object, identity) AS left(sha256(concat_ws(chr(31), {literal(terms.publisher)}, object, array_to_string(identity, chr(31)))), 26)",
        f"day_end(day) AS epoch((day + TIME '23:59:59') AT TIME ZONE {zone})::BIGINT",
        f"day_begin(day) AS epoch(day::TIMESTAMP AT TIME ZONE {zone})::BIGINT",
        f"day_of(seconds) AS (to_timestamp(seconds) AT TIME ZONE {zone})::DATE",
        # A DECIMAL's scale is fixed, and a currency's is not.
        """major_units(amount, digits) AS if(digits = 0, amount::VARCHAR,
            amount // (10 ** digits)::BIGINT || '.' || lpad((amount % (10 ** digits)::BIGINT)::VARCHAR, digits, '0'))""",
    ):
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {macro}")
    schemes = ", ".join(map(literal, mapping.accepted_schemes(terms.conventions)))
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE load_terms AS SELECT {int(terms.now.timestamp())}::BIGINT AS seconds,
        day_of({int(terms.now.timestamp())}) AS load_day, [{schemes}]::VARCHAR[] AS password_schemes,
        {terms.conventions.start_in_the_past} AS takes_start"""
    )


def create_wanted(connection: duckdb.DuckDBPyConnection, terms: Terms, image: str) -> dict[str, Kind]:
    """``wanted_<kind>`` of each kind, and ``wanted``: kind, stage, mark, key, record, scenario, references and body of every object of the database attached as ``image``. Returns the kinds with the metadata columns that it carries."""
    define(connection, terms)
    for table in _TABLES:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS FROM {image}.{table}")
    make(connection, (FILES["subscription_identity"], FILES["subscription_address"]))
    known = {name: _with_metadata(connection, kind) for name, kind in mapping.kinds(terms.conventions).items()}
    for kind in known.values():
        make(connection, (FILES[f"{kind.name}_row"], _wanted_rows(kind)))
    make(
        connection,
        [
            Relation(
                "wanted",
                "Every object that the site is to hold.",
                tuple(f"wanted_{name}" for name in known),
                "\nUNION ALL\n".join(
                    f"""SELECT {place * _STAGE} + if(kind = 'subscription' AND len(list_filter("references", lambda each: each.field = 'gift_donor_subscription_id')) > 0, 1, 0) AS stage,
                    kind, mark, key, object, delivered, record, scenario, "references", body, changes FROM wanted_{name}"""
                    for place, name in enumerate(known, 1)
                ),
            )
        ],
    )
    return known


def _with_metadata(connection: duckdb.DuckDBPyConnection, kind: Kind) -> Kind:
    """A kind with the metadata columns that an extract carries beside the templates' own."""
    if not kind.takes_metadata:
        return kind
    declared = {each.attribute for each in (*kind.fields, *kind.references)}
    taken = {each.name for each in kind.fields} | {METADATA + MARK}
    prefix = next(table.metadata_prefix for table in TABLES if table.name == kind.table)
    fields = list(kind.fields)
    for (name,) in connection.execute(f"SELECT column_name FROM (DESCRIBE {kind.table})").fetchall():
        if prefix and name.startswith(prefix) and name not in declared:
            key = METADATA + name.removeprefix(prefix)
            # A key of the templates' own, or our mark, stays what it is.
            fields.append(Field(name, METADATA + name if key in taken else key))
    return replace(kind, fields=tuple(fields))


def _wanted_rows(kind: Kind) -> Relation:
    expected = [f"{_expected(each)} AS {quoted(each.attribute)}" for each in _compared(kind)]
    parents = [f"{each.parent} AS {quoted(f'{each.name} mark')}" for each in kind.references]
    references = ", ".join(f"{{field: {literal(each.name)}, mark: {each.parent}}}" for each in kind.references)
    listed = f"list_filter([{references}], lambda each: each.mark IS NOT NULL)" if references else "[]"
    object_, delivered = (
        ("type || '_address'", quoted("customer.old_provider_id"))
        if kind.name == "address"
        else (literal(kind.object), "key")
    )
    sql = f"""SELECT {literal(kind.name)} AS kind, mark({literal(kind.name)}, identity) AS mark, key, record, scenario,
        {object_} AS object, {delivered} AS delivered,
        {", ".join([*parents, *expected])}{"," if parents or expected else ""}
        {listed}::STRUCT(field VARCHAR, mark VARCHAR)[] AS "references",
        json_merge_patch('{{}}', {_body(kind, kind.fields)})::VARCHAR AS body,
        {_body(kind, [each for each in kind.fields if each.updates], updates=True)}::VARCHAR AS changes
    FROM {kind.name}_row"""
    return Relation(
        f"wanted_{kind.name}", f"Each {kind.name} as the site is to answer it.", (f"{kind.name}_row",), sql, stored=True
    )


def _expected(field: Field) -> str:
    return field.expected.format(value=field.column) if field.expected else field.column


def _compared(kind: Kind) -> list[Field]:
    return [each for each in kind.fields if each.carried is Carried.COMPARED]


def _body(kind: Kind, fields: Iterable[Field], *, updates: bool = False) -> str:
    """SQL of a call's body. What is empty is left out of a creation, and taken away by an update."""
    plain, metadata = {}, {}
    for each in fields:
        written = each.form.write.format(value=each.column)
        if each.name.startswith(METADATA):
            metadata[each.name.removeprefix(METADATA)] = written
        else:
            plain[each.name] = written
    if kind.mark_in == METADATA + MARK:
        metadata[MARK] = f"mark({literal(kind.name)}, identity)"
    if not updates:
        plain |= {name: f"{literal(value)}::JSON" for name, value in kind.constants.items()}
        if kind.mark_in == "old_provider_id" and kind.carries_mark:
            plain["old_provider_id"] = f"mark({literal(kind.name)}, identity)"
    elif kind.name == "customer":
        plain["skip_email_dns_validations"] = "true"
    if metadata:
        together = _object(metadata)
        if not updates:
            together = f"json_merge_patch('{{}}', {together})"
            together = f"json_array({together})" if kind.metadata_as_array else together
        plain["metadata"] = together
    return _object(plain)


def _object(values: Mapping[str, str]) -> str:
    return f"json_object({', '.join(f'{literal(name)}, {value}' for name, value in values.items())})"


def create_found(connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind], rows: Mapping[str, str]) -> None:
    """``found_<kind>`` of each kind: id, mark (null of what is not ours), the ids of what it refers to, and its attributes; from SQL
    of ``id, row`` of what the site has answered, by kind."""
    make(connection, (_found_rows(kind, rows[name]) for name, kind in kinds.items()))


def _found_rows(kind: Kind, rows: str) -> Relation:
    read: dict[str, str] = {"id": "BIGINT", "old_provider_id": "VARCHAR", **_shown(kind)}
    structure = ", ".join(f'"{name}": "{type_}"' for name, type_ in read.items())
    columns = [f"{_read(each)} AS {quoted(each.attribute)}" for each in _compared(kind)]
    columns += [f"{_identity(each)} AS {quoted(f'{each.name} id')}" for each in _answered(kind)]
    columns += [f"row.{quoted(name)} AS {quoted(f'{name} held')}" for name in kind.unique]
    columns += [f"coalesce(row.status IN ({', '.join(map(literal, kind.ended))}), false) AS has_ended"] * bool(
        kind.ended
    )
    if kind.name == "subscription":
        columns += [
            "try_cast(coalesce(row.latest_invoice ->> '$.id', row.latest_invoice ->> '$') AS BIGINT) AS latest_invoice",
            "row.status AS status",
            "day_of(row.created) AS created",
            f"row.cancel_reason IS NOT DISTINCT FROM {literal(UNDONE)} AS is_undone",
        ]
    if kind.name == "customer":
        columns.append("row.has_password AS has_password")
    # What a revert has cancelled keeps our mark, and is not there any more.
    standing = " WHERE NOT is_undone" if kind.name == "subscription" else ""
    listed = "".join(f", {each}" for each in columns)
    return Relation(
        f"found_{kind.name}",
        f"Each {kind.name} that the site holds.",
        (),
        f"""SELECT row.id AS id, {_mark(kind)} AS mark{listed}
        FROM (SELECT from_json(row, {literal("{" + structure + "}")}) AS row FROM ({rows})){standing}""",
        stored=True,
    )


def _shown(kind: Kind) -> dict[str, str]:
    """The fields of an answer that are looked at, with their types."""
    shown = {}
    for each in kind.fields:
        if not each.read_from.startswith(METADATA):
            shown[each.read_from] = "VARCHAR"
    shown |= {each.read_from: "JSON" for each in kind.references}
    shown |= dict.fromkeys(kind.unique, "VARCHAR")
    if kind.ended:
        shown |= {"status": "VARCHAR"}
    if kind.name == "subscription":
        shown |= {"latest_invoice": "JSON", "created": "BIGINT", "cancel_reason": "VARCHAR"}
    if kind.name == "customer":
        shown |= {"has_password": "BOOLEAN"}
    return shown | {"metadata": "MAP(VARCHAR, VARCHAR)"}


def _answered(kind: Kind) -> list[Reference]:
    return [each for each in kind.references if each.carried is Carried.COMPARED]


def _mark(kind: Kind) -> str:
    if kind.mark_in == METADATA + MARK:
        return f"row.metadata[{literal(MARK)}]"
    if kind.carries_mark and kind.mark_in == "old_provider_id":
        return "row.old_provider_id"
    return f"if(row.{kind.mark_in} IS NULL, NULL, mark({literal(kind.name)}, [row.{kind.mark_in}]))"


def _read(field: Field) -> str:
    place = field.read_from
    text = (
        f"row.metadata[{literal(place.removeprefix(METADATA))}]"
        if place.startswith(METADATA)
        else f"row.{quoted(place)}"
    )
    return field.form.read.format(text=text)


def _identity(reference: Reference) -> str:
    value = f"row.{quoted(reference.read_from)}"
    return f"try_cast(coalesce({value} ->> '$.id', {value} ->> '$') AS BIGINT)"


def create_journaled(connection: duckdb.DuckDBPyConnection, entries: Iterable[Entry]) -> None:
    """``journaled``: what the journal knows of each object, its state by name in lower case, and ``sent_at`` in Unix seconds."""
    _enter(connection, "CREATE OR REPLACE TEMP TABLE journaled AS FROM entered", [])
    left = iter(entries)
    while some := list(islice(left, _TOGETHER)):
        _enter(connection, "INSERT INTO journaled FROM entered", some)


def _enter(connection: duckdb.DuckDBPyConnection, statement: str, entries: list[Entry]) -> None:
    columns = {
        "kind": [each.kind for each in entries],
        "mark": [each.mark for each in entries],
        "state": [each.state.name.lower() for each in entries],
        "digest": [each.digest for each in entries],
        "id": [each.target for each in entries],
        "is_made": [each.made for each in entries],
        "sent_at": [each.at for each in entries],
    }
    connection.register("entered", pa.table(columns, schema=_JOURNALED))
    connection.execute(statement)
    connection.unregister("entered")


def counted(connection: duckdb.DuckDBPyConnection, kinds: Iterable[str], rows: str) -> dict[str, int]:
    """By kind, how many rows there are of what ``rows``, SQL over ``{kind}``, gives."""
    return {kind: connection.execute(f"SELECT count(*) {rows.format(kind=kind)}").fetchall()[0][0] for kind in kinds}


def create_located(connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind]) -> None:
    """``located_<kind>``: id and mark of what stands on the site, told by its rows."""
    make(
        connection,
        (
            Relation(
                f"located_{name}",
                f"Where each {name} stands.",
                (f"found_{name}",),
                f"SELECT id, mark FROM found_{name}",
            )
            for name in kinds
        ),
    )


def create_difference(connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind], *, ended: bool = False) -> None:
    """``difference``: kind, mark, id, attribute, what is wanted and what is found, and whether an update takes it: one row for each value
    of an object that stands on both sides and differs; of what has ended since only where that is asked for. Needs ``located_<kind>``."""
    # One kind after the other: the joins of all of them at once took more than 512 MB at a million objects.
    of_kinds = [
        Relation(
            f"difference_{name}",
            f"What a site has otherwise of each {name}.",
            (f"wanted_{name}", f"found_{name}"),
            _differences(kind, ended),
            stored=True,
        )
        for name, kind in kinds.items()
    ]
    names = tuple(each.name for each in of_kinds)
    union = "\nUNION ALL\n".join(f"FROM {name}" for name in names)
    make(connection, [*of_kinds, Relation("difference", "What a site has otherwise.", names, union)])


def _differences(kind: Kind, ended: bool) -> str:
    values, joins = [], []
    for each in _compared(kind):
        name = quoted(each.attribute)
        wanted = f"if({each.filled}, found.{name}, wanted.{name})" if each.filled else f"wanted.{name}"
        values.append((each.attribute, wanted, f"found.{name}", each.updates and kind.updates))
    for each in _answered(kind):
        of = quoted(f"{each.name} of")
        joins.append(f"LEFT JOIN located_{each.kind} AS {of} ON {of}.id = found.{quoted(f'{each.name} id')}")
        # Whose it is, by our mark; the id itself where that is nobody of ours.
        found = f"coalesce({of}.mark, found.{quoted(f'{each.name} id')}::VARCHAR)"
        wanted = f"wanted.{quoted(f'{each.name} mark')}"
        wanted = f"if({each.filled}, {found}, {wanted})" if each.filled else wanted
        values.append((each.attribute, wanted, found, each.updates and kind.updates))
    if not values:
        return f"SELECT {literal(kind.name)} AS kind, NULL::VARCHAR AS mark, NULL::BIGINT AS id, NULL::VARCHAR AS attribute, NULL::VARCHAR AS wanted, NULL::VARCHAR AS found, false AS updates WHERE false"
    differs = " OR ".join(f"{wanted} IS DISTINCT FROM {found}" for _, wanted, found, _ in values)
    listed = ", ".join(
        f"{{attribute: {literal(attribute)}, wanted: {wanted}::VARCHAR, found: {found}::VARCHAR, updates: {updates}}}"
        for attribute, wanted, found, updates in values
    )
    return f"""SELECT kind, mark, id, value.attribute, value.wanted, value.found, value.updates
    FROM (
        SELECT wanted.kind, wanted.mark, found.id, unnest([{listed}]) AS value
        FROM wanted_{kind.name} AS wanted JOIN found_{kind.name} AS found ON found.mark = wanted.mark
        {" ".join(joins)}
        WHERE {"NOT has_ended AND " if kind.ended and not ended else ""}({differs})
    )
    WHERE value.wanted IS DISTINCT FROM value.found"""
