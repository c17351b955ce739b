-- Money, copies and shipments of each plan: received, and prepared (told from what is prepared), merged, rejected and excluded.
-- table of: valued_subscription, subscriptions, plans
WITH delivered AS (
    SELECT plan, currency, disposition, count(*)::DECIMAL(38, 0) AS subscriptions, sum(money) AS money, sum(copies) AS copies, sum(shipments) AS shipments
    FROM valued_subscription
    GROUP BY ALL
), standing AS (
    SELECT "plan.old_id" AS plan, "plan.currency" AS currency, 'prepared' AS disposition, count(*)::DECIMAL(38, 0) AS subscriptions,
        sum(("plan.amount"::HUGEINT * "subscription.quantity")::DECIMAL(38, 0)) AS money,
        sum("subscription.quantity"::DECIMAL(38, 0)) AS copies,
        sum((coalesce("subscription.shipments_remaining", 0)::HUGEINT * "subscription.quantity")::DECIMAL(38, 0)) AS shipments
    FROM subscriptions
    JOIN plans ON "plan.old_id" = "subscription.common_metadata.temporary_plan_id"
    GROUP BY ALL
), part AS (
    SELECT plan, currency, 'received' AS disposition, subscriptions, money, copies, shipments FROM delivered
    UNION ALL
    FROM delivered WHERE disposition <> 'prepared'
    UNION ALL
    FROM standing
), measured AS (
    UNPIVOT part ON subscriptions, money, copies, shipments INTO NAME measure VALUE amount
)
SELECT plan, currency, measure,
    coalesce(sum(amount) FILTER (disposition = 'received'), 0) AS received,
    coalesce(sum(amount) FILTER (disposition = 'prepared'), 0) AS prepared,
    coalesce(sum(amount) FILTER (disposition = 'merged'), 0) AS merged,
    coalesce(sum(amount) FILTER (disposition = 'rejected'), 0) AS rejected,
    coalesce(sum(amount) FILTER (disposition = 'excluded'), 0) AS excluded
FROM measured
GROUP BY ALL
