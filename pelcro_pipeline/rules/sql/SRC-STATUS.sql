-- A status that the source's map does not know: what it means is the publisher's to say.
-- view of: unhandled
SELECT record, object, attribute, value, detail
FROM unhandled
WHERE step = 'map' AND attribute = 'subscription.common_metadata.service_status'
