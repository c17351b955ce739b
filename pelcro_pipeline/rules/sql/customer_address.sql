-- A customer's first address of each type.
-- table of: surviving_address, address_repeat
SELECT customer, min(record) FILTER (type = 'billing') AS billing, min(record) FILTER (type = 'shipping') AS shipping
FROM surviving_address
ANTI JOIN address_repeat USING (record, object)
GROUP BY customer
