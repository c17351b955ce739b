"""A proposed map as its file: what is sure as it would run, and what a person decides behind a # with its candidates.

Of delivered values only codes are written (statuses, payment methods, intervals), never what tells of a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pelcro_pipeline.delivery.recognition import INDISPENSABLE
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.matching import naming, shape
from pelcro_pipeline.matching.check import rejects_where_empty
from pelcro_pipeline.matching.naming import FULL_NAME
from pelcro_pipeline.matching.proposal import (
    CUSTOMER_ID,
    PLAN_ID,
    SUBSCRIPTION_ID,
    THRESHOLD,
    Candidate,
    Placement,
    Sample,
    placements,
    read,
)
from pelcro_pipeline.sources.source_map import FILE_NAME, STATUS
from pelcro_pipeline.spec import ADDRESSES, ATTRIBUTES, BILLING_ADDRESSES, BY_OBJECT, SHIPPING_ADDRESSES, TEMPLATES
from pelcro_pipeline.spec.sql import literal, quoted

CANCEL = "subscription.cancel_at_period_end"
ORIGINAL_ID = "customer.common_metadata.original_old_provider_id"
_SOLD = ("subscription.", "plan.", "product.")
#: What readers may have without a subscription: the state of a newsletter, and what it is called.
_OF_NO_SUBSCRIPTION = frozenset((STATUS, PLAN_ID))
#: Of what a price is made: a plan for each that differs, so that nobody's price changes.
_PRICED = ("plan.amount", "plan.currency", "plan.interval", "plan.interval_count")
#: What is usual where an export has no column for it; a person takes away the # where it is so.
_USUAL = {
    "subscription.cancel_at_period_end": "0",
    "subscription.quantity": "1",
    "subscription.collection_method": "send_invoice",
    "subscription.type": "regular",
    STATUS: "active",
    "plan.auto_renew": "1",
    "plan.available_online": "0",
    "plan.interval": "4",
    "plan.interval_count": "1",
    "plan.shipments_per_interval": "0",
    "plan.type": "regular",
    "plan.revenue_recognition_type": "time_based",
    "plan.currency": "usd",
    "product.address_required": "0",
}
_OF_READERS_ALONE = (
    "# No column says until when or for how much: where these are readers alone, take no subscription here,",
    "# and leave the products and plans below as they stand.",
)
_WHICH_ADDRESS = "Is the address that is read as the billing address the one that copies are sent to, too or instead?"
#: Codes of a column that a comment repeats at most.
_CODES_SHOWN = 12
_NO_VALUES = ", without values here"
_WIDTH = 120
#: Candidates of a column that are shown, how sure one is whose attribute another column has, and a runner-up that is told.
_MOST_SHOWN, _CONTESTED, _TOLD = 3, 0.4, 0.3
#: Without these an address is none.
_OF_ADDRESS = ("line1", "city")
_UTC = frozenset(("utc", "gmt"))
_CENTS = frozenset(("cents", "minor"))


@dataclass(frozen=True)
class Line:
    """One field: what it is made of, and what is said of it; an open one stands behind a #."""

    attribute: str
    made: str
    said: str
    is_open: bool = False

    def __str__(self) -> str:
        return f"{'# ' if self.is_open else ''}{_text(self.attribute)} = {{ {self.made} }}  # {self.said}"


class _Making(NamedTuple):
    """What an attribute is made of as a map has it, a remark, and whether a person decides though the column is sure."""

    text: str
    remark: str = ""
    is_open: bool = False


@dataclass(frozen=True)
class Proposal:
    """A proposed map: its text, and of how many columns it says what they are, of how many it asks, of how many it knows nothing."""

    text: str
    placed: int
    asked: int
    unknown: int


def proposed(paths: Sequence[Path]) -> Proposal:
    """The map that is proposed for exports. Raises UnusableInputError for what cannot be read."""
    samples = read(paths)
    if not samples:
        raise UnusableInputError("Of no export a map can be proposed: name at least one after --from.")
    keys = _keys(samples)
    told = {key: placements(sample) for key, sample in keys.items()}
    found = {key: _without_halves(keys[key], each) for key, each in told.items()}
    sources = [_source(key, keys[key], found[key]) for key in keys]
    sold_elsewhere = any("plan.old_id" in _by_attribute(each) for each in found.values())
    targets = [
        _target(key, keys[key], found[key], file, files)
        for key in keys
        for files in [_files(told[key], sold_elsewhere=sold_elsewhere)]
        for file in files
    ]
    columns = [each for placed in found.values() for each in placed]
    asked = [
        each
        for placed in found.values()
        for each in placed
        if each.placed is None and _choice(each, _by_attribute(placed))
    ]
    names = ", ".join(_plain(each.name) for each in samples)
    asked_of_addresses = any(_is_of_no_address(each) for each in columns)
    asks = "\n".join(_list("asks", [_WHICH_ADDRESS])) + "\n" if asked_of_addresses else ""
    head = f"""# Proposed for {names}, by what the columns are called and what their values look like.
# What stands without a # is surer than {THRESHOLD:.0%}. Behind a # stands what a person decides: take the # away from what is right.
# `pelcro-pipeline check-map {FILE_NAME}` says what is still missing.
system = "own"
title = "A system of the publisher's own"
about = {_text(f"Proposed for {names}; to be confirmed by the publisher.")}
{asks}"""
    return Proposal(
        "\n".join([head, *sources, *targets]),
        placed=sum(each.placed is not None for each in columns),
        asked=len(asked),
        unknown=sum(each.placed is None for each in columns) - len(asked),
    )


def _without_halves(sample: Sample, placed: list[Placement]) -> list[Placement]:
    """The placements, what is half an address or half a subscription left to a person.

    A postal code alone is no address. A date, a price, and a status such as unpaid or cancelled make a subscription; a newsletter has
    active readers too.
    """
    columns = _by_attribute(placed)
    half = {
        column
        for address in ADDRESSES
        if not all(f"{address.prefix}{name}" in columns for name in _OF_ADDRESS)
        for name, column in columns.items()
        if name.startswith(address.prefix)
    }
    subscribed = {name: column for name, column in columns.items() if name.startswith(("subscription.", "plan."))}
    statuses = sample.filled(subscribed[STATUS]) if STATUS in subscribed else ()
    said = {naming.codes_of(STATUS).get(naming.folded(each)) for each in statuses}
    if _OF_NO_SUBSCRIPTION.issuperset(subscribed) and said <= {None, "active"}:
        half |= {*subscribed.values()}
    return [each.contested() if each.column in half else each for each in placed]


def _is_of_no_address(placement: Placement) -> bool:
    """Whether a column is of an address, and does not say whether it is billed or sent to."""
    placed, others = placement.placed, placement.candidates[1:]
    return placed is not None and any(
        each.attribute == placed.attribute.replace(BILLING_ADDRESSES.prefix, SHIPPING_ADDRESSES.prefix)
        and placed.attribute.startswith(BILLING_ADDRESSES.prefix)
        for each in others
    )


def _keys(samples: Sequence[Sample]) -> dict[str, Sample]:
    """The exports by the names that the map has for them."""
    found: dict[str, Sample] = {}
    for sample in samples:
        file, _, sheet = sample.name.partition("#")
        stem = re.sub(r"\W+|_+", "_", sheet or Path(file).stem, flags=re.ASCII).strip("_").lower() or "export"
        key, number = stem, 2
        while key in found:
            key, number = f"{stem}_{number}", number + 1
        found[key] = sample
    return found


def _source(key: str, sample: Sample, placed: Sequence[Placement]) -> str:
    """The export's part: columns that are used must be there, others may."""
    used = [each.column for each in placed if each.placed is not None]
    # What optional ones are called is a pattern.
    used += [each.column for each in placed if each.placed is None and not {*"*?["}.isdisjoint(each.column)]
    optional = [each for each in sample.columns if each not in used]
    if not used:
        used, optional = list(sample.columns), []
    if sample.is_json:
        # Of JSON a column without any value is none.
        empty = [each for each in used if not sample.filled(each)]
        used, optional = [each for each in used if each not in empty], [*optional, *empty]
    lines = [f"[sources.{key}]", f"file = {_text(_pattern(sample.name))}"]
    lines += ['format = "json"'] if sample.is_json else []
    lines += [f"records = {_text(sample.records)}"] if sample.records else []
    if sample.record_types is not None:
        header, body = sample.record_types.header, sample.record_types.body
        lines.append(f"record_types = {{ header = {_text(header)}, body = {_text(body)} }}")
    lines += _list("columns", used)
    lines += _list("optional", optional) if optional else []
    lines += [line for array, most in sample.arrays.items() for line in _of_array(array, most)]
    return "\n".join(lines) + "\n"


def _of_array(array: str, most: int) -> list[str]:
    """What a person does where records have several elements in an array."""
    return [
        f"# A record has up to {most:,} elements in {_plain(array)}, and only the first was looked at ({_plain(array)}.0).",
        f"# Where each is a record of its own, as each subscription of a reader: records = {_text(array)}, and no .0 behind it below.",
        "# Where the last one holds: -1 for that 0.",
    ]


def _pattern(name: str) -> str:
    """The file's name as a pattern: the day in it differs each time."""
    file = re.sub(r"[*?\[]", "?", name.partition("#")[0])
    return re.sub(r"\d[\d._-]*\d{2,}|\d{4,}", "*", file)


def _files(placed: Sequence[Placement], *, sold_elsewhere: bool) -> list[str]:
    """The templates that an export fills, and of subscriptions those that nothing else of the delivery does."""
    objects = {each.placed.attribute.partition(".")[0] for each in placed if each.placed is not None}
    if not objects:
        maybe = {_template_of(candidate.attribute) for each in placed for candidate in each.candidates}
        return [file for file in TEMPLATES if file in maybe] or ["customers"]
    if objects & {"customer", "address", "subscription"}:
        sold = objects & {"subscription", "plan", "product"} and not sold_elsewhere
        return ["customers", *(["products", "plans"] if sold else [])]
    return [file for file, object_ in (("products", "product"), ("plans", "plan")) if object_ in objects]


def _by_attribute(placed: Iterable[Placement]) -> dict[str, str]:
    """The columns that are placed, by their attribute."""
    return {each.placed.attribute: each.column for each in placed if each.placed is not None}


def _template_of(attribute: str) -> str:
    object_ = attribute.partition(".")[0]
    return {"product": "products", "plan": "plans"}.get(object_, "customers")


def _target(key: str, sample: Sample, placed: Sequence[Placement], file: str, files: Sequence[str]) -> str:
    columns = _by_attribute(placed)
    lines = [line for each in placed for line in _lines(sample, each, columns) if _template_of(line.attribute) == file]
    lines += _derived(columns, file, {line.attribute for line in lines if not line.is_open})
    lines += _other_emails(sample, columns) if file == "customers" else []
    said = {line.attribute for line in lines if not line.is_open or line.attribute in _USUAL}
    lines += [
        Line(name, _usual(name), "needed, and no column says it", is_open=True)
        for name in _needed(file, said)
        if name not in {line.attribute for line in lines if not line.said[0].isdigit()}
    ]
    live = any(not line.is_open for line in lines)
    left = [
        each.column
        for each in placed
        if each.placed is None and not any(_template_of(one.attribute) in files for one in _choice(each, columns))
    ]
    unique = _unique(columns, file) or ([] if live or file == files[0] else _unique_id(file))
    head = ["[[target]]", f"file = {_text(file)}", f"source = {_text(key)}", *unique, "[target.fields]"]
    body = [*map(str, lines), *_listed_columns("Nothing is proposed for", left if file == files[0] else [])]
    elsewhere = [column for name, column in columns.items() if _template_of(name) not in files]
    body += _listed_columns("Left to the export of products and plans", elsewhere if file == files[0] else [])
    if file == "customers" and "products" in files and not any(each.startswith(_SOLD) for each in columns):
        body = [*_OF_READERS_ALONE, *body]
    body = [*_of_events(sample, columns), *body] if file == "customers" else body
    # Nothing is run of a template of which nothing is sure.
    return "\n".join([*(head if live else [f"# {each}" for each in head]), *body]) + "\n"


def _of_events(sample: Sample, columns: dict[str, str]) -> list[str]:
    """What a person does where a subscription stands in several records."""
    column = columns.get(SUBSCRIPTION_ID)
    values = sample.filled(column) if column else []
    if column is None or len({*values}) == len(values):
        return []
    kept = f"unique = {{ key = [{_text(column)}], keep_last_by = ... }}"
    return [
        f"# {_plain(column)} repeats: where these are events of which the last holds, above: {kept}, the column of their time."
    ]


def _unique(columns: dict[str, str], file: str) -> list[str]:
    """What is sold stands once, and in an export of subscriptions with each of them."""
    own = {"products": ("product.id",), "plans": (PLAN_ID, *_PRICED), "customers": ()}[file]
    key = [columns[name] for name in own if name in columns]
    if file != "customers" and not any(name in columns for name in own[:1]):
        key = [columns[name] for name in ("product.id", "product.name", PLAN_ID) if name in columns][:1] + key
    if not key or (file == "plans" and "plan.old_id" in columns):
        return []
    return [f"unique = {{ key = [{', '.join(map(_text, key))}] }}"]


def _unique_id(file: str) -> list[str]:
    """The same of what a person gives an id: one of each."""
    own = {"products": "product.id", "plans": "plan.old_id"}[file]
    return [f"unique = {{ key = [{_text(own)}] }}"]


def _lines(sample: Sample, placement: Placement, columns: dict[str, str]) -> Iterator[Line]:
    """What a column is proposed as, or the candidates that a person chooses from."""
    placed = placement.placed
    for candidate in _choice(placement, columns) if placed is None else (placed,):
        said = f"{candidate.confidence:.0%}"
        runner_up = next(
            (each for each in placement.candidates if each is not candidate and each.confidence >= _TOLD), None
        )
        if placed is not None and runner_up is not None:
            said += f", or {runner_up.attribute} {runner_up.confidence:.0%}"
        for attribute, making in _made(sample, placement.column, candidate, columns):
            yield Line(attribute, making.text, said + making.remark, placed is None or making.is_open)


def _choice(placement: Placement, columns: dict[str, str]) -> list[Candidate]:
    """The candidates that a person is shown: the surest, and of what another column surely is only near ones."""
    shown = [each for each in placement.candidates if each.attribute not in columns or each.confidence >= _CONTESTED]
    return shown[:_MOST_SHOWN]


def _made(sample: Sample, column: str, candidate: Candidate, columns: dict[str, str]) -> Iterator[tuple[str, _Making]]:
    """The attributes that a column is proposed as, and how each is made of it."""
    attribute, values = candidate.attribute, sample.filled(column)
    of_column = f"from = {_text(column)}"
    if attribute == FULL_NAME:
        first = f"split_part({quoted(column)}, ' ', 1)"
        others = f"regexp_extract({quoted(column)}, '^\\S+\\s+(.+)$', 1)"
        yield "customer.first_name", _Making(f"sql = {_text(first)}", ", its first word")
        yield "customer.last_name", _Making(f"sql = {_text(others)}", ", the others")
    elif attribute == CUSTOMER_ID:
        yield attribute, _Making(of_column)
        yield ORIGINAL_ID, _Making(of_column)
    elif attribute == PLAN_ID:
        yield attribute, _Making(_plan_id(columns) if columns.get(PLAN_ID) == column else of_column)
    elif attribute == CANCEL and candidate.inverse:
        codes = {
            value: "0" if yes else "1" for value in dict.fromkeys(values) if (yes := shape.is_yes(value)) is not None
        }
        if codes:
            yield attribute, _Making(f"{of_column}, map = {_table(codes)}", ", yes is no here")
        else:
            yield attribute, _Making(of_column, "; where it is yes this is no", is_open=True)
    elif attribute == "plan.amount":
        yield attribute, _amount(column, values)
    elif attribute == "plan.interval" and "plan.interval_count" not in columns:
        yield from _spanned(of_column, values)
    elif naming.codes_of(attribute):
        yield attribute, _coded(attribute, of_column, values)
    elif attribute in ATTRIBUTES and ATTRIBUTES[attribute].kind.name == "date":
        yield attribute, _dated(column, values)
    else:
        yield attribute, _Making(of_column, "" if values else _NO_VALUES)


def _amount(column: str, values: Sequence[str]) -> _Making:
    of_column = f"from = {_text(column)}"
    if shape.has_decimals(values):
        if shape.are_plain_amounts(values):
            return _Making(f'{of_column}, money = "major"')
        if shape.are_plain_amounts([value.replace(",", ".") for value in values]):
            pointed = f"replace({quoted(column)}, ',', '.')"
            return _Making(f'sql = {_text(pointed)}, money = "major"')
        return _Making(
            f'{of_column}, money = "major"', "; what stands beside the digits is to be taken out", is_open=True
        )
    if _CENTS & {*naming.words_of(column)}:
        return _Making(f'{of_column}, money = "minor"')
    return _Making(f'{of_column}, money = "major"', '; "minor" where 1900 is 19.00', is_open=True)


def _coded(attribute: str, of_column: str, values: Sequence[str]) -> _Making:
    """What codes say is written where it is known; the others are a person's to map, and told until then."""
    known = naming.codes_of(attribute)
    return _mapped(of_column, {value: known.get(naming.folded(value)) for value in dict.fromkeys(values)})


def _mapped(of_column: str, found: dict[str, str | None]) -> _Making:
    """What delivered codes become; those of which it is not known are told."""
    codes = {value: said for value, said in found.items() if said is not None}
    left = [value for value, said in found.items() if said is None][:_CODES_SHOWN]
    remark = f"; to be decided: {', '.join(map(_plain, left))}" if left else ""
    if not codes:
        # Nothing says that these are codes, and no names of readers.
        return _Making(f"{of_column}, map = {{}}", "; what it holds is to be mapped", is_open=True)
    return _Making(f"{of_column}, map = {_table(codes)}", remark)


def _spanned(of_column: str, values: Sequence[str]) -> Iterator[tuple[str, _Making]]:
    """An interval, and where a period such as quarterly has several of it, how many."""
    spans = {value: naming.span_of(value) for value in dict.fromkeys(values)}
    yield "plan.interval", _mapped(of_column, {value: span and span[0] for value, span in spans.items()})
    if any(span is not None and span[1] != "1" for span in spans.values()):
        yield "plan.interval_count", _mapped(of_column, {value: span and span[1] for value, span in spans.items()})


def _dated(column: str, values: Sequence[str]) -> _Making:
    formats, mixed = shape.formats_of(values), shape.mixed_formats_of(values)
    named = quoted(column)
    empty = shape.NO_DATE & {*values}
    for none in sorted(empty):
        named = f"nullif({named}, {literal(none)})"
    source = f"sql = {_text(named)}" if empty else f"from = {_text(column)}"
    if not values:
        return _Making(source, _NO_VALUES)
    if not formats and mixed:
        return _Making(f"{source}, date = [{', '.join(map(_text, mixed))}]")
    if len(formats) != 1:
        return _Making(source, "; day or month first is asked" if formats else "; written in several ways")
    (format_,) = formats
    if format_.endswith("%z") and any(value.endswith("Z") for value in values):
        # DuckDB's %z reads +0000 and no Z.
        named = f"regexp_replace({named}, 'Z$', '+0000')"
    elif format_.endswith("%Z"):
        named = f"regexp_replace({named}, ' (UTC|GMT|Z)$', ' +0000')"
        format_ = format_[:-1] + "z"
    elif "%H" in format_ and "%z" not in format_ and _UTC & set(re.findall(r"[a-z]+", column.lower())):
        named, format_ = f"{named} || ' +0000'", f"{format_} %z"
    source = f"from = {_text(column)}" if named == quoted(column) else f"sql = {_text(named)}"
    return _Making(f"{source}, date = {_text(format_)}")


def _plan_id(columns: dict[str, str]) -> str:
    """A plan for each price of a plan."""
    named = [columns[name] for name in (PLAN_ID, *_PRICED) if name in columns]
    if len(named) == 1:
        return f"from = {_text(named[0])}"
    joined = f"concat_ws('/', {', '.join(map(quoted, named))})"
    return f"sql = {_text(joined)}"


def _derived(columns: dict[str, str], file: str, given: set[str]) -> list[Line]:
    """Products and plans that no export has of its own, from what subscriptions say of them."""
    plan = columns.get(PLAN_ID) or columns.get("plan.old_id")
    product = columns.get("product.id") or columns.get("product.name")
    priced = any(name in columns for name in _PRICED)
    subscribed = any(name.startswith("subscription.") for name in columns)
    found: list[Line] = []

    def propose(name: str, made: str | None, said: str, *, is_open: bool = True) -> None:
        if made and name not in given and name not in {each.attribute for each in found}:
            found.append(Line(name, made, said, is_open))

    of_plan, of_product = (f"from = {_text(each)}" if each else None for each in (plan, product))
    of_price = _plan_id(columns) if PLAN_ID in columns or (subscribed and priced) else of_product
    if file == "customers":
        for name, column in _other_names(columns):
            propose(name, f"from = {_text(column)}", "no column has it: the same reader's elsewhere")
    match file:
        case "customers" if subscribed and PLAN_ID not in columns:
            propose(PLAN_ID, of_price, "no column names plans: one for each price or product")
        case "plans":
            propose("plan.old_id", of_price, "one for each price of a plan", is_open=PLAN_ID not in columns)
            propose("plan.temporary_product_id", of_product, "the product's id", is_open=plan is None)
            propose("plan.temporary_product_id", of_plan, "no column names products: one for each plan")
            propose("plan.nickname", of_plan or of_product, "no column names plans")
        case "products":
            propose("product.id", of_product, "its name: no column has its id", is_open=False)
            propose("product.id", of_plan, "no column names products: one for each plan")
            propose("product.name", of_product or of_plan, "no column names products")
    return found


def _other_names(columns: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The names that a reader or an address lacks, and the column that has them of another of these: without any an address is none."""
    owners = ["customer.", *(each.prefix for each in ADDRESSES)]
    named = [each for each in owners if each == "customer." or f"{each}line1" in columns]
    for owner in named:
        for name in ("first_name", "last_name"):
            other = next((columns[f"{each}{name}"] for each in owners if f"{each}{name}" in columns), None)
            if other is not None and f"{owner}{name}" not in columns and FULL_NAME not in columns:
                yield f"{owner}{name}", other


def _other_emails(sample: Sample, columns: dict[str, str]) -> Iterator[Line]:
    """Where the reader's email is empty in a record, the columns that have one there: billing's is most often the reader's own."""
    own = columns.get("customer.email")
    for column in sample.columns if own else ():
        filled = any(
            other.strip() and not email.strip()
            for email, other in zip(sample.columns[own], sample.columns[column], strict=True)
        )
        if column != own and filled and shape.are_emails(sample.filled(column)):
            made = f"coalesce({quoted(own)}, {quoted(column)})"
            yield Line("customer.email", f"sql = {_text(made)}", f"{_plain(own)} is empty where this one is not", True)


def _needed(file: str, given: set[str]) -> list[str]:
    """What objects that the target fills cannot stand without, and nothing is proposed for."""
    found = []
    for table in TEMPLATES[file]:
        own = [name for name in given if BY_OBJECT[table.object] is table and name.startswith(table.prefix)]
        if own or file != "customers":
            needed = INDISPENSABLE.get(table.object, ())
            found += [
                attribute.name
                for attribute in table.attributes
                if attribute.name not in given and (attribute.name in needed or rejects_where_empty(attribute))
            ]
    return found


def _usual(name: str) -> str:
    return f"const = {_text(_USUAL[name])}" if name in _USUAL else 'from = "?"'


def _listed_columns(title: str, columns: Sequence[str]) -> list[str]:
    if not columns:
        return []
    return [f"# {title}:", *(f"#   {_plain(each)}" for each in columns)]


def _list(key: str, values: Sequence[str]) -> list[str]:
    """A list of texts, broken into lines."""
    lines, line = [], ""
    for each in map(_text, values):
        if line and len(line) + len(each) > _WIDTH:
            lines.append(line)
            line = ""
        line += f"{', ' if line else '  '}{each}"
    return [f"{key} = [", ",\n".join([*lines, line]) + ",", "]"]


def _table(codes: dict[str, str]) -> str:
    return f"{{ {', '.join(f'{_text(code)} = {_text(value)}' for code, value in codes.items())} }}"


def _text(value: str) -> str:
    """A text as TOML has it on one line."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(value: str) -> str:
    """Delivered text within a comment: on one line, and nothing that cannot be shown."""
    return "".join(each if each.isprintable() else " " for each in value)
