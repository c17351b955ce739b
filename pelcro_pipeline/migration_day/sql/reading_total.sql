-- The invoices of the day by both readings: what is charged at once, sent, due the day after, and written off within the 90 days.
-- table of: invoice
SELECT
    day, reading, is_chosen, currency, count(*) AS invoices, sum(amount) AS invoiced,
    coalesce(sum(amount) FILTER (is_charge_attempted), 0) AS charged,
    coalesce(sum(amount) FILTER (NOT is_charge_attempted), 0) AS sent,
    coalesce(sum(amount) FILTER (due_on IS NOT NULL), 0) AS due,
    coalesce(sum(amount) FILTER (uncollectible_on <= day + 90), 0) AS written_off
FROM invoice
GROUP BY ALL
