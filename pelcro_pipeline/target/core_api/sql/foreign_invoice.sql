-- The invoices of others' making of our subscriptions, whose periods are paid.
-- table of: found_invoice, found_subscription
SELECT subscription.mark, subscription.id, invoice.id AS invoice
FROM found_invoice AS invoice JOIN found_subscription AS subscription ON subscription.id = invoice."subscription_id id"
WHERE invoice.mark IS NULL
UNION
SELECT subscription.mark, subscription.id, latest_invoice
FROM found_subscription AS subscription LEFT JOIN found_invoice AS invoice ON invoice.id = latest_invoice
WHERE latest_invoice IS NOT NULL AND invoice.mark IS NULL
