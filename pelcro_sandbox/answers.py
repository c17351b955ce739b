"""Rows as the API shows them, one or a page."""

from __future__ import annotations

import math
import time
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from pelcro_sandbox.contract import EXPANDED, FILTERED, MOST_ROWS, OBJECTS, ROWS, SORTED, plural
from pelcro_sandbox.site import Site
from pelcro_sandbox.validation import InvalidError

_FIELDS = {name: tuple(fields) for name, fields in OBJECTS.items()}
_ADDRESS_TYPES = {"shipping": 1, "billing": 2, "account_primary": 3}
_OPERATORS = ("eq", "oreq", "like", "orlike", "has", "orhas")
#: What has no entry in the store's keys is looked up in the rows themselves.
_UNKEYED = ("first_name", "last_name", "name")


class Query(NamedTuple):
    """A query: its words, what is to be expanded, and its filters in their order."""

    words: dict[str, str]
    expand: tuple[str, ...]
    filters: tuple[tuple[str, str], ...]


def parsed(text: str, choices: dict[str, str]) -> Query:
    """A query, read."""
    words, expand, filters = {}, [], []
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name == "expand[]" and choices["expand"] == "brackets":
            expand.append(value)
        elif name == "expand" and choices["expand"] == "commas":
            expand += value.split(",")
        elif name.startswith("filter[") and name.endswith("]"):
            filters.append((name[len("filter[") : -1], value))
        else:
            words[name] = value
    return Query(words, tuple(expand), tuple(filters))


def shown(site: Site, one: str, row: dict, expand: tuple[str, ...] = ()) -> dict:
    """A row as the API shows it, related rows by their ids or, expanded, themselves."""
    answer = {field: row.get(field) for field in _FIELDS[one]}
    identity = row["id"]
    if one == "customer":
        names = [name for name in (row["first_name"], row["last_name"]) if name]
        answer["name"] = " ".join(names) or None
        answer["addresses"] = site.find("addresses", "user_id", identity)
        answer["subscriptions"] = site.find("subscriptions", "user_id", identity)
        answer["default_source"] = row["default_source_id"]
    elif one == "product":
        answer["plans"] = site.find("plans", "product_id", identity)
    elif one == "address" and site.choices["address-type"] == "number":
        answer["type"] = _ADDRESS_TYPES[row["type"]]
    elif one == "plan" and site.choices["plan-active"] == "word":
        answer["active"] = "active" if row["active"] else "archived"
    elif one == "subscription" and site.choices["subscription-old-id"] == "unique":
        answer["old_provider_id"] = row["_old_id"]
    for field in expand:
        kind = EXPANDED.get(one, {}).get(field)
        if kind is not None:
            answer[field] = _expanded(site, kind, answer[field])
    return answer


def _expanded(site: Site, one: str, value: list[int] | int | None) -> object:
    if isinstance(value, list):
        return [_expanded(site, one, each) for each in value]
    row = None if value is None else site.get(plural(one), value)
    return value if row is None else shown(site, one, row)


def page(site: Site, one: str, query: Query, path: str) -> object:
    """One page of a list, in the shape that is assumed."""
    number = int(query.words.get("page", 1))
    limit = int(query.words.get("limit", ROWS))
    if limit > MOST_ROWS and site.choices["list-limit"] == "refused":
        raise InvalidError("limit", f"The limit must not be greater than {MOST_ROWS}.")
    limit = min(limit, MOST_ROWS)
    rows, total = _rows(site, one, query, limit, (number - 1) * limit)
    data = [shown(site, one, row, query.expand) for row in rows]
    if site.choices["list-shape"] == "bare":
        return data
    last = max(1, math.ceil(total / limit))
    if site.choices["list-shape"] == "links":
        others = [*query.words.items(), *((f"filter[{name}]", value) for name, value in query.filters)]
        onward = urlencode([*((n, v) for n, v in others if n != "page"), ("page", number + 1)])
        return {"data": data, "links": {"next": f"{path}?{onward}" if number < last else None}}
    meta = {"current_page": number, "last_page": last, "per_page": limit, "total": total}
    return {"data": data, "meta": meta}


def _rows(site: Site, one: str, query: Query, limit: int, offset: int) -> tuple[list[dict], int]:
    kind, store = plural(one), site.store
    order = _order(site, one, query.words.get("sort"))
    where, values = _condition(site, one, query.filters)
    lag = site.choices["list-lag"]
    if lag != "none":
        where = f"({where}) AND created <= ?" if where else "created <= ?"
        values = [*values, time.time() - int(lag)]
    if not where and order in ("id ASC", "id DESC"):
        rows = store.page(site.number, kind, limit, offset, newest=order == "id DESC")
        return rows, store.count(site.number, kind)
    rows = store.query(site.number, kind, f"({where or 'TRUE'})", values, order, limit, offset)
    return rows, store.count(site.number, kind, f"({where})" if where else "", values)


def _order(site: Site, one: str, sort: str | None) -> str:
    unsorted = {"id": "id ASC", "newest": "id DESC", "updated": "changed ASC"}[site.choices["list-order"]]
    if not sort:
        return unsorted
    field = sort.removeprefix("-")
    if field not in SORTED.get(one, ()):
        if site.choices["unlisted-filter"] == "ignored":
            return unsorted
        raise InvalidError("sort", "The sort is not allowed.")
    direction = "DESC" if sort.startswith("-") else "ASC"
    return f"id {direction}" if field == "id" else f"json_extract(document, '$.{field}') {direction}, id"


def _condition(site: Site, one: str, filters: tuple[tuple[str, str], ...]) -> tuple[str, list]:
    """The filters as SQL and its values: those that begin with `or` widen, the others narrow."""
    where, values = "", []
    for attribute, text in filters:
        operator, _, value = text.partition(":")
        if operator not in _OPERATORS:
            operator, value = "eq", text
        metadata = "metadata.*" in FILTERED.get(one, ()) and (
            attribute.startswith("metadata.") or (attribute == "metadata" and operator.endswith("has"))
        )
        if not metadata and attribute not in FILTERED.get(one, ()):
            if site.choices["unlisted-filter"] == "ignored":
                continue
            raise InvalidError("filter", "The filter is not allowed.")
        condition, found = _compared(site, plural(one), attribute, operator.removeprefix("or"), value)
        joined = "OR" if operator.startswith("or") else "AND"
        where = f"{where} {joined} {condition}" if where else condition
        values += found
    return where, values


def _compared(site: Site, kind: str, attribute: str, operator: str, value: str) -> tuple[str, list]:
    if operator == "has":
        names = value.split(",") if attribute == "metadata" else [attribute.removeprefix("metadata.")]
        marks = ", ".join("?" * len(names))
        fields = [f"metadata.{name}" for name in names]
        inside = f"id IN (SELECT id FROM key WHERE site = ? AND kind = ? AND field IN ({marks}))"
        return inside, [site.number, kind, *fields]
    wanted = [f"%{value}%"] if operator == "like" else value.split(",")
    test = "LIKE ?" if operator == "like" else f"IN ({', '.join('?' * len(wanted))})"
    if attribute in _UNKEYED:
        return f"json_extract(document, '$.{attribute}') {test}", wanted
    if attribute == "email" and site.store.folds_case:
        wanted = [each.lower() for each in wanted]
    return (
        f"id IN (SELECT id FROM key WHERE site = ? AND kind = ? AND field = ? AND value {test})",
        [site.number, kind, attribute, *wanted],
    )
