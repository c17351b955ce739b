-- A value that the date step of a source's map could not handle.
-- table of: unhandled, excluded
SELECT record, object, attribute, severity, value, detail
FROM unhandled
ANTI JOIN (SELECT record, 'subscription' AS object FROM excluded) AS stays USING (record, object)
WHERE step = 'date'
