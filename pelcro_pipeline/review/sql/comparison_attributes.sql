-- How many objects have changed in each attribute.
-- view of: object_rank, difference, changed_cell
SELECT title AS object, attribute, count(*) AS changed
FROM changed_cell JOIN difference USING (number) JOIN object_rank USING (object)
GROUP BY title, rank, attribute ORDER BY rank, changed DESC, attribute
