-- The objects whose parents do not get to the site, by the first of these.
-- table of: planned_alone
WITH RECURSIVE edge AS (
    SELECT mark, unnest("references").mark AS parent FROM planned_alone WHERE action IN ('create', 'update')
), stopped(mark, cause) AS (
    SELECT edge.mark, parent FROM edge LEFT JOIN planned_alone ON planned_alone.mark = parent
    -- One that is not there at all was not prepared.
    WHERE action IN ('conflict', 'held', 'invalid') OR action IS NULL
    UNION
    SELECT edge.mark, cause FROM edge JOIN stopped ON stopped.mark = parent
)
SELECT mark, min(cause) AS cause FROM stopped GROUP BY mark
