-- An earlier subscription of the customer would be loaded the same: of unpaid ones the later is not, where its id does not tell it apart.
-- view of: same_subscription
SELECT record, old_id AS value, first_record AS related,
    if(status = 'unpaid' AND coalesce(fold_key(old_id) = fold_key(first_old_id), true), 'reject', 'question') AS severity
FROM same_subscription
