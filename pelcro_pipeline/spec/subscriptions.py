"""Subscriptions: who gets what, until when, and who pays how."""

from pelcro_pipeline.spec.kinds import (
    BOOLEAN,
    COLLECTION,
    DATE,
    IDENTIFIER,
    POSITIVE,
    STATUS,
    SUBSCRIPTION_TYPE,
    TEXT,
    WHOLE,
    YES_OR_TWO,
)
from pelcro_pipeline.spec.model import (
    Attribute,
    Condition,
    Need,
    Personal,
    Severity,
    Table,
    Violation,
    empty,
    invalid,
    whenever,
)

_START_NOW = "subscription.common_metadata.start_now"
_MEMBERSHIP = "subscription.common_metadata.membership"
_NOT_STARTING_NOW = Condition(_START_NOW, ("1",), negated=True)
_BOOLEAN = (invalid("SUB-BOOLEAN", Severity.CLEAR),)
#: These decide what is migrated and who pays.
_DECIDING = (invalid("SUB-BOOLEAN", Severity.REJECT),)


def _date(name: str) -> tuple[Violation, ...]:
    """What an optional date can break; a zero day is what systems write for none."""
    zero_day = f"""try_iso_date("{name}") < DATE '1970-01-02'"""
    return invalid("SUB-DATE", Severity.CLEAR), whenever("SUB-DATE", Severity.CLEAR, zero_day)


SUBSCRIPTIONS = Table(
    name="subscriptions",
    object="subscription",
    title="Subscriptions",
    doc="Active and unpaid subscriptions. Cancelled and expired ones cannot be migrated and go to the archive.",
    prefix="subscription.",
    key="subscription.common_metadata.old_id",
    metadata_prefix="subscription.common_metadata.",
    attributes=(
        Attribute(
            "subscription.current_period_end",
            DATE,
            Need.REQUIRED,
            "The end of the period that has been invoiced; the next invoice is created then.",
            examples=("31/01/2021",),
            violations=(
                whenever(
                    "SUB-EXPIRED",
                    Severity.EXCLUDED,
                    """try_iso_date("subscription.current_period_end") < {today}
                    AND "subscription.common_metadata.service_status" = 'active'
                    AND "subscription.common_metadata.is_expired" IS DISTINCT FROM '1'
                    AND "subscription.common_metadata.start_now" IS DISTINCT FROM '1'""",
                ),
                whenever(
                    "SUB-FAR",
                    Severity.QUESTION,
                    """try_iso_date("subscription.current_period_end") > {today} + INTERVAL 20 YEAR""",
                ),
                empty("SUB-PERIOD-END", Severity.REJECT, when=_NOT_STARTING_NOW),
                invalid("SUB-PERIOD-END", Severity.REJECT, when=_NOT_STARTING_NOW),
            ),
        ),
        Attribute(
            "subscription.cancel_at_period_end",
            BOOLEAN,
            Need.REQUIRED,
            "1: ends with the current period. 0: renews.",
            examples=("0", "1"),
            violations=(
                empty("SUB-CANCEL", Severity.REPAIR),
                invalid("SUB-CANCEL", Severity.REPAIR),
            ),
            derived_from=("plan.auto_renew",),
        ),
        # subscription.start_date stands in the guide's example rows alone.
        Attribute(
            "subscription.start_date",
            DATE,
            Need.OPTIONAL,
            "When the subscription began.",
            examples=("31/01/2020",),
            violations=(
                *_date("subscription.start_date"),
                whenever(
                    "SUB-START-AFTER-END",
                    Severity.QUESTION,
                    """try_iso_date("subscription.start_date") > try_iso_date("subscription.current_period_end")""",
                ),
            ),
        ),
        Attribute(
            "subscription.shipments_undeliverable",
            BOOLEAN,
            Need.OPTIONAL,
            "1: shipments do not reach the customer, and are not to be lost.",
            examples=("0", "1"),
            violations=_BOOLEAN,
        ),
        Attribute(
            "subscription.shipments_suspended_until",
            DATE,
            Need.OPTIONAL,
            "Suspended until this date.",
            examples=("16/01/2022",),
            violations=_date("subscription.shipments_suspended_until"),
        ),
        Attribute(
            "subscription.common_metadata.is_expired",
            YES_OR_TWO,
            Need.OPTIONAL,
            "1: set to expired once migrated.",
            examples=("1", "2", "0"),
            violations=(
                *_DECIDING,
                whenever(
                    "BIL-EXPIRED-FLAG",
                    Severity.QUESTION,
                    """"subscription.common_metadata.service_status" = 'unpaid'
                    AND "subscription.common_metadata.is_expired" = '1'""",
                ),
            ),
        ),
        Attribute(
            _START_NOW,
            BOOLEAN,
            Need.OPTIONAL,
            "1: starts with the migration, for one interval of its plan.",
            examples=("1", "0"),
            violations=_DECIDING,
        ),
        Attribute(
            "subscription.shipments_remaining",
            WHOLE,
            Need.DEPENDENT,
            "The shipments that remain on the day of the migration; may be left out for digital plans.",
            examples=("1", "11"),
            violations=(invalid("SUB-SHIPMENTS", Severity.REJECT),),
        ),
        Attribute(
            "subscription.quantity",
            POSITIVE,
            Need.REQUIRED,
            "How many copies; 1 in most cases.",
            examples=("1",),
            violations=(
                empty("SUB-QUANTITY", Severity.REPAIR, value="'1'"),
                invalid("SUB-QUANTITY", Severity.REJECT),
                whenever(
                    "BIL-QUANTITY",
                    Severity.QUESTION,
                    """"subscription.common_metadata.service_status" = 'unpaid'
                    AND "subscription.common_metadata.is_expired" IS DISTINCT FROM '1'
                    AND try_cast("subscription.quantity" AS BIGINT) > 1""",
                ),
            ),
        ),
        Attribute(
            "subscription.collection_method",
            COLLECTION,
            Need.REQUIRED,
            "charge_automatically (by card) or send_invoice (cheque, cash, wire).",
            examples=("charge_automatically", "send_invoice"),
            violations=(
                empty("SUB-COLLECTION", Severity.REJECT),
                invalid("SUB-COLLECTION", Severity.REJECT),
            ),
        ),
        Attribute(
            "subscription.common_metadata.temporary_plan_id",
            IDENTIFIER,
            Need.REQUIRED,
            "The plan.old_id of the subscription's plan.",
            examples=("1234",),
            violations=(empty("SUB-PLAN", Severity.REJECT),),
        ),
        Attribute(
            "subscription.common_metadata.old_id",
            IDENTIFIER,
            Need.DEPENDENT,
            "The subscription's unique identifier; required for gifts.",
            examples=("1012131",),
            unique=True,
            violations=(
                whenever(
                    "SUB-OLD-ID-MISSING",
                    Severity.REJECT,
                    """"subscription.common_metadata.old_id" IS NULL
                    AND ("subscription.common_metadata.is_gift_donor" = '1' OR "subscription.common_metadata.is_gift_recipient" = '1')""",
                ),
            ),
            personal=Personal.SUBSCRIPTION,
        ),
        Attribute(
            "subscription.common_metadata.service_status",
            STATUS,
            Need.REQUIRED,
            "active, or unpaid: an open invoice is made and charged on the day of the migration.",
            examples=("Active", "unpaid"),
            violations=(
                whenever(
                    "SUB-NOT-MIGRATED",
                    Severity.EXCLUDED,
                    """"subscription.common_metadata.service_status" IN ('cancelled', 'expired')""",
                ),
                empty("SUB-STATUS", Severity.REJECT),
                invalid("SUB-STATUS", Severity.REJECT),
            ),
        ),
        Attribute(
            "subscription.common_metadata.order_number",
            TEXT,
            Need.OPTIONAL,
            "The order's number.",
            ("1223",),
            personal=Personal.ORDER,
        ),
        Attribute("subscription.common_metadata.order_price", TEXT, Need.OPTIONAL, "The order's price.", ("34500",)),
        Attribute(
            "subscription.common_metadata.order_term", TEXT, Need.OPTIONAL, "The order's term (length).", ("12",)
        ),
        Attribute(
            "subscription.type",
            SUBSCRIPTION_TYPE,
            Need.REQUIRED,
            "regular, or admin or member of a membership group.",
            examples=("regular", "admin", "member"),
            violations=(
                empty("SUB-TYPE", Severity.REPAIR, value="'regular'", when=Condition(_MEMBERSHIP)),
                empty("SUB-TYPE", Severity.REJECT, when=Condition(_MEMBERSHIP, negated=True)),
                invalid("SUB-TYPE", Severity.REJECT),
            ),
        ),
        Attribute(
            _MEMBERSHIP,
            IDENTIFIER,
            Need.DEPENDENT,
            "The membership group; each has a single admin.",
            examples=("M-17",),
            personal=Personal.GROUP,
        ),
        Attribute(
            "subscription.common_metadata.is_gift_donor",
            YES_OR_TWO,
            Need.DEPENDENT,
            "1: the giving side of a gift.",
            examples=("1", "2"),
            violations=_DECIDING,
        ),
        Attribute(
            "subscription.common_metadata.is_gift_recipient",
            YES_OR_TWO,
            Need.DEPENDENT,
            "1: the receiving side of a gift.",
            examples=("1", "2"),
            violations=_DECIDING,
        ),
        Attribute(
            "subscription.common_metadata.gift_donor_subscription_id",
            IDENTIFIER,
            Need.DEPENDENT,
            "On the receiving side: the old_id of the giving subscription.",
            examples=("1012131",),
            personal=Personal.SUBSCRIPTION,
        ),
    ),
)
