-- The plans that a site is to hold, each with its product.
-- view of: plans
SELECT
    ["plan.old_id"] AS identity, "plan.old_id" AS key, NULL::BIGINT AS record, NULL AS scenario,
    mark('product', ["plan.temporary_product_id"]) AS product_mark, plans.*
FROM plans
