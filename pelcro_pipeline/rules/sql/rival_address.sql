-- The surviving addresses of customers that have several of a type, with the names that they are given (ADR-NAME).
-- table of: surviving_address, golden_customer
SELECT address.record, object, type, customer, address_id, struct_update(
    content,
    first_name := coalesce(content.first_name, golden_customer.first_name),
    last_name := coalesce(content.last_name, golden_customer.last_name)) AS content
FROM surviving_address AS address
JOIN golden_customer USING (customer)
SEMI JOIN (
    SELECT customer, type FROM surviving_address GROUP BY customer, type HAVING count(*) > 1
) AS several USING (customer, type)
