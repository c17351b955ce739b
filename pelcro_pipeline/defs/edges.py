"""What a step opens, as the keys of the assets that made it: an edge of the graph is a file that is read."""

import dagster as dg

from pelcro_pipeline.defs.raw import TABLES
from pelcro_pipeline.prepared.files import TABLES_OF


def keys(*names: str) -> list[dg.AssetKey]:
    """Assets by their names: ``group/name``."""
    return [dg.AssetKey(name.split("/")) for name in names]


#: What was delivered, the lines of its records, and those that are quarantined.
MANIFEST = keys("raw/manifest")
#: The text of the delivered files.
RAW = keys(*(f"raw/{name}" for name in TABLES))
CONVERSION = keys(*(f"conversion/{name}" for name in TABLES))
#: The ledger, and the results of the judgement that the later steps go by.
LEDGER = keys("analysis/ledger")
#: What the migration day brings, and the card map that it was told with.
FORECAST = keys("migration_day/forecast")
PREPARED = keys(*(f"prepared/{name}" for name in TABLES_OF))
