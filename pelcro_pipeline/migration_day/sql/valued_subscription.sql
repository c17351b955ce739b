-- Every subscription received, with what it is worth as it was delivered: its plan's amount for each copy, copies, and shipments of all copies.
-- view of: converted_subscription, first_plan, amendment, not_prepared
WITH amended AS (
    -- What other records impute, and what the publisher answers.
    SELECT record,
        min(result) FILTER (attribute = 'subscription.common_metadata.temporary_plan_id') AS plan,
        min(result) FILTER (attribute = 'subscription.quantity') AS quantity,
        min(result) FILTER (attribute = 'subscription.shipments_remaining') AS shipments
    FROM amendment
    WHERE object = 'subscription'
    GROUP BY record
), repriced AS (
    SELECT record AS plan_record, min(result) FILTER (attribute = 'plan.amount') AS amount,
        min(result) FILTER (attribute = 'plan.currency') AS currency
    FROM amendment
    WHERE object = 'plan'
    GROUP BY record
), priced AS (
    SELECT old_id AS plan, try_cast(coalesce(repriced.amount, first_plan.amount) AS HUGEINT) AS amount,
        coalesce(repriced.currency, first_plan.currency, getvariable('currency')) AS currency
    FROM first_plan
    LEFT JOIN repriced USING (plan_record)
), received AS (
    SELECT subscription.record, customer, "subscription.common_metadata.old_id" AS old_id,
        "subscription.cancel_at_period_end" AS cancels, "subscription.common_metadata.service_status" AS status,
        try_iso_date("subscription.current_period_end") AS period_end,
        coalesce(amended.plan, "subscription.common_metadata.temporary_plan_id") AS plan,
        coalesce(try_cast(coalesce(amended.quantity, "subscription.quantity", '1') AS BIGINT), 0) AS copies,
        coalesce(try_cast(coalesce(amended.shipments, "subscription.shipments_remaining", '0') AS BIGINT), 0) AS shipments
    FROM converted_subscription AS subscription
    LEFT JOIN amended USING (record)
)
SELECT received.record, coalesce(received.plan, '') AS plan, coalesce(currency, '') AS currency,
    (coalesce(amount, 0) * copies)::DECIMAL(38, 0) AS money, copies::DECIMAL(38, 0) AS copies,
    (shipments::HUGEINT * copies)::DECIMAL(38, 0) AS shipments, coalesce(disposition, 'prepared') AS disposition, rule,
    customer, old_id, period_end, cancels = '0' AND status IN ('active', 'unpaid') AS renewed
FROM received
LEFT JOIN priced USING (plan)
LEFT JOIN (FROM not_prepared WHERE object = 'subscription') AS gone USING (record)
