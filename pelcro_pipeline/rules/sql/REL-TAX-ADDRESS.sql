-- Taxes are collected, and the customer has no billing address.
-- view of: surviving_subscription, customer_address
SELECT record, temporary_plan_id AS value
FROM surviving_subscription AS subscription
LEFT JOIN customer_address USING (customer)
WHERE customer_address.billing IS NULL
