-- The records of questions that an answer may settle, and those that they name beside.
-- table of: violation, answer
SELECT record FROM violation WHERE severity = 'question' AND rule IN (SELECT rule FROM answer)
UNION
SELECT related FROM violation WHERE severity = 'question' AND rule IN (SELECT rule FROM answer) AND related IS NOT NULL
