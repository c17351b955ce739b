-- What is done with each object, and why.
-- table of: planned_alone, blocked
WITH decided AS (
    SELECT
        object.* REPLACE (if(cause IS NULL, object.action, 'blocked') AS action),
        if(cause IS NULL, NULL, coalesce(parent.kind || ' ' || parent.key, 'what is not prepared')) AS blocked_by
    FROM planned_alone AS object
    LEFT JOIN blocked USING (mark)
    LEFT JOIN planned_alone AS parent ON parent.mark = cause
)
SELECT
    *, row_number() OVER (ORDER BY stage, kind, record, mark) AS place,
    left(sha256(concat_ws(chr(31), kind, mark, action, if(action = 'update', changes, body), to_json("references"))), 16) AS digest,
    -- What is created is what was prepared, and signed with it; what an update changes is signed here.
    left(sha256(concat_ws(chr(31), kind, mark, action, if(action = 'update', changes, ''))), 16) AS signed
FROM decided
