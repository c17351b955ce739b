-- What the plan does not send, and what it sends otherwise than it was delivered: the rule, the attribute, its value, and what stands on the site.
-- table of: plan, met_obstacle, told_difference, taken, identity_of
SELECT mark, rule, attribute, value, NULL AS result, NULL AS related, stops FROM met_obstacle
UNION ALL
SELECT mark, rule, attribute, after, before, 'site ' || id, true
FROM told_difference JOIN (FROM plan WHERE rule = 'API-CHANGED' AND action = 'conflict') AS plan USING (mark)
UNION ALL
SELECT mark, rule, attribute, value, NULL, 'site ' || taken.id, true
FROM taken JOIN (SELECT mark, rule FROM plan WHERE rule = 'API-TAKEN' AND action = 'conflict') AS plan USING (mark)
UNION ALL
SELECT mark, rule, attribute, key, NULL, 'site ' || array_to_string(ids, ' and '), true
FROM plan JOIN identity_of USING (kind)
WHERE rule IN ('API-DOUBLE', 'API-DELETED') AND action = 'conflict'
