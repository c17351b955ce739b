-- Subscriptions that their own record does not reject or exclude; an equal repeat is one with its first record.
-- view of: subscription, field_not_migrated, repeat
SELECT subscription.*
FROM subscription
ANTI JOIN (SELECT record FROM field_not_migrated WHERE object = 'subscription') AS gone USING (record)
ANTI JOIN (SELECT record FROM repeat WHERE object = 'subscription' AND equal) AS repeats USING (record)
