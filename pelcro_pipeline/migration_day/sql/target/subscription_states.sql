-- What becomes of each subscription, as it is loaded.
-- view of: subscription_state, migrating_subscription
SELECT
    record, customer AS "customer.old_provider_id", old_id AS "subscription.common_metadata.old_id",
    state AS "subscription.state", unpaid_case AS "subscription.case", collection_method AS "subscription.collection_method",
    period_end AS "subscription.current_period_end", iterations AS "subscription.iterations"
FROM subscription_state JOIN migrating_subscription USING (record)
