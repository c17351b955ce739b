-- What no id pairs, of both extracts.
-- table of: before_object, after_object, same_id
SELECT true AS is_before, before_object.*
FROM before_object SEMI JOIN (FROM same_id WHERE after_place IS NULL) alone
    ON before_object.object = alone.object AND place = before_place
UNION ALL
SELECT false, after_object.*
FROM after_object SEMI JOIN (FROM same_id WHERE before_place IS NULL) alone
    ON after_object.object = alone.object AND place = after_place
