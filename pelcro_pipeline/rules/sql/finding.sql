-- Findings of single records, and those that stand for many, in words.
-- table of: reported_violation, rolled_up, wording, mentioned, mentioned_key, meant_key, asks, subscription
SELECT here.file, here.line, violation.object, here_key.key, attribute, rule, severity, value, result,
    concat_ws(' ', message, violation.detail, meant_key.detail) AS message, fix,
    other.file || ':' || other.line || coalesce(' (' || other_key.key || ')', '') AS related, violation.record,
    about_of(asks.about, value, here_key.key, other_key.key, subscription.temporary_plan_id) AS asked_about,
    if(severity = 'question', question_id(violation.rule, attribute, asked_about), NULL) AS question
FROM reported_violation AS violation
JOIN wording USING (rule)
JOIN mentioned AS here ON here.record = violation.record
LEFT JOIN mentioned_key AS here_key ON here_key.record = violation.record AND here_key.object = violation.object
LEFT JOIN mentioned AS other ON other.record = violation.related
LEFT JOIN mentioned_key AS other_key ON other_key.record = violation.related AND other_key.object = violation.object
LEFT JOIN meant_key ON meant_key.rule = violation.rule AND meant_key.missing = violation.value
LEFT JOIN asks ON asks.rule = violation.rule
LEFT JOIN subscription ON asks.about = 'plan' AND subscription.record = violation.record
UNION ALL BY NAME
SELECT any_value(mentioned.file) AS file, object, attribute, rolled_up.rule, severity, value, result,
    concat_ws(' ', any_value(message), any_value(meant_key.detail)) || ' This holds for ' || format('{:,}', violations) || if(violations = 1, ' record', ' records') || ', '
        || if(violations > 3, 'first ', '') || if(count(*) = 1, 'on line ', 'on lines ')
        || string_agg(line::VARCHAR, ', ' ORDER BY line) || '.' AS message,
    any_value(fix) AS fix, min(record) AS record, if(severity = 'question', question_id(rolled_up.rule, attribute, NULL), NULL) AS question
FROM (SELECT *, unnest(examples) AS record FROM rolled_up) AS rolled_up
JOIN wording USING (rule)
JOIN mentioned USING (record)
LEFT JOIN meant_key ON meant_key.rule = rolled_up.rule AND meant_key.missing = rolled_up.value
GROUP BY rolled_up.file, object, attribute, rolled_up.rule, severity, value, result, violations
