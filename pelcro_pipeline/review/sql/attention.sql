-- What of the differences needs a person, and why: of an object, or of one of its attributes.
-- table of: difference, not_prepared_there, changed_cell, after_object, before_customer, after_customer, before_plan, after_plan
WITH always(attribute, kind, sentence) AS (VALUES
    ('subscription.current_period_end', 'period end moved', 'Paid until another day than before: the next charge falls on that one.'),
    ('subscription.cancel_at_period_end', 'renewal changed', 'Whether it renews has changed: who has cancelled must not be charged again.'),
    ('subscription.collection_method', 'collection method changed', 'Paid in another way than before: by card or by invoice.'),
    ('subscription.common_metadata.service_status', 'payment status changed', 'Paid or fallen unpaid since: what is unpaid is charged on the day of the migration.'),
    ('plan.amount', 'price changed', 'Its price has changed: every subscription to it is charged the new one.'),
    ('plan.currency', 'price changed', 'Its currency has changed: every subscription to it is charged in the new one.'),
    ('plan.interval', 'price changed', 'Its price is for another time than before.'),
    ('plan.interval_count', 'price changed', 'Its price is for another time than before.')
), subscribed AS (
    SELECT DISTINCT customer FROM after_object WHERE object = 'subscription'
)
SELECT number, attribute, kind, sentence FROM changed_cell JOIN always USING (attribute)
UNION ALL
SELECT number, attribute, 'price changed', 'On a plan of another price than before.'
FROM changed_cell
JOIN before_plan old ON old."plan.old_id" = changed_cell.before JOIN after_plan new ON new."plan.old_id" = changed_cell.after
WHERE attribute = 'subscription.common_metadata.temporary_plan_id'
    AND (old."plan.amount", old."plan.currency") IS DISTINCT FROM (new."plan.amount", new."plan.currency")
UNION ALL
SELECT number, attribute, 'email of a login changed', 'The reader logs in by this email: ask which of the two.'
FROM changed_cell JOIN difference USING (number)
JOIN before_customer old ON old.place = before_place JOIN after_customer new ON new.place = after_place
WHERE attribute = 'customer.email' AND coalesce(old."customer.password", new."customer.password") IS NOT NULL
UNION ALL
SELECT
    number, NULL, if(told.rule = 'SUB-NOT-MIGRATED', 'cancelled since', told.disposition || ' now'),
    if(told.rule = 'SUB-NOT-MIGRATED', 'Cancelled or expired since', if(told.disposition = 'rejected', 'Rejected now', 'Excluded now'))
        || ' by ' || told.rule || coalesce(' (' || told.detail || ')', '') || ': it was prepared before.'
FROM difference JOIN not_prepared_there USING (number) WHERE change = 'vanished'
UNION ALL
SELECT number, NULL, 'not delivered any more', 'Not delivered any more: ask what has become of it.'
FROM difference ANTI JOIN not_prepared_there USING (number)
WHERE change = 'vanished' AND object NOT IN ('billing_address', 'shipping_address')
UNION ALL
-- A new reader with a subscription is one sign-up: it is told of the subscription.
SELECT
    number, NULL, if(told IS NULL, 'signed up since', 'prepared only now'),
    if(told IS NULL, 'Signed up since.', 'Prepared only now: ' || told.disposition || ' before by ' || told.rule || '.')
FROM difference LEFT JOIN not_prepared_there USING (number)
WHERE change = 'new' AND (object = 'subscription' OR object = 'customer' AND customer NOT IN (FROM subscribed))
UNION ALL
SELECT
    number, NULL, 'paired by position',
    'Paired by its position among several of this customer: no id says which is which.'
FROM difference WHERE by_position
