"""What each attribute of the templates is on a Pelcro site: a field, a metadata key, or not carried, and why.

Declared once and rendered to SQL in both directions: DuckDB writes the bodies of calls from a loaded database (the expected
image), and reads the rows that a site answers with back into columns of the same names and types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pelcro_pipeline.settings import Conventions
from pelcro_pipeline.spec import ATTRIBUTES
from pelcro_pipeline.spec.codes import MINOR_DIGITS
from pelcro_pipeline.spec.kinds import BCRYPT, DRUPAL, MD5, PLAIN_TEXT
from pelcro_pipeline.spec.sql import literal, quoted

#: The metadata that carries our mark.
MARK = "migration_mark"
#: The reason that a revert gives for what it cancels: a row that is ended so is as good as none.
UNDONE = "migration reverted"
METADATA = "metadata."


@dataclass(frozen=True)
class Form:
    """How a value is written for the API and read from it: SQL over ``{value}``, and over ``{text}``, which is an answer's text."""

    write: str = "{value}"
    read: str = "{text}"


TEXT = Form()
WHOLE = Form(read="try_cast({text} AS BIGINT)")
BOOLEAN = Form(read="try_cast({text} AS BOOLEAN)")
#: As metadata: what stands there is text.
WORD = Form("{value}::VARCHAR")
DATE_AS_WORD = Form("strftime({value}, '%Y-%m-%d')", "try_cast({text} AS DATE)")
BOOLEAN_AS_WORD = Form("{value}::TINYINT::VARCHAR", "try_cast({text} AS TINYINT)::BOOLEAN")
#: 0 or 1, where the object has an integer.
BIT = Form("{value}::INTEGER", BOOLEAN.read)
OPPOSITE = Form("NOT {value}", f"NOT {BOOLEAN.read}")
#: The end of a day, in Unix seconds.
DAY = Form("day_end({value})", "day_of(try_cast({text} AS BIGINT))")
#: Its beginning: the end of the day of the load lies in the future, and would make a subscription one that has not begun.
DAY_BEGUN = Form("day_begin({value})", "day_of(try_cast({text} AS BIGINT))")
_INTERVALS = ("day", "week", "month", "year")
INTERVAL = Form(
    f"list_extract([{', '.join(map(literal, _INTERVALS))}], {{value}})",
    f"nullif(list_position([{', '.join(map(literal, _INTERVALS))}], {{text}}), 0)::TINYINT",
)
ENTITLEMENTS = Form(
    "string_split({value}, ',')", "nullif(array_to_string(from_json({text}, '[\"VARCHAR\"]'), ','), '')"
)


class Carried(StrEnum):
    """Whether an attribute can be compared once it is on the site."""

    COMPARED = "compared"
    #: It is never answered.
    UNREADABLE = "not readable"


@dataclass(frozen=True)
class Field:
    """An attribute and the field of a request that carries it; ``metadata.<key>`` for a metadata key.

    ``answer`` is the field of an object that it is read from, where it is called otherwise. ``value`` is SQL that stands
    for the attribute's column. ``expected`` is SQL of what the site makes of it in a declared way.
    """

    attribute: str
    name: str
    form: Form = TEXT
    answer: str = ""
    value: str = ""
    expected: str = ""
    carried: Carried = Carried.COMPARED
    #: Whether an update takes it.
    updates: bool = True
    #: The most characters that it takes.
    most: int | None = None
    #: SQL over ``wanted`` and ``found``: where it holds, the site has filled it by itself, and whatever stands there is right.
    filled: str = ""

    @property
    def column(self) -> str:
        """SQL of the value on our side."""
        return self.value or quoted(self.attribute)

    @property
    def read_from(self) -> str:
        return self.answer or self.name


@dataclass(frozen=True)
class Reference:
    """A field that holds the id of another object: ``parent`` is the column of the rows that holds that one's mark."""

    attribute: str
    name: str
    kind: str
    parent: str
    answer: str = ""
    updates: bool = True
    carried: Carried = Carried.COMPARED
    #: As of a field.
    filled: str = ""

    @property
    def read_from(self) -> str:
        return self.answer or self.name


@dataclass(frozen=True)
class NotCarried:
    """An attribute that no field takes, and why."""

    attribute: str
    reason: str


@dataclass(frozen=True)
class Kind:
    """One kind of object of a site.

    Its rows are the relation ``<name>_row`` (``sql/<name>_row.sql``): ``identity``, ``key``, ``record``, the marks of its
    parents, and the columns of the database that its objects stand in.
    """

    name: str
    path: str
    table: str
    #: Where the mark is found again: a field of the answer.
    mark_in: str
    fields: tuple[Field, ...]
    references: tuple[Reference, ...] = ()
    not_carried: tuple[NotCarried, ...] = ()
    #: Fields of a creation that are the same for all: JSON by name.
    constants: dict[str, str] = field(default_factory=dict)
    #: The fields that no two rows of a site may share.
    unique: tuple[str, ...] = ()
    #: The tables's own metadata columns go with it.
    takes_metadata: bool = False
    #: An array of objects, where the creation takes metadata so.
    metadata_as_array: bool = False
    updates: bool = True
    #: The object of the templates that it was delivered as, and the attribute that names it; an address is delivered as one of two.
    object: str = ""
    identity: str = ""
    #: The statuses of a row that is there and gives nothing any more: none of its kind can be deleted.
    ended: tuple[str, ...] = ()

    def held(self, row: Mapping[str, object], body: Mapping[str, object]) -> dict[str, object]:
        """What a row of the site holds in the fields of a body, by their names in it, as the site answers it."""
        answers = {each.name: each.read_from for each in (*self.fields, *self.references)}
        held: dict[str, object] = {name: row.get(answers[name]) for name in body if name in answers}
        if "metadata" in body:
            metadata = row.get("metadata")
            known = metadata if isinstance(metadata, dict) else {}
            held["metadata"] = {name: known.get(name) for name in body["metadata"]}
        return held

    @property
    def carries_mark(self) -> bool:
        """Whether a row is beyond doubt ours by its mark: that of a product or plan is the old id itself."""
        return self.name not in ("product", "plan")


def _metadata(attribute: str, form: Form = TEXT) -> Field:
    return Field(attribute, METADATA + attribute.rpartition(".")[2], form)


def _amount(conventions: Conventions) -> Form:
    """Cents, written as the account takes them and answered as cents."""
    if conventions.plan_amount == "minor":
        return WHOLE
    digits = " ".join(f"WHEN {literal(currency)} THEN {number}" for currency, number in MINOR_DIGITS.items())
    return Form(f"major_units({{value}}, CASE {quoted('plan.currency')} {digits} ELSE 2 END)::JSON", WHOLE.read)


#: The account's name for each scheme.
PASSWORD_TYPES = {BCRYPT: "bcrypt", MD5: "md5", DRUPAL: "drupal", PLAIN_TEXT: "plain"}


def accepted_schemes(conventions: Conventions) -> list[str]:
    """The password schemes that the account takes, as the templates name them."""
    return [scheme for scheme, name in PASSWORD_TYPES.items() if name in conventions.password_types]


_ADDRESS = (
    *((name, name) for name in ("first_name", "last_name", "salutation", "title", "company", "department")),
    *((name, name) for name in ("line1", "line2", "city", "state", "country")),
    ("zip", "postal_code"),
    ("phone", "phone"),
)
_MOST = {"country": 2, "postal_code": 45}
#: Text as the site keeps it, where it rewrites text.
_TRIMMED, _LOWERED = "trim({value})", "lower(trim({value}))"


def kinds(conventions: Conventions) -> dict[str, Kind]:
    """Every kind of object, in the order in which they refer to each other."""
    old_id = "subscription.common_metadata.old_id"
    types = " ".join(
        f"WHEN {literal(scheme)} THEN {literal('password_' + name)}" for scheme, name in PASSWORD_TYPES.items()
    )
    start = (
        Field(
            "subscription.start_date",
            "start_date",
            DAY_BEGUN,
            answer="start",
            value="past_start_date",
            updates=False,
            # What was to come when it was created was left out, and is past when the site is compared later.
            filled='wanted."subscription.start_date" IS NULL OR wanted."subscription.start_date" >= found.created',
        )
        if conventions.start_in_the_past
        else _metadata("subscription.start_date", DATE_AS_WORD)
    )
    subscription_id = (
        (Field(old_id, "old_provider_id", carried=Carried.UNREADABLE, updates=False, most=255),)
        if conventions.subscription_old_id
        else ()
    )
    listed = (
        Kind(
            "product",
            "/products",
            "products",
            "old_provider_id",
            (
                Field("product.id", "old_provider_id", updates=False, most=255),
                Field("product.name", "name", most=255),
                Field("product.description", "description"),
                Field("product.address_required", "address_required", BIT),
                Field("product.statement_descriptor", "statement_descriptor", most=22),
                Field("product.image", "image", most=255),
            ),
            not_carried=(NotCarried("product.active", "the API makes each product active: it is set by hand"),),
            object="product",
            identity="product.id",
        ),
        Kind(
            "plan",
            "/plans",
            "plans",
            "old_provider_id",
            (
                Field("plan.old_id", "old_provider_id", updates=False, most=255),
                Field("plan.nickname", "nickname", most=255),
                Field("plan.amount", "amount", _amount(conventions)),
                Field("plan.currency", "currency"),
                Field("plan.auto_renew", "auto_renew", BOOLEAN),
                Field("plan.available_online", "available_online", BOOLEAN),
                Field("plan.interval", "interval", INTERVAL),
                Field("plan.interval_count", "interval_count", WHOLE),
                Field("plan.shipments_per_interval", "shipments_per_interval", WHOLE),
                Field("plan.description", "description"),
                Field("plan.type", "type"),
                Field("plan.revenue_recognition_type", "revenue_recognition_type", _revenue(conventions)),
                Field("plan.entitlements", "entitlements", ENTITLEMENTS),
                _metadata("plan.common_metadata.account_name"),
                _metadata("plan.is_donated"),
            ),
            (Reference("plan.temporary_product_id", "product_id", "product", "product_mark"),),
            constants={"allow_refunds": "false", "trial_period_days": "0"},
            takes_metadata=True,
            object="plan",
            identity="plan.old_id",
        ),
        Kind(
            "customer",
            "/customers",
            "customers",
            METADATA + MARK,
            (
                Field("customer.old_provider_id", "old_provider_id", updates=False, most=255),
                Field("customer.email", "email", most=255),
                Field("customer.first_name", "first_name", most=255),
                Field("customer.last_name", "last_name", most=255),
                Field("customer.phone", "phone", expected="regexp_replace({value}, '[^0-9]', '', 'g')"),
                Field("customer.title", "title", most=255),
                Field("customer.salutation", "salutation", most=255),
                Field("customer.display_name", "display_name", most=100),
                Field(
                    "customer.password",
                    "password",
                    value=f"CASE WHEN is_accepted_password THEN {quoted('customer.password')} END",
                    carried=Carried.UNREADABLE,
                    # A reader may have set another since.
                    updates=False,
                ),
                Field(
                    "customer.common_metadata.password_encryption",
                    "password_type",
                    value=f"CASE WHEN is_accepted_password AND {quoted('customer.password')} IS NOT NULL THEN "
                    f"CASE {quoted('customer.common_metadata.password_encryption')} {types} END END",
                    carried=Carried.UNREADABLE,
                    updates=False,
                ),
                Field("card.gateway_customer_id", "payment_gateway_id", carried=Carried.UNREADABLE, updates=False),
                _metadata("customer.common_metadata.import_only_the_customer", BOOLEAN_AS_WORD),
                _metadata("customer.common_metadata.original_old_provider_id"),
            ),
            constants={"skip_email_dns_validations": "true"},
            unique=("email", "old_provider_id"),
            takes_metadata=True,
            object="customer",
            identity="customer.old_provider_id",
        ),
        Kind(
            "address",
            "/addresses",
            "addresses",
            "old_provider_id",
            (
                Field("type", "type", updates=False),
                *(Field(f"address.{ours}", theirs, most=_MOST.get(theirs, 255)) for ours, theirs in _ADDRESS),
            ),
            (
                Reference(
                    "customer.old_provider_id", "customer_id", "customer", "customer_mark", "user_id", updates=False
                ),
            ),
            not_carried=(NotCarried("address_id", "the mark stands for it"),),
            unique=("old_provider_id",),
            object="address",
            identity="customer.old_provider_id",
        ),
        Kind(
            "source",
            "/sources",
            "cards",
            "object_id",
            (Field("card.source_id", "object_id", updates=False),),
            (
                Reference(
                    "customer.old_provider_id", "customer_id", "customer", "customer_mark", "user_id", updates=False
                ),
            ),
            not_carried=tuple(
                NotCarried(f"card.{name}", "the processor tells the site")
                for name in (
                    "gateway_customer_id",
                    "old_source_id",
                    "kind",
                    "brand",
                    "last4",
                    "exp_month",
                    "exp_year",
                    "is_default",
                )
            ),
            constants={"object_gateway": '"stripe"'},
            unique=("object_id",),
            updates=False,
            object="customer",
            identity="card.source_id",
        ),
        Kind(
            "subscription",
            "/subscriptions",
            "subscriptions",
            METADATA + MARK,
            (
                *subscription_id,
                Field("subscription.current_period_end", "current_period_end", DAY, updates=False),
                Field(
                    "subscription.cancel_at_period_end",
                    "auto_renew",
                    OPPOSITE,
                    # A gift's recipient is one-time: an update must not make it renew.
                    value=f"({quoted('subscription.cancel_at_period_end')} OR "
                    f"coalesce({quoted('subscription.common_metadata.is_gift_recipient')}, false))",
                ),
                start,
                Field("subscription.shipments_undeliverable", "shipments_undeliverable", BOOLEAN),
                Field("subscription.shipments_suspended_until", "shipments_suspended_until", DAY),
                Field("subscription.shipments_remaining", "shipments_remaining", WHOLE),
                Field("subscription.quantity", "quantity", WHOLE, updates=False),
                Field("subscription.collection_method", "collection_method", answer="billing"),
                Field(
                    "subscription.common_metadata.is_gift_donor",
                    "is_gift_donor",
                    BOOLEAN,
                    value=f"nullif({quoted('subscription.common_metadata.is_gift_donor')}, false)",
                    expected="nullif({value}, false)",
                    updates=False,
                ),
                *(
                    _metadata(f"subscription.common_metadata.{name}")
                    for name in ("old_id", "service_status", "order_number", "order_price", "order_term", "membership")
                ),
                *(
                    _metadata(f"subscription.common_metadata.{name}", BOOLEAN_AS_WORD)
                    for name in ("is_expired", "start_now", "is_gift_recipient")
                ),
                _metadata("subscription.common_metadata.gift_donor_subscription_id"),
                _metadata("subscription.type"),
            ),
            (
                Reference("customer.old_provider_id", "user_id", "customer", "customer_mark", updates=False),
                Reference(
                    "subscription.common_metadata.temporary_plan_id",
                    "plan_id",
                    "plan",
                    "plan_mark",
                    "plan",
                    updates=False,
                ),
                Reference("address", "address_id", "address", "address_mark", "address", updates=False),
                Reference(
                    "card.source_id",
                    "source_id",
                    "source",
                    "source_mark",
                    "default_source",
                    updates=False,
                    # What is sent invoices has none of ours, and keeps one that its customer has got since.
                    filled='wanted."source_id mark" IS NULL',
                ),
                Reference(
                    "subscription.common_metadata.gift_donor_subscription_id",
                    "gift_donor_subscription_id",
                    "subscription",
                    "donor_mark",
                    updates=False,
                    carried=Carried.UNREADABLE,
                ),
            ),
            takes_metadata=True,
            metadata_as_array=conventions.subscription_metadata == "array",
            ended=("canceled", "expired"),
            object="subscription",
            identity=old_id,
        ),
        Kind(
            "membership",
            "/memberships",
            "subscriptions",
            "old_provider_id",
            (),
            (
                Reference("subscription.common_metadata.membership", "subscription_id", "subscription", "admin_mark"),
                Reference("customer.old_provider_id", "customer_id", "customer", "customer_mark", "user_id"),
                Reference("address", "address_id", "address", "address_mark"),
            ),
            not_carried=tuple(
                NotCarried(name, "a membership is its group's: it holds no period, quantity or shipments of its own")
                for name in ATTRIBUTES
                if name.startswith("subscription.") and name != "subscription.common_metadata.membership"
            ),
            unique=("old_provider_id",),
            updates=False,
            object="subscription",
            identity=old_id,
        ),
        Kind(
            "invoice",
            "/invoices",
            "invoices",
            METADATA + MARK,
            (
                Field("invoice.amount", "total", WHOLE),
                Field("invoice.currency", "currency"),
                Field("invoice.due_date", "due_date", DAY),
                Field("invoice.status", "status"),
            ),
            (
                Reference("customer.old_provider_id", "customer_id", "customer", "customer_mark", "user_id"),
                Reference(old_id, "subscription_id", "subscription", "subscription_mark"),
            ),
            not_carried=tuple(
                NotCarried(f"invoice.{name}", "the subscription and the account's settings decide it")
                for name in ("collection_method", "case", "reading", "is_charge_attempted", "uncollectible_on")
            ),
            constants={"billing_reason": '"manual"'},
            updates=False,
            ended=("void",),
            object="subscription",
            identity=old_id,
        ),
    )
    return {kind.name: _rewritten(kind, conventions) for kind in listed}


def _revenue(conventions: Conventions) -> Form:
    word = literal(conventions.shipments_word)
    return Form(
        f"CASE {{value}} WHEN 'shipment_based' THEN {word} ELSE 'time' END",
        f"CASE {{text}} WHEN {word} THEN 'shipment_based' WHEN 'time' THEN 'time_based' END",
    )


def _rewritten(kind: Kind, conventions: Conventions) -> Kind:
    """A kind as a site has it that rewrites text."""
    if not conventions.rewrites_text:
        return kind
    fields = tuple(
        replace(each, expected=_LOWERED if each.name == "email" else _TRIMMED)
        if each.form is TEXT and not each.expected and not each.name.startswith(METADATA)
        else each
        for each in kind.fields
    )
    return replace(kind, fields=fields)


def attributes() -> Iterator[tuple[str, str, str]]:
    """Of each attribute: the kind of object that it goes with, what carries it, and, where nothing does, why."""
    for kind in kinds(Conventions()).values():
        for each in kind.fields:
            yield each.attribute, kind.name, each.name
        for each in kind.references:
            yield each.attribute, kind.name, each.name
        for each in kind.not_carried:
            yield each.attribute, kind.name, f"not carried: {each.reason}"
