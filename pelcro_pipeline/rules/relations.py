"""Relations: partners that must exist, and be as many as they must be.

Whether a partner exists is judged among all objects received; counts among those that the field
rules left standing (``standing_*``). The order is the catalogue's.
"""

from collections.abc import Collection

from pelcro_pipeline.rules.query import Query
from pelcro_pipeline.rules.subscriptions import PLAN_ID
from pelcro_pipeline.spec import ADDRESS_IDS, BILLING_ADDRESSES, SHIPPING_ADDRESSES, Table
from pelcro_pipeline.spec.model import Severity

OLD_ID = '"subscription.common_metadata.old_id"'
GROUP = '"subscription.common_metadata.membership"'
TYPE = '"subscription.type"'
DONOR = "\"subscription.common_metadata.is_gift_donor\" = '1'"
RECIPIENT = "\"subscription.common_metadata.is_gift_recipient\" = '1'"
DONOR_ID = '"subscription.common_metadata.gift_donor_subscription_id"'
_IN_GROUP = f"{TYPE} IN ('admin', 'member') AND {GROUP} IS NOT NULL"
_BOTH = f"({DONOR} AND {RECIPIENT})"


def _subscription(rule: str, attribute: str | None, sql: str, severity: Severity = Severity.REJECT) -> Query:
    return Query(rule, sql, object="subscription", attribute=attribute, severity=severity)


CUSTOMER = Query(
    "REL-CUSTOMER",
    """
    SELECT record, 'subscription' AS object, customer AS value
    FROM standing_subscription ANTI JOIN customer USING (customer)
    UNION ALL
    SELECT record, 'billing_address', customer FROM standing_billing_address ANTI JOIN customer USING (customer)
    UNION ALL
    SELECT record, 'shipping_address', customer FROM standing_shipping_address ANTI JOIN customer USING (customer)""",
    attribute="customer.old_provider_id",
    severity=Severity.REJECT,
    once_a_record=True,
)


def _addressed(table: Table, address_ids: Collection[str]) -> tuple[str, str]:
    """SQL of what has a standing address of a type, and the column that tells it.

    The customer; where ids tell addresses apart, the subscription: its address is its record's, or the one
    that it names, or its customer's where it has and names none.
    """
    standing, id_name = f"standing_{table.object}", ADDRESS_IDS[table.object].name
    if id_name not in address_ids:
        return f"(SELECT DISTINCT customer, true AS found FROM {standing})", "customer"
    return (
        f"""(
        SELECT DISTINCT record, true AS found FROM (
            SELECT record FROM standing_subscription SEMI JOIN {standing} USING (record)
            UNION ALL
            SELECT record FROM standing_subscription SEMI JOIN {standing} USING (customer, {id_name})
            UNION ALL
            SELECT record FROM standing_subscription SEMI JOIN {standing} USING (customer)
            ANTI JOIN {table.object} USING (record) WHERE {id_name} IS NULL
        ))""",
        "record",
    )


def _shipping(address_ids: Collection[str]) -> Query:
    shipped_to, shipped_by = _addressed(SHIPPING_ADDRESSES, address_ids)
    billed_to, billed_by = _addressed(BILLING_ADDRESSES, address_ids)
    return _subscription(
        "REL-SHIPPING",
        "subscription.common_metadata.temporary_plan_id",
        f"""
        SELECT record, {PLAN_ID} AS value
        FROM standing_subscription
        JOIN first_plan ON {PLAN_ID} = "plan.old_id"
        LEFT JOIN first_product ON "plan.temporary_product_id" = "product.id"
        LEFT JOIN {shipped_to} shipped_to USING ({shipped_by})
        LEFT JOIN {billed_to} billed_to USING ({billed_by})
        WHERE CASE WHEN ships("plan.shipments_per_interval") THEN shipped_to.found IS NULL
            WHEN "product.address_required" = '1' THEN shipped_to.found IS NULL AND billed_to.found IS NULL
            ELSE false END""",
    )


def _tax_address(address_ids: Collection[str]) -> Query:
    billed_to, billed_by = _addressed(BILLING_ADDRESSES, address_ids)
    return _subscription(
        "REL-TAX-ADDRESS",
        "subscription.common_metadata.temporary_plan_id",
        f"""
        SELECT record, {PLAN_ID} AS value FROM standing_subscription
        ANTI JOIN {billed_to} billed_to USING ({billed_by})""",
    )


MEMBERSHIP = (
    _subscription(
        "REL-MEMBERSHIP-ADMIN",
        "subscription.common_metadata.membership",
        f"""
        WITH received AS (
            SELECT {GROUP} AS membership FROM subscription
            WHERE {_IN_GROUP} GROUP BY membership HAVING count(*) FILTER ({TYPE} = 'admin') = 0
        ), crowded AS (
            SELECT {GROUP} AS membership FROM standing_subscription
            WHERE {_IN_GROUP} GROUP BY membership HAVING count(*) FILTER ({TYPE} = 'admin') > 1
        )
        SELECT record, {GROUP} AS value FROM standing_subscription
        WHERE {_IN_GROUP} AND {GROUP} IN (FROM received UNION FROM crowded)""",
    ),
    _subscription(
        "REL-MEMBERSHIP-ID",
        "subscription.common_metadata.membership",
        f"""
        SELECT record FROM standing_subscription WHERE {TYPE} IN ('admin', 'member') AND {GROUP} IS NULL""",
    ),
    _subscription(
        "REL-MEMBERSHIP-PLAN",
        "subscription.common_metadata.temporary_plan_id",
        f"""
        SELECT record, {PLAN_ID} AS value
        FROM standing_subscription JOIN first_plan ON {PLAN_ID} = "plan.old_id"
        WHERE {TYPE} IN ('admin', 'member') AND "plan.type" <> 'membership'""",
        Severity.QUESTION,
    ),
)
GIFTS = (
    _subscription(
        "REL-GIFT-DONOR",
        "subscription.common_metadata.gift_donor_subscription_id",
        f"""
        SELECT record, {DONOR_ID} AS value
        FROM standing_subscription recipient
        ANTI JOIN (SELECT {OLD_ID} AS id FROM subscription WHERE {DONOR}) donor ON recipient.{DONOR_ID} = donor.id
        WHERE {RECIPIENT}""",
    ),
    _subscription(
        "REL-GIFT-ONE-TO-ONE",
        None,
        f"""
        WITH donor AS (
            SELECT record, {OLD_ID} AS id FROM standing_subscription WHERE {DONOR}
        ), crowded AS (
            SELECT {DONOR_ID} AS id FROM standing_subscription SEMI JOIN donor ON {DONOR_ID} = donor.id
            WHERE {RECIPIENT} GROUP BY ALL HAVING count(*) > 1
        )
        SELECT standing_subscription.record, {DONOR_ID} AS value, donor.record AS related,
            'subscription.common_metadata.gift_donor_subscription_id' AS attribute
        FROM standing_subscription SEMI JOIN crowded ON {DONOR_ID} = crowded.id
        LEFT JOIN donor ON donor.id = {DONOR_ID}
        WHERE {RECIPIENT}
        UNION ALL
        SELECT record, id, NULL, 'subscription.common_metadata.old_id' FROM donor SEMI JOIN crowded USING (id)""",
    ),
    _subscription(
        "REL-GIFT-ALONE",
        "subscription.common_metadata.old_id",
        f"""
        SELECT record, {OLD_ID} AS value
        FROM standing_subscription donor
        ANTI JOIN (SELECT {DONOR_ID} AS id FROM subscription WHERE {RECIPIENT}) recipient ON donor.{OLD_ID} = recipient.id
        WHERE {DONOR}""",
    ),
    _subscription(
        "REL-GIFT-PLAN",
        "subscription.common_metadata.temporary_plan_id",
        f"""
        WITH pair AS (
            SELECT donor.record AS donor, recipient.record AS recipient,
                donor.{PLAN_ID} AS donor_plan, recipient.{PLAN_ID} AS recipient_plan
            FROM unfallen_subscription recipient JOIN unfallen_subscription donor ON recipient.{DONOR_ID} = donor.{OLD_ID}
            WHERE recipient.{RECIPIENT} AND donor.{DONOR} AND donor_plan <> recipient_plan
        )
        SELECT donor AS record, donor_plan AS value, recipient AS related FROM pair
        UNION ALL
        SELECT recipient, recipient_plan, donor FROM pair""",
    ),
)
STRAY = (
    _subscription(
        "REL-STRAY",
        "subscription.common_metadata.membership",
        f"""
        SELECT record, {GROUP} AS value FROM standing_subscription WHERE {TYPE} = 'regular' AND {GROUP} IS NOT NULL""",
        Severity.QUESTION,
    ),
    _subscription(
        "REL-STRAY",
        "subscription.common_metadata.gift_donor_subscription_id",
        f"""
        SELECT record, {DONOR_ID} AS value FROM standing_subscription
        WHERE {DONOR_ID} IS NOT NULL AND NOT coalesce({RECIPIENT}, false)""",
        Severity.QUESTION,
    ),
    _subscription(
        "REL-STRAY",
        "subscription.type",
        f"""
        SELECT record, {TYPE} AS value
        FROM standing_subscription JOIN first_plan ON {PLAN_ID} = "plan.old_id"
        WHERE {TYPE} = 'regular' AND "plan.type" = 'membership'""",
        Severity.QUESTION,
    ),
)
GIFT_BOTH = _subscription(
    "REL-GIFT-BOTH",
    "subscription.common_metadata.is_gift_recipient",
    f"""
    SELECT record, '1' AS value FROM standing_subscription WHERE {_BOTH}""",
)


def queries(*, taxes: bool, linked: bool, address_ids: Collection[str]) -> tuple[Query, ...]:
    """The relations in the catalogue's order.

    REL-TAX-ADDRESS where taxes are collected, REL-CUSTOMER where records name customers that stand in another file.
    ``address_ids`` are the id columns that tell a customer's addresses apart.
    """
    customer = (CUSTOMER,) if linked else ()
    tax_address = (_tax_address(address_ids),) if taxes else ()
    return (*customer, _shipping(address_ids), *tax_address, *MEMBERSHIP, *GIFTS, *STRAY, GIFT_BOTH)
