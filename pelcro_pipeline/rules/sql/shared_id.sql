-- All records of an id of which one says something else than the first.
-- view of: repeat
WITH differing AS (
    SELECT object, key, first_record, min(record) AS related FROM repeat WHERE NOT equal GROUP BY ALL
)
SELECT object, first_record AS record, key, related FROM differing
UNION ALL
SELECT object, record, key, first_record FROM repeat SEMI JOIN differing USING (object, key)
