-- The subscriptions that stay behind for what is wrong with them or with what they belong to, by the root cause, and what their plans cost.
-- table of: not_prepared, subscription, first_plan
WITH lost AS (
    SELECT record, if(rule = 'REL-CLOSURE', regexp_extract(detail, '^[A-Z-]+'), rule) AS rule
    FROM not_prepared
    WHERE object = 'subscription' AND disposition = 'rejected'
), priced AS (
    SELECT lost.rule, lower(currency) AS currency, count(*) AS subscriptions, sum(try_cast(amount AS BIGINT))::BIGINT AS amount
    FROM lost
    JOIN subscription USING (record)
    LEFT JOIN first_plan ON first_plan.old_id = subscription.temporary_plan_id
    GROUP BY ALL
)
SELECT rule, sum(subscriptions)::BIGINT AS subscriptions,
    coalesce(list({currency: currency, amount: amount} ORDER BY currency) FILTER (amount > 0 AND currency IS NOT NULL), []) AS money
FROM priced
GROUP BY rule
ORDER BY subscriptions DESC, rule
