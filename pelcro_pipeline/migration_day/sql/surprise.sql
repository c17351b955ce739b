-- What a publisher would not expect of the day and of the 90 days after it: each with the subscription, the date and the money.
-- table of: migrating_subscription, subscription_state, event, payable_until, customers
WITH usual AS (
    SELECT plan, median(renewal_amount) AS usual FROM migrating_subscription GROUP BY plan
), billed AS (
    -- Once for each subscription: what it is billed first.
    SELECT record, day, min(date) AS date, arg_min(amount, date) AS amount FROM event WHERE what = 'invoice' GROUP BY record, day
), told AS (
    SELECT record, day, 'charged on the first day' AS surprise, date, amount FROM event WHERE what = 'charge' AND date = day
    UNION ALL
    -- What is owed, and the renewal that falls on the same day.
    SELECT record, day, 'charged twice on one day', date, sum(amount) FROM event
    WHERE what = 'charge'
    GROUP BY record, day, date
    HAVING count(*) > 1
    UNION ALL
    SELECT record, day, 'renews within three days', min(date), any_value(amount) FROM event
    WHERE what = 'renewal' AND date <= day + 3
    GROUP BY record, day
    UNION ALL
    SELECT record, day, 'billed far from what is usual of its plan', date, billed.amount
    FROM billed
    JOIN migrating_subscription USING (record)
    JOIN usual USING (plan)
    WHERE billed.amount > 2 * usual OR 2 * billed.amount < usual
    UNION ALL
    SELECT record, day, 'invoiced without an email address', date, billed.amount
    FROM billed
    JOIN migrating_subscription AS subscription USING (record)
    JOIN subscription_state USING (record, day)
    ANTI JOIN (FROM customers WHERE "customer.email" IS NOT NULL) AS reached ON "customer.old_provider_id" = customer
    WHERE collection_method = 'send_invoice'
    UNION ALL
    SELECT record, day, 'invoiced, for want of a card that pays', date, billed.amount
    FROM billed
    JOIN migrating_subscription AS subscription USING (record)
    ANTI JOIN (FROM event WHERE what = 'charge') AS charge USING (record, day, date)
    WHERE given_collection_method = 'charge_automatically' AND (SELECT count(*) FROM payable_until) > 0
    UNION ALL
    SELECT record, day, 'a gift whose donor renews, and its recipient ends', period_end, 0
    FROM subscription_state
    JOIN migrating_subscription USING (record)
    WHERE is_donor AND renews
    UNION ALL
    SELECT record, day, 'a member is invoiced beside the admin of its group', day, amount
    FROM subscription_state
    JOIN migrating_subscription USING (record)
    WHERE type = 'member' AND unpaid_case IS NOT NULL
    UNION ALL
    SELECT record, day, 'owed more issues than its plan ships until its period ends', period_end, 0
    FROM subscription_state AS state
    JOIN migrating_subscription USING (record)
    WHERE state IN ('active', 'scheduled') AND NOT renews AND shipments_per_interval > 0
        -- Whole intervals until then, and the one that has begun.
        AND shipments_remaining > shipments_per_interval
            * (if(is_in_days, period_end - day, datediff('month', day, period_end)) // interval_length + 1)
)
SELECT told.*, currency, customer, old_id, plan
FROM told
JOIN migrating_subscription USING (record)
