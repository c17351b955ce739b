-- What no id pairs and is equal but for it: a customer's address under another id, a subscription that an extract gives no old id.
-- table of: unpaired
WITH numbered AS (
    SELECT *, row_number() OVER (PARTITION BY is_before, object, customer, plan, content ORDER BY id NULLS FIRST, place) AS number
    FROM unpaired
)
SELECT object, old.place AS before_place, new.place AS after_place, old.id IS NOT DISTINCT FROM new.id AS is_equal
FROM (FROM numbered WHERE is_before) old JOIN (FROM numbered WHERE NOT is_before) new
    USING (object, customer, plan, content, number)
-- Two old ids are two subscriptions, equal as they may be; an address's tells it from the customer's others and no more.
WHERE object IN ('billing_address', 'shipping_address') OR old.id IS NULL OR new.id IS NULL
