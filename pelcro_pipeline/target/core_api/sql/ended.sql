-- What was loaded and has been ended on the site by others: a subscription or an invoice is never deleted, and its row keeps our mark.
-- table of: found_subscription, found_invoice, presence, journaled
WITH row AS (
    SELECT mark, id FROM found_subscription WHERE has_ended AND NOT is_undone
    UNION ALL
    -- With a subscription that a revert has cancelled go its invoices.
    SELECT invoice.mark, invoice.id
    FROM found_invoice AS invoice JOIN found_subscription AS subscription ON subscription.id = "subscription_id id"
    WHERE invoice.has_ended AND NOT is_undone
)
SELECT mark, max(id) AS id
FROM row ANTI JOIN presence USING (mark) ANTI JOIN (FROM journaled WHERE state = 'reverted') AS reverted USING (mark)
WHERE mark IS NOT NULL
GROUP BY mark
