-- The addresses that a subscription has: its record's own, or the one it names, or else its customer's only one; none where its own or the named one is rejected.
-- table of: surviving_subscription, surviving_address, address, address_repeat, field_not_migrated, type_with_ids, customer_address
WITH own AS (
    SELECT address.record, type, coalesce(first_record, address.record) AS address
    FROM surviving_address AS address
    SEMI JOIN type_with_ids USING (type)
    LEFT JOIN address_repeat USING (record, object)
), by_id AS (
    SELECT customer, type, address_id, record AS address
    FROM surviving_address
    SEMI JOIN type_with_ids USING (type)
    ANTI JOIN address_repeat USING (record, object)
    WHERE address_id IS NOT NULL
), lost AS (
    SELECT record, type, true AS lost FROM address SEMI JOIN field_not_migrated USING (record, object)
)
SELECT subscription.record AS subscription,
    if(lost_billing.lost, NULL, coalesce(own_billing.address, named_billing.address,
        if(billing_address_id IS NULL, only_billing, NULL))) AS billing,
    if(lost_shipping.lost, NULL, coalesce(own_shipping.address, named_shipping.address,
        if(shipping_address_id IS NULL, only_shipping, NULL))) AS shipping
FROM surviving_subscription AS subscription
LEFT JOIN customer_address USING (customer)
LEFT JOIN own AS own_billing ON own_billing.record = subscription.record AND own_billing.type = 'billing'
LEFT JOIN own AS own_shipping ON own_shipping.record = subscription.record AND own_shipping.type = 'shipping'
LEFT JOIN by_id AS named_billing ON named_billing.customer = subscription.customer AND named_billing.type = 'billing'
    AND named_billing.address_id = subscription.billing_address_id
LEFT JOIN by_id AS named_shipping ON named_shipping.customer = subscription.customer AND named_shipping.type = 'shipping'
    AND named_shipping.address_id = subscription.shipping_address_id
LEFT JOIN lost AS lost_billing ON lost_billing.record = subscription.record AND lost_billing.type = 'billing'
LEFT JOIN lost AS lost_shipping ON lost_shipping.record = subscription.record AND lost_shipping.type = 'shipping'
