-- One row for each customer, whatever records repeat it; most stand once, so only the repeated are stored.
-- view of: customer_value, repeated_customer, repeated_golden_record
SELECT customer_value.*
FROM customer_value
ANTI JOIN repeated_customer USING (customer)
UNION ALL BY NAME
SELECT * FROM repeated_golden_record
