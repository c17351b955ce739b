-- The golden records of repeated customers: the first filled value of every attribute; imported alone only where no record says otherwise (CUS-CONFLICT).
-- table of: repeated_customer_value
SELECT min(record) AS record, customer,
    arg_min(COLUMNS(* EXCLUDE (record, customer, "customer.common_metadata.import_only_the_customer")), record),
    min("customer.common_metadata.import_only_the_customer") AS "customer.common_metadata.import_only_the_customer"
FROM repeated_customer_value
GROUP BY customer
