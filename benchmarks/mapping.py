"""What reading exports through a shipped map costs, in times of the floor: `python benchmarks/mapping.py [RECORDS]`.

The floor is DuckDB's load of the same files as text, in the same run. Beside it stand the same exports read by a map that makes nothing of
them, and the conversion that reads what the other has made. A fortieth of the records fail on a step, as a status does that no map knows.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import duckdb

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery import reading
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.sources import source_map

_Made = TypeVar("_Made")

_READER = """'Reader' || i || '@Example.com' AS "{email}", 'First' || i % 5000 AS "{first}", 'Last' || i % 9000 AS "{last}\""""
_DAY = "strftime(DATE '{day}' + (i % {days})::INT, '%Y-%m-%d')"
#: By system, each file that it writes, as SQL over ``i``, the number of a record; of plans and the like there are twelve.
EXPORTS = {
    "piano": {
        "subscriptions.csv": f"""'RC' || i AS "Subscription ID", 'PN' || i AS "User ID",
            {_READER.format(email="User email", first="First name", last="Last name")},
            'TM' || i % 12 AS "Term ID", 'Term number ' || i % 12 AS "Term name", 'R' || i % 3 AS "Resource ID",
            'Resource ' || i % 3 AS "Resource name", {_DAY.format(day="2020-01-01", days=1500)} AS "Start date", '' AS "End date",
            CASE WHEN i % 40 = 0 THEN 'paused' WHEN i % 10 = 1 THEN 'failedAndRetry' ELSE 'active' END AS "Subscription status",
            'true' AS "Auto-renew", 'every month' AS "Billing period", i % 12 + 1 || '.99' AS "Price", 'USD' AS "Currency",
            {_DAY.format(day="2026-11-02", days=30)} AS "Next billing date\"""",
    },
    "braintree": {
        "customers.json": f"""(81467000 + i)::VARCHAR AS id, {_READER.format(email="email", first="first_name", last="last_name")},
            '+1 514-555-' || lpad((i % 10000)::VARCHAR, 4, '0') AS phone,
            [{{street_address: i || ' Birch Rd', locality: 'Portland', region: 'OR', postal_code: '97205', country_code_alpha2: 'US'}}] AS addresses""",
        "payment_methods.json": "'tok' || i AS token, (81467000 + i)::VARCHAR AS customer_id",
        "plans.json": """'plan' || i AS id, 'Plan ' || i AS name, i + 1 || '.99' AS price, 'USD' AS currency_iso_code,
            1 AS billing_frequency""",
        "subscriptions.json": f"""'bt' || i AS id, 'plan' || i % 12 AS plan_id,
            CASE WHEN i % 40 = 0 THEN 'Pending' WHEN i % 10 = 1 THEN 'Past Due' ELSE 'Active' END AS status,
            i % 12 + 1 || '.99' AS price, 'tok' || i AS payment_method_token,
            {_DAY.format(day="2020-01-01", days=1500)} AS first_billing_date,
            {_DAY.format(day="2026-11-01", days=30)} AS billing_period_end_date,
            {_DAY.format(day="2026-11-02", days=30)} AS next_billing_date, 'true' AS never_expires""",
    },
    "cds": {
        "D02.csv": f"""lpad(i::VARCHAR, 12, '0') AS "customerNumber", '01' AS "addressCode",
            {_DAY.format(day="2026-09-01", days=40)} AS "lastUpdatedOn",
            {_READER.format(email="emailAddress", first="firstName", last="lastName")},
            'Y' AS "emailValid", i || ' BIRCH RD' AS "addressLine1", 'PORTLAND' AS city, 'OR' AS state, '97205' AS "postalCode",
            'US' AS country""",
        "C05.csv": f"""lpad(i::VARCHAR, 12, '0') AS "customerNumber", 'PUB' || i % 3 AS "publicationCode",
            lpad((i - i % 5 // 4)::VARCHAR, 12, '7') AS "subscriptionReference", lpad((i % 5)::VARCHAR, 4, '0') AS "termNumber",
            lpad(i::VARCHAR, 12, '9') AS "orderId", CASE WHEN i % 40 = 0 THEN 'HLD' ELSE 'NEW' END AS "subscriptionOpr",
            '00001' AS copies, {_DAY.format(day="2026-11-02", days=300)} AS "finalExpireIssue", (i % 12)::VARCHAR AS "issuesRemaining\"""",
        "C07.csv": """lpad(i::VARCHAR, 12, '7') AS "subscriptionReference", lpad(i::VARCHAR, 12, '9') AS "orderID",
            'Magazine ' || i % 3 AS "publicationName", 'CC' AS "paymentType", '12' AS "termLength", 'OFFER' || i % 12 AS "offerCode",
            'PUB' || i % 3 AS "publicationCode\"""",
        "terms.csv": """'OFFER' || i AS "offerCode", 'PUB' || i % 3 AS "publicationCode", 'Magazine ' || i % 3 AS "publicationName",
            '24.00' AS amount, 'USD' AS currency, 'year' AS "interval", '1' AS "intervalCount", '12' AS shipments""",
    },
}
_FEW = {"plans.json": 12, "terms.csv": 12}
#: In the place of a map's targets: it knows the exports, and makes nothing of them.
_NOTHING = """[sources.undelivered]
columns = ["nothing"]
[[target]]
file = "products"
source = "undelivered"
[target.fields]
"product.id" = { from = "nothing" }
"""


def write(system: str, records: int, into: Path) -> None:
    """The exports of a system, with the settings of their extract."""
    for name, columns in EXPORTS[system].items():
        form = "FORMAT json, ARRAY true" if name.endswith("json") else "FORMAT csv, HEADER"
        rows = f"SELECT {columns} FROM range({_FEW.get(name, records)}) AS record(i)"
        duckdb.sql(f"COPY ({rows}) TO '{into / name}' ({form})")
    settings = 'migration_date = 2026-11-01\ntaxes = false\ncurrency = "usd"\n'
    (into / extract_settings.FILE_NAME).write_text(f'{settings}source = "{system}"\n', encoding="utf-8")


def without_targets(system: str) -> str:
    """The shipped map of a system, with nothing that it makes of its exports."""
    known, _, _ = source_map.shipped()[system].read_text(encoding="utf-8").partition("[[target]]")
    return known + _NOTHING


def load(folder: Path) -> None:
    for name in sorted(folder.glob("*.csv")):
        duckdb.sql(f"CREATE OR REPLACE TABLE loaded AS FROM read_csv('{name}', all_varchar = true, header = true)")
    for name in sorted(folder.glob("*.json")):
        duckdb.sql(f"CREATE OR REPLACE TABLE loaded AS FROM read_json('{name}')")
    duckdb.sql("DROP TABLE loaded")


def read(folder: Path, into: Path) -> Manifest:
    into.mkdir()
    with duck.connect() as connection:
        return reading.read(folder, into, extract_settings.load(folder), connection)


def convert(manifest: Manifest, into: Path) -> None:
    into.mkdir()
    with duck.connect() as connection:
        tables.write(connection, manifest, manifest.settings, into)


class Took(NamedTuple):
    """Seconds on the wall, and those of all processors, which whatever else runs disturbs less."""

    wall: float
    processors: float


def measured(work: Callable[[], _Made]) -> tuple[_Made, Took]:
    """What work makes, and what it took."""
    wall, processors = time.perf_counter(), time.process_time()
    made = work()
    return made, Took(time.perf_counter() - wall, time.process_time() - processors)


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{'':12}{'':24}{'wall':>8}{'processors':>12}")
    for system in EXPORTS:
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home, system)
            folder.mkdir()
            write(system, records, folder)
            compare(system, folder, Path(home))


def compare(system: str, folder: Path, home: Path) -> None:
    """Print what a system's exports cost."""
    # The first touch reads the files from disk for all that follow.
    load(folder)
    _, floor = measured(lambda: load(folder))
    own = folder / source_map.FILE_NAME
    own.write_text(without_targets(system), encoding="utf-8")
    _, bare = measured(lambda: read(folder, home / "bare"))
    own.unlink()
    manifest, whole = measured(lambda: read(folder, home / "mapped"))
    _, conversion = measured(lambda: convert(manifest, home / "converted"))
    print(f"{system:12}{'floor':24}{floor.wall:7.2f}s{floor.processors:11.2f}s")
    for name, took in {
        "read bare": bare,
        "read through the map": whole,
        "what the map adds": Took(whole.wall - bare.wall, whole.processors - bare.processors),
        "conversion": conversion,
    }.items():
        print(f"{'':12}{name:24}{took.wall / floor.wall:8.2f}{took.processors / floor.processors:12.2f}", flush=True)


if __name__ == "__main__":
    main()
