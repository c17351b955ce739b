-- Donor and recipient of the gift are one customer.
-- view of: remaining_subscription
SELECT recipient.record, recipient.gift_donor_subscription_id AS value, donor.record AS related
FROM remaining_subscription AS recipient
JOIN remaining_subscription AS donor ON donor.old_id = recipient.gift_donor_subscription_id
WHERE recipient.is_gift_recipient AND donor.is_gift_donor AND donor.customer = recipient.customer
    AND donor.record <> recipient.record
