-- By which source each loaded customer pays, as it is loaded.
-- view of: default_source, customers
SELECT
    "customer.old_provider_id", gateway_customer_id AS "card.gateway_customer_id", source_id AS "card.source_id",
    old_source_id AS "card.old_source_id", kind AS "card.kind", brand AS "card.brand", last4 AS "card.last4",
    exp_month AS "card.exp_month", exp_year AS "card.exp_year", coalesce(is_default, false) AS "card.is_default"
FROM default_source JOIN customers ON "customer.old_provider_id" = customer
