-- The customers that a site is to hold; those whose card has been migrated with their id at the processor.
-- view of: customers, cards, load_terms
SELECT
    ["customer.old_provider_id"] AS identity, "customer.old_provider_id" AS key, NULL::BIGINT AS record, NULL AS scenario,
    "card.gateway_customer_id", list_contains(password_schemes, "customer.common_metadata.password_encryption") IS TRUE AS is_accepted_password,
    customers.*
FROM customers LEFT JOIN cards USING ("customer.old_provider_id") CROSS JOIN load_terms
