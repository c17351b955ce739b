-- The customer was not received; a record of which several objects belong to it is told of once.
-- view of: surviving_subscription, surviving_address, customer
WITH belonging AS (
    SELECT record, 'subscription' AS object, customer FROM surviving_subscription
    UNION ALL
    SELECT record, object, customer FROM surviving_address
)
SELECT record, object, customer AS value FROM belonging ANTI JOIN customer USING (customer)
