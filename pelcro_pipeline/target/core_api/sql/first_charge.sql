-- When the site first renews, ends or charges something that a revert would take back, in Unix seconds.
-- view of: reverting, found_subscription, found_invoice, load_terms
SELECT min(seconds) AS seconds FROM (
    SELECT day_end("subscription.current_period_end") AS seconds
    FROM reverting JOIN found_subscription USING (id)
    WHERE kind = 'subscription' AND action IN ('undo', 'leaves')
    UNION ALL
    -- An open invoice of what charges automatically is charged on its first day.
    SELECT day_end(load_day) AS seconds
    FROM reverting
    JOIN found_invoice AS invoice USING (id)
    JOIN found_subscription AS subscription ON subscription.id = invoice."subscription_id id"
    CROSS JOIN load_terms
    WHERE kind = 'invoice' AND action = 'undo' AND "subscription.collection_method" = 'charge_automatically'
)
