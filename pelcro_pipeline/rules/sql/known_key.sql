-- Every key that something can be named by, and what it is the key of.
-- view of: customer, product, plan, received_subscription
SELECT 'customer' AS key_of, customer AS key FROM customer
UNION ALL
SELECT 'product', id FROM product
UNION ALL
SELECT 'plan', old_id FROM plan
UNION ALL
SELECT 'donor', old_id FROM received_subscription WHERE is_gift_donor
UNION ALL
SELECT 'group', membership FROM received_subscription WHERE type = 'admin'
