-- Email addresses that stand for none: the same for three customers or more, and a word for none as local part or domain.
-- table of: golden_customer
WITH shared AS (
    SELECT lower(email) AS held FROM golden_customer WHERE email IS NOT NULL GROUP BY held HAVING count(*) >= 3
), part AS (
    SELECT held, regexp_replace(split_part(held, '@', 1), '[^a-z]', '', 'g') AS local_part,
        regexp_replace(split_part(split_part(held, '@', 2), '.', 1), '[^a-z]', '', 'g') AS domain
    FROM shared
)
SELECT held
FROM part
WHERE local_part IN ('noemail', 'none', 'unknown', 'test', 'example') OR domain IN ('noemail', 'none', 'unknown', 'test', 'example')
