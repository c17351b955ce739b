-- Customers that a map ties to several customers of the processor, or of whose one at the processor it ties others too.
-- table of: card
WITH pair AS (
    SELECT DISTINCT customer, gateway_customer_id FROM card
), shared AS (
    SELECT gateway_customer_id FROM pair GROUP BY gateway_customer_id HAVING count(*) > 1
)
SELECT customer FROM pair GROUP BY customer HAVING count(*) > 1
UNION
SELECT customer FROM pair SEMI JOIN shared USING (gateway_customer_id)
