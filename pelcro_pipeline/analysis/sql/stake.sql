-- How many subscriptions hang on each question, and what their plans cost in each currency, in its smallest unit.
-- table of: asked_subscription, received_subscription, first_plan
WITH priced AS (
    SELECT question, lower(currency) AS currency, count(*) AS subscriptions, sum(try_cast(amount AS BIGINT)) AS amount
    FROM asked_subscription
    JOIN received_subscription AS subscription USING (record)
    LEFT JOIN first_plan ON first_plan.old_id = subscription.temporary_plan_id
    GROUP BY ALL
)
SELECT question, sum(subscriptions)::BIGINT AS subscriptions,
    coalesce(list({currency: currency, amount: amount::BIGINT} ORDER BY currency) FILTER (amount > 0 AND currency IS NOT NULL), []) AS money
FROM priced
GROUP BY question
