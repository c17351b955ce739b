-- The entries of a map with their types, and what is wrong with one that maps nothing.
-- table of: card_entry
WITH typed AS (
    SELECT * EXCLUDE (last4, exp_month, exp_year, is_default),
        CASE WHEN regexp_full_match(last4, '\d{1,4}') THEN lpad(last4, 4, '0') END AS last4,
        exp_month IS NOT NULL OR exp_year IS NOT NULL AS has_expiry,
        try_cast(regexp_extract(exp_month, '^(\d{1,2})(?:\.0)?$', 1) AS TINYINT) AS exp_month,
        -- Two digits are of this century: no card of the last one is carried over.
        try_cast(regexp_extract(exp_year, '^(?:20)?(\d\d)(?:\.0)?$', 1) AS SMALLINT) + 2000::SMALLINT AS exp_year,
        CASE WHEN lower(is_default) IN ('true', 't', 'yes', 'y', '1') THEN true
            WHEN lower(is_default) IN ('false', 'f', 'no', 'n', '0') THEN false END AS is_default
    FROM card_entry
)
SELECT * EXCLUDE (unreadable, has_expiry),
    CASE WHEN unreadable IS NOT NULL THEN unreadable
        WHEN customer IS NULL THEN 'no old customer id'
        WHEN lost_digits(customer) THEN 'a spreadsheet has cut the digits of the old customer id'
        WHEN regexp_full_match(gateway_customer_id, '[0-9A-Za-z_-]{1,255}') IS NOT TRUE THEN 'no customer id of the processor'
        WHEN of_source AND regexp_full_match(source_id, '[0-9A-Za-z_-]{1,255}') IS NOT TRUE THEN 'no source id of the processor'
        WHEN kind = 'card' AND has_expiry AND (exp_month BETWEEN 1 AND 12) IS NOT TRUE THEN 'no month from 1 to 12'
        WHEN kind = 'card' AND has_expiry AND exp_year IS NULL THEN 'no year from 2000 to 2099'
    END AS problem
FROM typed
