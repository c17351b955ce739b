-- The findings of a site, in the columns of findings.csv.
-- table of: site_object, delivered_at, wording
SELECT
    file, line, object, delivered AS key, attribute, rule, severity, value, result,
    concat_ws(' It says: ', sentence, reason) AS message, fix,
    -- The ledger tells a customer's addresses of one type apart by their lines alone.
    nullif(concat_ws(', ', if(is_one_of_several, site_object.key, NULL), related), '') AS related, rank
FROM site_object
JOIN wording USING (rule)
LEFT JOIN delivered_at USING (mark)
