-- The rows of the report: one for each object that is new or vanished, and for each cell that has changed.
-- view of: difference, changed_cell, attention
WITH sentence AS (
    SELECT number, attribute, string_agg(sentence, ' ' ORDER BY sentence) AS sentence FROM attention GROUP BY ALL
)
SELECT
    object, key, change, changed_cell.attribute, before, after,
    nullif(concat_ws(' ', of_cell.sentence, of_object.sentence), '') AS needs_a_person
FROM difference
LEFT JOIN changed_cell USING (number)
LEFT JOIN sentence of_cell ON of_cell.number = difference.number AND of_cell.attribute = changed_cell.attribute
LEFT JOIN sentence of_object ON of_object.number = difference.number AND of_object.attribute IS NULL
