-- An earlier record of the customer holds the same subscription without an id; an unpaid one would be charged twice.
-- view of: same_subscription
SELECT record, first_record AS related, if(status = 'unpaid', 'reject', 'question') AS severity FROM same_subscription
