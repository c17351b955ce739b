-- Where the detail of a ledger's row lies: the root cause of what falls with another, the record that a merged one went into.
-- table of: not_migrated, merged
SELECT record, object, cause_record AS other, cause_object AS other_object, cause_rule AS other_rule
FROM not_migrated
WHERE rule = 'REL-CLOSURE'
UNION ALL
SELECT record, object, into_record, object, NULL FROM merged
