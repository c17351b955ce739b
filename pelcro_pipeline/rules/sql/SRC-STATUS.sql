-- A status that the source's map does not know: what it means is the publisher's to say.
-- table of: unhandled, excluded
SELECT record, value, detail
FROM unhandled
ANTI JOIN (SELECT record, 'subscription' AS object FROM excluded) AS stays USING (record, object)
WHERE step = 'map' AND attribute = 'subscription.common_metadata.service_status'
