-- A value that the money step of a source's map could not handle.
-- table of: unhandled_value
SELECT record, object, attribute, severity, value, detail
FROM unhandled_value
WHERE step = 'money'
