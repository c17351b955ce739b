-- How many subscriptions and customers are of each class on each day, in the order in which the first that holds is theirs.
-- table of: card_class, day
WITH class(ordinal, class, sentence) AS (
    VALUES
        (1, 'mapped_twice', 'The map ties the customer to several at the processor, or another customer to the same one.'),
        (2, 'missing', 'The map has no card or account of the customer.'),
        (3, 'several', 'Several cards or accounts may be charged, and none is told to be the default.'),
        (4, 'expiry_not_told', 'The map does not tell until when the card is valid.'),
        (5, 'expired', 'The card is not valid on the migration day any more.'),
        (6, 'expires_before_renewal', 'The card is valid on the migration day, and on the first renewal no more.'),
        (7, 'fine', 'The card, or the account, can be charged on the first renewal.')
)
SELECT day, ordinal, class, sentence, count(record) AS subscriptions, count(DISTINCT customer) AS customers
FROM class
CROSS JOIN day
LEFT JOIN card_class USING (class, day)
GROUP BY ALL
ORDER BY day, ordinal
