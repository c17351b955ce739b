"""A page for each shipped map, rendered from it: ``docs/sources/<system>.md``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pelcro_pipeline.sources.source_map import Export, Made, SourceMap, Target, load, shipped

COMMAND = "python -m pelcro_pipeline.sources.pages"


def page(source_map: SourceMap) -> str:
    """What a map knows: its exports, what their columns are read as, which of them are assumed, and what it asks."""
    parts = [
        f"# {source_map.title}",
        " ".join(source_map.about.split()),
        f'Put the exports as they come into one folder, with `source = "{source_map.system}"` in its `extract.toml`, and run '
        f"`pelcro-pipeline dry-run FOLDER`. The map is [`{source_map.system}.toml`](../../pelcro_pipeline/sources/{source_map.system}.toml).",
    ]
    if source_map.asks:
        parts += ["## What is asked", "\n".join(f"- {each}" for each in source_map.asks)]
    for name, export in source_map.sources.items():
        parts += [f"## The export `{name}`", _read(export), _table(source_map, name, export)]
        parts += [each for target in source_map.targets(name) for each in _target(target)]
    return "\n\n".join(parts) + "\n"


def _read(export: Export) -> str:
    said = [f"{export.format.value.upper()}, files called `{export.file}`."]
    if export.record_types is not None:
        said.append(
            f"Its records are the lines that begin with `{export.record_types.body}`, under `{export.record_types.header}`."
        )
    if export.records is not None:
        said.append(f"Its records are those of the array `{export.records}`.")
    return " ".join(said)


def _table(source_map: SourceMap, name: str, export: Export) -> str:
    rows = ["| column | documented | read as |", "|---|---|---|"]
    for column in (*export.columns, *export.optional):
        read_as = [
            attribute
            for target in source_map.targets(name)
            for attribute, made in target.fields.items()
            if made.column == column or (made.sql is not None and f'"{column}"' in made.sql)
        ]
        known = "assumed" if column in source_map.assumed else "yes"
        optional = "" if column in export.columns else ", optional"
        rows.append(f"| `{column}` | {known}{optional} | {', '.join(f'`{each}`' for each in read_as) or 'archive'} |")
    return "\n".join(rows)


def _target(target: Target) -> Iterator[str]:
    said = [f"- `{name}`: {told}" for name, made in target.fields.items() if (told := _made(made))]
    if target.unique is not None:
        which = "the last event" if target.folds else "the first record"
        said.insert(0, f"- Of each {', '.join(f'`{each}`' for each in target.unique.key)} {which} stands.")
    for each in target.drop:
        values = ", ".join(f"`{value}`" if value else "nothing" for value in each.values)
        said.append(f"- Left out where `{each.column}` is {values}: {each.reason}.")
    if said:
        yield f"In {target.file}:"
        yield "\n".join(said)


def _made(made: Made) -> str:
    """What a person may want to know of a field beyond its column."""
    said = []
    if made.const is not None:
        said.append(f"always `{made.const}`")
    if made.sql is not None:
        said.append(f"`{' '.join(made.sql.split())}`")
    if made.lookup is not None:
        said.append(f"looked up in `{made.lookup.export}`: the `{made.lookup.value}` of its `{made.lookup.key}`")
    if made.map is not None:
        said.append(", ".join(f"{old or 'nothing'} → {new or 'nothing'}" for old, new in made.map.items()))
    if made.date is not None:
        zone = f" in {made.tz}" if made.tz else ""
        said.append(f"a date as {', '.join(f'`{each}`' for each in made.formats)}{zone}")
    if made.money is not None:
        said.append(
            {"major": "in units of its currency", "minor": "in its smallest units", "hundredths": "in hundredths"}[
                made.money
            ]
        )
    if made.default is not None:
        said.append(f"`{made.default}` where it is empty")
    return "; ".join(said)


def write(folder: Path) -> None:
    """Write every page into ``folder``."""
    folder.mkdir(exist_ok=True)
    for system, path in shipped().items():
        (folder / f"{system}.md").write_text(page(load(path)), encoding="utf-8")


if __name__ == "__main__":
    write(Path(__file__).parents[2] / "docs" / "sources")
