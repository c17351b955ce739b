-- The subscriptions of the site whose customer is to get a source.
-- view of: wanted_source, wanted_subscription, presence
SELECT subscription.mark
FROM wanted_subscription AS subscription
SEMI JOIN presence ON presence.mark = subscription.mark
SEMI JOIN (SELECT "customer_id mark" FROM wanted_source ANTI JOIN presence USING (mark)) AS source
    ON source."customer_id mark" = subscription."user_id mark"
