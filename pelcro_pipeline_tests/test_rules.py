"""The catalogue: every rule has a case that breaks it and one that does not."""

from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline_tests import (
    test_core_api_rules,
    test_rules_addresses,
    test_rules_customers,
    test_rules_files,
    test_rules_products,
    test_rules_relations,
    test_rules_sources,
    test_rules_subscriptions,
)

CASES = [
    case
    for module in (
        test_rules_files,
        test_rules_sources,
        test_rules_customers,
        test_rules_addresses,
        test_rules_products,
        test_rules_subscriptions,
        test_rules_relations,
    )
    for case in module.CASES
] + [test_rules_relations.UNKNOWN_CUSTOMER]
#: In the catalogue to say what is no finding: the one is let be, the other merged, and the ledger names no rule for that.
NEVER_NAMED = {"ADR-SALUTATION", "CUS-MERGED"}


def test_every_rule_has_a_case_that_breaks_it_and_one_that_does_not():
    # Those of a site are told beside its rows, and have cases of another form.
    of_sites = {case.rule for case in test_core_api_rules.CASES} | test_core_api_rules.BY_ANSWERS
    assert {case.rule for case in CASES} | of_sites == set(RULES)
    assert not of_sites & {case.rule for case in CASES}
    assert [case.rule for case in CASES if not (case.breaking and case.clean)] == []


def test_every_case_expects_its_own_rule():
    assert {case.rule for case in CASES if not case.shows_violation} == NEVER_NAMED
