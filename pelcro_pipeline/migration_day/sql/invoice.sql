-- The invoice of each unpaid subscription on each day, by both readings of the guide's lists of when it is due.
-- table of: migrating_subscription, subscription_state, terms
SELECT
    record, day, reading, is_chosen, unpaid_case, customer, old_id, amount, currency, collection_method,
    collection_method = 'charge_automatically' AS is_charge_attempted,
    if(reading = 'due_in_one_day' AND collection_method = 'send_invoice', day + 1, NULL) AS due_on,
    if(reading = 'open_until_uncollectible' AND collection_method = 'send_invoice', day + write_off_days, NULL) AS uncollectible_on
FROM subscription_state
JOIN migrating_subscription USING (record)
CROSS JOIN terms
WHERE unpaid_case IS NOT NULL
