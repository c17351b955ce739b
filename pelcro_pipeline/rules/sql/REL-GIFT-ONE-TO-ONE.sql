-- Several recipients name one donor: these and the donor.
-- view of: surviving_subscription
WITH donor AS (
    SELECT record, old_id FROM surviving_subscription WHERE is_gift_donor
), shared AS (
    SELECT gift_donor_subscription_id AS old_id
    FROM surviving_subscription AS recipient
    SEMI JOIN donor ON donor.old_id = recipient.gift_donor_subscription_id
    WHERE is_gift_recipient
    GROUP BY gift_donor_subscription_id HAVING count(*) > 1
)
SELECT recipient.record, gift_donor_subscription_id AS value, donor.record AS related,
    'subscription.common_metadata.gift_donor_subscription_id' AS attribute
FROM surviving_subscription AS recipient
SEMI JOIN shared ON shared.old_id = recipient.gift_donor_subscription_id
LEFT JOIN donor ON donor.old_id = recipient.gift_donor_subscription_id
WHERE is_gift_recipient
UNION ALL
SELECT record, old_id, NULL, 'subscription.common_metadata.old_id' FROM donor SEMI JOIN shared USING (old_id)
