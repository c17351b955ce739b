-- Of each attribute of a repeated customer the first filled value in file order, the record that has it (CUS-FILLED), and what stands: the value that a publisher has chosen, of whether the customer is imported alone else 0, where any record says 0 (CUS-CONFLICT).
-- table of: repeated_customer_value, repeated_customer, chosen_value
SELECT customer, attribute, any_value(first_record) AS first_record, min(record) AS record, any_value(chosen_value.value) IS NOT NULL AS chosen,
    coalesce(any_value(chosen_value.value), arg_min(delivered.value, record)) AS said,
    if(attribute = 'customer.common_metadata.import_only_the_customer' AND NOT chosen, min(delivered.value), said) AS value
FROM (UNPIVOT repeated_customer_value ON COLUMNS(* EXCLUDE (record, customer)) INTO NAME attribute VALUE value) AS delivered
JOIN repeated_customer USING (customer)
LEFT JOIN chosen_value USING (customer, attribute)
GROUP BY customer, attribute
