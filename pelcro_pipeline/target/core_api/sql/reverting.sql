-- What a revert does with each object of the journal, and why it leaves one.
-- table of: loaded, staying, going, leaving, belonging
WITH held AS (
    SELECT to_kind AS kind, to_id AS id, min(belonging.kind || ' ' || coalesce(holder.key, belonging.id::VARCHAR)) AS holder
    FROM belonging
    SEMI JOIN staying ON staying.kind = belonging.kind AND staying.id = belonging.id
    LEFT JOIN loaded AS holder ON holder.kind = belonging.kind AND holder.id = belonging.id
    GROUP BY ALL
), parents AS (
    SELECT belonging.kind, belonging.id, list(DISTINCT parent.mark) AS parents
    FROM belonging JOIN going AS parent ON parent.kind = to_kind AND parent.id = to_id GROUP BY ALL
), held_rows AS (
    SELECT to_kind AS kind, to_id AS id, list({kind: belonging.kind, id: belonging.id}) AS holds FROM belonging GROUP BY ALL
), decided AS (
    SELECT
        object.kind, object.mark, object.key, object.id, coalesce(parents, []) AS parents, coalesce(holds, []) AS holds, object.is_recipient, changed, holder,
        CASE
            WHEN NOT stands THEN 'gone'
            WHEN NOT is_made AND NOT is_restorable THEN 'existed'
            -- The call before may have been the update or the way back, or neither: it is looked at.
            WHEN NOT is_made AND changed IS NOT NULL AND state IN ('sent', 'unknown', 'changing', 'revert_sent') THEN 'settle'
            WHEN NOT is_made AND changed IS NULL THEN 'restore'
            WHEN going.id IS NULL THEN 'kept'
            WHEN leaving.id IS NOT NULL THEN 'leaves'
            ELSE 'undo'
        END AS action
    FROM loaded AS object
    LEFT JOIN going ON going.kind = object.kind AND going.id = object.id
    LEFT JOIN leaving ON leaving.kind = object.kind AND leaving.id = object.id
    LEFT JOIN held ON held.kind = object.kind AND held.id = object.id
    LEFT JOIN parents ON parents.kind = object.kind AND parents.id = object.id
    LEFT JOIN held_rows ON held_rows.kind = object.kind AND held_rows.id = object.id
)
SELECT
    kind, mark, key, id, parents, holds, action,
    CASE action
        WHEN 'gone' THEN 'it is not there any more'
        WHEN 'existed' THEN 'it was there before'
        WHEN 'leaves' THEN 'it goes with its customer'
        WHEN 'kept' THEN coalesce(changed, if(is_recipient, 'its customer stays, and a recipient of a gift cannot be cancelled', 'it holds what stays: ' || holder))
    END AS why,
    CASE
        WHEN action IN ('gone', 'kept', 'existed') THEN 0
        WHEN action IN ('restore', 'settle') THEN 1
        -- What goes with its customer is looked for after it.
        WHEN action = 'leaves' THEN 8
        -- Each before what it refers to: what is gone already would look like a change of what is compared after a crash.
        ELSE list_position(['', 'invoice', 'membership', 'subscription', 'address', 'source', 'customer', '', 'plan', 'product'], kind)
    END AS stage
FROM decided
