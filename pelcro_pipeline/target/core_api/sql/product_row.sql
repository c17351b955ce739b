-- The products that a site is to hold.
-- view of: products
SELECT ["product.id"] AS identity, "product.id" AS key, NULL::BIGINT AS record, NULL AS scenario, products.*
FROM products
