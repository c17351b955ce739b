-- Of all that was received no admin is in the group, or of what survives more than one.
-- view of: subscription, surviving_subscription
WITH without_admin AS (
    SELECT membership
    FROM subscription
    WHERE type IN ('admin', 'member') AND membership IS NOT NULL
    GROUP BY membership HAVING count(*) FILTER (type = 'admin') = 0
), with_several AS (
    SELECT membership
    FROM surviving_subscription
    WHERE type IN ('admin', 'member') AND membership IS NOT NULL
    GROUP BY membership HAVING count(*) FILTER (type = 'admin') > 1
)
SELECT record, membership AS value
FROM surviving_subscription
WHERE type IN ('admin', 'member')
    AND membership IN (SELECT membership FROM without_admin UNION SELECT membership FROM with_several)
