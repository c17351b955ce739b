"""Step 2: the templates that a publisher fills."""

import dagster as dg

from pelcro_pipeline import templates
from pelcro_pipeline.defs import lineage
from pelcro_pipeline.defs.presentation import OWNERS, column_schema
from pelcro_pipeline.defs.resources import as_failure
from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.workspace import lock, places


@dg.asset(
    key=["request", "templates"],
    group_name="request",
    owners=OWNERS,
    kinds={"csv"},
    metadata={lineage.SCHEMA: column_schema(*TABLES)},
    code_version="-".join(table.digest for table in TABLES),
)
def request_templates() -> dg.MaterializeResult:
    """What a publisher is asked for: the empty templates, their data dictionary and an extract.toml.

    The guide: *By providing the data in our predefined CSV files, our team will be able to process
    the migration much faster.*
    """
    folder = places.home() / "templates"
    with as_failure(), lock.awaited(folder):
        written = templates.write(folder)
    return dg.MaterializeResult(
        metadata={
            "files": dg.MetadataValue.md("\n".join(f"- {path.name}" for path in written)),
            "folder": dg.MetadataValue.path(folder),
        }
    )
