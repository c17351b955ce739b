-- The filled cells of repeated customers, one row each.
-- table of: customer_value, repeated_customer, other_person
SELECT record, customer, attribute, value
FROM (
    UNPIVOT (
        SELECT customer_value.* FROM customer_value SEMI JOIN repeated_customer USING (customer) ANTI JOIN other_person USING (record)
    ) ON COLUMNS(* EXCLUDE (record, customer)) INTO NAME attribute VALUE value
)
