-- A customer's first address of each type, and its only one, where it has no other.
-- table of: surviving_address, address_repeat
SELECT customer, min(record) FILTER (type = 'billing') AS billing, min(record) FILTER (type = 'shipping') AS shipping,
    if(count(*) FILTER (type = 'billing') = 1, billing, NULL) AS only_billing,
    if(count(*) FILTER (type = 'shipping') = 1, shipping, NULL) AS only_shipping
FROM surviving_address
ANTI JOIN address_repeat USING (record, object)
GROUP BY customer
