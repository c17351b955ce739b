-- An earlier subscription has this id and says something else.
-- view of: repeat
SELECT record, key AS value, first_record AS related FROM repeat WHERE object = 'subscription' AND NOT equal
