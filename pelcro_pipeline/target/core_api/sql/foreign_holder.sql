-- The rows of others that have an email or an old id of one of our objects.
-- table of: found_customer, found_subscription, wanted_customer, wanted_subscription, stray
WITH held AS (
    SELECT ours.mark, found.mark AS found_mark, found.id, 'customer.email' AS attribute, found."customer.email" AS value
    FROM wanted_customer AS ours JOIN found_customer AS found ON lower(found."customer.email") = lower(ours."customer.email")
    UNION ALL
    SELECT ours.mark, found.mark, found.id, 'customer.old_provider_id', found."customer.old_provider_id"
    FROM wanted_customer AS ours JOIN found_customer AS found USING ("customer.old_provider_id")
    UNION ALL
    SELECT ours.mark, found.mark, found.id, 'subscription.common_metadata.old_id', found."subscription.common_metadata.old_id"
    FROM wanted_subscription AS ours JOIN found_subscription AS found USING ("subscription.common_metadata.old_id")
)
SELECT mark, id, attribute, value FROM held WHERE found_mark IS NULL
