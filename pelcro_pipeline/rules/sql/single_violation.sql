-- Violations that are told of: a repair for an absent column is one for the whole file, and some rules are told once for a record.
-- table of: violation, absent_column, rule_rank, object_rank
SELECT violation.*
FROM violation
JOIN rule_rank USING (rule)
JOIN object_rank USING (object)
ANTI JOIN absent_column ON severity = 'repair' AND absent_column.attribute = violation.attribute
    AND absent_column.file = file_of(violation.record)
QUALIFY NOT once_a_record OR object_rank.rank = min(object_rank.rank) OVER (PARTITION BY record, rule, violation.attribute)
