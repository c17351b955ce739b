"""Step 2, received: the publisher's files, whatever their layout."""

import dagster as dg
import pandas as pd

from pelcro_pipeline import steps
from pelcro_pipeline.defs import lineage
from pelcro_pipeline.defs.checks import check
from pelcro_pipeline.defs.presentation import asset_spec, markdown
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.delivery import profile
from pelcro_pipeline.spec import ADDRESSES, CUSTOMERS, PLANS, PRODUCTS, SUBSCRIPTIONS, Table

#: The five tables of the guide, each with the objects that its records hold.
TABLES: dict[str, tuple[Table, ...]] = {
    "customers": (CUSTOMERS,),
    "addresses": ADDRESSES,
    "products": (PRODUCTS,),
    "plans": (PLANS,),
    "subscriptions": (SUBSCRIPTIONS,),
}


@dg.multi_asset(
    specs=[
        asset_spec(
            "raw",
            name,
            f"The delivered files that hold {name}, read as text with file and physical line. The guide: "
            "*Request a data export from your current provider using Pelcro migrations templates.*",
            kinds={"csv"},
        )
        for name in TABLES
    ]
    + [
        asset_spec(
            "raw",
            "manifest",
            "What was delivered, as it was read: every file, what each of its columns is read as, the physical line of each "
            "record, what is quarantined, and the settings of the day. "
            "Every step opens it, and stops where a delivered file has changed since. "
            "The guide: *Request a data export from your current provider using Pelcro migrations templates.*",
            kinds={"json"},
        ),
        asset_spec(
            "raw",
            "profile",
            "What each delivered column holds, and what its values were told to mean: the order of day and month, words for "
            "nothing, ids that lost digits, text of another encoding. Each can be fixed in extract.toml. "
            "The guide: *Request a data export from your current provider using Pelcro migrations templates.*",
            kinds={"csv"},
        ),
    ],
    check_specs=[
        check(
            dg.AssetKey(["raw", name]),
            "nothing_set_aside",
            "Every record has as many cells as its header, and none is blank. What is quarantined stays in the archive.",
        )
        for name in TABLES
    ],
    name="raw",
)
def raw(extract: Extracts):
    paths = extract.paths
    with as_failure():
        manifest = steps.read(paths)
    yield dg.MaterializeResult(
        asset_key=["raw", "manifest"],
        metadata={"dagster/row_count": len(manifest.files), "file": dg.MetadataValue.path(paths.manifest)},
    )
    columns = profile.table(manifest)
    yield dg.MaterializeResult(
        asset_key=["raw", "profile"],
        metadata={
            "dagster/row_count": len(columns),
            "told": markdown(
                columns[columns["evidence"] != ""], "Every column means what it says: nothing had to be told."
            ),
            "columns": markdown(columns.drop(columns="evidence")),
            "file": dg.MetadataValue.path(paths.profile),
        },
    )
    for name, tables in TABLES.items():
        files = {file.name: file for table in tables for file in manifest.holding(table.object)}
        frame = pd.DataFrame(
            [
                {
                    "file": file.name,
                    "records": file.records + file.quarantined_records,
                    "blank or ragged": file.quarantined_records,
                    "columns": len(file.columns),
                    "of no template": len(file.unknown),
                }
                for file in files.values()
            ]
        )
        yield dg.MaterializeResult(
            asset_key=["raw", name],
            metadata={
                "dagster/row_count": sum(file.records for file in files.values()),
                "files": markdown(frame),
                "folder": dg.MetadataValue.path(paths.delivered),
                **lineage.delivered(list(files.values())),
            },
        )
        aside = sum(file.quarantined_records for file in files.values())
        yield dg.AssetCheckResult(
            asset_key=["raw", name],
            check_name="nothing_set_aside",
            passed=not aside,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"records quarantined": aside, "report": dg.MetadataValue.path(paths.reports / "ledger.csv")},
        )
