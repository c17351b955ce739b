-- Records that a finding names, with file and line.
-- table of: reported_violation, location
SELECT location.*
FROM location
SEMI JOIN (SELECT record FROM reported_violation UNION SELECT related FROM reported_violation) AS named USING (record)
