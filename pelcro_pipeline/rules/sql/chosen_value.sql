-- The values of repeated customers that a publisher has chosen among those that their lines have, while these are still the same (CUS-CONFLICT).
-- table of: repeated_cell, answer
WITH said AS (
    SELECT question_id('CUS-CONFLICT', attribute, customer) AS question, customer, attribute,
        list_sort(list_distinct(list(same_value(attribute, value)))) AS listed, list(value) AS spelled
    FROM repeated_cell
    WHERE EXISTS (FROM answer WHERE rule = 'CUS-CONFLICT' AND effect = 'value')
    GROUP BY customer, attribute
    HAVING count(DISTINCT value) > 1
)
SELECT question, customer, attribute,
    list_filter(spelled, lambda each: same_value(attribute, each) = same_value(attribute, answer.value))[1] AS value
FROM said
JOIN answer USING (question)
WHERE effect = 'value' AND answer.content IN ('', content_of(listed)) AND list_contains(listed, same_value(attribute, answer.value))
