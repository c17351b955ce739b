-- The subscription is both donor and recipient of a gift.
-- view of: surviving_subscription
SELECT record, '1' AS value FROM surviving_subscription WHERE is_gift_donor AND is_gift_recipient
