-- The objects of both extracts, paired where they have one id: what is alone with its id, or has none, stands alone.
-- table of: before_object, after_object
SELECT
    object, before_object.place AS before_place, after_object.place AS after_place,
    before_object.content = after_object.content AS is_equal
FROM before_object FULL JOIN after_object USING (object, scope, id)
