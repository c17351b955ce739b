"""Passwords: whether a publisher's samples prove that a scheme is understood.

No password and no hash leaves this module: it gives schemes and counts.
"""

from __future__ import annotations

import base64
import csv
import dataclasses
import hashlib
import hmac
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, permutations
from pathlib import Path

import bcrypt
import duckdb

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.spec.kinds import BCRYPT, DRUPAL, HASH_FORMS, HASH_SHAPES, MD5, PLAIN_TEXT, WORDPRESS
from pelcro_pipeline.workspace.intake import PASSWORD_SAMPLES, own_file

#: "A minimum of 5 password examples (hashes and their equivalent plain text)."
ENOUGH = 5

_PHPASS_LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: bcrypt reads no further, and its library refuses what PHP cuts off.
_BCRYPT_BYTES = 72
#: Each step doubles the time, 14 take a second: the 31 that a hash can ask for take a day.
_BCRYPT_COSTLIEST = 14
#: Each step doubles the time here too, 20 take a second; and each round hashes the plain text anew, of which Drupal takes no more.
_PHPASS_MOST_ROUNDS = 1 << 20
_PHPASS_BYTES = 512
#: A digest with its salt is no longer.
_MD5_LONGEST = 512
#: So that verifying them ends, whatever the hashes ask for.
_MOST = 100
#: What PHP's trim takes off, which WordPress calls.
_PHP_BLANKS = " \t\n\r\0\v"

#: What a header may call the columns.
_HEADINGS = {
    "hash": "hash",
    "customer.password": "hash",
    "plain": "plain",
    "plain text": "plain",
    "plaintext": "plain",
    "password": "plain",
    "email": "email",
    "customer.email": "email",
    "id": "id",
    "customer.old provider id": "id",
    "salt": "salt",
    "pepper": "pepper",
}
#: By what a sample may name the customer whose delivered hash it is of: SQL of it, over the converted customers.
_NAMED_BY = {"email": 'lower("customer.email")', "id": '"customer.old_provider_id"'}


@dataclass(frozen=True)
class _Sample:
    """A pair; its hash may stand with the customer that is ``name``d by email or id. No secret is in its repr."""

    line: int
    plain: str = field(repr=False)
    hash: str = field(default="", repr=False)
    named_by: str = ""
    name: str = field(default="", repr=False)
    salt: str = field(default="", repr=False)
    pepper: str = field(default="", repr=False)


def proven(folder: Path, connection: duckdb.DuckDBPyConnection | None = None) -> Counter[str]:
    """How many different sample pairs of each scheme verify, in the folder's password_samples.csv.

    Two columns, hash and plain text, or a header that names its columns: the plain text, the hash or else the ``email`` or
    ``id`` of the customer who has it, and the ``salt`` and ``pepper`` where there are any. Customers are looked up in the
    connection's view ``converted_customer``. Raises UnusableInputError for a file that has no such pairs.
    """
    path = folder / PASSWORD_SAMPLES
    if not os.path.lexists(path):
        return Counter()
    given = _looked_up(_read(path), connection)
    pairs = {(each.hash, each.plain, each.salt, each.pepper) for each in given}
    return Counter(scheme for pair in pairs if (scheme := verified(*pair)) is not None)


def _read(path: Path) -> list[_Sample]:
    try:
        with own_file(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            rows = list(islice(((reader.line_num, row) for row in reader if any(row)), _MOST + 1))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableInputError(
            f"{PASSWORD_SAMPLES} is no UTF-8 CSV: deliver two columns, hash and plain text."
        ) from error
    if len(rows) > _MOST:
        raise UnusableInputError(
            f"{PASSWORD_SAMPLES} holds more than {_MOST} lines: five pairs of each scheme are enough."
        )
    columns = [_HEADINGS.get(re.sub("[ _-]+", " ", cell.strip().lower()), "") for cell in rows[0][1]] if rows else []
    if "plain" in columns and {"hash", *_NAMED_BY} & set(columns):
        return [_sample(line, columns, row) for line, row in rows[1:]]
    if any(len(row) != 2 for _, row in rows):
        raise UnusableInputError(
            f"{PASSWORD_SAMPLES} needs two columns in every line: hash and plain text. Where it has others, name them in its first "
            "line: hash, email or id; plain text; salt and pepper where there are any."
        )
    return [_Sample(line, plain, hash_.strip()) for line, (hash_, plain) in rows]


def _sample(line: int, columns: Sequence[str], row: Sequence[str]) -> _Sample:
    """The sample of a line under a header."""
    at = f"{PASSWORD_SAMPLES} line {line}"
    if len(row) != len(columns):
        raise UnusableInputError(
            f"{at} has {len(row)} cells under {len(columns)} headings: put quotation marks around a cell that holds a comma."
        )
    cells = dict(zip(columns, row, strict=True))
    if not cells["plain"]:
        raise UnusableInputError(f"{at} has no plain text: fill it in, or take the line out.")
    own = _Sample(line, cells["plain"], salt=cells.get("salt", ""), pepper=cells.get("pepper", ""))
    if hash_ := cells.get("hash", "").strip():
        return dataclasses.replace(own, hash=hash_)
    for by in _NAMED_BY:
        if name := cells.get(by, "").strip():
            return dataclasses.replace(own, named_by=by, name=name.lower() if by == "email" else name)
    raise UnusableInputError(f"{at} has no hash and names no customer: fill in one of them, or take the line out.")


def _looked_up(samples: Iterable[_Sample], connection: duckdb.DuckDBPyConnection | None) -> Iterator[_Sample]:
    """The samples, each with its hash."""
    samples = list(samples)
    delivered = {
        by: _delivered_hashes(connection, by, [each.name for each in samples if each.named_by == by])
        for by in _NAMED_BY
    }
    for each in samples:
        if not each.named_by:
            yield each
            continue
        hashes = delivered[each.named_by].get(each.name)
        at = f"{PASSWORD_SAMPLES} line {each.line}"
        if hashes is None:
            raise UnusableInputError(
                f"{at}: no delivered customer has that {each.named_by}: name one who has a password, or give the hash itself."
            )
        if not hashes:
            raise UnusableInputError(f"{at}: that customer has no delivered password: name one who has.")
        if len(hashes) > 1:
            raise UnusableInputError(
                f"{at}: customers of that {each.named_by} have different passwords: give the hash itself."
            )
        yield dataclasses.replace(each, hash=hashes[0])


def _delivered_hashes(
    connection: duckdb.DuckDBPyConnection | None, by: str, names: Sequence[str]
) -> Mapping[str, list[str]]:
    """The delivered hashes of each customer who is named; none of those who are not there."""
    if connection is None or not names:
        return {}
    found = connection.execute(
        f"""SELECT name, coalesce(list(DISTINCT "customer.password") FILTER ("customer.password" IS NOT NULL), [])
        FROM (SELECT DISTINCT unnest(?) AS name) JOIN converted_customer ON {_NAMED_BY[by]} = name GROUP BY name""",
        [names],
    )
    return dict(found.fetchall())


def verified(hash_: str, plain: str, salt: str = "", pepper: str = "") -> str | None:
    """The scheme under which the plain text gives the hash, or None.

    A pepper, and of MD5 a salt, stands before or behind the plain text; the other schemes have their salt in the hash.
    """
    for scheme, verify in _HASHES.items():
        if any(verify(hash_, each) for each in dict.fromkeys((pepper + plain, plain + pepper))):
            return scheme
    if _md5(hash_, plain, salt, pepper):
        return MD5
    return PLAIN_TEXT if plain and hash_ == plain else None


def _is_whole(scheme: str, hash_: str) -> bool:
    return re.match(HASH_SHAPES[scheme], hash_) is not None and any(
        re.fullmatch(prefix + rest, hash_) for prefix, rest, _ in HASH_FORMS
    )


def _drupal(hash_: str, plain: str) -> bool:
    if not _is_whole(DRUPAL, hash_):
        return False
    if hash_.startswith("U"):
        hash_, plain = hash_[1:], _md5_of(plain)
    return _phpass(hash_, plain, "sha512")[: len(hash_)] == hash_


def _wordpress(hash_: str, plain: str) -> bool:
    if not _is_whole(WORDPRESS, hash_):
        return False
    if hash_.startswith("$wp$"):
        # WordPress 6.8: bcrypt over the HMAC, so that no password is cut.
        digest = hmac.new(b"wp-sha384", plain.strip(_PHP_BLANKS).encode(), hashlib.sha384).digest()
        return _checked(base64.b64encode(digest), hash_.removeprefix("$wp"))
    return _phpass(hash_, plain, "md5") == hash_


def _bcrypt(hash_: str, plain: str) -> bool:
    return _is_whole(BCRYPT, hash_) and _checked(plain.encode()[:_BCRYPT_BYTES], hash_)


def _checked(plain: bytes, hash_: str) -> bool:
    if int(hash_[4:6]) > _BCRYPT_COSTLIEST:
        return False
    try:
        return bcrypt.checkpw(plain, hash_.encode())
    except ValueError:
        # Not all that has its letters and length is a hash: the salt's last letter tells four bits of six.
        return False


def _md5(hash_: str, plain: str, salt: str, pepper: str) -> bool:
    """Whether 32 hex digits of the cell are of the plain text with its salt: what stands beside them, or was told."""
    if len(hash_) > _MD5_LONGEST:
        return False
    for match in re.finditer("(?<![0-9A-Za-z])[0-9a-fA-F]{32}(?![0-9A-Za-z])", hash_):
        beside = {hash_[: max(match.start() - 1, 0)], hash_[match.end() + 1 :]}
        for each in {salt, *beside} - {""} or {""}:
            parts = filter(None, (each, plain, pepper))
            if match[0].lower() in {_md5_of("".join(order)) for order in permutations(parts)}:
                return True
    return False


def _md5_of(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _phpass(hash_: str, plain: str, algorithm: str) -> str:
    """The portable hash of PHP's phpass, by the rounds and salt that a stored hash begins with."""
    rounds, salt = 1 << _PHPASS_LETTERS.index(hash_[3]), hash_[4:12]
    password = plain.encode()
    if rounds > _PHPASS_MOST_ROUNDS or len(password) > _PHPASS_BYTES:
        return ""
    digest = hashlib.new(algorithm, salt.encode() + password, usedforsecurity=False).digest()
    for _ in range(rounds):
        digest = hashlib.new(algorithm, digest + password, usedforsecurity=False).digest()
    return hash_[:12] + _encoded(digest)


def _encoded(digest: bytes) -> str:
    """Six bits a letter, least significant first, as phpass writes them."""
    letters = []
    for start in range(0, len(digest), 3):
        group = digest[start : start + 3]
        value = int.from_bytes(group, "little")
        letters += [_PHPASS_LETTERS[value >> (6 * place) & 63] for place in range(len(group) + 1)]
    return "".join(letters)


#: Those whose prefix tells them.
_HASHES = {DRUPAL: _drupal, WORDPRESS: _wordpress, BCRYPT: _bcrypt}
