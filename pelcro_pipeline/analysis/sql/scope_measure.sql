-- What the kick-off asks of subscriptions, counted once for all that are alike and then by each measure: a million are some hundred kinds.
-- table of: staged_subscription
WITH kind AS (
    SELECT plan, plan_name, product_name, type, status, collection_method, currency, cancels, is_gift_donor, is_gift_recipient,
        is_expired, is_billed_somewhere, count(*) AS subscriptions, sum(amount)::BIGINT AS amount
    FROM staged_subscription
    GROUP BY ALL
)
SELECT unnest([
        {question: 2, breakdown: '', value: 'Active subscriptions', holds: status = 'active'},
        {question: 3, breakdown: 'plan', value: plan_name || ' (' || plan || ')', holds: true},
        {question: 3, breakdown: 'product', value: product_name, holds: true},
        {question: 3, breakdown: 'type', value: type, holds: true},
        {question: 3, breakdown: 'status', value: status, holds: true},
        {question: 3, breakdown: 'collection method', value: collection_method, holds: true},
        {question: 3, breakdown: 'currency', value: currency, holds: true},
        {question: 4, breakdown: '', value: 'On auto-renew', holds: NOT cancels},
        {question: 5, breakdown: '', value: 'Set to cancel at period end', holds: cancels},
        {question: 6, breakdown: '', value: 'Gift donors, each a pair with one recipient (the relation is priced separately)', holds: coalesce(is_gift_donor, false)},
        {question: 6, breakdown: '', value: 'Gift recipients', holds: coalesce(is_gift_recipient, false)},
        {question: 7, breakdown: '', value: 'Membership admins, one a group', holds: type = 'admin'},
        {question: 7, breakdown: '', value: 'Membership members', holds: type = 'member'},
        {question: 9, breakdown: '', value: 'Unpaid subscriptions, charged or invoiced on the day', holds: status = 'unpaid' AND NOT coalesce(is_expired, false)},
        {question: 9, breakdown: 'collection method', value: collection_method, holds: status = 'unpaid' AND NOT coalesce(is_expired, false)},
        {question: 10, breakdown: '', value: 'Subscriptions of customers without a billing address', holds: NOT is_billed_somewhere}
    ], recursive := true), currency, subscriptions, amount
FROM kind
