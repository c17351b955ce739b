-- What the day and the 90 after it do to gifts and to membership groups: pairs and groups by what their paying side does, and seats.
-- table of: migrating_subscription, subscription_state, event
WITH state AS (
    SELECT subscription.*, renews, collection_method, ends.record IS NOT NULL AS ends_soon, renewal.record IS NOT NULL AS renews_soon
    FROM migrating_subscription AS subscription
    JOIN subscription_state USING (record)
    LEFT JOIN (SELECT DISTINCT record FROM event WHERE what = 'expiry') AS ends USING (record)
    LEFT JOIN (SELECT DISTINCT record FROM event WHERE what = 'renewal') AS renewal USING (record)
    WHERE is_donor OR is_recipient OR type <> 'regular'
)
SELECT currency, unnest([
        {ordinal: 1, what: 'Gifts whose donor renews: it is charged again, and nobody receives', subscriptions: count(*) FILTER (is_donor AND renews)},
        {ordinal: 2, what: 'Gifts whose donor ends with its period', subscriptions: count(*) FILTER (is_donor AND NOT renews)},
        {ordinal: 3, what: 'Gift recipients, who end with their period', subscriptions: count(*) FILTER (is_recipient)},
        {ordinal: 4, what: 'Gift recipients who end within the 90 days', subscriptions: count(*) FILTER (is_recipient AND ends_soon)},
        {ordinal: 5, what: 'Membership groups, billed to their admin', subscriptions: count(*) FILTER (type = 'admin')},
        {ordinal: 6, what: 'Membership groups that renew within the 90 days', subscriptions: count(*) FILTER (type = 'admin' AND renews_soon)},
        {ordinal: 7, what: 'Seats of members, billed with their group', subscriptions: count(*) FILTER (type = 'member')},
        {ordinal: 8, what: 'Seats of members of the largest group',
            subscriptions: coalesce(max(seats), 0)}
    ], recursive := true)
FROM (SELECT *, count(*) FILTER (type = 'member') OVER (PARTITION BY membership) AS seats FROM state)
GROUP BY currency
