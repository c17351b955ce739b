-- The entries of a map with their types, and what is wrong with one that maps nothing.
-- table of: card_entry
WITH typed AS (
    SELECT * EXCLUDE (last4, exp_month, exp_year, is_default),
        CASE WHEN regexp_full_match(last4, '\d{1,4}') THEN lpad(last4, 4, '0') END AS last4,
        exp_month IS NOT NULL OR exp_year IS NOT NULL AS has_expiry,
        try_cast(exp_month AS TINYINT) AS exp_month,
        try_cast(exp_year AS SMALLINT) AS given_year,
        CASE WHEN is_default IS NOT NULL THEN lower(is_default) IN ('true', 't', 'yes', 'y', '1') END AS is_default
    FROM card_entry
)
SELECT * EXCLUDE (unreadable, has_expiry, given_year),
    -- Two digits are of this century: no card of the last one is carried over.
    (if(given_year BETWEEN 0 AND 99, 2000, 0) + given_year)::SMALLINT AS exp_year,
    CASE WHEN customer IS NULL THEN coalesce(unreadable, 'no old customer id')
        WHEN contains(customer, '+') AND lost_digits(customer) THEN 'a spreadsheet has cut the digits of the old customer id'
        WHEN gateway_customer_id IS NULL OR regexp_matches(gateway_customer_id, '[^0-9A-Za-z_-]') THEN 'no customer id of the processor'
        WHEN unreadable IS NOT NULL THEN unreadable
        WHEN of_source AND (source_id IS NULL OR regexp_matches(source_id, '[^0-9A-Za-z_-]')) THEN 'no source id of the processor'
        WHEN kind = 'card' AND has_expiry AND (exp_month BETWEEN 1 AND 12) IS NOT TRUE THEN 'no month from 1 to 12'
        WHEN kind = 'card' AND has_expiry AND (exp_year BETWEEN 2000 AND 2099) IS NOT TRUE THEN 'no year from 2000 to 2099'
    END AS problem
FROM typed
