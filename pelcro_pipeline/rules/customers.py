"""Customers: what the records of one id, and ids among each other, must hold to."""

from pelcro_pipeline.rules.query import Query
from pelcro_pipeline.spec.model import Severity

_IMPORT_ONLY = "customer.common_metadata.import_only_the_customer"
_ORIGINAL_ID = "customer.common_metadata.original_old_provider_id"


def _shared(attribute: str, compared: str) -> str:
    return f"""
        WITH shared AS (
            SELECT {compared} AS held FROM customer_in_use WHERE "{attribute}" IS NOT NULL
            GROUP BY held HAVING count(*) > 1
        ), holder AS (
            SELECT record AS first_record, customer, "{attribute}" AS value, {compared} AS held,
                first_value(record) OVER (PARTITION BY held ORDER BY record) AS related
            FROM customer_in_use SEMI JOIN shared ON {compared} = shared.held
        )
        SELECT coalesce(filling.record, holder.first_record) AS record, holder.first_record AS owner, holder.value, related
        FROM holder
        LEFT JOIN filling ON filling.customer = holder.customer AND filling.attribute = '{attribute}'
        WHERE holder.first_record <> related"""


QUERIES = (
    Query(
        "CUS-FILLED",
        """
        SELECT record, first_record AS owner, attribute, NULL AS value, value AS result, first_record AS related
        FROM filling WHERE record <> first_record""",
        object="customer",
        severity=Severity.REPAIR,
    ),
    Query(
        "CUS-CONFLICT",
        f"""
        SELECT repeated_value.record, repeated_value.attribute, repeated_value.value, filling.value AS result,
            filling.record AS related
        FROM repeated_value JOIN filling USING (customer, attribute)
        WHERE repeated_value.record > filling.record AND repeated_value.value <> filling.value
            AND attribute <> '{_IMPORT_ONLY}'""",
        object="customer",
        severity=Severity.QUESTION,
    ),
    Query(
        "CUS-EMAIL-SHARED",
        _shared("customer.email", 'lower("customer.email")'),
        object="customer",
        attribute="customer.email",
        severity=Severity.CLEAR,
    ),
    Query(
        "CUS-DISPLAY-NAME-SHARED",
        _shared("customer.display_name", '"customer.display_name"'),
        object="customer",
        attribute="customer.display_name",
        severity=Severity.CLEAR,
    ),
    # An empty cell is judged on the customer, whose first filled value serves all its records.
    Query(
        "CUS-IMPORT-ONLY",
        f"""
        SELECT record, record AS owner, if(subscriber.customer IS NULL, '1', '0') AS result
        FROM customer_in_use LEFT JOIN subscriber USING (customer)
        WHERE "{_IMPORT_ONLY}" IS NULL AND record NOT IN (SELECT record FROM not_boolean)
        UNION ALL BY NAME
        SELECT not_boolean.record, customer_in_use.record AS owner, value,
            coalesce("{_IMPORT_ONLY}", if(subscriber.customer IS NULL, '1', '0')) AS result
        FROM not_boolean JOIN customer_in_use USING (customer) LEFT JOIN subscriber USING (customer)""",
        object="customer",
        attribute=_IMPORT_ONLY,
        severity=Severity.REPAIR,
    ),
    Query(
        "CUS-ORIGINAL-ID",
        f"""
        SELECT record, record AS owner, customer AS result FROM customer_in_use WHERE "{_ORIGINAL_ID}" IS NULL""",
        object="customer",
        attribute=_ORIGINAL_ID,
        severity=Severity.REPAIR,
    ),
)
