-- Products of one id say different things: which of them a plan means cannot be told.
-- view of: shared_id
SELECT record, key AS value, related FROM shared_id WHERE object = 'product'
