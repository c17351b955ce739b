-- A later record of an id is another person's: neither it nor what belongs to it is taken for the first's.
-- view of: other_person, customer, billing_address, shipping_address, judged_subscription
WITH belonging AS (
    SELECT record, 'customer' AS object FROM customer
    UNION ALL
    SELECT record, 'billing_address' FROM billing_address
    UNION ALL
    SELECT record, 'shipping_address' FROM shipping_address
    UNION ALL
    SELECT record, 'subscription' FROM judged_subscription
)
SELECT record, object, other_person.customer AS value, first_record AS related FROM belonging JOIN other_person USING (record)
