-- How many objects of each kind were prepared, counted in the tables themselves.
-- view of: products, plans, customers, addresses, cards, subscriptions, invoices
SELECT 'product' AS kind, count(*) AS prepared FROM products
UNION ALL SELECT 'plan', count(*) FROM plans
UNION ALL SELECT 'customer', count(*) FROM customers
UNION ALL SELECT 'address', count(*) FROM addresses
UNION ALL SELECT 'source', count(*) FROM cards WHERE regexp_matches("card.source_id", '^(src|card|pm)_')
UNION ALL SELECT 'subscription', count(*) FROM subscriptions WHERE "subscription.type" IS DISTINCT FROM 'member'
UNION ALL SELECT 'membership', count(*) FROM subscriptions WHERE "subscription.type" = 'member'
UNION ALL SELECT 'invoice', count(*) FROM invoices
