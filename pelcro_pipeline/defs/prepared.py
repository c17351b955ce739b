"""Steps 5 and 8b: the data files, and the archive of what stays behind."""

import dagster as dg

from pelcro_pipeline import connection as duck
from pelcro_pipeline import writing
from pelcro_pipeline.conversion import sample, tables
from pelcro_pipeline.defs import lineage
from pelcro_pipeline.defs.checks import check, conforms
from pelcro_pipeline.defs.partitions import extracts
from pelcro_pipeline.defs.presentation import OWNERS, asset_spec, column_schema
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.delivery import reading as delivery
from pelcro_pipeline.prepared import archive, files
from pelcro_pipeline.prepared import tables as prepared_tables
from pelcro_pipeline.rules import verdict
from pelcro_pipeline.spec import CUSTOMERS, TEMPLATES, schema
from pelcro_pipeline.target.database import PreparedFiles

_DEPS = [dg.AssetKey(["analysis", "ledger"]), dg.AssetKey(["analysis", "findings"])]


@dg.multi_asset(
    specs=[
        asset_spec(
            "prepared",
            name,
            f"The upload-ready template file `{name}.csv`, which staging and production are both loaded from. "
            "The guide: *It is critical to provide a customer, address, and subscription data in one flat file.*",
            deps=[
                *_DEPS,
                *(dg.AssetKey(["conversion", each]) for each in dict.fromkeys(map(lineage.asset_of, TEMPLATES[name]))),
            ],
            kinds={"csv"},
            metadata={lineage.SCHEMA: column_schema(*TEMPLATES[name])},
        )
        for name in files.NAMES
    ],
    check_specs=[
        check(
            dg.AssetKey(["prepared", name]),
            "conforms",
            "What is prepared is in the form that the pandera schema states.",
            blocking=True,
        )
        for name in files.NAMES
    ],
    partitions_def=extracts,
    name="prepared",
)
def prepared(extract: Extracts):
    paths = extract.paths
    with as_failure(), duck.connect() as connection:
        reading = delivery.opened(paths.reading)
        settings = reading.settings
        verdict.open_on(connection, reading, paths.conversion, paths.analysis)
        verdict.verify(connection, reading, paths.conversion, paths.analysis)
        prepared_tables.create_views(connection, reading, settings)
        with writing.whole_folder(paths.prepared) as folder, writing.whole_folder(paths.seals) as seals:
            records = files.write(connection, reading, settings, folder)
            PreparedFiles(folder, settings, seals).seal_up(connection)
        for name, own in TEMPLATES.items():
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
    group_name="prepared",
    owners=OWNERS,
    deps=[dg.AssetKey(["analysis", "ledger"])],
    kinds={"parquet"},
    partitions_def=extracts,
)
def prepared_archive(extract: Extracts) -> dg.MaterializeResult:
    """Every rejected and excluded record with its raw cells, and every column of no template.

    The guide: *All this data can be sent to us for storage in our backups that can be queried in the
    future upon request.*
    """
    paths = extract.paths
    with as_failure(), duck.connect() as connection:
        reading = delivery.opened(paths.reading)
        tables.create_views(connection, reading, paths.conversion)
        with writing.whole_folder(paths.archive) as folder:
            written = archive.write(connection, reading, paths.conversion, paths.analysis / "ledger.parquet", folder)
            reading.verify()
    lines = [f"| {name} | {count} |" for name, count in written.items()]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(written.values()),
            "files": dg.MetadataValue.md("\n".join(["| file | rows |", "|---|---|", *lines])),
            "folder": dg.MetadataValue.path(paths.archive),
        }
    )
