-- The amount may be in dollars: it is written with a zero fraction, or equals an order's price that has a fraction.
-- view of: converted_plan, converted_subscription
WITH amount AS (
    SELECT record, "plan.old_id" AS old_id, trim_to_null(delivered['plan.amount']) AS text, try_cast("plan.amount" AS BIGINT) AS amount
    FROM converted_plan
), with_fraction AS (
    SELECT DISTINCT file_of(record) AS file FROM amount WHERE regexp_full_match(text, '[0-9]+[.,](?:[1-9][0-9]?|0[1-9])')
), priced AS (
    SELECT DISTINCT "subscription.common_metadata.temporary_plan_id" AS old_id,
        try_cast(replace("subscription.common_metadata.order_price", ',', '.') AS DECIMAL(18, 2)) AS price
    FROM converted_subscription
    WHERE regexp_full_match("subscription.common_metadata.order_price", '[0-9]+[.,][0-9]{1,2}')
)
SELECT record, text AS value, if(with_fraction.file IS NULL, 'question', 'reject') AS severity
FROM amount
LEFT JOIN with_fraction ON with_fraction.file = file_of(record)
WHERE amount IS NOT NULL
    AND (regexp_full_match(text, '[0-9]+[.,]0{1,2}')
        OR EXISTS (SELECT 1 FROM priced WHERE priced.old_id = amount.old_id AND priced.price = amount.amount))
