"""Step 8a: what the migration day will charge, and whom, told before anything is loaded."""

import dagster as dg

_FORECAST = dg.AssetKey(["migration_day", "forecast"])
