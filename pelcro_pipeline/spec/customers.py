"""Customers: the readers that subscriptions, payments and invoices hang from."""

from pelcro_pipeline.spec.kinds import (
    BCRYPT,
    BOOLEAN,
    CUSTOMER_PHONE,
    EMAIL,
    IDENTIFIER,
    MD5,
    PASSWORD,
    PASSWORD_SCHEME,
    PLAIN_TEXT,
    SALUTATION,
    TEXT,
    WORDPRESS,
)
from pelcro_pipeline.spec.model import Attribute, Need, Personal, Severity, Table, empty, invalid, repaired, whenever

_PASSWORD = '"customer.password"'
_SCHEME = '"customer.common_metadata.password_encryption"'
_TOLD_SCHEME = f"detect_hash_scheme({_PASSWORD})"
#: Neither a salted md5 nor plain text is told by the hash alone.
_UNTOLD_BUT_POSSIBLE = (
    f"coalesce({_SCHEME} IN ('{MD5}', '{PLAIN_TEXT}') AND accepts_password({_PASSWORD}, {_SCHEME}), false)"
)

#: The guide's label names both WordPress and bcrypt.
_LABELLED = f"coalesce({_SCHEME} = '{WORDPRESS}' AND {_TOLD_SCHEME} = '{BCRYPT}', false)"

#: The same on every run; records with the same email share it, unless it is none (`n/a`).
_ASSIGNED_ID = """'gen-' || left(md5(coalesce(if("customer.email ?" IN ('ok', 'repaired'), lower("customer.email"), NULL), record_content)), 12)"""

CUSTOMERS = Table(
    name="customers",
    object="customer",
    title="Customers",
    doc="Authenticated users, with or without subscriptions. One per old provider id; later records "
    "of an id are merged into its first.",
    prefix="customer.",
    key="customer.old_provider_id",
    metadata_prefix="customer.common_metadata.",
    attributes=(
        Attribute(
            "customer.old_provider_id",
            IDENTIFIER,
            Need.REQUIRED,
            "The unique identifier of the customer in the old system. Where there is none, one is assigned; "
            "it must also be in the card dump.",
            examples=("143278", "abc1234", "1234abc"),
            violations=(empty("CUS-ID-MISSING", Severity.REPAIR, value=_ASSIGNED_ID),),
            personal=Personal.CUSTOMER,
        ),
        Attribute(
            "customer.email",
            EMAIL,
            Need.RECOMMENDED,
            "Unique to each old provider id. Without it the customer cannot log in.",
            examples=("gerard.cassano@example.com",),
            violations=(repaired("CUS-EMAIL-INVALID"), invalid("CUS-EMAIL-INVALID", Severity.CLEAR)),
            unique=True,
            personal=Personal.EMAIL,
        ),
        Attribute(
            "customer.first_name",
            TEXT,
            Need.RECOMMENDED,
            "The first name of the subscriber.",
            ("Gerard",),
            personal=Personal.NAME,
        ),
        Attribute(
            "customer.last_name",
            TEXT,
            Need.RECOMMENDED,
            "The last name of the subscriber.",
            ("Cassano",),
            personal=Personal.NAME,
        ),
        Attribute(
            "customer.phone",
            CUSTOMER_PHONE,
            Need.OPTIONAL,
            "The default phone number. No letters, at most 20 digits.",
            examples=("0015141234567", "+15141234567", "+1.514.123.4567", "+1-514-123-4567", "(514)1234567"),
            violations=(repaired("CUS-PHONE-INVALID"), invalid("CUS-PHONE-INVALID", Severity.CLEAR)),
            personal=Personal.PHONE,
        ),
        Attribute(
            "customer.title",
            TEXT,
            Need.OPTIONAL,
            "The customer's job title.",
            ("CEO", "Manager", "Doctor"),
            personal=Personal.TITLE,
        ),
        Attribute(
            "customer.salutation",
            SALUTATION,
            Need.OPTIONAL,
            "How to address the customer.",
            ("Mr.", "Mrs.", "Miss.", "Ms.", "Dr.", "Me."),
        ),
        Attribute(
            "customer.display_name",
            TEXT,
            Need.OPTIONAL,
            "A name that no other customer shows.",
            ("Gcassano1",),
            unique=True,
            personal=Personal.NAME,
        ),
        Attribute(
            "customer.password",
            PASSWORD,
            Need.DEPENDENT,
            "The password's hash, where passwords are migrated.",
            secret=True,
            personal=Personal.PASSWORD,
        ),
        Attribute(
            "customer.common_metadata.import_only_the_customer",
            BOOLEAN,
            Need.REQUIRED,
            "0: import all data. 1: import the customer and leave its subscriptions. What is prepared says 0 where a "
            "subscription of the customer is prepared, and 1 where none is.",
            examples=("0", "1"),
            violations=(empty("CUS-IMPORT-ONLY", Severity.REPAIR), invalid("CUS-IMPORT-ONLY", Severity.REPAIR)),
            derived_from=("subscription.common_metadata.temporary_plan_id",),
        ),
        Attribute(
            "customer.common_metadata.password_encryption",
            PASSWORD_SCHEME,
            Need.DEPENDENT,
            "How the password is encrypted; required where passwords are migrated.",
            examples=("MD5", "Plain text", "Drupal", "Bcrypt", "Drupal_v8.2.x", "Bcrypt (WordPress)"),
            violations=(
                whenever(
                    "CUS-PASSWORD-SCHEME",
                    Severity.REPAIR,
                    f"{_TOLD_SCHEME} IS NOT NULL AND {_TOLD_SCHEME} IS DISTINCT FROM {_SCHEME} AND NOT {_LABELLED}",
                    value=_TOLD_SCHEME,
                ),
                whenever(
                    "CUS-PASSWORD-SCHEME",
                    Severity.CLEAR,
                    f"{_PASSWORD} IS NOT NULL AND {_TOLD_SCHEME} IS NULL AND NOT {_UNTOLD_BUT_POSSIBLE}",
                    clears=("customer.password", "customer.common_metadata.password_encryption"),
                ),
            ),
        ),
        Attribute(
            "customer.common_metadata.original_old_provider_id",
            IDENTIFIER,
            Need.REQUIRED,
            "The customer's id in the old system, as used during the migration.",
            examples=("143278",),
            violations=(empty("CUS-ORIGINAL-ID", Severity.REPAIR),),
            derived_from=("customer.old_provider_id",),
            personal=Personal.CUSTOMER,
        ),
    ),
)
