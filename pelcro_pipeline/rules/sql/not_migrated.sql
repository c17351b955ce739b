-- Objects that are not migrated, each with its root cause: first the excluded, and what its own record rejects.
-- table of: violation, rule_rank, excluded
SELECT record, object, 'rejected' AS disposition, arg_min(rule, rank) AS rule,
    record AS cause_record, object AS cause_object, arg_min(rule, rank) AS cause_rule
FROM violation
JOIN rule_rank USING (rule)
WHERE severity = 'reject'
GROUP BY record, object
UNION ALL
SELECT record, 'subscription', 'excluded', rule, record, 'subscription', rule FROM excluded
