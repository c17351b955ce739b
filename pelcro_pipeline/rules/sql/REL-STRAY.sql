-- A cell that does not go with the kind of subscription: a group or a membership plan on a regular one, a donor's id on no recipient.
-- view of: surviving_subscription, first_plan
SELECT record, membership AS value, 'subscription.common_metadata.membership' AS attribute
FROM surviving_subscription
WHERE type = 'regular' AND membership IS NOT NULL
UNION ALL
SELECT record, gift_donor_subscription_id, 'subscription.common_metadata.gift_donor_subscription_id'
FROM surviving_subscription
WHERE gift_donor_subscription_id IS NOT NULL AND NOT coalesce(is_gift_recipient, false)
UNION ALL
SELECT record, subscription.type, 'subscription.type'
FROM surviving_subscription AS subscription
JOIN first_plan ON first_plan.old_id = subscription.temporary_plan_id
WHERE subscription.type = 'regular' AND first_plan.type = 'membership'
