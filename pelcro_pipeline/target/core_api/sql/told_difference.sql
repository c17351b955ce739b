-- What the site has otherwise, as people read it: what an object refers to by its key.
-- view of: open_difference, plan
SELECT
    changed.kind, changed.mark, if(attribute LIKE 'address.%', 'address.' || replace(plan.object, '_address', '_') || substr(attribute, 9), attribute) AS attribute,
    coalesce(standing.kind || ' ' || standing.key, found) AS before, coalesce(meant.kind || ' ' || meant.key, wanted) AS after
FROM open_difference AS changed
JOIN plan USING (mark)
LEFT JOIN plan AS standing ON standing.mark = found
LEFT JOIN plan AS meant ON meant.mark = wanted
