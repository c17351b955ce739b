-- What a site has otherwise than was prepared, by object and attribute.
-- table of: wanted, standing, journaled, located, unmarked, difference, stray, foreign_holder, foreign_invoice, found_customer, found_subscription, wanted_customer
WITH named AS (
    SELECT kind, mark, key FROM wanted
), told AS (
    SELECT wanted.kind, wanted.mark, NULL AS attribute, 'missing' AS what, NULL AS wanted, NULL AS found, journaled.id
    FROM wanted JOIN standing USING (mark) LEFT JOIN journaled USING (mark) ANTI JOIN located ON located.mark = wanted.mark
    WHERE state = 'done' OR standing IN ('unchanged', 'created', 'updated')
    UNION ALL
    SELECT any_value(located.kind), mark, NULL, 'doubled', NULL, string_agg(id, ' and ' ORDER BY id), min(id)
    FROM located SEMI JOIN wanted USING (mark) GROUP BY mark HAVING count(*) > 1
    UNION ALL
    -- Where the mark is an attribute, it is told as such.
    SELECT kind, mark, attribute, 'differing', mark, found, id FROM unmarked SEMI JOIN wanted USING (mark) WHERE attribute IS NOT NULL
    UNION ALL
    SELECT
        difference.kind, difference.mark, attribute, 'differing',
        coalesce(meant.key, difference.wanted), coalesce(stands.key, difference.found), difference.id
    FROM difference
    LEFT JOIN named AS meant ON meant.mark = difference.wanted
    LEFT JOIN named AS stands ON stands.mark = difference.found
    LEFT JOIN journaled ON journaled.mark = difference.mark
    -- A start that was still to come was not sent.
    WHERE NOT coalesce(attribute = 'subscription.start_date' AND try_cast(difference.wanted AS DATE) > day_of(sent_at::BIGINT), false)
    UNION ALL
    -- All that were sent were active.
    SELECT 'subscription', mark, 'subscription.state', 'differing', 'active', status, id
    FROM found_subscription SEMI JOIN wanted USING (mark) WHERE status <> 'active'
    UNION ALL
    -- Which password it is nobody can read; one that was sent is there.
    SELECT 'customer', mark, 'customer.password', 'differing', 'set', 'not set', found.id
    FROM found_customer AS found JOIN wanted_customer USING (mark) JOIN journaled USING (mark)
    WHERE is_made AND body ->> '$.password' IS NOT NULL AND NOT has_password
    UNION ALL
    SELECT 'customer', mark, attribute, 'of others', NULL, value, id FROM foreign_holder WHERE attribute LIKE 'customer.%'
    UNION ALL
    SELECT 'subscription', mark, attribute, 'of others', NULL, value, id FROM foreign_holder WHERE attribute LIKE 'subscription.%'
    UNION ALL
    SELECT 'subscription', mark, 'latest_invoice', 'invoiced', NULL, invoice::VARCHAR, id FROM foreign_invoice SEMI JOIN wanted USING (mark)
    UNION ALL
    SELECT kind, mark, NULL, 'not settled', NULL, NULL, NULL FROM standing WHERE standing = 'unknown'
)
SELECT told.kind AS object, key, attribute, what, wanted, found, id FROM told JOIN named USING (kind, mark)
UNION ALL
SELECT kind, coalesce(name, mark), NULL, 'without a record', NULL, NULL, id FROM stray
