"""Each shipped map, from an export in the system's own format to the prepared files.

``exports/<system>/delivered`` is what the system writes, of invented readers; ``exports/<system>/expected`` what becomes of it.
``python -m pelcro_pipeline_tests.test_sources SYSTEM`` writes the latter anew: it is read before it is committed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.sources import pages, source_map
from pelcro_pipeline_tests.extract import Migration, migrate

EXPORTS = Path(__file__).parent / "exports"
DOCS = Path(__file__).parents[1] / "docs" / "sources"
SYSTEMS = sorted(each.name for each in EXPORTS.iterdir() if each.is_dir())


def results(migration: Migration) -> dict[str, str]:
    """What is expected of an export, by file: its prepared files, its dispositions, its findings, and what fell."""
    prepared = {
        f"{name}.csv": (migration.paths.prepared / f"{name}.csv").read_text(encoding="utf-8")
        for name in ("customers", "products", "plans")
    }
    told = sorted(
        f"{each['file']}:{each['line'] or ''} {each['object'] or 'file'}, {each['attribute'] or 'all of it'}: "
        f"{each['rule']} {each['severity']} [{each['value'] or ''}]"
        for each in migration.findings
    )
    return prepared | {
        "dispositions.csv": migration.dispositions.to_csv(index=False),
        "findings.txt": "".join(f"{each}\n" for each in told),
        "not_prepared.txt": "".join(f"{each}\n" for each in migration.fallen),
    }


@pytest.fixture(scope="module", params=SYSTEMS)
def migration(request, tmp_path_factory) -> tuple[str, Migration]:
    home = tmp_path_factory.mktemp(request.param)
    return request.param, migrate(EXPORTS / request.param / "delivered", home)


def test_every_shipped_map_has_an_example():
    assert {each.partition("_")[0] for each in SYSTEMS} == {*source_map.shipped()}


def test_an_export_becomes_what_is_expected(migration):
    system, made = migration
    expected = {each.name: each.read_text(encoding="utf-8") for each in (EXPORTS / system / "expected").iterdir()}
    assert results(made) == expected


def test_every_object_received_has_one_disposition(migration):
    _, made = migration
    assert made.broken == []


#: One that folds events, one that drops records, one whose records are an array's, one that looks into another export.
PROVEN = ("paypal-report", "blox", "pigeon", "braintree")


def test_a_second_program_proves_it_from_what_the_map_made(migration):
    system, made = migration
    if system not in PROVEN:
        pytest.skip("one of each kind is proven")
    assert made.nonconforming == []
    assert steps.certify(made.paths).differences == []


@pytest.mark.parametrize("system", source_map.shipped())
def test_its_page_is_rendered_from_the_map(system):
    page = pages.page(source_map.load(source_map.shipped()[system]))
    assert (DOCS / f"{system}.md").read_text(encoding="utf-8") == page, pages.COMMAND


def write_expected(system: str) -> None:
    """Write what becomes of a system's example."""
    folder = EXPORTS / system / "expected"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        for name, text in results(migrate(EXPORTS / system / "delivered", Path(home))).items():
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        write_expected(each)
