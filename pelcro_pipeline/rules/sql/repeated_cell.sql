-- The filled cells of repeated customers, one row each.
-- table of: customer_value, repeated_customer
SELECT record, customer, attribute, value
FROM (
    UNPIVOT (SELECT customer_value.* FROM customer_value SEMI JOIN repeated_customer USING (customer))
    ON COLUMNS(* EXCLUDE (record, customer)) INTO NAME attribute VALUE value
)
