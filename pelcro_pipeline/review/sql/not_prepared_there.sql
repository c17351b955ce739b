-- What one extract alone has prepared and the other has rejected or excluded, by the first that its ledger says of it.
-- table of: difference, before_ledger, after_ledger
WITH told AS (
    SELECT 'vanished' AS change, object, key AS ledger_key, file, line, disposition, rule, detail FROM after_ledger
    UNION ALL
    SELECT 'new', object, key, file, line, disposition, rule, detail FROM before_ledger
)
SELECT number, first({disposition: disposition, rule: rule, detail: detail} ORDER BY file, line) AS told
FROM difference JOIN told USING (change, object, ledger_key)
WHERE disposition IN ('rejected', 'excluded')
GROUP BY number
