-- Addresses that their own record does not reject.
-- view of: address, field_not_migrated
SELECT address.* FROM address ANTI JOIN field_not_migrated USING (record, object)
