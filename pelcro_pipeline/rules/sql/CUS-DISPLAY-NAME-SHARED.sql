-- Another customer, earlier in file order, has this display name.
-- view of: golden_customer, first_filled
WITH shared AS (
    SELECT display_name AS held FROM golden_customer WHERE display_name IS NOT NULL GROUP BY held HAVING count(*) > 1
), holder AS (
    SELECT record, customer, display_name AS value, first_value(record) OVER (PARTITION BY held ORDER BY record) AS first_holder
    FROM golden_customer
    JOIN shared ON display_name = held
)
SELECT coalesce(first_filled.record, holder.record) AS record, holder.record AS owner, holder.value, first_holder AS related
FROM holder
LEFT JOIN first_filled ON first_filled.customer = holder.customer AND first_filled.attribute = 'customer.display_name'
WHERE holder.record <> first_holder
