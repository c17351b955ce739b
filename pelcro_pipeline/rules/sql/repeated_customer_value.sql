-- What of the records of repeated customers can be used: a scheme without its password cannot where another record has one.
-- view of: customer_value, repeated_customer
SELECT customer_value.* REPLACE (
    CASE WHEN "customer.password" IS NOT NULL OR NOT bool_or("customer.password" IS NOT NULL) OVER (PARTITION BY customer)
    THEN "customer.common_metadata.password_encryption" END AS "customer.common_metadata.password_encryption")
FROM customer_value
SEMI JOIN repeated_customer USING (customer)
