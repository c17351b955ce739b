"""What the migration day costs to tell, in times of the floor: `python benchmarks/migration_day.py [SUBSCRIPTIONS]`.

The floor is DuckDB's load of the same file as text, in the same run. Beside the forecast stands Python's day-by-day simulation of the
first ten thousand subscriptions, the way that most tools of the field go over a file.
"""

from __future__ import annotations

import datetime
import json
import sys
import tempfile
from pathlib import Path

import duckdb
from floor import generated, opened, told

from pelcro_pipeline import steps
from pelcro_pipeline.migration_day import card_map
from pelcro_pipeline.migration_day.simulation import simulate, subscriptions
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.workspace.places import ExtractPaths

_SIMULATED = 10_000


def main() -> None:
    count = sys.argv[1] if len(sys.argv) > 1 else "1000000"
    with tempfile.TemporaryDirectory() as home:
        paths, floor = generated(Path(home), count)
        steps.read(paths)
        for step in (steps.convert, steps.judge, steps.prepare):
            opened(paths, step)
        told(floor, "forecast and seam", lambda: opened(paths, steps.forecast))
        told(floor, "staging", lambda: opened(paths, steps.stage))
        told(floor, "staging held against both", lambda: steps.money_disagreements(paths, "staging"))
        write_card_map(paths)
        told(floor, "card map alone", lambda: card_map.read(paths.delivered, Path(home), Settings()))
        told(floor, "forecast, seam and cards", lambda: opened(paths, steps.forecast))
        told(floor, "another day", lambda: steps.other_day(paths, datetime.date(2026, 12, 24)))
        told(floor, "best days of 30", lambda: steps.best_days(paths))
        some = [each for each, _ in zip(subscriptions(paths.database("staging")), range(_SIMULATED), strict=False)]
        told(
            floor,
            f"simulation of {len(some):,}",
            lambda: [simulate(each, datetime.date(2026, 11, 1), "due_in_one_day", None, None) for each in some],
        )


def write_card_map(paths: ExtractPaths) -> None:
    """A card for nine in ten of those who are charged, in Stripe's JSON."""
    with duckdb.connect(str(paths.database("staging")), read_only=True) as connection:
        charged = connection.execute(
            """SELECT DISTINCT "customer.old_provider_id" FROM subscriptions
            WHERE "subscription.collection_method" = 'charge_automatically' ORDER BY 1"""
        ).fetchall()
    mapped = {
        customer: {
            "id": f"cus_{place:010}",
            "cards": {
                f"old_{place}": {
                    "id": f"card_{place:010}",
                    "fingerprint": f"f{place:015}",
                    "last4": f"{place % 10_000:04}",
                    "exp_month": place % 12 + 1,
                    "exp_year": 2026 + place % 4,
                    "brand": "Visa",
                }
            },
        }
        for place, (customer,) in enumerate(charged)
        if place % 10
    }
    (paths.delivered / "cards.json").write_text(json.dumps(mapped), encoding="utf-8")


if __name__ == "__main__":
    main()
