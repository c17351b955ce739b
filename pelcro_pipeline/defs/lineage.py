"""Column lineage: from delivered headers to template columns to columns of the database."""

from __future__ import annotations

import dagster as dg
import pandas as pd

from pelcro_pipeline.defs.presentation import markdown
from pelcro_pipeline.delivery.manifest import DeliveredFile
from pelcro_pipeline.prepared.files import NAMES, TABLES_OF
from pelcro_pipeline.spec import ADDRESSES, ATTRIBUTES, TABLE_OF, TABLES, TEMPLATES
from pelcro_pipeline.spec.model import Attribute, PatternBy, Table
from pelcro_pipeline.spec.target import TARGET_OF

SCHEMA = "dagster/column_schema"


def asset_of(table: Table) -> str:
    """The name that a table's assets have: both kinds of addresses share theirs."""
    return "addresses" if table in ADDRESSES else table.name


def _shown(sources: dict[str, list[dg.TableColumnDep]]) -> dict[str, object]:
    """Lineage for Dagster, and as a table for people: the open-source UI draws none of it."""
    rows = [
        {"column": column, "from": ", ".join(f"{dep.asset_key.to_user_string()}: {dep.column_name}" for dep in deps)}
        for column, deps in sources.items()
    ]
    return {"dagster/column_lineage": dg.TableColumnLineage(sources), "columns from": markdown(pd.DataFrame(rows))}


def delivered(files: list[DeliveredFile]) -> dict[str, object]:
    """What a raw asset shows of its columns: each header, and the attribute that it is read as."""
    columns = {column.header: column.attribute for file in files for column in file.columns}
    return {
        SCHEMA: dg.TableSchema(
            [
                dg.TableColumn(
                    header, "text", f"Read as {attribute}." if attribute else "Of no template: to the archive."
                )
                for header, attribute in columns.items()
            ]
        )
    }


def converted(tables: tuple[Table, ...], files: list[DeliveredFile]) -> dict[str, object]:
    """Template columns from delivered headers; a state or zip is judged by its country."""
    raw = dg.AssetKey(["raw", asset_of(tables[0])])
    headers: dict[str, list[str]] = {}
    for file in files:
        for column in file.columns:
            if column.attribute and column.header not in headers.setdefault(column.attribute, []):
                headers[column.attribute].append(column.header)

    def sources(attribute: Attribute) -> list[str]:
        names = [attribute.name]
        if isinstance(attribute.kind.domain, PatternBy):
            names.append(attribute.kind.domain.sibling)
        return [header for name in names for header in headers.get(name, [])]

    return _shown(
        {
            attribute.name: [dg.TableColumnDep(raw, header) for header in sources(attribute)]
            for table in tables
            for attribute in table.attributes
        }
    )


def prepared(name: str) -> dict[str, object]:
    """Columns of a prepared file from converted ones, and from those that a missing value is inferred from."""
    return _shown(
        {
            attribute.name: [
                dg.TableColumnDep(dg.AssetKey(["conversion", asset_of(TABLE_OF[source])]), source)
                for source in (attribute.name, *attribute.derived_from)
            ]
            for table in TABLES_OF[name]
            for attribute in table.attributes
        }
    )


def loaded() -> dict[str, object]:
    """Columns of the database, by table, from those of the prepared files."""
    columns: dict[str, list[str]] = {}
    for table in TABLES:
        for attribute in table.attributes:
            target = TARGET_OF[table.object]
            columns.setdefault(f"{target.name}.{target.column(attribute.name, table)}", []).append(attribute.name)
    file_of = {table: name for name in NAMES for table in TEMPLATES[name]}
    schema = dg.TableSchema(
        [
            dg.TableColumn(column, ATTRIBUTES[sources[0]].kind.storage, ATTRIBUTES[sources[0]].doc)
            for column, sources in columns.items()
        ]
    )
    lineage = {
        column: [dg.TableColumnDep(dg.AssetKey(["prepared", file_of[TABLE_OF[each]]]), each) for each in sources]
        for column, sources in columns.items()
    }
    return {SCHEMA: schema, **_shown(lineage)}
