-- Neither 0 nor 1 says whether the subscription ends with its period: whether its plan renews tells.
-- view of: converted_subscription, judged_subscription, first_plan
SELECT record, "subscription.cancel_at_period_end" AS value,
    CASE first_plan.auto_renew WHEN true THEN '0' WHEN false THEN '1' END AS result
FROM converted_subscription
SEMI JOIN judged_subscription USING (record)
LEFT JOIN first_plan ON first_plan.old_id = "subscription.common_metadata.temporary_plan_id"
WHERE coalesce("subscription.cancel_at_period_end" NOT IN ('0', '1'), true)
