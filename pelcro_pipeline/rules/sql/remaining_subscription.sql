-- Surviving subscriptions that no relation before this one has rejected.
-- view of: surviving_subscription, rejected_by_relation
SELECT subscription.*
FROM surviving_subscription AS subscription
ANTI JOIN (SELECT record FROM rejected_by_relation WHERE object = 'subscription') AS rejected USING (record)
