"""The workspace's Dagster instance: its home and its dagster.yaml."""

from __future__ import annotations

from pathlib import Path

from pelcro_pipeline import writing

_CONFIGURATION = """\
# Quiet and offline: no telemetry, no newsletter dialog over the page.
telemetry:
  enabled: false
nux:
  enabled: false
# One extract for each run; what they share is the machine.
concurrency:
  runs:
    max_concurrent_runs: 4
"""


def prepare(home: Path) -> Path:
    """DAGSTER_HOME of a workspace, made where it is missing."""
    folder = writing.private_folder(home / "dagster")
    configuration = folder / "dagster.yaml"
    if not configuration.exists():
        with writing.whole(configuration) as unfinished:
            unfinished.write_text(_CONFIGURATION)
    return folder
