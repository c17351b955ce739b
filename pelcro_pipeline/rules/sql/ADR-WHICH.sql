-- Which address is meant cannot be told: a subscription has none of a type though its customer has one, or names an id that no address has; or an address has no id among those that have.
-- view of: surviving_subscription, subscription_address, customer_address, surviving_address, address_repeat, not_migrated
WITH standing AS (
    SELECT subscription.* FROM surviving_subscription AS subscription
    ANTI JOIN (SELECT record FROM not_migrated WHERE object = 'subscription') AS gone ON gone.record = subscription.record
), wanted AS (
    SELECT record, customer, 'billing' AS type, billing_address_id AS address_id FROM standing
    UNION ALL
    SELECT record, customer, 'shipping', shipping_address_id FROM standing
), without AS (
    SELECT wanted.record, type, address_id, if(type = 'billing', customer_address.billing, customer_address.shipping) AS other
    FROM wanted
    JOIN subscription_address AS has ON has.subscription = wanted.record
    LEFT JOIN customer_address USING (customer)
    WHERE if(type = 'billing', has.billing, has.shipping) IS NULL
)
SELECT record, 'subscription' AS object, 'address.' || type AS attribute, address_id AS value, other AS related
FROM without
WHERE other IS NOT NULL OR address_id IS NOT NULL
UNION ALL
SELECT address.record, object, 'address.' || type, NULL, NULL
FROM surviving_address AS address
SEMI JOIN (SELECT customer, type FROM surviving_address WHERE address_id IS NOT NULL) AS known USING (customer, type)
ANTI JOIN address_repeat USING (record, object)
ANTI JOIN not_migrated USING (record, object)
WHERE address_id IS NULL
