-- The plan ships and there is no shipping address, or the product needs an address and there is none.
-- view of: surviving_subscription, first_plan, first_product, subscription_address
SELECT record, subscription.temporary_plan_id AS value
FROM surviving_subscription AS subscription
JOIN first_plan ON first_plan.old_id = subscription.temporary_plan_id
LEFT JOIN first_product ON first_product.id = first_plan.temporary_product_id
LEFT JOIN subscription_address AS has ON has.subscription = subscription.record
WHERE CASE
    WHEN ships(first_plan.shipments_per_interval) THEN has.shipping IS NULL
    WHEN first_product.address_required THEN has.shipping IS NULL AND has.billing IS NULL
    ELSE false END
