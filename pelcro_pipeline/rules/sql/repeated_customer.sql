-- Customers that several records hold, each with the first of these.
-- table of: customer, customer_value
SELECT customer, min(record) AS first_record
FROM customer_value
SEMI JOIN (SELECT customer FROM customer GROUP BY customer HAVING count(*) > 1) AS repeated USING (customer)
GROUP BY customer
