-- A value that the map step of a source's map could not handle.
-- table of: unhandled, excluded
SELECT record, object, attribute, severity, value, detail
FROM unhandled
ANTI JOIN (SELECT record, 'subscription' AS object FROM excluded) AS stays USING (record, object)
WHERE step = 'map' AND attribute <> 'subscription.common_metadata.service_status'
