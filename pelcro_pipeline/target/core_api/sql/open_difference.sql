-- What the site has otherwise once the sources have been added, and whether an update takes it.
-- table of: difference, source_to_come, wanted_subscription, found_subscription
WITH used_address AS (
    SELECT DISTINCT "address_id id" AS id FROM found_subscription WHERE NOT has_ended
)
SELECT difference.* REPLACE (
    -- Where a subscription uses an address, its taxes hang on these.
    updates AND NOT (used_address.id IS NOT NULL AND attribute IN ('address.country', 'address.state')) AS updates)
FROM difference
LEFT JOIN used_address ON used_address.id = difference.id AND kind = 'address'
LEFT JOIN source_to_come ON source_to_come.mark = difference.mark
-- A new source becomes that of all its customer's subscriptions, and these charge automatically from then on.
WHERE source_to_come.mark IS NULL OR attribute NOT IN ('card.source_id', 'subscription.collection_method')
UNION ALL
SELECT
    'subscription', mark, found.id, 'subscription.collection_method', wanted."subscription.collection_method",
    if(wanted."subscription.collection_method" = 'send_invoice', 'charge_automatically', found."subscription.collection_method"), true
FROM source_to_come
JOIN wanted_subscription AS wanted USING (mark)
JOIN found_subscription AS found USING (mark)
WHERE NOT has_ended
    AND (wanted."subscription.collection_method" = 'send_invoice'
        OR wanted."subscription.collection_method" IS DISTINCT FROM found."subscription.collection_method")
