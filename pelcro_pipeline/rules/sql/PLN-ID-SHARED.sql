-- Plans of one id say different things: which of them a subscription means cannot be told.
-- view of: shared_id
SELECT record, key AS value, related FROM shared_id WHERE object = 'plan'
