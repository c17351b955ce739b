-- Mapped sources of nobody who is migrated, each with the customer whose id differs in case, leading zeros or a final .0 alone.
-- view of: card, customers
WITH known AS (
    SELECT fold_key("customer.old_provider_id") AS folded, min("customer.old_provider_id") AS alike FROM customers GROUP BY folded
)
SELECT card.*, alike
FROM card
ANTI JOIN customers ON "customer.old_provider_id" = card.customer
LEFT JOIN known ON folded = fold_key(card.customer)
