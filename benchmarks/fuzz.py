"""Hostile deliveries by the thousand: each must end in a whole ledger or in one sentence.

    python benchmarks/fuzz.py --cases 10000 --seed 1

Exits 1 where one ended otherwise, and says which; ``--first`` and ``--cases 1`` run it again.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pelcro_pipeline_tests import fuzzing

_TOLD_EVERY = 250


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cases", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--first", type=int, default=0, help="the number of the first case")
    asked = arguments.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        campaign = fuzzing.Campaign(Path(home))
        told = 0
        for case in islice(fuzzing.cases(asked.first + asked.cases, asked.seed), asked.first, None):
            # A hang inside a library ends the process with a trace of where it hangs.
            faulthandler.dump_traceback_later(10 * fuzzing.TIME_LIMIT, exit=True)
            campaign.run(case)
            for bug in campaign.outcome.bugs[told:]:
                _tell(*bug)
            told = len(campaign.outcome.bugs)
            if (case.number + 1) % _TOLD_EVERY == 0:
                _progress(campaign.outcome, case.number + 1, began)
        campaign.end()
        faulthandler.cancel_dump_traceback_later()
    for bug in campaign.outcome.bugs[told:]:
        _tell(*bug)
    outcome = campaign.outcome
    for sentence, count in outcome.refused.most_common():
        print(f"{count:7,}  {sentence}")
    _progress(outcome, asked.first + asked.cases, began)
    sys.exit(bool(outcome.bugs))


def _progress(outcome: fuzzing.Outcome, number: int, began: float) -> None:
    print(
        f"{number:,}: {outcome.migrated:,} migrated, {outcome.refused.total():,} refused, {len(outcome.bugs)} bugs; "
        f"{time.perf_counter() - began:,.0f} s, the slowest {outcome.slowest:.1f} s",
        flush=True,
    )


def _tell(case: fuzzing.Case, what: str) -> None:
    print(f"BUG {fuzzing.trace(case)}\n{what}", flush=True)


if __name__ == "__main__":
    main()
