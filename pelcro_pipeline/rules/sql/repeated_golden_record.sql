-- The golden records of repeated customers: the value that a publisher has chosen, or else the first filled one of every attribute; imported alone only where no record says otherwise (CUS-CONFLICT).
-- table of: repeated_customer_value, chosen_customer_value
WITH said AS (
    SELECT min(record) AS record, customer,
        arg_min(COLUMNS(* EXCLUDE (record, customer, "customer.common_metadata.import_only_the_customer")), record),
        min("customer.common_metadata.import_only_the_customer") AS "customer.common_metadata.import_only_the_customer"
    FROM repeated_customer_value
    GROUP BY customer
), spoken AS (
    SELECT 1 AS rank, * FROM said
    UNION ALL BY NAME
    SELECT 0 AS rank, * FROM chosen_customer_value
)
SELECT customer, arg_min(COLUMNS(* EXCLUDE (customer, rank)), rank) FROM spoken GROUP BY customer
