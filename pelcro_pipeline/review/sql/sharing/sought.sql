-- What every text is searched for: each run of its words, and its numbers; of what we and the publisher say ourselves nothing.
-- table of: text, own_text, own_phrase
WITH candidate AS (
    SELECT text, if(len(words(text)) <= 8, form(text), NULL) AS whole, unnest(list_distinct(list_concat(phrases(text), numbers(text)))) AS form
    FROM (SELECT DISTINCT text FROM text ANTI JOIN own_text USING (text))
)
SELECT text, form
FROM candidate
LEFT JOIN own_phrase USING (form)
-- A cell that is a name is one, be it a word of every day; within a sentence such a word is the sentence's.
WHERE tells(form) AND (form = whole OR own_phrase.form IS NULL)
