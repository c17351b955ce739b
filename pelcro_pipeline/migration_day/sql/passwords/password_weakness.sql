-- What lets nobody in, cannot be, or is easily broken: the customers, and how many different passwords these have; what is not there is not told.
-- view of: password
WITH held AS (
    SELECT scheme, password, defect, is_salted, count(*) AS holders
    FROM password
    WHERE password IS NOT NULL
    GROUP BY ALL
), weakness AS (
    SELECT scheme, holders, unnest([
        {what: 'truncated: the prefix of a hash, and too short for one', holds: defect = 'truncated'},
        {what: 'malformed: the prefix of a hash, and not its form', holds: defect = 'malformed'},
        {what: 'the same salted hash with several customers, as it cannot be', holds: holders > 1 AND is_salted AND defect IS NULL},
        {what: 'the same password with several customers', holds: holders > 1 AND NOT is_salted},
        {what: 'without a salt: md5 alone', holds: scheme = 'MD5' AND NOT is_salted},
        {what: 'plain text', holds: scheme = 'Plain text'},
        {what: 'plain text of more than 72 bytes, of which bcrypt reads 72', holds: scheme = 'Plain text' AND strlen(password) > 72}
    ], recursive := true)
    FROM held
)
SELECT what, scheme, sum(holders)::BIGINT AS customers, count(*) AS passwords
FROM weakness
WHERE holds
GROUP BY ALL
ORDER BY what, scheme
