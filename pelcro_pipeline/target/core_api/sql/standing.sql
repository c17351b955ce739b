-- What became of each object that was prepared: as the plan says, and of its calls as the journal does; null of what was not sent.
-- table of: wanted, kept_plan, journaled
WITH RECURSIVE alone AS (
    SELECT
        wanted.kind, wanted.mark, wanted."references", kept_plan.mark IS NOT NULL AS is_planned, state = 'done' AS is_there,
        CASE
            WHEN action IN ('unchanged', 'held', 'invalid', 'blocked', 'conflict') THEN action
            WHEN state = 'done' AND action = 'create' THEN 'created'
            WHEN state = 'done' AND journaled.digest = kept_plan.digest THEN 'updated'
            WHEN state = 'kept' THEN 'unchanged'
            -- One that was corrected since is sent again.
            WHEN state = 'refused' AND journaled.digest = kept_plan.digest OR state = 'conflict' THEN state
            WHEN state IN ('sent', 'unknown', 'absent') THEN 'unknown'
        END AS standing
    FROM wanted LEFT JOIN kept_plan USING (mark) LEFT JOIN journaled USING (mark)
), waiting AS (
    SELECT mark, unnest("references").mark AS parent FROM alone WHERE standing IS NULL AND is_planned
), stopped(mark) AS (
    SELECT waiting.mark FROM waiting JOIN alone AS parent ON parent.mark = waiting.parent
    WHERE parent.standing IN ('refused', 'conflict', 'unknown', 'held', 'invalid', 'blocked') AND parent.is_there IS NOT TRUE
    UNION
    SELECT waiting.mark FROM waiting JOIN stopped ON stopped.mark = waiting.parent
)
SELECT kind, mark, is_planned, coalesce(standing, if(stopped.mark IS NULL, NULL, 'blocked')) AS standing
FROM alone LEFT JOIN stopped USING (mark)
