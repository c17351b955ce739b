-- What happens on each day, in each currency: how many renew and end, what is invoiced, charged, due and written off.
-- table of: event, day
WITH calendar AS (
    SELECT day, currency, day + days::INTEGER AS date
    FROM day CROSS JOIN (SELECT DISTINCT currency FROM event) CROSS JOIN range(91) AS after(days)
)
SELECT
    calendar.day, calendar.date, calendar.currency,
    count(*) FILTER (what = 'renewal') AS renewals, count(*) FILTER (what = 'expiry') AS expiries,
    count(*) FILTER (what = 'invoice') AS invoices, coalesce(sum(amount) FILTER (what = 'invoice'), 0) AS invoiced,
    count(*) FILTER (what = 'charge') AS charges, coalesce(sum(amount) FILTER (what = 'charge'), 0) AS charged,
    count(*) FILTER (what = 'due') AS due_invoices, coalesce(sum(amount) FILTER (what = 'due'), 0) AS due,
    count(*) FILTER (what = 'write_off') AS write_offs, coalesce(sum(amount) FILTER (what = 'write_off'), 0) AS written_off
FROM calendar
LEFT JOIN event USING (day, date, currency)
GROUP BY ALL
