-- Of each attribute of a repeated customer the first filled value in file order, the record that has it (CUS-FILLED), and what stands: of whether the customer is imported alone 0, where any record says 0 (CUS-CONFLICT).
-- table of: repeated_customer_value, repeated_customer
SELECT customer, attribute, any_value(first_record) AS first_record, min(record) AS record, arg_min(value, record) AS said,
    if(attribute = 'customer.common_metadata.import_only_the_customer', min(value), said) AS value
FROM (UNPIVOT repeated_customer_value ON COLUMNS(* EXCLUDE (record, customer)) INTO NAME attribute VALUE value)
JOIN repeated_customer USING (customer)
GROUP BY customer, attribute
