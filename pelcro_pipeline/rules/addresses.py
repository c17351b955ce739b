"""Addresses: names from their customer, and one address of a type for each customer."""

from pelcro_pipeline.rules.query import Query
from pelcro_pipeline.spec import ADDRESSES


def _name(object_: str, prefix: str, part: str) -> Query:
    attribute, own = f"{prefix}{part}", f"customer.{part}"
    return Query(
        "ADR-NAME",
        f"""
        SELECT {object_}.record, "{own}" AS result, if("{own}" IS NULL, 'reject', 'repair') AS severity
        FROM {object_} LEFT JOIN customer_in_use USING (customer)
        WHERE "{attribute}" IS NULL""",
        object=object_,
        attribute=attribute,
    )


QUERIES = tuple(_name(table.object, table.prefix, part) for table in ADDRESSES for part in ("first_name", "last_name"))
