-- The rows of a site that are ours and of no object that was prepared: by their mark, or by what the journal knows.
-- table of: located, wanted, journaled
SELECT located.* FROM located ANTI JOIN wanted USING (mark) LEFT JOIN journaled USING (mark)
WHERE journaled.mark IS NOT NULL
    OR located.kind IN ('customer', 'subscription', 'invoice') AND located.mark IS NOT NULL
    OR located.kind IN ('address', 'membership') AND regexp_full_match(located.mark, '[0-9a-f]{26}')
