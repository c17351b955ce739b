-- A status that the source's map does not know: what it means is the publisher's to say.
-- table of: unhandled_value
SELECT record, value, detail
FROM unhandled_value
WHERE step = 'map' AND attribute = 'subscription.common_metadata.service_status'
