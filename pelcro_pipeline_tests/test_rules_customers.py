"""Customers: what the records of one id, and ids among each other, must hold to."""

import pytest

from pelcro_pipeline_tests.cases import Case, Outcomes, assert_holds
from pelcro_pipeline_tests.extract import IMPORT_ONLY, OLD_ID, PERIOD_END, Delivery, customer, migrate, reader

ID = "customer.old_provider_id"
EMAIL = "customer.email"
PHONE = "customer.phone"
NAME = "customer.display_name"
ORIGINAL = "customer.common_metadata.original_old_provider_id"
PASSWORD = "customer.password"
SCHEME = "customer.common_metadata.password_encryption"
BCRYPT = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
DRUPAL = "$S$E787NL98gqdILAPnprFDzXuXzJjSMttvx8l.YNcEqtM7rvMJZpsJ"
WORDPRESS = "$P$BIRXVj/ZG0YRiBH8gnRy0x72BXxbk71"
MD5 = "5f4dcc3b5aa765d61d8327deb882cf99"
SAME_AS_2 = {EMAIL: "g.cassano@example.com"}
#: One address beyond doubt in each, named for its line.
WRAPPED = (
    "mailto:ann7@post.example",
    "Ann Byron <ann8@post.example>",
    '"ann9@post.example"',
    "ann10@post.example.",
    "ann11@post.example,",
    "ann12 @ post.example",
)
#: Five pairs that prove plain text.
PROVEN = "".join(f"open{each},open{each}\n" for each in range(5))
#: One for each scheme without five verified samples.
UNPROVEN = f"customers.csv: customer, {PASSWORD}: CUS-PASSWORD-UNPROVEN question"
MERGED = [f"customers.csv:3 {each}: merged" for each in ("customer", "billing_address", "shipping_address")]

CASES = [
    Case(
        "CUS-ID-MISSING",
        [reader(1, {ID: ""}), customer(2, {ID: "empty"})],
        [reader(3)],
        [
            f"customers.csv:2 customer, {ID}: CUS-ID-MISSING repair -> gen-<12 hex digits>",
            f"customers.csv:3 customer, {ID}: CUS-ID-MISSING repair -> gen-<12 hex digits>",
        ],
    ),
    Case(
        "CUS-MERGED",
        [reader(1), reader(1, {OLD_ID: "S9", PHONE: "+1 (514) 123-4567", IMPORT_ONLY: "No"})],
        [reader(2)],
        fallen=MERGED,
    ),
    Case(
        "CUS-FILLED",
        [reader(1, {PHONE: "", "customer.title": ""}), reader(1, {OLD_ID: "S9"})],
        [reader(2)],
        [
            f"customers.csv:3 customer, {PHONE}: CUS-FILLED repair -> +15141234567",
            "customers.csv:3 customer, customer.title: CUS-FILLED repair -> Librarian",
        ],
        MERGED,
    ),
    Case(
        "CUS-CONFLICT",
        [reader(1), reader(1, {"customer.last_name": "Casano", PHONE: "+15140000000", OLD_ID: "S9"})],
        [
            reader(2, {PHONE: "+1 (514) 123-4567"}),
            reader(2, {OLD_ID: "S8", IMPORT_ONLY: "No", EMAIL: "Genaro.Cassano2@Example.com"}),
        ],
        [
            "customers.csv:3 customer, customer.last_name: CUS-CONFLICT question -> Cassano",
            f"customers.csv:3 customer, {PHONE}: CUS-CONFLICT question -> +15141234567",
        ],
        [*MERGED, *(each.replace(":3", ":5") for each in MERGED)],
    ),
    Case(
        "CUS-EMAIL-INVALID",
        [
            reader(1, {EMAIL: "genaro.cassano"}),
            reader(2, {EMAIL: "genaro@@example.com"}),
            reader(3, {EMAIL: "genaro cassano@example.com"}),
            reader(4, {EMAIL: "genaro@example"}),
            reader(5, {EMAIL: "genaro.@example.com"}),
            *(reader(number, {EMAIL: each}) for number, each in enumerate(WRAPPED, 10)),
        ],
        [
            reader(6, {EMAIL: "GENARO.O'BRIEN+news@mail.example.co.uk"}),
            reader(7, {EMAIL: ""}),
            reader(8, {EMAIL: " g_c@xn--mnchen-3ya.example.com "}),
            reader(9, {EMAIL: "jérôme@exämple.example"}),
        ],
        [
            *(f"customers.csv:{line} customer, {EMAIL}: CUS-EMAIL-INVALID clear" for line in range(2, 7)),
            *(
                f"customers.csv:{line} customer, {EMAIL}: CUS-EMAIL-INVALID repair -> ann{line}@post.example"
                for line in range(7, 7 + len(WRAPPED))
            ),
        ],
    ),
    Case(
        "CUS-EMAIL-SHARED",
        [
            customer(1, {EMAIL: "family@harbour.example"}),
            reader(2, {EMAIL: " FAMILY@harbour.example", PERIOD_END: "no date"}),
            reader(3, {EMAIL: "Family@Harbour.example"}),
            reader(4, {EMAIL: "family@harbour.example"}),
            customer(5, {EMAIL: "alone@harbour.example"}),
            customer(6, {EMAIL: "Alone@harbour.example"}),
        ],
        [reader(7), reader(8, {EMAIL: ""}), reader(9, {EMAIL: ""})],
        [
            *(f"customers.csv:{line} customer, {EMAIL}: CUS-EMAIL-SHARED clear" for line in (2, 3, 5, 7)),
            f"customers.csv:3 subscription, {PERIOD_END}: SUB-PERIOD-END reject",
        ],
        ["customers.csv:3 subscription: rejected SUB-PERIOD-END"],
    ),
    Case(
        "CUS-EMAIL-PLACEHOLDER",
        [
            *(reader(number, {EMAIL: "No-Email@harbour.example"}) for number in (1, 2, 3)),
            *(customer(number, {EMAIL: "reader@none.example"}) for number in (4, 5, 6)),
        ],
        [reader(7, {EMAIL: "test@harbour.example"}), reader(8, {EMAIL: "genaro@example.org"})],
        [f"customers.csv:{line} customer, {EMAIL}: CUS-EMAIL-PLACEHOLDER clear" for line in range(2, 8)],
    ),
    Case(
        "CUS-TWO-PEOPLE",
        [
            reader(1),
            reader(
                1,
                {
                    OLD_ID: "S9",
                    EMAIL: "ada@harbour.example",
                    "customer.first_name": "Ada",
                    "customer.last_name": "Byron",
                },
            ),
            reader(
                1, {OLD_ID: "S8", EMAIL: "ada@harbour.example", "customer.first_name": "Ada", "customer.last_name": ""}
            ),
        ],
        [
            reader(2),
            reader(2, {OLD_ID: "S7", "customer.first_name": "GENARO", "customer.last_name": "Cassanó"}, SAME_AS_2),
        ],
        [
            f"customers.csv:3 customer, {ID}: CUS-TWO-PEOPLE reject",
            f"customers.csv:4 customer, {EMAIL}: CUS-CONFLICT question -> genaro.cassano1@example.com",
            "customers.csv:4 customer, customer.first_name: CUS-CONFLICT question -> Genaro",
            *(
                f"customers.csv:6 customer, customer.{name}: CUS-CONFLICT question -> {first}"
                for name, first in (
                    ("email", "genaro.cassano2@example.com"),
                    ("first_name", "Genaro"),
                    ("last_name", "Cassano"),
                )
            ),
        ],
        [
            *(
                f"customers.csv:3 {each}: rejected CUS-TWO-PEOPLE"
                for each in ("customer", "billing_address", "shipping_address", "subscription")
            ),
            *(each.replace(":3", f":{line}") for line in (4, 6) for each in MERGED),
        ],
    ),
    Case(
        "CUS-ID-ALIKE",
        [
            *(customer(number, {ID: id_}) for number, id_ in enumerate(("ab12", "AB12", "00077", "77", "77.0"))),
        ],
        [customer(7, {ID: "770"}), customer(8, {ID: "0"}), customer(9, {ID: "10"}), customer(10, {ID: "100"})],
        [f"customers.csv:{line} customer, {ID}: CUS-ID-ALIKE question" for line in (3, 5, 6)],
    ),
    Case(
        "CUS-PHONE-INVALID",
        [
            reader(1, {PHONE: "514-CALL-NOW"}),
            reader(2, {PHONE: "(-)"}),
            reader(3, {PHONE: "123456789012345678901"}),
            reader(4, {PHONE: "514/123/4567"}),
            reader(9, {PHONE: "12345"}),
            reader(10, {PHONE: "0000000000"}),
            reader(11, {PHONE: "514-555-1234 ext. 12"}),
            reader(12, {PHONE: "+1 514 555 1234 / 514 555 9999"}),
            reader(13, {PHONE: "5145551234 5145559999"}),
        ],
        [
            reader(5, {PHONE: "+1.514.123.4567"}),
            reader(6, {PHONE: "(514)1234567"}),
            reader(7, {PHONE: "12345678901234567890"}),
            reader(8, {PHONE: "'empty'"}),
            reader(14, {PHONE: "5145550105.0"}),
            reader(15, {PHONE: "+44 (0)20 7946 0958"}),
        ],
        [
            *(f"customers.csv:{line} customer, {PHONE}: CUS-PHONE-INVALID clear" for line in range(2, 8)),
            f"customers.csv:8 customer, {PHONE}: CUS-PHONE-INVALID repair -> 5145551234",
            f"customers.csv:9 customer, {PHONE}: CUS-PHONE-INVALID repair -> +15145551234",
            f"customers.csv:10 customer, {PHONE}: CUS-PHONE-INVALID repair -> 5145551234",
        ],
    ),
    Case(
        "CUS-DISPLAY-NAME-SHARED",
        [reader(1, {NAME: "sabrina1989"}), reader(2, {NAME: "sabrina1989"})],
        [reader(3), reader(4, {NAME: ""}), reader(5, {NAME: ""})],
        [f"customers.csv:3 customer, {NAME}: CUS-DISPLAY-NAME-SHARED clear"],
    ),
    Case(
        "CUS-IMPORT-ONLY",
        [reader(1, {IMPORT_ONLY: ""}), customer(2, {IMPORT_ONLY: ""}), reader(3, {IMPORT_ONLY: "perhaps"})],
        [reader(4, {IMPORT_ONLY: "No"}), customer(5, {IMPORT_ONLY: "TRUE"})],
        [
            f"customers.csv:2 customer, {IMPORT_ONLY}: CUS-IMPORT-ONLY repair -> 0",
            f"customers.csv:3 customer, {IMPORT_ONLY}: CUS-IMPORT-ONLY repair -> 1",
            f"customers.csv:4 customer, {IMPORT_ONLY}: CUS-IMPORT-ONLY repair -> 0",
        ],
    ),
    Case(
        "CUS-IMPORT-ONLY-SUB",
        [reader(1, {IMPORT_ONLY: "1"}), reader(1, {IMPORT_ONLY: "1", OLD_ID: "S9", PERIOD_END: "no date"})],
        [reader(2)],
        fallen=[
            "customers.csv:2 subscription: excluded CUS-IMPORT-ONLY-SUB",
            "customers.csv:3 subscription: excluded CUS-IMPORT-ONLY-SUB",
            *MERGED,
        ],
    ),
    Case(
        "CUS-ORIGINAL-ID",
        [reader(1, {ORIGINAL: ""})],
        [reader(2, {ORIGINAL: "A-2"})],
        [f"customers.csv:2 customer, {ORIGINAL}: CUS-ORIGINAL-ID repair -> HR1"],
    ),
    Case(
        "CUS-PASSWORD-SCHEME",
        [
            reader(1, {PASSWORD: MD5}),
            reader(2, {PASSWORD: BCRYPT, SCHEME: "MD5"}),
            reader(3, {PASSWORD: DRUPAL, SCHEME: "sha1"}),
            reader(4, {PASSWORD: "4cc9cb7d6cf4fa3a7d0e2a9c8ab2", SCHEME: "sha1"}),
            reader(5, {PASSWORD: "letmein"}),
            reader(6, {PASSWORD: "letmein", SCHEME: "bcrypt"}),
            reader(13, {PASSWORD: f"{MD5}{MD5}", SCHEME: "md5"}),
        ],
        [
            reader(7, {PASSWORD: BCRYPT, SCHEME: "Bcrypt (WordPress)"}),
            reader(8, {PASSWORD: DRUPAL, SCHEME: "Drupal_v8.2.x"}),
            reader(9, {PASSWORD: WORDPRESS, SCHEME: "WordPress"}),
            reader(10, {PASSWORD: f"{MD5}:salt", SCHEME: "md5"}),
            reader(11, {PASSWORD: "letmein", SCHEME: "Plain text"}),
            reader(12, {SCHEME: "Bcrypt"}),
        ],
        [
            f"customers.csv:2 customer, {SCHEME}: CUS-PASSWORD-SCHEME repair -> MD5",
            f"customers.csv:3 customer, {SCHEME}: CUS-PASSWORD-SCHEME repair -> Bcrypt",
            f"customers.csv:4 customer, {SCHEME}: CUS-PASSWORD-SCHEME repair -> Drupal",
            f"customers.csv:5 customer, {SCHEME}: CUS-PASSWORD-SCHEME clear",
            f"customers.csv:6 customer, {SCHEME}: CUS-PASSWORD-SCHEME clear",
            f"customers.csv:7 customer, {SCHEME}: CUS-PASSWORD-SCHEME clear",
            f"customers.csv:8 customer, {SCHEME}: CUS-PASSWORD-SCHEME clear",
            *[UNPROVEN] * len(("bcrypt", "drupal", "md5", "plain text", "wordpress")),
        ],
    ),
    Case(
        "CUS-PASSWORD-UNPROVEN",
        [reader(1, {PASSWORD: BCRYPT, SCHEME: "Bcrypt"}), reader(2, {PASSWORD: "letmein", SCHEME: "bcrypt"})],
        [reader(3, {PASSWORD: "md5 of nothing", SCHEME: "Plain text"}), reader(4)],
        [UNPROVEN, f"customers.csv:3 customer, {SCHEME}: CUS-PASSWORD-SCHEME clear"],
        beside={"texts": {"password_samples.csv": "hash,plain\n" + PROVEN + f"{BCRYPT},wrong\n" * 5}},
    ),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> Outcomes:
    return Outcomes(CASES, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_breaks_a_rule_is_found_and_nothing_else(case, outcomes):
    assert_holds(case, outcomes)


def test_a_merged_customer_says_where_it_went_and_leaves_its_subscription(tmp_path):
    migration = migrate(Delivery([reader(1), reader(1, {OLD_ID: "S9"})]), tmp_path)
    went = {each["detail"] for each in migration.ledger if each["disposition"] == "merged"}
    assert went == {"into customers.csv:2"}
    assert [row[OLD_ID] for row in migration.prepared("customers")] == ["S1", "S9"]


@pytest.mark.parametrize("said", ["10", "01"])
def test_a_contradiction_leaves_no_subscription_behind(said, tmp_path):
    rows = [reader(1, {IMPORT_ONLY: said[0]}), reader(1, {IMPORT_ONLY: said[1], OLD_ID: "S9"})]
    migration = migrate(Delivery(rows), tmp_path)
    assert migration.told == [
        f"customers.csv:3 customer, {IMPORT_ONLY}: CUS-CONFLICT question" + (" -> 0" if said[1] == "1" else "")
    ]
    assert [row[OLD_ID] for row in migration.prepared("customers")] == ["S1", "S9"]


def test_a_repeated_customer_is_the_first_filled_value_of_each_attribute(tmp_path):
    first = reader(1, {PHONE: "", "customer.title": "", "customer.salutation": ""})
    second = reader(1, {PHONE: "+15140000001", "customer.title": "", OLD_ID: "S8"})
    third = reader(1, {PHONE: "+15140000002", "customer.title": "Publisher", OLD_ID: "S9"})
    migration = migrate(Delivery([first, second, third]), tmp_path)
    assert migration.told == [
        f"customers.csv:3 customer, {PHONE}: CUS-FILLED repair -> +15140000001",
        "customers.csv:3 customer, customer.salutation: CUS-FILLED repair -> Mr.",
        f"customers.csv:4 customer, {PHONE}: CUS-CONFLICT question -> +15140000001",
        "customers.csv:4 customer, customer.title: CUS-FILLED repair -> Publisher",
    ]
    told = [(row[PHONE], row["customer.title"], row["customer.salutation"]) for row in migration.prepared("customers")]
    assert told == [("+15140000001", "Publisher", "Mr.")] * 3


def test_assigned_ids_are_the_same_on_every_run_and_for_the_same_email(tmp_path):
    nameless = [
        customer(1, {ID: ""}),
        customer(2, {ID: "", EMAIL: "Genaro.Cassano1@example.com", NAME: ""}),
        customer(3, {ID: "", EMAIL: ""}),
        customer(4, {ID: "", EMAIL: "", "customer.first_name": "Jennifer"}),
    ]
    runs = [migrate(Delivery(nameless), tmp_path / each) for each in ("once", "again")]
    ids = [[row["key"] for row in run.ledger if row["object"] == "customer"] for run in runs]
    assert ids[0] == ids[1]
    assert ids[0][0] == ids[0][1]
    assert len(set(ids[0])) == 3


def test_a_shared_value_names_the_customer_that_keeps_it(tmp_path):
    migration = migrate(Delivery([reader(1), reader(2, {EMAIL: "genaro.cassano1@example.com"})]), tmp_path)
    assert [each["related"] for each in migration.findings] == ["customers.csv:2 (HR1)"]
    assert [row[EMAIL] for row in migration.prepared("customers")] == ["genaro.cassano1@example.com", ""]


def test_an_invalid_email_is_shared_with_nobody(tmp_path):
    migration = migrate(Delivery([reader(1, {EMAIL: "none"}), reader(2, {EMAIL: "none"})]), tmp_path)
    assert {each["rule"] for each in migration.findings} == {"CUS-EMAIL-INVALID"}


def test_an_invalid_value_is_filled_by_a_later_record(tmp_path):
    migration = migrate(Delivery([reader(1, {EMAIL: "none"}), reader(1, {OLD_ID: "S9"})]), tmp_path)
    assert migration.told == [
        f"customers.csv:2 customer, {EMAIL}: CUS-EMAIL-INVALID clear",
        f"customers.csv:3 customer, {EMAIL}: CUS-FILLED repair -> genaro.cassano1@example.com",
    ]
    assert {row[EMAIL] for row in migration.prepared("customers")} == {"genaro.cassano1@example.com"}


def test_a_cleared_password_leaves_no_scheme_behind(tmp_path):
    migration = migrate(Delivery([reader(1, {PASSWORD: "letmein", SCHEME: "sha1"})]), tmp_path)
    assert migration.value(PASSWORD) == migration.value(SCHEME) == ""


def test_a_password_keeps_the_scheme_of_its_own_record(tmp_path):
    rows = [reader(1, {SCHEME: "MD5"}), reader(1, {PASSWORD: BCRYPT, OLD_ID: "S8"}), reader(1, {OLD_ID: "S9"})]
    migration = migrate(Delivery(rows), tmp_path)
    assert migration.told == [
        UNPROVEN,
        f"customers.csv:3 customer, {SCHEME}: CUS-FILLED repair -> Bcrypt",
        f"customers.csv:3 customer, {SCHEME}: CUS-PASSWORD-SCHEME repair -> Bcrypt",
        f"customers.csv:3 customer, {PASSWORD}: CUS-FILLED repair -> ***",
    ]
    assert (migration.value(PASSWORD), migration.value(SCHEME)) == (BCRYPT, "Bcrypt")


def test_another_scheme_without_a_password_is_a_question(tmp_path):
    rows = [reader(1, {PASSWORD: BCRYPT, SCHEME: "bcrypt"}), reader(1, {SCHEME: "MD5", OLD_ID: "S9"})]
    migration = migrate(Delivery(rows), tmp_path)
    assert migration.told == [UNPROVEN, f"customers.csv:3 customer, {SCHEME}: CUS-CONFLICT question -> Bcrypt"]
    assert migration.value(SCHEME) == "Bcrypt"


def test_one_sample_pair_told_five_times_proves_nothing(tmp_path):
    texts = {"password_samples.csv": f"{MD5},password\n" * 5}
    migration = migrate(Delivery([reader(1, {PASSWORD: MD5, SCHEME: "MD5"})], texts=texts), tmp_path)
    assert migration.told == [UNPROVEN]


def test_no_password_is_shown_in_findings_or_ledger(tmp_path):
    secrets = [BCRYPT, DRUPAL, MD5, "letmein"]
    rows = [reader(1, {PASSWORD: secret, OLD_ID: f"S{place}"}) for place, secret in enumerate(secrets)]
    migration = migrate(Delivery(rows), tmp_path)
    shown = [each for each in migration.findings if each["attribute"] == PASSWORD]
    assert {each["value"] for each in shown} == {"***"}
    told = repr(migration.findings) + repr(migration.ledger)
    assert not [secret for secret in secrets if secret in told]


def test_a_salutation_is_written_as_the_guide_writes_it(tmp_path):
    delivered = ["mr", "MRS.", "Miss", "ms", "dr", "me.", "Captain"]
    rows = [customer(number, {"customer.salutation": each}) for number, each in enumerate(delivered)]
    migration = migrate(Delivery(rows), tmp_path)
    assert migration.told == []
    written = [row["customer.salutation"] for row in migration.prepared("customers")]
    assert written == ["Mr.", "Mrs.", "Miss.", "Ms.", "Dr.", "Me.", "Captain"]


def test_import_only_says_whether_a_subscription_is_prepared(tmp_path):
    cancelled = reader(2, {"subscription.common_metadata.service_status": "cancelled"})
    migration = migrate(Delivery([reader(1), cancelled, customer(3, {IMPORT_ONLY: "0"})]), tmp_path)
    assert migration.told == []
    assert [row[IMPORT_ONLY] for row in migration.prepared("customers")] == ["0", "1", "1"]


def test_a_customer_may_hold_nothing_but_an_id(tmp_path):
    migration = migrate(Delivery([{ID: "HR1", IMPORT_ONLY: "1", ORIGINAL: "HR1"}]), tmp_path)
    assert migration.told == migration.fallen == []
    assert migration.value(ID) == "HR1"
