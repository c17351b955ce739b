-- Of each attribute of a repeated customer the first filled value in file order, and the record that has it (CUS-FILLED).
-- table of: repeated_customer_value, repeated_customer
SELECT customer, attribute, any_value(first_record) AS first_record, min(record) AS record, arg_min(value, record) AS value
FROM (UNPIVOT repeated_customer_value ON COLUMNS(* EXCLUDE (record, customer)) INTO NAME attribute VALUE value)
JOIN repeated_customer USING (customer)
GROUP BY customer, attribute
