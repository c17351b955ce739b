-- A value that the lookup step of a source's map could not handle.
-- view of: unhandled
SELECT record, object, attribute, severity, value, detail
FROM unhandled
WHERE step = 'lookup'
