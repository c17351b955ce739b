-- What a person looks into of a card map: each subscription whose card is not fine, and each source of nobody who is migrated.
-- view of: card_class, migrating_subscription, card_of_no_customer
SELECT class, customer, old_id, plan, first_renewal, source_id, last4, expires, NULL::VARCHAR AS alike
FROM card_class
JOIN migrating_subscription USING (record, customer)
WHERE class <> 'fine'
UNION ALL
SELECT 'of_no_customer', customer, NULL, NULL, NULL, source_id, last4, expires, alike FROM card_of_no_customer
