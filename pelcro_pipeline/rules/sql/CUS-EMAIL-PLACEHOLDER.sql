-- Three customers or more have this email address, and it is a word for none.
-- view of: placeholder_email, golden_customer, first_filled
SELECT coalesce(first_filled.record, golden_customer.record) AS record, golden_customer.record AS owner, email AS value
FROM golden_customer
JOIN placeholder_email ON lower(email) = held
LEFT JOIN first_filled ON first_filled.customer = golden_customer.customer AND first_filled.attribute = 'customer.email'
