"""What Pelcro accepts: every template column, said once.

Tables are listed in the guide's order; everything else (SQL, pandera, DDL, headers, the data
dictionary, Dagster's column schema) is rendered from them.
"""

from pelcro_pipeline.spec.addresses import ADDRESS_IDS, BILLING_ADDRESSES, SHIPPING_ADDRESSES
from pelcro_pipeline.spec.customers import CUSTOMERS
from pelcro_pipeline.spec.model import Attribute, Table
from pelcro_pipeline.spec.plans import PLANS
from pelcro_pipeline.spec.products import PRODUCTS
from pelcro_pipeline.spec.subscriptions import SUBSCRIPTIONS

TABLES: tuple[Table, ...] = (
    CUSTOMERS,
    BILLING_ADDRESSES,
    SHIPPING_ADDRESSES,
    SUBSCRIPTIONS,
    PRODUCTS,
    PLANS,
)
ADDRESSES = (BILLING_ADDRESSES, SHIPPING_ADDRESSES)
BY_OBJECT: dict[str, Table] = {table.object: table for table in TABLES}

#: The three files of the guide's first layout, which are also the files that we prepare.
TEMPLATES: dict[str, tuple[Table, ...]] = {
    "customers": (CUSTOMERS, BILLING_ADDRESSES, SHIPPING_ADDRESSES, SUBSCRIPTIONS),
    "products": (PRODUCTS,),
    "plans": (PLANS,),
}

ATTRIBUTES: dict[str, Attribute] = {attribute.name: attribute for table in TABLES for attribute in table.attributes}
TABLE_OF: dict[str, Table] = {attribute.name: table for table in TABLES for attribute in table.attributes}
#: The attributes that no report, log or page shows, and what stands there instead.
SECRETS = tuple(attribute.name for attribute in ATTRIBUTES.values() if attribute.secret)
HIDDEN = "***"
CUSTOMER_ID = "customer.old_provider_id"
METADATA_PREFIXES = tuple(table.metadata_prefix for table in TABLES if table.metadata_prefix)

__all__ = [
    "ADDRESSES",
    "ADDRESS_IDS",
    "ATTRIBUTES",
    "BILLING_ADDRESSES",
    "BY_OBJECT",
    "CUSTOMERS",
    "CUSTOMER_ID",
    "HIDDEN",
    "METADATA_PREFIXES",
    "PLANS",
    "PRODUCTS",
    "SECRETS",
    "SHIPPING_ADDRESSES",
    "SUBSCRIPTIONS",
    "TABLES",
    "TABLE_OF",
    "TEMPLATES",
    "Table",
]
