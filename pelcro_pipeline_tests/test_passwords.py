"""Who can log in after the load: each scheme is told and proven, and what is known of the passwords is counted."""

from __future__ import annotations

import csv

import pytest

from pelcro_pipeline import steps
from pelcro_pipeline.conversion import passwords
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.migration_day import passwords as report
from pelcro_pipeline.spec.kinds import BCRYPT, DRUPAL, MD5, PLAIN_TEXT, WORDPRESS
from pelcro_pipeline.workspace.intake import PASSWORD_SAMPLES
from pelcro_pipeline_tests.extract import Delivery, customer, migrate, reader
from pelcro_pipeline_tests.test_relations import read_by

PASSWORD, SCHEME = "customer.password", "customer.common_metadata.password_encryption"

#: Hash and plain text as others have published them.
DRUPAL_TEST = "drupal/drupal core/modules/phpass/tests/src/Unit/PasswordVerifyTest.php"
DOKUWIKI = "dokuwiki/dokuwiki _test/tests/inc/auth_password.test.php"
PHPASS = "openwall/phpass test.php"
PASSLIB = "passlib, passlib/tests/test_handlers.py, phpass_test"
HASHCAT = "hashcat/hashcat src/modules/module_{}.c, its self-test"
HASHCAT_400 = "hashcat's example hashes, mode 400"
BLOWFISH = "php/php-src ext/standard/tests/crypt/crypt_blowfish.phpt, after crypt_blowfish's wrapper.c"
PASSWORD_HASH = "php/php-src ext/standard/tests/password/password_hash.phpt, of PHP 5.5"
PYCA = "pyca/bcrypt tests/test_bcrypt.py"
RFC_1321 = "RFC 1321, A.5"
LONG = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
VECTORS = [
    (DRUPAL, "$S$5TOxWPdvJRs0P/xZBdrrPlGgzViOS0drHu3jaIjitesfttrp18bk", "valid password", DRUPAL_TEST),
    (DRUPAL, "U$S$5vNHDQyLqCTvsYBLWBUWXJWhA0m3DTpBh04acFEOGB.bKBclhKgo", "valid password", DRUPAL_TEST),
    (DRUPAL, "$S$D7JxIm0f7QKO3zjwVS1RH4AW8sYvmLjO0.Rn4swH0JVt6OrZ4yzZ", "drupal_sha512", DOKUWIKI),
    (DRUPAL, "U$S$9c47LGZuhR6TvhRQXzymkJIQ3mXthUCc6KDEGTt4B7eOL/H9Ykuy", "pouette1234", DOKUWIKI),
    (WORDPRESS, "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12345", PHPASS),
    (WORDPRESS, "$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12345", DOKUWIKI),
    (WORDPRESS, "$H$9aaaaaSXBjgypwqm.JsMssPLiS8YQ00", "test1", PASSLIB),
    (WORDPRESS, "$P$912345678LIjjb6PhecupozNBmDndU0", "thisisalongertestPW", PASSLIB),
    (WORDPRESS, "$P$984478476IagS59wHZvyQMArzfx58u.", "hashcat", HASHCAT_400),
    (WORDPRESS, "$wp$2y$10$lzlQrRRhLSjz486bA9CKHuZRPoKz4uviT251Sq/r5OzKUBbrXwnQW", "hashcat", HASHCAT.format("35500")),
    (BCRYPT, "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", BLOWFISH),
    (BCRYPT, "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U", BLOWFISH),
    (BCRYPT, "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm", "Kk4DQuMMfZL9o", PYCA),
    (BCRYPT, "$2y$07$usesomesillystringfore2uDLvp1Ii2e./U9C8sBjqp8I90dH6hi", "rasmuslerdorf", PASSWORD_HASH),
    (MD5, "900150983cd24fb0d6963f7d28e17f72", "abc", RFC_1321),
    (MD5, "F96B697D7CB7938D525A2F31AAF161D0", "message digest", RFC_1321),
    (MD5, "3d83c8e717ff0e7ecfe187f088d69954:343141", "hashcat", HASHCAT.format("00010")),
    (MD5, "57ab8499d08c59a7211c77f557bf9425:4247", "hashcat", HASHCAT.format("00020")),
    (PLAIN_TEXT, "open sesame", "open sesame", "needs none"),
]


@pytest.mark.parametrize(("scheme", "hash_", "plain", "published"), VECTORS)
def test_a_published_hash_is_proven_by_its_plain_text_and_by_no_other(scheme, hash_, plain, published):
    assert passwords.verified(hash_, plain) == scheme, published
    assert passwords.verified(hash_, plain + "x") is None
    assert passwords.verified(hash_, plain[:-1]) is None


def test_bcrypt_reads_72_bytes_of_a_plain_text():
    hash_ = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"
    assert passwords.verified(hash_, LONG + "chars after 72 are ignored") == BCRYPT
    assert passwords.verified(hash_, LONG[:71]) is None


def test_wordpress_takes_off_what_php_trims_and_no_more():
    hash_ = "$wp$2y$10$lzlQrRRhLSjz486bA9CKHuZRPoKz4uviT251Sq/r5OzKUBbrXwnQW"
    assert passwords.verified(hash_, " hashcat\x00\n") == WORDPRESS
    assert passwords.verified(hash_, "\u00a0hashcat") is None


#: Published hashes, part of whose plain text is told to be the pepper; those of md5 with all three: `printf %s … | md5sum`.
@pytest.mark.parametrize(
    ("scheme", "hash_", "plain", "salt", "pepper"),
    [
        (MD5, "343141:3d83c8e717ff0e7ecfe187f088d69954", "hashcat", "", ""),
        (MD5, "3d83c8e717ff0e7ecfe187f088d69954", "hashcat", "343141", ""),
        (MD5, "57ab8499d08c59a7211c77f557bf9425", "hashcat", "4247", ""),
        (MD5, "3d83c8e717ff0e7ecfe187f088d69954", "hash", "343141", "cat"),
        (MD5, "3d83c8e717ff0e7ecfe187f088d69954", "cat", "343141", "hash"),
        (MD5, "54da5c4c3f02434a347585bbfe595a14", "hunter2", "NaCl", "mill"),
        (BCRYPT, "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U", "", "*U"),
        (WORDPRESS, "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "12345", "", "test"),
        (DRUPAL, "U$S$9c47LGZuhR6TvhRQXzymkJIQ3mXthUCc6KDEGTt4B7eOL/H9Ykuy", "pouette", "", "1234"),
    ],
)
def test_a_salt_and_a_pepper_stand_on_either_side(scheme, hash_, plain, salt, pepper):
    assert passwords.verified(hash_, plain, salt, pepper) == scheme
    assert passwords.verified(hash_, plain, salt, pepper + "x") is None


def test_a_salt_beside_a_digest_is_used():
    assert passwords.verified("900150983cd24fb0d6963f7d28e17f72:salt", "abc") is None


@pytest.mark.parametrize(
    ("hash_", "defect"),
    [
        *[(hash_, None) for scheme, hash_, _, _ in VECTORS],
        ("$S$5TOxWPdvJRs0P/xZBdrrPlGgzViOS0drHu3jaIjitesfttrp18b", "truncated"),
        ("$S$5TOxWPdvJRs0P/xZBdrrPlGgzViOS0drHu3jaIjitesfttrp18bkk", "malformed"),
        ("$S$45TOxWPdvJRs0P/xZBdrrPlGgzViOS0drHu3jaIjitesfttrp18b", "malformed"),
        ("U$S$5vNHDQyLqCTvsYBLWBUWXJWhA0m3DTpBh04acFEOGB.bKBclhKg", "truncated"),
        ("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r", "truncated"),
        ("$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r!L0", "malformed"),
        ("$wp$2y$10$lzlQrRRhLSjz486bA9CKHuZRPoKz4uviT251Sq/r5OzKUBbrXwnQ", "truncated"),
        ("$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhW", "truncated"),
        ("$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWyy", "malformed"),
        ("$2y$03$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "malformed"),
        ("$2y$10$N9qo8uLOickgx2ZMRZoMye…jZAgcfl7p92ldGxad68LJZdL17lhWy", "malformed"),
        ("$2b$", "truncated"),
    ],
)
def test_what_is_wrong_with_a_hash_is_told_by_its_prefix_and_form(hash_, defect):
    with duck.connect() as connection:
        assert connection.execute("SELECT hash_defect(?)", [hash_]).fetchall() == [(defect,)]


#: id, email, hash.
DELIVERED = [
    ("HR1", "ann@post.example", "900150983cd24fb0d6963f7d28e17f72"),
    ("HR1", "ann@post.example", None),
    ("HR2", "Bob@post.example", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("HR3", "shared@post.example", "3d83c8e717ff0e7ecfe187f088d69954"),
    ("HR4", "shared@post.example", "57ab8499d08c59a7211c77f557bf9425"),
    ("HR5", "none@post.example", None),
]


@pytest.fixture
def delivered():
    with duck.connect() as connection:
        connection.execute(
            f'CREATE TABLE converted_customer ("customer.old_provider_id" VARCHAR, "customer.email" VARCHAR, "{PASSWORD}" VARCHAR)'
        )
        connection.executemany("INSERT INTO converted_customer VALUES (?, ?, ?)", DELIVERED)
        yield connection


@pytest.mark.parametrize(
    ("samples", "proven"),
    [
        ("900150983cd24fb0d6963f7d28e17f72,abc\nopen,open\n", {MD5: 1, PLAIN_TEXT: 1}),
        ("hash,plain\n900150983cd24fb0d6963f7d28e17f72,abc\n", {MD5: 1}),
        ("Encrypted,Clear\n900150983cd24fb0d6963f7d28e17f72,abc\n", {MD5: 1}),
        ("email,password\nann@post.example,abc\nBOB@post.example,U*U\n", {MD5: 1, BCRYPT: 1}),
        ("Plain text,customer.email\nabc,ann@post.example\n", {MD5: 1}),
        ("id,plain_text,salt\nHR3,hashcat,343141\nHR4,hashcat,4247\n", {MD5: 2}),
        ("customer.old_provider_id,plain,salt,pepper\nHR3,hash,343141,cat\n\nHR1,abc,,\n", {MD5: 2}),
        ("id,plain\nHR1,abc\nHR1,abc\nHR1,wrong\n", {MD5: 1}),
        ("hash,email,plain\n900150983cd24fb0d6963f7d28e17f72,,abc\n,bob@post.example,U*U\n", {MD5: 1, BCRYPT: 1}),
        ("email,plain,remark\nann@post.example,abc,her cat's name\n", {MD5: 1}),
        ("", {}),
    ],
)  # fmt: skip
def test_samples_give_their_hash_or_name_whose_it_is(samples, proven, delivered, tmp_path):
    (tmp_path / PASSWORD_SAMPLES).write_text(samples)
    assert passwords.proven(tmp_path, delivered) == proven


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        ("email,plain\nann@post.example,s3cret\nzoe@post.example,s3cret\n", "line 3: no delivered customer has that email: name one"),
        ("id,plain\nHR9,s3cret\n", "line 2: no delivered customer has that id: name one"),
        ("id,plain\nHR5,s3cret\n", "line 2: that customer has no delivered password: name one who has"),
        ("email,plain\nshared@post.example,s3cret\n", "line 2: customers of that email have different passwords: give the hash"),
        ("email,plain\nann@post.example,s3cret,s3cret\n", "line 2 has 3 cells under 2 headings: put quotation marks"),
        ("email,plain\nann@post.example,\n", "line 2 has no plain text: fill it in"),
        ("email,plain\n,s3cret\n", "line 2 has no hash and names no customer: fill in one of them"),
        ("900150983cd24fb0d6963f7d28e17f72,s3cret,salt\n", "needs two columns in every line: hash and plain text. Where it has others, name them"),
        ("900150983cd24fb0d6963f7d28e17f72,\xff", "is no UTF-8 CSV: deliver two columns"),
    ],
)  # fmt: skip
def test_samples_that_cannot_be_used_are_one_sentence_without_a_secret(samples, sentence, delivered, tmp_path):
    (tmp_path / PASSWORD_SAMPLES).write_bytes(samples.encode("latin-1"))
    with pytest.raises(UnusableInputError) as refused:
        passwords.proven(tmp_path, delivered)
    assert f"{PASSWORD_SAMPLES} {sentence}" in str(refused.value)
    for secret in ("s3cret", "@post.example", "HR", "900150983cd24fb0d6963f7d28e17f72"):
        assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("hash_", "plain"),
    [
        ("$S$P" + "a" * 51, "x"),
        ("$S$I" + "a" * 51, "x" * 100_000),
        (("0" * 32 + ":") * 3_000, "x" * 100_000),
        ("$2y$15$" + "a" * 53, "x"),
    ],
)
def test_a_pair_that_would_take_minutes_is_not_verified(hash_, plain):
    assert passwords.verified(hash_, plain) is None


WHOLE = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
SALTED, UNSALTED = "3d83c8e717ff0e7ecfe187f088d69954:343141", "900150983cd24fb0d6963f7d28e17f72"
#: Password and scheme of customers, those of the second list without an email.
STAGED = [
    (WHOLE, BCRYPT), (WHOLE, BCRYPT), (WHOLE[:-1] + "e", BCRYPT), (WHOLE[:20], BCRYPT), (WHOLE + "x", BCRYPT), (WHOLE[:20], WORDPRESS),
    (SALTED, MD5), (SALTED, MD5), (UNSALTED, MD5), (UNSALTED, MD5), (None, None), (None, None),
]  # fmt: skip
WITHOUT_EMAIL = [("é" * 36, PLAIN_TEXT), ("é" * 36 + "x", PLAIN_TEXT), ("letmein", PLAIN_TEXT), ("letmein", PLAIN_TEXT)]


@pytest.fixture(scope="module")
def counted() -> report.Passwords:
    with duck.connect() as connection:
        connection.execute(
            f'CREATE TABLE customers ("customer.old_provider_id" VARCHAR, "customer.email" VARCHAR, "{PASSWORD}" VARCHAR, "{SCHEME}" VARCHAR)'
        )
        rows = [
            *((f"r{place}@post.example", *row) for place, row in enumerate(STAGED)),
            *((None, *row) for row in WITHOUT_EMAIL),
        ]
        connection.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?)", [(f"HR{place}", *row) for place, row in enumerate(rows)]
        )
        connection.execute("CREATE TABLE scheme_unknown AS SELECT 1 AS record, 'HR11' AS customer")
        report.create(connection, {BCRYPT: 5, MD5: 4, DRUPAL: 6})
        return report.counted(connection)


def test_each_scheme_is_counted_with_its_share_and_its_proof(counted):
    rows = counted.schemes.astype(object).where(counted.schemes.notna(), None).itertuples(index=False, name=None)
    assert list(rows) == [
        (BCRYPT, 5, 5, 0.4167, 5, True),
        (MD5, 4, 4, 0.3333, 4, False),
        (PLAIN_TEXT, 4, 0, 0.0, 0, False),
        ("no password", 2, 2, 0.1667, None, None),
        (WORDPRESS, 1, 1, 0.0833, 0, False),
        (DRUPAL, 0, 0, 0.0, 6, True),
    ]


def test_what_lets_nobody_in_cannot_be_or_is_weak_is_counted(counted):
    counts = {
        (row.what.split(":")[0] if row.scheme else row.what, row.scheme or ""): (row.customers, row.passwords)
        for row in counted.counts.astype(object).where(counted.counts.notna(), None).itertuples()
    }
    assert counts == {
        ("truncated", BCRYPT): (1, 1),
        ("truncated", WORDPRESS): (1, 1),
        ("malformed", BCRYPT): (1, 1),
        ("the same salted hash with several customers, as it cannot be", BCRYPT): (2, 1),
        ("the same salted hash with several customers, as it cannot be", MD5): (2, 1),
        ("the same password with several customers", MD5): (2, 1),
        ("the same password with several customers", PLAIN_TEXT): (2, 1),
        ("without a salt", MD5): (2, 1),
        ("plain text", PLAIN_TEXT): (4, 3),
        ("plain text of more than 72 bytes, of which bcrypt reads 72", PLAIN_TEXT): (1, 1),
        ("needs a reset email: malformed", ""): (1, None),
        ("needs a reset email: no password delivered", ""): (1, None),
        ("needs a reset email: scheme unknown", ""): (1, None),
        ("needs a reset email: truncated", ""): (2, None),
    }


def test_a_publisher_without_passwords_is_told_so():
    with duck.connect() as connection:
        connection.execute(
            f'CREATE TABLE customers AS SELECT \'HR1\' AS "customer.old_provider_id", NULL::VARCHAR AS "customer.email", NULL::VARCHAR AS "{PASSWORD}", NULL::VARCHAR AS "{SCHEME}"'
        )
        connection.execute("CREATE TABLE scheme_unknown (record BIGINT, customer VARCHAR)")
        report.create(connection, {})
        table = report.counted(connection).table
    assert table[["scheme", "customers", "with_email"]].to_numpy().tolist() == [["no password", 1, 0]]
    assert report.resets(table) == {}
    assert report.sentence(table).startswith(
        "Of the customers with an email address: there are none. Reset emails: none."
    )


@pytest.mark.parametrize("name", report.ORDER)
def test_each_relation_reads_what_it_says_and_only_what_is_made_before_it(name):
    relation = report.FILES[name]
    assert read_by(relation.sql) == set(relation.reads)
    assert set(relation.reads) <= {
        "customers",
        "scheme_unknown",
        "proven_scheme",
        *report.ORDER[: report.ORDER.index(name)],
    }
    assert sorted(report.FILES) == sorted(report.ORDER)


def with_password(number: int, password: str, scheme: str) -> dict[str, str]:
    return reader(number, {PASSWORD: password, SCHEME: scheme})


@pytest.fixture(scope="module")
def migration(tmp_path_factory):
    """Five readers prove MD5 by their emails; one of each other kind, and 120 whose scheme nobody knows, told as one finding."""
    plain = {number: f"open sesame {number}" for number in range(1, 6)}
    rows = [with_password(number, passwords._md5_of(each), "md5") for number, each in plain.items()]
    rows += [
        with_password(6, "U$S$9c47LGZuhR6TvhRQXzymkJIQ3mXthUCc6KDEGTt4B7eOL/H9Ykuy", "Drupal_v8.2.x"),
        with_password(7, WHOLE[:20], "bcrypt"),
        with_password(8, "900150983cd24fb0d6963f7d28e1", "MD5"),
        customer(9),
        customer(10, {PASSWORD: WHOLE[:20], SCHEME: "bcrypt", "customer.email": ""}),
    ]
    rows += [customer(number, {PASSWORD: f"sealed{number}", SCHEME: "rot13"}) for number in range(100, 1100)]
    samples = "email,plain\n" + "".join(
        f"genaro.cassano{number}@example.com,{each}\n" for number, each in plain.items()
    )
    migration = migrate(Delivery(rows, texts={PASSWORD_SAMPLES: samples}), tmp_path_factory.mktemp("home"))
    migration.staged()
    return migration


def test_samples_that_name_delivered_customers_prove_their_scheme(migration):
    asked = [each["message"] for each in migration.findings if each["rule"] == "CUS-PASSWORD-UNPROVEN"]
    assert [message.split("Scheme ")[1].split(":")[0] for message in sorted(asked)] == [BCRYPT, DRUPAL]


def test_a_hash_that_drupal_made_of_an_md5_is_drupal_s(migration):
    assert migration.value(SCHEME, record=5) == DRUPAL
    assert migration.value(PASSWORD, record=5).startswith("U$S$")


def test_who_needs_a_reset_is_told_why(migration):
    steps.going_live(migration.paths)
    with migration.paths.password_resets.open(encoding="utf-8", newline="") as file:
        reasons = {row["customer.old_provider_id"]: row["reason"] for row in csv.DictReader(file)}
    assert {reasons.pop(f"HR{number}") for number in range(100, 1100)} == {"scheme unknown"}
    assert reasons == {"HR7": "truncated", "HR8": "scheme unknown", "HR9": "no password delivered"}


def test_the_going_live_list_shows_the_counts(migration):
    told = {each.item.id: each for each in steps.going_live(migration.paths)}["data-passwords"]
    assert told.state.value == "open"
    assert "MD5 0.5% (proven, 5 samples), Bcrypt 0.1% (not proven, 0 samples), Drupal 0.1%" in told.evidence
    assert "Reset emails: 1 no password delivered, 1,001 scheme unknown, 1 truncated." in told.evidence


def test_passwords_csv_holds_counts_and_nobody(migration):
    steps.going_live(migration.paths)
    text = migration.paths.passwords.read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join(report.COLUMNS)
    assert "passwords by scheme,MD5,5,5,0.005,,5,True" in text
    for secret in ("HR", "@", "$", "sealed", "sesame"):
        assert secret not in text


def test_passwords_are_told_of_a_judgement_that_counted_samples(migration):
    kept = migration.paths.proven_passwords.read_bytes()
    migration.paths.proven_passwords.unlink()
    try:
        with pytest.raises(RefusedError, match="was judged before samples were counted: run"):
            steps.going_live(migration.paths)
    finally:
        migration.paths.proven_passwords.write_bytes(kept)
