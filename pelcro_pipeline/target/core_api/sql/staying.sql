-- The rows of the site that stay: those that no load of ours made or that have changed since, and all that these belong to.
-- table of: standing, loaded, belonging
WITH RECURSIVE staying(kind, id) AS (
    SELECT kind, id FROM standing
    ANTI JOIN (FROM loaded WHERE is_made AND changed IS NULL) USING (kind, id)
    UNION
    SELECT to_kind, to_id FROM staying JOIN belonging USING (kind, id)
)
FROM staying
