"""A few of the hostile deliveries that benchmarks/fuzz.py tries by the thousand."""

from pelcro_pipeline_tests import fuzzing


def test_a_hostile_delivery_is_migrated_whole_or_refused_in_a_sentence(tmp_path):
    campaign = fuzzing.Campaign(tmp_path)
    for case in fuzzing.cases(150, seed=20261101):
        campaign.run(case)
    campaign.end()
    assert [(fuzzing.trace(case), what) for case, what in campaign.outcome.bugs] == []
    assert campaign.outcome.cases == 150
    assert min(campaign.outcome.migrated, campaign.outcome.refused.total()) > 30
