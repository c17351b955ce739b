-- What each object wants of the site by itself: its blocks aside.
-- table of: wanted, all_obstacle, presence, difference, ours, taken, source_to_come
WITH stopped AS (
    SELECT mark, min(rule) AS rule, bool_or(is_question) AS is_held
    FROM all_obstacle WHERE stops GROUP BY mark
), differing AS (
    SELECT mark, bool_and(updates) AS can_update FROM difference GROUP BY mark
), judged AS (
    SELECT
        wanted.*, presence.id, presence.rows, coalesce(presence.rows, 0) AS there, stopped.rule AS stopped_by, stopped.is_held, can_update,
        ours.mark IS NOT NULL AS is_ours, ours.id AS loaded_as, taken.mark IS NOT NULL AS is_taken,
        -- A source that is added switches all of its customer's subscriptions to automatic charging.
        source_to_come.mark IS NOT NULL AND body ->> '$.collection_method' = 'send_invoice' AS is_switched
    FROM wanted
    LEFT JOIN presence USING (mark)
    LEFT JOIN stopped USING (mark)
    LEFT JOIN differing USING (mark)
    LEFT JOIN ours USING (mark)
    LEFT JOIN taken USING (mark)
    LEFT JOIN source_to_come USING (mark)
)
SELECT
    stage, kind, mark, key, record, scenario, "references", body, changes, id,
    CASE
        WHEN there > 1 THEN 'conflict'
        WHEN there = 1 AND can_update IS NULL AND is_switched THEN 'update'
        WHEN there = 1 AND can_update IS NULL THEN 'unchanged'
        WHEN is_held THEN 'held'
        WHEN stopped_by IS NOT NULL THEN 'invalid'
        WHEN there = 1 AND can_update AND (is_ours OR carries_mark) THEN 'update'
        WHEN there = 1 THEN 'conflict'
        WHEN is_ours OR is_taken THEN 'conflict'
        ELSE 'create'
    END AS action,
    CASE
        WHEN there > 1 THEN 'API-DOUBLE'
        WHEN action IN ('held', 'invalid') THEN stopped_by
        WHEN action = 'conflict' AND there = 1 THEN 'API-CHANGED'
        WHEN action = 'conflict' AND is_ours THEN 'API-DELETED'
        WHEN action = 'conflict' THEN 'API-TAKEN'
    END AS rule
FROM judged JOIN kind_of_object USING (kind)
