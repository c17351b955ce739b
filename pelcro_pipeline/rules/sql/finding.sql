-- Findings of single records, in words.
-- table of: reported_violation, wording, mentioned, mentioned_key
SELECT here.file, here.line, violation.object, here_key.key, attribute, rule, severity, value, result, message, fix,
    other.file || ':' || other.line || coalesce(' (' || other_key.key || ')', '') AS related, violation.record
FROM reported_violation AS violation
JOIN wording USING (rule)
JOIN mentioned AS here ON here.record = violation.record
LEFT JOIN mentioned_key AS here_key ON here_key.record = violation.record AND here_key.object = violation.object
LEFT JOIN mentioned AS other ON other.record = violation.related
LEFT JOIN mentioned_key AS other_key ON other_key.record = violation.related AND other_key.object = violation.object
