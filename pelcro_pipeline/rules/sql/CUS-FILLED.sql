-- A repeated customer's first record leaves empty what a later one fills.
-- view of: first_filled
SELECT record, first_record AS owner, attribute, NULL AS value, value AS result, first_record AS related
FROM first_filled
WHERE record <> first_record
