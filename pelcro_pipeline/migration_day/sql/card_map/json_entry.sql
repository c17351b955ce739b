-- Each card of the customers of a JSON map, numbered through the file, and each customer without any.
-- view of: json_customer
WITH customer AS (
    SELECT place, unnest(map_entries(json_transform(text, '"MAP(VARCHAR, STRUCT(id VARCHAR, cards JSON))"'))) AS entry
    FROM json_customer
), with_cards AS (
    SELECT place, entry.key AS customer, entry.value.id AS gateway_customer_id,
        coalesce(entry.value.cards::VARCHAR, '{}') IN ('{}', '[]', 'null') AS has_none,
        json_transform(entry.value.cards, '"MAP(VARCHAR, STRUCT(id VARCHAR, fingerprint VARCHAR, last4 VARCHAR, exp_month VARCHAR, exp_year VARCHAR, brand VARCHAR, is_default VARCHAR))"') AS cards
    FROM customer
), card AS (
    SELECT customer, gateway_customer_id, has_none, cards,
        unnest(CASE WHEN cards IS NULL OR cardinality(cards) = 0 THEN [NULL] ELSE map_entries(cards) END) AS card
    FROM with_cards
)
SELECT row_number() OVER () AS place, trim_to_null(customer) AS customer, trim_to_null(gateway_customer_id) AS gateway_customer_id,
    card IS NOT NULL AS of_source, card.value.id AS source_id, card.key AS old_source_id,
    if(starts_with(card.value.id, 'ba_'), 'bank_account', 'card') AS kind,
    card.value.fingerprint AS fingerprint, card.value.brand AS brand, card.value.last4 AS last4,
    card.value.exp_month AS exp_month, card.value.exp_year AS exp_year, card.value.is_default AS is_default,
    CASE WHEN cards IS NULL AND NOT has_none THEN 'its cards are no object that names each of them once' END AS unreadable
FROM card
