-- What was loaded and has been ended on the site by others: a subscription or an invoice is never deleted, and its row keeps our mark.
-- table of: found_subscription, found_invoice, presence, reverted
WITH undone AS (
    SELECT id FROM found_subscription LEFT JOIN reverted USING (mark) WHERE has_ended AND (is_undone OR reverted.mark IS NOT NULL)
), row AS (
    SELECT mark, id FROM found_subscription ANTI JOIN undone USING (id) WHERE has_ended
    UNION ALL
    SELECT mark, id FROM found_invoice ANTI JOIN undone ON undone.id = "subscription_id id" ANTI JOIN reverted USING (mark) WHERE has_ended
)
SELECT mark, max(id) AS id FROM row ANTI JOIN presence USING (mark) WHERE mark IS NOT NULL GROUP BY mark
