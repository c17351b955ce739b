-- The last month, by its first day, in which the source that a customer is charged by pays: a card expires, a bank account does not.
-- table of: default_source
SELECT customer, expires AS payable_until FROM default_source WHERE source_id IS NOT NULL AND expires IS NOT NULL
