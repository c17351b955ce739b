"""Charts of what people would rather look at than read, as PNG: bars, drawn with Pillow.

A plotting library took a second of every dry run's first five to load and to lay out three bar charts.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from pelcro_pipeline.rules.ledger import DISPOSITIONS

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
_STAGES = ("#9db4c0", "#5b7db1", "#2b8a6e")
#: Pixels.
_WIDTH, _ROW, _BAR, _GAP, _FONT = 880, 36, 24, 12, 15


@dataclass(frozen=True)
class _Row:
    """A label, its bars one below the other, each of parts of the full width and their colours; and a text behind them."""

    label: str
    bars: list[list[tuple[float, str]]]
    text: str = ""


def dispositions(counts: pd.DataFrame) -> bytes:
    """What became of the objects received, each kind as a bar of 100 per cent.

    Takes ``object``, ``received`` and a column for each disposition.
    """
    rows = [
        _Row(
            f"{row['object']} ({row['received']:,})",
            [[(row[each] / row["received"], _COLOURS[each]) for each in DISPOSITIONS]],
        )
        for row in counts[counts["received"] > 0].to_dict("records")
    ]
    return _png(rows, {each: _COLOURS[each] for each in DISPOSITIONS}, "per cent of what was received")


def findings(by_rule: pd.DataFrame) -> bytes:
    """How often each rule was broken, the most frequent first. Takes ``rule``, ``severity``, ``findings``."""
    shown = by_rule.head(15)
    most = max(shown["findings"], default=1)
    rows = [
        _Row(f"{row.rule} ({row.severity})", [[(row.findings / most, _COLOURS[row.severity])]], f"{row.findings:,}")
        for row in shown.itertuples()
    ]
    legend = {severity: _COLOURS[severity] for severity in dict.fromkeys(shown["severity"])}
    return _png(rows, legend, "findings", scale=False)


def counts(objects: pd.DataFrame, columns: list[str]) -> bytes:
    """How much of each object's dump is counted at each stage. Takes ``Attribute``, ``Excel dump`` and ``columns``."""
    stages = [column for column in columns if objects[column].notna().any()]
    colours = dict(zip(stages, _STAGES, strict=False))
    rows = [
        _Row(
            f"{row['Attribute']} ({row['Excel dump']:,})",
            [[(row[stage] / row["Excel dump"], colours[stage])] for stage in stages],
        )
        for row in objects[objects["Excel dump"] > 0].to_dict("records")
    ]
    return _png(rows, colours, "per cent of the distinct objects in the dump")


def forecast(days: pd.DataFrame) -> bytes:
    """How many invoices each week of a forecast brings, charged and sent. Takes ``date``, ``invoices``, ``charges``."""
    weeks = days.assign(week=[(date - days["date"].min()).days // 7 for date in days["date"]]).groupby("week")
    counted = [(week["date"].min(), int(week["invoices"].sum()), int(week["charges"].sum())) for _, week in weeks]
    most = max((invoices for _, invoices, _ in counted), default=0) or 1
    colours = {"charged": _COLOURS["prepared"], "sent": _COLOURS["question"]}
    rows = [
        _Row(
            f"from {first:%d %b}",
            [[(charges / most, colours["charged"]), ((invoices - charges) / most, colours["sent"])]],
            f"{invoices:,}",
        )
        for first, invoices, charges in counted
    ]
    return _png(rows, colours, "invoices of each week", scale=False)


def _png(rows: list[_Row], legend: dict[str, str], caption: str, *, scale: bool = True) -> bytes:
    font = ImageFont.load_default(_FONT)
    left = _GAP + max((font.getlength(row.label) for row in rows), default=0) + _GAP
    right = _WIDTH - _GAP - max((font.getlength(row.text) for row in rows), default=0) - _GAP
    # The share of 100 per cent is written at its end.
    right = min(right, _WIDTH - 3 * _GAP) if scale else right
    top = _ROW + _GAP
    bottom = top + _ROW * max(len(rows), 1)
    image = Image.new("RGB", (_WIDTH, bottom + 2 * _ROW), "white")
    draw = ImageDraw.Draw(image)
    _draw_legend(draw, legend, left, font)
    for number, row in enumerate(rows):
        middle = top + number * _ROW + _ROW / 2
        draw.text((left - _GAP, middle), row.label, "black", font, anchor="rm")
        end = _draw_bars(draw, row, middle, left, right)
        draw.text((end + _GAP / 2, middle), row.text, "black", font, anchor="lm")
    draw.line([(left, top), (left, bottom), (right, bottom)], "black")
    for share in (0, 25, 50, 75, 100) if scale else ():
        at = left + (right - left) * share / 100
        draw.line([(at, bottom), (at, bottom + 4)], "black")
        draw.text((at, bottom + 6), str(share), "black", font, anchor="ma")
    draw.text(((left + right) / 2, bottom + _ROW), caption, "black", font, anchor="ma")
    picture = io.BytesIO()
    image.save(picture, format="png")
    return picture.getvalue()


def _draw_bars(draw: ImageDraw.ImageDraw, row: _Row, middle: float, left: float, right: float) -> float:
    """Draw a row's bars; returns where the longest ends."""
    height = _BAR / len(row.bars)
    ends = []
    for number, bar in enumerate(row.bars):
        end, above = left, middle - _BAR / 2 + number * height
        for share, colour in bar:
            begin, end = end, end + (right - left) * share
            if end - begin >= 1:
                draw.rectangle([begin, above, end, above + height - 1], colour)
        ends.append(end)
    return max(ends)


def _draw_legend(
    draw: ImageDraw.ImageDraw, legend: dict[str, str], left: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    at = left
    for name, colour in legend.items():
        draw.rectangle([at, _GAP + 4, at + _BAR, _GAP + _FONT], colour)
        draw.text((at + _BAR + _GAP / 2, _GAP + _FONT / 2 + 2), name, "black", font, anchor="lm")
        at += _BAR + _GAP / 2 + font.getlength(name) + 2 * _GAP
