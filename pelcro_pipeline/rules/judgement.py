"""The order of judgement: exclusions, field rules, relations, closure; then one fate for each object.

Works on temporary tables of one connection, in which each step finds what the steps before it made:

    customer_in_use     one row for each customer id: the first filled value of every attribute
    excluded            objects that are not judged at all
    found               one row for each violation: record, object, attribute, rule, severity ...
    fallen              objects that are not migrated, each with its root cause
    merged              objects that went into another record's

What rules may read besides stands with ``rules.query.Query``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.conversion.select import agrees, breached_attributes, repeated_of
from pelcro_pipeline.delivery.reading import Reading
from pelcro_pipeline.rules import (
    addresses,
    catalogue,
    customers,
    in_use,
    products,
    relations,
    subscriptions,
)
from pelcro_pipeline.rules.query import Query
from pelcro_pipeline.rules.relations import DONOR, DONOR_ID, GROUP, OLD_ID, RECIPIENT, TYPE
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    HIDDEN,
    PLANS,
    PRODUCTS,
    SECRETS,
    SUBSCRIPTIONS,
    TABLES,
    sql,
)
from pelcro_pipeline.spec.model import Severity, Table
from pelcro_pipeline.spec.sql import literal, quoted

FIELD_QUERIES = (*customers.QUERIES, *addresses.QUERIES, *products.QUERIES, *subscriptions.QUERIES)

_SHIPS = """CREATE OR REPLACE TEMP MACRO ships(shipments) AS coalesce(try_cast(shipments AS BIGINT) > 0, false)"""
_FOUND = """CREATE OR REPLACE TEMP TABLE found (
    record BIGINT, owner BIGINT, object VARCHAR, attribute VARCHAR, rule VARCHAR, severity VARCHAR,
    value VARCHAR, result VARCHAR, related BIGINT)"""


def judge(connection: duckdb.DuckDBPyConnection, reading: Reading, conversion: Path, settings: Settings) -> None:
    """Judge every object of an extract; leaves ``found``, ``fallen``, ``merged`` and what they rest on."""
    tables.create_views(connection, reading, conversion)
    connection.execute(_SHIPS)
    connection.execute(_FOUND)
    _order(connection)
    _customers_in_use(connection, reading)
    _exclude(connection)
    _firsts(connection, reading)
    _field_findings(connection, reading)
    _field_falls(connection)
    _relation_findings(connection, reading, settings)
    _close(connection)
    _merge(connection, reading)


def _order(connection: duckdb.DuckDBPyConnection) -> None:
    """The catalogue's order of rules, and the guide's order of objects."""
    rules = ", ".join(f"({literal(rule)}, {place})" for rule, place in catalogue.ORDER.items())
    objects = ", ".join(f"({literal(table.object)}, {place})" for place, table in enumerate(TABLES))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE rule_order AS FROM (VALUES {rules}) rules(rule, place)")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE object_order AS FROM (VALUES {objects}) objects(object, place)")


def _customers_in_use(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    """CUS-FILLED: of each attribute the first filled value in file order is used."""
    names = in_use.names(reading)
    first_filled = ", ".join(f"arg_min({quoted(name)}, record) AS {quoted(name)}" for name in names)
    as_values = f"ON {', '.join(map(quoted, names))} INTO NAME attribute VALUE value"
    connection.execute(in_use.customer_values(reading))
    for statement in (
        """CREATE OR REPLACE TEMP TABLE repeated_customer AS
            SELECT customer, min(record) AS first_record FROM customer_value
            SEMI JOIN (SELECT customer FROM customer GROUP BY customer HAVING count(*) > 1) repeated USING (customer)
            GROUP BY customer""",
        in_use.REPEATED_RECORDS,
        f"""CREATE OR REPLACE TEMP TABLE repeated_value AS
            UNPIVOT (SELECT customer_value.* FROM customer_value SEMI JOIN repeated_customer USING (customer))
            {as_values}""",
        f"""CREATE OR REPLACE TEMP TABLE filling AS
            SELECT customer, attribute, any_value(first_record) AS first_record,
                min(record) AS record, arg_min(value, record) AS value
            FROM (UNPIVOT repeated_record {as_values}) JOIN repeated_customer USING (customer)
            GROUP BY customer, attribute""",
        f"""CREATE OR REPLACE TEMP TABLE repeated_in_use AS
            SELECT min(record) AS record, customer, {first_filled}
            FROM repeated_record GROUP BY customer""",
        in_use.CUSTOMERS_IN_USE,
        "CREATE OR REPLACE TEMP VIEW subscriber AS SELECT DISTINCT customer FROM subscription",
        """CREATE OR REPLACE TEMP VIEW not_boolean AS
            SELECT record, customer, "customer.common_metadata.import_only_the_customer" AS value
            FROM customer WHERE value NOT IN ('0', '1')""",
    ):
        connection.execute(statement)


def _exclude(connection: duckdb.DuckDBPyConnection) -> None:
    """Subscriptions that stay behind by what they or their customer say: judged by nothing else."""
    bits = {
        breach.rule: 1 << bit
        for bit, (_, breach) in enumerate(SUBSCRIPTIONS.breaches)
        if breach.severity is Severity.EXCLUDED
    }
    by_bit = " ".join(
        f"WHEN breaches & {bits[rule]} <> 0 THEN {literal(rule)}" for rule in catalogue.EXCLUSIONS if rule in bits
    )
    mask = sql.mask(SUBSCRIPTIONS, Severity.EXCLUDED)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE excluded AS
        WITH import_only AS (
            SELECT customer FROM customer_in_use
            WHERE "customer.common_metadata.import_only_the_customer" = '1'
        )
        SELECT record, 'CUS-IMPORT-ONLY-SUB' AS rule FROM subscription SEMI JOIN import_only USING (customer)
        UNION ALL
        SELECT record, CASE {by_bit} END FROM subscription ANTI JOIN import_only USING (customer)
        WHERE breaches & {mask} <> 0"""
    )
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW judged_subscription AS SELECT subscription.* FROM subscription ANTI JOIN excluded USING (record)"
    )


def _firsts(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    """What stands twice: ids that repeat, and whether their records say the same."""
    repeats = [
        _repeats(reading, PRODUCTS, "product", '"product.id"', belongs=False),
        _repeats(reading, PLANS, "plan", '"plan.old_id"', belongs=False),
        _repeats(reading, SUBSCRIPTIONS, "judged_subscription", '"subscription.common_metadata.old_id"', belongs=True),
    ]
    names = [*(attribute.name for attribute in SUBSCRIPTIONS.attributes), *reading.metadata[SUBSCRIPTIONS.object]]
    content = ", ".join(subscriptions.CANCELS if name == subscriptions.CANCEL else quoted(name) for name in names)
    for statement in (
        "CREATE OR REPLACE TEMP TABLE repeat AS " + "\nUNION ALL\n".join(repeats),
        f"""CREATE OR REPLACE TEMP TABLE first_plan AS
            SELECT * EXCLUDE (record, customer, breaches, delivered, results) FROM plan WHERE {agrees(PLANS)}
            QUALIFY record = min(record) OVER (PARTITION BY "plan.old_id")""",
        f"""CREATE OR REPLACE TEMP TABLE same_subscription AS
            WITH crowded AS (
                SELECT customer FROM judged_subscription
                WHERE "subscription.common_metadata.old_id" IS NULL GROUP BY customer HAVING count(*) > 1
            )
            SELECT record, first_value(record) OVER same AS first_record,
                "subscription.common_metadata.service_status" AS status
            FROM judged_subscription SEMI JOIN crowded USING (customer)
            LEFT JOIN first_plan ON {subscriptions.PLAN_ID} = "plan.old_id"
            WHERE "subscription.common_metadata.old_id" IS NULL AND judged_subscription.{agrees(SUBSCRIPTIONS)}
            WINDOW same AS (PARTITION BY customer, {content} ORDER BY record)
            QUALIFY record <> first_record""",
    ):
        connection.execute(statement)


def _repeats(reading: Reading, table: Table, view: str, key: str, *, belongs: bool) -> str:
    """SQL of the records that repeat an earlier one's key, and whether their content is equal."""
    names = tables.columns(reading, table) + (["customer"] if belongs else [])
    equal = " AND ".join(f"later.{quoted(name)} IS NOT DISTINCT FROM first.{quoted(name)}" for name in names)
    return f"""
        SELECT * FROM (
            WITH first_of AS (
                SELECT {key} AS key, min(record) AS first_record FROM {view}
                WHERE {key} IS NOT NULL AND {agrees(table)} GROUP BY key HAVING count(*) > 1
            ), rows AS (
                SELECT {view}.*, key, first_record FROM {view} JOIN first_of ON {key} = first_of.key
                WHERE {agrees(table)}
            )
            SELECT {literal(table.object)} AS object, later.record, later.key, later.first_record, {equal} AS equal
            FROM rows later JOIN rows first ON later.first_record = first.record
            WHERE later.record <> later.first_record
        )"""


def _field_findings(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    for table in TABLES:
        view = "judged_subscription" if table is SUBSCRIPTIONS else table.object
        connection.execute(
            f"""INSERT INTO found BY NAME
            WITH bit AS (FROM (VALUES {_bits(reading, table)}) bits(mask, file, place, attribute, rule, severity, infers))
            SELECT record, {literal(table.object)} AS object, attribute, rule, severity,
                delivered[place] AS value, if(infers, results[place], NULL) AS result
            FROM (SELECT record, breaches, delivered, results FROM {view} WHERE breaches <> 0) breached
            JOIN bit ON breaches & mask <> 0 AND coalesce(file = file_of(record), true)"""
        )
    for query in FIELD_QUERIES:
        _find(connection, query)
    connection.execute(
        f"""UPDATE found SET value = if(value IS NULL, NULL, {literal(HIDDEN)}), result = if(result IS NULL, NULL, {literal(HIDDEN)})
        WHERE attribute IN ({", ".join(map(literal, SECRETS))})"""
    )


def _bits(reading: Reading, table: Table) -> str:
    """SQL rows of a table's breaches: its own for every file, a repeated header's for its file."""
    shown = [attribute.name for attribute in breached_attributes(table)]
    rows = [
        (
            1 << bit,
            "NULL",
            shown.index(attribute.name) + 1,
            literal(attribute.name),
            literal(breach.rule),
            literal(breach.severity),
            breach.severity is Severity.REPAIR or breach.value is not None,
        )
        for bit, (attribute, breach) in enumerate(table.breaches)
        if breach.severity is not Severity.EXCLUDED
    ]
    for file in reading.holding(table.object):
        rows += [
            (
                1 << (len(table.breaches) + index),
                file.ordinal,
                len(shown) + index + 1,
                literal(name),
                "'FILE-DUPLICATE-HEADER'",
                literal(Severity.REJECT),
                False,
            )
            for index, name in enumerate(repeated_of(file, table))
        ]
    return ", ".join(
        f"({mask}::UBIGINT, {file}::BIGINT, {place}, {attribute}, {rule}, {severity}, {infers})"
        for mask, file, place, attribute, rule, severity, infers in rows
    )


def _find(connection: duckdb.DuckDBPyConnection, query: Query, into: str = "found") -> None:
    said = {
        "rule": query.rule,
        "object": query.object,
        "attribute": query.attribute,
        "severity": query.severity,
    }
    constants = ", ".join(f"{literal(value)} AS {name}" for name, value in said.items() if value)
    connection.execute(f"INSERT INTO {into} BY NAME SELECT {constants}, breaking.* FROM ({query.sql}) breaking")


def _field_falls(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE fallen AS
        SELECT record, object, 'rejected' AS disposition, arg_min(rule, place) AS rule,
            record AS cause_record, object AS cause_object, arg_min(rule, place) AS cause_rule
        FROM found JOIN rule_order USING (rule) WHERE severity = 'reject' GROUP BY record, object
        UNION ALL
        SELECT record, 'subscription', 'excluded', rule, record, 'subscription', rule FROM excluded"""
    )
    for table in TABLES:
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE fallen_in_field_{table.object} AS
            SELECT record FROM fallen WHERE object = {literal(table.object)}"""
        )
        # An equal repeat is one with its first record: it is no second donor, admin or recipient.
        connection.execute(
            f"""CREATE OR REPLACE TEMP VIEW standing_{table.object} AS
            SELECT {table.object}.* FROM {table.object} ANTI JOIN fallen_in_field_{table.object} USING (record)
            ANTI JOIN (SELECT record FROM repeat WHERE object = {literal(table.object)} AND equal) repeats USING (record)"""
        )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE first_product AS
        SELECT product.* EXCLUDE (record, customer, breaches, delivered, results)
            REPLACE (coalesce(found.result, "product.address_required") AS "product.address_required")
        FROM product LEFT JOIN found ON found.record = product.record AND found.rule = 'PRD-ADDRESS-REQUIRED'
        WHERE {agrees(PRODUCTS)}
        QUALIFY product.record = min(product.record) OVER (PARTITION BY "product.id")"""
    )


def _relation_findings(connection: duckdb.DuckDBPyConnection, reading: Reading, settings: Settings) -> None:
    """Relations one after the other: an object that one of them rejects is no finding of the next."""
    connection.execute("CREATE OR REPLACE TEMP TABLE relation_fall (record BIGINT, object VARCHAR, rule VARCHAR)")
    connection.execute(
        """CREATE OR REPLACE TEMP VIEW unfallen_subscription AS
        SELECT standing_subscription.* FROM standing_subscription
        ANTI JOIN (SELECT record FROM relation_fall WHERE object = 'subscription') gone USING (record)"""
    )
    belonging = {SUBSCRIPTIONS.object, *(table.object for table in ADDRESSES)}
    linked = any("customer" not in file.objects and belonging & {*file.objects} for file in reading.files)
    asked = relations.queries(taxes=bool(settings.taxes), linked=linked, address_ids=reading.address_ids)
    for _, each in groupby(asked, key=lambda query: query.rule):
        queries = list(each)
        connection.execute("CREATE OR REPLACE TEMP TABLE broken AS FROM found LIMIT 0")
        for query in queries:
            _find(connection, query, "broken")
        connection.execute("DELETE FROM broken WHERE (record, object) IN (SELECT record, object FROM relation_fall)")
        connection.execute(
            "INSERT INTO relation_fall SELECT DISTINCT record, object, rule FROM broken WHERE severity = 'reject'"
        )
        first = "QUALIFY object = min(object) OVER (PARTITION BY record)" if queries[0].once_a_record else ""
        connection.execute(f"INSERT INTO found FROM broken {first}")
    connection.execute(
        "INSERT INTO fallen SELECT record, object, 'rejected', rule, record, object, rule FROM relation_fall"
    )


@dataclass(frozen=True)
class Link:
    """Children that fall when the last of their parents has fallen."""

    child: str
    link: str
    parent: str
    key: str
    #: Which of the child's and of the parent's objects are bound by it.
    condition: str = "true"
    parent_condition: str = "true"


#: In the order in which one pass suffices.
_PARENTS = (
    Link("plan", '"plan.temporary_product_id"', "product", '"product.id"'),
    Link("subscription", '"subscription.common_metadata.temporary_plan_id"', "plan", '"plan.old_id"'),
    Link("billing_address", "customer", "customer", "customer"),
    Link("shipping_address", "customer", "customer", "customer"),
    Link("subscription", "customer", "customer", "customer"),
)
#: Among subscriptions: whoever falls may be another's partner.
_PARTNERS = (
    Link("subscription", DONOR_ID, "subscription", OLD_ID, RECIPIENT, DONOR),
    Link("subscription", OLD_ID, "subscription", DONOR_ID, DONOR, RECIPIENT),
    Link("subscription", GROUP, "subscription", GROUP, f"{TYPE} = 'member'", f"{TYPE} = 'admin'"),
)


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    """REL-CLOSURE, to its fixed point: what hangs on the fallen falls with it, naming the root cause."""
    # A repeat of what has fallen is no parent that stands.
    _repeats_fall(connection)
    for link in _PARENTS:
        _fall_with(connection, link)
    fell = True
    while fell:
        fell = sum(_fall_with(connection, link) for link in _PARTNERS) + _repeats_fall(connection)


def _fall_with(connection: duckdb.DuckDBPyConnection, link: Link) -> int:
    """Reject the children none of whose parents stands; gives how many fell."""
    before = _count(connection, "fallen")
    connection.execute(
        f"""INSERT INTO fallen
        WITH lost AS (
            SELECT {link.key} AS key, arg_min(cause_record, parent.record) AS cause_record,
                arg_min(cause_object, parent.record) AS cause_object, arg_min(cause_rule, parent.record) AS cause_rule
            FROM {link.parent} parent JOIN fallen ON fallen.record = parent.record AND fallen.object = {literal(link.parent)}
            WHERE {link.parent_condition} AND {link.key} IS NOT NULL GROUP BY key
        ), standing AS (
            SELECT {link.key} AS key FROM {link.parent} parent SEMI JOIN lost ON {link.key} = lost.key
            ANTI JOIN (SELECT record FROM fallen WHERE object = {literal(link.parent)}) gone ON gone.record = parent.record
            WHERE {link.parent_condition}
        )
        SELECT child.record, {literal(link.child)}, 'rejected', 'REL-CLOSURE', cause_record, cause_object, cause_rule
        FROM {link.child} child JOIN lost ON child.{link.link} = lost.key
        ANTI JOIN standing ON child.{link.link} = standing.key
        ANTI JOIN (SELECT record FROM fallen WHERE object = {literal(link.child)}) gone ON gone.record = child.record
        WHERE {link.condition}"""
    )
    return _count(connection, "fallen") - before


def _repeats_fall(connection: duckdb.DuckDBPyConnection) -> int:
    """An equal repeat falls with the record that it would have been merged into."""
    before = _count(connection, "fallen")
    connection.execute(
        """INSERT INTO fallen
        SELECT repeat.record, repeat.object, 'rejected', 'REL-CLOSURE', cause_record, cause_object, cause_rule
        FROM repeat JOIN fallen ON fallen.record = repeat.first_record AND fallen.object = repeat.object
        WHERE equal AND (repeat.record, repeat.object) NOT IN (SELECT record, object FROM fallen)"""
    )
    return _count(connection, "fallen") - before


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]


def _merge(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    """What went into another record's object: ``merged (record, object, into_record)``."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE merged AS
        SELECT customer.record, 'customer' AS object, customer_in_use.record AS into_record
        FROM customer JOIN repeated_customer USING (customer) JOIN customer_in_use USING (customer)
        ANTI JOIN (SELECT record FROM fallen WHERE object = 'customer') gone ON gone.record = customer.record
        WHERE customer.record <> customer_in_use.record
        UNION ALL
        SELECT record, object, first_record FROM repeat ANTI JOIN fallen USING (record, object) WHERE equal"""
    )
    for table in ADDRESSES:
        _merge_addresses(connection, reading, table)


#: Where no file gives ids to the addresses of a type: a customer's first is the one.
_ONE_ADDRESS = """
            SELECT crowded_address.*, first_record
            FROM crowded_address
            JOIN (SELECT customer, min(record) AS first_record FROM crowded_address GROUP BY customer) USING (customer)"""


def _address_of_id(said: str) -> str:
    """SQL of the address that a record holds, by its id; without an id, the one that says the same."""
    return f"""
            WITH known AS (
                SELECT *, min(record) OVER (PARTITION BY customer, address_id) AS first_of_id FROM crowded_address
            ), twinned AS (
                SELECT *, min(record) FILTER (address_id IS NOT NULL AND record = first_of_id)
                    OVER (PARTITION BY customer, {said}) AS twin
                FROM known
            )
            SELECT *, CASE WHEN address_id IS NOT NULL THEN first_of_id WHEN twin IS NOT NULL THEN twin
                ELSE min(record) FILTER (twin IS NULL) OVER (PARTITION BY customer, address_id) END AS first_record
            FROM twinned"""


def _merge_addresses(connection: duckdb.DuckDBPyConnection, reading: Reading, table: Table) -> None:
    """A customer has one address of a type, and one for each address id."""
    id_name = ADDRESS_IDS[table.object].name
    address_id = quoted(id_name)
    names = [attribute.name for attribute in table.attributes]
    content = ", ".join(
        f"{sql.standing(table, attribute, {})} AS {quoted(attribute.name)}" for attribute in table.attributes
    )
    # ADR-NAME: the two names come first.
    named = ", ".join(
        f"coalesce({quoted(name)}, {quoted('customer.' + name.removeprefix(table.prefix))}) AS {quoted(name)}"
        for name in names[:2]
    )
    said = ", ".join(map(quoted, names))
    equal = " AND ".join(f"later.{quoted(name)} IS NOT DISTINCT FROM first.{quoted(name)}" for name in names)
    for statement in (
        f"""CREATE OR REPLACE TEMP TABLE crowded_address AS
            WITH gone AS (
                SELECT record FROM fallen WHERE object = {literal(table.object)}
            ), crowded AS (
                SELECT customer FROM {table.object} ANTI JOIN gone USING (record) GROUP BY customer HAVING count(*) > 1
            ), standing AS (
                SELECT record, customer, {address_id} AS address_id, {content}
                FROM {table.object} ANTI JOIN gone USING (record) SEMI JOIN crowded USING (customer)
            )
            SELECT standing.* REPLACE ({named}) FROM standing JOIN customer_in_use USING (customer)""",
        f"""CREATE OR REPLACE TEMP TABLE address_repeat AS
            WITH later AS ({_address_of_id(said) if id_name in reading.address_ids else _ONE_ADDRESS})
            SELECT later.record, later.first_record, {equal} AS equal,
                if(later.address_id IS NULL, 'ADR-CONFLICT', 'ADR-ID-CONFLICT') AS conflict
            FROM later JOIN crowded_address first ON later.first_record = first.record
            WHERE later.record <> later.first_record""",
        f"INSERT INTO merged SELECT record, {literal(table.object)}, first_record FROM address_repeat",
        f"""INSERT INTO found BY NAME
            SELECT record, {literal(table.object)} AS object, {literal(table.prefix.rstrip("_"))} AS attribute,
                conflict AS rule, 'question' AS severity, first_record AS related
            FROM address_repeat WHERE NOT equal""",
    ):
        connection.execute(statement)
