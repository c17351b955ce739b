"""Plans: what a product costs, how often, and what it ships."""

from pelcro_pipeline.spec.kinds import (
    BOOLEAN,
    CENTS,
    CURRENCY,
    ENTITLEMENTS,
    IDENTIFIER,
    INTERVAL,
    PLAN_TYPE,
    POSITIVE,
    REVENUE,
    TEXT,
    WHOLE,
)
from pelcro_pipeline.spec.model import (
    Attribute,
    Need,
    Outcome,
    Severity,
    Table,
    Violation,
    empty,
    invalid,
    repaired,
)

_REQUIRED = (empty("PLN-REQUIRED", Severity.REJECT),)

PLANS = Table(
    name="plans",
    object="plan",
    title="Plans",
    doc="The pricing plans of products; a subscription is created under one.",
    prefix="plan.",
    key="plan.old_id",
    metadata_prefix="plan.common_metadata.",
    attributes=(
        Attribute(
            "plan.amount",
            CENTS,
            Need.REQUIRED,
            "The plan's price in cents, as a whole number.",
            examples=("19900", "1900"),
            violations=(empty("PLN-AMOUNT", Severity.REJECT), invalid("PLN-AMOUNT", Severity.REJECT)),
        ),
        Attribute(
            "plan.auto_renew",
            BOOLEAN,
            Need.REQUIRED,
            "1: the plan renews. 0: it is a one time plan.",
            examples=("1", "0"),
            aliases=("plan.autorenew",),
            violations=(
                empty("PLN-BOOLEAN", Severity.REJECT),
                invalid("PLN-BOOLEAN", Severity.REJECT),
            ),
        ),
        Attribute(
            "plan.currency",
            CURRENCY,
            Need.REQUIRED,
            "The currency that the customer is charged in.",
            examples=("eur", "cad"),
            violations=(
                # The setting is the publisher's own word for plans that give none: no finding.
                Violation("PLN-CURRENCY", Severity.REJECT, Outcome.EMPTY, sql="{currency} IS NULL"),
                invalid("PLN-CURRENCY", Severity.REJECT),
            ),
            default="{currency}",
        ),
        Attribute(
            "plan.available_online",
            BOOLEAN,
            Need.REQUIRED,
            "1: the plan is offered on the site. 0: it is not.",
            examples=("1", "0"),
            violations=(
                empty("PLN-BOOLEAN", Severity.REPAIR, value="'0'"),
                invalid("PLN-BOOLEAN", Severity.REPAIR, value="'0'"),
            ),
        ),
        Attribute(
            "plan.interval",
            INTERVAL,
            Need.REQUIRED,
            "The unit of the billing cycle: 1 day, 2 week, 3 month, 4 year.",
            examples=("4", "3"),
            violations=(
                repaired("PLN-INTERVAL"),
                empty("PLN-INTERVAL", Severity.REJECT),
                invalid("PLN-INTERVAL", Severity.REJECT),
            ),
        ),
        Attribute(
            "plan.interval_count",
            POSITIVE,
            Need.REQUIRED,
            "How many intervals a billing cycle lasts.",
            examples=("1", "2"),
            violations=(
                empty("PLN-INTERVAL-COUNT", Severity.REJECT),
                invalid("PLN-INTERVAL-COUNT", Severity.REJECT),
            ),
        ),
        Attribute(
            "plan.nickname",
            TEXT,
            Need.REQUIRED,
            "The plan's name.",
            examples=("Europe Yearly Membership - Gold",),
            violations=_REQUIRED,
        ),
        Attribute(
            "plan.shipments_per_interval",
            WHOLE,
            Need.REQUIRED,
            "How many shipments an interval holds; 0 for a digital plan.",
            examples=("12", "1", "0"),
            violations=(
                empty("PLN-SHIPMENTS", Severity.REPAIR, value="'0'"),
                invalid("PLN-SHIPMENTS", Severity.REJECT),
            ),
        ),
        Attribute("plan.description", TEXT, Need.OPTIONAL, "More about the plan.", ("Print+Digital",)),
        # plan.common_metadata.account_name and plan.is_donated stand in the guide's example rows alone.
        Attribute(
            "plan.common_metadata.account_name", TEXT, Need.OPTIONAL, "The account the plan belongs to.", ("abcd",)
        ),
        Attribute(
            "plan.temporary_product_id",
            IDENTIFIER,
            Need.REQUIRED,
            "The product.id of the plan's product.",
            examples=("PR1234",),
            aliases=("plan.product_id",),
            violations=_REQUIRED,
        ),
        Attribute(
            "plan.old_id",
            IDENTIFIER,
            Need.REQUIRED,
            "The plan's unique identifier in the old system (rate code, promo code).",
            examples=("1234",),
            violations=_REQUIRED,
            unique=True,
        ),
        Attribute("plan.is_donated", TEXT, Need.OPTIONAL, "1 on a donated plan.", ("1", "0")),
        Attribute(
            "plan.type",
            PLAN_TYPE,
            Need.REQUIRED,
            "regular, membership (a group) or donation.",
            examples=("regular", "membership", "donation"),
            violations=(
                empty("PLN-TYPE", Severity.REPAIR, value="'regular'"),
                invalid("PLN-TYPE", Severity.REJECT),
            ),
        ),
        Attribute(
            "plan.revenue_recognition_type",
            REVENUE,
            Need.REQUIRED,
            "Whether revenue is recognised by time or by shipments.",
            examples=("shipment_based", "time_based"),
            violations=(
                empty(
                    "PLN-REVENUE",
                    Severity.REPAIR,
                    value="""CASE WHEN coalesce("plan.shipments_per_interval", '0') = '0' THEN 'time_based' ELSE 'shipment_based' END""",
                ),
                invalid("PLN-REVENUE", Severity.REJECT),
            ),
        ),
        Attribute(
            "plan.entitlements", ENTITLEMENTS, Need.OPTIONAL, "What the plan lets its subscriber use.", ("ent_a,ent_b",)
        ),
    ),
)
