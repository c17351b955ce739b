-- What each day would bring that another would not: who has ended by then, who is another unpaid case, who is charged at once or renews within three days.
-- table of: migrating_subscription, subscription_state, event, day
WITH first_state AS (
    SELECT record, unpaid_case AS first_case FROM subscription_state WHERE day = (SELECT min(day) FROM day)
), faring AS (
    SELECT day, coalesce(sum(subscriptions) FILTER (state = 'not_migrated'), 0) AS ended_since,
        coalesce(sum(subscriptions) FILTER (unpaid_case IS DISTINCT FROM first_case), 0) AS another_case
    FROM subscription_state
    JOIN first_state USING (record)
    JOIN migrating_subscription USING (record)
    GROUP BY day
), happening AS (
    SELECT day, record, bool_or(what = 'charge' AND date = day) AS is_charged, bool_or(what = 'renewal' AND date <= day + 3) AS renews_soon
    FROM event
    GROUP BY day, record
), soon AS (
    SELECT day, coalesce(sum(subscriptions) FILTER (is_charged), 0) AS charged_on_the_day,
        coalesce(sum(subscriptions) FILTER (renews_soon), 0) AS renew_within_three_days
    FROM happening
    JOIN migrating_subscription USING (record)
    GROUP BY day
)
SELECT day, ended_since::BIGINT AS ended_since, another_case::BIGINT AS another_case,
    coalesce(charged_on_the_day, 0)::BIGINT AS charged_on_the_day, coalesce(renew_within_three_days, 0)::BIGINT AS renew_within_three_days,
    (ended_since + another_case + coalesce(charged_on_the_day, 0) + coalesce(renew_within_three_days, 0))::BIGINT AS surprises
FROM faring
LEFT JOIN soon USING (day)
