-- What of persons stands in a text, and where it was delivered; an email address that no column holds is found by its shape.
-- table of: text, own_text, sought, delivered_form
SELECT text, form, value.kind AS kind, value.said AS said, value.attribute AS attribute
FROM sought
JOIN (
    SELECT form, min({'kind': kind, 'said': said, 'attribute': attribute}) AS value FROM delivered_form GROUP BY form
) AS named USING (form)
UNION ALL
SELECT text, form(said), 'email', said, NULL
FROM (
    SELECT text, unnest(list_distinct(regexp_extract_all(text, '[^\s\x1e@,;:<>()"'']+@[^\s\x1e@,;:<>()"'']+\.[\pL\pN]+'))) AS said
    FROM (SELECT DISTINCT text FROM text ANTI JOIN own_text USING (text))
)
