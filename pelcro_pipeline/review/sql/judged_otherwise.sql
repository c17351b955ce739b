-- The staged subscriptions of which the day of a load decides otherwise than the day that was signed.
-- table of: migrating_subscription, subscription_state
WITH decided AS (
    SELECT
        record, day, CASE WHEN starts_now THEN 'start' WHEN is_unpaid THEN 'unpaid case' ELSE 'ended since' END AS what,
        CASE
            WHEN starts_now THEN 'starts on ' || day
            WHEN unpaid_case = 'BIL-3' THEN 'BIL-3, period ends on ' || period_end
            WHEN is_unpaid THEN unpaid_case
            WHEN state = 'not_migrated' THEN if(cancels, 'SUB-EXPIRED', 'SUB-ENDED-ACTIVE')
            ELSE 'migrated'
        END AS decision
    FROM subscription_state JOIN migrating_subscription USING (record)
)
SELECT
    record, subscription.customer, subscription.old_id, subscription.plan, subscription.given_period_end AS period_end, signed.what,
    signed.decision AS as_signed, load.decision AS as_of_load
FROM (FROM decided WHERE day = getvariable('signed_day')) AS signed
JOIN (FROM decided WHERE day = getvariable('load_day')) AS load USING (record)
JOIN migrating_subscription AS subscription USING (record)
WHERE signed.decision IS DISTINCT FROM load.decision
