-- What the card map says of each subscription that is charged when it renews: the first class that holds, of those of card_class_count.
-- view of: subscriptions, subscription_state, card, mapped_twice, default_source, day
WITH source_count AS (
    SELECT customer, day, count(source_id) AS sources, count(DISTINCT source_id) FILTER (is_default) AS told,
        -- A card whose date is not told may be used.
        count(DISTINCT source_id) FILTER (coalesce(expires >= date_trunc('month', day), true)) AS usable
    FROM card CROSS JOIN day
    GROUP BY customer, day
)
SELECT
    record, state.day, subscription."customer.old_provider_id" AS customer, period_end AS first_renewal,
    source.gateway_customer_id, source.source_id, source.last4, source.expires,
    CASE
        WHEN twice.customer IS NOT NULL THEN 'mapped_twice'
        WHEN coalesce(sources, 0) = 0 THEN 'missing'
        WHEN told <> 1 AND usable > 1 THEN 'several'
        WHEN source.expires IS NULL THEN 'expiry_not_told'
        WHEN source.expires < date_trunc('month', state.day) THEN 'expired'
        WHEN source.expires < date_trunc('month', period_end) THEN 'expires_before_renewal'
        ELSE 'fine'
    END AS class
FROM subscriptions AS subscription
JOIN subscription_state AS state USING (record)
LEFT JOIN mapped_twice AS twice ON twice.customer = subscription."customer.old_provider_id"
LEFT JOIN default_source AS source ON source.customer = subscription."customer.old_provider_id"
LEFT JOIN source_count ON source_count.customer = subscription."customer.old_provider_id" AND source_count.day = state.day
WHERE subscription."subscription.collection_method" = 'charge_automatically' AND renews
