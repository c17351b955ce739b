"""What a delivered file is: the attribute that each header names, and what it lacks."""

from __future__ import annotations

import duckdb

from pelcro_pipeline.delivery.header import attribute_of
from pelcro_pipeline.delivery.manifest import Column, DeliveredFile, Manifest
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.spec import ATTRIBUTES, sql

#: A repeated header takes a bit of the mask of violations (``conversion.select``).
MOST_REPEATED = 32
#: FILE-MISSING: without these columns nothing of their table could stand.
INDISPENSABLE = {
    "product": ("product.id", "product.name"),
    "plan": (
        "plan.old_id",
        "plan.nickname",
        "plan.amount",
        "plan.currency",
        "plan.auto_renew",
        "plan.interval",
        "plan.interval_count",
        "plan.temporary_product_id",
    ),
    "subscription": (
        "subscription.current_period_end",
        "subscription.collection_method",
        "subscription.common_metadata.temporary_plan_id",
        "subscription.common_metadata.service_status",
    ),
}


def columns_of(header: list[str]) -> tuple[Column, ...]:
    """A header's columns, each with the attribute that it names."""
    return tuple(
        Column(position=position, header=cell, attribute=attribute_of(cell)) for position, cell in enumerate(header)
    )


def refuse_unrecognised(file: DeliveredFile) -> None:
    """Raise UnusableInputError where no header belongs to a template, or too many repeat."""
    # An address id alone, which no template has, makes no object of a record either.
    if not file.objects:
        raise UnusableInputError(
            f"{file.name}: none of its headers belongs to a Pelcro template: compare them with `pelcro-pipeline new`, "
            "or name the file under ignore in extract.toml."
        )
    if len(file.repeated) > MOST_REPEATED:
        raise UnusableInputError(
            f"{file.name} repeats {len(file.repeated)} headers, among them {next(iter(file.repeated))}: give each column once."
        )


def refuse_missing(manifest: Manifest, connection: duckdb.DuckDBPyConnection) -> None:
    """Raise UnusableInputError where what nothing can stand without was not delivered (FILE-MISSING)."""
    missing = [
        f"{file.name} lacks {attribute}"
        for object_, attributes in INDISPENSABLE.items()
        for file in manifest.holding(object_)
        for attribute in attributes
        if attribute not in file.attributes
    ]
    undelivered = [object_ for object_ in ("product", "plan") if not manifest.holding(object_)]
    if undelivered and any(_has_subscriptions(file, connection) for file in manifest.holding("subscription")):
        missing += [f"the extract has subscriptions and no {object_}s" for object_ in undelivered]
    if missing:
        raise UnusableInputError(f"FILE-MISSING: {'; '.join(missing)}. Deliver what is missing.")


def _has_subscriptions(file: DeliveredFile, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a record holds a subscription: the template names its columns in any case."""
    cells = [
        _presence(column)
        for column in file.columns
        if column.attribute and column.attribute.startswith("subscription.")
    ]
    return connection.execute(f"SELECT coalesce(bool_or({sql.held(cells)}), false) FROM {file.relation()}").fetchall()[
        0
    ][0]


def _presence(column: Column) -> str:
    if column.attribute not in ATTRIBUTES:
        return column.text
    attribute = ATTRIBUTES[column.attribute]
    return sql.presence(attribute, sql.canonical(attribute, column.text))
