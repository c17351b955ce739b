"""The customer in use: one row for each id, whatever records repeat it.

Most ids stand once, so only the repeated ones are ever stored; the rest are read where they were converted.
"""

from __future__ import annotations

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.conversion.select import agrees
from pelcro_pipeline.delivery.reading import Reading
from pelcro_pipeline.spec import CUSTOMER_ID, CUSTOMERS
from pelcro_pipeline.spec.sql import quoted, standing

#: Needs ``customer_value``, ``repeated_customer`` and ``repeated_in_use``.
CUSTOMERS_IN_USE = """CREATE OR REPLACE TEMP VIEW customer_in_use AS
    SELECT customer_value.* FROM customer_value ANTI JOIN repeated_customer USING (customer)
    UNION ALL BY NAME
    FROM repeated_in_use"""

#: What of the records of repeated customers can be used. A password's scheme is that of its own record: a scheme
#: without a password is of no use where another record has one.
REPEATED_RECORDS = """CREATE OR REPLACE TEMP VIEW repeated_record AS
    SELECT customer_value.* REPLACE (
        CASE WHEN "customer.password" IS NOT NULL OR NOT bool_or("customer.password" IS NOT NULL) OVER (PARTITION BY customer)
        THEN "customer.common_metadata.password_encryption" END AS "customer.common_metadata.password_encryption")
    FROM customer_value SEMI JOIN repeated_customer USING (customer)"""


def names(reading: Reading) -> list[str]:
    """The customers' columns but the id."""
    return [name for name in tables.columns(reading, CUSTOMERS) if name != CUSTOMER_ID]


def customer_values(reading: Reading) -> str:
    """SQL of the view ``customer_value``: ``record``, ``customer`` and the values that stand.

    A record whose repeated header disagrees with itself does not speak for its customer.
    """
    known = {attribute.name: attribute for attribute in CUSTOMERS.attributes}
    values = ", ".join(
        f"{standing(CUSTOMERS, known[name], {}) if name in known else quoted(name)} AS {quoted(name)}"
        for name in names(reading)
    )
    return f"""CREATE OR REPLACE TEMP VIEW customer_value AS
        SELECT record, customer, {values} FROM customer WHERE {agrees(CUSTOMERS)}"""
