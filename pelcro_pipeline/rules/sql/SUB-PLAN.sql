-- The subscription's plan was not received.
-- view of: judged_subscription, plan
SELECT record, temporary_plan_id AS value
FROM judged_subscription AS subscription
ANTI JOIN plan ON plan.old_id = subscription.temporary_plan_id
WHERE temporary_plan_id IS NOT NULL AND NOT lost_digits(temporary_plan_id)
