-- The plan that an id stands for: its first record that does not contradict itself.
-- table of: plan
SELECT record AS plan_record, * EXCLUDE (record, customer)
FROM plan
WHERE agrees
QUALIFY record = min(record) OVER (PARTITION BY old_id)
