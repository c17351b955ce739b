"""What holds for every asset, said once: owners, group, partitions and code version."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import dagster as dg

from pelcro_pipeline.defs.partitions import extracts
from pelcro_pipeline.workspace.places import content_digest

_PACKAGE = Path(__file__).resolve().parents[1]
OWNERS = ["team:migrations"]
#: The modules and the files of SQL that the steps of each group run through, beside those that all share.
_ROOMS = {
    "request": ("templates.py",),
    "raw": ("delivery", "sources"),
    "conversion": ("conversion",),
    "analysis": ("conversion", "rules", "analysis", "reporting"),
    "prepared": ("prepared",),
    "migration_day": ("migration_day", "prepared/tables.py", "reporting"),
    "staging": ("target", "migration_day", "review"),
    "review": ("review", "migration_day", "reporting"),
    "production": ("target", "migration_day", "review"),
}
_SHARED = ("spec", "engine", "settings.py", "steps.py")


@cache
def code_version(group: str, package: Path = _PACKAGE) -> str:
    """Changes with whatever the steps of a group run through: the spec and its kinds, rules, relations, code."""
    files = [
        path
        for room in (*_ROOMS[group], *_SHARED)
        for path in ([package / room] if room.endswith(".py") else (package / room).rglob("*"))
        if path.suffix in (".py", ".sql")
    ]
    return content_digest(package, sorted(files))[:12]


def applied(spec: dg.AssetSpec) -> dg.AssetSpec:
    """An asset's spec with what holds for every one: a group is the first part of the key."""
    group = spec.key.path[0]
    return spec.replace_attributes(
        owners=OWNERS,
        group_name=group,
        code_version=code_version(group),
        # What a publisher is asked for is the same for every extract.
        partitions_def=None if group == "request" else extracts,
    )
