-- What happens to each subscription on each migration day and in the 90 days after it: what falls due, is charged, renews and ends.
-- table of: migrating_subscription, subscription_state, invoice, payable_until
WITH period AS (
    SELECT
        state.*, customer, renewal_amount AS amount, currency, is_in_days, interval_length, is_billed_to_admin, payable_until
    FROM subscription_state AS state
    JOIN migrating_subscription AS subscription USING (record)
    LEFT JOIN payable_until USING (customer)
    WHERE state IN ('active', 'scheduled') AND period_end <= day + 90
), renewal AS (
    SELECT * EXCLUDE (anchor, is_in_days, interval_length), later(anchor, is_in_days, interval * interval_length) AS date
    FROM (
        SELECT *, unnest(generate_series(
            first_interval, if(is_in_days, day + 90 - anchor, datediff('month', anchor, day + 90)) // interval_length)) AS interval
        FROM period
        WHERE renews
    )
), billed AS (
    SELECT * FROM renewal WHERE date <= day + 90 AND NOT is_billed_to_admin
), opened AS (
    FROM invoice WHERE is_chosen
)
SELECT record, day, date, 'renewal' AS what, 0::DECIMAL(38, 0) AS amount, currency FROM renewal WHERE date <= day + 90
UNION ALL
SELECT record, day, date, 'invoice', amount, currency FROM billed
UNION ALL
SELECT record, day, date, 'charge', amount, currency FROM billed
WHERE collection_method = 'charge_automatically' AND payable_until >= date_trunc('month', date)
UNION ALL
SELECT record, day, period_end, 'expiry', 0, currency FROM period WHERE NOT renews
UNION ALL
SELECT record, day, day, 'invoice', amount, currency FROM opened
UNION ALL
SELECT record, day, day, 'charge', amount, currency FROM opened WHERE is_charge_attempted
UNION ALL
SELECT record, day, due_on, 'due', amount, currency FROM opened WHERE due_on IS NOT NULL
UNION ALL
SELECT record, day, uncollectible_on, 'write_off', amount, currency FROM opened WHERE uncollectible_on <= day + 90
