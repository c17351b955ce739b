"""What the Core API takes and gives: each endpoint, field and rule, with the page that says so or the assumption made.

`openapi.json` is rendered from this, and requests are checked by what is rendered.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

#: The rows of a list, where none are asked for, and at most.
ROWS, MOST_ROWS = 10, 100
_INT32 = 2**31 - 1


class Operation(NamedTuple):
    """One endpoint. `source` and the marks in `query` and `body` are a page's name or `assumed:ID`.

    `answers` names the object that comes back, one or, of an endpoint that lists, a page of them. `rules` are those that
    hang on several fields or on what the site holds, by name.
    """

    name: str
    method: str
    path: str
    source: str
    answers: str | None = None
    query: Mapping[str, dict] = MappingProxyType({})
    body: dict[str, dict] | None = None
    required: tuple[str, ...] = ()
    rules: Mapping[str, str] = MappingProxyType({})
    status: int = 200

    @property
    def lists(self) -> bool:
        """Whether it answers with a page of rows."""
        return self.name.startswith("list_")


def text(most: int | None = None, **more: object) -> dict:
    """A string of at most so many characters."""
    return {"type": "string"} | ({"maxLength": most} if most else {}) | more


def whole(least: int = -_INT32 - 1, most: int = _INT32) -> dict:
    """An integer; of 32 bits, where nothing narrower is said."""
    return {"type": "integer", "minimum": least, "maximum": most}


def one_of(*words: object) -> dict:
    """One of some values."""
    kinds = sorted({"string" if isinstance(word, str) else "integer" for word in words})
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": list(words)}


def many(schema: dict) -> dict:
    """A list of such."""
    return {"type": "array", "items": schema}


FLAG = {"type": "boolean"}
MINOR = whole(0, 10**12)
WHEN = whole(0)
#: The same in an answer, where sums and periods may reach further.
AMOUNT = {"type": "integer", "minimum": 0}
TIME = AMOUNT
ID = whole(1)
#: One row a value; a metadata value is a scalar.
METADATA = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"], "maxLength": 65535},
}


def _either(*kinds: str) -> dict:
    return {"type": list(kinds)}


def documented(page: str, /, **fields: dict) -> dict[str, dict]:
    """Fields that a page of the documentation names."""
    return {name: schema | {"x-documented": page} for name, schema in fields.items()}


def assumed(assumption: str, /, **fields: dict) -> dict[str, dict]:
    """Fields that are here by an assumption."""
    return {name: schema | {"x-assumed": assumption} for name, schema in fields.items()}


_OBJECTS = "fields-of-the-object"
_ANSWERS = "fields-of-the-answer"

#: What each object answers with. Every field may be null but the id.
OBJECTS: dict[str, dict[str, dict]] = {
    "customer": documented(
        "api-core-customer-object-attributes",
        id=ID,
        addresses=many(_either("integer", "object")),
        default_source_id=ID,
        default_source=_either("integer", "object"),
        organization=_either("integer", "object"),
        subscriptions=many(_either("integer", "object")),
        display_name=text(),
        username=text(),
        email=text(),
        email_confirm=FLAG,
        email_hardbounce=FLAG,
        first_name=text(),
        last_name=text(),
        mail_marketing=FLAG,
        metadata=METADATA,
        name=text(),
        old_provider_id=text(),
        phone=text(),
        phone_confirm=FLAG,
        salutation=text(),
        title=text(),
        tin=text(),
        tele_marketing=FLAG,
        has_password=FLAG,
        password_last_updated_at=TIME,
        is_imported=FLAG,
        created_at=TIME,
        last_login_at=TIME,
        updated_at=TIME,
        deleted_at=TIME,
    ),
    "address": documented(
        "api-core-address-object-attributes",
        id=ID,
        user_id=ID,
        first_name=text(),
        last_name=text(),
        type=_either("string", "integer"),
        title=text(),
        line1=text(),
        line2=text(),
        city=text(),
        state=text(),
        country=text(),
        postal_code=text(),
        phone=text(),
        is_default=FLAG,
        old_provider_id=text(),
    )
    | assumed(_ANSWERS, salutation=text(), company=text(), department=text(), created_at=TIME, updated_at=TIME),
    "product": documented(
        "api-core-product-object-attributes",
        id=ID,
        name=text(),
        name_internal=text(),
        description=text(),
        active=FLAG,
        is_hidden=FLAG,
        is_imported=FLAG,
        shippable=FLAG,
        address_required=one_of(0, 1),
        countries=many(text()),
        entitlements=many(text()),
        image=text(),
        language=text(),
        package_dimensions=text(),
        statement_descriptor=text(22),
        unit_label=text(),
        old_provider_id=text(),
        import_unique_id=text(),
        revenue_recognition_strategy=text(),
        plans=many(_either("integer", "object")),
    )
    | assumed(_ANSWERS, created_at=TIME, updated_at=TIME),
    "plan": documented(
        "api-core-plan-object-attributes",
        id=ID,
        nickname=text(),
        auto_renew=FLAG,
        amount=AMOUNT,
        currency=text(3),
        interval=one_of("day", "week", "month", "year"),
        interval_count=whole(1),
        available_online=FLAG,
        active=_either("boolean", "string"),
        type=one_of("regular", "membership", "donation"),
        description=text(),
        gift_description=text(),
        image=text(),
        entitlements=many(text()),
        metadata=METADATA,
        countries=many(text()),
        domains=many(text()),
        ip_addresses=many(text()),
        agency_id=ID,
        agency_remit_rate={"type": "number"},
        apple_product_id=text(),
        group_owner_plan_id=ID,
        member_seat_capacity=whole(1),
        shipments_per_interval=whole(0),
        old_provider_id=text(),
    )
    | assumed(
        _ANSWERS,
        product_id=ID,
        name_internal=text(),
        revenue_recognition_type=text(),
        trial_period_days=whole(0),
        allow_refunds=FLAG,
        created_at=TIME,
        updated_at=TIME,
    ),
    "subscription": documented(
        "api-core-subscription-object-attributes",
        id=ID,
        user_id=ID,
        plan=_either("integer", "object"),
        address=_either("integer", "object"),
        coupon=_either("integer", "object"),
        default_source=_either("integer", "object"),
        latest_invoice=_either("integer", "object"),
        latest_churn_prediction=text(),
        status=one_of("active", "trialing", "past_due", "scheduled", "canceled", "expired"),
        type=one_of("regular", "membership", "gift_donor", "gift_recipient", "donation"),
        is_membership=FLAG,
        billing=one_of("charge_automatically", "send_invoice"),
        quantity=whole(1),
        auto_renew=one_of(0, 1),
        cancel_at_period_end=one_of(0, 1),
        cancel_at=TIME,
        canceled_at=TIME,
        canceled_by=text(),
        canceled_by_type=one_of("System", "Customer", "Publisher", "Agency"),
        cancel_reason=text(),
        current_period_start=TIME,
        current_period_end=TIME,
        created=TIME,
        days_until_due=whole(0),
        ended_at=TIME,
        trial_start=TIME,
        trial_end=TIME,
        address_required=FLAG,
        is_gift_donor=FLAG,
        is_gift_recipient=FLAG,
        due_date=TIME,
        gift_code=text(),
    )
    | documented("react-pelcro-js", end_date=TIME, start=TIME, shipments_remaining=whole(0))
    | documented("react-pelcro-js", shipments_suspended_until=TIME)
    | assumed(
        _ANSWERS,
        shipments_undeliverable=FLAG,
        metadata=METADATA,
        domains=many(text()),
        ip_addresses=many(text()),
        updated_at=TIME,
    )
    | assumed("subscription-old-id", old_provider_id=text()),
    "membership": assumed(
        _ANSWERS,
        id=ID,
        subscription_id=ID,
        user_id=ID,
        address_id=ID,
        email=text(),
        status=one_of("active", "invited"),
        old_provider_id=text(),
        created_at=TIME,
        updated_at=TIME,
    ),
    "source": documented(
        "api-core-source-object-attributes",
        id=ID,
        status=one_of("canceled", "chargeable", "consumed", "failed", "pending"),
        object_gateway=text(),
        object_id=text(),
        exp_month=whole(1, 12),
        exp_year=whole(1),
        brand=text(),
        country=text(),
        fingerprint=text(),
        funding=text(),
        last4=text(),
        properties={"type": "object"},
        created_at=TIME,
        updated_at=TIME,
        deleted_at=TIME,
    )
    | assumed(_ANSWERS, user_id=ID, old_provider_id=text()),
    "invoice": documented(
        "api-core-create-vendor",
        currency=text(3),
        total=AMOUNT,
        line_items=many({"type": "object"}),
        subscription_id=ID,
        period_start=TIME,
        period_end=TIME,
        due_date=TIME,
        status=one_of("draft", "open", "paid", "uncollectible", "void"),
        billing_reason=text(),
    )
    | assumed(
        _ANSWERS,
        id=ID,
        user_id=ID,
        billing=one_of("charge_automatically", "send_invoice"),
        amount_paid=AMOUNT,
        metadata=METADATA,
        created_at=TIME,
        updated_at=TIME,
    ),
    "charge": assumed(
        _ANSWERS,
        id=ID,
        invoice_id=ID,
        subscription_id=ID,
        user_id=ID,
        source_id=ID,
        amount=AMOUNT,
        currency=text(3),
        status=one_of("succeeded", "failed"),
        reference=text(),
        type=whole(2, 6),
        created_at=TIME,
    ),
    "coupon": documented(
        "api-core-create-coupon",
        amount_off=AMOUNT,
        currency=text(3),
        percent_off={"type": "number"},
        name=text(),
        code=text(),
        duration=text(),
        redeem_by=text(),
        max_redemptions=whole(1),
        plans=many(ID),
        metadata=METADATA,
    )
    | assumed(_ANSWERS, id=ID, created_at=TIME, updated_at=TIME),
    "webhook": documented(
        "api-core-create-webhook",
        url=text(),
        description=text(200),
        all_events_enabled=FLAG,
        events_enabled=many(text()),
        secret=text(),
    )
    | assumed(_ANSWERS, id=ID, created_at=TIME, updated_at=TIME),
    "organization": documented("api-core-filtering-and-sorting", id=ID, name=text(), created_at=TIME),
}

#: What `expand` takes of each object, and what each of these is.
EXPANDED = {
    "customer": {
        "addresses": "address",
        "subscriptions": "subscription",
        "default_source": "source",
        "organization": "organization",
    },
    "product": {"plans": "plan"},
    "subscription": {
        "plan": "plan",
        "address": "address",
        "coupon": "coupon",
        "default_source": "source",
        "latest_invoice": "invoice",
    },
}
#: What a list is sorted by and filtered on, as the documentation lists it; `metadata.*` is any key.
SORTED = {
    "customer": ("id", "email"),
    "invoice": ("id", "status", "created_at"),
    "organization": ("id", "name", "created_at"),
    "subscription": ("status",),
    "plan": ("id", "nickname"),
}
FILTERED = {
    "customer": ("email", "first_name", "last_name", "metadata.*"),
    "invoice": ("id", "status", "metadata.*"),
    "membership": ("user_id", "subscription_id"),
    "organization": ("name",),
}

_SITE = documented("api-core-intro", site_id=ID)
_ONE = _SITE | documented("api-core-expanding-relationships", expand=many(text()))
_LISTED = (
    _ONE
    | documented("api-core-pagination-limits", page=whole(1), limit=whole(1))
    | documented("api-core-filtering-and-sorting", sort=text(), filter={"type": "object"})
)

_COUNTRY = text(2, pattern="^[A-Z]{2}$")
_CUSTOMER = documented(
    "api-core-create-customer",
    email=text(255),
    skip_email_dns_validations=FLAG,
    first_name=text(255),
    last_name=text(255),
    phone=text(255),
    tele_marketing=FLAG,
    email_marketing=FLAG,
    email_hardbounce=FLAG,
    metadata=METADATA,
    old_provider_id=text(255),
    display_name=text(100),
    password=text(255),
    payment_gateway_id=text(255, pattern="^cus_[A-Za-z0-9_]+$"),
    import_payment_methods=FLAG,
)
_CUSTOMER_MORE = {
    "username": text(255, pattern="^[A-Za-z0-9_-]+$"),
    "title": text(255),
    "salutation": text(255),
    "tin": text(255),
}
_ADDRESS = documented(
    "api-core-create-address",
    type=one_of("shipping", "billing", "account_primary"),
    line1=text(255),
    line2=text(255),
    city=text(255),
    state=text(255),
    country=_COUNTRY,
    postal_code=text(45),
    first_name=text(255),
    last_name=text(255),
    title=text(255),
    salutation=text(255),
    company=text(255),
    department=text(255),
    phone=text(255, pattern="^[0-9]+$"),
    old_provider_id=text(191),
    is_default=FLAG,
    is_default_updated=FLAG,
)
_PRODUCT_MORE = {
    "name_internal": text(255),
    "description": text(65535),
    "is_hidden": FLAG,
    "shippable": FLAG,
    "address_required": one_of(0, 1),
    "countries": many(_COUNTRY),
    "entitlements": many(text(255)),
    "image": text(255),
    "language": text(5, pattern="^[a-z]{2}(_[A-Z]{2})?$"),
    "package_dimensions": text(255),
    "statement_descriptor": text(22),
    "unit_label": text(255),
}
_OLD_CATALOGUE_IDS = documented("changelog-1.54", old_provider_id=text(255), import_unique_id=text(255))
_PLAN_MORE = {
    "description": text(65535),
    "gift_description": text(65535),
    "image": text(255),
    "entitlements": many(text(255)),
    "metadata": METADATA,
    "countries": many(_COUNTRY),
    "domains": many(text(255)),
    "ip_addresses": many(text(255)),
    "apple_product_id": text(255),
    "group_owner_plan_id": ID,
    "member_seat_capacity": whole(1),
    "shipments_per_interval": whole(0),
    "type": one_of("regular", "membership", "donation"),
}
_INTERVALS = one_of("day", "week", "month", "year")
_METHODS = one_of("charge_automatically", "send_invoice")
_CURRENCY = text(3, pattern="^[a-z]{3}$")
_REASONS = one_of("manual", "subscription_create", "subscription_cycle", "subscription_update", "order_create")

_UNIQUE = "A value that is unique in the account is held by no other row."


def operations(choices: dict[str, str]) -> tuple[Operation, ...]:
    """Every endpoint, as the chosen alternatives of the assumptions make it."""
    return (
        *_readers(choices),
        *_catalogue(choices),
        *_subscriptions(choices),
        *_money(choices),
        *_site(),
    )


def _crud(
    one: str, page: str, *, made_from: tuple[dict, tuple[str, ...], dict], changed_by: tuple[dict, dict], **kinds
):
    """List, create, get, update and delete of one kind of object."""
    kind = plural(one)
    body, required, rules = made_from
    changes, change_rules = changed_by
    pages = {verb: f"api-core-{verb}-{one}" for verb in ("create", "update", "delete")} | kinds
    yield Operation(f"list_{kind}", "GET", f"/{kind}", kinds.get("list", page), one, _LISTED)
    yield Operation(f"create_{one}", "POST", f"/{kind}", pages["create"], one, _SITE, body, required, rules, status=201)
    yield Operation(f"get_{one}", "GET", f"/{kind}/{{id}}", page, one, _ONE)
    yield Operation(f"update_{one}", "PUT", f"/{kind}/{{id}}", pages["update"], one, _SITE, changes, (), change_rules)
    yield Operation(
        f"delete_{one}",
        "DELETE",
        f"/{kind}/{{id}}",
        pages["delete"],
        None,
        _SITE,
        None,
        (),
        kinds.get("delete_rules", {}),
    )


def plural(one: str) -> str:
    """An object's kind, as paths and the store have it."""
    return f"{one}es" if one == "address" else f"{one}s"


def _more(choices: dict[str, str], fields: dict[str, dict]) -> dict[str, dict]:
    """Fields that are known of the object alone."""
    return assumed(_OBJECTS, **fields) if choices[_OBJECTS] == "accepted" else {}


def _assumed_of_updates(fields: dict[str, dict]) -> dict[str, dict]:
    """Fields of an update whose page was not found: those of the creation and of the object."""
    plain = {name: {key: value for key, value in field.items() if key[:2] != "x-"} for name, field in fields.items()}
    return assumed(_OBJECTS, **plain)


def _readers(choices: dict[str, str]):
    words = ("password_bcrypt", "password_md5", "password_drupal", "password_plain")
    types = words[:1] if choices["password-type"] == "bcrypt" else words
    customer = _CUSTOMER | assumed("password-type", password_type=one_of(*types))
    changed = documented("api-core-update-customer", default_source_id=ID, organization=ID)
    customer_rules = {
        "customer-email": "An email has the form of one and, without skip_email_dns_validations, a domain that takes mail.",
        "customer-phone": "A phone has 5 to 20 digits; what else it has is dropped.",
        "customer-password-type": "password_type goes with a password.",
        "customer-payment-methods": "import_payment_methods goes with a payment_gateway_id, which the gateway knows.",
        "customer-unique": f"{_UNIQUE} These are email, old_provider_id and username.",
    }
    yield from _crud(
        "customer",
        "api-core-customers",
        made_from=(
            customer | _more(choices, _CUSTOMER_MORE),
            (),
            {"customer-named": "At least one of email, old_provider_id and display_name is given."} | customer_rules,
        ),
        changed_by=(
            customer | changed | documented("api-core-update-customer", **_CUSTOMER_MORE),
            {"customer-source": "default_source_id is one of the customer's own."} | customer_rules,
        ),
    )
    owner = documented("api-core-create-address", customer_id=ID, customer_old_provider_id=text(255))
    address_rules = {
        "address-country": "The country is a code of ISO 3166-1.",
        "address-state": "Addresses of CA, US and AU have a state, of two letters where these have such.",
        "address-taxes": "is_default_updated is not true where the account has taxes enabled.",
        "address-postal-code": "Addresses of CA and US have a postal code where the account validates by AvaTax.",
        "address-unique": f"{_UNIQUE} This is old_provider_id.",
    }
    yield from _crud(
        "address",
        "api-core-list-addresses",
        made_from=(
            _ADDRESS | owner,
            ("type", "line1", "country"),
            {
                "address-customer": "customer_id or customer_old_provider_id is given, of a customer who is not deleted; both name the same one."
            }
            | address_rules,
        ),
        changed_by=(
            _ADDRESS,
            {"address-used": "country and state stay, once a subscription uses the address."} | address_rules,
        ),
        delete="assumed:delete-in-use",
        delete_rules={"address-in-use": "An address that a live subscription uses stays."},
    )
    source = documented(
        "api-core-create-payment-method",
        customer_id=ID,
        customer_old_provider_id=text(255),
        object_gateway=one_of("stripe", "braintree", "vantiv", "cybersource", "tap"),
        object_id=text(255),
        properties={"type": "object"},
    )
    yield Operation("list_sources", "GET", "/sources", "api-core-filtering-and-sorting", "source", _LISTED)
    yield Operation(
        "create_source",
        "POST",
        "/sources",
        "api-core-create-payment-method",
        "source",
        _SITE,
        source | _more(choices, {"old_provider_id": text(255)}),
        ("customer_id", "object_gateway", "object_id"),
        {
            "source-customer": "customer_old_provider_id names the same customer as customer_id.",
            "source-object": "A Stripe object is a src_, card_ or pm_ that the gateway knows; a Tap one is a card_.",
            "source-properties": "Braintree, Vantiv, Cybersource and Tap each ask for their own properties.",
            "source-unique": f"{_UNIQUE} This is object_id.",
            "source-most": "A customer has at most 200.",
        },
        201,
    )
    yield Operation("get_source", "GET", "/sources/{id}", "api-core-source-object-attributes", "source", _ONE)
    if choices["source-delete"] == "exists":
        yield Operation("delete_source", "DELETE", "/sources/{id}", "assumed:source-delete", None, _SITE)


def _catalogue(choices: dict[str, str]):
    name = assumed(_OBJECTS, name=text(255))
    unique = {"product-unique": f"{_UNIQUE} This is old_provider_id, where it is unique."}
    changed = _assumed_of_updates(name | _OLD_CATALOGUE_IDS | {"active": FLAG} | _PRODUCT_MORE)
    products = tuple(
        _crud(
            "product",
            "api-core-product",
            made_from=(name | _OLD_CATALOGUE_IDS | _more(choices, _PRODUCT_MORE), ("name",), unique),
            changed_by=(changed, unique),
            create="assumed:fields-of-the-object",
            update="api-core-update-plan",
            delete="api-core-update-plan",
            delete_rules={"product-in-use": "A product whose plans live subscriptions use stays."},
        )
    )
    yield from products
    yield _by_post(products, "product")
    word = choices["shipments-word"]
    shown = documented(
        "api-core-create-plan",
        product_id=ID,
        nickname=text(255),
        name_internal=text(255),
        auto_renew=FLAG,
        currency=_CURRENCY,
        interval=_INTERVALS,
        interval_count=whole(1),
        available_online=FLAG,
    )
    shown |= assumed("plan-amount", amount={"type": "number", "minimum": 0, "maximum": 10**9})
    shown |= assumed("shipments-word", revenue_recognition_type=one_of("time", word))
    hidden = assumed(
        "hidden-names",
        product_old_provider_id=text(255),
        allow_refunds=FLAG,
        trial_period_days=whole(0, 730),
    )
    old_id = documented("changelog-1.54", old_provider_id=text(255))
    required = ["product_id", "nickname", "auto_renew", "amount", "currency", "revenue_recognition_type"]
    required += ["interval", "interval_count", "available_online"]
    if choices["hidden-names"] == "as-named":
        required += ["allow_refunds", "trial_period_days"]
    rules = {
        "plan-product": "The product is one of the site's, and the same by its import_unique_id.",
        "plan-currency": "The currency is enabled on the account.",
        "plan-unique": f"{_UNIQUE} This is old_provider_id, where it is unique.",
    }
    plans = tuple(
        _crud(
            "plan",
            "api-core-plan",
            made_from=(shown | hidden | old_id | _more(choices, _PLAN_MORE), tuple(required), rules),
            changed_by=(
                _assumed_of_updates(shown | hidden | old_id | {"active": FLAG} | _PLAN_MORE),
                rules,
            ),
            delete="api-core-update-plan",
            delete_rules={"plan-in-use": "A plan that live subscriptions use stays."},
        )
    )
    yield from plans
    yield _by_post(plans, "plan")


def _by_post(made: tuple[Operation, ...], one: str) -> Operation:
    """The older way to update: the same, by POST."""
    update = next(operation for operation in made if operation.name == f"update_{one}")
    return update._replace(name=f"update_{one}_by_post", method="POST", source="assumed:paths")


def _subscriptions(choices: dict[str, str]):
    page = "api-core-create-subscription"
    fields = documented(
        page,
        user_id=ID,
        customer_old_provider_id=text(255),
        plan_id=ID,
        plan_old_provider_id=text(255),
        address_id=ID,
        address_old_provider_id=text(191),
        address={"type": "object"},
        source_id=ID,
        source_old_provider_id=text(255),
        auto_renew=FLAG,
        campaign_key=text(191, minLength=3, pattern="^[A-Za-z0-9_-]+$"),
        collection_method=_METHODS,
        coupon_code=text(255),
        current_period_end=WHEN,
        next_invoice_date=WHEN,
        trial_period_days=whole(0, 730),
        start_date=WHEN,
        billing_behavior=one_of("bill_immediately", "bill_on_start_date"),
        is_gift_donor=FLAG,
        gift_recipient_email=text(255),
        gift_recipient_first_name=text(255),
        gift_recipient_last_name=text(255),
        gift_donor_subscription_id=ID,
        gift_donor_old_provider_id=text(255),
        domains=many(text(255)),
        quantity=whole(1, 100000),
        shipments_remaining=whole(0),
    )
    fields |= assumed(
        "subscription-metadata",
        metadata=many(METADATA) if choices["subscription-metadata"] == "array" else METADATA,
    )
    fields |= _more(
        choices,
        {"shipments_undeliverable": FLAG, "shipments_suspended_until": WHEN, "ip_addresses": many(text(255))},
    )
    if choices["subscription-old-id"] != "refused":
        fields |= assumed("subscription-old-id", old_provider_id=text(255))
    rules = {
        "subscription-plan": "plan_id or plan_old_provider_id is given; both name the same one.",
        "subscription-customer": "user_id or customer_old_provider_id is given; both name the same one.",
        "subscription-source": "What charges automatically, which is the default, has a source, one of the customer's.",
        "subscription-taxes": "Where the account has taxes enabled, an address that is given is the customer's.",
        "subscription-address": "Where the product requires an address, one of the customer's is given, or, where they have no shipping address, one in full.",
        "subscription-gift-recipient": "gift_recipient_* go with is_gift_donor.",
        "subscription-gift-donor": "A recipient's subscription names its donor's and is none itself.",
        "subscription-trial": "current_period_end and trial_period_days exclude each other.",
        "subscription-period-end": "current_period_end lies in the future.",
        "subscription-next-invoice": "next_invoice_date equals current_period_end.",
        "subscription-start": "A start_date in the future goes with a billing_behavior.",
        "subscription-domains": "domains and ip_addresses are for membership plans.",
        "subscription-coupon": "The coupon exists and can still be redeemed.",
        "subscription-most": "A customer has at most as many subscriptions as the account allows.",
        "subscription-unique": f"{_UNIQUE} This is old_provider_id, where it is unique.",
    }
    one = "subscription"
    yield Operation("list_subscriptions", "GET", "/subscriptions", "api-core-subscription", one, _LISTED)
    yield Operation(
        "create_subscription", "POST", "/subscriptions", page, one, _SITE, fields, ("quantity",), rules, status=201
    )
    yield Operation(
        "get_subscription", "GET", "/subscriptions/{id}", "api-core-subscription-object-attributes", one, _ONE
    )
    changes = documented(
        "api-core-update-subscription",
        shipments_remaining=whole(0),
        auto_renew=FLAG,
        metadata=METADATA,
        ip_addresses=many(text(255)),
        domains=many(text(255)),
        end_date=WHEN,
        collection_method=_METHODS,
        recommended_plan_id=ID,
    )
    changes |= _more(choices, {"shipments_undeliverable": FLAG, "shipments_suspended_until": WHEN})
    yield Operation(
        "update_subscription",
        "PUT",
        "/subscriptions/{id}",
        "api-core-update-subscription",
        one,
        _SITE,
        changes,
        (),
        {
            "subscription-end": "end_date lies after the period's end.",
            "subscription-collection": "What charges automatically has a source.",
        },
    )
    cancel = documented("api-core-cancel-subscription", mode=one_of("period_end", "now"), reason=text(255))
    yield Operation(
        "cancel_subscription",
        "DELETE",
        "/subscriptions/{id}",
        "api-core-cancel-subscription",
        one,
        _SITE | cancel,
        cancel,
        (),
        {
            "cancel-mode": "mode is given, in the query or the body.",
            "cancel-refused": "A gift recipient's subscription, and one that has ended, cannot be cancelled.",
        },
    )
    renewal = documented(
        "api-core-renew-subscription",
        subscription_id=ID,
        plan_id=ID,
        quantity=whole(1, 100000),
        source=one_of("Web", "phone", "email"),
        address_id=ID,
        source_id=ID,
        auto_renew=FLAG,
        campaign_key=text(191, minLength=3, pattern="^[A-Za-z0-9_-]+$"),
        collection_method=_METHODS,
        coupon_code=text(255),
        replace_upcoming_phases=FLAG,
    )
    yield Operation(
        "renew_subscription",
        "POST",
        "/subscriptions/renew",
        "api-core-renew-subscription",
        one,
        _SITE | documented("api-core-renew-subscription", user_id=ID),
        renewal,
        ("subscription_id", "plan_id", "quantity", "source"),
        {"renew-same": "Subscription and plan exist, and user_id is whose subscription it is."},
    )
    yield Operation(
        "redeem_subscription",
        "POST",
        "/subscriptions/redeem",
        "api-core-redeem-subscription",
        one,
        _SITE,
        documented("api-core-redeem-subscription", gift_code=text(255), user_id=ID, subscription_id=ID, address_id=ID),
        ("gift_code", "user_id"),
        {"redeem-code": "The code is that of a donor's live subscription, paid for and not redeemed yet."},
        201,
    )
    address = documented("api-core-create-membership", address_id=ID)
    membership = documented("api-core-create-membership", subscription_id=ID, customer_id=ID, old_provider_id=text(255))
    member_rules = {
        "membership-subscription": "The subscription is live and of a membership plan.",
        "membership-customer": "The customer exists and is no member of it yet.",
        "membership-seats": "A seat is left.",
        "membership-address": "The address is that customer's.",
        "membership-unique": f"{_UNIQUE} This is old_provider_id.",
    }
    yield Operation("list_memberships", "GET", "/memberships", "api-core-create-membership", "membership", _LISTED)
    yield Operation(
        "create_membership",
        "POST",
        "/memberships",
        "api-core-create-membership",
        "membership",
        _SITE,
        membership | address,
        ("subscription_id", "customer_id"),
        member_rules,
        201,
    )
    yield Operation(
        "invite_member",
        "POST",
        "/memberships/invite",
        "api-core-invite-member",
        "membership",
        _SITE,
        documented(
            "api-core-invite-member",
            email=text(255, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$"),
            subscription_id=ID,
            old_provider_id=text(255),
        ),
        ("email", "subscription_id"),
        {"invite-email": "The email is neither invited nor a member's yet."},
        201,
    )
    yield Operation("get_membership", "GET", "/memberships/{id}", "api-core-update-plan", "membership", _ONE)
    yield Operation(
        "update_membership", "PUT", "/memberships/{id}", "api-core-update-plan", "membership", _SITE, address
    )
    yield Operation("delete_membership", "DELETE", "/memberships/{id}", "api-core-update-plan", None, _SITE)


def _money(choices: dict[str, str]):
    page = "api-core-create-vendor"
    line = {
        "type": "object",
        "properties": documented(
            page,
            unit_price=MINOR,
            quantity=whole(1),
            tax_name=text(255),
            tax_rate={"type": "number", "minimum": 0, "maximum": 100},
        )
        | assumed(_OBJECTS, description=text(255)),
        "required": ["unit_price", "quantity"],
    }
    fields = documented(
        page,
        currency=_CURRENCY,
        customer_id=ID,
        customer_old_provider_id=text(255),
        subscription_id=ID,
        subscription_old_provider_id=text(255),
        line_items=many(line),
        total=MINOR,
        period_start=WHEN,
        period_end=WHEN,
        due_date=WHEN,
        status=one_of("draft", "open", "paid", "uncollectible", "void"),
        billing_reason=_REASONS,
    ) | _more(choices, {"metadata": METADATA})
    yield Operation("list_invoices", "GET", "/invoices", "api-core-filtering-and-sorting", "invoice", _LISTED)
    yield Operation(
        "create_invoice",
        "POST",
        "/invoices",
        "create-invoice",
        "invoice",
        _SITE,
        fields,
        ("currency",),
        {
            "invoice-currency": "The currency is enabled on the account.",
            "invoice-customer": "customer_id or customer_old_provider_id is given; both name the same one.",
            "invoice-subscription": "The subscription is that customer's.",
            "invoice-amount": "Either line_items or total is given, of at most 10^12.",
            "invoice-tax": "tax_name and tax_rate go together.",
            "invoice-period": "A period ends after it starts.",
        },
        201,
    )
    yield Operation("get_invoice", "GET", "/invoices/{id}", "create-invoice", "invoice", _ONE)
    yield Operation(
        "update_invoice",
        "PUT",
        "/invoices/{id}",
        "assumed:paths",
        "invoice",
        _SITE,
        documented("api-core-update-plan", metadata=METADATA),
        ("metadata",),
    )
    yield Operation(
        "pay_invoice",
        "POST",
        "/invoices/{id}/pay_offline",
        "api-core-pay-invoice",
        "invoice",
        _SITE,
        assumed("hidden-names", reference=text(255), type=one_of(2, 3, 4, 5, 6)),
        ("reference", "type"),
        {"invoice-open": "The invoice is open."},
    )
    for name, path in (("void_invoice", "void"), ("write_off_invoice", "mark_uncollectible")):
        yield Operation(
            name,
            "POST",
            f"/invoices/{{id}}/{path}",
            "assumed:paths",
            "invoice",
            _SITE,
            None,
            (),
            {"invoice-unpaid": "The invoice is neither paid, void nor uncollectible."},
        )
    yield Operation("list_charges", "GET", "/charges", "api-core-update-plan", "charge", _LISTED)
    yield Operation("get_charge", "GET", "/charges/{id}", "api-core-update-plan", "charge", _ONE)
    page = "api-core-create-coupon"
    coupon = documented(
        page,
        amount_off=MINOR,
        currency=_CURRENCY,
        percent_off={"type": "number", "minimum": 0, "maximum": 100},
        name=text(255),
        code=text(255, pattern="^[A-Za-z0-9]+$"),
        duration=one_of("once", "repeating", "forever"),
        redeem_by=text(10, pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        max_redemptions=whole(1),
        plans=many(ID),
        metadata=METADATA,
    )
    kept = ("name", "code", "redeem_by", "max_redemptions", "plans", "metadata")
    rules = {
        "coupon-unique": "No other coupon of the site has the code.",
        "coupon-date": "redeem_by lies in the future.",
        "coupon-plans": "The plans are the site's.",
    }
    yield from _crud(
        "coupon",
        page,
        made_from=(
            coupon,
            ("code",),
            {"coupon-off": "Exactly one of amount_off, with a currency, and percent_off is given."} | rules,
        ),
        changed_by=({name: coupon[name] for name in kept}, rules),
    )


def _site():
    page = "api-core-create-webhook"
    webhook = documented(
        page,
        url=text(255, pattern="^https?://.+$"),
        description=text(200),
        all_events_enabled=FLAG,
        events_enabled=many(text(255)),
    )
    rules = {
        "webhook-unique": "No other webhook of the account has the url.",
        "webhook-most": "An account has at most 10.",
    }
    yield from _crud(
        "webhook",
        "api-core-webhook",
        made_from=(webhook, ("url", "all_events_enabled"), rules),
        changed_by=(webhook, {"webhook-unique": rules["webhook-unique"]}),
    )
    yield Operation(
        "list_organizations", "GET", "/organizations", "api-core-filtering-and-sorting", "organization", _LISTED
    )
