"""Charts of what people would rather look at than read, as PNG."""

from __future__ import annotations

import io
import logging

import pandas as pd
from matplotlib.figure import Figure

from pelcro_pipeline.rules.ledger import DISPOSITIONS

# On a machine's first chart it tells of its font cache, and nobody can do anything about that.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

#: Kept apart by lightness too, for eyes that do not tell green from red.
_COLOURS = {
    "prepared": "#2b8a6e",
    "merged": "#8ecae6",
    "rejected": "#c1443c",
    "excluded": "#b0b0b0",
    "reject": "#c1443c",
    "clear": "#e08e45",
    "repair": "#e9c46a",
    "question": "#5b7db1",
}
_WIDTH, _ROW, _MARGIN = 8.0, 0.32, 0.9


def dispositions(counts: pd.DataFrame) -> bytes:
    """What became of the objects received, each kind as a bar of 100 per cent.

    Takes ``object``, ``received`` and a column for each disposition.
    """
    counts = counts[counts["received"] > 0].iloc[::-1]
    figure, axes = _axes(len(counts))
    reached = pd.Series(0.0, index=counts.index)
    labels = [f"{row.object} ({row.received:,})" for row in counts.itertuples()]
    for disposition in DISPOSITIONS:
        share = 100 * counts[disposition] / counts["received"]
        axes.barh(labels, share, left=reached, color=_COLOURS[disposition], label=disposition)
        reached += share
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent of what was received")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
    return _png(figure)


def findings(by_rule: pd.DataFrame) -> bytes:
    """How often each rule was broken, the most frequent first. Takes ``rule``, ``severity``, ``findings``."""
    shown = by_rule.head(15).iloc[::-1]
    figure, axes = _axes(len(shown))
    bars = axes.barh(
        [f"{row.rule} ({row.severity})" for row in shown.itertuples()],
        shown["findings"],
        color=[_COLOURS[severity] for severity in shown["severity"]],
    )
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.margins(x=0.12)
    axes.set_xlabel("findings")
    return _png(figure)


def counts(objects: pd.DataFrame, columns: list[str]) -> bytes:
    """How much of each object's dump is counted at each stage. Takes ``Attribute``, ``Excel dump`` and ``columns``."""
    objects = objects[objects["Excel dump"] > 0].iloc[::-1]
    stages = [column for column in columns if objects[column].notna().any()]
    figure, axes = _axes(len(objects) * len(stages) / 2)
    height = 0.8 / max(len(stages), 1)
    for place, stage in enumerate(stages):
        at = [row + 0.4 - height * (place + 0.5) for row in range(len(objects))]
        share = (100 * objects[stage] / objects["Excel dump"]).astype(float)
        axes.barh(at, share, height=height, label=stage, color=("#9db4c0", "#5b7db1", "#2b8a6e")[place])
    labels = [f"{name} ({dump:,})" for name, dump in zip(objects["Attribute"], objects["Excel dump"], strict=True)]
    axes.set_yticks(range(len(objects)), labels)
    axes.set_xlabel("per cent of the distinct objects in the dump")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return _png(figure)


def _axes(rows: float) -> tuple:
    figure = Figure(figsize=(_WIDTH, _MARGIN + _ROW * max(rows, 1)), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()
