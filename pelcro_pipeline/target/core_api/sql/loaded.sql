-- Each object of the journal, the row that it is on the site, and what of it is otherwise than it was loaded.
-- table of: journaled, restorable, standing, wanted, difference
WITH marked AS (
    SELECT kind, mark, min(id) AS id, count(*) AS rows FROM standing WHERE mark IS NOT NULL GROUP BY ALL
), differing AS (
    SELECT mark, id, string_agg(DISTINCT attribute, ', ' ORDER BY attribute) AS attributes FROM difference GROUP BY ALL
)
SELECT
    journaled.kind, journaled.mark, journaled.state, restorable.mark IS NOT NULL AS is_restorable, wanted.key,
    coalesce(journaled.id, marked.id) AS id,
    -- What was sent and never answered, and stands there, was made by that call.
    is_made OR journaled.id IS NULL AS is_made,
    standing.id IS NOT NULL AS stands, standing.is_recipient,
    CASE
        -- Two products or plans may have one old id: ours is known by its own.
        WHEN marked.rows > 1 AND (journaled.id IS NULL OR journaled.kind NOT IN ('product', 'plan')) THEN 'it stands there twice'
        WHEN wanted.mark IS NULL THEN 'it is not in the database that was loaded last'
        -- The mark of an invoice is taken off before it is voided.
        WHEN standing.mark IS DISTINCT FROM journaled.mark AND NOT (journaled.kind = 'invoice' AND state = 'revert_sent')
            THEN 'it has lost its mark since'
        WHEN standing.has_ended THEN 'it has ended since'
        WHEN attributes IS NOT NULL THEN 'changed since: ' || attributes
    END AS changed
FROM journaled
LEFT JOIN marked USING (kind, mark)
LEFT JOIN standing ON standing.kind = journaled.kind AND standing.id = coalesce(journaled.id, marked.id)
LEFT JOIN wanted ON wanted.mark = journaled.mark
LEFT JOIN restorable ON restorable.mark = journaled.mark
LEFT JOIN differing ON differing.mark = journaled.mark AND differing.id = standing.id
WHERE journaled.id IS NOT NULL OR marked.id IS NOT NULL
