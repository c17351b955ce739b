-- How many of each object the two extracts hold, and how many are equal, new, changed and vanished.
-- view of: object_rank, compared
SELECT
    title AS object, count(before_place) AS before, count(after_place) AS after,
    count(*) FILTER (change = 'equal') AS equal, count(*) FILTER (change = 'new') AS new,
    count(*) FILTER (change = 'changed') AS changed, count(*) FILTER (change = 'vanished') AS vanished
FROM object_rank LEFT JOIN compared USING (object)
GROUP BY title, rank ORDER BY rank
