-- Subscriptions that their own record does not reject or exclude; an equal repeat is one with its first record.
-- view of: received_subscription, field_not_migrated, repeat
SELECT received_subscription.*
FROM received_subscription
ANTI JOIN (SELECT record FROM field_not_migrated WHERE object = 'subscription') AS gone USING (record)
ANTI JOIN (SELECT record FROM repeat WHERE object = 'subscription' AND equal) AS repeats USING (record)
