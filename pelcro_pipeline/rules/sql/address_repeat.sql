-- Addresses that are another one's: a customer has one of a type, and one for each id; without an id, the one that says the same.
-- table of: rival_address
WITH known AS (
    SELECT *, min(record) OVER (PARTITION BY customer, type, address_id) AS first_of_id
    FROM rival_address
), compared AS (
    SELECT *, min(record) FILTER (address_id IS NOT NULL AND record = first_of_id)
        OVER (PARTITION BY customer, type, content) AS same_content
    FROM known
), assigned AS (
    SELECT *, CASE
        WHEN address_id IS NOT NULL THEN first_of_id
        WHEN same_content IS NOT NULL THEN same_content
        ELSE min(record) FILTER (same_content IS NULL) OVER (PARTITION BY customer, type, address_id)
        END AS first_record
    FROM compared
)
SELECT later.record, later.object, later.first_record, later.content IS NOT DISTINCT FROM earlier.content AS equal,
    if(later.address_id IS NULL, 'ADR-CONFLICT', 'ADR-ID-CONFLICT') AS conflict
FROM assigned AS later
JOIN rival_address AS earlier ON earlier.record = later.first_record AND earlier.object = later.object
WHERE later.record <> later.first_record
