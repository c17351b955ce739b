-- What a step of a source's map could not handle, of objects that are not excluded: these have no finding.
-- view of: unhandled, excluded
SELECT unhandled.*
FROM unhandled
ANTI JOIN (SELECT record, 'subscription' AS object FROM excluded) AS stays USING (record, object)
