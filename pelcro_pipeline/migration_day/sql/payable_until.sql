-- The last month, by its first day, in which a source of the customer's pays: a card expires, a bank account does not.
-- table of: card, mapped_twice
-- Whose card it is cannot be told of what is mapped twice: nobody is charged by it.
SELECT customer, max(expires) AS payable_until
FROM card
ANTI JOIN mapped_twice USING (customer)
WHERE source_id IS NOT NULL AND expires IS NOT NULL
GROUP BY customer
