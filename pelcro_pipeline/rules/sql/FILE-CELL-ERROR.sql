-- A cell of a workbook that holds an error, or a formula without its result, and being empty breaks no rule of its own.
-- table of: cell_error, violation, excluded
SELECT record, object, attribute, value
FROM cell_error
ANTI JOIN violation USING (record, object, attribute)
ANTI JOIN (SELECT record, 'subscription' AS object FROM excluded) AS stays USING (record, object)
