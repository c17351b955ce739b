-- Flags of gifts that are not told by their own cell: an empty one whose partner is marked (REL-GIFT-FLAG), and one that cannot be read, which may be a yes.
-- table of: converted_subscription
WITH said AS (
    SELECT record, "subscription.common_metadata.old_id" AS old_id,
        "subscription.common_metadata.gift_donor_subscription_id" AS donor_id,
        "subscription.common_metadata.is_gift_donor" AS donor,
        "subscription.common_metadata.is_gift_recipient" AS recipient
    FROM converted_subscription
), marked_donor AS (
    SELECT DISTINCT old_id FROM said WHERE donor <> '0'
), named_donor AS (
    SELECT DISTINCT donor_id AS old_id FROM said WHERE recipient <> '0'
)
SELECT record, 'subscription.common_metadata.is_gift_recipient' AS attribute, true AS imputed
FROM said
SEMI JOIN marked_donor ON marked_donor.old_id = said.donor_id
WHERE recipient IS NULL
UNION ALL
SELECT record, 'subscription.common_metadata.is_gift_donor', true FROM said SEMI JOIN named_donor USING (old_id) WHERE donor IS NULL
UNION ALL
SELECT record, 'subscription.common_metadata.is_gift_recipient', false FROM said WHERE recipient NOT IN ('0', '1')
UNION ALL
SELECT record, 'subscription.common_metadata.is_gift_donor', false FROM said WHERE donor NOT IN ('0', '1')
