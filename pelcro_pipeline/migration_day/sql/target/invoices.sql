-- The invoices of unpaid subscriptions, as they are loaded.
-- view of: invoice
SELECT
    record, customer AS "customer.old_provider_id", old_id AS "subscription.common_metadata.old_id",
    amount AS "invoice.amount", currency AS "invoice.currency", collection_method AS "invoice.collection_method",
    due_on AS "invoice.due_date", 'open' AS "invoice.status", unpaid_case AS "invoice.case", reading AS "invoice.reading",
    is_charge_attempted AS "invoice.is_charge_attempted", uncollectible_on AS "invoice.uncollectible_on"
FROM invoice
WHERE is_chosen
