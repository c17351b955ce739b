-- An earlier product has this id and says something else.
-- view of: repeat
SELECT record, key AS value, first_record AS related FROM repeat WHERE object = 'product' AND NOT equal
