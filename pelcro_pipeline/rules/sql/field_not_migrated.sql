-- The same, kept as it is before relations are judged.
-- table of: not_migrated
SELECT record, object FROM not_migrated
