-- The objects that each question is about, by their records; of what is told of a whole column, every subscription of its file.
-- table of: finding, single_violation, rolled_up, asks, received_subscription, column_of_template
SELECT question, record, object
FROM finding
WHERE question IS NOT NULL AND line IS NOT NULL AND object IS NOT NULL
UNION
SELECT question_id(violation.rule, violation.attribute, NULL), violation.record, violation.object
FROM single_violation AS violation
SEMI JOIN rolled_up ON rolled_up.file = file_of(violation.record) AND rolled_up.rule = violation.rule
    AND rolled_up.object IS NOT DISTINCT FROM violation.object AND rolled_up.attribute IS NOT DISTINCT FROM violation.attribute
    AND rolled_up.severity = violation.severity
WHERE violation.severity = 'question'
UNION
SELECT DISTINCT question, subscription.record, 'subscription'
FROM finding
JOIN asks USING (rule)
JOIN column_of_template USING (attribute)
JOIN received_subscription AS subscription ON file_of(subscription.record) = file_of(finding.record)
WHERE question IS NOT NULL AND line IS NULL AND finding.asked_about IS NULL AND asks.about = 'column' AND rule NOT IN (SELECT rule FROM single_violation)
