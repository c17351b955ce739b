"""Reports as CSV, for spreadsheets: what a publisher's file says must not run there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pelcro_pipeline.spec.sql import FORMULA
from pelcro_pipeline.workspace import atomic


def write(frame: pd.DataFrame, path: Path, delivered: Iterable[str]) -> None:
    """Write a frame; text of the columns ``delivered`` that a spreadsheet would take for a formula is marked as text."""
    marked = {name: frame[name].str.replace(FORMULA, r"'\g<0>", regex=True) for name in delivered}
    with atomic.file(path) as unfinished:
        frame.assign(**marked).to_csv(unfinished, index=False, lineterminator="\n")
