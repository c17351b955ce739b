-- The questions that are answered, and whether the answer holds: what it is bound to is still the same.
-- table of: violation, asks, answer, asked_key, subscription, chosen_value
WITH asked AS (
    SELECT violation.rowid AS place, violation.*, own.key, other.key AS other_key, asks.about, asks.content AS bound_to,
        subscription.temporary_plan_id AS plan
    FROM violation
    JOIN asks USING (rule)
    LEFT JOIN asked_key AS own ON own.record = violation.record AND own.object = violation.object
    LEFT JOIN asked_key AS other ON other.record = violation.related AND other.object = violation.object
    LEFT JOIN subscription ON asks.about = 'plan' AND subscription.record = violation.record
    WHERE severity = 'question' AND rule IN (SELECT rule FROM answer)
), named AS (
    SELECT *, unnest([question_id(rule, attribute, about_of(about, value, key, other_key, plan)), question_id(rule, attribute, NULL)]) AS question
    FROM asked
), content AS (
    SELECT question, content_of(list_sort(list_distinct(flatten(list(bound_values(bound_to, attribute, key, value, result)))))) AS content
    FROM named
    GROUP BY question
)
SELECT place, record, object, attribute, named.rule, question, word, effect, answer.value AS given, answer.content AS bound, content.content,
    (answer.content = '' OR answer.content = content.content)
        AND (named.rule <> 'CUS-CONFLICT' OR effect <> 'value' OR EXISTS (FROM chosen_value WHERE chosen_value.question = named.question)) AS holds
FROM named
JOIN answer USING (question)
JOIN content USING (question)
QUALIFY row_number() OVER (PARTITION BY place ORDER BY question) = 1
