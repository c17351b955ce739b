"""Requests, checked by the schemas of the OpenAPI document; what they break is told in the API's own manner."""

from __future__ import annotations

import re
from collections.abc import Callable

#: The reasons by field, as the API answers them.
Errors = dict[str, list[str]]

_KINDS: dict[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    # As JSON Schema has it, 5.0 is an integer.
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


class InvalidError(Exception):
    """A request that is refused, with the reasons by field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.errors: Errors = {field: [reason]}


def body_errors(schema: dict, body: dict) -> Errors:
    """What a body breaks of its schema, by field. Integers that came as 5.0 are put right in it, what is not known goes."""
    errors: Errors = {}
    for name in schema.get("required", ()):
        if body.get(name) is None:
            errors[name] = [f"The {_words(name)} field is required."]
    fields = schema["properties"]
    closed = schema.get("additionalProperties", True) is False
    for name, value in list(body.items()):
        if name in errors:
            continue
        if name not in fields:
            if closed:
                errors[name] = [f"The {_words(name)} field is not known."]
            else:
                del body[name]
            continue
        reason = _reason(fields[name], value)
        if reason:
            errors[name] = [f"The {_words(name)} {reason}"]
        elif isinstance(value, float) and "integer" in fields[name]["type"] and "number" not in fields[name]["type"]:
            body[name] = int(value)
    return errors


def query_errors(parameters: list[dict], query: dict[str, str]) -> Errors:
    """What the parameters of a query break; all but `filter` and `expand` are words of a URL."""
    errors: Errors = {}
    for parameter in parameters:
        name, schema = parameter["name"], parameter["schema"]
        value = query.get(name)
        if value is None or schema["type"] in ("array", "object"):
            continue
        if schema["type"] == "integer":
            if not re.fullmatch(r"-?[0-9]{1,15}", value, re.ASCII):
                errors[name] = [f"The {_words(name)} must be an integer."]
                continue
            value = int(value)
        reason = _reason(schema, value)
        if reason:
            errors[name] = [f"The {_words(name)} {reason}"]
    return errors


def _words(name: str) -> str:
    return name.replace("_", " ")


def _reason(schema: dict, value: object) -> str | None:
    """What is wrong with a value, or nothing."""
    kinds = schema["type"]
    if not any(_KINDS[kind](value) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        named = kinds if isinstance(kinds, str) else next(kind for kind in kinds if kind != "null")
        return f"must be {'an' if named[0] in 'aio' else 'a'} {named}."
    if "enum" in schema and value not in schema["enum"]:
        return "is invalid: the selected value is none of those allowed."
    if isinstance(value, str):
        return _text_reason(schema, value)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        if value < schema.get("minimum", value):
            return f"must be at least {schema['minimum']}."
        return f"must not be greater than {schema['maximum']}." if value > schema.get("maximum", value) else None
    return _inner_reason(schema, value)


def _text_reason(schema: dict, value: str) -> str | None:
    if len(value) > schema.get("maxLength", len(value)):
        return f"must not be greater than {schema['maxLength']} characters."
    if len(value) < schema.get("minLength", 0):
        return f"must be at least {schema['minLength']} characters."
    # A dollar in Python stands before a last line feed, too; in JSON Schema it does not.
    if "pattern" in schema and (value.endswith("\n") or not re.search(schema["pattern"], value)):
        return "format is invalid."
    return None if _encodes(value) else "is no valid Unicode."


def _inner_reason(schema: dict, value: list | dict) -> str | None:
    if isinstance(value, list):
        for number, item in enumerate(value):
            reason = _reason(schema["items"], item) if "items" in schema else None
            if reason:
                return f"{number} {reason}"
        return None
    fields = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            return f"{_words(name)} field is required."
    for name, item in value.items():
        inner = fields.get(name, schema.get("additionalProperties", True))
        reason = _reason(inner, item) if isinstance(inner, dict) else None
        if not reason and not (_encodes(name) and _encodes(item)):
            reason = "is no valid Unicode."
        if reason:
            return f"{_words(name)} {reason}"
    return None


def _encodes(value: object) -> bool:
    """Whether all text in a value is Unicode: JSON can escape halves of characters."""
    if isinstance(value, str):
        return value.isascii() or not re.search("[\ud800-\udfff]", value)
    if isinstance(value, dict):
        return all(_encodes(name) and _encodes(item) for name, item in value.items())
    return all(map(_encodes, value)) if isinstance(value, list) else True
