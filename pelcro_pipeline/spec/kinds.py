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

#: RFC 5321: a dot-string or quoted string of at most 64 bytes, a host name with a dot, at most 254 in all; with the letters of
#: RFC 6531, which are those of every script.
_LETTERS = (
    "0-9A-Za-zªµº\u00c0-\u1fff\u2c00-\u2dff\u3005-\ud7ff\uf900-\ufdff\ufe70-\ufefc\uff10-\uffdc\U00010000-\U000e01ef"
)
_ATOM = rf"[{_LETTERS}!#$%&'*+/=?^_`{{|}}~-]+"
_LABEL = rf"[{_LETTERS}](?:[{_LETTERS}-]{{0,61}}[{_LETTERS}])?"
_EMAIL = rf"(?:{_ATOM}(?:\.{_ATOM})*|\"[ !#-\[\]-~]{{1,62}}\")@(?:{_LABEL}\.)+[{_LETTERS[3:]}](?:[{_LETTERS}-]{{0,61}}[{_LETTERS}])"
_LENGTHS = r'(?:[^@"]{1,64}|"[^"]*")@[^@]+'
#: `Ann <ann@post.example>`, `mailto:ann@post.example`, `"ann@post.example"`, `ann @post.example.`: one address beyond doubt.
_BARE_EMAIL = (
    r"regexp_replace(regexp_replace(regexp_replace(regexp_replace("
    r"text, '^[^<>@]*<([^<>]*)>$', '\1'), '^\s*(?i:mailto:)\s*', ''), "
    r"'^[\s\"''‘’“”]+|[\s\"''‘’“”.,;]+$', '', 'g'), '\s*@\s*', '@', 'g')"
)
EMAIL = Kind(
    "email",
    "An email address in the shape of RFC 5321 or 6531; no look-up.",
    domain=Pattern(_EMAIL, max_length=254, also=_LENGTHS),
    repair=(
        f"if(regexp_full_match({_BARE_EMAIL}, {_literal(_EMAIL)}) AND regexp_full_match({_BARE_EMAIL}, {_literal(_LENGTHS)}) "
        f"AND strlen({_BARE_EMAIL}) <= 254, {_BARE_EMAIL}, NULL)"
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
#: Spreadsheets make a float of a number; the trunk zero of `+44 (0)20` is not dialled from abroad.
_DIALLED = r"regexp_replace(regexp_replace(text, '([0-9]{6,})\.0$', '\1'), '^(\+[0-9 ]{1,4})\(0\)', '\1')"
#: No phone number: too short, or one digit throughout; RE2 has no way to say the latter but by each digit.
_ONE_DIGIT = "|".join(f"{digit}+" for digit in range(10))
#: What stands in front of an extension or of a second number.
_TEN_DIGITS = r"(?:\+?1[ .-]?)?\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}"
_TWO_NUMBERS = rf"({_TEN_DIGITS})\s+{_TEN_DIGITS}"
_FIRST_NUMBER = (
    rf"if(regexp_full_match(text, '{_TWO_NUMBERS}'), regexp_extract(text, '^{_TWO_NUMBERS}', 1), "
    r"regexp_extract(text, '^([+(]?[0-9][0-9 .()-]{4,}?)\s*(?:(?:#|[,;]?\s*(?:ext|extension|x|poste)\.?)\s*[0-9]{1,6}"
    r"|\s*(?:/|;|,|\bor\b|\bou\b|&)\s*[+(]?[0-9][0-9 .()-]*)$', 1, 'i'))"
)


def _phone(name: str, doc: str, plus: str) -> Kind:
    """A phone number: a plus before its digits where ``plus``, a pattern, allows it."""
    kept = "if(regexp_matches(text, '^[^0-9]*[+]'), '+', '')" if plus else "''"
    digits = f"{kept} || {_DIGITS_OF_PHONE}"
    canonical = digits.replace("replace(text", f"replace({_DIALLED}")
    first = digits.replace("replace(text", f"replace({_FIRST_NUMBER}")
    valid = rf"{plus}(?:[0-9]{{6,20}})"
    return Kind(
        name,
        doc,
        # Two numbers of ten digits are not one of twenty.
        canonical=f"CASE WHEN {_PUNCTUATED} AND NOT (strlen(text) > 20 AND regexp_full_match(text, '{_TWO_NUMBERS}')) "
        f"THEN {canonical} ELSE text END",
        domain=Pattern(valid, unlike=rf"{plus}(?:{_ONE_DIGIT})"),
        repair=f"CASE WHEN regexp_full_match({first}, '{valid}') THEN {first} END",
    )


CUSTOMER_PHONE = _phone(
    "customer phone",
    "6 to 20 digits, with a leading + where there is one; + . - ( ) and spaces are taken out, and of two numbers the first stays.",
    r"\+?",
)
ADDRESS_PHONE = _phone(
    "address phone",
    "6 to 20 digits and nothing else; punctuation is taken out, and of two numbers the first stays.",
    "",
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


def _whole(zero_fraction: str) -> str:
    """SQL of a whole number without leading zeros and a fraction of zeros; what is none stays as it is."""
    return (
        r"CASE WHEN regexp_full_match(text, '0|[1-9][0-9]*') THEN text "
        rf"WHEN regexp_full_match(text, '[0-9]+(?:{zero_fraction})?') "
        r"THEN coalesce(nullif(regexp_extract(text, '^0*([0-9]*)', 1), ''), '0') ELSE text END"
    )


#: A mark with three zeros may part thousands.
_WHOLE = _whole(r"\.(?:0{0,2}|0{4,})")
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
    "A whole number of cents, 0 or more: 199.00 is 199, 19.99 is not whole, and 1,999 may be either. Where extract.toml sets "
    "amounts to units, an amount of the currency: 19.99 is 1999.",
    storage="BIGINT",
    canonical=_whole(r"[.,]0{0,2}"),
    domain=Pattern(r"0|[1-9][0-9]{0,17}", minimum=0),
)

DATE = Kind(
    "date",
    "Year first, month in a word, or day, month and year with / - or . and the order told for the column; numbers where the column "
    "is told to hold such. A time is dropped, once a time zone that is written with it has been allowed for.",
    storage="DATE",
    canonical="""coalesce(ten_digit_date(text, date_order),
        zoned_date(text, date_order, zone), year_first_date(text), ordered_date(text, date_order), named_month_date(text),
        number_date(text, numbers, zone), text)""",
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
    "An ISO 3166-1 alpha-2 code, or XK for Kosovo.",
    canonical="CASE WHEN strlen(text) = 2 THEN upper(text) ELSE text END",
    domain=OneOf((*codes.countries(), "XK")),
    repair="country_named(text)",
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
            tuple((code, "|".join(codes.states(code))) for code in codes.COUNTRIES_WITH_STATES),
        ),
        repair=_look_up(names).replace(_FOLDED, f"sibling || '/' || regexp_replace({_FOLDED}, '[^a-z]', '', 'g')"),
    )


def zip_code(country: str) -> Kind:
    """A zip or postal code, judged by the country that stands in ``country``."""
    return Kind(
        "zip",
        "For US 5 or 9 digits, for CA letter and digit in turn, for other countries the form of their post, where one is known; "
        "spaces, hyphens and case aside.",
        domain=PatternBy(country, codes.postal_patterns(), ignoring=" -"),
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
#: The guide's words for password schemes, each with what a hash of it begins with, or is; plain text has no shape of its own.
DRUPAL, WORDPRESS, BCRYPT, MD5, PLAIN_TEXT = "Drupal", "Bcrypt (WordPress)", "Bcrypt", "MD5", "Plain text"
HASH_SHAPES = {
    # U: what Drupal 6 held, an md5, hashed once more when its site was upgraded.
    DRUPAL: r"^U?[$]S[$]",
    WORDPRESS: r"^[$](?:wp[$]2y|[PH])[$]",
    BCRYPT: r"^[$]2[aby][$]",
    MD5: "^[0-9a-fA-F]{32}$",
}
_BLOWFISH = r"(?:0[4-9]|[12][0-9]|3[01])[$][./0-9A-Za-z]{53}"
#: Of each prefix what a whole hash has behind it, and of how many characters that is. phpass counts its rounds in a letter, 2^7 to
#: 2^30, bcrypt in two digits.
HASH_FORMS = (
    (r"U?[$]S[$]", r"[5-9A-S][./0-9A-Za-z]{51}", 52),
    (r"[$][PH][$]", r"[5-9A-S][./0-9A-Za-z]{30}", 31),
    (r"[$]wp[$]2y[$]", _BLOWFISH, 56),
    (r"[$]2[aby][$]", _BLOWFISH, 56),
)
#: Brackets and versions are ignored: `Drupal_v8.2.x` is Drupal.
_SCHEME = r"trim(regexp_replace(regexp_replace(lower(text), '[(\[].*', ''), '[ _-]+v?[0-9][0-9.x]*\s*$', ''), ' _-')"
_SCHEMES = " ".join(
    f"WHEN {_literal(spelling)} THEN {_literal(scheme)}"
    for scheme, spellings in {
        DRUPAL: ("drupal",),
        WORDPRESS: ("wordpress", "bcrypt (wordpress)"),
        BCRYPT: ("bcrypt",),
        MD5: ("md5",),
        PLAIN_TEXT: ("plain text", "plaintext", "plain_text", "plain-text"),
    }.items()
    for spelling in spellings
)
PASSWORD_SCHEME = Kind(
    "password scheme",
    "Drupal, Bcrypt (WordPress), Bcrypt, MD5 or Plain text; case, versions and brackets are ignored.",
    # A plain name, which most are, is spared the regular expressions: a tenth of their cost.
    canonical=f"CASE lower(text) {_SCHEMES} ELSE CASE {_SCHEME} {_SCHEMES} ELSE text END END",
)
#: The guide's label names WordPress, whose hashes are of three kinds, and plain bcrypt is not told from them by it. Of md5 the
#: hash may carry a salt before or behind it; plain text, and what no scheme is named for, has no shape.
PASSWORD = Kind(
    "password",
    "A hash of the scheme that is named beside it, or plain text.",
    domain=PatternBy(
        "customer.common_metadata.password_encryption",
        (
            (DRUPAL, f"(?s:{HASH_SHAPES[DRUPAL][1:]}.*)"),
            (WORDPRESS, f"(?s:(?:{HASH_SHAPES[WORDPRESS][1:]}|{HASH_SHAPES[BCRYPT][1:]}).*)"),
            (BCRYPT, f"(?s:{HASH_SHAPES[BCRYPT][1:]}.*)"),
            (MD5, "(?s:(?:.*[^0-9A-Za-z])?[0-9a-fA-F]{32}(?:[^0-9A-Za-z].*)?)"),
        ),
    ),
)
