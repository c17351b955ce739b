-- Subscriptions that fare alike on whatever day, by one of them, and how many they are.
-- table of: migrating_subscription, payable_until
SELECT
    min(record) AS record, arg_min(customer, record) AS customer, NULL::VARCHAR AS old_id, NULL::VARCHAR AS plan, type, is_unpaid,
    cancels, is_expired, starts_now, false AS is_donor, is_recipient, given_period_end, given_collection_method,
    0::BIGINT AS amount, 0::DECIMAL(38, 0) AS renewal_amount, is_billed_to_admin, '' AS currency, is_in_days, interval_length,
    NULL::BIGINT AS shipments_remaining, NULL::BIGINT AS shipments_per_interval, count(*) AS subscriptions
FROM migrating_subscription
LEFT JOIN payable_until USING (customer)
GROUP BY type, is_billed_to_admin, is_unpaid, cancels, is_expired, starts_now, is_recipient, given_period_end, given_collection_method,
    is_in_days, interval_length, payable_until
