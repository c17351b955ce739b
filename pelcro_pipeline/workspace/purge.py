"""Purging an extract: all personal data gone, the counts and the record of the sign-off kept."""

from __future__ import annotations

from pathlib import Path

from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths, is_extract_name


def purge(paths: ExtractPaths) -> list[Path]:
    """Delete the extract's delivered, handed on, prepared, reported, archived and loaded records.

    Returns what was deleted, in its order. Raises RefusedError where nothing is left.
    """
    purgeable = purgeable_paths(paths)
    for path in purgeable:
        atomic.discard(path)
    return purgeable


def purgeable_paths(paths: ExtractPaths) -> list[Path]:
    """What a purge would delete: what was made of the delivery before the delivery, so that a purge that was
    cut short can be started again. Raises RefusedError where nothing is left."""
    if purgeable := _left(paths):
        return purgeable
    raise RefusedError(f"Nothing of {paths.extract} is left to purge.")


def is_purged(paths: ExtractPaths) -> bool:
    """Whether all that is left of an extract is what a purge keeps."""
    return (paths.statistics.is_file() or paths.sign_off.is_file()) and not _left(paths)


def purged(home: Path) -> list[str]:
    """The extracts of a workspace of which all that is left is what a purge keeps, by name."""
    kept = {each.name for each in (home / "reports").glob("*")} | {
        each.stem for each in (home / "sign_offs").glob("*.toml")
    }
    return sorted(name for name in kept if is_extract_name(name) and is_purged(ExtractPaths(home, name)))


def _left(paths: ExtractPaths) -> list[Path]:
    reports = [path for path in sorted(paths.reports.glob("*")) if path not in paths.counts] + paths.comparisons
    databases = [
        path
        for environment in ("production", "staging")
        for path in sorted(paths.database(environment).parent.glob(f"{paths.database(environment).name}*"))
    ]
    folders = [paths.journals, paths.tables, paths.prepared, paths.archive, paths.delivered]
    # A run or a copy that was killed leaves its half beside what it was to become.
    halves = [half for folder in folders for half in atomic.temporary_names(folder)]
    return [path for path in (*databases, *reports, *halves, *folders) if path.exists()]
