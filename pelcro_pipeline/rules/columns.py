"""The relations whose columns come from the spec and from what an extract carries beside it."""

from __future__ import annotations

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.conversion.select import agrees, repeated_cells_of, repeated_of
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine.relations import Relation
from pelcro_pipeline.rules import catalogue
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    ATTRIBUTES,
    CUSTOMER_ID,
    CUSTOMERS,
    PLANS,
    PRODUCTS,
    SUBSCRIPTIONS,
    TABLE_OF,
    TABLES,
    sql,
)
from pelcro_pipeline.spec.kinds import IDENTIFIER
from pelcro_pipeline.spec.model import Attribute, Severity, Table
from pelcro_pipeline.spec.sql import literal, quoted

_CANCEL = "subscription.cancel_at_period_end"
#: Whether it ends with its period, by itself or else by its plan (SUB-CANCEL).
_CANCELS = f"""if({quoted(_CANCEL)} IN ('0', '1'), {quoted(_CANCEL)},
    CASE first_plan.auto_renew WHEN true THEN '0' WHEN false THEN '1' END)"""


def relations(manifest: Manifest) -> dict[str, Relation]:
    """Each by its name."""
    rendered = (
        _rule_rank(),
        _object_rank(),
        _lost_id(manifest),
        _customer_value(manifest),
        _chosen_customer_value(manifest),
        _golden_customer(manifest),
        _excluded(),
        _repeat(manifest),
        _same_subscription(manifest),
        _violation(manifest),
        _address(),
        _type_with_ids(manifest),
    )
    return {relation.name: relation for relation in rendered}


def _rule_rank() -> Relation:
    rows = ", ".join(
        f"({literal(rule)}, {rank}, {told.once_a_record}, {told.once_a_column})"
        for rule, rank in catalogue.ORDER.items()
        for told in [catalogue.RULES[rule]]
    )
    return Relation(
        "rule_rank",
        "The catalogue's order of rules, and which are told once for a record or for a column, whatever breaks them.",
        (),
        f"FROM (VALUES {rows}) AS rules(rule, rank, once_a_record, once_a_column)",
        True,
    )


def _object_rank() -> Relation:
    rows = ", ".join(f"({literal(table.object)}, {rank})" for rank, table in enumerate(TABLES))
    return Relation(
        "object_rank", "The guide's order of objects.", (), f"FROM (VALUES {rows}) AS objects(object, rank)", True
    )


def _lost_id(manifest: Manifest) -> Relation:
    """Only the columns that were told to hold such are looked at (``delivery.profile``)."""
    address_ids = {attribute.name: object_ for object_, attribute in ADDRESS_IDS.items()}
    selects = ["SELECT NULL::BIGINT AS record, NULL AS object, NULL AS attribute, NULL AS value WHERE false"]
    read: dict[str, None] = {}
    for file in manifest.files:
        for name in {column.attribute: None for column in file.columns if column.lost_digits}:
            if name in ATTRIBUTES and ATTRIBUTES[name].kind is not IDENTIFIER:
                continue
            if name == CUSTOMER_ID:
                # What belongs to a customer whose id was cut short belongs to nobody that can be told.
                objects = tuple(each for each in file.objects if each not in (PRODUCTS.object, PLANS.object))
            elif name in address_ids:
                objects = (address_ids[name],) if address_ids[name] in file.objects else (SUBSCRIPTIONS.object,)
            else:
                objects = (TABLE_OF[name].object,) if name in TABLE_OF else ()
            cell = "customer" if name == CUSTOMER_ID else quoted(name)
            read |= dict.fromkeys(f"converted_{each}" for each in objects)
            selects += [
                f"""SELECT record, {literal(each)}, {literal(name)}, {cell} FROM converted_{each}
                WHERE file_of(record) = {file.ordinal} AND lost_digits({cell})"""
                for each in objects
            ]
    return Relation(
        "lost_id",
        "Ids that a spreadsheet has written as numbers and cut short.",
        tuple(read),
        "\nUNION ALL\n".join(selects),
        stored=True,
    )


def _customer_value(manifest: Manifest) -> Relation:
    known = {attribute.name: attribute for attribute in CUSTOMERS.attributes}
    values = ", ".join(
        f"{sql.effective_value(CUSTOMERS, known[name], {}) if name in known else quoted(name)} AS {quoted(name)}"
        for name in tables.columns(manifest, CUSTOMERS)
        if name != CUSTOMER_ID
    )
    return Relation(
        "customer_value",
        "What each record says of its customer; one that contradicts itself, or whose id lost digits, does not speak for it.",
        ("converted_customer", "lost_id"),
        f"""SELECT record, customer, {values} FROM converted_customer
        ANTI JOIN (SELECT record FROM lost_id WHERE object = 'customer') lost USING (record) WHERE {agrees(CUSTOMERS)}""",
    )


def _chosen_customer_value(manifest: Manifest) -> Relation:
    names = [name for name in tables.columns(manifest, CUSTOMERS) if name != CUSTOMER_ID]
    chosen = ", ".join(f"max(value) FILTER (attribute = {literal(name)}) AS {quoted(name)}" for name in names)
    return Relation(
        "chosen_customer_value",
        "The chosen values of repeated customers, one row for each.",
        ("chosen_value",),
        f"SELECT NULL::BIGINT AS record, customer, {chosen} FROM chosen_value GROUP BY customer",
    )


def _golden_customer(manifest: Manifest) -> Relation:
    names = [name for name in tables.columns(manifest, CUSTOMERS) if name != CUSTOMER_ID]
    return Relation(
        "golden_customer",
        "Golden records by short names.",
        ("golden_record",),
        f"SELECT record, customer, {tables.short(CUSTOMERS, names)} FROM golden_record",
    )


def _excluded() -> Relation:
    bits = {
        violation.rule: 1 << bit
        for bit, (_, violation) in enumerate(SUBSCRIPTIONS.violations)
        if violation.severity is Severity.EXCLUDED
    }
    by_bit = " ".join(
        f"WHEN violations & {bits[rule]} <> 0 THEN {literal(rule)}" for rule in catalogue.EXCLUSIONS if rule in bits
    )
    return Relation(
        "excluded",
        "Subscriptions that stay behind by what they or their customer say, judged by nothing else.",
        ("converted_subscription", "golden_customer"),
        f"""WITH import_only AS (SELECT customer FROM golden_customer WHERE import_only_the_customer)
        SELECT record, 'CUS-IMPORT-ONLY-SUB' AS rule FROM converted_subscription SEMI JOIN import_only USING (customer)
        UNION ALL
        SELECT record, CASE {by_bit} END FROM converted_subscription ANTI JOIN import_only USING (customer)
        WHERE violations & {sql.mask(SUBSCRIPTIONS, Severity.EXCLUDED)} <> 0""",
        stored=True,
    )


#: Wider than ``judged_subscription``, and the same: joined to the few that are not, and to no million that are.
_JUDGED = "(FROM converted_subscription ANTI JOIN excluded USING (record))"


def _repeat(manifest: Manifest) -> Relation:
    repeats = (
        _repeats(manifest, PRODUCTS, "converted_product", '"product.id"'),
        _repeats(manifest, PLANS, "converted_plan", '"plan.old_id"'),
        _repeats(manifest, SUBSCRIPTIONS, _JUDGED, '"subscription.common_metadata.old_id"', "customer"),
    )
    return Relation(
        "repeat",
        "Records with an id that an earlier one has, and whether they say the same.",
        ("converted_product", "converted_plan", "converted_subscription", "excluded", "lost_id"),
        "\nUNION ALL\n".join(repeats),
        stored=True,
    )


def _repeats(manifest: Manifest, table: Table, source: str, key: str, *beside: str) -> str:
    names = [*tables.columns(manifest, table), *beside]
    equal = " AND ".join(f"later.{quoted(name)} IS NOT DISTINCT FROM first.{quoted(name)}" for name in names)
    return f"""
        SELECT * FROM (
            WITH first_of AS (
                SELECT {key} AS key, min(record) AS first_record FROM {source}
                WHERE {key} IS NOT NULL AND {agrees(table)} GROUP BY key HAVING count(*) > 1
            ), rows AS (
                SELECT judged.*, key, first_record FROM {source} judged JOIN first_of ON {key} = first_of.key
                ANTI JOIN (SELECT record FROM lost_id WHERE object = {literal(table.object)}) lost ON lost.record = judged.record
                WHERE {agrees(table)}
            )
            SELECT {literal(table.object)} AS object, later.record, later.key, later.first_record, {equal} AS equal
            FROM rows later JOIN rows first ON later.first_record = first.record
            WHERE later.record <> later.first_record
        )"""


def _same_subscription(manifest: Manifest) -> Relation:
    content = ", ".join(
        [
            *(_loaded(attribute) for attribute in SUBSCRIPTIONS.attributes if attribute.name != SUBSCRIPTIONS.key),
            *map(quoted, manifest.metadata[SUBSCRIPTIONS.object]),
        ]
    )
    return Relation(
        "same_subscription",
        "Subscriptions that would be loaded the same as an earlier one of their customer, their ids aside.",
        ("surviving_subscription", "not_migrated", "converted_subscription", "first_plan", "subscription_address"),
        f"""WITH standing AS (
            SELECT record, customer, is_gift_donor, is_gift_recipient
            FROM surviving_subscription
            ANTI JOIN (SELECT record FROM not_migrated WHERE object = 'subscription') gone USING (record)
        ), several AS (
            SELECT customer FROM standing GROUP BY customer HAVING count(*) > 1
        ), compared AS (
            SELECT standing.*, converted_subscription.* EXCLUDE (record, customer), {quoted(SUBSCRIPTIONS.key)} AS old_id
            FROM converted_subscription JOIN (FROM standing SEMI JOIN several USING (customer)) standing USING (record)
        )
        SELECT record, first_value(record) OVER same AS first_record, compared.old_id,
            first_value(compared.old_id) OVER same AS first_old_id,
            "subscription.common_metadata.service_status" AS status
        FROM compared
        LEFT JOIN first_plan ON first_plan.old_id = "subscription.common_metadata.temporary_plan_id"
        LEFT JOIN subscription_address has ON has.subscription = record
        WINDOW same AS (PARTITION BY compared.customer, has.billing, has.shipping, {content} ORDER BY record)
        QUALIFY record <> first_record""",
        stored=True,
    )


def _loaded(attribute: Attribute) -> str:
    """SQL of what is loaded of a subscription's attribute, where it is the same for cells that differ."""
    value = sql.effective_value(SUBSCRIPTIONS, attribute, {})
    match tables.short_name(SUBSCRIPTIONS, attribute.name):
        case "cancel_at_period_end":
            return _CANCELS
        case "is_gift_donor" | "is_gift_recipient" as flag:
            return flag
        case "shipments_remaining":
            return f"if({value} = '0' AND NOT ships(first_plan.shipments_per_interval), NULL, {value})"
        case "current_period_end":
            # With start_now the plan's interval gives the end, and the given one is not used.
            return f"""if("subscription.common_metadata.start_now" = '1', NULL, {value})"""
    return f"coalesce({value}, '0')" if attribute.kind.storage == "BOOLEAN" else value


def _violation(manifest: Manifest) -> Relation:
    none = """SELECT NULL::BIGINT AS record, NULL::BIGINT AS owner, NULL::VARCHAR AS object, NULL::VARCHAR AS attribute,
            NULL::VARCHAR AS rule, NULL::VARCHAR AS severity, NULL::VARCHAR AS value, NULL::VARCHAR AS result,
            NULL::BIGINT AS related, NULL::VARCHAR AS detail
        WHERE false"""
    return Relation(
        "violation",
        "What breaks a rule: first what each record tells by itself, then what the rules between records find.",
        ("excluded", *(f"converted_{table.object}" for table in TABLES)),
        "\nUNION ALL BY NAME\n".join([none, *(_of_records(manifest, table) for table in TABLES)]),
        stored=True,
    )


def _of_records(manifest: Manifest, table: Table) -> str:
    source = _JUDGED if table is SUBSCRIPTIONS else f"converted_{table.object}"
    return f"""SELECT record, {literal(table.object)} AS object, attribute, rule, severity,
            delivered[cell] AS value, if(imputes, results[cell], NULL) AS result
        FROM (SELECT record, violations, delivered, results FROM {source} WHERE violations <> 0) violated
        JOIN (VALUES {_bits(manifest, table)}) bit(mask, file, cell, attribute, rule, severity, imputes)
            ON violations & mask <> 0 AND coalesce(file = file_of(record), true)"""


def _bits(manifest: Manifest, table: Table) -> str:
    """SQL rows of a table's violations: its own for every file, a repeated header's for its file."""
    rows = [
        (
            1 << bit,
            "NULL",
            attribute.name,
            attribute.name,
            violation.rule,
            violation.severity,
            violation.severity is Severity.REPAIR or violation.value is not None,
        )
        for bit, (attribute, violation) in enumerate(table.violations)
        if violation.severity is not Severity.EXCLUDED
    ]
    for file in manifest.holding(table.object):
        rows += [
            (
                1 << (len(table.violations) + index),
                file.ordinal,
                repeated_cells_of(name),
                name,
                "FILE-DUPLICATE-HEADER",
                Severity.REJECT,
                False,
            )
            for index, name in enumerate(repeated_of(file, table))
        ]
    return ", ".join(
        f"({mask}::UBIGINT, {file}::BIGINT, {', '.join(map(literal, words))}, {imputes})"
        for mask, file, *words, imputes in rows
    )


def _address() -> Relation:
    def of(table: Table) -> str:
        values = {
            tables.short_name(table, attribute.name): sql.effective_value(table, attribute, {})
            for attribute in table.attributes
        }
        content = ", ".join(f"{quoted(name)}: {value}" for name, value in values.items())
        return f"""SELECT record, customer, {literal(table.object)} AS object,
            {literal(table.object.removesuffix("_address"))} AS type, {quoted(ADDRESS_IDS[table.object].name)} AS address_id,
            {{{content}}} AS content
        FROM converted_{table.object}"""

    return Relation(
        "address",
        "Addresses of both types, what stands of each as one value.",
        tuple(f"converted_{table.object}" for table in ADDRESSES),
        "\nUNION ALL\n".join(map(of, ADDRESSES)),
    )


def _type_with_ids(manifest: Manifest) -> Relation:
    types = [
        object_.removesuffix("_address")
        for object_, attribute in ADDRESS_IDS.items()
        if attribute.name in manifest.address_ids
    ]
    return Relation(
        "type_with_ids",
        "The types of address that the delivery tells apart by ids.",
        (),
        f"SELECT unnest([{', '.join(map(literal, types))}]::VARCHAR[]) AS type",
        stored=True,
    )
