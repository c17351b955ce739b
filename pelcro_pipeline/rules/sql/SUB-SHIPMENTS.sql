-- The plan ships, and nothing says how many shipments remain.
-- view of: judged_subscription, first_plan
SELECT record
FROM judged_subscription AS subscription
JOIN first_plan ON first_plan.old_id = subscription.temporary_plan_id
WHERE shipments_remaining IS NULL AND ships(first_plan.shipments_per_interval)
