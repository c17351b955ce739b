"""The order of judgement: exclusions, rules of one record, rules between records, the cascade; then what is merged.

A list of relations (``rules/sql``, and ``rules.columns`` where the spec names the columns), each made of those
before it. A rule between records is one of them, named by its id: its rows are violations.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine.relations import Relation, make
from pelcro_pipeline.rules import answers, catalogue, columns
from pelcro_pipeline.rules.files import FILES
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import ADDRESSES, HIDDEN, SECRETS, SUBSCRIPTIONS, TABLES
from pelcro_pipeline.spec.sql import literal, quoted

#: One row for each customer, whatever records repeat it.
GOLDEN = ("golden_record", "golden_customer")
#: What the rules of one record rest on, in the order in which it is made.
RECORDS = (
    "rule_rank",
    "object_rank",
    "lost_id",
    "customer_value",
    "repeated_customer",
    "other_person",
    "repeated_customer_value",
    "repeated_cell",
    "chosen_value",
    "chosen_customer_value",
    "first_filled",
    "repeated_golden_record",
    *GOLDEN,
    "placeholder_email",
    "subscriber",
    "excluded",
    "unhandled_value",
    "gift_flag",
    "received_subscription",
    "judged_subscription",
    "repeat",
    "shared_id",
    "first_plan",
    "violation",
)
#: What the rules between records rest on beside these.
BETWEEN_RECORDS = (
    "not_migrated",
    "field_not_migrated",
    "first_product",
    "surviving_subscription",
    "address",
    "surviving_address",
    "rival_address",
    "address_repeat",
    "type_with_ids",
    "customer_address",
    "subscription_address",
    "rejected_by_relation",
    "remaining_subscription",
)
#: Rules that ask which subscriptions their own records leave standing, and reject nothing.
OF_SURVIVING = ("CUS-EMAIL-SHARED",)
#: What would be loaded twice: among what all else leaves standing.
DUPLICATES = ("same_subscription", "SUB-DUPLICATE")
MERGED = ("merged",)
#: Rules of what is migrated, told when all else is judged.
OF_MIGRATED = ("ADR-CONFLICT", "ADR-ID-CONFLICT", "ADR-WHICH", "REL-EXCLUDED-PARTNER")
#: Told last: where another rule names an empty cell, that is its finding.
LAST = ("FILE-CELL-ERROR",)
RULES = tuple(rule for rule in catalogue.RULES if rule in FILES)
RELATION_RULES = tuple(rule for rule in RULES if rule.startswith("REL-") and rule not in OF_MIGRATED)
RECORD_RULES = tuple(
    rule for rule in RULES if rule not in (*RELATION_RULES, *OF_SURVIVING, *DUPLICATES, *OF_MIGRATED, *LAST)
)
#: All of it, in the order in which it is made.
ORDER = (
    *RECORDS,
    *RECORD_RULES,
    *BETWEEN_RECORDS,
    *OF_SURVIVING,
    *RELATION_RULES,
    *DUPLICATES,
    *MERGED,
    *OF_MIGRATED,
    *LAST,
)
#: What ``conversion.tables`` and ``rules.answers`` have made before.
GIVEN = (
    "location",
    "cell_error",
    "unhandled",
    *answers.GIVEN,
    *(name for table in TABLES for name in (f"converted_{table.object}", table.object)),
)


def judge(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, conversion: Path, settings: Settings
) -> list[Relation]:
    """Judge every object of an extract; returns the relations that it made, of which ``rules.results`` hands some on.

    ``violation``: one row for each; ``not_migrated``: one for each rejected or excluded object, with its root cause;
    ``merged``: objects that went into another record's.
    """
    relations = FILES | columns.relations(manifest)
    made_so_far: list[Relation] = []

    def made(*names: str) -> None:
        asked = [relations[name] for name in names]
        make(connection, asked)
        made_so_far.extend(asked)

    tables.create_views(connection, manifest, conversion)
    tables.create_location_views(connection, manifest, conversion)
    answers.create(connection, manifest.answers)
    record_rules = [rule for rule in RECORD_RULES if _applies(rule, manifest, settings)]
    made(*RECORDS, *record_rules)
    _record(connection, *record_rules)
    _tell_unhandled_once(connection)
    if manifest.answers:
        answers.settle(connection)
    made(*BETWEEN_RECORDS, *OF_SURVIVING)
    _record(connection, *OF_SURVIVING)
    for rule in RELATION_RULES:
        if _applies(rule, manifest, settings):
            made(rule)
            _reject_by_relation(connection, rule)
            if manifest.answers:
                answers.settle(connection)
                connection.execute(
                    f"""INSERT INTO rejected_by_relation
                    SELECT DISTINCT record, object, rule FROM answered WHERE rule = {literal(rule)} AND effect = 'reject'"""
                )
    connection.execute(
        "INSERT INTO not_migrated SELECT record, object, 'rejected', rule, record, object, rule FROM rejected_by_relation"
    )
    _cascade(connection)
    made(*DUPLICATES)
    _record(connection, "SUB-DUPLICATE")
    if manifest.answers:
        answers.settle(connection)
    ((duplicates,),) = connection.execute(
        """INSERT INTO not_migrated SELECT record, object, 'rejected', rule, record, object, rule FROM violation
        WHERE rule = 'SUB-DUPLICATE' AND severity = 'reject'"""
    ).fetchall()
    if duplicates:
        _cascade_among_subscriptions(connection)
    made(*MERGED, *OF_MIGRATED)
    _record(connection, *OF_MIGRATED)
    made(*LAST)
    _record(connection, *LAST)
    if manifest.answers:
        answers.settle(connection)
        answers.take_out_rejected(connection)
    _show_cell_errors(connection)
    _hide_secrets(connection)
    return made_so_far


def _applies(rule: str, manifest: Manifest, settings: Settings) -> bool:
    """Whether a rule can be broken at all: by what the settings say, and by how the files hang together."""
    if rule == "PLN-AMOUNT-UNIT":
        return settings.amounts is None
    if rule == "REL-TAX-ADDRESS":
        return bool(settings.taxes)
    if rule == "REL-CUSTOMER":
        belonging = {SUBSCRIPTIONS.object, *(table.object for table in ADDRESSES)}
        return any("customer" not in file.objects and belonging & {*file.objects} for file in manifest.files)
    return True


def _record(connection: duckdb.DuckDBPyConnection, *rules: str, into: str = "violation") -> None:
    """Record the rows of rules as violations: what they do not say of them, the catalogue does."""
    for rule in rules:
        told = connection.table(quoted(rule)).columns
        said = {name: value for name, value in catalogue.constants(rule).items() if name not in told}
        constants = ", ".join(f"{literal(value)} AS {name}" for name, value in said.items())
        connection.execute(f"INSERT INTO {into} BY NAME SELECT {constants}, rows.* FROM {quoted(rule)} AS rows")


def _reject_by_relation(connection: duckdb.DuckDBPyConnection, rule: str) -> None:
    """Record the rows of a rule between records: an object that one of them rejects is no violation of the next."""
    connection.execute("CREATE OR REPLACE TEMP TABLE breaking AS FROM violation LIMIT 0")
    _record(connection, rule, into="breaking")
    for statement in (
        "DELETE FROM breaking WHERE (record, object) IN (SELECT record, object FROM rejected_by_relation)",
        "INSERT INTO rejected_by_relation SELECT DISTINCT record, object, rule FROM breaking WHERE severity = 'reject'",
        "INSERT INTO violation FROM breaking",
    ):
        connection.execute(statement)


def _tell_unhandled_once(connection: duckdb.DuckDBPyConnection) -> None:
    """Where a value was lost to a step of a source's map, that it is missing is no finding of its own; an unknown status is shown
    where it rejects."""
    connection.execute(
        """DELETE FROM violation USING unhandled
        WHERE (violation.record, violation.object, violation.attribute) = (unhandled.record, unhandled.object, unhandled.attribute)
            AND unhandled.severity = 'reject' AND violation.value IS NULL AND violation.rule NOT IN ('SRC-STATUS', 'SUB-STATUS')"""
    )
    connection.execute(
        """UPDATE violation SET value = unhandled.value FROM unhandled
        WHERE (violation.record, violation.object, violation.attribute) = (unhandled.record, unhandled.object, unhandled.attribute)
            AND violation.rule = 'SUB-STATUS' AND violation.value IS NULL"""
    )


def _show_cell_errors(connection: duckdb.DuckDBPyConnection) -> None:
    """A finding of an empty cell shows the error that the workbook has there."""
    connection.execute(
        """UPDATE violation SET value = cell_error.value FROM cell_error
        WHERE (violation.record, violation.object, violation.attribute) = (cell_error.record, cell_error.object, cell_error.attribute)
            AND coalesce(violation.value, '') = ''"""
    )


def _hide_secrets(connection: duckdb.DuckDBPyConnection) -> None:
    hidden = ", ".join(f"{name} = if({name} IS NULL, NULL, {literal(HIDDEN)})" for name in ("value", "result"))
    connection.execute(f"UPDATE violation SET {hidden} WHERE attribute IN ({', '.join(map(literal, SECRETS))})")


@dataclass(frozen=True)
class Dependency:
    """Children that are not migrated when none of their parents is."""

    child: str
    #: The child's column, and the parent's, that are the same.
    link: str
    parent: str
    key: str
    #: Which of the child's and of the parent's objects it binds.
    condition: str = "true"
    parent_condition: str = "true"


#: Where another view than the object's own says what binds it.
_VIEWS = {"subscription": "received_subscription"}

#: In the order in which one pass suffices.
_PARENTS = (
    Dependency("plan", "temporary_product_id", "product", "id"),
    Dependency("subscription", "temporary_plan_id", "plan", "old_id"),
    Dependency("billing_address", "customer", "customer", "customer"),
    Dependency("shipping_address", "customer", "customer", "customer"),
    Dependency("subscription", "customer", "customer", "customer"),
)
#: Among subscriptions: whoever is not migrated may be another's partner.
_PARTNERS = (
    Dependency(
        "subscription", "gift_donor_subscription_id", "subscription", "old_id", "is_gift_recipient", "is_gift_donor"
    ),
    Dependency(
        "subscription", "old_id", "subscription", "gift_donor_subscription_id", "is_gift_donor", "is_gift_recipient"
    ),
    Dependency("subscription", "membership", "subscription", "membership", "type = 'member'", "type = 'admin'"),
)


def _cascade(connection: duckdb.DuckDBPyConnection) -> None:
    """REL-CLOSURE, to its fixed point: what hangs on what is not migrated is not either, and names the root cause."""
    # A repeat of what is not migrated is no parent that stands.
    _reject_repeats(connection)
    for dependency in _PARENTS:
        _reject_children(connection, dependency)
    _cascade_among_subscriptions(connection)


def _cascade_among_subscriptions(connection: duckdb.DuckDBPyConnection) -> None:
    """The part of the cascade that goes from partner to partner, to its fixed point."""
    rejected = 1
    while rejected:
        rejected = sum(_reject_children(connection, each) for each in _PARTNERS) + _reject_repeats(connection)


def _reject_children(connection: duckdb.DuckDBPyConnection, dependency: Dependency) -> int:
    """Reject the children none of whose parents is migrated; returns how many these are."""
    child, link, parent, key = dependency.child, dependency.link, dependency.parent, dependency.key
    children, parents = _VIEWS.get(child, child), _VIEWS.get(parent, parent)
    ((count,),) = connection.execute(
        f"""INSERT INTO not_migrated
        WITH lost AS (
            SELECT {key} AS key, arg_min(cause_record, parent.record) AS cause_record,
                arg_min(cause_object, parent.record) AS cause_object, arg_min(cause_rule, parent.record) AS cause_rule
            FROM {parents} parent JOIN not_migrated gone ON gone.record = parent.record AND gone.object = {literal(parent)}
            WHERE {dependency.parent_condition} AND {key} IS NOT NULL GROUP BY key
        ), standing AS (
            SELECT {key} AS key FROM {parents} parent SEMI JOIN lost ON {key} = lost.key
            ANTI JOIN (SELECT record FROM not_migrated WHERE object = {literal(parent)}) gone ON gone.record = parent.record
            WHERE {dependency.parent_condition}
        )
        SELECT child.record, {literal(child)}, 'rejected', 'REL-CLOSURE', cause_record, cause_object, cause_rule
        FROM {children} child JOIN lost ON child.{link} = lost.key
        ANTI JOIN standing ON child.{link} = standing.key
        ANTI JOIN (SELECT record FROM not_migrated WHERE object = {literal(child)}) gone ON gone.record = child.record
        WHERE {dependency.condition}"""
    ).fetchall()
    return count


def _reject_repeats(connection: duckdb.DuckDBPyConnection) -> int:
    """Reject equal repeats of what is not migrated; returns how many these are."""
    ((count,),) = connection.execute(
        """INSERT INTO not_migrated
        SELECT repeat.record, repeat.object, 'rejected', 'REL-CLOSURE', cause_record, cause_object, cause_rule
        FROM repeat JOIN not_migrated gone ON gone.record = repeat.first_record AND gone.object = repeat.object
        WHERE equal AND (repeat.record, repeat.object) NOT IN (SELECT record, object FROM not_migrated)"""
    ).fetchall()
    return count
