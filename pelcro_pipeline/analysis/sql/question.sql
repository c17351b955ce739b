-- The open questions: what each is about, how many values it concerns, five examples, what an answer is bound to, and what hangs on it.
-- table of: finding, asks, asked_object, stake, stale
WITH counted AS (
    SELECT question, count(*) AS objects FROM asked_object GROUP BY question
), example AS (
    SELECT question, list(
            concat_ws(' ', file || coalesce(':' || line, ''), '(' || key || ')', value, '→ ' || result)
            ORDER BY record, line)[1:5] AS examples
    FROM finding
    WHERE question IS NOT NULL
    GROUP BY question
), told AS (
    SELECT finding.question, any_value(finding.rule) AS rule, any_value(attribute) AS attribute,
        any_value(CASE asks.about WHEN 'file' THEN file WHEN 'value' THEN coalesce(finding.asked_about, if(line IS NULL AND object IS NOT NULL, NULL, trim_to_null(value)))
            ELSE finding.asked_about END) AS about,
        count(*) AS findings, any_value(message) AS message,
        content_of(list_sort(list_distinct(flatten(list(bound_values(asks.content, attribute, key, value, result)))))) AS content
    FROM finding
    JOIN asks USING (rule)
    WHERE finding.question IS NOT NULL
    GROUP BY finding.question
)
SELECT told.*, greatest(findings, coalesce(objects, 0)) AS count, examples, coalesce(subscriptions, 0) AS subscriptions,
    coalesce(money, []) AS money, stale.was, stale.is_now
FROM told
JOIN example USING (question)
LEFT JOIN counted USING (question)
LEFT JOIN stake USING (question)
LEFT JOIN (SELECT question, any_value(was) AS was, any_value(is_now) AS is_now FROM stale GROUP BY question) AS stale USING (question)
