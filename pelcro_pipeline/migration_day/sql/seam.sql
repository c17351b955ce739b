-- What the old system would have charged each subscription next beside what Pelcro will: of which class the difference is, and what explains it.
-- table of: migrating_subscription, subscription_state, next_charge, legacy_charge, valued_subscription
WITH both_sides AS (
    SELECT
        record, customer, old_id, plan, currency, unpaid_case, state, renews, starts_now, cancels, is_recipient, is_billed_to_admin, is_unreadable,
        -- Where the export gives no date of its own, the old system charges whoever pays when the period ends: a gift's donor, a
        -- group's admin. When what is owed, is not told.
        coalesce(next_bill_date, CASE
            WHEN NOT is_unpaid AND NOT cancels AND NOT starts_now AND NOT is_recipient AND NOT is_billed_to_admin THEN given_period_end
        END) AS legacy_date,
        coalesce(next_bill_amount, CASE WHEN legacy_date IS NOT NULL THEN renewal_amount END) AS legacy_amount,
        next_bill_card AS legacy_card, next_bill_date IS NOT NULL AS is_told,
        pelcro_date, pelcro_amount, then_date, day
    FROM migrating_subscription
    JOIN subscription_state USING (record)
    JOIN next_charge USING (record, day)
    LEFT JOIN legacy_charge USING (record)
), classed AS (
    SELECT
        *, CASE
            WHEN is_unreadable THEN 'unreadable'
            WHEN legacy_date IS NULL AND pelcro_date IS NULL THEN 'same'
            WHEN legacy_date IS NULL THEN 'not told'
            WHEN pelcro_date IS NULL THEN 'missing'
            -- Charged by the old system before the day, and again by Pelcro for the period that this paid; or twice by Pelcro for its once.
            WHEN is_told AND legacy_date < day THEN 'double'
            WHEN then_date <= legacy_date THEN 'double'
            WHEN pelcro_date < legacy_date THEN 'earlier'
            WHEN pelcro_date > legacy_date THEN 'later'
            WHEN pelcro_amount <> legacy_amount THEN 'other amount'
            ELSE 'same'
        END AS class
    FROM both_sides
)
SELECT
    record, customer, old_id, plan, currency, legacy_date, legacy_amount, legacy_card, pelcro_date, pelcro_amount, class,
    CASE
        WHEN class = 'same' THEN NULL
        WHEN unpaid_case IS NOT NULL THEN unpaid_case
        WHEN class = 'unreadable' THEN NULL
        WHEN state = 'expired' THEN 'subscription.common_metadata.is_expired'
        WHEN starts_now AND class IN ('earlier', 'later', 'not told') THEN 'subscription.common_metadata.start_now'
        WHEN class = 'missing' AND is_recipient THEN 'subscription.common_metadata.is_gift_recipient'
        WHEN class = 'missing' AND is_billed_to_admin THEN 'subscription.type'
        WHEN class = 'missing' AND cancels AND NOT is_told THEN 'subscription.cancel_at_period_end'
    END AS explained_by
FROM classed
UNION ALL
-- What stays behind was charged by the old system, and is not by Pelcro: the ledger says why.
SELECT record, customer, old_id, plan, currency, period_end, money, NULL, NULL, NULL, 'missing', rule
FROM valued_subscription
WHERE disposition IN ('rejected', 'excluded') AND renewed IS TRUE
