-- The last month, by its first day, in which a source of the customer's pays: a card expires, a bank account does not.
-- table of: card
SELECT customer, max(expires) AS payable_until FROM card GROUP BY customer
