-- The objects that an answer concerns, and what it was, for the ledger.
-- table of: answered
SELECT record, object, 'answered: ' || string_agg(DISTINCT question || ' ' || word, ', ' ORDER BY question || ' ' || word) AS detail
FROM answered
WHERE record IS NOT NULL
GROUP BY record, object
