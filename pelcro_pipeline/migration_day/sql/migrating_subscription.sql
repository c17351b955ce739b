-- The subscriptions that are loaded, with the terms of their plans, by short names; an interval is so many days, or so many months.
-- table of: subscriptions, plans
SELECT
    record, "customer.old_provider_id" AS customer,
    "subscription.common_metadata.old_id" AS old_id, "subscription.common_metadata.temporary_plan_id" AS plan,
    "subscription.type" AS type, "subscription.common_metadata.service_status" = 'unpaid' AS is_unpaid,
    "subscription.cancel_at_period_end" AS cancels,
    coalesce("subscription.common_metadata.is_expired", false) AS is_expired,
    coalesce("subscription.common_metadata.start_now", false) AS starts_now,
    coalesce("subscription.common_metadata.is_gift_donor", false) AS is_donor,
    coalesce("subscription.common_metadata.is_gift_recipient", false) AS is_recipient,
    "subscription.common_metadata.membership" AS membership,
    "subscription.current_period_end" AS given_period_end, "subscription.collection_method" AS given_collection_method,
    "plan.amount" AS amount, "plan.currency" AS currency,
    ("plan.amount"::HUGEINT * "subscription.quantity")::DECIMAL(38, 0) AS renewal_amount,
    -- Whose renewal the group's admin is billed for.
    "subscription.type" = 'member' AS is_billed_to_admin,
    "plan.interval" IN (1, 2) AS is_in_days,
    -- Ten thousand years lead beyond every calendar, and overflow nothing.
    least("plan.interval_count", CASE "plan.interval" WHEN 1 THEN 3653000 WHEN 2 THEN 521900 WHEN 3 THEN 120000 ELSE 10000 END)::INTEGER
        * CASE "plan.interval" WHEN 2 THEN 7 WHEN 4 THEN 12 ELSE 1 END AS interval_length,
    "subscription.shipments_remaining" AS shipments_remaining, "plan.shipments_per_interval" AS shipments_per_interval
FROM subscriptions
JOIN plans ON "plan.old_id" = "subscription.common_metadata.temporary_plan_id"
