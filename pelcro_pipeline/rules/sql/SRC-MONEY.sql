-- A value that the money step of a source's map could not handle.
-- view of: unhandled
SELECT record, object, attribute, severity, value, detail
FROM unhandled
WHERE step = 'money'
