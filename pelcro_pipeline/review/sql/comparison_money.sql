-- What the plans of the subscriptions cost before and after, in each currency's smallest unit, by what became of them.
-- view of: compared, before_object, after_object, before_plan, after_plan
WITH price AS (
    SELECT true AS is_before, "plan.old_id" AS plan, "plan.currency" AS currency, "plan.amount"::HUGEINT AS amount FROM before_plan
    UNION ALL
    SELECT false, "plan.old_id", "plan.currency", "plan.amount"::HUGEINT FROM after_plan
), subscription AS (
    SELECT
        old_price.currency AS before_currency, old_price.amount AS before_amount,
        new_price.currency AS after_currency, new_price.amount AS after_amount,
        CASE
            WHEN change IN ('new', 'vanished') THEN change
            -- By its plan's price: whatever else of it has changed, so that each is counted once and here are all of the plan.
            WHEN old.plan = new.plan AND (before_currency, before_amount) IS DISTINCT FROM (after_currency, after_amount)
                THEN 'repriced'
            ELSE change
        END AS what
    FROM (FROM compared WHERE object = 'subscription') compared
    LEFT JOIN before_object old ON old.object = compared.object AND old.place = before_place
    LEFT JOIN after_object new ON new.object = compared.object AND new.place = after_place
    LEFT JOIN (FROM price WHERE is_before) old_price ON old_price.plan = old.plan
    LEFT JOIN (FROM price WHERE NOT is_before) new_price ON new_price.plan = new.plan
), side AS (
    SELECT what, before_currency AS currency, 1 AS before, 0 AS after, before_amount AS cost_before, 0 AS cost_after FROM subscription
    UNION ALL
    SELECT what, after_currency, 0, 1, 0, after_amount FROM subscription
)
SELECT
    currency, if(grouping(side.what) = 1, 'all', side.what) AS what, sum(before) AS before, sum(after) AS after,
    sum(cost_before) AS cost_before, sum(cost_after) AS cost_after, sum(cost_after) - sum(cost_before) AS difference
FROM side
WHERE currency IS NOT NULL
GROUP BY GROUPING SETS ((currency, side.what), (currency))
HAVING grouping(side.what) = 1 OR side.what <> 'equal'
ORDER BY currency, grouping(side.what), side.what
