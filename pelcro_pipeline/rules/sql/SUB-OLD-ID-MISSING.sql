-- A subscription that is told to be a gift has no id.
-- view of: gift_flag, judged_subscription
SELECT DISTINCT record FROM judged_subscription SEMI JOIN (FROM gift_flag WHERE imputed) AS told USING (record) WHERE old_id IS NULL
