-- The address lacks a name: its customer's stands in, and without one the address is rejected.
-- view of: billing_address, shipping_address, golden_customer
SELECT address.record, 'billing_address' AS object, 'address.billing_first_name' AS attribute, golden_customer.first_name AS result,
    if(golden_customer.first_name IS NULL, 'reject', 'repair') AS severity
FROM billing_address AS address
LEFT JOIN golden_customer USING (customer)
WHERE address.first_name IS NULL
UNION ALL
SELECT address.record, 'billing_address' AS object, 'address.billing_last_name' AS attribute, golden_customer.last_name AS result,
    if(golden_customer.last_name IS NULL, 'reject', 'repair') AS severity
FROM billing_address AS address
LEFT JOIN golden_customer USING (customer)
WHERE address.last_name IS NULL
UNION ALL
SELECT address.record, 'shipping_address' AS object, 'address.shipping_first_name' AS attribute, golden_customer.first_name AS result,
    if(golden_customer.first_name IS NULL, 'reject', 'repair') AS severity
FROM shipping_address AS address
LEFT JOIN golden_customer USING (customer)
WHERE address.first_name IS NULL
UNION ALL
SELECT address.record, 'shipping_address' AS object, 'address.shipping_last_name' AS attribute, golden_customer.last_name AS result,
    if(golden_customer.last_name IS NULL, 'reject', 'repair') AS severity
FROM shipping_address AS address
LEFT JOIN golden_customer USING (customer)
WHERE address.last_name IS NULL
