-- Taxes are collected, and there is no billing address.
-- view of: surviving_subscription, subscription_address
SELECT record, temporary_plan_id AS value
FROM surviving_subscription AS subscription
LEFT JOIN subscription_address AS has ON has.subscription = subscription.record
WHERE has.billing IS NULL
