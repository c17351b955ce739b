-- In which month the periods of staged subscriptions end.
-- view of: staged_subscription
SELECT strftime(period_end, '%Y-%m') AS month, count(*) AS subscriptions FROM staged_subscription GROUP BY month ORDER BY month NULLS LAST
