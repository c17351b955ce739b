-- How many objects need a person, by kind.
-- view of: object_rank, difference, attention
SELECT kind, title AS object, count(DISTINCT number) AS objects
FROM attention JOIN difference USING (number) JOIN object_rank USING (object)
GROUP BY kind, title, rank ORDER BY objects DESC, kind, rank
