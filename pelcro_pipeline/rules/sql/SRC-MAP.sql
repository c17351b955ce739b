-- A value that the map step of a source's map could not handle.
-- table of: unhandled_value
SELECT record, object, attribute, severity, value, detail
FROM unhandled_value
WHERE step = 'map' AND attribute <> 'subscription.common_metadata.service_status'
