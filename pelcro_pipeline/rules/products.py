"""Products and plans: ids that stand for one thing, and plans that belong to a product."""

from pelcro_pipeline.rules.query import Query
from pelcro_pipeline.spec.model import Severity

QUERIES = (
    Query(
        "PRD-ADDRESS-REQUIRED",
        """
        SELECT record, "product.address_required" AS value, if(shipping.id IS NULL, '0', '1') AS result
        FROM product LEFT JOIN (
            SELECT DISTINCT "plan.temporary_product_id" AS id FROM plan WHERE ships("plan.shipments_per_interval")
        ) shipping ON shipping.id = "product.id"
        WHERE coalesce("product.address_required" NOT IN ('0', '1'), true)""",
        object="product",
        attribute="product.address_required",
        severity=Severity.REPAIR,
    ),
    Query(
        "PRD-ID-SHARED",
        """
        SELECT record, key AS value, first_record AS related FROM repeat WHERE object = 'product' AND NOT equal""",
        object="product",
        attribute="product.id",
        severity=Severity.REJECT,
    ),
    Query(
        "PLN-ID-SHARED",
        """
        SELECT record, key AS value, first_record AS related FROM repeat WHERE object = 'plan' AND NOT equal""",
        object="plan",
        attribute="plan.old_id",
        severity=Severity.REJECT,
    ),
    Query(
        "PLN-PRODUCT",
        """
        SELECT record, "plan.temporary_product_id" AS value
        FROM plan ANTI JOIN product ON "plan.temporary_product_id" = "product.id"
        WHERE "plan.temporary_product_id" IS NOT NULL""",
        object="plan",
        attribute="plan.temporary_product_id",
        severity=Severity.REJECT,
    ),
)
