"""Invented extracts of an invented publisher, with the defects of real ones, and a list of where each defect lies.

Every cell is a function of its record's number and the seed. So a file of any size is one query, and equal arguments make equal bytes.
"""

import argparse
import random
import tomllib
import unicodedata
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from pathlib import Path

import duckdb

EXTRACT_TOML = """\
migration_date = 2026-11-01  # the day on which the old system stops charging
currency = "cad"  # of a plan that names none
timezone = "America/Halifax"  # whose day it is, where no migration_date is set
taxes = false  # prices are what readers pay, nothing is added
"""


# What the publisher sells, and to whom


@dataclass(frozen=True)
class Product:
    id: str
    name: str
    description: str
    address_required: int = 0
    image: str | None = None


@dataclass(frozen=True)
class Plan:
    old_id: str
    product: str
    nickname: str
    amount: int
    currency: str
    interval: int
    count: int = 1
    ships: int = 0
    renews: int = 1
    type: str = "regular"
    weight: int = 10  # against the other plans that the same reader can choose
    entitlements: str | None = "articles,archive"

    @property
    def days(self) -> int:
        return {MONTH: 30, YEAR: 365}[self.interval] * self.count

    @property
    def term(self) -> str:
        unit = {MONTH: "month", YEAR: "year"}[self.interval]
        return f"1 {unit}" if self.count == 1 else f"{self.count} {unit}s"


@dataclass(frozen=True)
class Place:
    """In `zip`, `#` and `~` stand for digits and `@` for a letter; `phone` lacks its last two digits."""

    city: str
    state: str
    region: str
    country: str
    zip: str
    phone: str
    weight: int = 3


MONTH, YEAR = 3, 4

PRODUCTS = [
    Product(
        "HR-PRINT",
        "The Harbour Review in print",
        "Twelve issues a year, by post",
        1,
        "https://harbour-review.example/print.jpg",
    ),
    Product("HR-DIGITAL", "The Harbour Review online", "Every article, the archive since 1987, and the app"),
    Product("HR-COMBO", "The Harbour Review, print and online", "The magazine by post, and everything online", 1),
    Product("HR-CREW", "The Harbour Crew", "One membership for a school, a library or an office"),
    Product("HR-FRIENDS", "Friends of the Harbour Review", "A yearly gift that pays for reporting from small ports"),
]

PLANS = [
    Plan("HR-P-M-CAD", "HR-PRINT", "Print, monthly, Canada", 1100, "cad", MONTH, ships=1, entitlements=None),
    Plan("HR-P-Y-CAD", "HR-PRINT", "Print, yearly, Canada", 9900, "cad", YEAR, ships=12, weight=20, entitlements=None),
    Plan(
        "HR-P-2Y-CAD",
        "HR-PRINT",
        "Print, two years, paid once",
        17900,
        "cad",
        YEAR,
        2,
        ships=24,
        renews=0,
        entitlements=None,
    ),
    Plan("HR-D-M-CAD", "HR-DIGITAL", "Online, monthly, Canada", 700, "cad", MONTH),
    Plan("HR-D-Y-CAD", "HR-DIGITAL", "Online, yearly, Canada", 6900, "cad", YEAR, weight=20),
    Plan("HR-C-Y-CAD", "HR-COMBO", "Print and online, yearly, Canada", 12900, "cad", YEAR, ships=12),
    Plan("HR-CREW-Y-CAD", "HR-CREW", "Crew, yearly", 49900, "cad", YEAR, type="membership", weight=0),
    Plan(
        "HR-FRIEND-Y-CAD",
        "HR-FRIENDS",
        "Friend, yearly donation",
        5000,
        "cad",
        YEAR,
        type="donation",
        weight=3,
        entitlements=None,
    ),
    Plan(
        "HR-P-Y-USD",
        "HR-PRINT",
        "Print, yearly, United States",
        9900,
        "usd",
        YEAR,
        ships=12,
        weight=20,
        entitlements=None,
    ),
    Plan("HR-C-Y-USD", "HR-COMBO", "Print and online, yearly, United States", 12900, "usd", YEAR, ships=12),
    Plan("HR-D-M-USD", "HR-DIGITAL", "Online, monthly, United States", 599, "usd", MONTH, weight=30),
    Plan("HR-D-Q-USD", "HR-DIGITAL", "Online, quarterly, offer of 2019", 1999, "usd", MONTH, 3, weight=1),
    Plan("HR-C-Y-GBP", "HR-COMBO", "Print and online, yearly, United Kingdom", 8900, "gbp", YEAR, ships=12),
    Plan("HR-D-Y-GBP", "HR-DIGITAL", "Online, yearly, United Kingdom", 4500, "gbp", YEAR),
    Plan("HR-C-Y-EUR", "HR-COMBO", "Print and online, yearly, Europe", 9900, "eur", YEAR, ships=12),
    Plan("HR-D-M-EUR", "HR-DIGITAL", "Online, monthly, Europe", 500, "eur", MONTH),
]

NATIONS = {
    "CA": "Canada",
    "US": "United States",
    "GB": "United Kingdom",
    "FR": "France",
    "DE": "Germany",
    "AU": "Australia",
}
CURRENCIES = {"CA": "cad", "US": "usd", "GB": "gbp", "FR": "eur", "DE": "eur", "AU": "usd"}
MARKETS = list(dict.fromkeys(CURRENCIES.values()))

PLACES = [
    Place("Halifax", "NS", "Nova Scotia", "CA", "B3H #@~", "+1-902-555-01", 6),
    Place("Lunenburg", "NS", "Nova Scotia", "CA", "B0J #@~", "+1-902-555-01"),
    Place("Montréal", "QC", "Quebec", "CA", "H3H #@~", "+1-514-555-01"),
    Place("Trois-Rivières", "QC", "Quebec", "CA", "G9A #@~", "+1-819-555-01"),
    Place("Saint-Louis-du-Ha! Ha!", "QC", "Quebec", "CA", "G0L #@~", "+1-418-555-01", 1),
    Place("St. John's", "NL", "Newfoundland and Labrador", "CA", "A1C #@~", "+1-709-555-01"),
    Place("Toronto", "ON", "Ontario", "CA", "M5V #@~", "+1-416-555-01"),
    Place("Vancouver", "BC", "British Columbia", "CA", "V6B #@~", "+1-604-555-01"),
    Place("Boston", "MA", "Massachusetts", "US", "021#~", "+1-617-555-01", 6),
    Place("Newark", "NJ", "New Jersey", "US", "071#~", "+1-973-555-01"),
    Place("Portland", "ME", "Maine", "US", "041#~", "+1-207-555-01"),
    Place("Coeur d'Alene", "ID", "Idaho", "US", "838#~", "+1-208-555-01"),
    Place("New York", "NY", "New York", "US", "100#~-~#~#", "+1-212-555-01"),
    Place("San Francisco", "CA", "California", "US", "941#~", "+1-415-555-01"),
    Place("Washington, D.C.", "DC", "District of Columbia", "US", "200#~", "+1-202-555-01"),
    Place("Cañon City", "CO", "Colorado", "US", "812#~", "+1-719-555-01"),
    Place("King's Lynn", "ENG", "England", "GB", "PE30 #@@", "+44-117-496-00", 2),
    Place("Aberdeen", "SCT", "Scotland", "GB", "AB11 #@@", "+44-131-496-00"),
    Place("Saint-Malo", "BRE", "Bretagne", "FR", "354#~", "+33-1-99-00-01"),
    Place("L'Haÿ-les-Roses", "IDF", "Île-de-France", "FR", "942#~", "+33-1-99-00-02", 1),
    Place("Lübeck", "SH", "Schleswig-Holstein", "DE", "235#~", "+49-30-23125-0"),
    Place("Fremantle", "WA", "Western Australia", "AU", "61#~", "+61-8-5550-00", 2),
    Place("Hobart", "TAS", "Tasmania", "AU", "70#~", "+61-3-5550-00", 1),
]

FIRST_NAMES = [
    "Anne-Marie",
    "Béatrice",
    "Chloë",
    "D'Arcy",
    "Edward",
    "Frances",
    "Gerard",
    "Hélène",
    "Ian",
    "Jane",
    "José",
    "Karin",
    "Liam",
    "Malgorzata",
    "None",
    "N'Golo",
    "Noor",
    "Olivia",
    "Priya",
    "Quentin",
    "Ruth",
    "Søren",
    "Siobhán",
    "Thomas",
    "Uma",
    "Víctor",
    "Wei",
    "Yusuf",
    "Živa",
    "Zoë",
]
LAST_NAMES = [
    *[
        "Achebe",
        "Bélanger",
        "Côté",
        "D'Angelo",
        "Eriksson",
        "Fraser",
        "García",
        "Hughes",
        "Iyer",
        "Jørgensen",
        "Kowalski",
        "LeBlanc",
        "MacNeil",
        "Müller",
    ],
    *[
        "Ng",
        "Null",
        "Nuñez",
        "O'Brien",
        "O’Brien",
        "Okafor",
        "Peña",
        "Quinn",
        "Rossi",
        "Tremblay",
        "Underwood",
        "White",
        "Ybañez",
        "Zhang",
        "Žižek",
    ],
    *("de la Cruz", "Smith, Jr.", "St. Clair", "van den Berg"),
]
LISTS = {
    "domains": [
        "example.com",
        "mail.example.com",
        "post.example.org",
        "subscribers.example.net",
        "atlantic-post.example.org",
    ],
    "streets": [
        *(
            "Water Street",
            "Barrington Street",
            "King Street East",
            "Old Mill Road",
            "Homewood Ave.",
            "Wellington Square, North Side",
        ),
        *(
            "Captain's Row",
            "Fisherman's Wharf",
            "rue Sainte-Catherine Ouest",
            "chemin de l'Église",
            "quai Saint-Vincent",
            "Königstraße",
        ),
    ],
    "units": ["Apt. 4", "#02-111", "Suite 200, Floor 2", 'Unit "B"', "2e étage", "c/o The Chandlery", "P.O. Box 77"],
    "companies": [
        "Baker, Boyle & Co.",
        "Atlantic Chandlers Ltd.",
        "Café de la Marine",
        "O'Hara Shipping",
        'Books at the "Anchor"',
    ],
    "departments": ["Accounting", "Library", "Human Resources", "Reading Room"],
    "salutations": ["Mr.", "Mrs.", "Ms.", "Miss", "Dr.", "Me."],
    "titles": ["CEO", "Manager", "Doctor", "Publisher", "Librarian"],
}


# Who is in an extract: families of records, in a cycle that repeats


Family = tuple[str, ...]
SINGLE: Family = ("single",)
READER: Family = ("reader",)  # without a subscription
BROKEN: Family = ("broken",)  # a single one, with a line break in its address
TWICE: Family = ("repeat",) * 2  # one customer, several subscriptions
THRICE: Family = ("repeat",) * 3
GIFT: Family = ("donor", "recipient")
CREW: Family = ("admin", "member", "member", "member")


def cycle(families: dict[Family, int], seed: int) -> list[dict]:
    """Each record's role, its distance to the first of its family, and the line breaks before it."""
    numbered = [family for family, count in families.items() for _ in range(count)]
    first, *others = [number for number, family in enumerate(numbered) for _ in family]
    random.Random(seed).shuffle(others)
    order = [
        first,
        *others,
    ]  # the record that opens a cycle is single and has no defect, so that others can share its email or id
    roles = [numbered[number][order[:slot].count(number)] for slot, number in enumerate(order)]
    breaks = accumulate((role == "broken" for role in roles), initial=0)
    return [
        {"role": role, "distance": slot - order.index(number), "breaks": before}
        for slot, (role, number, before) in enumerate(zip(roles, order, breaks, strict=False))
    ]


# Records in SQL. A NULL key draws NULL: who has no subscription, or no address, has no cell of one either.

MACROS = """
CREATE MACRO draw(key, purpose, n) AS CASE WHEN key IS NOT NULL THEN (hash(key, getvariable('seed'), purpose) % nullif(n, 0))::INT END;
CREATE MACRO chance(key, purpose, percent) AS draw(key, purpose, 100) < percent;
-- Without the cast the remainder is worked out in 128 bits, six times slower.
CREATE MACRO choice(choices, key, purpose) AS choices[1 + draw(key, purpose, len(choices)::UBIGINT)];
CREATE MACRO pick(list, key) AS choice(getvariable(list), key, list);
CREATE MACRO dmy(date) AS strftime(date, '%d/%m/%Y');
CREATE MACRO salted(key) AS key || ':' || getvariable('seed');
CREATE MACRO sealed(key, length) AS left(translate(to_base64(unhex(sha256(salted(key)))), '+=', './') || md5(salted(key)), length);
CREATE MACRO old_id(key) AS 'S' || (200000 + key);
CREATE MACRO display_name(key) AS pick('first_names', key).slug || '_' || key;
CREATE MACRO email(key) AS pick('first_names', key).slug || '.' || pick('last_names', key).slug || key
    || CASE WHEN chance(key, 'tagged', 5) THEN '+harbour' ELSE '' END || '@' || pick('domains', key);
"""

RECORDS = """
WITH slots AS (
    SELECT i, i % len(getvariable('cycle')) AS slot, i // len(getvariable('cycle')) AS round
    FROM numbers
), members AS (
    -- A last, incomplete cycle would part families: its records are single.
    SELECT *, getvariable('cycle')[CASE WHEN round < getvariable('rounds') THEN slot + 1 ELSE 1 END] AS member
    FROM slots
), families AS (
    SELECT
        *, member.role AS role, 2 + i + round * getvariable('breaks') + member.breaks AS line,
        i - member.distance AS family, CASE WHEN member.role = 'repeat' THEN i - member.distance ELSE i END AS customer,
        CASE WHEN member.role <> 'reader' THEN i END AS subscription
    FROM members
), households AS (
    SELECT
        *, role <> 'repeat' AS alone, role = 'single' OR role = 'broken' OR role = 'repeat' AS plain,
        role = 'donor' OR role = 'recipient' AS gift, role = 'admin' OR role = 'member' AS crew,
        chance(family, 'posted', 75) AS posted, CASE WHEN chance(customer, 'elsewhere', 15) THEN -1 - customer ELSE customer END AS parcel
    FROM families
), keys AS (
    SELECT
        *, CASE WHEN posted OR role = 'broken' OR chance(customer, 'billing', 95) THEN customer END AS billing,
        CASE WHEN posted OR chance(customer, 'parcel', 25) THEN parcel END AS shipping,
        CASE WHEN crew THEN getvariable('crew_plan') ELSE choice(
            getvariable('offers')[1 + 2 * pick('places', family).market + posted::INT],
            CASE WHEN gift THEN family ELSE subscription END, 'plan'
        ) END AS plan_number
    FROM households
), choices AS (
    SELECT
        *, pick('first_names', customer).name AS first_name, pick('last_names', customer).name AS last_name,
        CASE WHEN chance(customer, 'salutation', 70) THEN pick('salutations', customer) END AS salutation,
        pick('places', customer) AS home, pick('places', billing) AS billing_place, pick('places', shipping) AS shipping_place,
        CASE WHEN chance(customer, 'password', 90) THEN pick('schemes', customer) END AS scheme,
        getvariable('plans')[plan_number] AS plan, getvariable('migration_date') AS today,
        NOT chance(subscription, 'unpaid', 5) AS paid, chance(subscription, 'start now', 1) AS start_now
    FROM keys
)
SELECT
    *, coalesce(plan.ships > 0, false) AS ships,
    CASE
        WHEN start_now THEN NULL
        WHEN NOT paid AND chance(i, 'overdue', 30) THEN today - 1 - draw(i, 'overdue by', 200)
        ELSE today + 1 + draw(i, 'ends in', plan.days::UBIGINT)
    END AS ends
FROM choices
"""


def cases(subject: str, values: dict[str, str], otherwise: str = "NULL") -> str:
    return " ".join(
        [f"CASE {subject}", *(f"WHEN '{key}' THEN {value}" for key, value in values.items()), f"ELSE {otherwise} END"]
    )


def one_of(*values: str) -> str:
    """A choice among SQL values, drawn for each record."""
    return f"[{', '.join(values)}][1 + draw(i, 'value', {len(values)})]"


PASSWORDS = {
    "Bcrypt": "'$2y$10$' || sealed(customer, 53)",
    "Drupal": "'$S$E' || sealed(customer, 51)",
    # Without letters at fixed places a hash could hold digits enough for a card number.
    "MD5": r"regexp_replace(md5(salted(customer)), '^(.{10}).(.{10}).', '\1c\2e')",
}

CUSTOMER = {
    "old_provider_id": "'HR' || (100000 + customer)",
    "email": "CASE WHEN slot = 0 OR NOT chance(customer, 'no email', 3) THEN email(customer) END",
    "first_name": "first_name",
    "last_name": "last_name",
    "phone": """CASE WHEN chance(customer, 'phone', 70) THEN
        replace(home.phone || 10 + draw(customer, 'own number', 90), '-', ['-', '.', ' ', ''][1 + draw(customer, 'dialled', 4)]) END""",
    "title": "CASE WHEN chance(customer, 'title', 40) THEN pick('titles', customer) END",
    "salutation": "salutation",
    "display_name": "CASE WHEN slot = 0 OR chance(customer, 'display name', 50) THEN display_name(customer) END",
    "password": cases("scheme", PASSWORDS),
    "common_metadata.import_only_the_customer": "CASE WHEN role = 'reader' THEN '1' ELSE '0' END",
    "common_metadata.password_encryption": "scheme",
    "common_metadata.original_old_provider_id": "'HR' || (100000 + customer)",
}

ADDRESS = {
    "first_name": "CASE WHEN {side} IS NOT NULL THEN first_name END",
    "last_name": "CASE WHEN {side} IS NOT NULL THEN last_name END",
    "salutation": "CASE WHEN {side} IS NOT NULL THEN salutation END",
    "title": "CASE WHEN chance({side}, 'title', 40) THEN pick('titles', {side}) END",
    "company": "CASE WHEN chance({side}, 'company', 35) THEN pick('companies', {side}) END",
    "department": "CASE WHEN chance({side}, 'company', 20) THEN pick('departments', {side}) END",
    "line1": """1 + draw({side}, 'house', 2400) || ' ' || pick('streets', {side})
        || CASE WHEN role = 'broken' AND '{side}' = 'billing' THEN chr(10) || pick('units', {side}) ELSE '' END""",
    "line2": "CASE WHEN chance({side}, 'unit', 50) THEN pick('units', {side}) END",
    "city": "{side}_place.city",
    "state": "{side}_place.state",
    "country": "{side}_place.country",
    "zip": """replace(replace(replace(
        {side}_place.zip, '#', (1 + draw({side}, 'zip #', 9))::VARCHAR), '~', draw({side}, 'zip ~', 10)::VARCHAR),
        '@', 'ABEGHJLNPRSTWXYZ'[1 + draw({side}, 'zip @', 16)])""",
    "phone": "CASE WHEN chance({side}, 'phone', 80) THEN ltrim({side}_place.phone, '+') || 10 + draw({side}, 'number', 90) END",
}

SUBSCRIPTION = {
    "current_period_end": "dmy(ends)",
    "cancel_at_period_end": "CASE WHEN plan.renews = 0 OR chance(subscription, 'leaving', 10) THEN '1' WHEN plan.renews = 1 THEN '0' END",
    "start_date": "dmy(coalesce(ends, today) - (plan.days * (1 + draw(subscription, 'terms', 5)))::INT)",
    "shipments_undeliverable": "CASE WHEN ships THEN CASE WHEN chance(i, 'returned', 1) THEN '1' ELSE '0' END END",
    "shipments_suspended_until": "CASE WHEN ships AND chance(i, 'away', 3) THEN dmy(today + draw(i, 'back in', 120)) END",
    "common_metadata.is_expired": "CASE WHEN chance(subscription, 'expiry known', 80) THEN '2' END",
    "common_metadata.start_now": "CASE WHEN start_now THEN '1' WHEN NOT start_now THEN '0' END",
    "shipments_remaining": "CASE WHEN ships THEN draw(i, 'shipments', (plan.ships + 1)::UBIGINT)::VARCHAR END",
    "quantity": "CASE WHEN ships AND paid AND chance(i, 'copies', 4) THEN '2' WHEN subscription IS NOT NULL THEN '1' END",
    "collection_method": """CASE WHEN plan.renews = 1 AND chance(subscription, 'by card', 75) THEN 'charge_automatically'
        WHEN subscription IS NOT NULL THEN 'send_invoice' END""",
    "common_metadata.temporary_plan_id": "plan.old_id",
    "common_metadata.old_id": "CASE WHEN role <> 'single' OR slot = 0 OR chance(subscription, 'old id', 90) THEN old_id(subscription) END",
    "common_metadata.service_status": "CASE WHEN paid THEN ['active', 'Active'][1 + draw(i, 'capital', 2)] WHEN NOT paid THEN 'unpaid' END",
    "common_metadata.order_number": "CASE WHEN chance(subscription, 'order', 80) THEN (4000000 + i)::VARCHAR END",
    "common_metadata.order_price": "CASE WHEN chance(subscription, 'order', 80) THEN plan.amount::VARCHAR END",
    "common_metadata.order_term": "CASE WHEN chance(subscription, 'order', 80) THEN plan.term END",
    "type": "CASE WHEN crew THEN role WHEN subscription IS NOT NULL THEN 'regular' END",
    "common_metadata.membership": "CASE WHEN crew THEN 'HRM-' || family END",
    "common_metadata.is_gift_donor": "CASE WHEN role = 'donor' THEN '1' WHEN subscription IS NOT NULL THEN '0' END",
    "common_metadata.is_gift_recipient": "CASE WHEN role = 'recipient' THEN '1' WHEN subscription IS NOT NULL THEN '0' END",
    "common_metadata.gift_donor_subscription_id": "CASE WHEN role = 'recipient' THEN old_id(family) END",
}

PRODUCT = {
    "id": "item.id",
    "address_required": "item.address_required::VARCHAR",
    "active": "'1'",
    "name": "item.name",
    "description": "item.description",
    "statement_descriptor": "'HARBOUR REVIEW'",
    "image": "item.image",
}

PLAN = {
    "amount": "item.amount::VARCHAR",
    "auto_renew": "item.renews::VARCHAR",
    "currency": "item.currency",
    "available_online": "CASE WHEN item.weight >= 10 THEN '1' ELSE '0' END",
    "interval": "item.interval::VARCHAR",
    "interval_count": "item.count::VARCHAR",
    "nickname": "item.nickname",
    "shipments_per_interval": "item.ships::VARCHAR",
    "description": "'Paid for ' || item.term || ' at a time'",
    "temporary_product_id": "item.product",
    "old_id": "item.old_id",
    "type": "item.type",
    "revenue_recognition_type": "CASE WHEN item.ships > 0 THEN 'shipment_based' ELSE 'time_based' END",
    "entitlements": "item.entitlements",
}

FILES = {
    "customers": {f"customer.{column}": cell for column, cell in CUSTOMER.items()}
    | {
        f"address.{side}_{column}": cell.format(side=side)
        for side in ("billing", "shipping")
        for column, cell in ADDRESS.items()
    }
    | {f"subscription.{column}": cell for column, cell in SUBSCRIPTION.items()},
    "products": {f"product.{column}": cell for column, cell in PRODUCT.items()},
    "plans": {f"plan.{column}": cell for column, cell in PLAN.items()},
}


# What goes wrong


@dataclass(frozen=True)
class Defect:
    """One way for one record to be wrong: where it can happen, and the cell, as SQL, that it leaves behind."""

    name: str
    rule: str
    severity: str
    attribute: str
    value: str
    where: str
    share: int = 1  # against the other defects that the same record can have
    also: dict[str, str] = field(default_factory=dict)

    @property
    def table(self) -> str:
        owner = self.attribute.split(".")[0]
        return f"{owner}s" if owner in ("product", "plan") else "customers"

    @property
    def object(self) -> str:
        owner, column = self.attribute.split(".", 1)
        return f"{column.split('_')[0]}_address" if owner == "address" else owner

    @property
    def cells(self) -> dict[str, str]:
        return {self.attribute: self.value} | self.also


METADATA = "subscription.common_metadata"
PLAN_ID = f"{METADATA}.temporary_plan_id"
SUBSCRIBED = "subscription IS NOT NULL"
EMAIL, PHONE, PASSWORD = '"customer.email"', '"customer.phone"', '"customer.password"'
BILLING_ZIP, BILLING_PHONE = '"address.billing_zip"', '"address.billing_phone"'

# Customers and addresses go wrong where one record alone holds them; a second one would disagree with it, and that is a defect of its own.
BILLING = "alone AND billing IS NOT NULL AND role <> 'broken'"
SHIPPING = "alone AND shipping IS NOT NULL"
# A rejected address takes a shipped subscription with it.
PARCEL = f"{SHIPPING} AND NOT ships"
STATE_NEEDED = "list_contains(['US', 'CA', 'AU'], {side}_place.country)"
BILLING_STATE = f"{BILLING} AND {STATE_NEEDED.format(side='billing')}"
BILLING_NO_STATE = f"{BILLING} AND NOT {STATE_NEEDED.format(side='billing')}"
PARCEL_STATE = f"{PARCEL} AND {STATE_NEEDED.format(side='shipping')}"

DEFECTS = [
    Defect("email malformed", "CUS-EMAIL-INVALID", "clear", "customer.email",
           one_of(f"replace({EMAIL}, '@', ' at ')", f"replace({EMAIL}, '@', '@@')", f"split_part({EMAIL}, '@', 1)"),
           f"alone AND {EMAIL} IS NOT NULL", 2),
    Defect("email shared", "CUS-EMAIL-SHARED", "clear", "customer.email", one_of("email(i - slot)", "upper(email(i - slot))"), "alone"),
    Defect("display name shared", "CUS-DISPLAY-NAME-SHARED", "clear", "customer.display_name", "display_name(i - slot)", "alone"),
    Defect("phone with letters", "CUS-PHONE-INVALID", "clear", "customer.phone",
           one_of(f"replace({PHONE}, '0', 'O')", f"{PHONE} || '/' || {PHONE} || '/' || {PHONE}", "'unlisted'", "'0000000'", "'12345'"),
           f"alone AND {PHONE} IS NOT NULL", 2),
    Defect("phone with an extension", "CUS-PHONE-INVALID", "repair", "customer.phone",
           one_of(f"{PHONE} || ' ext. 12'", f"{PHONE} || ' / ' || {PHONE}"), f"alone AND {PHONE} IS NOT NULL"),
    Defect("email wrapped", "CUS-EMAIL-INVALID", "repair", "customer.email",
           one_of(f"'mailto:' || {EMAIL}", f"'<' || {EMAIL} || '>'", f"{EMAIL} || '.'", f"replace({EMAIL}, '@', ' @ ')"),
           f"alone AND {EMAIL} IS NOT NULL"),
    Defect("import only unclear", "CUS-IMPORT-ONLY", "repair", "customer.common_metadata.import_only_the_customer",
           one_of("NULL", "'maybe'", "'x'"), "alone", 2),
    Defect("original id empty", "CUS-ORIGINAL-ID", "repair", "customer.common_metadata.original_old_provider_id", "NULL", "alone"),
    Defect("scheme unsaid", "CUS-PASSWORD-SCHEME", "repair", "customer.common_metadata.password_encryption",
           one_of("NULL", "'hash'"), f"alone AND {PASSWORD} IS NOT NULL"),
    Defect("scheme unknown", "CUS-PASSWORD-SCHEME", "clear", "customer.common_metadata.password_encryption",
           "'SSHA'", f"alone AND {PASSWORD} IS NOT NULL", also={"customer.password": "'{SSHA}' || sealed(customer, 38)"}),
    Defect("last name differs", "CUS-CONFLICT", "question", "customer.last_name", "last_name || '-Hart'", "NOT alone AND customer < i", 3),
    Defect("phone differs", "CUS-CONFLICT", "question", "customer.phone",
           f"left({PHONE}, -2) || '07'", f"NOT alone AND customer < i AND {PHONE} IS NOT NULL", 3),

    Defect("billing name empty", "ADR-NAME", "repair", "address.billing_first_name", "NULL", BILLING),
    Defect("shipping name empty", "ADR-NAME", "repair", "address.shipping_last_name", "NULL", SHIPPING),
    Defect("street empty", "ADR-REQUIRED", "reject", "address.billing_line1", "NULL", BILLING),
    Defect("zip empty", "ADR-REQUIRED", "reject", "address.billing_zip", "NULL", BILLING),
    Defect("city empty", "ADR-REQUIRED", "reject", "address.shipping_city", "NULL", PARCEL),
    Defect("country spelled out", "ADR-COUNTRY", "repair", "address.billing_country", "billing_place.nation", BILLING, 2),
    Defect("country unknown", "ADR-COUNTRY", "reject", "address.billing_country", one_of("'XX'", "'Atlantis'", "'?'"), BILLING),
    Defect("parcel to an unknown country", "ADR-COUNTRY", "reject", "address.shipping_country", one_of("'ZZ'", "'Overseas'"), PARCEL),
    Defect("state spelled out", "ADR-STATE", "repair", "address.billing_state", "billing_place.region", BILLING_STATE, 2),
    Defect("state unknown", "ADR-STATE", "reject", "address.billing_state", one_of("NULL", "'ZZ'", "'Elsewhere'"),
           f"{BILLING_STATE} AND billing_place.country <> 'AU'"),
    Defect("parcel to an unknown state", "ADR-STATE", "reject", "address.shipping_state", one_of("NULL", "'ZZ'"),
           f"{PARCEL_STATE} AND shipping_place.country <> 'AU'"),
    Defect("state unknown to Australia", "ADR-STATE", "question", "address.billing_state", one_of("NULL", "'ZZ'"),
           f"{BILLING_STATE} AND billing_place.country = 'AU'", 3),
    Defect("state empty abroad", "ADR-STATE-EMPTY", "question", "address.billing_state", "NULL", BILLING_NO_STATE, 2),
    Defect("leading zero lost", "ADR-ZIP", "repair", "address.billing_zip", f"substr({BILLING_ZIP}, 2)",
           f"{BILLING} AND billing_place.country = 'US' AND starts_with({BILLING_ZIP}, '0')", 3),
    Defect("zip cut short", "ADR-ZIP", "question", "address.billing_zip", f"left({BILLING_ZIP}, 3)",
           f"{BILLING} AND list_contains(['US', 'CA'], billing_place.country)"),
    Defect("address phone in words", "ADR-PHONE", "clear", "address.billing_phone",
           one_of("'see file'", "'none'"), f"{BILLING} AND {BILLING_PHONE} IS NOT NULL", 2),
    Defect("address phone with an extension", "ADR-PHONE", "repair", "address.billing_phone",
           f"{BILLING_PHONE} || ' ext. 3'", f"{BILLING} AND {BILLING_PHONE} IS NOT NULL"),

    Defect("cancelled", "SUB-NOT-MIGRATED", "excluded", f"{METADATA}.service_status",
           one_of("'cancelled'", "'Canceled'", "'EXPIRED'"), "plain", 3),
    Defect("run out", "SUB-EXPIRED", "excluded", "subscription.current_period_end",
           "dmy(today - 20 - draw(i, 'ran out', 900))", "plain AND paid AND ends IS NOT NULL", 3,
           {"subscription.cancel_at_period_end": "'1'"}),
    Defect("renewed since", "SUB-ENDED-ACTIVE", "question", "subscription.current_period_end",
           "dmy(today - 1 - draw(i, 'ran out', 9))", "plain AND paid AND ends IS NOT NULL AND plan.renews = 1",
           also={"subscription.cancel_at_period_end": "'0'"}),
    Defect("without an end", "SUB-FAR", "question", "subscription.current_period_end",
           one_of("'31/12/9999'", "'01/01/2099'"), "plain AND ends IS NOT NULL"),
    Defect("plan unknown", "SUB-PLAN", "reject", PLAN_ID, one_of("NULL", "'HR-P-3Y-CAD'", "'PROMO-17'"), "plain"),
    Defect("period end unreadable", "SUB-PERIOD-END", "reject", "subscription.current_period_end",
           one_of("NULL", "'31/02/2027'", "'next spring'", "'00/00/0000'"), "plain AND ends IS NOT NULL"),
    Defect("cancel unclear", "SUB-CANCEL", "repair", "subscription.cancel_at_period_end", one_of("NULL", "'perhaps'"), "plain"),
    Defect("single term renews", "SUB-CANCEL-PLAN", "question", "subscription.cancel_at_period_end", "'0'",
           "plain AND plan.renews = 0", 30),
    Defect("start unreadable", "SUB-DATE", "clear", "subscription.start_date",
           one_of("'31/02/2024'", "'00/00/0000'", "'01/01/1970'", "'2019'", "'long ago'"), SUBSCRIBED),
    Defect("suspension unreadable", "SUB-DATE", "clear", "subscription.shipments_suspended_until",
           one_of("'on return'", "'31/11/2026'"), "ships"),
    Defect("deliverable unclear", "SUB-BOOLEAN", "clear", "subscription.shipments_undeliverable", one_of("'?'", "'returned'"), "ships"),
    Defect("expiry unclear", "SUB-BOOLEAN", "reject", f"{METADATA}.is_expired", one_of("'unknown'", "'3'"), "plain"),
    Defect("starts after its end", "SUB-START-AFTER-END", "question", "subscription.start_date", "dmy(ends + 31)", "ends IS NOT NULL"),
    Defect("shipments uncountable", "SUB-SHIPMENTS", "reject", "subscription.shipments_remaining",
           one_of("NULL", "'-2'", "'2.5'", "'several'"), "plain AND ships", 3),
    Defect("quantity empty", "SUB-QUANTITY", "repair", "subscription.quantity", "NULL", SUBSCRIBED),
    Defect("quantity uncountable", "SUB-QUANTITY", "reject", "subscription.quantity", one_of("'0'", "'-1'", "'one'", "'1.5'"), SUBSCRIBED),
    Defect("collection unknown", "SUB-COLLECTION", "reject", "subscription.collection_method",
           one_of("NULL", "'cheque'", "'paypal'"), SUBSCRIBED),
    Defect("status unknown", "SUB-STATUS", "reject", f"{METADATA}.service_status", one_of("NULL", "'paused'", "'pending'"), "plain"),
    Defect("type empty", "SUB-TYPE", "repair", "subscription.type", "NULL", "plain"),
    Defect("type unknown", "SUB-TYPE", "reject", "subscription.type", one_of("'individual'", "'corporate'"), "plain"),
    Defect("recipient unmarked", "REL-GIFT-FLAG", "repair", f"{METADATA}.is_gift_recipient", "NULL", "role = 'recipient'", 5),
    Defect("donor unmarked", "REL-GIFT-FLAG", "repair", f"{METADATA}.is_gift_donor", "NULL", "role = 'donor'", 5),
    Defect("old id shared", "SUB-OLD-ID-SHARED", "reject", f"{METADATA}.old_id", "old_id(i - slot)", "plain"),
]  # fmt: skip

# Of a million some meet by chance: three with one email are a placeholder's, and a gift without both its flags is none. Where each
# can happen instead, and its share.
MEETING = {
    "email shared": ("alone AND slot = 1 + draw(i - slot, 'shares its email', 90)", 40),
    "donor unmarked": ("role = 'donor' AND draw(family, 'unmarked', 2) = 0", 5),
    "recipient unmarked": ("role = 'recipient' AND draw(family, 'unmarked', 2) = 1", 5),
}

# In five files a subscription names its reader by id alone: it cannot be told from the first one's.
BENCHMARK_DEFECTS = [
    *(
        replace(defect, where=where, share=share)
        for defect in DEFECTS
        for where, share in [MEETING.get(defect.name, (defect.where, defect.share))]
    ),
    Defect("id of another reader", "CUS-TWO-PEOPLE", "reject", "customer.old_provider_id", '"customer.old_provider_id"',
           f"role = 'repeat' AND customer < i AND {EMAIL} IS NOT NULL", 2,
           {"customer.email": "email(i)", "customer.first_name": "'Ottoline'", "customer.last_name": "'Quayle'"}),
]  # fmt: skip

PUBLISHER_DEFECTS = [
    *DEFECTS,
    Defect("donor unknown", "REL-GIFT-DONOR", "reject", f"{METADATA}.gift_donor_subscription_id",
           one_of("NULL", "'lost-' || i"), f'role = \'single\' AND "{METADATA}.old_id" IS NOT NULL', 6,
           {f"{METADATA}.is_gift_recipient": "'1'"}),
    Defect("crew without an admin", "REL-MEMBERSHIP-ADMIN", "reject", f"{METADATA}.membership", "'HRM-' || i", "role = 'single'", 5,
           {"subscription.type": "'member'", PLAN_ID: "'HR-CREW-Y-CAD'"}),
    Defect("nowhere to ship to", "REL-SHIPPING", "reject", PLAN_ID, "plan.old_id", "role = 'single' AND ships", 8,
           {f"address.shipping_{column}": "NULL" for column in ADDRESS}),

    Defect("address need unsaid", "PRD-ADDRESS-REQUIRED", "repair", "product.address_required", "NULL", "item.id = 'HR-CREW'"),
    Defect("amount in dollars", "PLN-AMOUNT", "reject", "plan.amount", "'19.99'", "item.old_id = 'HR-D-Q-USD'"),
    Defect("interval in a word", "PLN-INTERVAL", "repair", "plan.interval", "'Month'", "item.old_id = 'HR-D-M-EUR'"),
    Defect("revenue unsaid", "PLN-REVENUE", "repair", "plan.revenue_recognition_type", "NULL", "item.old_id = 'HR-C-Y-GBP'"),
]  # fmt: skip


@dataclass(frozen=True)
class Kind:
    families: dict[Family, int]  # in one cycle
    defects: list[Defect]
    per_mille: int  # of the records, that get a defect
    customers: dict[str, str] = field(default_factory=dict)  # cells of customers.csv beside or instead of the usual


PUBLISHER = Kind({SINGLE: 40, BROKEN: 2, READER: 25, TWICE: 20, THRICE: 5, GIFT: 2, CREW: 1}, PUBLISHER_DEFECTS, 100)
PUBLISHER_RECORDS = 2600  # of 2,000 readers
SEED = 1985  # with it the publisher has every defect; not every seed reaches the rarest
# What makes a real delivery slower than a tidy one: numbers as long as a card's, other scripts, long text, empty columns.
AS_DELIVERED = {
    # As in the guide's first example, 0015141234567.
    "customer.phone": """CASE WHEN chance(customer, 'phone', 70) THEN
        '00' || ltrim(replace(home.phone, '-', ''), '+') || 10 + draw(customer, 'own number', 90) END""",
    "customer.last_name": "CASE WHEN alone AND chance(customer, 'far', 2) THEN '東京' ELSE last_name END",
    "customer.old_provider_id": "'9800' || (100000000000 + customer)",
    "customer.common_metadata.original_old_provider_id": "'9800' || (100000000000 + customer)",
    "address.billing_company": """CASE WHEN chance(billing, 'company', 35) THEN
        ['Baker, Boyle & Co.', 'Books at the "Anchor"', 'Издательство «Волна»', '港町書房', 'Εκδόσεις Λιμάνι'][1 + draw(billing, 'which', 5)] END""",
    f"{METADATA}.order_number": "CASE WHEN NOT alone OR chance(subscription, 'order', 80) THEN '1000' || lpad(i::VARCHAR, 12, '0') END",
    "Notes": """CASE WHEN chance(i, 'notes', 10) THEN repeat(
        'Called on the ' || 1 + draw(i, 'day', 28) || 'th, asked for "the summer issue"; address as before, no reply since. ', 8) END""",
    "Fax": "NULL::VARCHAR",
    "Legacy segment": "NULL::VARCHAR",
}
BENCHMARK = Kind({SINGLE: 79, BROKEN: 1, TWICE: 7, GIFT: 1, CREW: 1}, BENCHMARK_DEFECTS, 50, AS_DELIVERED)


# Writing


def slug(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.lower().translate(str.maketrans("ø", "o")))
    return "".join(letter for letter in letters if letter.isascii() and letter.isalpha())


def offer(currency: str, posted: bool) -> list[int]:
    """Numbers of the plans that a reader chooses among, each as often as its weight."""
    fitting = [
        (number, plan)
        for number, plan in enumerate(PLANS, 1)
        if plan.currency == currency and (posted or not plan.ships)
    ]
    return [number for number, plan in fitting for _ in range(plan.weight)]


def variables(kind: Kind, records: int, seed: int) -> dict[str, object]:
    """What the queries draw from, and the size and shape of the extract."""
    slots = cycle(kind.families, seed)
    return LISTS | {
        "seed": seed,
        "per_mille": kind.per_mille,
        "migration_date": tomllib.loads(EXTRACT_TOML)["migration_date"],
        "cycle": slots,
        "rounds": records // len(slots),
        "breaks": kind.families[BROKEN],
        "first_names": [{"name": name, "slug": slug(name)} for name in FIRST_NAMES],
        "last_names": [{"name": name, "slug": slug(name)} for name in LAST_NAMES],
        "schemes": list(PASSWORDS),
        "places": [
            asdict(place) | {"nation": NATIONS[place.country], "market": MARKETS.index(CURRENCIES[place.country])}
            for place in PLACES
            for _ in range(place.weight)
        ],
        "products": [asdict(product) for product in PRODUCTS],
        "plans": [asdict(plan) | {"days": plan.days, "term": plan.term} for plan in PLANS],
        "offers": [offer(currency, posted) for currency in MARKETS for posted in (False, True)],
        "crew_plan": next(number for number, plan in enumerate(PLANS, 1) if plan.type == "membership"),
    }


def sources() -> dict[str, str]:
    """Each file's records before any defect; `exposed` ones may get one."""
    items = "SELECT i, i + 2 AS line, true AS exposed, getvariable('{0}')[i + 1] AS item FROM range(len(getvariable('{0}'))) AS numbers(i)"
    return {
        "customers": f"SELECT *, slot > 0 AND draw(i, 'exposed', 1000) < getvariable('per_mille') AS exposed FROM ({RECORDS})",
        "products": items.format("products"),
        "plans": items.format("plans"),
    }


def columns(kind: Kind, table: str) -> dict[str, str]:
    """Each column of a file, and its cell as SQL."""
    return FILES[table] | (kind.customers if table == "customers" else {})


def spoiled(kind: Kind, table: str, source: str, defects: list[Defect]) -> str:
    """The records of a file, each exposed one with a defect among those that fit it."""
    cells = ", ".join(f'{cell} AS "{column}"' for column, cell in columns(kind, table).items())
    fitting = ", ".join(
        f"CASE WHEN {defect.where} THEN {[defect.name] * defect.share} ELSE [] END" for defect in defects
    )
    return f"""
        SELECT *, choice(fitting, i, 'defect') AS defect
        FROM (SELECT *, CASE WHEN exposed THEN flatten([{fitting}]::VARCHAR[][]) END AS fitting FROM (SELECT *, {cells} FROM ({source})))
    """


def written(column: str, defects: list[Defect]) -> str:
    """One cell: what a defect left of it, or what it was."""
    left = {defect.name: defect.cells[column] for defect in defects if column in defect.cells}
    cell = f'"{column}"'
    return f"{cases('defect', left, cell)} AS {cell}" if left else cell


def generate(kind: Kind, records: int, seed: int, folder: Path, labels: Path | None) -> None:
    con = duckdb.connect(config={"memory_limit": "2GB", "preserve_insertion_order": True})
    for name, value in variables(kind, records, seed).items():
        con.execute(f"SET VARIABLE {name} = ?", [value])
    con.execute(MACROS)
    # Several threads read a table, in order; one alone reads range().
    con.execute(f"CREATE TABLE numbers AS SELECT range AS i FROM range({records})")
    con.execute(
        "CREATE TABLE defects (defect VARCHAR, object VARCHAR, attribute VARCHAR, rule VARCHAR, severity VARCHAR)"
    )
    con.executemany(
        "INSERT INTO defects VALUES (?, ?, ?, ?, ?)",
        [(defect.name, defect.object, defect.attribute, defect.rule, defect.severity) for defect in kind.defects],
    )

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "extract.toml").write_text(EXTRACT_TOML)
    for table, source in sources().items():
        defects = [defect for defect in kind.defects if defect.table == table]
        con.execute(f"CREATE VIEW {table} AS {spoiled(kind, table, source, defects)}")
        cells = ", ".join(written(column, defects) for column in columns(kind, table))
        con.sql(f"SELECT {cells} FROM {table}").write_csv(str(folder / f"{table}.csv"))
    if labels:
        labels.parent.mkdir(parents=True, exist_ok=True)
        lines = " UNION ALL ".join(f"SELECT '{table}.csv' AS file, line, defect FROM {table}" for table in FILES)
        con.sql(f"""
            SELECT file, line, object, attribute, rule, severity
            FROM ({lines}) JOIN defects USING (defect) ORDER BY file, line
        """).write_csv(str(labels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(required=True)
    publisher = kinds.add_parser("publisher", help="The Harbour Review: 2,000 readers and every kind of defect")
    publisher.set_defaults(kind=PUBLISHER, subscriptions=PUBLISHER_RECORDS)
    benchmark = kinds.add_parser("benchmark", help="as many subscriptions as asked for, one in twenty with a defect")
    benchmark.add_argument("--subscriptions", type=int, required=True)
    benchmark.set_defaults(kind=BENCHMARK)
    for command in (publisher, benchmark):
        command.add_argument("folder", type=Path)
        command.add_argument(
            "--labels", type=Path, help="file to list the defects in: file, line, object, attribute, rule, severity"
        )
        command.add_argument("--seed", type=int, default=SEED)
    wanted = parser.parse_args()
    generate(wanted.kind, wanted.subscriptions, wanted.seed, wanted.folder, wanted.labels)


if __name__ == "__main__":
    main()
