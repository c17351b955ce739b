-- No recipient that was received names the gift donor.
-- view of: surviving_subscription, received_subscription
SELECT record, old_id AS value
FROM surviving_subscription AS donor
ANTI JOIN (SELECT gift_donor_subscription_id FROM received_subscription WHERE is_gift_recipient) AS recipient
    ON recipient.gift_donor_subscription_id = donor.old_id
WHERE is_gift_donor
