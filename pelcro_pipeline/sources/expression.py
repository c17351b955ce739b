"""The scalar expressions of a map: what they may say, and how they are written into its SELECT.

A map can come from anywhere, and DuckDB has no boundary for SQL that is not trusted. So an expression is parsed by DuckDB itself,
which is what runs it and cannot read it otherwise; each node of its tree must be one of those below, and what is run is rendered
from that tree, not pasted from the map. A second parser was weighed (sqlglot): it reads what DuckDB does not, and the reverse.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator

import duckdb

from pelcro_pipeline.errors import UnusableInputError

#: Functions that read their arguments alone and give a value for all of them.
FUNCTIONS = frozenset(
    (
        "lower", "upper", "trim", "ltrim", "rtrim", "replace", "translate", "left", "right", "substr", "substring",
        "length", "strlen", "contains", "starts_with", "ends_with", "prefix", "suffix", "concat", "concat_ws",
        "split_part", "string_split", "str_split", "regexp_extract", "regexp_replace", "regexp_matches",
        "regexp_full_match", "coalesce", "nullif", "ifnull", "greatest", "least", "list_value", "array_extract",
        "list_extract", "len", "trunc", "strftime", "try_strptime", "date_part", "to_days", "to_weeks", "to_months",
        "to_years", "trim_to_null", "||", "~~", "!~~", "~~*", "!~~*", "+", "-",
    )
)  # fmt: skip
#: Types that a value may be tried to be cast to.
_TYPES = frozenset(("VARCHAR", "BIGINT", "INTEGER", "DOUBLE", "DATE", "TIMESTAMP", "DECIMAL", "BOOLEAN"))
_OPERATORS = frozenset(
    (
        "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_NOT",
        "OPERATOR_COALESCE", "OPERATOR_NULLIF", "ARRAY_EXTRACT",
    )
)  # fmt: skip
_CLASSES = frozenset(
    ("COLUMN_REF", "CONSTANT", "CASE", "COMPARISON", "CONJUNCTION", "BETWEEN", "OPERATOR", "FUNCTION", "CAST")
)
#: What these would be, in the sentence that refuses them.
_CALLED = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window",
    "STAR": "a star",
    "LAMBDA": "a function of its own",
    "PARAMETER": "a parameter",
    "COLLATE": "a collation",
    "DEFAULT": "a default",
}


def vetted(
    connection: duckdb.DuckDBPyConnection,
    expression: str,
    columns: Collection[str],
    where: str,
    relation: str = "delivered",
) -> tuple[str, tuple[str, ...]]:
    """An expression as it is run, its columns those of ``relation``, and the columns that it names.

    Raises UnusableInputError, naming ``where`` it stands, for what is no single scalar expression of ``columns``.
    """
    tree = _parsed(connection, f"SELECT {expression}", where)
    empty = _parsed(connection, "SELECT NULL", where)
    (node,) = [each["node"] for each in tree["statements"]] if len(tree["statements"]) == 1 else [{}]
    bare = {key: value for key, value in node.items() if key not in ("select_list", "from_table")}
    expected = {
        key: value for key, value in empty["statements"][0]["node"].items() if key not in ("select_list", "from_table")
    }
    if (
        bare != expected
        or node["from_table"]["type"] != "EMPTY"
        or len(node["select_list"]) != 1
        or node["select_list"][0]["alias"]
    ):
        raise UnusableInputError(f"{where}: sql is one scalar expression, and no query: {expression[:100]}")
    named: dict[str, None] = {}
    _vet(node["select_list"][0], columns, named, where, relation)
    try:
        ((rendered,),) = connection.execute("SELECT json_deserialize_sql($tree)", {"tree": json.dumps(tree)}).fetchall()
        declared = ", ".join(f"NULL::VARCHAR AS {_quoted(each)}" for each in columns)
        connection.execute(f"EXPLAIN {rendered} FROM (SELECT {declared}) AS {relation}")
    except duckdb.Error as error:
        raise UnusableInputError(f"{where}: {_first_line(error)}") from error
    return rendered.removeprefix("SELECT "), tuple(named)


def _parsed(connection: duckdb.DuckDBPyConnection, statement: str, where: str) -> dict:
    ((text,),) = connection.execute("SELECT json_serialize_sql($statement)", {"statement": statement}).fetchall()
    tree = json.loads(text)
    if tree["error"]:
        raise UnusableInputError(f"{where}: sql cannot be read: {tree['error_message']}")
    return tree


def _vet(node: dict, columns: Collection[str], named: dict[str, None], where: str, relation: str) -> None:
    """Walk an expression; the columns that it names are put into ``named``, and written as those of ``relation``."""
    class_ = node["class"]
    if class_ not in _CLASSES:
        raise UnusableInputError(f"{where}: sql holds {_CALLED.get(class_, class_.lower())}, and may not.")
    if class_ == "COLUMN_REF":
        if len(node["column_names"]) != 1 or node["column_names"][0] not in columns:
            raise UnusableInputError(
                f"{where}: sql names {'.'.join(node['column_names'])}, which is no column of the export{_nearest(node, columns)}."
            )
        named[node["column_names"][0]] = None
        node["column_names"] = [relation, *node["column_names"]]
        return
    if class_ == "FUNCTION":
        _vet_function(node, where)
    if class_ == "OPERATOR" and node["type"] not in _OPERATORS:
        raise UnusableInputError(f"{where}: sql holds {node['type'].lower()}, and may not.")
    if class_ == "CAST":
        _vet_cast(node, where)
        _vet(node["child"], columns, named, where, relation)
        return
    for child in _children(node):
        _vet(child, columns, named, where, relation)


def _nearest(node: dict, columns: Collection[str]) -> str:
    """What a sentence says of the column that comes nearest, if any does."""
    found = difflib.get_close_matches(node["column_names"][0], columns, n=1)
    return f" (the nearest is {found[0]})" if found else ""


def _vet_function(node: dict, where: str) -> None:
    name = node["function_name"]
    if name not in FUNCTIONS or node["schema"] or node["catalog"]:
        raise UnusableInputError(
            f"{where}: sql calls {name}, and may call {', '.join(sorted(filter(str.isidentifier, FUNCTIONS)))}."
        )
    if node["filter"] or node["order_bys"]["orders"] or node["distinct"] or node["export_state"]:
        raise UnusableInputError(f"{where}: sql aggregates, and may not.")


def _vet_cast(node: dict, where: str) -> None:
    type_ = node["type_expr"]
    name = type_.get("type_name", "").upper()
    plain = not type_.get("schema") and not type_.get("catalog")
    # DuckDB writes INTERVAL 1 DAY as casts of its number; what names no column fails when it is vetted, or never.
    literal = "COLUMN_REF" not in {each["class"] for each in _descendants(node["child"])}
    if not plain or name not in _TYPES or not (node["try_cast"] or name == "VARCHAR" or literal):
        raise UnusableInputError(
            f"{where}: sql casts to {name or 'another type'}; write TRY_CAST, to one of {', '.join(sorted(_TYPES))}."
        )


def _children(node: dict) -> list[dict]:
    """The expressions that one is made of, wherever in its tree they stand."""
    found = []

    def look(value: object) -> None:
        if isinstance(value, dict) and "class" in value:
            found.append(value)
        elif isinstance(value, dict):
            for each in value.values():
                look(each)
        elif isinstance(value, list):
            for each in value:
                look(each)

    for value in node.values():
        look(value)
    return found


def _descendants(node: dict) -> Iterator[dict]:
    yield node
    for child in _children(node):
        yield from _descendants(child)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]
