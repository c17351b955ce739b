-- An excluded donor, recipient or only admin takes subscriptions with it that would stand otherwise.
-- view of: not_migrated, received_subscription, excluded
WITH lost AS (
    SELECT cause_record AS record, count(*) AS subscriptions
    FROM not_migrated
    SEMI JOIN excluded ON excluded.record = not_migrated.cause_record
    WHERE rule = 'REL-CLOSURE' AND object = 'subscription' AND cause_object = 'subscription'
    GROUP BY cause_record
)
SELECT lost.record,
    if(partner.type = 'admin', 'subscription.common_metadata.membership', 'subscription.common_metadata.old_id') AS attribute,
    if(partner.type = 'admin', membership, old_id) AS value,
    'It takes ' || subscriptions || if(subscriptions = 1, ' subscription', ' subscriptions') || ' with it.' AS detail
FROM lost
JOIN received_subscription AS partner USING (record)
