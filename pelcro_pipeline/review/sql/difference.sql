-- What is not equal, each numbered, and by the key that a person knows it by.
-- table of: before_object, after_object, compared
WITH known AS (
    SELECT
        compared.*, coalesce(old.customer, new.customer) AS customer, coalesce(old.plan, new.plan) AS plan,
        coalesce(old.position, new.position) AS position, coalesce(nullif(old.id, ''), nullif(new.id, '')) AS id
    FROM compared
    LEFT JOIN before_object old ON old.object = compared.object AND old.place = before_place
    LEFT JOIN after_object new ON new.object = compared.object AND new.place = after_place
    WHERE change <> 'equal'
), placed AS (
    SELECT
        *, row_number() OVER () AS number,
        if(id IS NULL, row_number() OVER (PARTITION BY object, customer, plan, id ORDER BY position, change, before_place, after_place), NULL)
            AS place
    FROM known
)
SELECT
    number, object, change, before_place, after_place, by_position, customer,
    CASE object
        WHEN 'billing_address' THEN concat_ws(' ', customer, id)
        WHEN 'shipping_address' THEN concat_ws(' ', customer, id)
        WHEN 'subscription' THEN coalesce(id, concat_ws(' ', customer, plan, place))
        ELSE id
    END AS key,
    -- As the ledger names it.
    CASE object
        WHEN 'billing_address' THEN customer
        WHEN 'shipping_address' THEN customer
        WHEN 'subscription' THEN coalesce(id, customer)
        ELSE id
    END AS ledger_key
FROM placed
