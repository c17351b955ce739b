-- The product that an id stands for, with what was imputed of whether it needs an address.
-- table of: product, violation
SELECT product.record AS product_record,
    product.* EXCLUDE (record, customer) REPLACE (coalesce(imputed.result = '1', address_required) AS address_required)
FROM product
LEFT JOIN violation AS imputed ON imputed.record = product.record AND imputed.rule = 'PRD-ADDRESS-REQUIRED'
WHERE agrees
QUALIFY product.record = min(product.record) OVER (PARTITION BY id)
