-- The flag is empty, and the gift's other side is marked: the flag is told from it.
-- view of: surviving_subscription, gift_flag
SELECT record, attribute, '1' AS result FROM gift_flag SEMI JOIN surviving_subscription USING (record) WHERE imputed
