-- What becomes of each subscription on each day: its unpaid case (BIL-1 to BIL-4), its state, how it pays, and when its period ends.
-- table of: migrating_subscription, payable_until, day
WITH placed AS (
    SELECT
        subscription.* EXCLUDE (shipments_remaining, shipments_per_interval), day,
        payable_until >= date_trunc('month', day) IS TRUE AS has_valid_card,
        if(starts_now, day, given_period_end) AS anchor,
        NOT starts_now AND given_period_end < day AS has_ended
    FROM migrating_subscription AS subscription
    LEFT JOIN payable_until USING (customer)
    CROSS JOIN day
), judged AS (
    SELECT
        *, CASE WHEN is_unpaid AND NOT is_expired THEN 'BIL-' || if(has_ended, if(cancels, 4, 3), if(cancels, 2, 1)) END AS unpaid_case,
        -- So many intervals later its month, or its very day, is this one's at most: it or the next ends after it.
        if(is_in_days, day - anchor, datediff('month', anchor, day)) // interval_length AS intervals
    FROM placed
), counted AS (
    SELECT
        *, CASE
            WHEN starts_now THEN 1
            WHEN unpaid_case = 'BIL-3' AND intervals >= 1 AND later(anchor, is_in_days, intervals * interval_length) > day THEN intervals
            WHEN unpaid_case = 'BIL-3' THEN intervals + 1
            ELSE 0
        END AS first_interval
    FROM judged
)
SELECT
    record, day, unpaid_case,
    CASE
        WHEN is_expired THEN 'expired'
        WHEN unpaid_case = 'BIL-4' THEN 'cancelled'
        WHEN unpaid_case = 'BIL-3' THEN 'scheduled'
        WHEN has_ended THEN 'not_migrated'
        ELSE 'active'
    END AS state,
    if(unpaid_case IN ('BIL-2', 'BIL-4') OR (unpaid_case IN ('BIL-1', 'BIL-3') AND NOT has_valid_card),
        'send_invoice', given_collection_method) AS collection_method,
    if(unpaid_case = 'BIL-3', first_interval, 0) AS iterations, anchor, first_interval,
    later(anchor, is_in_days, first_interval * interval_length) AS period_end,
    -- A gift's recipient is one-time: it ends with its period.
    NOT cancels AND NOT is_recipient AND (state IN ('active', 'scheduled')) AS renews
FROM counted
