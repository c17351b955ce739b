-- No record of the customer gives its original id: its id stands in.
-- view of: golden_customer
SELECT record, record AS owner, customer AS result FROM golden_customer WHERE original_old_provider_id IS NULL
