-- Where each object that is told of was delivered. Of those with one key, as subscriptions without an id, each in its turn.
-- table of: plan, ledger, site_object
WITH told AS (
    SELECT DISTINCT object, delivered FROM site_object
), line AS (
    SELECT
        object, key AS delivered, file, line, row_number() OVER own AS place, count(*) OVER (PARTITION BY object, key) AS lines
    FROM ledger SEMI JOIN told ON told.object = ledger.object AND told.delivered = ledger.key
    WHERE disposition = 'prepared'
    WINDOW own AS (PARTITION BY object, key ORDER BY record)
), counted AS (
    SELECT
        mark, object, delivered, dense_rank() OVER (PARTITION BY object, delivered ORDER BY record) AS place
    FROM plan SEMI JOIN told USING (object, delivered)
)
SELECT mark, file, line, lines > 1 AND record_is_unknown AS is_one_of_several
FROM (SELECT *, object LIKE '%_address' AS record_is_unknown FROM counted)
JOIN line USING (object, delivered, place)
