-- The kick-off's questions, answered from what is staged: customers and subscriptions, with the money of the plans by currency.
-- table of: scope_measure, customers, staged_subscription
WITH kind AS (
    SELECT "customer.email" IS NOT NULL AS has_email, "customer.old_provider_id" LIKE 'gen-%' AS is_assigned,
        subscribed.customer IS NOT NULL AS is_subscribed, count(*) AS customers
    FROM customers
    LEFT JOIN (SELECT DISTINCT customer FROM staged_subscription) AS subscribed ON subscribed.customer = "customer.old_provider_id"
    GROUP BY ALL
), customer AS (
    SELECT unnest([
            {question: 1, value: 'Customers', holds: true},
            {question: 1, value: 'Authenticated users: customers with an email address', holds: has_email},
            {question: 1, value: 'Customers without an email address, who cannot log in', holds: NOT has_email},
            {question: 1, value: 'Customers with an assigned id, who cannot be in the card dump', holds: is_assigned},
            {question: 1, value: 'Customers with a subscription', holds: is_subscribed}
        ], recursive := true), customers
    FROM kind
), priced AS (
    SELECT question, breakdown, value, currency, sum(subscriptions) FILTER (holds) AS counted, sum(amount) FILTER (holds) AS amount
    FROM scope_measure
    GROUP BY ALL
)
SELECT question, '' AS breakdown, value, coalesce(sum(customers) FILTER (holds), 0)::BIGINT AS count,
    []::STRUCT(currency VARCHAR, amount BIGINT)[] AS money
FROM customer
GROUP BY ALL
UNION ALL
SELECT question, breakdown, value, coalesce(sum(counted), 0)::BIGINT,
    coalesce(list({currency: currency, amount: amount::BIGINT} ORDER BY currency) FILTER (counted > 0), [])
FROM priced
GROUP BY question, breakdown, value
HAVING breakdown = '' OR sum(counted) > 0
ORDER BY question, breakdown, count DESC, value
