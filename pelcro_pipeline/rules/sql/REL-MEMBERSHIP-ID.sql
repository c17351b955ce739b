-- An admin or member is in no group.
-- view of: surviving_subscription
SELECT record FROM surviving_subscription WHERE type IN ('admin', 'member') AND membership IS NULL
