"""Subscriptions: what their plan says of them, and what stands twice. Excluded ones are not judged."""

from pelcro_pipeline.rules.query import Query
from pelcro_pipeline.spec.model import Severity

PLAN_ID = '"subscription.common_metadata.temporary_plan_id"'
CANCEL = "subscription.cancel_at_period_end"
_CANCEL = f'"{CANCEL}"'
_UNLIKE_PLAN = """CASE "plan.auto_renew" WHEN '1' THEN '0' WHEN '0' THEN '1' END"""
#: SQL of whether it ends with its period, by itself or else by ``first_plan`` (SUB-CANCEL).
CANCELS = f"if({_CANCEL} IN ('0', '1'), {_CANCEL}, {_UNLIKE_PLAN})"
_SHIPMENTS = '"subscription.shipments_remaining"'

QUERIES = (
    Query(
        "SUB-PLAN",
        f"""
        SELECT record, {PLAN_ID} AS value
        FROM judged_subscription ANTI JOIN plan ON {PLAN_ID} = "plan.old_id"
        WHERE {PLAN_ID} IS NOT NULL""",
        object="subscription",
        attribute="subscription.common_metadata.temporary_plan_id",
        severity=Severity.REJECT,
    ),
    Query(
        "SUB-CANCEL",
        f"""
        SELECT record, {_CANCEL} AS value, {_UNLIKE_PLAN} AS result
        FROM judged_subscription LEFT JOIN first_plan ON {PLAN_ID} = "plan.old_id"
        WHERE coalesce({_CANCEL} NOT IN ('0', '1'), true)""",
        object="subscription",
        attribute="subscription.cancel_at_period_end",
        severity=Severity.REPAIR,
    ),
    Query(
        "SUB-CANCEL-PLAN",
        f"""
        SELECT record, {_CANCEL} AS value
        FROM judged_subscription JOIN first_plan ON {PLAN_ID} = "plan.old_id"
        WHERE {_CANCEL} = '0' AND "plan.auto_renew" = '0'""",
        object="subscription",
        attribute="subscription.cancel_at_period_end",
        severity=Severity.QUESTION,
    ),
    Query(
        "SUB-SHIPMENTS",
        f"""
        SELECT record
        FROM judged_subscription JOIN first_plan ON {PLAN_ID} = "plan.old_id"
        WHERE {_SHIPMENTS} IS NULL AND ships("plan.shipments_per_interval")""",
        object="subscription",
        attribute="subscription.shipments_remaining",
        severity=Severity.REJECT,
    ),
    Query(
        "SUB-OLD-ID-SHARED",
        """
        SELECT record, key AS value, first_record AS related FROM repeat WHERE object = 'subscription' AND NOT equal""",
        object="subscription",
        attribute="subscription.common_metadata.old_id",
        severity=Severity.REJECT,
    ),
    Query(
        "SUB-DUPLICATE",
        """
        SELECT record, first_record AS related, if(status = 'unpaid', 'reject', 'question') AS severity
        FROM same_subscription""",
        object="subscription",
        attribute="subscription.common_metadata.old_id",
    ),
)
