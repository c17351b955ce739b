-- Each card of the customers of a JSON map, numbered through the file, and each customer without any.
-- view of: json_customer
WITH customer AS (
    SELECT text, unnest(map_entries(coalesce(
        json_transform(text, '"MAP(VARCHAR, STRUCT(id VARCHAR, cards MAP(VARCHAR, STRUCT(id VARCHAR, fingerprint VARCHAR, last4 VARCHAR, exp_month VARCHAR, exp_year VARCHAR, brand VARCHAR, is_default VARCHAR))))"'),
        -- An empty list of cards is how some programs write an empty object.
        json_transform(text, '"MAP(VARCHAR, STRUCT(id VARCHAR))"')))) AS entry
    FROM json_customer
), card AS (
    SELECT text, entry.key AS customer, entry.value.id AS gateway_customer_id, entry.value.cards AS cards,
        unnest(CASE WHEN cardinality(entry.value.cards) > 0 THEN map_entries(entry.value.cards) ELSE [NULL] END) AS card
    FROM customer
)
SELECT row_number() OVER () AS place, trim_to_null(customer) AS customer, gateway_customer_id,
    card IS NOT NULL AS of_source, card.value.id AS source_id, card.key AS old_source_id,
    CASE WHEN card IS NOT NULL THEN if(starts_with(card.value.id, 'ba_'), 'bank_account', 'card') END AS kind,
    card.value.fingerprint AS fingerprint, card.value.brand AS brand, card.value.last4 AS last4,
    card.value.exp_month AS exp_month, card.value.exp_year AS exp_year, card.value.is_default AS is_default,
    CASE WHEN cards IS NULL AND coalesce(json_extract(text, '$.*.cards')[1]::VARCHAR, '[]') NOT IN ('[]', 'null')
        THEN 'its cards are no object that names each of them once' END AS unreadable
FROM card
