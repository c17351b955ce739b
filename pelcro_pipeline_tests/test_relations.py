"""Relations stand in files of their own, read only what is made before them, and can be looked at."""

from __future__ import annotations

import duckdb
import pytest
from sqlglot import exp

from pelcro_pipeline import steps
from pelcro_pipeline.analysis import questions
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine import relations
from pelcro_pipeline.engine.relations import Relation
from pelcro_pipeline.rules import answers, catalogue, columns, findings, judgement, ledger, results
from pelcro_pipeline.rules.files import FILES
from pelcro_pipeline_tests.extract import Delivery, migrate, reader
from pelcro_pipeline_tests.queries import parsed, read_by

#: All of it, in the order in which it is made.
ORDER = (*judgement.ORDER, *answers.ORDER, *findings.ORDER, *ledger.ORDER, *questions.ORDER)


@pytest.fixture(scope="module")
def migration(tmp_path_factory):
    ids = {"shipping_address_id": "home", "billing_address_id": "B-1"}
    return migrate(Delivery([reader(1, ids), reader(2, ids), reader(2, ids)]), tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def made(migration) -> dict[str, Relation]:
    """Every relation as it is made for an extract."""
    given = Manifest.load(migration.paths.manifest)
    return FILES | columns.relations(given) | answers.relations() | findings.relations(given) | questions.relations()


@pytest.mark.parametrize("name", ORDER)
class TestEach:
    def test_it_reads_what_it_says(self, made, name):
        assert read_by(made[name].sql) == set(made[name].reads)

    def test_it_reads_only_what_is_made_before_it(self, made, name):
        before = {*judgement.GIVEN, *ORDER[: ORDER.index(name)]}
        assert set(made[name].reads) <= before

    def test_it_begins_with_a_sentence(self, made, name):
        assert made[name].sentence.endswith(".")

    def test_it_is_a_rule_or_another_rests_on_it(self, made, name):
        handed_on = {table for each in results.TABLES.values() for table in read_by(each.query)}
        # The reports are written from these, and sorted by the ranks.
        written = {
            "finding",
            "not_prepared",
            "answered_object",
            "matched_answer",
            "question",
            "rule_rank",
            "object_rank",
        }
        rested_on = {table for each in made.values() for table in each.reads} | handed_on | written
        assert name in catalogue.RULES or name in rested_on


def test_every_file_has_its_place_in_the_order_and_no_two_share_a_name(made):
    assert sorted(ORDER) == sorted(made)
    assert len(set(ORDER)) == len(ORDER)
    assert not {*ORDER} & {*judgement.GIVEN}


@pytest.mark.parametrize("rule", judgement.RULES)
def test_a_rule_says_object_attribute_and_severity_once(made, rule):
    """Each is the catalogue's where it is always the same, and a column of the query where it is not."""
    query = parsed(made[rule].sql)
    told = {each.alias_or_name for each in query.find(exp.Select).expressions} | {*query.named_selects}
    constants = set(catalogue.constants(rule))
    for name in ("object", "attribute", "severity"):
        assert (name in told) or (name in constants), name
    assert not {"attribute", "severity"} & told & constants


def test_an_error_names_the_relation_and_shows_its_sql():
    broken = Relation("without_sense", "Nothing.", ("nothing",), "SELECT missing FROM nothing")
    with duck.connect() as connection, pytest.raises(duckdb.Error) as raised:
        relations.make(connection, [broken])
    assert raised.value.__notes__ == ["The relation without_sense, of nothing:\nSELECT missing FROM nothing"]


def test_a_file_that_does_not_say_what_it_reads_is_refused(tmp_path):
    (tmp_path / "REL-NEW.sql").write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(ValueError, match=r"REL-NEW\.sql: begin with '-- <sentence>'"):
        relations.from_folder(tmp_path)


def test_relations_are_left_on_disk_on_request_and_at_no_other_time(migration):
    kept = migration.paths.analysis / "relations"
    assert not kept.exists()
    with steps.opened(migration.paths) as extract:
        steps.judge(extract, keep_relations=True)
    # Rules that this delivery cannot break are not made, nor answers matched where there are none.
    expected = {*ORDER} - {"REL-CUSTOMER", "REL-TAX-ADDRESS", *answers.ORDER}
    assert {path.stem for path in kept.glob("*.sql")} == {path.stem for path in kept.glob("*.parquet")} == expected
    rows = duckdb.sql(f"SELECT count(*) FROM '{kept / 'subscription_address.parquet'}'").fetchall()
    assert rows == [(2,)]
    with steps.opened(migration.paths) as extract:
        steps.judge(extract)
    assert not kept.exists()
