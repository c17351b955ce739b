-- What is left of a customer's subscriptions to one plan, or addresses of one type, that an extract gives no id: by their position.
-- table of: unpaired, same_content
WITH paired AS (
    SELECT true AS is_before, object, before_place AS place FROM same_content
    UNION ALL SELECT false, object, after_place FROM same_content
), numbered AS (
    SELECT
        *, row_number() OVER (PARTITION BY is_before, object, customer, plan ORDER BY nullif(id, '') NULLS FIRST, position, content) AS number,
        count(*) OVER (PARTITION BY is_before, object, customer, plan) AS candidates
    FROM unpaired ANTI JOIN paired USING (is_before, object, place)
)
SELECT
    object, old.place AS before_place, new.place AS after_place,
    -- With one candidate on each side there is nothing to mistake it for.
    greatest(old.candidates, new.candidates) > 1 AS by_position
FROM (FROM numbered WHERE is_before) old JOIN (FROM numbered WHERE NOT is_before) new USING (object, customer, plan, number)
WHERE nullif(old.id, '') IS NULL OR nullif(new.id, '') IS NULL
