"""Every rule, once, in the order in which the ledger names the first.

``sentence`` is what a finding says, ``fix`` what to do about it. Neither ever holds a value.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One rule of the migration."""

    id: str
    sentence: str
    fix: str


def _rules(*entries: tuple[str, str, str]) -> tuple[Rule, ...]:
    return tuple(Rule(*entry) for entry in entries)


FILES = _rules(
    ("FILE-UNREADABLE", "The file cannot be read as text or as a workbook.", "Deliver it again as CSV or XLSX."),
    (
        "FILE-HEADER",
        "The column is in no template; it is archived, not migrated.",
        "Rename it to a template column if it is to be migrated.",
    ),
    (
        "FILE-DUPLICATE-HEADER",
        "The header names this attribute twice and the two cells differ.",
        "Leave one column, or make the two agree.",
    ),
    ("FILE-MISSING", "A column is missing that nothing of its table can stand without.", "Deliver the column."),
    (
        "FILE-RAGGED",
        "The record has more or fewer cells than the header.",
        "Quote cells that hold the delimiter or a quotation mark.",
    ),
    ("FILE-BLANK", "The record is blank.", "Nothing is to be done."),
    (
        "FILE-DATE-ORDER",
        "Day and month of this column cannot be told apart; day first is assumed.",
        "Set date_format in extract.toml.",
    ),
    ("FILE-CARD-NUMBER", "A cell holds a payment card number.", "Take card numbers out of the delivery."),
)
CUSTOMERS = _rules(
    (
        "CUS-ID-MISSING",
        "The customer has no id; one is assigned.",
        "Deliver the old system's id if the customer has a card to migrate.",
    ),
    (
        "CUS-FILLED",
        "The customer's first record leaves this empty; a later record fills it.",
        "Make the customer's records agree.",
    ),
    ("CUS-CONFLICT", "The customer's records disagree; the first filled value is used.", "Say which value is right."),
    (
        "CUS-EMAIL-INVALID",
        "This is not an email address.",
        "Correct the address; without one the customer cannot log in.",
    ),
    (
        "CUS-EMAIL-SHARED",
        "Another customer holds this email address.",
        "Say whether the two are one customer, or give this one its own address.",
    ),
    ("CUS-PHONE-INVALID", "This is not a phone number of at most 20 digits.", "Correct the number."),
    (
        "CUS-DISPLAY-NAME-SHARED",
        "Another customer holds this display name.",
        "Give this customer another display name.",
    ),
    (
        "CUS-IMPORT-ONLY",
        "Whether to import the customer only is not said; it is taken from whether there is a subscription.",
        "Write 0 or 1.",
    ),
    (
        "CUS-IMPORT-ONLY-SUB",
        "The customer is imported without subscriptions.",
        "Set import_only_the_customer to 0 if they are to be migrated.",
    ),
    (
        "CUS-ORIGINAL-ID",
        "The original id is empty; the customer's id is used.",
        "Deliver the original id if it differs.",
    ),
    (
        "CUS-PASSWORD-SCHEME",
        "The password's scheme is missing, unknown or not its hash's.",
        "Name the scheme; where it stays unknown the customer gets a reset email.",
    ),
    (
        "CUS-PASSWORD-UNPROVEN",
        "The scheme has fewer than five verified password samples.",
        "Deliver five hashes with their plain text in password_samples.csv.",
    ),
)
ADDRESSES = _rules(
    (
        "ADR-NAME",
        "The name on the address is empty.",
        "Deliver the name; the customer's own is used where there is one.",
    ),
    ("ADR-REQUIRED", "A required part of the address is empty.", "Complete the address."),
    ("ADR-COUNTRY", "This is not an ISO 3166-1 alpha-2 country code.", "Write the two-letter code."),
    ("ADR-STATE", "This is not an ISO 3166-2 state or province of the country.", "Write its code, such as NY or QC."),
    ("ADR-STATE-EMPTY", "The address has no state.", "Say whether that is right for this country."),
    ("ADR-ZIP", "The zip does not have the country's shape.", "Check the zip; spreadsheets drop leading zeros."),
    ("ADR-PHONE", "This is not a phone number of at most 20 digits.", "Correct the number."),
    ("ADR-SALUTATION", "The salutation or title of a shipping address is empty.", "Nothing is to be done."),
    (
        "ADR-CONFLICT",
        "The customer has several addresses of this type and no address ids; the first is used.",
        "Say which is right, or add the address id columns.",
    ),
    (
        "ADR-ID-CONFLICT",
        "One address id stands for several addresses; the first is used.",
        "Give each address its own id.",
    ),
)
PRODUCTS = _rules(
    ("PRD-REQUIRED", "A product needs an id and a name.", "Fill the cell."),
    ("PRD-ID-SHARED", "An earlier product has this id and other content.", "Give each product its own id."),
    (
        "PRD-ADDRESS-REQUIRED",
        "Whether an address is required is not said; it is taken from whether a plan ships.",
        "Write 0 or 1.",
    ),
    ("PRD-DESCRIPTOR", "A statement descriptor holds at most 22 characters.", "Shorten it."),
    ("PRD-ACTIVE", "Whether the product is active is not said; it is taken as active.", "Write 0 or 1."),
)
PLANS = _rules(
    ("PLN-REQUIRED", "A plan needs an id, a name and a product.", "Fill the cell."),
    ("PLN-ID-SHARED", "An earlier plan has this id and other content.", "Give each plan its own id."),
    ("PLN-PRODUCT", "The plan's product is not in the extract.", "Deliver the product or correct the id."),
    ("PLN-AMOUNT", "The amount is no whole number of cents.", "Write the price in cents."),
    ("PLN-CURRENCY", "This is not an ISO 4217 currency.", "Write the three-letter code."),
    ("PLN-BOOLEAN", "This is not 0 or 1.", "Write 0 or 1."),
    ("PLN-INTERVAL", "The interval is not 1 (day), 2 (week), 3 (month) or 4 (year).", "Write its number."),
    ("PLN-INTERVAL-COUNT", "The interval count is no whole number of 1 or more.", "Correct the number."),
    ("PLN-SHIPMENTS", "The shipments are no whole number of 0 or more.", "Correct the number; 0 for a digital plan."),
    ("PLN-TYPE", "The type is not regular, membership or donation.", "Write one of the three."),
    ("PLN-REVENUE", "Revenue is recognised neither by time nor by shipments.", "Write time_based or shipment_based."),
)
SUBSCRIPTIONS = _rules(
    (
        "SUB-NOT-MIGRATED",
        "Cancelled and expired subscriptions are not migrated.",
        "Nothing is to be done: it is in the archive.",
    ),
    ("SUB-PLAN", "The subscription's plan is not in the extract.", "Deliver the plan or correct the id."),
    ("SUB-PERIOD-END", "The end of the current period is missing or no date.", "Deliver the date."),
    (
        "SUB-EXPIRED",
        "The subscription's period ended before the migration.",
        "Nothing is to be done: it is in the archive.",
    ),
    ("SUB-CANCEL", "Whether it cancels at period end is not said; it is taken from its plan.", "Write 0 or 1."),
    (
        "SUB-CANCEL-PLAN",
        "The subscription renews on a plan that does not.",
        "Say which is right; the subscription's value is used.",
    ),
    ("SUB-DATE", "This is not a date in the column's format.", "Correct the date."),
    ("SUB-BOOLEAN", "This is not 0 or 1.", "Write 0 or 1."),
    ("SUB-START-AFTER-END", "The subscription starts after its period ends.", "Say which date is right."),
    (
        "SUB-SHIPMENTS",
        "The shipments remaining are missing on a plan that ships, or no whole number.",
        "Deliver the number.",
    ),
    ("SUB-QUANTITY", "The quantity is no whole number of 1 or more.", "Correct the number."),
    (
        "SUB-COLLECTION",
        "The collection method is neither charge_automatically nor send_invoice.",
        "Write one of the two.",
    ),
    ("SUB-STATUS", "The service status is neither active nor unpaid.", "Write one of the two."),
    ("SUB-TYPE", "The type is not regular, admin or member.", "Write one of the three."),
    (
        "SUB-OLD-ID-SHARED",
        "An earlier subscription has this id and other content.",
        "Give each subscription its own id.",
    ),
    ("SUB-OLD-ID-MISSING", "A gift subscription needs an id.", "Deliver the subscription's id."),
    (
        "SUB-DUPLICATE",
        "An earlier record of this customer holds the same subscription.",
        "Say whether the reader has it twice.",
    ),
)
RELATIONS = _rules(
    ("REL-CUSTOMER", "The record names no customer of the extract.", "Deliver the customer or correct the id."),
    (
        "REL-SHIPPING",
        "The plan ships or its product needs an address, and the customer has none that stands.",
        "Deliver a shipping address.",
    ),
    (
        "REL-TAX-ADDRESS",
        "Taxes are collected and the customer has no billing address that stands.",
        "Deliver a billing address.",
    ),
    (
        "REL-MEMBERSHIP-ADMIN",
        "A membership group has exactly one admin.",
        "Name one subscription of the group as its admin.",
    ),
    ("REL-MEMBERSHIP-ID", "An admin or member names no membership group.", "Deliver the group's id."),
    ("REL-MEMBERSHIP-PLAN", "An admin or member is on a plan that is no membership plan.", "Say which is right."),
    (
        "REL-GIFT-DONOR",
        "The gift's donor is not named, not in the extract, or no gift donor.",
        "Name the donor's subscription.",
    ),
    (
        "REL-GIFT-ONE-TO-ONE",
        "A donor subscription has exactly one recipient.",
        "Give each recipient a donor subscription of its own.",
    ),
    ("REL-GIFT-ALONE", "No recipient names this donor.", "Deliver the recipient, or take the donor flag away."),
    ("REL-GIFT-PLAN", "Donor and recipient are on different plans.", "Put both on one plan."),
    ("REL-STRAY", "The record says something that only another type of subscription has.", "Say which is right."),
    ("REL-GIFT-BOTH", "A subscription is either donor or recipient of a gift.", "Clear one of the two flags."),
    ("REL-CLOSURE", "What this depends on is not migrated.", "Mend the cause that the ledger names."),
)
#: Exclusions come first: an excluded object is judged by nothing else.
EXCLUSIONS = ("FILE-BLANK", "CUS-IMPORT-ONLY-SUB", "SUB-NOT-MIGRATED", "SUB-EXPIRED")

RULES: dict[str, Rule] = {
    rule.id: rule
    for section in (FILES, CUSTOMERS, ADDRESSES, PRODUCTS, PLANS, SUBSCRIPTIONS, RELATIONS)
    for rule in section
}
#: A rule's place in the book.
ORDER: dict[str, int] = {rule: place for place, rule in enumerate(RULES)}
