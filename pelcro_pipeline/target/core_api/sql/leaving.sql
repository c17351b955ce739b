-- Those that go with their customer: gifts' recipients cannot be cancelled, nor their addresses deleted; of sources it is not documented.
-- table of: going, belonging
SELECT kind, id FROM going WHERE is_recipient
UNION
SELECT to_kind, to_id FROM belonging JOIN going USING (kind, id) WHERE is_recipient AND to_kind = 'address'
UNION
SELECT belonging.kind, belonging.id FROM belonging
SEMI JOIN going ON going.kind = to_kind AND going.id = to_id
WHERE belonging.kind = 'source' AND to_kind = 'customer'
