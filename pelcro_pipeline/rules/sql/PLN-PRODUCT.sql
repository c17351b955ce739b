-- The plan's product was not received.
-- view of: plan, product
SELECT record, temporary_product_id AS value
FROM plan
ANTI JOIN product ON product.id = plan.temporary_product_id
WHERE temporary_product_id IS NOT NULL
