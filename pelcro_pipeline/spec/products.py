"""Products: what customers subscribe to, through plans."""

from pelcro_pipeline.spec.kinds import BOOLEAN, IDENTIFIER, TEXT
from pelcro_pipeline.spec.model import Attribute, Need, Severity, Table, empty, invalid, whenever

PRODUCTS = Table(
    name="products",
    object="product",
    title="Products",
    doc="Items that customers subscribe to; each has one or several pricing plans.",
    prefix="product.",
    key="product.id",
    attributes=(
        Attribute(
            "product.id",
            IDENTIFIER,
            Need.REQUIRED,
            "The unique identifier that plans name as their product.",
            examples=("PR1234",),
            violations=(empty("PRD-REQUIRED", Severity.REJECT),),
            unique=True,
        ),
        Attribute(
            "product.address_required",
            BOOLEAN,
            Need.REQUIRED,
            "1: a customer needs an address for this product. 0: not.",
            examples=("0", "1"),
            violations=(
                empty("PRD-ADDRESS-REQUIRED", Severity.REPAIR),
                invalid("PRD-ADDRESS-REQUIRED", Severity.REPAIR),
            ),
            derived_from=("plan.shipments_per_interval",),
        ),
        # product.active and product.image stand in the guide's example rows alone.
        Attribute(
            "product.active",
            BOOLEAN,
            Need.OPTIONAL,
            "1: the product is on offer. 0: it is archived.",
            examples=("0", "1"),
            violations=(invalid("PRD-ACTIVE", Severity.QUESTION, value="'1'"),),
            default="'1'",
        ),
        Attribute(
            "product.name",
            TEXT,
            Need.REQUIRED,
            "The name that represents the product.",
            examples=("Digital membership",),
            violations=(empty("PRD-REQUIRED", Severity.REJECT),),
        ),
        Attribute(
            "product.description", TEXT, Need.OPTIONAL, "A description for the platform.", ("Print and Digital",)
        ),
        Attribute(
            "product.statement_descriptor",
            TEXT,
            Need.OPTIONAL,
            "The name on the customer's bank statement, at most 22 characters.",
            examples=("HARBOUR REVIEW",),
            violations=(whenever("PRD-DESCRIPTOR", Severity.QUESTION, 'length("product.statement_descriptor") > 22'),),
        ),
        Attribute(
            "product.image", TEXT, Need.OPTIONAL, "The address of a picture.", ("https://abcd.com/images/1.jpg",)
        ),
    ),
)
