-- The subscription renews, and its plan does not.
-- view of: judged_subscription, first_plan
SELECT record, '0' AS value
FROM judged_subscription AS subscription
JOIN first_plan ON first_plan.old_id = subscription.temporary_plan_id
WHERE NOT cancel_at_period_end AND NOT first_plan.auto_renew
