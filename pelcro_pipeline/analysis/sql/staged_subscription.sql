-- The staged subscriptions by short names, with what their plans cost, in the smallest unit of the currency, and where they go.
-- table of: subscriptions, plans, products, addresses
WITH country AS (
    SELECT "customer.old_provider_id" AS customer, coalesce(
            any_value("address.country") FILTER (type = 'billing'), any_value("address.country") FILTER (type = 'shipping')) AS country,
        count(*) FILTER (type = 'billing') > 0 AS is_billed_somewhere
    FROM addresses
    GROUP BY customer
)
SELECT "customer.old_provider_id" AS customer, "subscription.common_metadata.temporary_plan_id" AS plan, "plan.nickname" AS plan_name,
    "product.name" AS product_name, "subscription.type" AS type, "subscription.common_metadata.service_status" AS status,
    "subscription.collection_method" AS collection_method, "plan.currency" AS currency, "plan.amount" AS amount,
    "subscription.cancel_at_period_end" AS cancels, "subscription.common_metadata.is_gift_donor" AS is_gift_donor,
    "subscription.common_metadata.is_gift_recipient" AS is_gift_recipient, "subscription.common_metadata.membership" AS membership,
    "subscription.current_period_end" AS period_end, "subscription.common_metadata.is_expired" AS is_expired,
    coalesce(country, '(no address)') AS country, coalesce(is_billed_somewhere, false) AS is_billed_somewhere
FROM subscriptions
JOIN plans ON "plan.old_id" = "subscription.common_metadata.temporary_plan_id"
JOIN products ON "product.id" = "plan.temporary_product_id"
LEFT JOIN country ON country.customer = subscriptions."customer.old_provider_id"
