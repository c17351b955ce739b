-- Another customer has this email address: it stays with the first who has a subscription that their own records leave standing, or else the first.
-- view of: golden_customer, first_filled, placeholder_email, surviving_subscription
WITH shared AS (
    SELECT lower(email) AS held FROM golden_customer WHERE email IS NOT NULL GROUP BY held HAVING count(*) > 1
), holder AS (
    SELECT golden_customer.record, golden_customer.customer, email AS value,
        first_value(golden_customer.record) OVER (PARTITION BY held ORDER BY subscribed.customer IS NULL, golden_customer.record) AS kept_by
    FROM golden_customer
    JOIN (FROM shared ANTI JOIN placeholder_email USING (held)) AS shared ON lower(email) = held
    LEFT JOIN (SELECT DISTINCT customer FROM surviving_subscription) AS subscribed USING (customer)
)
SELECT coalesce(first_filled.record, holder.record) AS record, holder.record AS owner, holder.value, kept_by AS related
FROM holder
LEFT JOIN first_filled ON first_filled.customer = holder.customer AND first_filled.attribute = 'customer.email'
WHERE holder.record <> kept_by
