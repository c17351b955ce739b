-- Objects that are not prepared, rejected, excluded or merged, with the ledger's rule and detail.
-- table of: not_prepared_cause, location, not_migrated, merged
WITH other_location AS (
    SELECT location.* FROM location SEMI JOIN not_prepared_cause ON not_prepared_cause.other = location.record
), told AS (
    SELECT cause.record, cause.object, if(other_rule IS NULL, 'into ' || file || ':' || line,
        other_rule || ' on ' || replace(other_object, '_', ' ') || ' at ' || file || ':' || line) AS detail
    FROM not_prepared_cause AS cause
    JOIN other_location ON other_location.record = cause.other
)
SELECT record, object, disposition, rule, detail FROM not_migrated LEFT JOIN told USING (record, object)
UNION ALL
SELECT record, object, 'merged', NULL, detail FROM merged JOIN told USING (record, object)
