-- Donor and recipient are on different plans: both.
-- view of: remaining_subscription
WITH pair AS (
    SELECT donor.record AS donor, recipient.record AS recipient,
        donor.temporary_plan_id AS donor_plan, recipient.temporary_plan_id AS recipient_plan
    FROM remaining_subscription AS recipient
    JOIN remaining_subscription AS donor ON donor.old_id = recipient.gift_donor_subscription_id
    WHERE recipient.is_gift_recipient AND donor.is_gift_donor AND donor.temporary_plan_id <> recipient.temporary_plan_id
)
SELECT donor AS record, donor_plan AS value, recipient AS related FROM pair
UNION ALL
SELECT recipient, recipient_plan, donor FROM pair
