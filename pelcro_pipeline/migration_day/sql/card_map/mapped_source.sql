-- What a map maps: each source once with the last month in which it is valid, and customers of the processor without a source.
-- view of: judged_entry
WITH first_card AS (
    SELECT gateway_customer_id, min(place) AS first_place, coalesce(bool_or(is_default), false) AS is_default_told
    FROM judged_entry
    WHERE problem IS NULL AND starts_with(source_id, 'card_')
    GROUP BY gateway_customer_id
)
SELECT customer, gateway_customer_id, source_id, old_source_id, kind, fingerprint, brand, last4, exp_month, exp_year,
    CASE WHEN NOT of_source THEN NULL WHEN kind = 'card' THEN make_date(exp_year, exp_month, 1) ELSE DATE '9999-12-01' END AS expires,
    -- Stripe makes the first imported card the default where none is named; of pm_ and src_ none is.
    coalesce(is_default, CASE WHEN starts_with(source_id, 'card_') THEN place = first_place AND NOT is_default_told END) AS is_default,
    place
FROM judged_entry
LEFT JOIN first_card USING (gateway_customer_id)
WHERE problem IS NULL
