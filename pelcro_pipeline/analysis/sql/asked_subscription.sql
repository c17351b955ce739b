-- The subscriptions that hang on each question: the object itself, those of its customer, its plan or its product's plans.
-- table of: asked_object, received_subscription, customer, billing_address, shipping_address, plan, product
SELECT question, record FROM asked_object WHERE object = 'subscription'
UNION
SELECT question, subscription.record
FROM asked_object
JOIN (
    SELECT record, 'customer' AS object, customer FROM customer
    UNION ALL
    SELECT record, 'billing_address', customer FROM billing_address
    UNION ALL
    SELECT record, 'shipping_address', customer FROM shipping_address
) AS owner USING (record, object)
JOIN received_subscription AS subscription USING (customer)
UNION
SELECT question, subscription.record
FROM asked_object
JOIN plan USING (record)
JOIN received_subscription AS subscription ON subscription.temporary_plan_id = plan.old_id
WHERE asked_object.object = 'plan'
UNION
SELECT question, subscription.record
FROM asked_object
JOIN product USING (record)
JOIN plan ON plan.temporary_product_id = product.id
JOIN received_subscription AS subscription ON subscription.temporary_plan_id = plan.old_id
WHERE asked_object.object = 'product'
