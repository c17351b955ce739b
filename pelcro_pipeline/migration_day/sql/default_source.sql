-- The one source by which each mapped customer pays: the default, else the one that pays longest, else the first of the map.
-- table of: card
SELECT * FROM card
QUALIFY row_number() OVER (PARTITION BY customer ORDER BY is_default DESC NULLS LAST, expires DESC NULLS LAST, place) = 1
