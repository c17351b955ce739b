-- Records that a finding names, with file and line.
-- table of: reported_violation, rolled_up, location
SELECT location.*
FROM location
SEMI JOIN (
    SELECT record FROM reported_violation
    UNION
    SELECT related FROM reported_violation
    UNION
    SELECT unnest(examples) FROM rolled_up
) AS named USING (record)
