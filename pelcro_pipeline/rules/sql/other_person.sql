-- Later records of an id whose email and first and last name are all other ones than its first record's: two people under one id.
-- table of: customer_value, repeated_customer
WITH person AS (
    SELECT record, customer, first_record, lower("customer.email") AS email,
        strip_accents(lower("customer.first_name")) AS first_name, strip_accents(lower("customer.last_name")) AS last_name
    FROM customer_value
    JOIN repeated_customer USING (customer)
)
SELECT later.record, later.customer, later.first_record
FROM person AS later
JOIN person AS earlier ON earlier.record = later.first_record
WHERE later.email <> earlier.email AND later.first_name <> earlier.first_name AND later.last_name <> earlier.last_name
