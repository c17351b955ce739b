"""Steps 5 and 8b: the data files, and the archive of what stays behind."""

import dagster as dg

from pelcro_pipeline import steps
from pelcro_pipeline.conversion import sample
from pelcro_pipeline.defs import edges, lineage
from pelcro_pipeline.defs.checks import check, conforms
from pelcro_pipeline.defs.presentation import asset_spec, column_schema
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.prepared import files
from pelcro_pipeline.spec import CUSTOMERS, schema

_DESCRIPTIONS = {
    name: f"The upload-ready template file `{name}.csv`, which staging and production are both loaded from. "
    "The guide: *It is critical to provide a customer, address, and subscription data in one flat file.*"
    for name in files.NAMES
} | {
    files.FLAT: "Products and plans in the one flat file that production is given: a record for each plan, its product repeated, "
    "and one for each product without plans. The guide: *... while providing another flat file for the products and plans.*"
}


@dg.multi_asset(
    specs=[
        asset_spec(
            "prepared",
            name,
            _DESCRIPTIONS[name],
            deps=edges.MANIFEST
            + edges.LEDGER
            + edges.keys(
                *(f"conversion/{each}" for each in dict.fromkeys(map(lineage.asset_of, files.TABLES_OF[name])))
            ),
            kinds={"csv"},
            metadata={lineage.SCHEMA: column_schema(*files.TABLES_OF[name])},
        )
        for name in files.TABLES_OF
    ],
    check_specs=[
        check(
            dg.AssetKey(["prepared", name]),
            "conforms",
            "What is prepared is in the form that the pandera schema states.",
            blocking=True,
        )
        for name in files.TABLES_OF
    ],
    name="prepared",
)
def prepared(extract: Extracts):
    paths = extract.paths
    with as_failure(), steps.opened(paths) as opened:
        records = steps.prepare(opened)
        connection = opened.connection
        for name, own in files.TABLES_OF.items():
            yield dg.MaterializeResult(
                asset_key=["prepared", name],
                metadata={
                    "dagster/row_count": records[name],
                    "file": dg.MetadataValue.path(paths.prepared / f"{name}.csv"),
                    **lineage.prepared(name),
                },
            )
            judged = []
            for table in own:
                view = "complete_customer" if table is CUSTOMERS else f"prepared_{table.object}"
                judged.append((schema.prepared(table), *sample.prepared_rows(connection, table, view)))
            yield conforms(dg.AssetKey(["prepared", name]), judged)


@dg.asset(
    key=["prepared", "archive"],
    deps=edges.MANIFEST + edges.RAW + edges.CONVERSION + edges.LEDGER,
    kinds={"parquet"},
)
def prepared_archive(extract: Extracts) -> dg.MaterializeResult:
    """Every rejected and excluded record with its raw cells, and every column of no template.

    The guide: *All this data can be sent to us for storage in our backups that can be queried in the
    future upon request.*
    """
    paths = extract.paths
    with as_failure(), steps.opened(paths) as opened:
        written = steps.archive(opened)
    lines = [f"| {name} | {count} |" for name, count in written.items()]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(written.values()),
            "files": dg.MetadataValue.md("\n".join(["| file | rows |", "|---|---|", *lines])),
            "folder": dg.MetadataValue.path(paths.archive),
        }
    )
