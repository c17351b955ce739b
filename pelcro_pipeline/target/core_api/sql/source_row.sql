-- The cards that subscriptions are paid by. A new one becomes its customer's default.
-- view of: cards
SELECT
    ["card.source_id"] AS identity, "customer.old_provider_id" AS key, NULL::BIGINT AS record, NULL AS scenario,
    mark('customer', ["customer.old_provider_id"]) AS customer_mark, cards.*
FROM cards
WHERE regexp_matches("card.source_id", '^(src|card|pm)_')
