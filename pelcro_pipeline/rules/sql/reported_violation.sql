-- Violations that are findings of their own: a repair for an absent column is one for the whole file.
-- table of: violation, absent_column
SELECT violation.*
FROM violation
ANTI JOIN absent_column ON severity = 'repair' AND absent_column.attribute = violation.attribute
    AND absent_column.file = file_of(violation.record)
