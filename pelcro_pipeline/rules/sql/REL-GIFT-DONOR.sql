-- No gift donor was received by the id that the recipient names.
-- view of: surviving_subscription, received_subscription
SELECT record, gift_donor_subscription_id AS value
FROM surviving_subscription AS recipient
ANTI JOIN (SELECT old_id FROM received_subscription WHERE is_gift_donor) AS donor ON donor.old_id = recipient.gift_donor_subscription_id
WHERE is_gift_recipient
