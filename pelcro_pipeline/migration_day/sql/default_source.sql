-- The one source by which each mapped customer pays: the default, else the one that pays longest, else the first of the map.
-- table of: card, mapped_twice
-- Whose card it is cannot be told of what is mapped twice: a person decides it first.
SELECT card.* FROM card ANTI JOIN mapped_twice USING (customer)
QUALIFY row_number() OVER (
    PARTITION BY customer
    ORDER BY source_id IS NOT NULL DESC, is_default IS TRUE DESC, expires DESC NULLS LAST, place
) = 1
