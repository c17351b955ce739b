"""How assets show themselves in the catalog: column schemas, tables as Markdown, counts. No personal data."""

from __future__ import annotations

import base64
import re

import dagster as dg
import pandas as pd

from pelcro_pipeline.spec.model import Severity, Table


def column_schema(*tables: Table) -> dg.TableSchema:
    """The tables' columns, for an asset's definition."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                attribute.name,
                type=attribute.kind.name,
                description=attribute.doc,
                constraints=dg.TableColumnConstraints(
                    nullable=not attribute.mandatory,
                    unique=attribute.unique,
                    other=sorted({b.rule for b in attribute.violations if b.severity is Severity.REJECT}),
                ),
            )
            for table in tables
            for attribute in table.attributes
        ]
    )


def markdown(frame: pd.DataFrame, none: str = "nothing") -> dg.MarkdownMetadataValue:
    """A small table as the catalog shows it; ``none`` where it has no rows."""
    if frame.empty:
        return dg.MetadataValue.md(none)
    shown = frame.astype(object).where(frame.notna(), "")
    # The catalog shows up to 1,000 characters at once, and the padding would fill them.
    return dg.MetadataValue.md(re.sub("  +", " ", re.sub("--+", "---", shown.to_markdown(index=False, floatfmt=".2f"))))


def picture(png: bytes, what: str) -> dg.MarkdownMetadataValue:
    """A chart as the catalog shows it."""
    return dg.MetadataValue.md(f"![{what}](data:image/png;base64,{base64.b64encode(png).decode()})")


def asset_spec(group: str, name: str, description: str, **more: object) -> dg.AssetSpec:
    """An asset keyed ``group/name``."""
    return dg.AssetSpec(dg.AssetKey([group, name]), description=description, **more)
