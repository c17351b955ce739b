-- What of persons stands in a text, and where it was delivered; an email address that no column holds is found by its shape.
-- table of: text, own_text, own_phrase, delivered_value
WITH foreign_text AS (
    SELECT DISTINCT text FROM text ANTI JOIN own_text USING (text)
), candidate AS (
    SELECT text, form(text) AS whole, unnest(list_distinct(list_concat(phrases(text), numbers(text)))) AS form FROM foreign_text
), sought AS MATERIALIZED (
    SELECT text, form
    FROM candidate
    LEFT JOIN own_phrase USING (form)
    -- A cell that is a name is one, be it a word of every day; within a sentence such a word is the sentence's.
    WHERE tells(form) AND (form = whole OR own_phrase.form IS NULL)
), met AS (
    SELECT form, attribute, kind, min(said) AS said
    FROM delivered_value
    SEMI JOIN (SELECT DISTINCT form FROM sought) AS asked USING (form)
    GROUP BY ALL
), named AS (
    SELECT form, min({'kind': kind, 'said': said, 'attribute': attribute}) AS value FROM met GROUP BY form
)
SELECT text, form, value.kind AS kind, value.said AS said, value.attribute AS attribute FROM sought JOIN named USING (form)
UNION ALL
SELECT text, form(said), 'email', said, NULL
FROM (SELECT text, unnest(list_distinct(regexp_extract_all(text, '[^\s@,;:<>()"'']+@[^\s@,;:<>()"'']+\.[\pL\pN]+'))) AS said FROM foreign_text)
