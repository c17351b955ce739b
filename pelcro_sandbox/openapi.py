"""The contract as an OpenAPI 3.1 document: what is served at /openapi.json, and what requests are checked by."""

from __future__ import annotations

from pelcro_sandbox.assumptions import declared
from pelcro_sandbox.contract import EXPANDED, OBJECTS, Operation, operations

PREFIX = "/api/v1/core"


def document(choices: dict[str, str]) -> dict:
    """The document, as the chosen alternatives make it."""
    paths: dict[str, dict] = {}
    for operation in operations(choices):
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _endpoint(operation, choices)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pelcro Core API, as its public documentation has it",
            "version": "1",
            "description": "Each field names the page that documents it (x-documented) or the assumption made (x-assumed).",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {name: _object(name) for name in OBJECTS} | {"errors": _ERRORS, "message": _MESSAGE},
        },
        "x-assumptions": {
            name: {"asks": assumption["asks"], "chosen": choices[name], "alternatives": assumption["alternatives"]}
            for name, assumption in declared().items()
        },
    }


_ERRORS = {
    "type": "object",
    "properties": {
        "errors": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
            "x-documented": "api-core-errors",
        }
    },
    "required": ["errors"],
    "additionalProperties": False,
}
_MESSAGE = {
    "type": "object",
    "properties": {"message": {"type": "string", "x-assumed": "error-body"}},
    "required": ["message"],
    "additionalProperties": False,
}


def _object(name: str) -> dict:
    fields = {field: schema if field == "id" else nullable(schema) for field, schema in OBJECTS[name].items()}
    for field, kind in EXPANDED.get(name, {}).items():
        expanded = {"$ref": f"#/components/schemas/{kind}"}
        mark = {key: value for key, value in fields[field].items() if key.startswith("x-")}
        identity = {"type": "integer"}
        if "items" in fields[field]:
            fields[field] = {"type": ["array", "null"], "items": {"anyOf": [identity, expanded]}} | mark
        else:
            fields[field] = {"anyOf": [identity, {"type": "null"}, expanded]} | mark
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def nullable(schema: dict) -> dict:
    """The same, or null."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    wider = schema | {"type": kinds if "null" in kinds else [*kinds, "null"]}
    return wider | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})


def _endpoint(operation: Operation, choices: dict[str, str]) -> dict:
    endpoint = {
        "operationId": operation.name,
        **_source(operation.source),
        "parameters": [
            *([_identity()] if "{id}" in operation.path else []),
            *(
                _parameter(name, schema, choices["expand"])
                for name, schema in operation.query.items()
                if name != "expand" or choices["expand"] != "none"
            ),
        ],
        "responses": _answers(operation, choices),
    }
    if operation.rules:
        endpoint["x-rules"] = dict(operation.rules)
    if operation.body is not None:
        schema = {
            "type": "object",
            "properties": {
                name: field if name in operation.required else nullable(field)
                for name, field in (operation.body | _site_in_body(operation)).items()
            },
        }
        if operation.required:
            schema["required"] = list(operation.required)
        if choices["unknown-field"] == "refused":
            schema["additionalProperties"] = False
        endpoint["requestBody"] = {
            "content": {"application/json": {"schema": schema}},
            "required": bool(operation.required),
        }
    return endpoint


def _site_in_body(operation: Operation) -> dict[str, dict]:
    """The site may be named in the body as well."""
    return {"site_id": operation.query["site_id"]}


def _source(source: str) -> dict[str, str]:
    kind, _, name = source.rpartition(":")
    return {"x-assumed": name} if kind else {"x-documented": name}


def _identity() -> dict:
    return {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}


def _parameter(name: str, schema: dict, expand: str) -> dict:
    mark = {key: value for key, value in schema.items() if key.startswith("x-")}
    plain = {key: value for key, value in schema.items() if not key.startswith("x-")}
    parameter = {"name": name, "in": "query", "required": name == "site_id", "schema": plain} | mark
    if name == "expand":
        # That there is one is documented, its spelling is not.
        spelled = {"brackets": {"name": "expand[]", "explode": True}, "commas": {"explode": False}}[expand]
        return {key: value for key, value in parameter.items() if key != "x-documented"} | {
            "style": "form",
            "x-assumed": "expand",
            **spelled,
        }
    return parameter | ({"style": "deepObject", "explode": True} if name == "filter" else {})


def _answers(operation: Operation, choices: dict[str, str]) -> dict:
    message, errors = ({"$ref": f"#/components/schemas/{name}"} for name in ("message", "errors"))
    either = {"anyOf": [errors, message]}
    answers = {
        "401": _answer("The key is missing, unknown or revoked.", message),
        "403": _answer("The key is not permitted for this site or call.", message),
        "404": _answer("There is no such object.", either if choices["status-of-invalid"] == "404" else message),
        "429": _answer("Too many calls.", message),
    }
    invalid = choices["status-of-invalid"]
    if invalid != "404":
        answers[invalid] = _answer("The request is not valid.", errors)
    if invalid != "400":
        answers["400"] = _answer("The body is no JSON.", errors)
    if operation.answers is None:
        answers["204"] = {"description": "Done."}
    elif operation.lists:
        answers["200"] = _answer("The rows of one page.", _list(operation.answers, choices["list-shape"]))
    else:
        one = {
            "type": "object",
            "properties": {"data": {"$ref": f"#/components/schemas/{operation.answers}"}},
            "required": ["data"],
            "additionalProperties": False,
        }
        answers[str(operation.status)] = _answer("The object.", one)
        if operation.name == "create_membership":
            answers["200"] = _answer("A pending invitation was activated.", one)
    return dict(sorted(answers.items()))


def _answer(description: str, schema: dict) -> dict:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _list(name: str, shape: str) -> dict:
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
    if shape == "bare":
        return rows | {"x-assumed": "list-shape"}
    around = {
        "meta": {
            "type": "object",
            "properties": {
                each: {"type": "integer", "x-assumed": "list-shape"}
                for each in ("current_page", "last_page", "per_page", "total")
            },
            "required": ["current_page", "last_page", "per_page", "total"],
            "additionalProperties": False,
            "x-assumed": "list-shape",
        },
        "links": {
            "type": "object",
            "properties": {"next": {"type": ["string", "null"], "x-assumed": "list-shape"}},
            "required": ["next"],
            "additionalProperties": False,
            "x-assumed": "list-shape",
        },
    }[shape]
    return {
        "type": "object",
        "properties": {"data": rows | {"x-assumed": "list-shape"}, shape: around},
        "required": ["data", shape],
        "additionalProperties": False,
    }
