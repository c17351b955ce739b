-- What of the records of repeated customers can be used: no other person's (CUS-TWO-PEOPLE), and a scheme without its password only where no other record has one.
-- view of: customer_value, repeated_customer, other_person
SELECT customer_value.* REPLACE (
    CASE WHEN "customer.password" IS NOT NULL OR NOT bool_or("customer.password" IS NOT NULL) OVER (PARTITION BY customer)
    THEN "customer.common_metadata.password_encryption" END AS "customer.common_metadata.password_encryption")
FROM customer_value
SEMI JOIN repeated_customer USING (customer)
ANTI JOIN other_person USING (record)
