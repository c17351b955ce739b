-- What names each subscription: its old id, or else its customer, plan, start and place among equals.
-- table of: subscriptions
SELECT
    record, coalesce("subscription.common_metadata.old_id", "customer.old_provider_id") AS key,
    if("subscription.common_metadata.old_id" IS NOT NULL, ["subscription.common_metadata.old_id"], [
        "customer.old_provider_id", "subscription.common_metadata.temporary_plan_id",
        coalesce("subscription.start_date"::VARCHAR, ''), row_number() OVER (
            PARTITION BY "customer.old_provider_id", "subscription.common_metadata.temporary_plan_id", "subscription.start_date",
                "subscription.common_metadata.old_id"
            ORDER BY record)::VARCHAR
    ]) AS identity
FROM subscriptions
