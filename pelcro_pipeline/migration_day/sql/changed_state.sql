-- The subscriptions that fare otherwise on the later of two days than on the first.
-- table of: migrating_subscription, subscription_state, day
SELECT
    record, customer, old_id, plan, coalesce(before.unpaid_case, before.state) AS state_before, coalesce(after.unpaid_case, after.state) AS state_after,
    before.period_end AS period_end_before, after.period_end AS period_end_after, currency
FROM (FROM subscription_state WHERE day = (SELECT min(day) FROM day)) AS before
JOIN (FROM subscription_state WHERE day = (SELECT max(day) FROM day)) AS after USING (record)
JOIN migrating_subscription USING (record)
WHERE state_before <> state_after OR before.period_end <> after.period_end
