-- The staged subscriptions of which the day of a load decides otherwise than the day that was signed.
-- table of: subscriptions, plans, day
WITH subscription AS (
    SELECT
        record, "customer.old_provider_id" AS customer, "subscription.common_metadata.old_id" AS old_id,
        "subscription.common_metadata.temporary_plan_id" AS plan, "subscription.current_period_end" AS period_end,
        "subscription.common_metadata.service_status" = 'unpaid' AS is_unpaid,
        NOT "subscription.cancel_at_period_end" AS renews,
        coalesce("subscription.common_metadata.is_expired", false) AS is_expired,
        coalesce("subscription.common_metadata.start_now", false) AS starts_now,
        "plan.interval" IN (1, 2) AS is_in_days,
        -- In days or in months; one beyond every calendar is as good as this one, and overflows nothing.
        least("plan.interval_count", 10000) * CASE "plan.interval" WHEN 2 THEN 7 WHEN 4 THEN 12 ELSE 1 END AS interval_length
    FROM subscriptions JOIN plans ON "subscription.common_metadata.temporary_plan_id" = "plan.old_id"
    WHERE starts_now OR period_end < (SELECT max(day) FROM day)
), judged AS (
    SELECT
        *, NOT starts_now AND period_end < day AS has_ended,
        CASE WHEN is_unpaid AND NOT is_expired
            THEN 'BIL-' || if(has_ended, if(renews, 3, 4), if(renews, 1, 2))
        END AS unpaid_case,
        if(is_in_days, day - period_end, datediff('month', period_end, day)) // interval_length AS intervals
    FROM subscription CROSS JOIN day
), decided AS (
    SELECT
        record, customer, old_id, plan, period_end, is_signed,
        CASE WHEN starts_now THEN 'start' WHEN is_unpaid THEN 'unpaid case' ELSE 'ended since' END AS what,
        CASE
            WHEN starts_now THEN 'starts on ' || day
            -- So many intervals later its month, or its very day, is this one's at most: it or the next ends after it.
            WHEN unpaid_case = 'BIL-3' THEN 'BIL-3, period ends on ' || if(
                intervals >= 1 AND later(period_end, is_in_days, intervals * interval_length) > day,
                later(period_end, is_in_days, intervals * interval_length),
                later(period_end, is_in_days, (intervals + 1) * interval_length)
            )
            WHEN is_unpaid THEN unpaid_case
            WHEN has_ended AND NOT is_expired THEN if(renews, 'SUB-ENDED-ACTIVE', 'SUB-EXPIRED')
            ELSE 'migrated'
        END AS decision
    FROM judged
)
SELECT
    signed.record, signed.customer, signed.old_id, signed.plan, signed.period_end, signed.what,
    signed.decision AS as_signed, load.decision AS as_of_load
FROM decided signed JOIN decided load USING (record)
WHERE signed.is_signed AND NOT load.is_signed AND signed.decision IS DISTINCT FROM load.decision
