"""Step 3: the customer, product and plan conversions."""

import dagster as dg
import pandas as pd

from pelcro_pipeline import steps
from pelcro_pipeline.conversion import preview, sample
from pelcro_pipeline.defs import edges, lineage, raw
from pelcro_pipeline.defs.checks import check, conforms
from pelcro_pipeline.defs.presentation import asset_spec, column_schema, markdown
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.spec import schema, sql

_STEPS = {
    "customers": "3a. Customer conversion",
    "addresses": "3a. Customer conversion (addresses)",
    "products": "3b. Product conversion",
    "plans": "3c. Plan conversion",
    "subscriptions": "3a. Customer conversion (subscriptions)",
}


@dg.multi_asset(
    specs=[
        asset_spec(
            "conversion",
            name,
            f"{_STEPS[name]}: {' '.join(table.doc for table in own)} One row for each record, canonical text, every violation marked. "
            "The guide: *During the data conversion process, you will need to populate the Pelcro provided templates with your current data set.*",
            deps=edges.MANIFEST + edges.keys(f"raw/{name}"),
            kinds={"duckdb", "parquet"},
            metadata={lineage.SCHEMA: column_schema(*own)},
        )
        for name, own in raw.TABLES.items()
    ],
    check_specs=[
        check(
            dg.AssetKey(["conversion", name]),
            "conforms",
            "What leaves the conversion standing is in the form that the pandera schema states.",
            blocking=True,
        )
        for name in raw.TABLES
    ],
    name="conversion",
)
def conversion(extract: Extracts):
    with as_failure(), steps.opened(extract.paths) as opened:
        steps.convert(opened)
        connection, manifest, settings = opened.connection, opened.manifest, opened.manifest.settings
        constants = sql.constants(settings.today, settings.currency)
        for name, own in raw.TABLES.items():
            files = {file.name: file for table in own for file in manifest.holding(table.object)}
            yield dg.MaterializeResult(
                asset_key=["conversion", name],
                metadata={
                    "dagster/row_count": sum(
                        connection.execute(f"SELECT count(*) FROM converted_{table.object}").fetchall()[0][0]
                        for table in own
                    ),
                    "preview": markdown(pd.concat([preview.masked_preview(connection, table) for table in own])),
                    **lineage.converted(own, list(files.values())),
                },
            )
            judged = [(table, *sample.effective_rows(connection, table, constants)) for table in own]
            yield conforms(
                dg.AssetKey(["conversion", name]),
                [(schema.converted(table), frame, count) for table, frame, count in judged],
            )
