"""The kinds of value: how delivered text is understood, and what is accepted.

SQL is written over ``text``, which is trimmed and never empty, and is rendered as macros: see ``spec.sql``.
"""

from pelcro_pipeline.spec import codes
from pelcro_pipeline.spec.model import CalendarDate, Kind, OneOf, Pattern, PatternBy


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_FOLDED = "strip_accents(lower(text))"


def _look_up(names: dict[str, str]) -> str:
    """SQL that finds ``text``, folded, among names, or gives null."""
    keys = ", ".join(_literal(key) for key in names)
    values = ", ".join(_literal(value) for value in names.values())
    return f"list_extract([{values}], list_position([{keys}], {_FOLDED}))"


def _canonical_choice(*choices: str, synonyms: dict[str, str] | None = None) -> str:
    """SQL that writes a choice in its own spelling: any case, space or hyphen for an underscore."""
    folded = "replace(replace(lower(text), ' ', '_'), '-', '_')"
    spellings = {choice: choice for choice in choices} | (synonyms or {})
    whens = " ".join(f"WHEN {_literal(spelling)} THEN {_literal(choice)}" for spelling, choice in spellings.items())
    return _unless_written(choices, f"CASE {folded} {whens} ELSE text END")


def _unless_written(choices: tuple[str, ...], sql: str) -> str:
    """SQL that spares a choice in its own spelling, as most are, the rest: a tenth of the cost."""
    return f"CASE WHEN text IN ({', '.join(map(_literal, choices))}) THEN text ELSE {sql} END"


def _choice(name: str, doc: str, *choices: str, synonyms: dict[str, str] | None = None) -> Kind:
    return Kind(name, doc, canonical=_canonical_choice(*choices, synonyms=synonyms), domain=OneOf(choices))


TEXT = Kind("text", "Free text.")

IDENTIFIER = Kind("identifier", "An identifier of the old system, kept to the letter.")

#: RFC 5321: a dot-string or quoted string of at most 64, a host name with a dot, at most 254 in all.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = Kind(
    "email",
    "An email address in the shape of RFC 5321; no look-up.",
    domain=Pattern(
        rf"(?:{_ATOM}(?:\.{_ATOM})*|\"[ !#-\[\]-~]{{1,62}}\")@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])",
        max_length=254,
        also=r'(?:[^@"]{1,64}|"[^"]*")@[^@]+',
    ),
)


def _without(characters: str) -> str:
    """SQL that takes characters out of ``text``: half of what one regular expression costs."""
    sql = "text"
    for character in characters:
        sql = f"replace({sql}, {_literal(character)}, '')"
    return sql


_DIGITS_OF_PHONE = _without(" -.()+")
_PUNCTUATED = "regexp_full_match(text, '[+.() 0-9-]*[0-9][+.() 0-9-]*')"

CUSTOMER_PHONE = Kind(
    "customer phone",
    "Up to 20 digits, with a leading + where there is one; + . - ( ) and spaces are taken out.",
    canonical=(
        f"CASE WHEN {_PUNCTUATED} THEN if(regexp_matches(text, '^[^0-9]*[+]'), '+', '') || {_DIGITS_OF_PHONE} "
        "ELSE text END"
    ),
    domain=Pattern(r"\+?[0-9]{1,20}"),
)

ADDRESS_PHONE = Kind(
    "address phone",
    "Up to 20 digits and nothing else; punctuation is taken out.",
    canonical=(
        f"CASE WHEN {_PUNCTUATED} THEN {_DIGITS_OF_PHONE} "
        r"WHEN regexp_matches(text, '\pL') OR NOT regexp_matches(text, '[0-9]') THEN text "
        "ELSE regexp_replace(text, '[^0-9]', '', 'g') END"
    ),
    domain=Pattern(r"[0-9]{1,20}"),
)

SALUTATION = Kind(
    "salutation",
    "Free text; the guide's salutations are written as it writes them (Mr., Mrs., Miss., Ms., Dr., Me.).",
    canonical=_unless_written(
        ("Mr.", "Mrs.", "Miss.", "Ms.", "Dr.", "Me."),
        "CASE rtrim(lower(text), '.') WHEN 'mr' THEN 'Mr.' WHEN 'mrs' THEN 'Mrs.' "
        "WHEN 'miss' THEN 'Miss.' WHEN 'ms' THEN 'Ms.' WHEN 'dr' THEN 'Dr.' WHEN 'me' THEN 'Me.' "
        "ELSE text END",
    ),
)

_YES = "'1', 'yes', 'true', 'y'"
_NO = "'0', 'no', 'false', 'n'"


def _boolean(no: str) -> str:
    return (
        "CASE WHEN text IN ('0', '1') THEN text "
        f"WHEN lower(text) IN ({_YES}) THEN '1' WHEN lower(text) IN ({no}) THEN '0' ELSE text END"
    )


BOOLEAN = Kind(
    "boolean",
    "1 or 0; also yes/no, true/false, y/n.",
    storage="BOOLEAN",
    canonical=_boolean(_NO),
    domain=OneOf(("0", "1")),
)

#: The guide lists "1. Yes. 2. No." for is_expired and the gift flags.
YES_OR_TWO = Kind(
    "boolean, 2 as no",
    "1 or 0; also 2 for no, yes/no, true/false, y/n.",
    storage="BOOLEAN",
    canonical=_boolean(_NO + ", '2'"),
    domain=OneOf(("0", "1")),
)

_WHOLE = (
    r"CASE WHEN regexp_full_match(text, '0|[1-9][0-9]*') THEN text "
    r"WHEN regexp_full_match(text, '[0-9]+(?:\.0*)?') "
    r"THEN coalesce(nullif(regexp_extract(text, '^0*([0-9]*)', 1), ''), '0') ELSE text END"
)
#: 18 digits are what a BIGINT holds without a thought.
WHOLE = Kind(
    "whole number",
    "An integer of 0 or more.",
    storage="BIGINT",
    canonical=_WHOLE,
    domain=Pattern(r"0|[1-9][0-9]{0,17}", minimum=0),
)

POSITIVE = Kind(
    "positive number",
    "An integer of 1 or more.",
    storage="BIGINT",
    canonical=_WHOLE,
    domain=Pattern(r"[1-9][0-9]{0,17}", minimum=1),
)

CENTS = Kind(
    "amount in cents",
    "A whole number of cents, 0 or more: 199.00 is 199, 19.99 is not whole.",
    storage="BIGINT",
    canonical=_WHOLE,
    domain=Pattern(r"0|[1-9][0-9]{0,17}", minimum=0),
)

DATE = Kind(
    "date",
    "ISO 8601, or day, month and year with / - or . and the order told for the column; a time is dropped.",
    storage="DATE",
    canonical="coalesce(ten_digit_date(text, date_order), iso_date(text), ordered_date(text, date_order), text)",
    domain=CalendarDate(),
)

CURRENCY = Kind(
    "currency",
    "An ISO 4217 code, written in lower case.",
    canonical="lower(text)",
    domain=OneOf(codes.currencies()),
)

COUNTRY = Kind(
    "country",
    "An ISO 3166-1 alpha-2 code.",
    canonical="CASE WHEN strlen(text) = 2 THEN upper(text) ELSE text END",
    domain=OneOf(codes.countries()),
    repair=_look_up(codes.country_names()),
)


def state(country: str) -> Kind:
    """A state or province, judged by the country that stands in ``country``."""
    names = {
        f"{code}/{name}": subdivision
        for code in codes.COUNTRIES_WITH_STATES
        for name, subdivision in codes.subdivision_names(code).items()
    }
    judged = ", ".join(map(_literal, codes.COUNTRIES_WITH_STATES))
    return Kind(
        "state",
        "For US, CA and AU an ISO 3166-2 code without its country; free text elsewhere.",
        # NY and US-NY are the same ISO 3166-2 code.
        canonical=(
            f"CASE WHEN sibling IN ({judged}) THEN CASE WHEN strlen(text) <= 3 THEN upper(text) "
            "WHEN starts_with(upper(text), sibling || '-') THEN upper(text)[4:] ELSE text END ELSE text END"
        ),
        domain=PatternBy(
            country,
            tuple((code, "|".join(codes.subdivisions(code))) for code in codes.COUNTRIES_WITH_STATES),
        ),
        repair=_look_up(names).replace(_FOLDED, "sibling || '/' || " + _FOLDED),
    )


def zip_code(country: str) -> Kind:
    """A zip or postal code, judged by the country that stands in ``country``."""
    return Kind(
        "zip",
        "For US 5 or 9 digits, for CA letter and digit in turn, spaces and hyphens aside; free text elsewhere.",
        domain=PatternBy(
            country,
            (("US", "[0-9]{5}|[0-9]{9}"), ("CA", "(?:[A-Za-z][0-9]){3}")),
            ignoring=" -",
        ),
        repair=(
            "CASE WHEN sibling = 'US' AND regexp_full_match(translate(text, ' -', ''), '[0-9]{4}|[0-9]{8}') "
            "THEN '0' || text END"
        ),
    )


INTERVAL = Kind(
    "interval",
    "1 (day), 2 (week), 3 (month) or 4 (year).",
    storage="TINYINT",
    domain=OneOf(("1", "2", "3", "4")),
    repair=_look_up({"day": "1", "week": "2", "month": "3", "year": "4"}),
)

PLAN_TYPE = _choice("plan type", "regular, membership or donation.", "regular", "membership", "donation")
SUBSCRIPTION_TYPE = _choice("subscription type", "regular, admin or member.", "regular", "admin", "member")
REVENUE = _choice(
    "revenue recognition",
    "time_based or shipment_based.",
    "time_based",
    "shipment_based",
    synonyms={"time": "time_based", "shipment": "shipment_based", "shipments": "shipment_based"},
)
COLLECTION = _choice(
    "collection method",
    "charge_automatically or send_invoice.",
    "charge_automatically",
    "send_invoice",
)
STATUS = Kind(
    "service status",
    "active or unpaid; cancelled and expired ones go to the archive.",
    canonical="CASE lower(text) WHEN 'canceled' THEN 'cancelled' WHEN 'active' THEN 'active' "
    "WHEN 'unpaid' THEN 'unpaid' WHEN 'cancelled' THEN 'cancelled' WHEN 'expired' THEN 'expired' ELSE text END",
    domain=OneOf(("active", "unpaid")),
)
ENTITLEMENTS = Kind(
    "list",
    "A comma separated list.",
    canonical=r"regexp_replace(text, '\s*,\s*', ',', 'g')",
)
#: What a hash of a scheme begins with, or is; plain text has no shape of its own.
HASH_SHAPES = {
    "drupal": r"^[$]S[$]",
    "wordpress": r"^[$](?:wp[$]2y|[PH])[$]",
    "bcrypt": r"^[$]2[aby][$]",
    "md5": "^[0-9a-fA-F]{32}$",
}
#: Brackets and versions are ignored: `Bcrypt (WordPress)` is bcrypt, `Drupal_v8.2.x` is drupal.
_SCHEME = r"trim(regexp_replace(regexp_replace(lower(text), '[(\[].*', ''), '[ _-]+v?[0-9][0-9.x]*\s*$', ''), ' _-')"
_SCHEMES = (
    "WHEN 'drupal' THEN 'drupal' WHEN 'wordpress' THEN 'wordpress' WHEN 'bcrypt' THEN 'bcrypt' "
    "WHEN 'md5' THEN 'md5' WHEN 'plain text' THEN 'plain text' WHEN 'plaintext' THEN 'plain text' "
    "WHEN 'plain_text' THEN 'plain text' WHEN 'plain-text' THEN 'plain text'"
)
PASSWORD_SCHEME = Kind(
    "password scheme",
    "drupal, wordpress, bcrypt, md5 or plain text; case, versions and brackets are ignored.",
    # A plain name, which most are, is spared the regular expressions: a tenth of their cost.
    canonical=f"CASE lower(text) {_SCHEMES} ELSE CASE {_SCHEME} {_SCHEMES} ELSE text END END",
)
#: Of md5 the hash may carry a salt before or behind it; plain text, and what no scheme is named for, has no shape.
PASSWORD = Kind(
    "password",
    "A hash of the scheme that is named beside it, or plain text.",
    domain=PatternBy(
        "customer.common_metadata.password_encryption",
        (
            *((scheme, f"(?s:{shape[1:]}.*)") for scheme, shape in HASH_SHAPES.items() if scheme != "md5"),
            ("md5", "(?s:(?:.*[^0-9A-Za-z])?[0-9a-fA-F]{32}(?:[^0-9A-Za-z].*)?)"),
        ),
    ),
)
