-- An admin or member is on a plan of another type.
-- view of: surviving_subscription, first_plan
SELECT record, temporary_plan_id AS value
FROM surviving_subscription AS subscription
JOIN first_plan ON first_plan.old_id = subscription.temporary_plan_id
WHERE subscription.type IN ('admin', 'member') AND first_plan.type <> 'membership'
