-- The one source that each mapped customer is charged by: one that pays on the day, the default before others, then what pays longest.
-- table of: card, mapped_twice, day
-- Whose card it is cannot be told of what is mapped twice: a person decides it first.
SELECT card.* FROM card ANTI JOIN mapped_twice USING (customer)
QUALIFY row_number() OVER (
    PARTITION BY customer
    ORDER BY
        source_id IS NOT NULL DESC, expires >= (SELECT date_trunc('month', min(day)) FROM day) IS TRUE DESC,
        is_default IS TRUE DESC, expires DESC NULLS LAST, place
) = 1
