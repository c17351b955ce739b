-- Customers with a subscription, whatever becomes of it.
-- view of: subscription, other_person
SELECT DISTINCT customer FROM subscription ANTI JOIN other_person USING (record)
