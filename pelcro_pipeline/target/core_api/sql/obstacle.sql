-- What the site would refuse of an object before it is asked, or take otherwise than it is delivered; those that stop it are not sent.
-- table of: customer_row, address_row, product_row, subscription_row, invoice_row, subscriptions, products, plans, load_terms
SELECT 'customer' AS kind, mark('customer', identity) AS mark, 'API-PHONE' AS rule, 'customer.phone' AS attribute, "customer.phone" AS value, true AS stops
FROM customer_row
WHERE strlen(regexp_replace("customer.phone", '[^0-9]', '', 'g')) NOT BETWEEN 5 AND 20
UNION ALL
SELECT 'address', mark('address', identity), 'API-STATE', 'address.' || type || '_state', NULL, true
FROM address_row
WHERE "address.country" IN ('CA', 'US', 'AU') AND "address.state" IS NULL
UNION ALL
SELECT 'product', mark('product', identity), 'API-INACTIVE', 'product.active', "product.id", false
FROM product_row
WHERE NOT "product.active"
UNION ALL
SELECT
    'subscription', mark('subscription', identity), 'API-PERIOD-END', 'subscription.current_period_end',
    concat_ws(', ', nullif(state, 'active'), strftime("subscription.current_period_end", '%Y-%m-%d')), true
FROM subscription_row CROSS JOIN load_terms
WHERE state <> 'active' OR day_end("subscription.current_period_end") NOT BETWEEN seconds + 1 AND 2147483647
UNION ALL
SELECT 'subscription', mark('subscription', identity), 'API-QUANTITY', 'subscription.quantity', "subscription.quantity"::VARCHAR, true
FROM subscription_row
WHERE "subscription.quantity" > 100000
UNION ALL
SELECT
    'subscription', mark('subscription', identity), 'API-ADDRESS', 'subscription.common_metadata.temporary_plan_id',
    "subscription.common_metadata.temporary_plan_id", true
FROM subscription_row
JOIN plans ON "plan.old_id" = "subscription.common_metadata.temporary_plan_id"
JOIN products ON "product.id" = "plan.temporary_product_id"
WHERE "product.address_required" AND address_mark IS NULL
UNION ALL
SELECT
    'subscription', mark('subscription', identity), 'API-CARD', 'subscription.collection_method', 'charge_automatically', false
FROM subscription_row
WHERE lacks_card
UNION ALL
SELECT 'subscription', mark('subscription', identity), 'API-START', 'subscription.start_date', strftime("subscription.start_date", '%Y-%m-%d'), false
FROM subscription_row CROSS JOIN load_terms
WHERE takes_start AND "subscription.start_date" > load_day
UNION ALL
SELECT 'invoice', mark('invoice', identity), 'API-MEMBER', 'subscription.type', 'member', true
FROM invoice_row JOIN subscriptions USING (record)
WHERE "subscription.type" = 'member'
UNION ALL
SELECT 'customer', mark('customer', identity), 'API-PASSWORD', 'customer.password', NULL, false
FROM customer_row
WHERE "customer.password" IS NOT NULL AND NOT is_accepted_password
