-- Violations that are findings of their own.
-- table of: single_violation, rolled_up
SELECT violation.*
FROM single_violation AS violation
ANTI JOIN rolled_up ON rolled_up.file = file_of(record) AND rolled_up.rule = violation.rule
    AND rolled_up.object IS NOT DISTINCT FROM violation.object AND rolled_up.attribute IS NOT DISTINCT FROM violation.attribute
    AND rolled_up.severity = violation.severity
