-- Subscriptions that are not excluded: only these are judged.
-- view of: subscription, excluded
SELECT subscription.* FROM subscription ANTI JOIN excluded USING (record)
