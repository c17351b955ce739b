-- Every object of the two extracts: equal, changed, new in the newer one, or vanished from it.
-- table of: same_id, unpaired, same_content, same_position
WITH pair AS (
    SELECT object, before_place, after_place, is_equal, false AS by_position
    FROM same_id WHERE before_place IS NOT NULL AND after_place IS NOT NULL
    UNION ALL SELECT object, before_place, after_place, is_equal, false FROM same_content
    UNION ALL SELECT object, before_place, after_place, false, by_position FROM same_position
), paired AS (
    SELECT true AS is_before, object, before_place AS place FROM pair
    UNION ALL SELECT false, object, after_place FROM pair
)
SELECT object, before_place, after_place, if(is_equal, 'equal', 'changed') AS change, by_position FROM pair
UNION ALL
SELECT object, if(is_before, place, NULL), if(is_before, NULL, place), if(is_before, 'vanished', 'new'), false
FROM unpaired ANTI JOIN paired USING (is_before, object, place)
