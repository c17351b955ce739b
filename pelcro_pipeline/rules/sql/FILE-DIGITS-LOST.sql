-- An id is a number that a spreadsheet has cut short: whose it is cannot be told.
-- view of: lost_id, excluded
SELECT record, object, attribute, value, 'reject' AS severity
FROM lost_id
ANTI JOIN (SELECT record, 'subscription' AS object FROM excluded) AS gone USING (record, object)
