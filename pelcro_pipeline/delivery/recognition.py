"""What a delivered file is: the attribute that each header names, and what it lacks."""

from __future__ import annotations

import json
from collections.abc import Iterable

import duckdb

from pelcro_pipeline.delivery import nearest
from pelcro_pipeline.delivery.header import attribute_of, is_nameless, numbers_of_subscriptions
from pelcro_pipeline.delivery.manifest import Column, DeliveredFile, Manifest
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.spec import ATTRIBUTES, sql

#: A repeated header takes a bit of the mask of violations (``conversion.select``).
MOST_REPEATED = 32
#: Headers that a refusal compares with the templates'.
_MOST_NEAREST = 30
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
    """A header's columns, each with the attribute that it names; metadata that differs in case alone is the same."""
    spelled: dict[str, str] = {}
    return tuple(
        Column(position=position, header=cell, attribute=_spelled_alike(attribute_of(cell), spelled))
        for position, cell in enumerate(header)
    )


def _spelled_alike(attribute: str | None, spelled: dict[str, str]) -> str | None:
    """The attribute as it was first spelled; what was is kept in ``spelled``."""
    return attribute and spelled.setdefault(attribute.lower(), attribute)


def spelled_alike(files: Iterable[DeliveredFile]) -> tuple[DeliveredFile, ...]:
    """The files, metadata spelled as in the first that has it: columns that differ in case alone cannot stand side by side."""
    spelled: dict[str, str] = {}
    return tuple(
        file.model_copy(
            update={
                "columns": tuple(
                    column.model_copy(update={"attribute": _spelled_alike(column.attribute, spelled)})
                    for column in file.columns
                )
            }
        )
        for file in files
    )


def refuse_unrecognised(file: DeliveredFile, elsewhere: tuple[int, list[str]] | None) -> None:
    """Raise UnusableInputError where no header belongs to a template, too many repeat, or several subscriptions
    are numbered.

    ``elsewhere`` is the line, and its cells, that the headers stand on, where it is not the first.
    """
    # An address id alone, which no template has, makes no object of a record either.
    if not file.objects:
        if elsewhere:
            line, cells = elsewhere
            raise UnusableInputError(
                f"{file.name}: the headers stand on line {line} ({_first_known(cells)} among them), and not on the first: "
                "take out the lines above them and deliver again."
            )
        raise UnusableInputError(
            f"{file.name}: none of its headers belongs to a Pelcro template{_nearest(file)} Or name the file under ignore in "
            f"extract.toml: ignore = [{json.dumps(file.name, ensure_ascii=False)}]."
        )
    if len(file.repeated) > MOST_REPEATED:
        raise UnusableInputError(
            f"{file.name} repeats {len(file.repeated)} headers, among them {next(iter(file.repeated))}: give each column once."
        )
    numbers = numbers_of_subscriptions(column.header for column in file.columns)
    if len(numbers) > 1:
        raise UnusableInputError(
            f"{file.name}: its headers number subscriptions {' and '.join(numbers[:5])}, and a record holds one: "
            "give each subscription a line of its own, with the customer's columns repeated."
        )


def _first_known(cells: list[str]) -> str:
    return next(attribute for cell in cells if (attribute := attribute_of(cell)))


def _nearest(file: DeliveredFile) -> str:
    """The template headers that come near to a file's, as the end of a sentence, and what to do."""
    found = nearest.nearest(column.header for column in file.columns)
    compare = "`pelcro-pipeline new templates` writes files with every header and what it means."
    if not found:
        return f", nor comes near to one: {compare}"
    shown = ", ".join(f"`{header.strip()}`: `{name}`?" for header, name in list(found.items())[:_MOST_NEAREST])
    more = f" and {len(found) - _MOST_NEAREST} more" if len(found) > _MOST_NEAREST else ""
    return f". The nearest are {shown}{more} Write those that are meant into its first line and run again; {compare}"


def without_ghosts(file: DeliveredFile, connection: duckdb.DuckDBPyConnection) -> DeliveredFile:
    """The file, its columns told that have neither a name nor a filled cell."""
    nameless = [column for column in file.columns if is_nameless(column.header)]
    if not nameless:
        return file
    filled = ", ".join(f"count(trim_to_null({column.name}))" for column in nameless)
    counts = connection.execute(f"SELECT {filled} FROM {file.relation()}").fetchall()[0]
    ghosts = {column.position for column, count in zip(nameless, counts, strict=True) if not count}
    columns = tuple(column.model_copy(update={"ghost": column.position in ghosts}) for column in file.columns)
    return file.model_copy(update={"columns": columns})


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
