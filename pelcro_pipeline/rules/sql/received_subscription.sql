-- Subscriptions, with the flags of gifts as they stand.
-- view of: subscription, gift_flag
SELECT subscription.* REPLACE (
    coalesce(is_gift_donor, flag.donor, false) AS is_gift_donor,
    coalesce(is_gift_recipient, flag.recipient, false) AS is_gift_recipient)
FROM subscription
LEFT JOIN (
    SELECT record, bool_or(attribute = 'subscription.common_metadata.is_gift_donor') AS donor,
        bool_or(attribute = 'subscription.common_metadata.is_gift_recipient') AS recipient
    FROM gift_flag
    GROUP BY record
) AS flag USING (record)
