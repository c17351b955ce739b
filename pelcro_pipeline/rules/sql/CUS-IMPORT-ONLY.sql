-- Nothing, or neither 0 nor 1, says whether the customer is imported alone: whether it has a subscription tells.
-- view of: converted_customer, golden_customer, subscriber
WITH unclear AS (
    SELECT record, customer, "customer.common_metadata.import_only_the_customer" AS value
    FROM converted_customer
    WHERE value NOT IN ('0', '1')
)
SELECT record, record AS owner, NULL AS value, if(subscriber.customer IS NULL, '1', '0') AS result
FROM golden_customer
LEFT JOIN subscriber USING (customer)
WHERE import_only_the_customer IS NULL AND record NOT IN (SELECT record FROM unclear)
UNION ALL
SELECT unclear.record, golden_customer.record, value,
    coalesce(import_only_the_customer::TINYINT::VARCHAR, if(subscriber.customer IS NULL, '1', '0'))
FROM unclear
JOIN golden_customer USING (customer)
LEFT JOIN subscriber USING (customer)
