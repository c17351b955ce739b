-- A value that the map step of a source's map could not handle.
-- view of: unhandled
SELECT record, object, attribute, severity, value, detail
FROM unhandled
WHERE step = 'map' AND attribute <> 'subscription.common_metadata.service_status'
