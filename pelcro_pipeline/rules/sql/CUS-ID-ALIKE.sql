-- An earlier customer's id differs from this one in case, leading zeros or a final .0 alone.
-- view of: golden_customer
WITH folded AS (
    SELECT record, customer, fold_key(customer) AS folded FROM golden_customer
), alike AS (
    SELECT folded, min(record) AS first_record FROM folded GROUP BY folded HAVING count(*) > 1
)
SELECT record, customer AS value, first_record AS related FROM folded JOIN alike USING (folded) WHERE record <> first_record
