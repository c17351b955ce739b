"""Reports as CSV, for spreadsheets: what a publisher's file says must not run there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pelcro_pipeline.spec.sql import FORMULA
from pelcro_pipeline.workspace import atomic


def marked(cell: object) -> object:
    """A cell; text that a spreadsheet would take for a formula with the mark by which it is text."""
    return re.sub(FORMULA, r"'\g<0>", cell) if isinstance(cell, str) else cell


def write(frame: pd.DataFrame, path: Path, delivered: Iterable[str]) -> None:
    """Write a frame; text of the columns ``delivered`` that a spreadsheet would take for a formula is marked as text."""
    with atomic.file(path) as unfinished:
        frame.assign(**{name: frame[name].map(marked) for name in delivered}).to_csv(
            unfinished, index=False, lineterminator="\n"
        )
