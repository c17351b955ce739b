-- Objects that went into another record's.
-- table of: customer, repeated_customer, golden_customer, repeat, address_repeat, not_migrated
SELECT customer.record, 'customer' AS object, golden_customer.record AS into_record
FROM customer
SEMI JOIN repeated_customer USING (customer)
JOIN golden_customer USING (customer)
ANTI JOIN (SELECT record FROM not_migrated WHERE object = 'customer') AS gone ON gone.record = customer.record
WHERE customer.record <> golden_customer.record
UNION ALL
SELECT record, object, first_record FROM repeat ANTI JOIN not_migrated USING (record, object) WHERE equal
UNION ALL
SELECT record, object, first_record FROM address_repeat ANTI JOIN not_migrated USING (record, object)
