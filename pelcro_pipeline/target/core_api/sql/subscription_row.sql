-- The subscriptions that a site is to hold, as migration day leaves them; one that lacks its card is sent invoices until it comes.
-- table of: subscriptions, subscription_states, subscription_identity, subscription_address, source_row, load_terms
WITH paid AS (
    SELECT
        subscription_states.record, "subscription.state" AS state, "subscription.current_period_end" AS period_end, "card.source_id" AS card,
        "subscription.collection_method" AS told_method,
        if("card.source_id" IS NULL, 'send_invoice', "subscription.collection_method") AS collection_method
    FROM subscription_states LEFT JOIN source_row AS card USING ("customer.old_provider_id")
)
SELECT
    identity, key,
    concat_ws(', ', "subscription.common_metadata.service_status", "subscription.type", collection_method,
        if("subscription.common_metadata.is_gift_donor", 'gift donor', NULL),
        if("subscription.common_metadata.is_gift_recipient", 'gift recipient', NULL)) AS scenario,
    mark('customer', ["customer.old_provider_id"]) AS customer_mark,
    mark('plan', ["subscription.common_metadata.temporary_plan_id"]) AS plan_mark,
    address_mark,
    if(collection_method = 'charge_automatically', mark('source', [card]), NULL) AS source_mark,
    if("subscription.common_metadata.is_gift_recipient",
        mark('subscription', ["subscription.common_metadata.gift_donor_subscription_id"]), NULL) AS donor_mark,
    state, told_method <> collection_method AS lacks_card,
    -- A start that is still to come would take the reader's access away until then.
    if("subscription.start_date" <= load_day, "subscription.start_date", NULL) AS past_start_date,
    subscriptions.* REPLACE (
        period_end AS "subscription.current_period_end", collection_method AS "subscription.collection_method"
    )
FROM subscriptions
JOIN subscription_identity USING (record)
JOIN paid USING (record)
LEFT JOIN subscription_address USING (record)
CROSS JOIN load_terms
WHERE "subscription.type" IS DISTINCT FROM 'member'
