"""Step 2: the templates that a publisher fills."""

import dagster as dg

from pelcro_pipeline import templates
from pelcro_pipeline.defs import lineage
from pelcro_pipeline.defs.presentation import column_schema
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.spec import TABLES
from pelcro_pipeline.workspace import lock


@dg.asset(
    key=["request", "templates"],
    kinds={"csv"},
    metadata={lineage.SCHEMA: column_schema(*TABLES)},
)
def request_templates(extract: Extracts) -> dg.MaterializeResult:
    """What a publisher is asked for: the empty templates, their data dictionary and an extract.toml.

    The guide: *By providing the data in our predefined CSV files, our team will be able to process
    the migration much faster.*
    """
    folder = extract.workspace / "templates"
    with as_failure(), lock.awaited(folder):
        written = templates.write(folder)
    return dg.MaterializeResult(
        metadata={
            "files": dg.MetadataValue.md("\n".join(f"- {path.name}" for path in written)),
            "folder": dg.MetadataValue.path(folder),
        }
    )
