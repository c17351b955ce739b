-- Neither 0 nor 1 says whether the product needs an address: whether one of its plans ships tells.
-- view of: converted_product, plan
SELECT record, "product.address_required" AS value, if(shipping.id IS NULL, '0', '1') AS result
FROM converted_product
LEFT JOIN (SELECT DISTINCT temporary_product_id AS id FROM plan WHERE ships(shipments_per_interval)) AS shipping
    ON shipping.id = "product.id"
WHERE coalesce("product.address_required" NOT IN ('0', '1'), true)
