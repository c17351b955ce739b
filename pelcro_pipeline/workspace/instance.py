"""The workspace's Dagster instance: its home and its dagster.yaml."""

from __future__ import annotations

import os
from pathlib import Path

from pelcro_pipeline.workspace import atomic

_NAME = "dagster.yaml"
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
    """DAGSTER_HOME: the one that is set, where it is an instance, or else the workspace's own, made where it is missing."""
    named = os.environ.get("DAGSTER_HOME")
    if named and (Path(named) / _NAME).is_file():
        return Path(named)
    folder = atomic.private_folder(home / "dagster")
    configuration = folder / _NAME
    if not configuration.exists():
        with atomic.file(configuration) as unfinished:
            unfinished.write_text(_CONFIGURATION)
    return folder
