-- The golden records of repeated customers: the first filled value of every attribute.
-- table of: repeated_customer_value
SELECT min(record) AS record, customer, arg_min(COLUMNS(* EXCLUDE (record, customer)), record)
FROM repeated_customer_value
GROUP BY customer
