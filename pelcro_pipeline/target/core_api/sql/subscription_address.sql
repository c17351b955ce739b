-- The address of each subscription: where it is shipped to, or else where its tax is told by. Its own, or else its customer's only one.
-- table of: subscriptions, plans, products, addresses
WITH wanted AS (
    SELECT
        record, "customer.old_provider_id", "product.address_required" OR "plan.shipments_per_interval" > 0 AS is_shipped,
        coalesce(shipping_address_id, '') AS shipping, coalesce(billing_address_id, '') AS billing
    FROM subscriptions
    JOIN plans ON "plan.old_id" = "subscription.common_metadata.temporary_plan_id"
    JOIN products ON "product.id" = "plan.temporary_product_id"
), held AS (
    SELECT *, count(*) OVER (PARTITION BY "customer.old_provider_id", type) AS together FROM addresses
)
SELECT
    record,
    first(mark('address', ["customer.old_provider_id", type, address_id]) ORDER BY
        if(is_shipped, type = 'shipping', type = 'billing') DESC, address_id = if(type = 'shipping', shipping, billing) DESC
    ) AS address_mark
FROM wanted JOIN held USING ("customer.old_provider_id")
WHERE (address_id = if(type = 'shipping', shipping, billing) OR together = 1) AND (is_shipped OR type = 'billing')
GROUP BY record
