-- Subscriptions that are not excluded: only these are judged.
-- view of: received_subscription, excluded
SELECT received_subscription.* FROM received_subscription ANTI JOIN excluded USING (record)
