-- The rows of a log that has a customer's cards below the customer: each card with the one it belongs to, and customers without any.
-- view of: card_row
WITH carried AS (
    SELECT *,
        last_value(gateway_customer_id IGNORE NULLS) OVER down AS carried_gateway_customer_id,
        last_value(coalesce(customer, gateway_customer_id) IGNORE NULLS) OVER down AS carried_customer,
        lead(source_id) OVER down IS NOT NULL
            AND coalesce(lead(gateway_customer_id) OVER down = gateway_customer_id, true) AS has_cards_below
    FROM card_row
    WINDOW down AS (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT place, carried_customer AS customer, carried_gateway_customer_id AS gateway_customer_id, source_id IS NOT NULL AS of_source,
    source_id, old_source_id,
    CASE WHEN source_id IS NULL THEN NULL WHEN brand ILIKE '%sepa%' THEN 'sepa' WHEN brand ILIKE '%bacs%' THEN 'bacs'
        WHEN brand ILIKE '%bank%' OR brand ILIKE 'ach%' THEN 'bank_account' ELSE 'card' END AS kind,
    fingerprint, brand, last4, exp_month, exp_year, is_default,
    CASE WHEN carried_customer IS NULL THEN 'no customer stands above it' END AS unreadable
FROM carried
WHERE source_id IS NOT NULL OR has_cards_below IS NOT TRUE
