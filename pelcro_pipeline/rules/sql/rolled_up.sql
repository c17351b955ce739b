-- Violations that one finding stands for: what is told of a column, and what 100 records or more and nine in ten of a file's break alike.
-- table of: single_violation, rule_rank, file_size
SELECT file_of(record) AS file, object, attribute, rule, severity, count(*) AS violations, mode(value) AS value,
    if(min(result) = max(result), min(result), NULL) AS result, list(DISTINCT record ORDER BY record)[1:3] AS examples,
    any_value(once_a_column) AS once_a_column
FROM single_violation
JOIN rule_rank USING (rule)
JOIN file_size ON file_size.file = file_of(record)
GROUP BY ALL
HAVING any_value(once_a_column) OR (count(*) >= 100 AND count(*) >= 0.9 * any_value(records))
