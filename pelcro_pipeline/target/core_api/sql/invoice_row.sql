-- The open invoices of unpaid subscriptions.
-- table of: invoices, subscription_identity
SELECT
    identity, key, NULL AS scenario, mark('customer', ["customer.old_provider_id"]) AS customer_mark,
    mark('subscription', identity) AS subscription_mark, invoices.*
FROM invoices JOIN subscription_identity USING (record)
