-- Customers with a subscription, whatever becomes of it.
-- view of: subscription
SELECT DISTINCT customer FROM subscription
