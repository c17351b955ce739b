-- Each customer's password and what it tells by itself: it is counted from here on, and stands in no other relation.
-- view of: customers
SELECT "customer.old_provider_id" AS customer, "customer.email" AS email, "customer.password" AS password,
    "customer.common_metadata.password_encryption" AS scheme, hash_defect("customer.password") AS defect,
    CASE scheme WHEN 'Plain text' THEN false WHEN 'MD5' THEN NOT regexp_full_match(password, '[0-9a-fA-F]{32}') ELSE true END AS is_salted
FROM customers
