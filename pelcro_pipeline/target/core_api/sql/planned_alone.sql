-- What each object wants of the site by itself: its blocks aside.
-- table of: wanted, all_obstacle, presence, ended, open_difference, ours, taken, kind_of_object
WITH stopped AS (
    -- What is refused outright comes before what is asked about.
    SELECT mark, coalesce(min(rule) FILTER (NOT is_question), min(rule)) AS rule, bool_and(is_question) AS is_held
    FROM all_obstacle WHERE stops GROUP BY mark
), differing AS (
    SELECT mark, bool_and(updates) AS can_update FROM open_difference GROUP BY mark
), judged AS (
    SELECT
        wanted.*, presence.id, presence.ids, coalesce(presence.rows, 0) AS there, can_update,
        -- Of a product or plan the old id says that it is one of theirs, and not whether we made it.
        carries_mark OR coalesce(ours.is_made, false) AS may_change,
        (ours.mark IS NOT NULL OR ended.mark IS NOT NULL) AND there = 0 AS is_gone, taken.mark IS NOT NULL AS is_taken,
        -- What stops a subscription or an invoice is about its creation: no update sends it.
        stopped.mark IS NOT NULL AND (there = 0 OR kind NOT IN ('subscription', 'invoice')) AS is_stopped, stopped.rule AS stopped_by, is_held
    FROM wanted
    JOIN kind_of_object USING (kind)
    LEFT JOIN presence USING (mark)
    LEFT JOIN ended USING (mark)
    LEFT JOIN stopped USING (mark)
    LEFT JOIN differing USING (mark)
    LEFT JOIN ours USING (mark)
    LEFT JOIN (SELECT DISTINCT mark FROM taken) AS taken USING (mark)
), decided AS (
    SELECT
        *, CASE
            WHEN there > 1 THEN 'API-DOUBLE'
            WHEN there = 1 AND can_update IS NULL THEN NULL
            WHEN is_gone THEN 'API-DELETED'
            WHEN there = 1 AND NOT (can_update AND may_change) THEN 'API-CHANGED'
            WHEN is_stopped THEN stopped_by
            WHEN is_taken THEN 'API-TAKEN'
        END AS rule
    FROM judged
)
SELECT
    stage, kind, mark, key, object, delivered, record, scenario, "references", body, changes, id, if(there > 1, ids, NULL) AS ids,
    CASE
        WHEN rule IN ('API-DOUBLE', 'API-DELETED', 'API-CHANGED', 'API-TAKEN') THEN 'conflict'
        WHEN rule IS NOT NULL THEN if(is_held, 'held', 'invalid')
        WHEN there = 0 THEN 'create'
        WHEN can_update THEN 'update'
        ELSE 'unchanged'
    END AS action,
    rule
FROM decided
