-- A subscription that renews is said to have ended: most probably it has renewed since the export.
-- view of: excluded, subscription, first_plan
SELECT record, current_period_end AS value
FROM subscription
SEMI JOIN (FROM excluded WHERE rule = 'SUB-EXPIRED') AS ended USING (record)
LEFT JOIN first_plan ON first_plan.old_id = subscription.temporary_plan_id
WHERE NOT coalesce(cancel_at_period_end, NOT first_plan.auto_renew, true)
