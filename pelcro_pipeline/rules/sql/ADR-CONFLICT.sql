-- The address that this one gives way to says something else.
-- view of: address_repeat, not_migrated
SELECT record, object, 'address.' || replace(object, '_address', '') AS attribute, first_record AS related
FROM address_repeat
ANTI JOIN not_migrated USING (record, object)
WHERE conflict = 'ADR-CONFLICT' AND NOT equal
