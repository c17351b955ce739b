-- What Pelcro bills each subscription next, from the day on: the invoice of an unpaid one, else the renewal's; nothing where it ends.
-- table of: migrating_subscription, subscription_state
SELECT
    record, day, CASE WHEN unpaid_case IS NOT NULL THEN day WHEN renews AND NOT is_billed_to_admin THEN period_end END AS pelcro_date,
    CASE
        WHEN unpaid_case IS NOT NULL THEN amount::DECIMAL(38, 0)
        WHEN renews AND NOT is_billed_to_admin THEN renewal_amount
    END AS pelcro_amount,
    -- What an unpaid one is billed after that.
    CASE WHEN unpaid_case IS NOT NULL AND renews THEN period_end END AS then_date
FROM subscription_state
JOIN migrating_subscription USING (record)
