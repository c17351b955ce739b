-- The obstacles that an object of the plan meets: what only its creation would is none of one that is there.
-- view of: all_obstacle, plan
SELECT all_obstacle.*, plan.action
FROM all_obstacle JOIN plan USING (mark)
WHERE NOT stops OR action IN ('held', 'invalid')
