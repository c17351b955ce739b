-- The invoices of others' making of our subscriptions, whose periods are paid.
-- table of: found_invoice, found_subscription, journaled
WITH invoiced AS (
    SELECT subscription.mark, subscription.id, invoice.id AS invoice
    FROM found_invoice AS invoice JOIN found_subscription AS subscription ON subscription.id = invoice."subscription_id id"
    UNION
    SELECT mark, id, latest_invoice FROM found_subscription WHERE latest_invoice IS NOT NULL
), ours AS (
    SELECT id AS invoice FROM found_invoice WHERE mark IS NOT NULL
    UNION
    SELECT id FROM journaled WHERE kind = 'invoice' AND id IS NOT NULL
)
SELECT * FROM invoiced ANTI JOIN ours USING (invoice)
