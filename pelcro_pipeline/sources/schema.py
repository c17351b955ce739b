"""The JSON Schema of a map, by which editors complete and check one: ``docs/source-map.schema.json``.

Put ``#:schema https://.../source-map.schema.json`` on a map's first line, or name the file in the editor's settings.
"""

from __future__ import annotations

import json
from pathlib import Path

from pelcro_pipeline.sources.source_map import SourceMap, attributes, metadata_prefixes
from pelcro_pipeline.spec import TEMPLATES

COMMAND = "python -m pelcro_pipeline.sources.schema"


def schema() -> dict:
    """The schema of a map's file: the model's, and the names that a field of each template can have."""
    rendered = SourceMap.model_json_schema(by_alias=True)
    rendered["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    rendered["title"] = "The map of a legacy system's exports to Pelcro's templates"
    definitions = rendered["$defs"]
    target = definitions["Target"]
    target["properties"]["file"]["enum"] = list(TEMPLATES)
    target["allOf"] = [
        {
            "if": {"properties": {"file": {"const": file}}},
            "then": {"properties": {"fields": {"propertyNames": _names(file)}}},
        }
        for file in TEMPLATES
    ]
    made = definitions["Made"]
    made["oneOf"] = [{"required": [each]} for each in ("from", "const", "sql")]
    made["dependentRequired"] = {"tz": ["date"]}
    made["not"] = {"required": ["date", "money"]}
    return rendered


def _names(file: str) -> dict:
    known = {"enum": list(attributes(file))}
    prefixes = metadata_prefixes(file)
    if not prefixes:
        return known
    escaped = "|".join(prefix.replace(".", "\\.") for prefix in prefixes)
    return {"anyOf": [known, {"pattern": f"^(?:{escaped}).+"}]}


def text() -> str:
    """The same, as its file holds it."""
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "source-map.schema.json").write_text(text(), encoding="utf-8")
