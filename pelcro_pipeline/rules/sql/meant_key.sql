-- For a key that nothing delivered has, the one that was probably meant, or the quarantined line that holds it.
-- table of: reported_violation, rolled_up, known_key, quarantined_cell
WITH asked AS (
    SELECT DISTINCT rule, key_of, value AS missing
    FROM (SELECT rule, value FROM reported_violation UNION SELECT rule, value FROM rolled_up)
    JOIN (VALUES ('SUB-PLAN', 'plan'), ('PLN-PRODUCT', 'product'), ('REL-CUSTOMER', 'customer'), ('REL-GIFT-DONOR', 'donor'),
        ('REL-MEMBERSHIP-ADMIN', 'group')) AS keyed(rule, key_of) USING (rule)
    WHERE value IS NOT NULL
), alike AS (
    SELECT rule, missing, min(key) AS key
    FROM asked
    JOIN known_key ON known_key.key_of = asked.key_of AND fold_key(known_key.key) = fold_key(missing)
    WHERE known_key.key <> missing
    GROUP BY ALL
), ragged AS (
    SELECT rule, missing, arg_min(file || ':' || line, line) AS place
    FROM asked
    JOIN quarantined_cell ON quarantined_cell.key_of = asked.key_of AND quarantined_cell.text = missing
    GROUP BY ALL
)
SELECT rule, missing, concat_ws(' ', 'Most probably ' || key || ' is meant.',
    'It stands at ' || place || ', on a line that could not be parted into its cells.') AS detail
FROM alike
FULL JOIN ragged USING (rule, missing)
