-- The addresses that a site is to hold.
-- view of: addresses
SELECT
    ["customer.old_provider_id", type, address_id] AS identity,
    concat_ws(' ', "customer.old_provider_id", type, nullif(address_id, '')) AS key, NULL::BIGINT AS record, NULL AS scenario,
    mark('customer', ["customer.old_provider_id"]) AS customer_mark, addresses.*
FROM addresses
