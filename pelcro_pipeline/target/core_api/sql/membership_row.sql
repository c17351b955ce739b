-- The members of groups: on a site they belong to their admin's subscription and have none of their own.
-- table of: subscriptions, subscription_identity, addresses
WITH admin AS (
    SELECT "subscription.common_metadata.membership", identity
    FROM subscriptions JOIN subscription_identity USING (record)
    WHERE "subscription.type" = 'admin'
), only_address AS (
    SELECT "customer.old_provider_id", any_value(mark('address', ["customer.old_provider_id", type, address_id])) AS address_mark
    FROM addresses WHERE type = 'shipping'
    GROUP BY ALL HAVING count(*) = 1
)
SELECT
    member.identity, key, NULL AS scenario, mark('subscription', admin.identity) AS admin_mark,
    mark('customer', ["customer.old_provider_id"]) AS customer_mark, address_mark, subscriptions.*
FROM subscriptions
JOIN subscription_identity AS member USING (record)
LEFT JOIN admin USING ("subscription.common_metadata.membership")
LEFT JOIN only_address USING ("customer.old_provider_id")
WHERE "subscription.type" = 'member'
