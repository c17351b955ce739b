"""The request to a publisher: empty templates, a data dictionary, an extract.toml to fill."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from pelcro_pipeline import settings
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.spec import TEMPLATES, dictionary
from pelcro_pipeline.spec.headers import template
from pelcro_pipeline.workspace import atomic


def write(folder: Path) -> list[Path]:
    """Write the request into ``folder``, which is made; a file that stands there is left alone.

    Returns the paths of the request's files.
    """
    contents = {f"{name}.csv": _header(name) for name in TEMPLATES}
    contents["data-dictionary.md"] = dictionary.markdown()
    contents[settings.FILE_NAME] = settings_file()
    paths = [folder / name for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        if not path.exists():
            with atomic.file(path) as unfinished:
                unfinished.write_text(content, encoding="utf-8")
    return paths


def _header(name: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(template(name))
    return line.getvalue()


def settings_file() -> str:
    """An extract.toml that says of each setting what it is, with all of them left at their defaults."""
    lines = ["# What this extract says of itself. Take away a # and write a value; text stands in quotation marks.", ""]
    for name, field in Settings.model_fields.items():
        value = field.default
        shown = "" if value is None else json.dumps(list(value) if isinstance(value, tuple) else value, default=str)
        if field.examples:
            (shown,) = field.examples
        lines += [f"# {field.description}", f"# {name} = {shown}".rstrip(), ""]
    return "\n".join(lines)
