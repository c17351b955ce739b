"""Addresses: a billing and a shipping address for each record, alike but for their names."""

from pelcro_pipeline.spec.codes import COUNTRIES_WITH_STATES
from pelcro_pipeline.spec.kinds import (
    ADDRESS_PHONE,
    COUNTRY,
    IDENTIFIER,
    SALUTATION,
    TEXT,
    state,
    zip_code,
)
from pelcro_pipeline.spec.model import (
    Attribute,
    Condition,
    Need,
    Personal,
    Severity,
    Table,
    empty,
    invalid,
    repaired,
    whenever,
)

_REQUIRED = (empty("ADR-REQUIRED", Severity.REJECT),)
_NAME = (empty("ADR-NAME", Severity.REPAIR),)


def _addresses(type_: str, *, salutation: Need) -> Table:
    prefix = f"address.{type_}_"
    country = prefix + "country"
    rejecting = Condition(country, COUNTRIES_WITH_STATES[:2])
    asking = Condition(country, COUNTRIES_WITH_STATES[2:])
    elsewhere = Condition(country, COUNTRIES_WITH_STATES, negated=True)
    return Table(
        name=f"{type_}_addresses",
        object=f"{type_}_address",
        title=f"{type_.capitalize()} addresses",
        doc=f"Where the customer is {'billed' if type_ == 'billing' else 'shipped to'}. One for each customer, unless the "
        f"extract tells several apart by {type_}_address_id.",
        prefix=prefix,
        key="customer.old_provider_id",
        attributes=(
            Attribute(
                prefix + "first_name",
                TEXT,
                Need.REQUIRED,
                "The first name on the address.",
                examples=("Genaro",),
                violations=_NAME,
                derived_from=("customer.first_name",),
                personal=Personal.NAME,
            ),
            Attribute(
                prefix + "last_name",
                TEXT,
                Need.REQUIRED,
                "The last name on the address.",
                examples=("Cassano",),
                violations=_NAME,
                derived_from=("customer.last_name",),
                personal=Personal.NAME,
            ),
            # Required for shipping, says the guide, and lists 'empty' among the values: ADR-SALUTATION.
            Attribute(prefix + "salutation", SALUTATION, salutation, "How to address the person.", ("Mr.", "Ms.")),
            Attribute(
                prefix + "title",
                TEXT,
                salutation,
                "The person's job title.",
                ("CEO", "Doctor"),
                personal=Personal.TITLE,
            ),
            Attribute(
                prefix + "company",
                TEXT,
                Need.OPTIONAL,
                "The company at the address.",
                ("ABC Inc.",),
                personal=Personal.COMPANY,
            ),
            Attribute(
                prefix + "department",
                TEXT,
                Need.OPTIONAL,
                "The department at the address.",
                ("Accounting",),
                personal=Personal.COMPANY,
            ),
            Attribute(
                prefix + "line1",
                TEXT,
                Need.REQUIRED,
                "The first line of the address.",
                ("1010 Sainte Catherine ouest",),
                violations=_REQUIRED,
                personal=Personal.LINE,
            ),
            Attribute(
                prefix + "line2",
                TEXT,
                Need.OPTIONAL,
                "The second line: suite or apartment.",
                ("#02-111",),
                personal=Personal.LINE,
            ),
            Attribute(
                prefix + "city",
                TEXT,
                Need.REQUIRED,
                "The city.",
                ("Montreal",),
                violations=_REQUIRED,
                personal=Personal.PLACE,
            ),
            Attribute(
                prefix + "state",
                state(country),
                Need.REQUIRED,
                "The state or province; for US, CA and AU its ISO 3166-2 code.",
                examples=("QC", "NY"),
                violations=(
                    repaired("ADR-STATE"),
                    invalid("ADR-STATE", Severity.REJECT, when=rejecting),
                    empty("ADR-STATE", Severity.REJECT, when=rejecting),
                    invalid("ADR-STATE", Severity.QUESTION, when=asking),
                    empty("ADR-STATE", Severity.QUESTION, when=asking),
                    empty("ADR-STATE-EMPTY", Severity.QUESTION, when=elsewhere),
                ),
            ),
            Attribute(
                country,
                COUNTRY,
                Need.REQUIRED,
                "The country's ISO 3166-1 alpha-2 code.",
                examples=("CA", "US"),
                violations=(
                    *_REQUIRED,
                    repaired("ADR-COUNTRY"),
                    invalid("ADR-COUNTRY", Severity.REJECT),
                    # Kosovo's code is in use everywhere and in no standard.
                    whenever("ADR-COUNTRY", Severity.QUESTION, f"\"{country}\" = 'XK'"),
                ),
            ),
            Attribute(
                prefix + "zip",
                zip_code(country),
                Need.REQUIRED,
                "The zip or postal code.",
                examples=("H3H1H1", "11756"),
                violations=(
                    *_REQUIRED,
                    repaired("ADR-ZIP"),
                    invalid("ADR-ZIP", Severity.QUESTION),
                ),
                personal=Personal.PLACE,
            ),
            Attribute(
                prefix + "phone",
                ADDRESS_PHONE,
                Need.OPTIONAL,
                "Digits alone, at most 20.",
                examples=("514112-2233", "(514)-112-2233", "(613)1233322"),
                violations=(repaired("ADR-PHONE"), invalid("ADR-PHONE", Severity.CLEAR)),
                personal=Personal.PHONE,
            ),
        ),
    )


BILLING_ADDRESSES = _addresses("billing", salutation=Need.OPTIONAL)
SHIPPING_ADDRESSES = _addresses("shipping", salutation=Need.REQUIRED)

#: "You need to add two additional columns": only where a customer has several addresses of a type.
ADDRESS_IDS = {
    "billing_address": Attribute(
        "billing_address_id",
        IDENTIFIER,
        Need.DEPENDENT,
        "Tells a customer's billing addresses apart.",
        ("B-1",),
        personal=Personal.ADDRESS,
    ),
    "shipping_address": Attribute(
        "shipping_address_id",
        IDENTIFIER,
        Need.DEPENDENT,
        "Tells a customer's shipping addresses apart.",
        ("S-1",),
        personal=Personal.ADDRESS,
    ),
}
